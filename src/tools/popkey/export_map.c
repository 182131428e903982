#include "base/clock.h"
#include "base/files.h"
#include "tools/popkey/export.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_OCTETS_MAX ((size_t)128 << 20)
#define MAP_MODE 0644
#define AGAIN_MS 1000u /* a directory that is away; a map that cannot be written */
#define LOOK_MS 60000u
#define SECOND_MS 1000u
#define REBUILD_MAX_MS 30000u
#define TICK_MS 20u /* files are dated by a clock that is behind by less */

/* --- who is open ---------------------------------------------------------------------------- */

/* Everybody who is open; *next_ms: the last open millisecond of whoever goes first. */
static enum error collect(
	struct export *e, uint64_t now_ms, struct access_rows *rows, uint64_t *next_ms)
{
	struct popkey_walk walk;
	struct popkey_file file;
	struct popkey_row row;
	enum error error = popkey_walk_begin(&walk, e->directory, NULL, &e->common.rules);
	while (!error && popkey_walk_next(&walk, &file)) {
		const struct ip neighbour = popkey_neighbour(&file.name.ip, &e->common.rules);
		struct popkey_rows of = popkey_rows_of(&file, &e->common.rules);
		while (!error && popkey_rows_next(&of, &row)) {
			if (!popkey_row_is_open(&row, now_ms))
				continue;
			if (!access_add(rows, &neighbour))
				error = ERROR_LIMIT;
			*next_ms = row.ends_ms < *next_ms ? row.ends_ms : *next_ms;
		}
	}
	popkey_walk_end(&walk);
	access_sort(rows);
	return error;
}

/* --- the map -------------------------------------------------------------------------------- */

/* Who is closed in the file may be open in the other one: it is tried until it is done. */
static void not_rebuilt(struct export *e)
{
	e->has_rebuild_failed = true;
	if (e->settling)
		timer_set(e->settling, AGAIN_MS);
}

/* In a group of its own, so that all of it can be ended. */
static void rebuild(struct export *e)
{
	if (!e->rebuild || e->rebuilding) {
		e->must_rebuild = e->rebuild != NULL;
		return;
	}
	e->must_rebuild = false;
	e->rebuild_began_ms = common_now_ms();
	const pid_t child = fork();
	if (child == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setpgid(0, 0);
		execl("/bin/sh", "sh", "-c", e->rebuild, (char *)NULL);
		_exit(COMMON_NO_PROGRAM);
	}
	if (child < 0) {
		export_trouble(e, e->rebuild, "cannot be started", strerrordesc_np(errno));
		not_rebuilt(e);
		return;
	}
	e->rebuilding = child;
	if (e->patience)
		timer_set(e->patience, REBUILD_MAX_MS);
}

/* Postfix sees that a map has changed by the second of its mtime: what is made anew within one second, twice, is made
 * once more in the next, so that a server that has opened the first of them does not keep it. */
static void rebuilt(struct export *e, int status)
{
	const uint64_t now_ms = common_now_ms();
	if (e->settling && e->rebuild_began_ms / SECOND_MS <= e->rebuilt_ms / SECOND_MS)
		timer_set(e->settling, SECOND_MS + TICK_MS - now_ms % SECOND_MS);
	e->rebuilt_ms = now_ms;
	e->rebuilding = 0;
	if (e->patience)
		timer_stop(e->patience);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		if (!e->has_rebuild_failed)
			say_trouble(
				"{}: it has failed, and is tried again", text_string(e->rebuild));
		not_rebuilt(e);
		return;
	}
	e->has_rebuild_failed = false;
	if (e->must_rebuild)
		rebuild(e);
}

/* While it hangs no other change gets into the file that it makes. */
static void give_up(void *context)
{
	const struct export *e = context;
	if (e->rebuilding)
		kill(-e->rebuilding, SIGKILL);
}

static void settle(void *context)
{
	rebuild(context);
}

static void child_ended(void *context)
{
	struct export *e = context;
	int status;
	if (e->rebuilding && waitpid(e->rebuilding, &status, WNOHANG) == e->rebuilding)
		rebuilt(e, status);
}

static bool is_written(const struct export *e, struct view octets)
{
	return e->is_written && view_equal(octets, buffer_view(&e->written));
}

static void written(struct export *e, struct buffer *octets)
{
	e->is_written = true;
	buffer_move(&e->written, octets);
	rebuild(e);
}

/* Where there is no room for another file, the old one would let people through for ever: nobody is let through then. */
static void empty_map(struct export *e)
{
	struct buffer nothing = buffer_new(1);
	if (truncate(e->map, 0) != 0)
		e->is_written = false;
	else if (!is_written(e, VIEW_NONE))
		written(e, &nothing);
	buffer_free(&nothing);
}

/* A reader sees the old file or the new one, whole. */
static bool write_map(struct export *e, const struct access_rows *rows)
{
	struct buffer anew = buffer_new(MAP_OCTETS_MAX);
	access_write(&anew, rows, e->format, e->common.rules.ipv6_prefix, view_text(e->value));
	bool ok = !buffer_failed(&anew) && is_written(e, buffer_view(&anew));
	if (!ok) {
		const enum error error =
			buffer_failed(&anew)
				? ERROR_LIMIT
				: file_replace(AT_FDCWD, e->map, buffer_view(&anew), MAP_MODE);
		ok = error == ERROR_NONE;
		if (ok) {
			written(e, &anew);
		} else {
			export_trouble(e, e->map, "cannot be written", error_name(error));
			empty_map(e);
		}
	}
	buffer_free(&anew);
	return ok;
}

/* Wakes in the first millisecond that is closed. */
static void sleep_until(struct export *e, uint64_t next_ms, bool is_well)
{
	uint64_t delay_ms = is_well ? LOOK_MS : AGAIN_MS;
	const uint64_t now_ms = common_now_ms();
	if (next_ms != UINT64_MAX) {
		const uint64_t left_ms = next_ms < now_ms ? 0 : next_ms + 1 - now_ms;
		delay_ms = left_ms < delay_ms ? left_ms : delay_ms;
	}
	if (e->wake)
		timer_set(e->wake, delay_ms);
}

bool map_refresh(struct export *e)
{
	struct access_rows rows = {.list = NULL};
	uint64_t next_ms = UINT64_MAX;
	bool ok = true;
	enum error error = ERROR_NONE;
	const bool is_there = directory_look(e);
	if (e->map && e->directory >= 0)
		error = collect(e, common_now_ms(), &rows, &next_ms);
	if (error)
		export_trouble(e, e->common.path, "cannot be read whole", error_name(error));
	else if (is_there)
		e->has_failed = false;
	if (e->map)
		ok = write_map(e, &rows);
	access_free(&rows);
	sleep_until(e, next_ms, ok && is_there);
	return ok;
}

/* Nobody keeps it true any more: nobody is let through. In a second of its own, see `rebuilt`. */
void map_close(struct export *e)
{
	const struct access_rows nobody = {.list = NULL};
	map_finish(e);
	/* two seconds at most, whatever becomes of the clock */
	for (unsigned i = 0;
		e->rebuild && i < 2 * SECOND_MS / TICK_MS &&
		common_now_ms() <= (e->rebuilt_ms / SECOND_MS + 1) * SECOND_MS + TICK_MS;
		i++)
		usleep(TICK_MS * 1000);
	if (e->map && !write_map(e, &nobody))
		say_trouble("{}: it stays as it is", text_string(e->map));
	if (e->has_rebuild_failed)
		rebuild(e);
	if (!map_finish(e))
		say_trouble("{}: what it makes stays as it is", text_string(e->rebuild));
}

bool map_finish(struct export *e)
{
	const uint64_t began_ms = clock_monotonic_ms();
	int status;
	while (e->rebuilding) {
		if (waitpid(e->rebuilding, &status, WNOHANG) == e->rebuilding)
			rebuilt(e, status);
		else
			usleep(TICK_MS * 1000);
		if (clock_monotonic_ms() > began_ms + REBUILD_MAX_MS)
			give_up(e);
	}
	return !e->has_rebuild_failed;
}

/* --- waking --------------------------------------------------------------------------------- */

static void woken(void *context)
{
	map_refresh(context);
}

static void end(void *context)
{
	struct export *e = context;
	loop_stop(e->loop);
}

void map_start(struct export *e)
{
	e->wake = timer_new(e->loop, woken, e);
	e->settling = timer_new(e->loop, settle, e);
	e->patience = timer_new(e->loop, give_up, e);
	loop_signal(e->loop, SIGUSR1, woken, e);
	loop_signal(e->loop, SIGHUP, woken, e);
	loop_signal(e->loop, SIGCHLD, child_ended, e);
	loop_signal(e->loop, SIGTERM, end, e);
	loop_signal(e->loop, SIGINT, end, e);
	map_refresh(e);
}
