#include "popkey/format.h"

#include "base/text.h"
#include "mail/gate_open.h"

#include <stdlib.h>

#define MS_MAX ((uint64_t)1 << 53)

static bool is_id(int octet)
{
	return octet_is_alnum(octet) || octet == '.' || octet == '_' || octet == '-';
}

bool popkey_id_is_good(struct view id)
{
	for (size_t i = 0; i < id.length; i++)
		if (!is_id(id.at[i]))
			return false;
	return id.length > 0 && id.length <= POPKEY_ID_MAX;
}

bool popkey_name_read(struct view name, struct popkey_name *name_out)
{
	struct view address;
	const bool has_id = view_split(name, '+', &address, &name_out->id);
	return (!has_id || popkey_id_is_good(name_out->id)) && ip_parse(address, &name_out->ip);
}

void popkey_name_add(struct buffer *b, const struct ip *ip, struct view id)
{
	ip_add(b, ip);
	if (id.length) {
		buffer_add_octet(b, '+');
		buffer_add(b, id);
	}
}

bool popkey_user_is_good(struct view user)
{
	for (size_t i = 0; i < user.length; i++)
		if (user.at[i] <= ' ' || user.at[i] == 0x7f || user.at[i] == '/')
			return false;
	return user.length > 0 && user.length <= POPKEY_USER_MAX && view_is_utf8(user);
}

struct ip popkey_neighbour(const struct ip *ip, const struct popkey_rules *rules)
{
	return gate_open_neighbour(ip, rules->ipv6_prefix);
}

/* --- rows --------------------------------------------------------------------------------- */

bool popkey_row_is_open(const struct popkey_row *row, uint64_t now_ms)
{
	return row->since_ms <= now_ms + POPKEY_AHEAD_MS && now_ms <= row->ends_ms;
}

static bool read_line(struct view line, uint64_t mtime_ms, struct popkey_row *row)
{
	const size_t space = view_find_last(line, ' ');
	row->user = view_first(line, space);
	row->since_ms = mtime_ms;
	if (space != VIEW_NOT_FOUND &&
		!view_to_u64(view_from(line, space + 1), MS_MAX, &row->since_ms))
		return false;
	if (row->since_ms > mtime_ms)
		row->since_ms = mtime_ms;
	return popkey_user_is_good(row->user) || (space == 0);
}

/* Its last line may lack its end: it was cut, and says less than was meant. */
static bool next_line(struct popkey_rows *r, struct popkey_row *row)
{
	while (cursor_left(&r->lines)) {
		const struct view line = cursor_until(&r->lines, '\n');
		if (cursor_failed(&r->lines))
			return false;
		if (read_line(line, r->file->mtime_ms, row))
			return true;
	}
	return false;
}

struct popkey_rows popkey_rows_of(const struct popkey_file *file, const struct popkey_rules *rules)
{
	return (struct popkey_rows){
		.file = file, .rules = rules, .lines = cursor_of(file->content)};
}

/* One session is one user's, and its clock is the file's. */
static void session_row(struct popkey_rows *r, struct popkey_row *row)
{
	r->is_over = true;
	if (!next_line(r, row))
		row->user = VIEW_NONE;
	row->since_ms = r->file->mtime_ms;
	row->ends_ms = row->since_ms + r->rules->session_ms;
}

bool popkey_rows_next(struct popkey_rows *r, struct popkey_row *row)
{
	if (r->is_over)
		return false;
	if (r->file->name.id.length) {
		session_row(r, row);
		return true;
	}
	if (!next_line(r, row)) {
		r->is_over = true;
		if (r->newest_ms >= r->file->mtime_ms && r->newest_ms)
			return false;
		/* empty, or touched by somebody who knows of no content */
		*row = (struct popkey_row){.since_ms = r->file->mtime_ms};
	}
	if (row->since_ms > r->newest_ms)
		r->newest_ms = row->since_ms;
	row->ends_ms = row->since_ms + r->rules->gate_ms;
	return true;
}

/* --- writing ------------------------------------------------------------------------------ */

void popkey_line_add(struct buffer *b, struct view user, uint64_t since_ms)
{
	text_add(b, "{} {}\n", text_raw(user), text_number(since_ms));
}

static uint64_t latest_of(const struct popkey_file *file, struct view user,
	const struct popkey_rules *rules, uint64_t now_ms)
{
	if (!file)
		return 0;
	struct popkey_rows rows = popkey_rows_of(file, rules);
	struct popkey_row row;
	uint64_t latest_ms = 0;
	while (popkey_rows_next(&rows, &row))
		if (view_equal(row.user, user) && popkey_row_is_open(&row, now_ms) &&
			row.since_ms > latest_ms)
			latest_ms = row.since_ms;
	return latest_ms;
}

bool popkey_has(const struct popkey_file *file, const struct popkey_file *other,
	const struct popkey_rules *rules, uint64_t now_ms)
{
	struct popkey_rows rows = popkey_rows_of(other, rules);
	struct popkey_row row;
	while (popkey_rows_next(&rows, &row))
		if (popkey_row_is_open(&row, now_ms) &&
			latest_of(file, row.user, rules, now_ms) < row.since_ms)
			return false;
	return true;
}

struct found {
	struct popkey_row row;
	size_t order; /* of two that are as new, who was found first */
};

struct found_rows {
	struct found *list;
	size_t count;
	size_t room;
};

static void keep(struct found_rows *f, const struct popkey_row *row)
{
	if (f->count == f->room) {
		const size_t room = f->room ? 2 * f->room : 64;
		f->list = memory_resize(f->list, f->room, room, sizeof *f->list);
		f->room = room;
	}
	f->list[f->count] = (struct found){*row, f->count};
	f->count++;
}

static int newer_first(const void *a, const void *b)
{
	const struct found *one = a;
	const struct found *other = b;
	if (one->row.since_ms != other->row.since_ms)
		return one->row.since_ms > other->row.since_ms ? -1 : 1;
	return one->order < other->order ? -1 : one->order > other->order;
}

/* Returns the time of the newest; 0: nobody was found. */
static uint64_t write_newest(struct buffer *b, struct found_rows *f)
{
	if (f->count)
		qsort(f->list, f->count, sizeof *f->list, newer_first);
	const uint64_t newest_ms = f->count ? f->list[0].row.since_ms : 0;
	for (size_t i = 0; i < f->count && i < POPKEY_USERS_MAX; i++)
		popkey_line_add(b, f->list[i].row.user, f->list[i].row.since_ms);
	memory_free(f->list);
	return newest_ms;
}

/* Those of `file` who are not in `other` for longer, nor, without `or_equal`, for as long. */
static void keep_rows(struct found_rows *f, const struct popkey_file *file,
	const struct popkey_file *other, bool or_equal, const struct popkey_rules *rules,
	uint64_t now_ms)
{
	struct popkey_rows rows = popkey_rows_of(file, rules);
	struct popkey_row row;
	while (popkey_rows_next(&rows, &row)) {
		if (!popkey_row_is_open(&row, now_ms))
			continue;
		const uint64_t latest_ms = latest_of(other, row.user, rules, now_ms);
		if (latest_ms < row.since_ms || (or_equal && latest_ms == row.since_ms))
			keep(f, &row);
	}
}

uint64_t popkey_union(struct buffer *b, const struct popkey_file *first,
	const struct popkey_file *second, const struct popkey_rules *rules, uint64_t now_ms)
{
	struct found_rows found = {.list = NULL};
	keep_rows(&found, first, second, false, rules, now_ms);
	if (second)
		keep_rows(&found, second, first, true, rules, now_ms);
	return write_newest(b, &found);
}

uint64_t popkey_without(struct buffer *b, const struct popkey_file *file, struct view user,
	const struct popkey_rules *rules, uint64_t now_ms)
{
	struct found_rows found = {.list = NULL};
	struct popkey_rows rows = popkey_rows_of(file, rules);
	struct popkey_row row;
	while (popkey_rows_next(&rows, &row))
		if (popkey_row_is_open(&row, now_ms) && !view_equal(row.user, user))
			keep(&found, &row);
	return write_newest(b, &found);
}
