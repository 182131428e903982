#include "world.h"

#include "keepers/report/reportd.h"

static void broken(void *context, const char *why)
{
	program_peer_broken(context, PROGRAM_SPOOL, 0, why);
}

static void drained(void *context)
{
	program_drained(context);
}

static bool start(struct actor *a)
{
	struct reportd *d = memory_new(1, sizeof *d);
	reportd_begin(d, a->program.loop,
		&(struct reportd_hooks){
			.broken = broken, .drained = drained, .context = &a->program});
	reportd_config(d, snapshot_hold(a->world->snapshot));
	a->self = d;
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	(void)peer;
	(void)worker;
	reportd_connect(a->self, fd);
}

const struct actor_kind actor_report = {PROGRAM_REPORT, start, connect_peer};
