#include "tools/popkey/export.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define SWEEP_MS 60000u
#define SWEEP_FILES 200u /* at a time: who asks meanwhile does not notice */
#define CHANGES                                                                             \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_CLOSE_WRITE | \
		IN_MOVE_SELF)

void export_trouble(struct export *e, const char *about, const char *sentence, const char *why)
{
	if (!e->has_failed)
		say_trouble(
			"{}: {}: {}", text_string(about), text_string(sentence), text_string(why));
	e->has_failed = true;
}

/* --- what changes, for the map ---------------------------------------------------------------- */

static void inotify_ready(void *context, unsigned what)
{
	struct export *e = context;
	static uint8_t room[65536];
	(void)what;
	while (read(e->inotify, room, sizeof room) > 0)
		continue;
	map_refresh(e);
}

static bool is_watched(const struct export *e)
{
	return e->is_once || !e->map || e->inotify_watch;
}

static void watch_directory(struct export *e)
{
	if (e->inotify >= 0)
		close(e->inotify);
	e->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (e->inotify < 0 || inotify_add_watch(e->inotify, e->common.path, CHANGES) < 0) {
		export_trouble(
			e, e->common.path, "changes cannot be watched", strerrordesc_np(errno));
		return;
	}
	e->inotify_watch = watch_new(e->loop, e->inotify, inotify_ready, e);
	watch_want(e->inotify_watch, WATCH_READ);
}

static void reopen(struct export *e)
{
	e->directory = popkey_open(e->common.path);
	if (e->inotify_watch)
		watch_free(&e->inotify_watch);
}

/* --- what is closed goes ---------------------------------------------------------------------- */

static bool sweep_begin(struct export *e)
{
	e->is_sweeping =
		e->directory >= 0 && popkey_sweep_begin(&e->sweeping, e->directory, NULL,
					     common_now_ms(), &e->common.rules) == ERROR_NONE;
	return e->is_sweeping;
}

static void sweep_end(struct export *e)
{
	if (e->is_sweeping)
		popkey_walk_end(&e->sweeping);
	e->is_sweeping = false;
}

/* What cannot be removed is tried again the next time. */
static void sweep(void *context)
{
	struct export *e = context;
	const uint64_t now_ms = common_now_ms();
	uint64_t last_ms;
	enum error error;
	bool more = e->is_sweeping || sweep_begin(e);
	for (unsigned i = 0; i < SWEEP_FILES && more; i++)
		more = popkey_sweep_next(&e->sweeping, now_ms, &last_ms, &error);
	if (!more)
		sweep_end(e);
	timer_set(e->sweep, more ? 1 : SWEEP_MS);
}

/* ---------------------------------------------------------------------------------------------- */

bool directory_look(struct export *e)
{
	if (e->directory >= 0 && popkey_has_moved(e->directory, e->common.path)) {
		sweep_end(e);
		close(e->directory);
		e->directory = -1;
	}
	if (e->directory < 0)
		reopen(e);
	if (e->directory < 0)
		export_trouble(e, e->common.path, "cannot be opened: nobody is let through",
			strerrordesc_np(errno));
	else if (!is_watched(e))
		watch_directory(e);
	return e->directory >= 0 && is_watched(e);
}

void directory_start(struct export *e)
{
	e->sweep = timer_new(e->loop, sweep, e);
	timer_set(e->sweep, 1);
}
