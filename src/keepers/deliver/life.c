#include "keepers/deliver/deliverd.h"

#include <unistd.h>

struct deliverd *deliverd_new(struct program *program, struct mail_disk *disk)
{
	struct deliverd *d = memory_new(1, sizeof *d);
	*d = (struct deliverd){.program = program,
		.disk = disk,
		.root = -1,
		.threads = THREADS,
		.jobs_max = JOBS_MAX,
		.streams = streams_new(STREAMS_MAX),
		.questions = streams_new(1u << 20),
		.settling = streams_new(65536),
		.expecting = true,
		.round = 1};
	return d;
}

void deliverd_root(struct deliverd *d, int root)
{
	d->root = root;
}

bool deliverd_config(struct deliverd *d, struct snapshot *snapshot)
{
	struct view before, after;
	if (!mailboxes_split(snapshot->mailboxes, &before, &after))
		return false;
	/* jobs may be looking at the old one's `after` and name: it stays */
	d->snapshot = snapshot;
	d->after = after;
	return true;
}

void deliverd_prepare(struct deliverd *d)
{
	const struct workers_limits limits = {.threads = d->threads,
		.queue_max = d->jobs_max,
		.group_threads_max = THREADS_PER_DEVICE};
	d->pool = workers_new(&limits, "deliver-disk");
	must(d->pool != NULL);
}

static void reap(void *context, unsigned what)
{
	(void)what;
	struct deliverd *d = context;
	workers_reap(d->pool);
}

static void sweep(void *context)
{
	struct deliverd *d = context;
	incoming_sweep(d);
	duplicate_sweep(d);
	sync_sweep(d);
	settle_check(d);
	timer_set(d->sweep, SWEEP_MS);
}

void deliverd_go(struct deliverd *d)
{
	struct mail_disk_facts facts;
	d->pool_watch = watch_new(d->program->loop, workers_descriptor(d->pool), reap, d);
	watch_want(d->pool_watch, WATCH_READ);
	d->sweep = timer_new(d->program->loop, sweep, d);
	timer_set(d->sweep, SWEEP_MS);
	/* what makes directories here is watched from before the first one on */
	if (d->disk->facts(d->disk, d->root, NULL, &facts) == 0)
		(void)sync_device(d, facts.device, d->root);
}

void deliver_check_drained(struct deliverd *d)
{
	if (d->drained || !d->program->draining || !incoming_is_quiet(d))
		return;
	for (uint32_t i = 0; i < d->device_count; i++)
		sync_now(&d->devices[i]);
	if (!sync_is_quiet(d))
		return;
	d->drained = true;
	program_drained(d->program);
}

void deliverd_status(const struct deliverd *d, struct buffer *b)
{
	uint32_t watched = 0;
	unsigned hung = d->unknown_hung;
	for (uint32_t i = 0; i < d->device_count; i++) {
		watched += d->devices[i].fd >= 0;
		hung += d->devices[i].hung;
	}
	text_add(b, "delivered={}\nduplicates={}\ndeferred={}\nunder_way={}\n",
		text_number(d->delivered), text_number(d->duplicates), text_number(d->deferred),
		text_number(streams_count(&d->streams)));
	text_add(b, "file_systems={}\nhung={}\n", text_number(watched), text_number(hung));
}

void deliverd_free(struct deliverd **at)
{
	struct deliverd *d = *at;
	if (!d)
		return;
	channel_free(&d->spool);
	for (struct incoming *in = d->oldest, *newer; in; in = newer) {
		newer = in->newer;
		in->jobs++;
		if (in->number)
			incoming_orphan(in);
		else
			duplicate_forget(in);
		in->jobs--;
	}
	workers_free(&d->pool); /* what was under way has come back, and is freed where it held */
	duplicate_end(d);
	settle_end(d);
	while (d->oldest) {
		d->oldest->jobs = 0;
		incoming_check(d->oldest);
	}
	sync_end(d);
	for (size_t i = 0; i < BOX_SLOTS; i++)
		while (d->boxes[i]) {
			struct box *next = d->boxes[i]->next;
			memory_free(d->boxes[i]);
			d->boxes[i] = next;
		}
	watch_free(&d->pool_watch);
	timer_free(&d->sweep);
	streams_free(&d->streams);
	streams_free(&d->questions);
	streams_free(&d->settling);
	snapshot_drop(&d->snapshot);
	if (d->root >= 0)
		close(d->root);
	memory_free(d);
	*at = NULL;
}
