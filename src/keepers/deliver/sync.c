#include "keepers/deliver/deliverd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PAIRS_OCTETS_MAX (64u << 20)

static void due(void *context)
{
	struct device *device = context;
	device->armed = false;
	sync_now(device);
}

/* Any directory of the file system will do. */
static int open_on(const struct deliverd *d, const struct box *box)
{
	char path[MAILDIR_PATH_MAX];
	struct buffer b = buffer_new(sizeof path - 1);
	buffer_add(&b, box->name);
	buffer_add(&b, d->after);
	const bool ok = !buffer_failed(&b) && view_to_text(buffer_view(&b), path, sizeof path);
	buffer_free(&b);
	return ok ? openat(d->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* A device that is met for the first time was written to before we held a descriptor: an error of
 * that very first write could pass unseen, so its first sync is asked for twice (DESIGN §5). */
struct device *sync_device(struct deliverd *d, uint64_t number, struct box *box)
{
	for (uint32_t i = 0; i < d->device_count; i++)
		if (d->devices[i].number == number) {
			box->device = i + 1;
			return &d->devices[i];
		}
	const int fd = d->device_count < DEVICES_MAX ? open_on(d, box) : -1;
	if (fd < 0) {
		log_error("a file system of mailboxes cannot be watched",
			fact_view("mailbox", box->name), fact_errno(errno));
		return NULL;
	}
	struct device *device = &d->devices[d->device_count++];
	*device = (struct device){.number = number,
		.fd = fd,
		.deliverd = d,
		.placed = buffer_new(PAIRS_OCTETS_MAX),
		.syncing = buffer_new(PAIRS_OCTETS_MAX),
		.keys = buffer_new(PAIRS_OCTETS_MAX * 4),
		.syncing_keys = buffer_new(PAIRS_OCTETS_MAX * 4),
		.turn = 1};
	device->timer = timer_new(d->program->loop, due, device);
	box->device = d->device_count;
	return device;
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
	device->error = syncfs(device->fd) == 0 ? ERROR_NONE : error_of_errno(errno);
}

/* An error means: write again from the log. It is never answered by another sync. */
static void sync_done(void *context)
{
	struct device *device = context;
	struct deliverd *d = device->deliverd;
	device->running = false;
	device->done++;
	if (device->error)
		log_error("the file system of the mailboxes failed: its last mail is written again",
			fact_error(device->error));
	say_pairs(d, buffer_view(&device->syncing), device->error != ERROR_NONE);
	d->round++;
	if (device->error)
		settle_fail(d, device);
	else
		duplicate_delivered(d, buffer_view(&device->syncing_keys));
	buffer_free(&device->syncing);
	buffer_free(&device->syncing_keys);
	if (device->placed.length)
		sync_now(device);
	settle_check(d);
	deliver_check_drained(d);
}

void sync_now(struct device *device)
{
	struct deliverd *d = device->deliverd;
	if (device->running || device->placed.length == 0)
		return;
	const struct job job = {
		.work = sync_work, .done = sync_done, .context = device, .group = DEVICES_MAX + 2};
	if (workers_submit(d->pool, &job) != ERROR_NONE) {
		timer_set(device->timer, SYNC_DELAY_MS);
		return;
	}
	device->running = true;
	device->turn++;
	timer_stop(device->timer);
	device->armed = false;
	buffer_move(&device->syncing, &device->placed);
	buffer_move(&device->syncing_keys, &device->keys);
}

void sync_placed(struct device *device, struct placing *p)
{
	buffer_add_u64(&device->placed, p->message->id.value);
	buffer_add_u32(&device->placed, p->recipient);
	if (p->claimed) {
		buffer_add(&device->keys, view_of(p->digest, sizeof p->digest));
		buffer_add_u64(&device->keys, p->message->id.value);
	}
	p->box->unsynced_turn = device->turn;
	if (device->running || device->armed)
		return;
	device->armed = true;
	timer_set(device->timer, device->deliverd->program->draining ? 0 : SYNC_DELAY_MS);
}

bool sync_is_quiet(const struct deliverd *d)
{
	for (uint32_t i = 0; i < d->device_count; i++)
		if (d->devices[i].running || d->devices[i].placed.length)
			return false;
	return true;
}
