/*
 * Fuzz target: a whole configuration directory. The input is a number of files: a line with the
 * name, the text, and a line that is "%%". It is read, checked, printed, encoded and decoded; what
 * is read without an error must make a snapshot.
 */
#include "config/check.h"
#include "config/explain.h"
#include "config/snapshot.h"

#define FILES_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	struct config_file files[FILES_MAX];
	struct view texts[FILES_MAX];
	size_t count;
};

static enum error read_file(void *context, struct view name, struct buffer *out)
{
	const struct memory *m = context;
	for (size_t i = 0; i < m->count; i++)
		if (view_equal(m->files[i].name, name)) {
			buffer_add(out, m->texts[i]);
			break;
		}
	return buffer_failed(out) ? ERROR_LIMIT : ERROR_NONE;
}

static void split_files(struct view all, struct memory *m)
{
	while (!view_is_empty(all) && m->count < FILES_MAX) {
		struct view name;
		(void)view_split(all, '\n', &name, &all);
		const size_t end = view_search(all, VIEW("%%\n"));
		m->files[m->count] = (struct config_file){name, 0600, true};
		m->texts[m->count++] = view_first(all, end);
		all = end == VIEW_NOT_FOUND ? VIEW_NONE : view_from(all, end + 3);
	}
}

static void use(struct memory *m, struct arena *a)
{
	const struct config_files files = {m->files, m->count, read_file, m};
	const struct config_facts facts = {VIEW("mail.example.test"), VIEW_NONE};
	struct findings findings = findings_new(a);
	struct config config;
	if (!config_read(&files, &facts, a, &findings, &config) ||
		!config_check(&config, &findings))
		return;
	struct buffer out = buffer_new(64 << 20);
	explain_text(&out, &config, &findings);
	explain_json(&out, &config, &findings);
	must(buffer_failed(&out) || view_is_utf8(buffer_view(&out)));
	buffer_clear(&out);
	snapshot_encode(&config, SNAPSHOT_ALL, 1, &out);
	struct snapshot *s = snapshot_decode(buffer_view(&out), NULL, NULL);
	must(s || findings_have_error(&findings));
	snapshot_drop(&s);
	buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.count = 0};
	struct arena a = arena_new(64 << 20);
	split_files(view_of(data, size), &m);
	use(&m, &a);
	arena_reset(&a);
	return 0;
}
