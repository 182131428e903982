#include "keepers/deliver/deliverd.h"

#include <errno.h>

#define PAIRS_OCTETS_MAX (64u << 20)

static void due(void *context)
{
	sync_now(context);
}

static bool is_idle(const struct device *device)
{
	return !device->running && !device->wanted && !device->hung;
}

static void close_watch(struct device *device)
{
	struct deliverd *d = device->deliverd;
	if (device->fd >= 0 && device->fd != d->root)
		d->disk->close(d->disk, device->fd);
	device->fd = -1;
}

/* The place of that file system, or one for it: a new one, or of one that is not in use. */
static struct device *find(struct deliverd *d, uint64_t number)
{
	struct device *idle = NULL;
	for (uint32_t i = 0; i < d->device_count; i++) {
		struct device *device = &d->devices[i];
		if (device->number == number)
			return device;
		if (is_idle(device) && device->fd < 0)
			idle = device;
	}
	if (d->device_count < DEVICES_MAX) {
		struct device *device = &d->devices[d->device_count++];
		*device = (struct device){.fd = -1,
			.deliverd = d,
			.placed = buffer_new(PAIRS_OCTETS_MAX),
			.syncing = buffer_new(PAIRS_OCTETS_MAX),
			.keys = buffer_new(PAIRS_OCTETS_MAX * 4),
			.syncing_keys = buffer_new(PAIRS_OCTETS_MAX * 4),
			.turn = 1};
		device->timer = timer_new(d->program->loop, due, device);
		return device;
	}
	return idle;
}

/* While the descriptor is held its file system cannot go, so its number is of no other. When it was
 * closed, nothing of it waits for a sync, and the number may be anybody's: the descriptor that comes
 * with the next file, opened before that was written, is the one to watch. */
struct device *sync_device(struct deliverd *d, uint64_t number, int watch)
{
	struct device *device = find(d, number);
	if (device) {
		device->number = number;
		device->used_ms = loop_now_ms(d->program->loop);
	}
	if (device && device->fd < 0) {
		device->fd = watch;
		watch = -1;
	}
	if (watch >= 0)
		d->disk->close(d->disk, watch);
	return device && device->fd >= 0 ? device : NULL;
}

static void say_pairs(struct deliverd *d, struct view pairs, bool lost)
{
	while (pairs.length && channel_is_open(d->spool)) {
		const struct view part = view_first(pairs, DELIVER_PAIRS_MAX * DELIVER_PAIR_OCTETS);
		channel_say(
			d->spool, lost ? DELIVER_LOST : DELIVER_DELIVERED, 0, frame_bytes(part));
		pairs = view_from(pairs, part.length);
	}
}

static void sync_work(void *context)
{
	struct device *device = context;
	struct mail_disk *disk = device->deliverd->disk;
	device->error = disk->sync_all(disk, device->fd) == 0 ? ERROR_NONE : error_of_errno(errno);
}

/* What was placed while it ran may have been written before it failed: the error covers that as well. So
 * it does files that are being written (place_after). */
static void fail(struct device *device)
{
	struct deliverd *d = device->deliverd;
	log_error("the file system of the mailboxes failed: its last mail is written again",
		fact_error(device->error));
	d->sync_failures++;
	say_pairs(d, buffer_view(&device->syncing), true);
	if (device->wanted) {
		say_pairs(d, buffer_view(&device->placed), true);
		device->turn++;
		device->done++;
	}
	device->wanted = false;
	buffer_free(&device->placed);
	buffer_free(&device->keys);
	settle_fail(d, device);
}

/* An error means: write again from the log. It is never answered by another sync. */
static void sync_done(void *context)
{
	struct device *device = context;
	struct deliverd *d = device->deliverd;
	device->running = false;
	device->done++;
	device->used_ms = loop_now_ms(d->program->loop);
	d->round++;
	if (device->error) {
		fail(device);
	} else {
		say_pairs(d, buffer_view(&device->syncing), false);
		duplicate_delivered(d, buffer_view(&device->syncing_keys));
	}
	buffer_free(&device->syncing);
	buffer_free(&device->syncing_keys);
	if (device->wanted)
		sync_now(device);
	settle_check(d);
	deliver_check_drained(d);
}

/* One a file system at a time, each in whatever thread: those that hang hold one each. */
void sync_now(struct device *device)
{
	struct deliverd *d = device->deliverd;
	if (device->running || !device->wanted)
		return;
	const struct job job = {.work = sync_work, .done = sync_done, .context = device};
	if (workers_submit(d->pool, &job) != ERROR_NONE) {
		timer_set(device->timer, SYNC_DELAY_MS);
		return;
	}
	device->running = true;
	device->wanted = false;
	device->turn++;
	timer_stop(device->timer);
	buffer_move(&device->syncing, &device->placed);
	buffer_move(&device->syncing_keys, &device->keys);
}

/* A spool that is new gives everything again that an earlier one has not heard of. It must not take what
 * was placed for the earlier one for what is under way now: that is written once more, and its sync may
 * fail. */
void sync_placed(struct device *device, struct placing *p)
{
	const bool is_first = !device->wanted;
	device->wanted = true;
	if (p->message->number) {
		buffer_add_u64(&device->placed, p->message->id.value);
		buffer_add_u32(&device->placed, p->recipient);
	}
	if (p->claimed) {
		buffer_add(&device->keys, view_of(p->digest, sizeof p->digest));
		buffer_add_u64(&device->keys, p->message->id.value);
	}
	p->box->unsynced_turn = device->turn;
	if (is_first && !device->running)
		timer_set(device->timer, device->deliverd->program->draining ? 0 : SYNC_DELAY_MS);
}

void sync_sweep(struct deliverd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	for (uint32_t i = 0; i < d->device_count; i++)
		if (is_idle(&d->devices[i]) && now_ms - d->devices[i].used_ms > DEVICE_IDLE_MS)
			close_watch(&d->devices[i]);
}

void sync_forget(struct deliverd *d)
{
	for (uint32_t i = 0; i < d->device_count; i++) {
		buffer_clear(&d->devices[i].placed);
		buffer_clear(&d->devices[i].syncing);
	}
}

bool sync_is_quiet(const struct deliverd *d)
{
	for (uint32_t i = 0; i < d->device_count; i++)
		if (d->devices[i].running || d->devices[i].wanted)
			return false;
	return true;
}

void sync_end(struct deliverd *d)
{
	for (uint32_t i = 0; i < d->device_count; i++) {
		struct device *device = &d->devices[i];
		timer_free(&device->timer);
		close_watch(device);
		buffer_free(&device->placed);
		buffer_free(&device->syncing);
		buffer_free(&device->keys);
		buffer_free(&device->syncing_keys);
	}
}
