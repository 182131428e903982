#include "keepers/deliver/deliverd.h"

#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_MS 500u

static struct deliverd deliverd;

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)p;
	(void)generation;
	struct snapshot *snapshot;
	struct view before, after;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE ||
		!mailboxes_split(snapshot->mailboxes, &before, &after))
		return "deliver cannot read its snapshot";
	/* jobs may be looking at the old one's `after` and name: it stays */
	deliverd.snapshot = snapshot;
	deliverd.after = after;
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)worker;
	(void)workers;
	if (id == PROGRAM_SPOOL)
		incoming_connect(&deliverd, fd);
	else if (id == PROGRAM_GATE)
		duplicate_connect(&deliverd, fd);
	else if (id == PROGRAM_MAILBOX)
		settle_connect(&deliverd, fd);
	else
		close(fd);
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	if (role == GIVEN_DIRECTORY)
		deliverd.root = fd;
	else
		close(fd);
}

static void begin(struct program *p)
{
	struct deliverd *d = &deliverd;
	umask(0007); /* files 0660, directories 2770 */
	d->program = p;
	d->root = -1;
	d->streams = streams_new(STREAMS_MAX);
	d->questions = streams_new(1u << 20);
	d->settling = streams_new(65536);
	d->expecting = true;
	d->round = 1;
}

static void prepare(struct program *p)
{
	(void)p;
	const struct workers_limits limits = {
		.threads = THREADS, .queue_max = JOBS_MAX, .group_threads_max = THREADS_PER_DEVICE};
	deliverd.pool = workers_new(&limits, "deliver-disk");
	must(deliverd.pool != NULL);
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
	settle_check(d);
	timer_set(d->sweep, SWEEP_MS);
}

static void go(struct program *p)
{
	struct deliverd *d = &deliverd;
	d->pool_watch = watch_new(p->loop, workers_descriptor(d->pool), reap, d);
	watch_want(d->pool_watch, WATCH_READ);
	d->sweep = timer_new(p->loop, sweep, d);
	timer_set(d->sweep, SWEEP_MS);
}

void deliver_check_drained(struct deliverd *d)
{
	static bool said;
	if (said || !d->program->draining || !incoming_is_quiet(d))
		return;
	for (uint32_t i = 0; i < d->device_count; i++)
		sync_now(&d->devices[i]);
	if (!sync_is_quiet(d))
		return;
	said = true;
	program_drained(d->program);
}

static void drain(struct program *p)
{
	(void)p;
	deliver_check_drained(&deliverd);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	const struct deliverd *d = &deliverd;
	if (!view_equal(program_word(words, 0), VIEW("status"))) {
		program_done(p, stream, 64);
		return;
	}
	struct buffer b = buffer_new(1024);
	text_add(&b, "delivered={}\nduplicates={}\ndeferred={}\nunder_way={}\nfile_systems={}\n",
		text_number(d->delivered), text_number(d->duplicates), text_number(d->deferred),
		text_number(streams_count(&d->streams)), text_number(d->device_count));
	program_output(p, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(p, stream, 0);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.config = on_config,
		.peer = on_peer,
		.given = on_given,
		.prepare = prepare,
		.go = go,
		.drain = drain,
		.command = command};
	return program_main(PROGRAM_DELIVER, &ops, argc, argv);
}
