#include "faces/resolve/question_parts.h"

#include "base/text.h"
#include "mail/address.h"

enum { AAAA, A };

/* --- TLSA (RFC 7672 §2.2.2, §2.2.3) ------------------------------------------------------- */

static void next_base(struct candidate *c);

static void take_tlsas(struct candidate *c, const struct dns_answer *answer)
{
	struct tlsa *room = arena_get_array(&c->question->arena, HOST_TLSAS_MAX, sizeof *room);
	bool kept = room != NULL;
	if (kept)
		c->host.tlsa = choose_tlsas(answer, room, &c->host.tlsa_count);
	for (uint32_t i = 0; kept && i < c->host.tlsa_count; i++)
		kept = arena_copy(&c->question->arena, room[i].data, &room[i].data);
	c->host.tlsas = room;
	if (kept)
		return;
	c->host.tlsa = HOST_TLSA_FAILED;
	c->host.tlsa_count = 0;
}

static void tlsa_answered(struct query *query, const struct dns_answer *answer)
{
	struct candidate *c = query->context;
	const bool failed = answer->status == DNS_FAILED || answer->status == DNS_BOGUS;
	if (failed)
		c->host.tlsa = HOST_TLSA_FAILED;
	else if (answer->status == DNS_FOUND && answer->is_secure)
		take_tlsas(c, answer);
	else
		next_base(c);
	question_settle(c->question);
}

/* The records stand at the name that the aliases lead to, or else at the name itself. */
static void next_base(struct candidate *c)
{
	struct question *q = c->question;
	struct buffer prefix = buffer_new(32);
	c->host.tlsa_base = (struct domain){VIEW_NONE};
	text_add(&prefix, "_{}._tcp.", text_number(q->port));
	/* below a name that is too long for that there is nothing */
	while (c->base_count &&
		c->bases[c->base_count - 1].name.length + prefix.length > DOMAIN_NAME_MAX)
		c->base_count--;
	if (c->base_count) {
		c->host.tlsa_base = c->bases[--c->base_count];
		question_ask(q, &c->queries[0], buffer_view(&prefix), c->host.tlsa_base.name,
			DNS_TLSA, tlsa_answered, c);
	}
	buffer_free(&prefix);
}

/* The addresses are not validated, but the name is an alias: when that much is, its TLSA records count. */
static void alias_answered(struct query *query, const struct dns_answer *answer)
{
	struct candidate *c = query->context;
	if (answer->status == DNS_FAILED || answer->status == DNS_BOGUS) {
		c->host.tlsa = HOST_TLSA_FAILED;
		c->host.tlsa_base = c->name;
	} else if (answer->status == DNS_FOUND && answer->is_secure) {
		c->bases[c->base_count++] = c->name;
		next_base(c);
	}
	question_settle(c->question);
}

static void start_tlsa(struct candidate *c, const struct dns_answer *addresses)
{
	struct question *q = c->question;
	if (q->port == 0 || (q->result.hosts.has_mx && !q->result.hosts.is_mx_secure))
		return;
	if (c->host.is_secure) {
		c->bases[c->base_count++] = c->name;
		if (addresses->has_alias && host_name_is_sound(addresses->canonical))
			c->bases[c->base_count++].name = addresses->canonical;
		next_base(c);
	} else if (addresses->has_alias) {
		question_ask(
			q, &c->queries[0], VIEW_NONE, c->name.name, DNS_CNAME, alias_answered, c);
	}
}

/* --- addresses ---------------------------------------------------------------------------- */

/* What an answer is wanted for later, in the question's arena. */
static void keep(struct question *q, const struct dns_answer *answer, struct dns_answer *kept)
{
	const uint32_t count =
		answer->count < HOST_ADDRESSES_MAX ? answer->count : HOST_ADDRESSES_MAX;
	struct dns_record *records = arena_get_array(&q->arena, count, sizeof *records);
	*kept = *answer;
	kept->count = count;
	kept->records = records;
	for (uint32_t i = 0; records && i < count; i++)
		records[i].ip = answer->records[i].ip;
	if (!records || !arena_copy(&q->arena, answer->canonical, &kept->canonical) ||
		!arena_copy(&q->arena, answer->why, &kept->why))
		*kept = (struct dns_answer){.status = DNS_FAILED};
}

static bool is_trouble(const struct dns_answer *answer)
{
	return answer->status == DNS_FAILED || answer->status == DNS_BOGUS;
}

/* Neither gave an address: whichever says more. */
static void note_trouble(struct candidate *c)
{
	const bool aaaa = is_trouble(&c->aaaa);
	c->is_temporary = aaaa || is_trouble(&c->a);
	c->trouble = aaaa && !is_trouble(&c->a) ? c->aaaa : c->a;
}

static void addresses_found(struct candidate *c)
{
	struct ip *room = arena_get_array(&c->question->arena, HOST_ADDRESSES_MAX, sizeof *room);
	const struct dns_answer *one = c->aaaa.count ? &c->aaaa : &c->a;
	if (!room)
		return;
	c->host.addresses = room;
	c->host.address_count = choose_addresses(&c->aaaa, &c->a, room);
	c->is_usable = c->host.address_count > 0;
	c->host.is_secure =
		(c->aaaa.count == 0 || c->aaaa.is_secure) && (c->a.count == 0 || c->a.is_secure);
	if (c->is_usable)
		start_tlsa(c, one);
	else
		note_trouble(c);
}

static void address_answered(struct query *query, const struct dns_answer *answer)
{
	struct candidate *c = query->context;
	keep(c->question, answer, query == &c->queries[AAAA] ? &c->aaaa : &c->a);
	if (--c->open == 0)
		addresses_found(c);
	question_settle(c->question);
}

static void start_candidate(struct candidate *c)
{
	c->open = 2;
	question_ask(c->question, &c->queries[AAAA], VIEW_NONE, c->name.name, DNS_AAAA,
		address_answered, c);
	question_ask(
		c->question, &c->queries[A], VIEW_NONE, c->name.name, DNS_A, address_answered, c);
}

/* --- MX ----------------------------------------------------------------------------------- */

static void start_hosts(struct question *q, const struct choice *choices, uint32_t count)
{
	q->candidates = arena_get_array(&q->arena, count, sizeof *q->candidates);
	if (!q->candidates)
		return;
	for (; q->candidate_count < count; q->candidate_count++) {
		const struct choice *choice = &choices[q->candidate_count];
		struct candidate *c = &q->candidates[q->candidate_count];
		c->question = q;
		c->preference = choice->preference;
		if (!arena_copy(&q->arena, choice->name.name, &c->name.name))
			break;
	}
	for (uint32_t i = 0; i < q->candidate_count; i++)
		start_candidate(&q->candidates[i]);
}

/* The destination is its own host: §5.1's implicit MX. */
static void start_itself(struct question *q)
{
	const struct choice itself = {.name = q->name};
	const bool is_self =
		domain_equal(q->name, q->self) || domain_equal(q->result.hosts.canonical, q->self);
	if (is_self && q->code == RESOLVE_HOSTS)
		question_say(q, LOOKUP_LOOP, "the destination is this server itself");
	else
		start_hosts(q, &itself, 1);
}

static void choose(struct question *q, const struct dns_answer *mx)
{
	struct choice room[DNS_RECORDS_MAX];
	uint32_t count;
	q->result.outcome = choose_hosts(mx, q->self, q->seed, room, &count);
	q->result.hosts.has_mx = true;
	if (q->result.outcome == LOOKUP_NULL_MX)
		question_say(q, LOOKUP_NULL_MX, "the domain takes no mail (null MX)");
	else if (q->result.outcome == LOOKUP_LOOP)
		question_say(
			q, LOOKUP_LOOP, "the best mail host of the domain is this server itself");
	else if (q->result.outcome == LOOKUP_NOTHING)
		question_say(q, LOOKUP_NOTHING, "the domain's MX records name no host");
	else
		start_hosts(q, room, count);
}

static void mx_answered(struct query *query, const struct dns_answer *answer)
{
	struct question *q = query->context;
	q->result.hosts.is_mx_secure = answer->is_secure;
	if (!host_name_is_sound(answer->canonical) ||
		!arena_copy(&q->arena, answer->canonical, &q->result.hosts.canonical.name))
		q->result.hosts.canonical = q->name;
	if (answer->status == DNS_FOUND)
		choose(q, answer);
	else if (answer->status == DNS_NO_DATA)
		start_itself(q);
	else
		question_trouble(q, answer, "the MX records", q->name.name);
	question_settle(q);
}

/* --- the beginning and the end ------------------------------------------------------------ */

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the host is given. */
static bool is_literal(struct question *q)
{
	struct helo_name literal;
	struct host *host = arena_get(&q->arena, sizeof *host);
	struct ip *ip = arena_get(&q->arena, sizeof *ip);
	if (!view_starts(q->text, VIEW("[")) || !host || !ip ||
		helo_parse(q->text, &q->arena, &literal) != ADDRESS_OK || !literal.is_literal)
		return false;
	*ip = literal.literal;
	*host = (struct host){.addresses = ip, .address_count = 1};
	q->result.hosts = (struct hosts){.hosts = host, .count = 1};
	return true;
}

void hosts_start(struct question *q)
{
	if (is_literal(q))
		return;
	if (!host_name_is_sound(q->name.name)) {
		question_say(q, LOOKUP_NO_DOMAIN, "this is no name that a domain can have");
		return;
	}
	q->result.hosts.canonical = q->name;
	if (q->code == RESOLVE_ADDRESSES) {
		start_itself(q);
		return;
	}
	q->port = 25;
	question_ask(q, &q->first, VIEW_NONE, q->name.name, DNS_MX, mx_answered, q);
}

/* None can be used: the first that may be usable later says so, else the first. */
static void say_why_none(struct question *q)
{
	const struct candidate *chosen = &q->candidates[0];
	for (uint32_t i = 0; i < q->candidate_count; i++)
		if (q->candidates[i].is_temporary) {
			chosen = &q->candidates[i];
			break;
		}
	question_trouble(q, &chosen->trouble, "the address", chosen->name.name);
	/* only the destination itself can be a domain that does not exist */
	if (q->result.outcome == LOOKUP_NO_DOMAIN && q->result.hosts.has_mx)
		q->result.outcome = LOOKUP_NOTHING;
}

void hosts_finish(struct question *q)
{
	struct hosts *hosts = &q->result.hosts;
	if (q->result.outcome != LOOKUP_OK || hosts->count)
		return;
	struct host *all = arena_get_array(&q->arena, q->candidate_count, sizeof *all);
	for (uint32_t i = 0; all && i < q->candidate_count; i++) {
		struct candidate *c = &q->candidates[i];
		if (!c->is_usable)
			continue;
		c->host.name = c->name;
		c->host.preference = c->preference;
		all[hosts->count++] = c->host;
	}
	hosts->hosts = all;
	if (!all || q->candidate_count == 0)
		question_say(q, LOOKUP_TEMPORARY, "the answer is too large");
	else if (hosts->count == 0)
		say_why_none(q);
}
