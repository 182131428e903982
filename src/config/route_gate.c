#include "config/route_gate.h"

static bool is_gated(const struct snapshot *s, const struct address *reverse_path,
	struct sender_owners *owners_out)
{
	*owners_out = (struct sender_owners){0};
	if (popkey_is_on(&s->popkey) && !address_is_null(reverse_path))
		*owners_out = sender_owners_of(s, reverse_path);
	return owners_out->count > 0;
}

bool route_may_fetch_first(const struct snapshot *s, const struct address *reverse_path)
{
	struct sender_owners owners;
	return is_gated(s, reverse_path, &owners);
}

bool route_asks_gate(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, struct sender_owners *owners_out)
{
	const bool is_relay =
		facts->side == ROUTE_OUTSIDE &&
		route_owner_of(s, facts, recipient->forward_path) == ROUTE_OWNER_ELSEWHERE;
	const bool matters =
		facts->is_submission || (is_relay && s->numbers[SETTING_POPKEYPORT25] != 0);
	*owners_out = (struct sender_owners){0};
	return matters && !route_is_known(facts) && recipient->reverse_path &&
	       is_gated(s, recipient->reverse_path, owners_out);
}

void route_opened(const struct snapshot *s, struct route_facts *facts, uint32_t user)
{
	must(user < s->user_count);
	facts->login = s->users[user].name;
	facts->side = ROUTE_INSIDE;
	facts->gate = ROUTE_GATE_OPEN;
}

/* RFC 4954 §6 */
struct route_verdict route_login_wanted(void)
{
	return route_refuse("login-wanted", 530, "5.7.0", VIEW("Please log in first, with AUTH"));
}

/* N-26: who sends first is told what to do. On a port for users' programs the code is the one that makes them
 * ask for a password. */
static struct route_verdict closed(const struct route_facts *facts, struct view text)
{
	return facts->is_submission ? route_refuse("gate-closed", 530, "5.7.0", text)
				    : route_refuse("gate-closed", 550, "5.7.1", text);
}

struct route_verdict route_not_open(
	const struct route_facts *facts, const struct route_recipient *recipient, struct arena *a)
{
	if (facts->gate == ROUTE_GATE_AWAY)
		return route_refuse("gate-away", 451, "4.3.0",
			VIEW("Whether you have fetched your mail cannot be looked up just now; "
			     "please "
			     "try again in a moment, or let your mail program log in"));
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	address_add(&b, recipient->reverse_path);
	const struct route_verdict v = closed(facts,
		ROUTE_SAY(a, "Please fetch your mail first, or let your mail program log in (AUTH)",
			"To send as <{}>, please fetch your mail first, or let your mail program "
			"log in (AUTH)",
			text_raw(buffer_view(&b))));
	buffer_free(&b);
	return v;
}
