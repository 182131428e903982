#include "keepers/gate/files_parts.h"

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "keepers/gate/kinds.h"
#include "mail/gate_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TICK_MS 1000u
#define TICK_ROWS 10000u
#define CLEAN_MS 30000u /* what is over leaves the directory this often; nothing depends on it */
#define CHANGES                                                                             \
	(IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | \
		IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static struct files *of(struct gate_live *live)
{
	return (struct files *)live; /* `head` is first */
}

/* --- time ------------------------------------------------------------------------------------ */

static void on_ready(void *context, unsigned what)
{
	(void)what;
	files_take_events(context);
}

static void on_tick(void *context)
{
	struct files *f = context;
	const uint64_t now_ms = loop_now_ms(f->loop);
	files_take_events(f);
	gate_table_expire(f->rows, files_wall_ms(), TICK_ROWS);
	gate_table_expire(f->names, files_wall_ms(), TICK_ROWS);
	if (now_ms - f->cleaned_ms >= CLEAN_MS) {
		f->cleaned_ms = now_ms;
		popkey_expire(f->directory, files_wall_ms(), &f->rules, NULL);
	}
	timer_set(f->tick, TICK_MS);
}

/* --- operations --------------------------------------------------------------------------- */

/* The moment at which a file must have been written to be open for `lifetime_ms` yet, and no longer than its clock
 * says. */
static uint64_t written_ms(uint64_t clock_ms, uint64_t lifetime_ms)
{
	return files_wall_ms() - (lifetime_ms < clock_ms ? clock_ms - lifetime_ms : 0);
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

static enum error look_up(struct files *f, const struct ip *address, struct view user,
	struct view id, struct gate_row *row)
{
	struct buffer name = buffer_new(POPKEY_NAME_MAX);
	struct buffer key = buffer_new(GATE_KEY_MAX);
	if (id.length)
		popkey_name_add(&name, address, id);
	files_row_key(&key, address, user, buffer_view(&name));
	const enum error error =
		gate_table_look_up(f->rows, files_wall_ms(), buffer_view(&key), row);
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
		error = popkey_close_user(f->directory, &address, user, files_wall_ms(), &f->rules);
	else if (op->code != GATE_LOOKUP)
		return ERROR_PROTOCOL;
	files_take_events(f);
	if (error || op->code == GATE_CLOSE)
		return error ? error : ERROR_MISSING;
	return f->is_gone ? ERROR_IO : look_up(f, &address, user, id, row);
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
	files_public_key(&p->key, row->key);
	public.key = buffer_view(&p->key);
	if (view_starts(public.key, p->walk->prefix))
		p->walk->row(p->walk, &public);
}

static void walk(struct gate_live *live, struct gate_walk *at)
{
	struct files *f = of(live);
	struct page page = {.walk = at, .key = buffer_new(GATE_KEY_MAX)};
	uint64_t after = at->after;
	files_take_events(f);
	const bool more =
		gate_table_walk(f->rows, files_wall_ms(), &after, at->rows, page_row, &page);
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

/* Of what another host writes there nobody is told: what was closed would stay open. */
int files_watch(int directory)
{
	if (!popkey_is_of_this_host(directory)) {
		errno = EREMOTE;
		return -1;
	}
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
	files_scan(f);
}

struct gate_live *files_new(struct gated *g, struct loop *loop, int directory, int notices,
	const struct popkey_rules *rules)
{
	static const struct gate_live_ops ops = {takes, ask, walk, status, close_live};
	static const struct gate_observer observer = {files_row_written, files_row_removed, NULL};
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
	files_scan(f);
	return &f->head;
}
