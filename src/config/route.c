#include "config/route.h"

#include "config/route_gate.h"

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

/* --- verdicts ----------------------------------------------------------------------------- */

/* `who` was parsed: it is printable as it is, as addresses are below. */
static struct route_verdict denied(
	const struct denyfrom_entry *entry, uint16_t code, struct view who, struct arena *a)
{
	struct route_verdict v = route_refuse("denyfrom", code, "5.7.1",
		ROUTE_SAY(a, "Mail from there is not taken here", "Mail from {} is not taken here",
			text_raw(who)));
	v.rule = ROUTE_SAY(a, "denyfrom", "denyfrom:{}", text_number(entry->line));
	return v;
}

static struct route_verdict denied_ip(
	const struct denyfrom_entry *entry, uint16_t code, const struct ip *ip, struct arena *a)
{
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
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
	return route_allow("accepted", 220, "2.0.0");
}

struct route_verdict route_helo(const struct snapshot *s, const struct route_facts *facts,
	const struct helo_name *name, struct arena *a)
{
	/* F-4: phones and printers of our own call themselves anything; strangers do not. Users' programs,
	 * wherever they are, do, too, and prove themselves by their login. */
	if (facts->side == ROUTE_OUTSIDE && !facts->is_submission && !name->is_literal &&
		(name->is_loose || !domain_is_full(name->domain)))
		return route_refuse("helo-not-full", 550, "5.7.1",
			VIEW("Please say HELO with the full name of your host, or its address in "
			     "brackets"));
	const struct denyfrom_entry *entry =
		name->is_literal ? denyfrom_match_ip(&s->denyfrom, &name->literal)
				 : denyfrom_match_host(&s->denyfrom, name->domain);
	if (entry)
		return denied(entry, 550, name->given, a);
	return route_allow("accepted", 250, "2.0.0");
}

/* --- senders ------------------------------------------------------------------------------ */

bool route_is_known(const struct route_facts *facts)
{
	return !view_is_empty(facts->login) || !view_is_empty(facts->caller);
}

bool route_is_bound(const struct route_facts *facts)
{
	return route_is_known(facts) && !facts->is_trusted;
}

/* CALLER@servername, with or without a tag. */
bool route_is_of_caller(
	const struct snapshot *s, const struct route_facts *facts, const struct address *address)
{
	struct view name, tag;
	view_split(address->local_plain, '+', &name, &tag);
	return !view_is_empty(facts->caller) && view_equal_nocase(name, facts->caller) &&
	       view_equal(address->domain.name, s->servername.name);
}

static struct route_verdict not_own(const struct snapshot *s, const struct route_facts *facts,
	const struct address *sender, struct arena *a)
{
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	address_add(&b, sender);
	const bool is_user = !view_is_empty(facts->login);
	const struct view who = is_user ? facts->login : facts->caller;
	const struct route_verdict v = route_refuse("sender-not-own", 550, "5.7.1",
		ROUTE_SAY(a, "You may write as yourself only, and this is not your address",
			"<{}> is not your address; as {} you may write as {}@{}, with or without "
			"a +tag{}",
			text_raw(buffer_view(&b)), text_view(who), text_view(who),
			text_raw(is_user ? route_main_domain(s).name : s->servername.name),
			text_string(is_user ? ", and as the aliases whose mail you get" : "")));
	buffer_free(&b);
	return v;
}

static struct route_verdict not_of_site(const struct address *sender, struct arena *a)
{
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	address_add(&b, sender);
	const struct route_verdict v = route_refuse("sender-not-of-site", 550, "5.7.1",
		ROUTE_SAY(a,
			"Mail that leaves this site carries a sender of the site, and this is none",
			"Mail that leaves this site carries a sender of the site, and <{}> is none",
			text_raw(buffer_view(&b))));
	buffer_free(&b);
	return v;
}

struct route_verdict route_author(const struct snapshot *s, const struct route_facts *facts,
	const struct address *author, struct arena *a)
{
	const bool is_bound = route_is_bound(facts);
	if (route_is_of_caller(s, facts, author) ||
		(is_bound ? sender_is_of_user(s, facts->login, author)
			  : sender_is_of_site(s, author)))
		return route_allow("accepted", 250, "2.1.0");
	return is_bound ? not_own(s, facts, author, a) : not_of_site(author, a);
}

struct route_verdict route_mail(const struct snapshot *s, const struct route_facts *facts,
	const struct address *reverse_path, struct arena *a)
{
	const struct denyfrom_entry *entry = denyfrom_match_sender(&s->denyfrom, reverse_path);
	if (entry) {
		struct buffer b = buffer_new(ROUTE_TEXT_MAX);
		address_add(&b, reverse_path);
		const struct route_verdict v = denied(entry, 550, buffer_view(&b), a);
		buffer_free(&b);
		return v;
	}
	if (facts->is_submission && !route_is_known(facts) &&
		!route_may_fetch_first(s, reverse_path))
		return route_login_wanted();
	/* the null one is for what programs answer by themselves: that it was read, that one is away */
	if (!route_is_bound(facts) || address_is_null(reverse_path))
		return route_allow("accepted", 250, "2.1.0");
	return route_author(s, facts, reverse_path, a);
}

/* --- VRFY --------------------------------------------------------------------------------- */

void route_add_user(struct buffer *b, const struct snapshot *s, uint32_t user)
{
	must(user < s->user_count);
	text_add(b, "{}@{}", text_raw(s->users[user].name), text_raw(route_main_domain(s).name));
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

static bool fill_remote(const struct address *remote, struct arena *a, struct envelope_recipient *r)
{
	struct buffer target = buffer_new(ENVELOPE_DESTINATION_MAX);
	struct buffer path = buffer_new(ENVELOPE_PATH_MAX);
	route_add_destination(&target, remote);
	address_add(&path, remote);
	const bool ok = !buffer_failed(&target) && !buffer_failed(&path) &&
			arena_copy(a, buffer_view(&target), &r->target) &&
			arena_copy(a, buffer_view(&path), &r->forward_path);
	buffer_free(&path);
	buffer_free(&target);
	return ok;
}

bool route_fill_recipient(const struct snapshot *s, const struct route_mailbox *m,
	struct view named, struct arena *a, struct envelope_recipient *r)
{
	*r = (struct envelope_recipient){.kind = m->remote ? ENVELOPE_REMOTE : ENVELOPE_LOCAL,
		.forward_path = named,
		.alias = m->is_forwarded ? named : VIEW_NONE};
	if (m->remote)
		return fill_remote(m->remote, a, r);
	r->target = s->users[m->user].name;
	return true;
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
		struct buffer b = buffer_new(ROUTE_TEXT_MAX);
		text_add(&b, "{}@{}", text_raw(text), text_raw(route_main_domain(s).name));
		problem = address_parse(buffer_view(&b), true, a, address_out);
		buffer_free(&b);
	}
	return problem == ADDRESS_OK;
}

static struct name find_verify(
	const struct snapshot *s, const struct route_facts *facts, const struct address *address)
{
	if (!route_is_own(s, facts, address))
		return (struct name){NAME_UNKNOWN, SNAPSHOT_NOT_FOUND};
	return name_find(s, address->local_plain, address->domain);
}

struct route_verdict route_verify(const struct snapshot *s, const struct route_facts *facts,
	struct view text, struct arena *a)
{
	struct name name = {NAME_UNKNOWN, SNAPSHOT_NOT_FOUND};
	struct address address = {.is_literal = false};
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
	if (!view_is_empty(who) && snapshot_find_backup(s, address.domain))
		return (struct route_verdict){.accepted = true,
			.code = 252,
			.enhanced = "2.0.0",
			.text = VIEW(
				"Mail for this domain is kept for its own host, which alone knows "
				"its users"),
			.rule = VIEW("backup")};
	if (name.kind == NAME_UNKNOWN || name.kind == NAME_OTHER_HOST)
		return route_refuse("unknown-user", 550, "5.1.1",
			ROUTE_SAY(a, "There is no such mailbox here",
				"There is no mailbox <{}> here", text_view(who)));
	struct route_verdict v = route_allow("accepted", 250, "2.1.5");
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	/* RFC 5321 §3.5.1: a full address, in brackets; in the domain in which it was asked for. */
	text_add(&b, "{}@{}",
		text_raw(name.kind == NAME_USER ? s->users[name.index].name : address.local_part),
		text_raw(address.is_literal ? route_main_domain(s).name : address.domain.name));
	v.text = ROUTE_SAY(a, "It is a mailbox here", "<{}>", text_raw(buffer_view(&b)));
	buffer_free(&b);
	return v;
}
