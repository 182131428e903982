#include "keepers/gate/files_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "mail/gate_open.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_OCTETS 65536u

uint64_t files_wall_ms(void)
{
	const int64_t now = clock_wall_ms();
	return now > 0 ? (uint64_t)now : 0;
}

/* --- rows of the picture ------------------------------------------------------------------ */

void files_row_key(struct buffer *key, const struct ip *address, struct view user, struct view name)
{
	gate_open_key(key, address, user, VIEW_NONE);
	buffer_add(key, name);
}

/* As everybody else has it: behind the '/' stands the session, not the file. */
void files_public_key(struct buffer *key, struct view row_key)
{
	struct view plain;
	struct view id;
	const size_t group = gate_open_group(row_key);
	(void)view_split(view_from(row_key, group), '+', &plain, &id);
	buffer_add(key, view_first(row_key, group));
	buffer_add(key, id);
}

void files_row_written(void *context, const struct gate_row *row)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	struct gate_row public = *row;
	(void)context;
	files_public_key(&key, row->key);
	public.key = buffer_view(&key);
	openings_written(&public);
	buffer_free(&key);
}

void files_row_removed(void *context, const struct gate_row *row, enum gate_end why)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	struct gate_row public = *row;
	(void)context;
	files_public_key(&key, row->key);
	public.key = buffer_view(&key);
	openings_removed(&public, why);
	buffer_free(&key);
}

static void put_row(struct files *f, struct view key, const struct popkey_row *row, bool is_again)
{
	const uint64_t now_ms = files_wall_ms();
	struct gate_row stands;
	struct buffer facts = buffer_new(64);
	text_add(&facts, "by=file since={}", text_number(row->since_ms / 1000));
	const bool found = gate_table_look_up(f->rows, now_ms, key, &stands) == ERROR_NONE;
	const struct gate_write write = {.key = key,
		.facts = buffer_view(&facts),
		.lifetime_ms = row->ends_ms - now_ms,
		.durable = true};
	/* somebody who is in the file twice is open for as long as the later one says */
	const bool stays = found && (is_again ? stands.ends_ms >= row->ends_ms
					      : stands.ends_ms == row->ends_ms &&
							    view_equal(stands.facts, write.facts));
	if (!stays)
		(void)!gate_table_open(f->rows, now_ms, &write, &stands);
	buffer_free(&facts);
}

static bool has_line(struct view lines, struct view wanted)
{
	struct view line;
	while (lines.length) {
		view_split(lines, '\n', &line, &lines);
		if (view_equal(line, wanted))
			return true;
	}
	return false;
}

/* Those who were in the file and are not any more. */
static void close_others(
	struct files *f, const struct ip *address, struct view name, struct view users)
{
	struct gate_row before;
	struct buffer were = buffer_new(GATE_FACTS_MAX);
	struct buffer key = buffer_new(GATE_KEY_MAX);
	if (gate_table_look_up(f->names, files_wall_ms(), name, &before) == ERROR_NONE)
		buffer_add(&were, before.facts);
	struct view left = buffer_view(&were);
	while (left.length) {
		struct view user;
		view_split(left, '\n', &user, &left);
		if (has_line(users, user))
			continue;
		buffer_clear(&key);
		files_row_key(&key, address, user, name);
		(void)!gate_table_close(f->rows, files_wall_ms(), buffer_view(&key), VIEW_NONE);
	}
	buffer_free(&were);
	buffer_free(&key);
}

/* Takes in one file; all of its rows that do not fit a row of the table are closed. */
static void take_rows(struct files *f, const struct ip *address, struct view name,
	const struct popkey_file *file, struct buffer *users)
{
	struct popkey_rows rows = popkey_rows_of(file, &f->rules);
	struct popkey_row row;
	struct buffer key = buffer_new(GATE_KEY_MAX);
	while (popkey_rows_next(&rows, &row)) {
		if (!popkey_row_is_open(&row, files_wall_ms()) ||
			row.user.length > GATE_OPEN_USER_MAX)
			continue;
		const bool is_again = has_line(buffer_view(users), row.user);
		if (!is_again && buffer_left(users) < row.user.length + 1)
			break;
		if (!is_again) {
			buffer_add(users, row.user);
			buffer_add_octet(users, '\n');
		}
		buffer_clear(&key);
		files_row_key(&key, address, row.user, name);
		put_row(f, buffer_view(&key), &row, is_again);
	}
	buffer_free(&key);
}

static void take_file(struct files *f, struct view name, const struct popkey_file *file)
{
	struct popkey_name read;
	if (!popkey_name_read(name, &read))
		return; /* somebody else's */
	const struct ip address = popkey_neighbour(&read.ip, &f->rules);
	struct buffer users = buffer_new(GATE_FACTS_MAX);
	struct gate_row unused;
	if (file)
		take_rows(f, &address, name, file, &users);
	close_others(f, &address, name, buffer_view(&users));
	const struct gate_write write = {.key = name,
		.facts = buffer_view(&users),
		.lifetime_ms = f->rules.session_ms + f->rules.gate_ms + POPKEY_AHEAD_MS};
	if (users.length)
		(void)!gate_table_open(f->names, files_wall_ms(), &write, &unused);
	else
		(void)!gate_table_close(f->names, files_wall_ms(), name, VIEW_NONE);
	buffer_free(&users);
}

static void take_name(struct files *f, struct view name)
{
	struct popkey_file file;
	buffer_clear(&f->content);
	const enum error error = popkey_read(f->directory, name, &f->content, &file);
	take_file(f, name, error ? NULL : &file);
}

/* --- the directory as a whole ------------------------------------------------------------- */

static void note_name(void *context, const struct gate_row *row)
{
	struct buffer *names = context;
	buffer_add_octet(names, (uint8_t)row->key.length);
	buffer_add(names, row->key);
}

/* What we know of is looked at, gone or not; then what we do not know of. */
void files_scan(struct files *f)
{
	struct popkey_walk walk;
	struct popkey_file file;
	struct buffer names = buffer_new((size_t)256 << 20);
	f->scans++;
	f->has_lost_count = false;
	gate_table_each(f->names, files_wall_ms(), note_name, &names);
	struct cursor c = cursor_of(buffer_view(&names));
	while (cursor_left(&c))
		take_name(f, cursor_take(&c, cursor_u8(&c)));
	buffer_free(&names);
	const enum error error = popkey_walk_begin(&walk, f->directory, NULL, &f->rules);
	while (!error && popkey_walk_next(&walk, &file))
		take_file(f, view_text(walk.name), &file);
	if (!error)
		popkey_walk_end(&walk);
	else
		log_error("the directory of the gate cannot be read", fact_error(error));
}

static struct view until_nul(struct view v)
{
	const size_t end = view_find(v, 0);
	return end == VIEW_NOT_FOUND ? v : view_first(v, end);
}

static void lose(struct files *f)
{
	if (!f->is_gone)
		log_error(
			"the directory of the gate is gone: nobody is open until the server starts "
			"again");
	f->is_gone = true;
}

/* Removed, it lives on as long as we hold it open, without a name, and the kernel tells nothing. */
static bool is_removed(const struct files *f)
{
	struct stat st;
	return fstat(f->directory, &st) != 0 || st.st_nlink == 0;
}

/* `last`: the name before, of the same portion: it was read when all of this had happened. */
static void take_event(struct files *f, struct cursor *c, struct view *last)
{
	cursor_u32(c); /* the watch: there is one */
	const uint32_t mask = cursor_u32(c);
	cursor_u32(c);
	const struct view name = until_nul(cursor_take(c, cursor_u32(c)));
	f->events++;
	f->has_lost_count |= (mask & IN_Q_OVERFLOW) != 0;
	if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		lose(f);
	if (name.length && !view_equal(name, *last))
		take_name(f, name);
	*last = name;
}

void files_take_events(struct files *f)
{
	static uint8_t octets[EVENTS_OCTETS];
	ssize_t n;
	while ((n = read(f->notices, octets, sizeof octets)) > 0) {
		struct cursor c = cursor_of(view_of(octets, (size_t)n));
		struct view last = VIEW_NONE;
		while (cursor_left(&c) && !cursor_failed(&c))
			take_event(f, &c, &last);
	}
	if (is_removed(f))
		lose(f);
	const uint64_t now_ms = files_wall_ms();
	/* the clock was set back: what was to end soon would end late */
	f->has_lost_count |= now_ms + POPKEY_AHEAD_MS < f->seen_ms;
	f->seen_ms = now_ms;
	if (f->has_lost_count)
		files_scan(f);
}
