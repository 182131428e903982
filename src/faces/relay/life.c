#include "faces/relay/relay.h"

#include "base/text.h"

#define TICK_MS 1000u

struct relayd *relayd_new(struct program *program)
{
	struct relayd *d = memory_new(1, sizeof *d);
	d->program = program;
	d->departures = streams_new(DEPARTURES_MAX);
	d->policies = streams_new(POLICIES_MAX);
	d->resolve = resolve_client_new(program);
	return d;
}

void relayd_warm(struct relayd *d)
{
	tls_warm();
	d->tls = tls_client_new();
	if (!tls_client_trust_file(d->tls, TLS_AUTHORITIES_FILE))
		log_warning("no authorities for certificates: neither a smarthost with a login nor "
			    "a host "
			    "with a policy (MTA-STS) can be verified; install the package "
			    "ca-certificates",
			fact_text("file", TLS_AUTHORITIES_FILE));
}

static void each_session(struct relayd *d, void (*act)(struct session *s, uint64_t now_ms))
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct session *s = d->sessions;
	while (s) {
		struct session *next =
			s->all_next; /* acting may free this one, and open others in front */
		act(s, now_ms);
		s = next;
	}
}

static void tick(void *context)
{
	struct relayd *d = context;
	each_session(d, session_tick);
	relayd_check_drained(d);
	timer_set(d->tick, TICK_MS);
}

static void quit_idle(struct session *s, uint64_t now_ms)
{
	(void)now_ms;
	if (s->is_idle)
		session_quit(s);
}

/* Sessions that are at work go on as they began. */
void relayd_config(struct relayd *d, struct snapshot *snapshot)
{
	snapshot_drop(&d->snapshot);
	d->snapshot = snapshot;
	for (size_t i = 0; i < DESTINATION_SLOTS; i++)
		for (struct destination *at = d->destinations[i]; at; at = at->chain)
			at->known_until_ms = 0;
	each_session(d, quit_idle);
}

void relayd_go(struct relayd *d)
{
	d->tick = timer_new(d->program->loop, tick, d);
	timer_set(d->tick, TICK_MS);
}

void relayd_drain(struct relayd *d)
{
	d->draining_ms = loop_now_ms(d->program->loop);
	each_session(d, quit_idle);
	relayd_check_drained(d);
}

void relayd_check_drained(struct relayd *d)
{
	if (d->drained || !d->program->draining || streams_count(&d->departures))
		return;
	if (d->session_count && loop_now_ms(d->program->loop) - d->draining_ms < FAREWELL_MS)
		return;
	d->drained = true;
	program_drained(d->program);
}

void relayd_status(struct relayd *d, uint32_t stream)
{
	struct buffer b = buffer_new(1024);
	text_add(&b, "departures={}\nsessions={}\nsessions_all={}\nmails={}\n",
		text_number(streams_count(&d->departures)), text_number(d->session_count),
		text_number(d->counts.sessions), text_number(d->counts.mails));
	program_output(d->program, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(d->program, stream, 0);
}
