#include "world.h"

#include "base/random.h"
#include "keepers/spool/spoold.h"

/* Small, so that segments change and are compacted within a few mails. */
static void small(struct spool_limits *limits)
{
	limits->segment_octets = 64 * 4096;
	limits->segments_max = 64;
	limits->segments_idle_max = 4;
	limits->batch_octets = 64 << 10;
	limits->lazy_octets = 8 << 10;
	limits->envelope_octets = 4096;
	limits->inline_octets = 32 << 10;
	limits->compact_step_octets = 8192;
	limits->compact_segments_min = 3;
}

static bool start(struct actor *a)
{
	struct world *w = a->world;
	struct spoold *d = spoold_new(&a->program);
	a->self = d;
	small(&d->limits);
	must(view_copy(view_of(w->boot, sizeof w->boot), d->boot, sizeof d->boot));
	d->snapshot = snapshot_hold(w->snapshot);
	disk_work_start(d);
	a->pool = d->pool;
	if (spoold_open(d, sim_disk_disk(w->disk), random_u64()) != ERROR_NONE)
		return false;
	spoold_go(d);
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	if (peer == PROGRAM_SMTPD)
		receive_connect(a->self, worker, fd);
	else if (peer == PROGRAM_RELAY)
		relay_side_connect(a->self, fd);
	else if (peer == PROGRAM_REPORT)
		reports_connect(a->self, fd);
	else
		results_connect(a->self, fd);
}

bool actor_spool_is_empty(const struct actor *a)
{
	const struct spoold *d = a->self;
	struct spool_status status;
	spool_status(d->spool, &status);
	return status.messages == 0 && spool_is_clean(d->spool);
}

void actor_tell(const struct actor *a)
{
	const struct spoold *d = a->self;
	struct spool_status s;
	spool_status(d->spool, &s);
	world_say(a->world,
		"spool: %llu messages, %llu recipients, %llu waiting, %u lanes, %u streams, clean "
		"%d, "
		"scan done %d, refused %d",
		(unsigned long long)s.messages, (unsigned long long)s.recipients,
		(unsigned long long)d->waiting, d->lane_count, streams_count(&d->outgoing),
		spool_is_clean(d->spool), scan_is_done(d), s.messages_refused);
	world_say(a->world, "segments: %u, %u ready, %u abandoned; batch out %d, chore out %d",
		s.segments, s.segments_ready, s.segments_abandoned, d->batch_out, d->chore_out);
	for (const struct spool_entry *e = spool_oldest(d->spool); e;
		e = spool_after(d->spool, e->id))
		for (uint32_t i = 0; i < e->recipient_count; i++)
			world_say(a->world, "  %llx %u: state %d notes %d",
				(unsigned long long)e->id.value, i, (int)e->recipients[i].state,
				(int)e->recipients[i].notes);
}

const struct actor_kind actor_spool = {PROGRAM_SPOOL, start, connect_peer};

unsigned actor_spool_leaving(const struct actor *a)
{
	const struct spoold *d = a->self;
	struct spool_status s;
	spool_status(d->spool, &s);
	return s.segments_leaving;
}
