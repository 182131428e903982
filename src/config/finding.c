#include "config/finding.h"

#define SENTENCE_MAX 4096

const char *finding_level_name(enum finding_level level)
{
	switch (level) {
	case FINDING_NOTE:
		return "note";
	case FINDING_WARNING:
		return "warning";
	case FINDING_ERROR:
		return "error";
	}
	return "unknown";
}

struct findings findings_new(struct arena *a)
{
	return (struct findings){.arena = a};
}

static void append(struct findings *f, struct finding *finding)
{
	if (f->last)
		f->last->next = finding;
	else
		f->first = finding;
	f->last = finding;
	f->count++;
}

void findings_add_args(struct findings *f, enum finding_level level, struct view file,
	uint32_t line, const char *remedy, const char *format, const struct text_arg *args)
{
	f->levels[level]++;
	if (f->count >= FINDINGS_MAX)
		return;
	struct finding *finding = arena_get(f->arena, sizeof *finding);
	struct buffer text = buffer_new(SENTENCE_MAX);
	text_add_args(&text, format, args);
	if (finding) {
		*finding =
			(struct finding){.level = level, .line = line, .remedy = view_text(remedy)};
		/* At the arena's cap the words may be lost, never the fact. */
		const bool kept = arena_copy(f->arena, file, &finding->file) &&
				  arena_copy(f->arena, buffer_view(&text), &finding->text);
		if (!kept || view_is_empty(finding->text))
			finding->text =
				VIEW("something is wrong here, with too long a name to say");
		append(f, finding);
	}
	buffer_free(&text);
}

bool findings_have_error(const struct findings *f)
{
	return f->levels[FINDING_ERROR] > 0;
}

void finding_add(struct buffer *b, const struct finding *finding)
{
	if (!view_is_empty(finding->file))
		text_add(b, "{}:", text_view(finding->file));
	if (finding->line)
		text_add(b, "{}:", text_number(finding->line));
	if (!view_is_empty(finding->file))
		buffer_add_octet(b, ' ');
	text_add(b, "{}: {}", text_string(finding_level_name(finding->level)),
		text_raw(finding->text));
	if (!view_is_empty(finding->remedy))
		text_add(b, "; {}", text_raw(finding->remedy));
	buffer_add_octet(b, '\n');
}
