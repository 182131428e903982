#include "config/route.h"

#include "base/text.h"
#include "config/route_expand.h"
#include "config/senders.h"

#define TEXT_MAX 400 /* octets; a reply line has 512 with code and CRLF, RFC 5321 §4.5.3.1.5 */

const char *route_side_name(enum route_side side)
{
	switch (side) {
	case ROUTE_OUTSIDE:
		return "outside";
	case ROUTE_INSIDE:
		return "inside";
	}
	return "unknown";
}

const char *route_class_name(enum route_class class)
{
	switch (class) {
	case ROUTE_OUT_OUT:
		return "out>out";
	case ROUTE_OUT_IN:
		return "out>in";
	case ROUTE_IN_OUT:
		return "in>out";
	case ROUTE_IN_IN:
		return "in>in";
	}
	return "unknown";
}

static enum route_class class_of(enum route_side side, bool to_own)
{
	if (side == ROUTE_INSIDE)
		return to_own ? ROUTE_IN_IN : ROUTE_IN_OUT;
	return to_own ? ROUTE_OUT_IN : ROUTE_OUT_OUT;
}

/* --- verdicts ----------------------------------------------------------------------------- */

static struct view say(
	struct arena *a, const char *fallback, const char *format, const struct text_arg *args)
{
	struct buffer b = buffer_new(TEXT_MAX);
	struct view text;
	text_add_args(&b, format, args);
	/* A name too long to repeat, or an arena at its cap: the plain sentence will do. */
	if (buffer_failed(&b) || !arena_copy(a, buffer_view(&b), &text))
		text = view_text(fallback);
	buffer_free(&b);
	return text;
}

static struct route_verdict allow(const char *rule, uint16_t code, const char *enhanced)
{
	return (struct route_verdict){.accepted = true,
		.code = code,
		.enhanced = enhanced,
		.text = VIEW("ok"),
		.rule = view_text(rule)};
}

static struct route_verdict refuse(
	const char *rule, uint16_t code, const char *enhanced, struct view text)
{
	return (struct route_verdict){
		.code = code, .enhanced = enhanced, .text = text, .rule = view_text(rule)};
}

#define SAY(a, fallback, format, ...)  \
	say((a), (fallback), (format), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})

/* `who` was parsed: it is printable as it is, as addresses are below. */
static struct route_verdict denied(
	const struct denyfrom_entry *entry, uint16_t code, struct view who, struct arena *a)
{
	struct route_verdict v = refuse("denyfrom", code, "5.7.1",
		SAY(a, "Mail from there is not taken here", "Mail from {} is not taken here",
			text_raw(who)));
	v.rule = SAY(a, "denyfrom", "denyfrom:{}", text_number(entry->line));
	return v;
}

static struct route_verdict denied_ip(
	const struct denyfrom_entry *entry, uint16_t code, const struct ip *ip, struct arena *a)
{
	struct buffer b = buffer_new(TEXT_MAX);
	ip_add(&b, ip);
	const struct route_verdict v = denied(entry, code, buffer_view(&b), a);
	buffer_free(&b);
	return v;
}

/* --- who and from where ------------------------------------------------------------------- */

enum route_side route_client(const struct snapshot *s, const struct ip *client, struct view login)
{
	if (!view_is_empty(login) || ip_is_loopback(client) || snapshot_has_network(s, client))
		return ROUTE_INSIDE;
	return ROUTE_OUTSIDE;
}

struct route_verdict route_connect(
	const struct snapshot *s, const struct route_facts *facts, struct arena *a)
{
	const struct denyfrom_entry *entry = denyfrom_match_ip(&s->denyfrom, &facts->client);
	if (entry)
		return denied_ip(entry, 554, &facts->client, a);
	entry = denyfrom_match_host(&s->denyfrom, facts->verified_name);
	if (entry)
		return denied(entry, 554, facts->verified_name.name, a);
	return allow("accepted", 220, "2.0.0");
}

struct route_verdict route_helo(const struct snapshot *s, const struct route_facts *facts,
	const struct helo_name *name, struct arena *a)
{
	/* F-4: phones and printers of our own call themselves anything; strangers do not. Users' programs,
	 * wherever they are, do, too, and prove themselves by their login. */
	if (facts->side == ROUTE_OUTSIDE && !facts->is_submission && !name->is_literal &&
		(name->is_loose || !domain_is_full(name->domain)))
		return refuse("helo-not-full", 550, "5.7.1",
			VIEW("Please say HELO with the full name of your host, or its address in "
			     "brackets"));
	const struct denyfrom_entry *entry =
		name->is_literal ? denyfrom_match_ip(&s->denyfrom, &name->literal)
				 : denyfrom_match_host(&s->denyfrom, name->domain);
	if (entry)
		return denied(entry, 550, name->given, a);
	return allow("accepted", 250, "2.0.0");
}

/* --- senders ------------------------------------------------------------------------------ */

bool route_is_bound(const struct route_facts *facts)
{
	const bool is_known = !view_is_empty(facts->login) || !view_is_empty(facts->caller);
	return is_known && !facts->is_trusted;
}

/* CALLER@servername, with or without a tag. */
static bool is_of_caller(
	const struct snapshot *s, const struct route_facts *facts, const struct address *address)
{
	struct view name, tag;
	view_split(address->local_plain, '+', &name, &tag);
	return !view_is_empty(facts->caller) && view_equal_nocase(name, facts->caller) &&
	       view_equal(address->domain.name, s->servername.name);
}

static struct domain main_domain(const struct snapshot *s)
{
	return view_is_empty(s->first_domain.name) ? s->servername : s->first_domain;
}

static struct route_verdict not_own(const struct snapshot *s, const struct route_facts *facts,
	const struct address *sender, struct arena *a)
{
	struct buffer b = buffer_new(TEXT_MAX);
	address_add(&b, sender);
	const bool is_user = !view_is_empty(facts->login);
	const struct view who = is_user ? facts->login : facts->caller;
	const struct route_verdict v = refuse("sender-not-own", 550, "5.7.1",
		SAY(a, "You may write as yourself only, and this is not your address",
			"<{}> is not your address; as {} you may write as {}@{}, with or without "
			"a +tag{}",
			text_raw(buffer_view(&b)), text_view(who), text_view(who),
			text_raw(is_user ? main_domain(s).name : s->servername.name),
			text_string(is_user ? ", and as the aliases whose mail you get" : "")));
	buffer_free(&b);
	return v;
}

static struct route_verdict not_of_site(const struct address *sender, struct arena *a)
{
	struct buffer b = buffer_new(TEXT_MAX);
	address_add(&b, sender);
	const struct route_verdict v = refuse("sender-not-of-site", 550, "5.7.1",
		SAY(a, "Mail that leaves this site carries a sender of the site, and this is none",
			"Mail that leaves this site carries a sender of the site, and <{}> is none",
			text_raw(buffer_view(&b))));
	buffer_free(&b);
	return v;
}

struct route_verdict route_author(const struct snapshot *s, const struct route_facts *facts,
	const struct address *author, struct arena *a)
{
	const bool is_bound = route_is_bound(facts);
	if (is_of_caller(s, facts, author) || (is_bound ? sender_is_of_user(s, facts->login, author)
							: sender_is_of_site(s, author)))
		return allow("accepted", 250, "2.1.0");
	return is_bound ? not_own(s, facts, author, a) : not_of_site(author, a);
}

struct route_verdict route_mail(const struct snapshot *s, const struct route_facts *facts,
	const struct address *reverse_path, struct arena *a)
{
	const struct denyfrom_entry *entry = denyfrom_match_sender(&s->denyfrom, reverse_path);
	if (entry) {
		struct buffer b = buffer_new(TEXT_MAX);
		address_add(&b, reverse_path);
		const struct route_verdict v = denied(entry, 550, buffer_view(&b), a);
		buffer_free(&b);
		return v;
	}
	/* the null one is for what programs answer by themselves: that it was read, that one is away */
	if (!route_is_bound(facts) || address_is_null(reverse_path))
		return allow("accepted", 250, "2.1.0");
	return route_author(s, facts, reverse_path, a);
}

/* --- to whom ------------------------------------------------------------------------------ */

static bool is_unset(const struct ip *ip)
{
	const struct ip none = {{0}};
	return ip_equal(ip, &none);
}

/* Whether the address is "in": an own domain, our own end of this session, or <postmaster>. */
static bool is_own(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path)
{
	if (path->is_literal)
		return !is_unset(&facts->local) && ip_equal(&path->literal, &facts->local);
	if (view_is_empty(path->domain.name))
		return view_equal_nocase(path->local_plain, VIEW("postmaster"));
	return snapshot_has_domain(s, path->domain);
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

static struct route_verdict unknown_user(const struct address *path, struct arena *a)
{
	const char *route = hidden_route(path->local_plain);
	struct buffer b = buffer_new(TEXT_MAX);
	if (route)
		return refuse(route, 550, "5.7.1",
			VIEW("This address asks to pass the mail on to another host, which is not "
			     "done "
			     "here"));
	address_add(&b, path);
	const struct route_verdict v = refuse("unknown-user", 550, "5.1.1",
		SAY(a, "There is no such mailbox here", "There is no mailbox <{}> here",
			text_raw(buffer_view(&b))));
	buffer_free(&b);
	return v;
}

static struct route_verdict relay_denied(const struct address *path, struct arena *a)
{
	struct buffer b = buffer_new(TEXT_MAX);
	address_add(&b, path);
	const struct view text = SAY(a, "This server takes mail for its own addresses only",
		"This server takes mail for its own addresses only, and <{}> is none of them",
		text_raw(buffer_view(&b)));
	buffer_free(&b);
	return refuse("relay-denied", 550, "5.7.1", text);
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
	{EXPAND_OTHER_HOST, 550, "forward-not-possible", "5.7.1",
		VIEW("This address leads to another host, and mail cannot leave from here yet")},
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
		return allow("accepted", 250, "2.1.5");
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (failures[i].result == result)
			return refuse(failures[i].rule, failures[i].code, failures[i].enhanced,
				failures[i].text);
	return unknown_user(path, a);
}

/* Law 3: out>out never passes. */
static struct route_verdict judge_remote(const struct route_facts *facts,
	const struct address *path, uint32_t number, struct route_set *set, struct arena *a)
{
	if (facts->side == ROUTE_OUTSIDE)
		return relay_denied(path, a);
	if (!path->is_literal && !domain_is_full(path->domain))
		return refuse("relay-not-full", 550, "5.1.2",
			VIEW("This address has no full domain, such as example.org"));
	struct route_verdict v = verdict_of(route_set_add_remote(set, path, number), path, a);
	if (v.accepted)
		v.rule = VIEW("relay");
	return v;
}

/* The address of the system user who posts, or of root: what cron and its like write to. */
static bool is_system_user(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path)
{
	const bool is_root = view_equal_nocase(path->local_plain, VIEW("root")) &&
			     view_equal(path->domain.name, s->servername.name);
	return !view_is_empty(facts->caller) && (is_root || is_of_caller(s, facts, path));
}

static struct route_verdict judge(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, bool own, struct route_set *set, struct arena *a)
{
	const struct address *path = recipient->forward_path;
	if (address_is_null(path) || view_is_empty(path->local_plain))
		return refuse("no-address", 550, "5.1.3", VIEW("This is no address of anybody"));
	if (recipient->had_route)
		return refuse("route-source", 550, "5.7.1",
			VIEW("A route through other hosts is not followed here; please write the "
			     "address alone"));
	if (!own && facts->side == ROUTE_INSIDE && recipient->reverse_path &&
		!address_is_null(recipient->reverse_path)) {
		const struct route_verdict v = route_author(s, facts, recipient->reverse_path, a);
		if (!v.accepted)
			return v;
	}
	if (!own)
		return judge_remote(facts, path, recipient->number, set, a);
	struct name name = name_find(s, path->local_plain, path->domain);
	const bool is_of_machine = name.kind == NAME_UNKNOWN && is_system_user(s, facts, path);
	if (is_of_machine)
		name = name_find(s, VIEW("postmaster"), path->domain);
	const enum expand_result result = route_expand(s, name, recipient->number, set);
	struct route_verdict v = verdict_of(result, path, a);
	if (v.accepted && is_of_machine)
		v.rule = VIEW("system-user");
	else if (v.accepted && name_is_role(path->local_plain))
		v.rule = VIEW("postmaster");
	return v;
}

struct route_verdict route_rcpt(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, struct route_set *set, struct arena *a)
{
	const bool own = is_own(s, facts, recipient->forward_path);
	struct route_verdict v = judge(s, facts, recipient, own, set, a);
	v.class = class_of(facts->side, own);
	return v;
}

/* --- VRFY --------------------------------------------------------------------------------- */

void route_add_user(struct buffer *b, const struct snapshot *s, uint32_t user)
{
	must(user < s->user_count);
	text_add(b, "{}@{}", text_raw(s->users[user].name), text_raw(main_domain(s).name));
}

void route_add_mailbox(struct buffer *b, const struct snapshot *s, const struct route_mailbox *m)
{
	if (m->remote)
		address_add(b, m->remote);
	else
		route_add_user(b, s, m->user);
}

void route_add_destination(struct buffer *b, const struct address *remote)
{
	if (!remote->is_literal) {
		buffer_add(b, remote->domain.name);
		return;
	}
	buffer_add(b, ip_is_v4(&remote->literal) ? VIEW("[") : VIEW("[IPv6:"));
	ip_add(b, &remote->literal);
	buffer_add_octet(b, ']');
}

static struct view without_brackets(struct view v)
{
	v = view_trim(v);
	if (view_starts(v, VIEW("<")) && view_ends(v, VIEW(">")))
		v = view_part(v, 1, v.length - 2);
	return v;
}

/* An address, or a local-part alone, which stands for one in the main domain. */
static bool parse_verify(
	const struct snapshot *s, struct view text, struct arena *a, struct address *address_out)
{
	enum address_problem problem = address_parse(text, true, a, address_out);
	if (problem == ADDRESS_NO_DOMAIN) {
		struct buffer b = buffer_new(TEXT_MAX);
		text_add(&b, "{}@{}", text_raw(text), text_raw(main_domain(s).name));
		problem = address_parse(buffer_view(&b), true, a, address_out);
		buffer_free(&b);
	}
	return problem == ADDRESS_OK;
}

static struct name find_verify(
	const struct snapshot *s, const struct route_facts *facts, const struct address *address)
{
	if (!is_own(s, facts, address))
		return (struct name){NAME_UNKNOWN, SNAPSHOT_NOT_FOUND};
	return name_find(s, address->local_plain, address->domain);
}

struct route_verdict route_verify(const struct snapshot *s, const struct route_facts *facts,
	struct view text, struct arena *a)
{
	struct name name = {NAME_UNKNOWN, SNAPSHOT_NOT_FOUND};
	struct address address;
	const struct view who = without_brackets(text);
	if (view_is_empty(facts->login))
		return (struct route_verdict){.accepted = true,
			.code = 252,
			.enhanced = "2.0.0",
			.text = VIEW("That is not told to everybody; please send the mail, and it "
				     "will be tried"),
			.rule = VIEW("vrfy-stranger")};
	if (parse_verify(s, who, a, &address))
		name = find_verify(s, facts, &address);
	if (name.kind == NAME_UNKNOWN || name.kind == NAME_OTHER_HOST)
		return refuse("unknown-user", 550, "5.1.1",
			SAY(a, "There is no such mailbox here", "There is no mailbox <{}> here",
				text_view(who)));
	struct route_verdict v = allow("accepted", 250, "2.1.5");
	struct buffer b = buffer_new(TEXT_MAX);
	/* RFC 5321 §3.5.1: a full address, in brackets; in the domain in which it was asked for. */
	text_add(&b, "{}@{}",
		text_raw(name.kind == NAME_USER ? s->users[name.index].name : address.local_part),
		text_raw(address.is_literal ? main_domain(s).name : address.domain.name));
	v.text = SAY(a, "It is a mailbox here", "<{}>", text_raw(buffer_view(&b)));
	buffer_free(&b);
	return v;
}
