#include "keepers/drop/dropd.h"

#include <sys/inotify.h>
#include <unistd.h>

#define TICK_MS 10000u /* a look at the directory, whatever inotify says */
#define SOON_MS 500u
#define WAIT_FIRST_MS 5000u
#define WAIT_MAX_MS (15u * 60u * 1000u)
#define ARENA_MAX ((size_t)32 << 20)
#define NOTES_ROOM 16384u

static void scan_start(struct dropd *d);
static void go_on(struct dropd *d);

/* --- hands --------------------------------------------------------------------------------- */

static unsigned hands_of(const struct dropd *d, uint32_t uid)
{
	unsigned n = 0;
	for (size_t i = 0; i < HANDS_MAX; i++)
		n += d->hands[i].file && d->hands[i].file->uid == uid;
	return n;
}

static bool is_busy(const struct dropd *d)
{
	for (size_t i = 0; i < HANDS_MAX; i++)
		if (d->hands[i].file)
			return true;
	return false;
}

/* For its file; or, for the report to its owner, with root's rights. */
static void call(struct hand *h)
{
	program_call(
		h->dropd->program, (uint32_t)(h - h->dropd->hands) + 1, h->is_report ? 0 : h->uid);
}

static void let_go(struct hand *h)
{
	if (h->fd >= 0)
		close(h->fd);
	buffer_free(&h->front);
	arena_reset(&h->arena);
	snapshot_drop(&h->snapshot);
	h->file->under_way = false;
	h->file = NULL;
}

static void put_off(struct dropd *d, struct file *f, uint64_t least_ms)
{
	uint64_t wait_ms = (uint64_t)WAIT_FIRST_MS << (f->attempts < 8 ? f->attempts : 8);
	if (wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	if (wait_ms < least_ms)
		wait_ms = least_ms;
	f->attempts++;
	f->due_ms = loop_now_ms(d->program->loop) + wait_ms;
}

static void forget(struct dropd *d, struct file *f)
{
	struct file *last = &d->files[--d->count];
	for (size_t i = 0; i < HANDS_MAX; i++)
		if (d->hands[i].file == last)
			d->hands[i].file = f;
	*f = *last;
}

static void log_hand(const struct hand *h, const char *event)
{
	struct fact facts[8] = {fact_text("file", h->name), fact_number("uid", h->uid)};
	size_t n = 2;
	if (h->user_length)
		facts[n++] = fact_view("user", view_of(h->user, h->user_length));
	if (h->sent)
		facts[n++] = fact_number("recipients", h->sent);
	if (h->why)
		facts[n++] = fact_text("why", h->why);
	if (h->said.length)
		facts[n++] = fact_view("said", h->said);
	log_write(LOG_INFO, event, facts);
}

/* What became of it; the file may be forgotten, and the hand be free. */
static void conclude(struct hand *h)
{
	struct dropd *d = h->dropd;
	struct file *f = h->file;
	const enum hand_outcome outcome = h->outcome;
	if (h->sent && !h->is_report) {
		d->counts.handed_in += h->sent;
		log_hand(h, "mail handed in");
	}
	if (outcome == HAND_REFUSED) {
		h->is_report = true;
		call(h);
		return;
	}
	if (h->is_report && !h->why) {
		d->counts.returned++;
		log_hand(h, "mail refused, its owner is told");
	} else if (outcome == HAND_LATER || outcome == HAND_BAD) {
		log_hand(h, outcome == HAND_BAD ? "file is left alone" : "mail waits");
	}
	let_go(h);
	if (outcome == HAND_DONE)
		forget(d, f);
	else if (outcome == HAND_AGAIN)
		f->due_ms = 0;
	else
		put_off(d, f, outcome == HAND_BAD ? WAIT_MAX_MS : 0);
}

static void work(void *context)
{
	struct hand *h = context;
	if (h->is_report)
		report_to_owner(h);
	else
		hand_over(h);
}

static void worked(void *context)
{
	struct hand *h = context;
	struct dropd *d = h->dropd;
	close(h->socket);
	h->socket = -1;
	conclude(h);
	go_on(d);
}

void dropd_called(struct dropd *d, uint32_t stream, struct view name, int fd)
{
	struct hand *h = stream >= 1 && stream <= HANDS_MAX ? &d->hands[stream - 1] : NULL;
	if (!h || !h->file || h->socket >= 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (!h->is_report && view_copy(name, h->user, sizeof h->user))
		h->user_length = name.length;
	h->socket = fd;
	const struct job job = {.work = work, .done = worked, .context = h};
	if (fd >= 0 && workers_submit(d->pool, &job) == ERROR_NONE)
		return;
	if (fd >= 0)
		close(fd);
	h->outcome = HAND_LATER;
	h->why = "smtpd cannot be called";
	conclude(h);
	go_on(d);
}

static void take(struct dropd *d, struct hand *h, struct file *f)
{
	*h = (struct hand){.dropd = d,
		.file = f,
		.directory = d->directory,
		.socket = -1,
		.fd = -1,
		.uid = f->uid,
		.snapshot = snapshot_hold(d->snapshot),
		.arena = arena_new(ARENA_MAX),
		.front = buffer_new(DROPPED_HEAD_MAX)};
	must(view_to_text(view_text(f->name), h->name, sizeof h->name));
	f->under_way = true;
	call(h);
}

static struct file *next_due(struct dropd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	for (size_t i = 0; i < d->count; i++) {
		const size_t at = (d->turn + i) % d->count;
		struct file *f = &d->files[at];
		if (f->under_way || f->due_ms > now_ms || hands_of(d, f->uid) >= OWNER_HANDS_MAX)
			continue;
		d->turn = at + 1;
		return f;
	}
	return NULL;
}

static void go_on(struct dropd *d)
{
	for (size_t i = 0; i < HANDS_MAX && !d->program->draining; i++) {
		struct file *f = d->hands[i].file ? NULL : next_due(d);
		if (f)
			take(d, &d->hands[i], f);
	}
	if (d->program->draining && !is_busy(d))
		program_drained(d->program);
}

/* --- the directory ------------------------------------------------------------------------- */

static struct file *find(struct dropd *d, const char *name)
{
	for (size_t i = 0; i < d->count; i++)
		if (view_equal(view_text(d->files[i].name), view_text(name)))
			return &d->files[i];
	return NULL;
}

static void tell_ignored(struct dropd *d)
{
	const struct scan *s = &d->scan;
	if (s->ignored > d->ignored)
		log_warning("files in the directory drop are ignored",
			fact_number("files", s->ignored), fact_text("one", s->ignored_name),
			fact_text("why", s->ignored_why));
	if (s->beyond > d->beyond)
		log_warning("more files in the directory drop than one owner may have, or than "
			    "can be looked after: they wait",
			fact_number("files", s->beyond), fact_number("uid", s->beyond_uid));
	d->ignored = s->ignored;
	d->beyond = s->beyond;
}

/* Files that are new are added, those that are gone forgotten. */
static void take_in(struct dropd *d)
{
	for (size_t i = 0; i < d->count; i++)
		d->files[i].was_seen = d->files[i].under_way;
	for (size_t i = 0; i < d->scan.count; i++) {
		struct file *f = find(d, d->scan.files[i].name);
		if (!f && d->count < FILES_MAX) {
			f = &d->files[d->count++];
			*f = d->scan.files[i];
		}
		if (f)
			f->was_seen = true;
	}
	for (size_t i = d->count; i > 0; i--)
		if (!d->files[i - 1].was_seen)
			forget(d, &d->files[i - 1]);
	tell_ignored(d);
}

static void scan_work(void *context)
{
	struct dropd *d = context;
	scan_directory(&d->scan);
}

static void scanned(void *context)
{
	struct dropd *d = context;
	d->is_scanning = false;
	take_in(d);
	if (d->scan_again)
		scan_start(d);
	go_on(d);
}

static void scan_start(struct dropd *d)
{
	const struct job job = {.work = scan_work, .done = scanned, .context = d};
	const uint64_t four_mails = d->snapshot->numbers[SETTING_SIZELIMIT] * 4;
	d->scan_again = d->is_scanning;
	if (d->is_scanning || d->program->draining)
		return;
	d->scan.owner_octets_max = four_mails > OWNER_OCTETS_MAX ? four_mails : OWNER_OCTETS_MAX;
	d->is_scanning = workers_submit(d->pool, &job) == ERROR_NONE;
}

static void tick(void *context)
{
	struct dropd *d = context;
	scan_start(d);
	timer_set(d->tick, TICK_MS);
}

static void on_note(void *context, unsigned what)
{
	(void)what;
	static uint8_t room[NOTES_ROOM];
	struct dropd *d = context;
	while (read(d->notes, room, sizeof room) > 0)
		; /* that something came is all that is wanted of them */
	timer_set(d->tick, d->count ? SOON_MS : 0);
}

static void reap(void *context, unsigned what)
{
	(void)what;
	workers_reap(((struct dropd *)context)->pool);
}

/* --- life ---------------------------------------------------------------------------------- */

void dropd_begin(struct dropd *d, struct program *program)
{
	*d = (struct dropd){.program = program,
		.directory = -1,
		.notes = -1,
		.files = memory_new(FILES_MAX, sizeof *d->files)};
	d->scan.files = memory_new(FILES_MAX, sizeof *d->scan.files);
}

void dropd_config(struct dropd *d, struct snapshot *snapshot)
{
	snapshot_drop(&d->snapshot);
	d->snapshot = snapshot;
}

void dropd_warm(struct dropd *d)
{
	char path[64];
	struct buffer b = buffer_new(sizeof path - 1);
	text_add(&b, "/proc/self/fd/{}", text_number((uint64_t)d->directory));
	must(view_to_text(buffer_view(&b), path, sizeof path));
	buffer_free(&b);
	d->scan.directory = d->directory;
	d->notes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->notes < 0 || inotify_add_watch(d->notes, path, IN_MOVED_TO | IN_ONLYDIR) < 0)
		log_warning(
			"the directory drop is not watched: mail there waits some seconds more");
}

void dropd_prepare(struct dropd *d)
{
	const struct workers_limits limits = {.threads = HANDS_MAX, .queue_max = HANDS_MAX + 1};
	d->pool = workers_new(&limits, "drop");
	must(d->pool != NULL);
}

void dropd_go(struct dropd *d)
{
	d->pool_watch = watch_new(d->program->loop, workers_descriptor(d->pool), reap, d);
	watch_want(d->pool_watch, WATCH_READ);
	if (d->notes >= 0) {
		d->notes_watch = watch_new(d->program->loop, d->notes, on_note, d);
		watch_want(d->notes_watch, WATCH_READ);
	}
	d->tick = timer_new(d->program->loop, tick, d);
	timer_set(d->tick, 0);
}

void dropd_drain(struct dropd *d)
{
	timer_stop(d->tick);
	if (!is_busy(d))
		program_drained(d->program);
}
