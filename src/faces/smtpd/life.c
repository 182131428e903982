#include "faces/smtpd/smtpd.h"

#include "base/random.h"

#define SWEEP_MS 1000u
#define STREAMS_MAX 65536u

static void gate_is_broken(void *context, const char *why)
{
	program_peer_broken(context, PROGRAM_GATE, 0, why);
}

struct smtpd *smtpd_new(struct program *program)
{
	struct smtpd *d = memory_new(1, sizeof *d);
	tls_warm();
	d->program = program;
	d->room.sessions_max = room_of_descriptors(DESCRIPTORS_KEPT + CONNECTION_LINGERING_MAX);
	d->room.gives_up = session_gives_up;
	d->streams = streams_new(STREAMS_MAX);
	d->keys = keys_client_new(program);
	d->gate = (struct gate_client){.broken = gate_is_broken, .context = program};
	d->auth = auth_client_new(program, session_login_answered);
	d->resolve = resolve_client_new(program);
	return d;
}

void smtpd_config(struct smtpd *d, struct snapshot *snapshot)
{
	struct generation *g = generation_new(snapshot);
	generation_drop(&d->generation);
	d->generation = g;
	d->room.limits =
		(struct room_limits){.sessions = (uint32_t)snapshot->numbers[SETTING_SESSIONLIMIT],
			.of_address = (uint32_t)snapshot->numbers[SETTING_CLIENTLIMIT],
			.pace = {g->config.limits.crowd_grace_ms, g->config.limits.crowd_octets_s}};
}

/* When descriptors are used up here, and not everywhere, the other workers take who comes. */
static void rest_or_listen(struct smtpd *d)
{
	const bool rests = room_is_elsewhere(&d->room);
	for (size_t i = 0; i < d->door_count; i++)
		if (d->doors[i].listener)
			listener_rest(d->doors[i].listener, rests);
}

static void sweep(void *context)
{
	struct smtpd *d = context;
	patience_sweep(d);
	timer_set(d->sweep, SWEEP_MS);
	rest_or_listen(d);
}

static void arrived(void *context, const struct arrival *arrival)
{
	const struct door *door = context;
	session_begin(door->smtpd, arrival, door->kind);
	rest_or_listen(door->smtpd);
}

void smtpd_go(struct smtpd *d)
{
	must(d->generation && d->room.census);
	d->room.workers = d->program->workers;
	d->run = (random_u64() & 0xffffff0000000000u) | (uint64_t)d->program->worker << 32;
	d->sweep = timer_new(d->program->loop, sweep, d);
	timer_set(d->sweep, SWEEP_MS);
	for (struct door *door = d->doors; door < d->doors + d->door_count; door++)
		door->listener = listener_new(d->program->loop, door->fd, arrived, door);
}

/* Sessions with something under way end behind it (session.c), or when it takes too long (patience.c). */
void smtpd_drain(struct smtpd *d)
{
	d->draining_ms = loop_now_ms(d->program->loop);
	for (size_t i = 0; i < d->door_count; i++)
		listener_free(&d->doors[i].listener);
	struct place *next;
	for (struct place *place = places_first(&d->room.places); place; place = next) {
		next = places_after(&d->room.places, place);
		struct session *s = place->owner;
		if (smtp_server_is_idle(&s->smtp) && !s->waiting)
			session_stop(s, SMTP_STOP_SHUTDOWN);
	}
	if (d->room.sessions == 0)
		program_drained(d->program);
}
