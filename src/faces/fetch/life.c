#include "faces/fetch/fetchd.h"

static void gate_broken(void *context, const char *why)
{
	struct fetchd *d = context;
	program_peer_broken(d->program, PROGRAM_GATE, 0, why);
}

struct fetchd *fetchd_new(struct program *program)
{
	struct fetchd *d = memory_new(1, sizeof *d);
	d->program = program;
	d->resolve = resolve_client_new(program);
	d->gate = (struct gate_client){.broken = gate_broken, .context = d};
	return d;
}

void fetchd_warm(struct fetchd *d, struct view authorities)
{
	d->web = web_new(d->program->loop, authorities);
}

static void tick(void *context)
{
	struct fetchd *d = context;
	policy_tick(d);
	timer_set(d->tick, TICK_MS);
}

void fetchd_go(struct fetchd *d)
{
	d->tick = timer_new(d->program->loop, tick, d);
	timer_set(d->tick, TICK_MS);
}

void fetchd_free(struct fetchd **at)
{
	struct fetchd *d = *at;
	*at = NULL;
	server_end(d);
	policy_end(d);
	channel_free(&d->gate.channel);
	streams_free(&d->gate.questions);
	streams_free(&d->questions);
	resolve_client_free(&d->resolve);
	web_free(&d->web);
	timer_free(&d->tick);
	memory_free(d);
}
