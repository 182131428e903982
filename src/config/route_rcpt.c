/* To whom: the RCPT of config/route.h. */
#include "config/forward.h"
#include "config/route_expand.h"
#include "config/route_gate.h"
#include "config/route_verdict.h"

static enum route_class class_of(enum route_side side, bool to_own)
{
	if (side == ROUTE_INSIDE)
		return to_own ? ROUTE_IN_IN : ROUTE_IN_OUT;
	return to_own ? ROUTE_OUT_IN : ROUTE_OUT_OUT;
}

/* The routes of old, which lead through us to somebody else (N-1); null when there is none. */
static const char *hidden_route(struct view local)
{
	if (view_find(local, '@') != VIEW_NOT_FOUND)
		return "route-quoted";
	if (view_find(local, '%') != VIEW_NOT_FOUND)
		return "route-percent";
	return view_find(local, '!') != VIEW_NOT_FOUND ? "route-bang" : NULL;
}

static struct route_verdict refuse_route(const char *rule)
{
	return route_refuse(rule, 550, "5.7.1",
		VIEW("This address asks to pass the mail on to another host, which is not done "
		     "here"));
}

static struct route_verdict unknown_user(const struct address *path, struct arena *a)
{
	const char *route = hidden_route(path->local_plain);
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	if (route)
		return refuse_route(route);
	address_add(&b, path);
	const struct route_verdict v = route_refuse("unknown-user", 550, "5.1.1",
		ROUTE_SAY(a, "There is no such mailbox here", "There is no mailbox <{}> here",
			text_raw(buffer_view(&b))));
	buffer_free(&b);
	return v;
}

static struct route_verdict relay_denied(const struct address *path, struct arena *a)
{
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	address_add(&b, path);
	const struct view text = ROUTE_SAY(a, "This server takes mail for its own addresses only",
		"This server takes mail for its own addresses only, and <{}> is none of them",
		text_raw(buffer_view(&b)));
	buffer_free(&b);
	return route_refuse("relay-denied", 550, "5.7.1", text);
}

static const struct {
	enum expand_result result;
	uint16_t code;
	const char *rule;
	const char *enhanced;
	struct view text;
} failures[] = {
	{EXPAND_NO_ROLE, 450, "no-postmaster", "4.2.1",
		VIEW("There is nobody yet to read this mail; please try again later")},
	{EXPAND_DANGLING, 451, "alias-dangling", "4.3.5",
		VIEW("An alias of this site leads nowhere; its postmaster must mend it")},
	{EXPAND_DEEP, 451, "alias-deep", "4.3.5",
		VIEW("The aliases of this site go too deep; its postmaster must mend them")},
	{EXPAND_LARGE, 451, "alias-large", "4.3.5",
		VIEW("This list is too large; its postmaster must mend it")},
	{EXPAND_LOOP, 451, "alias-loop", "4.3.5",
		VIEW("An alias of this site leads to itself; its postmaster must mend it")},
	{EXPAND_FULL, 452, "too-many-mailboxes", "4.5.3",
		VIEW("This mail has too many recipients; please send it again to the others")},
	{EXPAND_MEMORY, 452, "memory", "4.3.1",
		VIEW("There is no memory left for this mail; please try again later")},
};

static struct route_verdict verdict_of(
	enum expand_result result, const struct address *path, struct arena *a)
{
	if (result == EXPAND_OK)
		return route_allow("accepted", 250, "2.1.5");
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (failures[i].result == result)
			return route_refuse(failures[i].rule, failures[i].code,
				failures[i].enhanced, failures[i].text);
	return unknown_user(path, a);
}

/* Law 3: out>out never passes. */
static struct route_verdict judge_remote(const struct route_facts *facts,
	const struct route_recipient *recipient, struct route_set *set, struct arena *a)
{
	const struct address *path = recipient->forward_path;
	if (facts->side == ROUTE_OUTSIDE)
		return facts->gate == ROUTE_GATE_UNASKED ? relay_denied(path, a)
							 : route_not_open(facts, recipient, a);
	if (!path->is_literal && !domain_is_full(path->domain))
		return route_refuse("relay-not-full", 550, "5.1.2",
			VIEW("This address has no full domain, such as example.org"));
	struct route_verdict v =
		verdict_of(route_set_add_remote(set, path, recipient->number, false), path, a);
	if (v.accepted)
		v.rule = VIEW("relay");
	return v;
}

/* A return address that we gave out, or that somebody made up: mail to it goes to nobody but him to whom we
 * gave it (law 3). */
static struct route_verdict judge_return(const struct route_recipient *recipient,
	const struct srs *srs, struct route_set *set, struct arena *a)
{
	if (recipient->mac.length < SRS_MAC_OCTETS)
		return route_refuse("keys-away", 451, "4.3.0",
			VIEW("This return address cannot be looked at just now, please try again "
			     "in a "
			     "moment"));
	switch (srs_check(srs, recipient->mac, recipient->now_s)) {
	case SRS_FORGED:
		return route_refuse("return-forged", 550, "5.1.1",
			VIEW("This return address was not given out by this server"));
	case SRS_OLD:
		return route_refuse("return-old", 550, "5.1.6",
			VIEW("This return address was for a mail of some weeks ago, and is not in "
			     "use "
			     "any more"));
	case SRS_GOOD:
		break;
	}
	struct buffer path = buffer_new(ADDRESS_PATH_MAX);
	srs_add_original(&path, srs);
	const enum expand_result result =
		buffer_failed(&path)
			? EXPAND_UNKNOWN
			: route_set_add_forward(set, buffer_view(&path), recipient->number);
	buffer_free(&path);
	struct route_verdict v = verdict_of(
		result == EXPAND_DANGLING ? EXPAND_UNKNOWN : result, recipient->forward_path, a);
	if (v.accepted)
		v.rule = VIEW("return");
	return v;
}

/* The address of the system user who posts, or of root: what cron and its like write to. */
static bool is_system_user(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path)
{
	const bool is_root = view_equal_nocase(path->local_plain, VIEW("root")) &&
			     view_equal(path->domain.name, s->servername.name);
	return !view_is_empty(facts->caller) && (is_root || route_is_of_caller(s, facts, path));
}

static struct route_verdict judge_own(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, struct route_set *set, struct arena *a)
{
	const struct address *path = recipient->forward_path;
	const uint32_t before = set->count;
	struct srs srs;
	if (forward_is_return(s, path, &srs))
		return judge_return(recipient, &srs, set, a);
	struct name name = name_find(s, path->local_plain, path->domain);
	const bool is_of_machine = name.kind == NAME_UNKNOWN && is_system_user(s, facts, path);
	if (is_of_machine)
		name = name_find(s, VIEW("postmaster"), path->domain);
	const enum expand_result result = route_expand(s, name, recipient->number, set);
	struct route_verdict v = verdict_of(result, path, a);
	for (uint32_t i = before; i < set->count; i++)
		if (set->mailboxes[i].is_forwarded)
			v.rule = VIEW("forward");
	if (v.accepted && is_of_machine)
		v.rule = VIEW("system-user");
	else if (v.accepted && name_is_role(path->local_plain))
		v.rule = VIEW("postmaster");
	return v;
}

/* Kept for another host, who alone knows whose address it is. It trusts us, perhaps, so nothing goes there that
 * could ask it to pass the mail on. */
static struct route_verdict judge_backup(
	const struct route_recipient *recipient, struct route_set *set, struct arena *a)
{
	const struct address *path = recipient->forward_path;
	const char *route = hidden_route(path->local_plain);
	if (route)
		return refuse_route(route);
	struct route_verdict v =
		verdict_of(route_set_add_remote(set, path, recipient->number, false), path, a);
	if (v.accepted)
		v.rule = VIEW("backup");
	return v;
}

static struct route_verdict judge(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, enum route_owner owner, struct route_set *set,
	struct arena *a)
{
	const struct address *path = recipient->forward_path;
	if (address_is_null(path) || view_is_empty(path->local_plain))
		return route_refuse(
			"no-address", 550, "5.1.3", VIEW("This is no address of anybody"));
	if (recipient->had_route)
		return route_refuse("route-source", 550, "5.7.1",
			VIEW("A route through other hosts is not followed here; please write the "
			     "address alone"));
	if (facts->is_submission && !route_is_known(facts))
		return facts->gate == ROUTE_GATE_UNASKED ? route_login_wanted()
							 : route_not_open(facts, recipient, a);
	if (owner == ROUTE_OWNER_SITE)
		return judge_own(s, facts, recipient, set, a);
	if (owner == ROUTE_OWNER_BACKED_UP)
		return judge_backup(recipient, set, a);
	if (facts->side == ROUTE_INSIDE && recipient->reverse_path &&
		!address_is_null(recipient->reverse_path)) {
		const struct route_verdict v = route_author(s, facts, recipient->reverse_path, a);
		if (!v.accepted)
			return v;
	}
	return judge_remote(facts, recipient, set, a);
}

struct route_verdict route_rcpt(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, struct route_set *set, struct arena *a)
{
	const enum route_owner owner = route_owner_of(s, facts, recipient->forward_path);
	struct route_verdict v = judge(s, facts, recipient, owner, set, a);
	v.class = class_of(facts->side, owner != ROUTE_OWNER_ELSEWHERE);
	return v;
}
