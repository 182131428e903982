#include "config/lines.h"

#include "config/settings.h"

const char *lines_problem_text(enum lines_problem problem)
{
	switch (problem) {
	case LINES_OK:
		return "the line is fine";
	case LINES_LONG:
		return "the line is too long";
	case LINES_UTF8:
		return "the line is not UTF-8";
	case LINES_CONTROL:
		return "the line holds a control character";
	}
	return "unknown";
}

struct lines lines_of(struct view text)
{
	return (struct lines){.rest = text};
}

static bool is_blank(int octet)
{
	return octet == ' ' || octet == '\t';
}

/* `#` counts at the start and after a blank, so that a#b stays a word. */
static struct view without_comment(struct view v)
{
	for (size_t i = 0; i < v.length; i++)
		if (v.at[i] == '#' && (i == 0 || is_blank(v.at[i - 1])))
			return view_first(v, i);
	return v;
}

static enum lines_problem problem_of(struct view v)
{
	if (v.length > SETTING_LINE_MAX)
		return LINES_LONG;
	for (size_t i = 0; i < v.length; i++)
		if ((v.at[i] < 0x20 && v.at[i] != '\t') || v.at[i] == 0x7f)
			return LINES_CONTROL;
	return view_is_utf8(v) ? LINES_OK : LINES_UTF8;
}

bool lines_next_raw(struct lines *l, struct line *line_out)
{
	if (view_is_empty(l->rest))
		return false;
	const size_t end = view_find(l->rest, '\n');
	const bool has_end = end != VIEW_NOT_FOUND;
	const struct view whole = view_first(l->rest, has_end ? end + 1 : l->rest.length);
	struct view text = view_first(whole, whole.length - has_end);
	if (view_ends(text, VIEW("\r")))
		text.length--;
	/* At any line: files are put together with cat, and lines are removed from the front. */
	if (view_starts(text, VIEW("\xef\xbb\xbf")))
		text = view_from(text, 3);
	l->rest = view_from(l->rest, whole.length);
	l->number++;
	*line_out = (struct line){.number = l->number,
		.text = view_trim(without_comment(text)),
		.whole = whole,
		.is_indented = is_blank(view_at(text, 0)),
		.problem = problem_of(text)};
	return true;
}

bool lines_next(struct lines *l, struct line *line_out)
{
	while (lines_next_raw(l, line_out))
		if (!view_is_empty(line_out->text) || line_out->problem != LINES_OK)
			return true;
	return false;
}

uint32_t lines_count(struct view text)
{
	uint32_t count = 0;
	struct lines l = lines_of(text);
	while (!view_is_empty(l.rest)) {
		const size_t end = view_find(l.rest, '\n');
		l.rest = end == VIEW_NOT_FOUND ? VIEW_NONE : view_from(l.rest, end + 1);
		if (count < UINT32_MAX)
			count++;
	}
	return count;
}
