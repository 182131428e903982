#include "keepers/gate/files.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "keepers/gate/kinds.h"
#include "mail/gate_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MS 1000u
#define TICK_ROWS 10000u
#define CLEAN_MS 30000u /* what is over leaves the directory this often; nothing depends on it */
#define EVENTS_OCTETS 65536u
#define CHANGES                                                                             \
	(IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | \
		IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct files {
	struct gate_live head;
	struct loop *loop;
	int directory;
	int notices;
	struct watch *watch;
	struct timer *tick;
	struct gate_table *rows; /* "open:ADDR USER/NAME", their ends by the wall clock */
	struct gate_table *names; /* NAME: who is in that file, a line each */
	struct popkey_rules rules;
	struct buffer content; /* of the file that is read */
	uint64_t cleaned_ms;
	uint64_t events;
	uint64_t scans;
	bool is_gone;
	bool has_lost_count;
	enum error failing; /* the last write */
};

static struct files *of(struct gate_live *live)
{
	return (struct files *)live; /* `head` is first */
}

static uint64_t wall_ms(void)
{
	const int64_t now = clock_wall_ms();
	return now > 0 ? (uint64_t)now : 0;
}

/* --- rows of the picture ------------------------------------------------------------------ */

static void add_row_key(
	struct buffer *key, const struct ip *address, struct view user, struct view name)
{
	gate_open_key(key, address, user, VIEW_NONE);
	buffer_add(key, name);
}

/* As everybody else has it: behind the '/' stands the session, not the file. */
static void add_public_key(struct buffer *key, struct view row_key)
{
	struct view plain;
	struct view id;
	const size_t group = gate_open_group(row_key);
	(void)view_split(view_from(row_key, group), '+', &plain, &id);
	buffer_add(key, view_first(row_key, group));
	buffer_add(key, id);
}

static void row_written(void *context, const struct gate_row *row)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	struct gate_row public = *row;
	(void)context;
	add_public_key(&key, row->key);
	public.key = buffer_view(&key);
	openings_written(&public);
	buffer_free(&key);
}

static void row_removed(void *context, const struct gate_row *row, enum gate_end why)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	struct gate_row public = *row;
	(void)context;
	add_public_key(&key, row->key);
	public.key = buffer_view(&key);
	openings_removed(&public, why);
	buffer_free(&key);
}

static void put_row(struct files *f, struct view key, const struct popkey_row *row, bool is_again)
{
	const uint64_t now_ms = wall_ms();
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
	if (gate_table_look_up(f->names, wall_ms(), name, &before) == ERROR_NONE)
		buffer_add(&were, before.facts);
	struct view left = buffer_view(&were);
	while (left.length) {
		struct view user;
		view_split(left, '\n', &user, &left);
		if (has_line(users, user))
			continue;
		buffer_clear(&key);
		add_row_key(&key, address, user, name);
		(void)!gate_table_close(f->rows, wall_ms(), buffer_view(&key), VIEW_NONE);
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
		if (!popkey_row_is_open(&row, wall_ms()) || row.user.length > GATE_OPEN_USER_MAX)
			continue;
		const bool is_again = has_line(buffer_view(users), row.user);
		if (!is_again && buffer_left(users) < row.user.length + 1)
			break;
		if (!is_again) {
			buffer_add(users, row.user);
			buffer_add_octet(users, '\n');
		}
		buffer_clear(&key);
		add_row_key(&key, address, row.user, name);
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
		(void)!gate_table_open(f->names, wall_ms(), &write, &unused);
	else
		(void)!gate_table_close(f->names, wall_ms(), name, VIEW_NONE);
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
static void scan(struct files *f)
{
	struct popkey_walk walk;
	struct popkey_file file;
	struct buffer names = buffer_new((size_t)256 << 20);
	f->scans++;
	f->has_lost_count = false;
	gate_table_each(f->names, wall_ms(), note_name, &names);
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

static void take_events(struct files *f)
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
	if (f->has_lost_count)
		scan(f);
}

static void on_ready(void *context, unsigned what)
{
	(void)what;
	take_events(context);
}

static void on_tick(void *context)
{
	struct files *f = context;
	const uint64_t now_ms = loop_now_ms(f->loop);
	take_events(f);
	gate_table_expire(f->rows, wall_ms(), TICK_ROWS);
	gate_table_expire(f->names, wall_ms(), TICK_ROWS);
	if (now_ms - f->cleaned_ms >= CLEAN_MS) {
		f->cleaned_ms = now_ms;
		(void)!popkey_expire(f->directory, wall_ms(), &f->rules, NULL);
	}
	timer_set(f->tick, TICK_MS);
}

/* --- operations --------------------------------------------------------------------------- */

/* The moment at which a file must have been written to be open for `lifetime_ms` yet, and no longer than its clock
 * says. */
static uint64_t written_ms(uint64_t clock_ms, uint64_t lifetime_ms)
{
	return wall_ms() - (lifetime_ms < clock_ms ? clock_ms - lifetime_ms : 0);
}

static enum error write_file(const struct files *f, const struct gate_op *op,
	const struct ip *address, struct view user, struct view id)
{
	const uint64_t clock_ms = id.length ? f->rules.session_ms : f->rules.gate_ms;
	const uint64_t at_ms = written_ms(clock_ms, op->lifetime_ms);
	if (id.length)
		return popkey_begin(f->directory, address, id, user, at_ms, &f->rules);
	return popkey_end(f->directory, address, VIEW_NONE, user, at_ms, &f->rules);
}

static enum error look_up(struct files *f, const struct gate_op *op, const struct ip *address,
	struct view user, struct view id, struct gate_row *row)
{
	struct buffer name = buffer_new(POPKEY_NAME_MAX);
	struct buffer key = buffer_new(GATE_KEY_MAX);
	if (id.length)
		popkey_name_add(&name, address, id);
	add_row_key(&key, address, user, buffer_view(&name));
	(void)op;
	const enum error error = gate_table_look_up(f->rows, wall_ms(), buffer_view(&key), row);
	buffer_free(&name);
	buffer_free(&key);
	return error;
}

static enum error carry_out(struct files *f, const struct gate_op *op, struct gate_row *row)
{
	struct ip address;
	struct view user;
	struct view id;
	enum error error = ERROR_NONE;
	if (!gate_open_split(op->key, &address, &user, &id) ||
		(id.length && !popkey_id_is_good(id)))
		return ERROR_PROTOCOL;
	if (op->code == GATE_OPEN)
		error = write_file(f, op, &address, user, id);
	else if (op->code == GATE_TOUCH)
		error = popkey_touch(f->directory, &address, id,
			written_ms(id.length ? f->rules.session_ms : f->rules.gate_ms,
				op->lifetime_ms),
			&f->rules);
	else if (op->code == GATE_CLOSE && id.length)
		error = popkey_close(f->directory, &address, id, &f->rules);
	else if (op->code == GATE_CLOSE)
		error = popkey_close_user(f->directory, &address, user, wall_ms(), &f->rules);
	else if (op->code != GATE_LOOKUP)
		return ERROR_PROTOCOL;
	take_events(f);
	if (error || op->code == GATE_CLOSE)
		return error ? error : ERROR_MISSING;
	return f->is_gone ? ERROR_IO : look_up(f, op, &address, user, id, row);
}

static bool ask(struct gate_live *live, const struct gate_op *op, struct gate_ticket ticket,
	struct gate_result *result_out)
{
	struct files *f = of(live);
	struct gate_row row = {0};
	(void)ticket;
	const enum error error = carry_out(f, op, &row);
	const enum error failing =
		error == ERROR_MISSING || error == ERROR_PROTOCOL ? ERROR_NONE : error;
	if (failing && failing != f->failing)
		log_error(
			"the directory of the gate fails: what cannot be written there is not open",
			fact_error(failing));
	f->failing = op->code == GATE_LOOKUP ? f->failing : failing;
	*result_out =
		(struct gate_result){.error = error, .facts = row.facts, .left_ms = row.left_ms};
	return true;
}

struct page {
	struct gate_walk *walk;
	struct buffer key;
};

static void page_row(void *context, const struct gate_row *row)
{
	struct page *p = context;
	struct gate_row public = *row;
	buffer_clear(&p->key);
	add_public_key(&p->key, row->key);
	public.key = buffer_view(&p->key);
	if (view_starts(public.key, p->walk->prefix))
		p->walk->row(p->walk, &public);
}

static void walk(struct gate_live *live, struct gate_walk *at)
{
	struct files *f = of(live);
	struct page page = {.walk = at, .key = buffer_new(GATE_KEY_MAX)};
	uint64_t after = at->after;
	take_events(f);
	const bool more = gate_table_walk(f->rows, wall_ms(), &after, at->rows, page_row, &page);
	buffer_free(&page.key);
	at->end(at, f->is_gone ? ERROR_IO : ERROR_NONE, more ? after : 0);
}

static bool takes(const struct gate_live *live, const struct gate_kind *kind)
{
	(void)live;
	return kind->tails;
}

static void status(const struct gate_live *live, struct buffer *b)
{
	const struct files *f = (const struct files *)live;
	text_add(b, "shared=directory shared_is={} shared_rows={} shared_events={} shared_scans={}",
		text_string(f->is_gone	 ? "down"
			    : f->failing ? "refuses"
					 : "up"),
		text_number(gate_table_counts(f->rows).rows), text_number(f->events),
		text_number(f->scans));
}

static void close_live(struct gate_live *live)
{
	struct files *f = of(live);
	watch_free(&f->watch);
	timer_free(&f->tick);
	gate_table_free(&f->rows);
	gate_table_free(&f->names);
	buffer_free(&f->content);
	close(f->notices);
	close(f->directory);
	memory_free(f);
}

/* --- start -------------------------------------------------------------------------------- */

int files_watch(int directory)
{
	const int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	bool fine = fd >= 0 && fchdir(directory) == 0 && inotify_add_watch(fd, ".", CHANGES) >= 0;
	const int error = errno;
	if (here >= 0) {
		fine = fchdir(here) == 0 && fine;
		close(here);
	}
	if (fine)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

void files_configure(struct gate_live *live, const struct popkey_rules *rules)
{
	struct files *f = of(live);
	f->rules = *rules;
	scan(f);
}

struct gate_live *files_new(struct gated *g, struct loop *loop, int directory, int notices,
	const struct popkey_rules *rules)
{
	static const struct gate_live_ops ops = {takes, ask, walk, status, close_live};
	static const struct gate_observer observer = {row_written, row_removed, NULL};
	const struct gate_seed seed = {random_u64(), random_u64()};
	struct files *f = memory_new(1, sizeof *f);
	*f = (struct files){.head = {&ops, g},
		.loop = loop,
		.directory = directory,
		.notices = notices,
		.rows = gate_table_new(&gate_limits_default, seed, &observer),
		.names = gate_table_new(&gate_limits_default, seed, NULL),
		.rules = *rules,
		.content = buffer_new(POPKEY_CONTENT_MAX)};
	f->is_gone = notices < 0; /* who cannot be told what changes knows nothing */
	if (notices >= 0) {
		f->watch = watch_new(loop, notices, on_ready, f);
		watch_want(f->watch, WATCH_READ);
	}
	f->tick = timer_new(loop, on_tick, f);
	timer_set(f->tick, TICK_MS);
	scan(f);
	return &f->head;
}
