#include "faces/relay/relay.h"

static enum relay_outcome outcome_of(const struct session *s, const struct smtp_client_result *r)
{
	switch (r->outcome) {
	case SMTP_CLIENT_SENT:
		return smtp_client_facts(s->client)->has_dsn ? RELAY_SENT : RELAY_RELAYED;
	case SMTP_CLIENT_REFUSED:
		return RELAY_REFUSED;
	case SMTP_CLIENT_LATER: /* 421 is said to all of us, unless it answers RCPT */
		return r->said.code == 421 && r->said.command != SMTP_CLIENT_RCPT ? RELAY_HELD
										  : RELAY_DEFERRED;
	case SMTP_CLIENT_AGAIN:
		return RELAY_AGAIN;
	case SMTP_CLIENT_UNCERTAIN: /* it may have the mail: its own time, lest it gets it again at once */
		return RELAY_DEFERRED;
	case SMTP_CLIENT_LOST:
	case SMTP_CLIENT_PENDING:
		return RELAY_HELD;
	}
	return RELAY_HELD;
}

/* 421 to one recipient after it had taken others: that was about this one. */
static bool closed_for_one(const struct session *s)
{
	const struct departure *p = s->departure;
	for (uint32_t i = 0; i < p->count; i++)
		if (smtp_client_result(s->client, i)->outcome == SMTP_CLIENT_AGAIN)
			return true;
	return false;
}

static enum relay_health health_of(const struct session *s)
{
	switch (smtp_client_end(s->client)->kind) {
	case SMTP_CLIENT_END_NONE:
	case SMTP_CLIENT_END_QUIT:
	case SMTP_CLIENT_END_CONTENT:
		return RELAY_WORKS;
	case SMTP_CLIENT_END_CLOSING:
		return closed_for_one(s) ? RELAY_WORKS : RELAY_BUSY;
	case SMTP_CLIENT_END_REFUSED:
	case SMTP_CLIENT_END_TLS:
	case SMTP_CLIENT_END_LOGIN:
	case SMTP_CLIENT_END_GONE:
	case SMTP_CLIENT_END_NONSENSE:
		return RELAY_FAILS;
	}
	return RELAY_FAILS;
}

/* Nothing of it has reached the host: it can go to another one, or over a new connection. */
static bool is_untouched(const struct session *s)
{
	const struct departure *p = s->departure;
	for (uint32_t i = 0; i < p->count; i++)
		if (smtp_client_result(s->client, i)->outcome != SMTP_CLIENT_LOST)
			return false;
	return !p->given;
}

static void say_all(struct session *s, enum relay_health health)
{
	struct departure *p = s->departure;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct smtp_client_result *r = smtp_client_result(s->client, i);
		const enum relay_outcome outcome = outcome_of(s, r);
		trouble_of_session(&p->trouble, s, &r->said, NULL);
		spool_side_result(p, i, outcome, &p->trouble);
		trouble_log(&p->trouble, p, &p->recipients[i], outcome);
	}
	p->session = NULL;
	s->departure = NULL;
	spool_side_finish(p, health);
}

void results_take(struct session *s)
{
	struct departure *p = s->departure;
	const enum relay_health health = health_of(s);
	if (health == RELAY_WORKS || !is_untouched(s)) {
		s->relayd->counts.mails++;
		say_all(s, health);
		return;
	}
	trouble_of_session(&p->trouble, s, &smtp_client_end(s->client)->said, NULL);
	p->session = NULL;
	s->departure = NULL;
	if (s->mails > 1)
		attempt_anew(p); /* it had waited for us too long */
	else
		attempt_next(p);
}
