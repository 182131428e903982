/*
 * Fuzz target: names and contents in a directory of popKey, which foreign scripts write. The first line is a name, the
 * second an mtime from T, the rest the content. What is read names good users only, outlives no clock, and is the
 * same after it was written again.
 */
#include "popkey/format.h"

#define T ((uint64_t)1764356400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct popkey_rules rules = POPKEY_RULES;

static void check_name(const struct popkey_name *name)
{
	struct buffer b = buffer_new(POPKEY_NAME_MAX);
	struct popkey_name again;
	popkey_name_add(&b, &name->ip, name->id);
	must(!buffer_failed(&b) && popkey_name_read(buffer_view(&b), &again));
	must(ip_equal(&name->ip, &again.ip) && view_equal(name->id, again.id));
	buffer_free(&b);
}

static uint64_t check_rows(const struct popkey_file *file)
{
	const uint64_t lasts_ms = file->name.id.length ? rules.session_ms : rules.gate_ms;
	struct popkey_rows rows = popkey_rows_of(file, &rules);
	struct popkey_row row;
	uint64_t count = 0;
	while (popkey_rows_next(&rows, &row)) {
		count++;
		must(!row.user.length || popkey_user_is_good(row.user));
		must(row.since_ms <= file->mtime_ms && row.ends_ms == row.since_ms + lasts_ms);
		must(!popkey_row_is_open(&row, row.ends_ms + 1));
	}
	must(count > 0 && (!file->name.id.length || count == 1));
	return count;
}

/* Written again with one more, nobody is lost, nobody gains. */
static void check_union(const struct popkey_file *file, uint64_t now_ms)
{
	const struct popkey_file ours = {
		.mtime_ms = now_ms, .content = VIEW("hana 1764356400000\n")};
	struct buffer b = buffer_new(2 * POPKEY_CONTENT_MAX);
	struct buffer c = buffer_new(2 * POPKEY_CONTENT_MAX);
	struct popkey_file all = {.mtime_ms = popkey_union(&b, &ours, file, &rules, now_ms)};
	all.content = buffer_view(&b);
	must(!buffer_failed(&b) && check_rows(&all) <= POPKEY_USERS_MAX);
	must(popkey_has(&all, file, &rules, now_ms) && popkey_has(&all, &ours, &rules, now_ms));
	struct popkey_file rest = {
		.mtime_ms = popkey_without(&c, &all, VIEW("hana"), &rules, now_ms)};
	rest.content = buffer_view(&c);
	must(popkey_has(&all, &rest, &rules, now_ms));
	buffer_free(&b);
	buffer_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view name, mtime, rest;
	struct popkey_file file = {.mtime_ms = T};
	uint64_t after_ms = 0;
	view_split(view_of(data, size), '\n', &name, &rest);
	view_split(rest, '\n', &mtime, &file.content);
	if (!popkey_name_read(name, &file.name))
		return 0;
	if (view_to_u64(mtime, 1u << 20, &after_ms))
		file.mtime_ms = T + after_ms;
	check_name(&file.name);
	check_rows(&file);
	file.name.id = VIEW_NONE;
	if (check_rows(&file) < POPKEY_USERS_MAX)
		check_union(&file, T + 10000);
	return 0;
}
