#include "faces/relay/relay.h"

/* --- the way through the hosts ------------------------------------------------------------ */

static void end_with(struct departure *p, enum relay_outcome outcome, enum relay_health health)
{
	for (uint32_t i = 0; i < p->count; i++)
		spool_side_result(p, i, outcome, &p->trouble);
	trouble_log(&p->trouble, p, NULL, outcome);
	spool_side_finish(p, health);
}

static void fail(struct departure *p)
{
	if (p->all_final)
		end_with(p, RELAY_REFUSED, RELAY_WORKS);
	else
		end_with(p, RELAY_HELD, RELAY_FAILS);
}

void attempt_next(struct departure *p)
{
	must(p->session == NULL);
	if (p->next_host)
		p->all_final = p->all_final && p->trouble.is_final;
	while (p->next_host < p->hosts.count) {
		const struct host *host = &p->hosts.hosts[p->next_host++];
		if (host->tlsa != HOST_TLSA_FAILED) {
			session_open(p, host, false);
			return;
		}
		p->all_final = false;
		trouble_of_ours(&p->trouble, "4.7.5",
			VIEW("what protects its certificate in the DNS (TLSA) could not be looked "
			     "up"));
	}
	fail(p);
}

static void go(struct departure *p, const struct hosts *hosts)
{
	p->all_final = true;
	p->next_host = 0;
	arena_reset(&p->hosts_arena);
	if (hosts_copy(hosts, &p->hosts_arena, &p->hosts)) {
		attempt_next(p);
		return;
	}
	trouble_of_ours(&p->trouble, "4.3.1", VIEW("there is no memory for it"));
	end_with(p, RELAY_HELD, RELAY_FAILS); /* not at once again */
}

void attempt_hosts(struct departure *p, const struct resolve_answer *answer)
{
	if (answer->outcome == LOOKUP_OK) {
		go(p, &answer->hosts);
		return;
	}
	trouble_of_ours(&p->trouble, lookup_outcome_enhanced(answer->outcome), answer->why);
	if (lookup_is_temporary(answer->outcome))
		end_with(p, RELAY_HELD, RELAY_FAILS);
	else
		end_with(p, RELAY_REFUSED, RELAY_SILENT);
}

void attempt_begin(struct departure *p)
{
	struct destination *at = p->destination;
	struct session *idle = destination_take_idle(at);
	if (idle)
		session_take(idle, p);
	else
		attempt_anew(p);
}

/* A smarthost that is named by its address. */
static void go_to_smarthost(struct departure *p)
{
	const struct smarthost *smarthost = &p->relayd->snapshot->smarthost;
	const struct host host = {.addresses = &smarthost->address, .address_count = 1};
	go(p, &(struct hosts){.hosts = &host, .count = 1});
}

void attempt_anew(struct departure *p)
{
	struct destination *at = p->destination;
	if (p->relayd->snapshot->smarthost.is_address) {
		go_to_smarthost(p);
	} else if (destination_knows_hosts(at)) {
		go(p, &at->hosts);
	} else if (!destination_ask(at, p)) {
		trouble_of_ours(&p->trouble, "4.4.3", VIEW("names cannot be looked up just now"));
		end_with(p, RELAY_HELD, RELAY_FAILS);
	}
}

void attempt_forget(struct departure *p)
{
	if (p->destination)
		destination_forget(p->destination, p);
	if (p->session)
		session_drop(p->session);
}
