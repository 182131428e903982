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
		const struct security_facts facts = departure_security(p, host);
		const enum security_bar bar = security_choose(&facts).bar;
		if (bar == SECURITY_OPEN) {
			session_open(p, host, &facts);
			return;
		}
		trouble_of_bar(&p->trouble, p, host, bar);
		p->all_final = p->all_final && p->trouble.is_final;
	}
	fail(p);
}

static void go(struct departure *p, const struct hosts *hosts, const struct sts_policy *policy)
{
	p->all_final = true;
	p->next_host = 0;
	arena_reset(&p->hosts_arena);
	if (hosts_copy(hosts, &p->hosts_arena, &p->hosts) &&
		sts_policy_copy(policy, &p->hosts_arena, &p->policy)) {
		attempt_next(p);
		return;
	}
	trouble_of_ours(&p->trouble, "4.3.1", VIEW("there is no memory for it"));
	end_with(p, RELAY_HELD, RELAY_FAILS); /* not at once again */
}

void attempt_known(struct departure *p)
{
	const struct destination *at = p->destination;
	if (at->outcome != LOOKUP_OK) {
		trouble_of_ours(&p->trouble, lookup_outcome_enhanced(at->outcome), at->why);
		if (lookup_is_temporary(at->outcome))
			end_with(p, RELAY_HELD, RELAY_FAILS);
		else
			end_with(p, RELAY_REFUSED, RELAY_SILENT);
	} else if (at->is_policy_unknown && departure_wish(p) != SECURITY_NOT_REQUIRED) {
		trouble_of_ours(&p->trouble, "4.4.3", at->why);
		end_with(p, RELAY_HELD, RELAY_FAILS);
	} else {
		go(p, &at->hosts, &at->policy);
	}
}

void attempt_begin(struct departure *p)
{
	struct destination *at = p->destination;
	struct session *idle = destination_take_idle(at, departure_wish(p));
	if (idle)
		session_take(idle, p);
	else
		attempt_anew(p);
}

/* One that is named by its address. */
static void go_to(struct departure *p, const struct smarthost *next)
{
	const struct host host = {.addresses = &next->address, .address_count = 1};
	const struct sts_policy none = {.mode = STS_MODE_NONE};
	go(p, &(struct hosts){.hosts = &host, .count = 1}, &none);
}

void attempt_anew(struct departure *p)
{
	struct destination *at = p->destination;
	const struct smarthost *next = destination_next_host(p->relayd->snapshot, at);
	if (next && next->is_address) {
		go_to(p, next);
	} else if (destination_is_known(at)) {
		go(p, &at->hosts, &at->policy);
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
