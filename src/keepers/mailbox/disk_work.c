#include "keepers/mailbox/mailboxd.h"

/* Mailboxes whose file system is not known yet share a group, so that they, too, leave threads. */
enum { GROUP_UNKNOWN = 1, GROUP_FIRST = 2 };

static void reap(void *context, unsigned what)
{
	(void)what;
	struct mailboxd *d = context;
	workers_reap(d->pool);
}

void disk_work_start(struct mailboxd *d)
{
	const struct workers_limits limits = {.threads = THREADS,
		.queue_max = JOBS_MAX,
		.group_threads_max = FILE_SYSTEM_THREADS};
	d->pool = workers_new(&limits, "mailbox-disk");
	must(d->pool != NULL);
	d->pool_watch = watch_new(d->program->loop, workers_descriptor(d->pool), reap, d);
	watch_want(d->pool_watch, WATCH_READ);
}

static uint32_t group_of(const struct mailboxd *d, uint64_t hash)
{
	if (d->devices[hash % DEVICE_SLOTS].hash != hash)
		return GROUP_UNKNOWN;
	const uint64_t device = d->devices[hash % DEVICE_SLOTS].device;
	return GROUP_FIRST + (uint32_t)(device ^ device >> 32) % (UINT32_MAX - GROUP_FIRST);
}

void disk_work_learn(struct visit *v, uint64_t device)
{
	const uint64_t hash = mailbox_hash(v->place.mailbox);
	if (device == 0)
		return;
	v->mailboxd->devices[hash % DEVICE_SLOTS].hash = hash;
	v->mailboxd->devices[hash % DEVICE_SLOTS].device = device;
}

bool disk_work_submit(struct visit *v, void (*work)(void *visit), void (*done)(void *visit))
{
	const uint64_t hash = mailbox_hash(v->place.mailbox);
	const struct job job = {.work = work,
		.done = done,
		.context = v,
		.key = hash,
		.group = group_of(v->mailboxd, hash)};
	must(!v->job);
	v->job = workers_submit(v->mailboxd->pool, &job) == ERROR_NONE;
	return v->job;
}
