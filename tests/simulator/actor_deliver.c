#include "world.h"

#include "keepers/deliver/deliverd.h"

static bool start(struct actor *a)
{
	struct world *w = a->world;
	struct deliverd *d = deliverd_new(&a->program, sim_mail_disk(w->mail_disk));
	a->self = d;
	deliverd_root(d, sim_mail_root(w->mail_disk));
	must(deliverd_config(d, snapshot_hold(w->snapshot)));
	deliverd_prepare(d);
	a->pool = d->pool;
	deliverd_go(d);
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	(void)worker;
	if (peer == PROGRAM_SPOOL)
		spool_connect(a->self, fd);
	else
		duplicate_connect(a->self, fd);
}

const struct actor_kind actor_deliver = {PROGRAM_DELIVER, start, connect_peer};
