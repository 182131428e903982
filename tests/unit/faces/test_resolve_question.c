#include "faces/resolve/question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- a DNS in a table --------------------------------------------------------------------- */

/* A name and type has all rows that bear it; a name without any does not exist, one with other types has no data
 * of this. `data`: for MX "PREFERENCE HOST", for TLSA "U S M", else as it is; "!" no answer, "?" bogus, "@" an
 * alias to what follows. */
struct row {
	const char *name;
	enum dns_type type;
	const char *data;
	bool is_secure;
};

struct zone {
	const struct row *rows;
	bool is_late; /* answers come when `answer_all` says so */
	bool backwards; /* the last asked is answered first */
	struct query *open[200];
	uint32_t open_count;
	uint32_t asked;
	uint32_t forgotten;
	uint64_t now_ms;
};

static const uint8_t digest[64];

static bool fill(struct dns_record *r, enum dns_type type, const char *data)
{
	unsigned a, b, c;
	struct view number, rest;
	if (type == DNS_A || type == DNS_AAAA)
		return ip_parse(view_text(data), &r->ip);
	if (type == DNS_MX) {
		uint32_t n;
		(void)view_split(view_text(data), ' ', &number, &r->name);
		assert_true(view_to_u32(number, 65535, &n));
		r->preference = (uint16_t)n;
	} else if (type == DNS_TLSA) {
		assert_int_equal(sscanf(data, "%u %u %u", &a, &b, &c), 3);
		r->tlsa = (struct tlsa){(uint8_t)a, (uint8_t)b, (uint8_t)c, view_of(digest, 32)};
	} else {
		r->name = r->octets = view_text(data);
	}
	(void)rest;
	return true;
}

static void answer_one(struct zone *z, struct query *q)
{
	static struct dns_record records[300];
	struct dns_answer answer = {
		.status = DNS_NO_DOMAIN, .canonical = view_text(q->name), .records = records};
	const char *name = q->name;
	for (const struct row *r = z->rows; r->name; r++) {
		if (strcmp(r->name, name) != 0)
			continue;
		const bool follows = r->data[0] == '@' && q->type != DNS_CNAME;
		if (answer.status == DNS_NO_DOMAIN) {
			answer.status = DNS_NO_DATA;
			answer.is_secure = r->is_secure && (!answer.has_alias || answer.is_secure);
		}
		if (follows) {
			answer.is_secure = r->is_secure;
			answer.has_alias = true;
			answer.canonical = view_text(r->data + 1);
			answer.status = DNS_NO_DOMAIN;
			name = r->data + 1;
			const bool secure = r->is_secure;
			r = z->rows - 1;
			answer.is_secure = secure;
			continue;
		}
		if (r->type != q->type)
			continue;
		if (r->data[0] == '!' || r->data[0] == '?') {
			answer = (struct dns_answer){
				.status = r->data[0] == '!' ? DNS_FAILED : DNS_BOGUS,
				.canonical = view_text(q->name),
				.why = VIEW("so it is")};
			break;
		}
		answer.status = DNS_FOUND;
		assert_true(fill(&records[answer.count++], q->type, r->data + (r->data[0] == '@')));
	}
	q->under_way = NULL;
	q->answered(q, &answer);
}

static void ask(void *context, struct query *q)
{
	struct zone *z = context;
	assert_null(q->under_way);
	assert_true(q->deadline_ms > z->now_ms && q->deadline_ms <= z->now_ms + QUERY_MS);
	z->asked++;
	if (!z->is_late) {
		answer_one(z, q);
		return;
	}
	q->under_way = z;
	z->open[z->open_count++] = q;
}

static void forget(void *context, struct query *q)
{
	struct zone *z = context;
	if (!q->under_way)
		return;
	q->under_way = NULL;
	z->forgotten++;
	for (uint32_t i = 0; i < z->open_count; i++)
		if (z->open[i] == q)
			z->open[i] = z->open[--z->open_count];
}

static uint64_t now_ms(void *context)
{
	const struct zone *z = context;
	return z->now_ms;
}

static void answer_all(struct zone *z)
{
	while (z->open_count) {
		const uint32_t i = z->backwards ? z->open_count - 1 : 0;
		struct query *q = z->open[i];
		for (uint32_t k = i + 1; k < z->open_count; k++)
			z->open[k - 1] = z->open[k];
		z->open_count--;
		answer_one(z, q);
	}
}

/* --- asking it ---------------------------------------------------------------------------- */

struct seen {
	unsigned times;
	enum lookup_outcome outcome;
	char text[4000];
};

static void describe_host(struct buffer *b, const struct host *h)
{
	text_add(b, "{} {}", text_number(h->preference), text_view(h->name.name));
	for (uint32_t i = 0; i < h->address_count; i++) {
		buffer_add_octet(b, ' ');
		ip_add(b, &h->addresses[i]);
	}
	if (h->is_secure)
		buffer_add(b, VIEW(" secure"));
	if (h->tlsa != HOST_TLSA_NONE)
		text_add(b, " {}:{}:{}", text_string(host_tlsa_name(h->tlsa)),
			text_number(h->tlsa_count), text_view(h->tlsa_base.name));
	buffer_add_octet(b, ';');
}

static void done(void *context, struct question *q, const struct question_result *r)
{
	struct seen *s = context;
	struct buffer b = buffer_new(sizeof s->text - 1);
	s->times++;
	s->outcome = r->outcome;
	for (uint32_t i = 0; i < r->hosts.count; i++)
		describe_host(&b, &r->hosts.hosts[i]);
	buffer_add(&b, r->name);
	struct cursor c = cursor_of(r->texts);
	while (cursor_left(&c))
		text_add(&b, "{};", text_view(cursor_take(&c, cursor_u32(&c))));
	if (r->outcome != LOOKUP_OK) {
		assert_int_equal(b.length, 0);
		buffer_add(&b, r->why);
		assert_true(view_is_printable(r->why, true) && r->why.length <= RESOLVE_WHY_MAX);
	}
	assert_true(view_to_text(buffer_view(&b), s->text, sizeof s->text));
	buffer_free(&b);
	question_free(&q);
}

static struct seen ask_zone(struct zone *z, const struct question_given *given)
{
	const struct asker asker = {ask, forget, now_ms, z};
	struct seen seen = {0};
	question_start(question_new(&asker, given, done, &seen));
	answer_all(z);
	assert_int_equal(seen.times, 1);
	return seen;
}

/* The same answer whether look-ups end at once, in order, or in the opposite order. */
static struct seen ask_rows(const struct row *rows, const struct question_given *given)
{
	struct zone at_once = {.rows = rows, .now_ms = 1000};
	struct zone late = {.rows = rows, .now_ms = 1000, .is_late = true};
	struct zone backwards = {.rows = rows, .now_ms = 1000, .is_late = true, .backwards = true};
	const struct seen seen = ask_zone(&at_once, given);
	struct zone *const others[] = {&late, &backwards};
	for (size_t i = 0; i < 2; i++) {
		const struct seen other = ask_zone(others[i], given);
		assert_int_equal(other.outcome, seen.outcome);
		assert_string_equal(other.text, seen.text);
		assert_int_equal(others[i]->asked, at_once.asked);
	}
	return seen;
}

static const struct row world[] = {{"two.example", DNS_MX, "20 mx2.two.example", false},
	{"two.example", DNS_MX, "10 mx1.two.example", false},
	{"mx1.two.example", DNS_A, "192.0.2.1", false},
	{"mx1.two.example", DNS_AAAA, "2001:db8::1", false},
	{"mx1.two.example", DNS_AAAA, "2001:db8::2", false},
	{"mx2.two.example", DNS_A, "192.0.2.2", false},
	{"implicit.example", DNS_A, "192.0.2.3", false},
	{"empty.example", DNS_TXT, "nothing here", false}, {"null.example", DNS_MX, "0 ", false},
	{"self.example", DNS_MX, "10 mail.self", false}, {"mail.self", DNS_A, "192.0.2.9", false},
	{"alias.example", DNS_CNAME, "@two.example", false},
	{"to-self.example", DNS_CNAME, "@mail.self", false},
	{"failing.example", DNS_MX, "!", false}, {"bogus.example", DNS_MX, "?", false},
	{"partly.example", DNS_MX, "10 gone.partly.example", false},
	{"partly.example", DNS_MX, "20 slow.partly.example", false},
	{"partly.example", DNS_MX, "30 mx2.two.example", false},
	{"slow.partly.example", DNS_A, "!", false}, {"slow.partly.example", DNS_AAAA, "!", false},
	{"all-slow.example", DNS_MX, "10 gone.partly.example", false},
	{"all-slow.example", DNS_MX, "20 slow.partly.example", false},
	{"all-bogus.example", DNS_MX, "20 bogus.host.example", false},
	{"bogus.host.example", DNS_A, "?", false},
	{"half.example", DNS_MX, "20 half.host.example", false},
	{"half.host.example", DNS_AAAA, "!", false},
	{"half.host.example", DNS_A, "192.0.2.4", false},
	{"all-gone.example", DNS_MX, "10 gone.partly.example", false},
	{"no-name.example", DNS_MX, "10 a b", false},
	/* signed */
	{"dane.example", DNS_MX, "10 mx.dane.example", true},
	{"mx.dane.example", DNS_A, "192.0.2.5", true},
	{"_25._tcp.mx.dane.example", DNS_TLSA, "3 1 1", true},
	{"_25._tcp.mx.dane.example", DNS_TLSA, "0 1 1", true},
	{"unsigned-mx.example", DNS_MX, "10 mx.dane.example", false},
	{"plain.example", DNS_MX, "10 mx.plain.example", true},
	{"mx.plain.example", DNS_A, "192.0.2.5", true},
	{"_25._tcp.mx.plain.example", DNS_TXT, "denial", true},
	{"unusable.example", DNS_MX, "10 mx.unusable.example", true},
	{"mx.unusable.example", DNS_A, "192.0.2.5", true},
	{"_25._tcp.mx.unusable.example", DNS_TLSA, "1 1 1", true},
	{"tlsa-fails.example", DNS_MX, "10 mx.tlsa-fails.example", true},
	{"tlsa-fails.example", DNS_MX, "20 mx.dane.example", true},
	{"mx.tlsa-fails.example", DNS_A, "192.0.2.6", true},
	{"_25._tcp.mx.tlsa-fails.example", DNS_TLSA, "!", true},
	{"tlsa-bogus.example", DNS_MX, "10 mx.tlsa-bogus.example", true},
	{"mx.tlsa-bogus.example", DNS_A, "192.0.2.6", true},
	{"_25._tcp.mx.tlsa-bogus.example", DNS_TLSA, "?", true},
	{"tlsa-unsigned.example", DNS_MX, "10 mx.tlsa-unsigned.example", true},
	{"mx.tlsa-unsigned.example", DNS_A, "192.0.2.6", true},
	{"_25._tcp.mx.tlsa-unsigned.example", DNS_TLSA, "3 1 1", false},
	/* the host is an alias: its target's records, else its own */
	{"alias-host.example", DNS_MX, "10 mx.alias-host.example", true},
	{"mx.alias-host.example", DNS_CNAME, "@mx.dane.example", true},
	{"alias-own.example", DNS_MX, "10 mx.alias-own.example", true},
	{"mx.alias-own.example", DNS_CNAME, "@mx.plain.example", true},
	{"_25._tcp.mx.alias-own.example", DNS_TLSA, "2 0 1", true},
	/* a signed alias to an unsigned host: only the alias's own (RFC 7672 §2.1.3) */
	{"alias-out.example", DNS_MX, "10 mx.alias-out.example", true},
	{"mx.alias-out.example", DNS_CNAME, "@mx1.two.example", true},
	{"_25._tcp.mx.alias-out.example", DNS_TLSA, "3 1 1", true},
	{"_25._tcp.mx1.two.example", DNS_TLSA, "3 1 1", true},
	{"alias-unsigned.example", DNS_MX, "10 mx.alias-unsigned.example", true},
	{"mx.alias-unsigned.example", DNS_CNAME, "@mx1.two.example", false},
	{"_25._tcp.mx.alias-unsigned.example", DNS_TLSA, "3 1 1", true},
	/* no MX, signed */
	{"dane-implicit.example", DNS_A, "192.0.2.7", true},
	{"_25._tcp.dane-implicit.example", DNS_TLSA, "3 1 1", true},
	{"_587._tcp.dane-implicit.example", DNS_TLSA, "2 1 1", true}, {0}};

/* Protects: RFC 5321 §5.1, RFC 7505, RFC 7672 §2.1 and §2.2, from the destination to the list, and each outcome. */
static void hosts(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum lookup_outcome outcome;
		const char *text; /* all of it; null: any */
	} cases[] = {
		{"two.example", LOOKUP_OK,
			"10 mx1.two.example 2001:db8::1 192.0.2.1 2001:db8::2;20 mx2.two.example "
			"192.0.2.2;"},
		{"implicit.example", LOOKUP_OK, "0 implicit.example 192.0.2.3;"},
		{"alias.example", LOOKUP_OK,
			"10 mx1.two.example 2001:db8::1 192.0.2.1 2001:db8::2;20 mx2.two.example "
			"192.0.2.2;"},
		{"[192.0.2.77]", LOOKUP_OK, "0  192.0.2.77;"},
		{"[IPv6:2001:db8::77]", LOOKUP_OK, "0  2001:db8::77;"},
		{"[nonsense]", LOOKUP_NO_DOMAIN, NULL},
		{"", LOOKUP_NO_DOMAIN, NULL},
		{"Two.example", LOOKUP_NO_DOMAIN, NULL},
		{"nowhere.example", LOOKUP_NO_DOMAIN,
			"the MX records of nowhere.example: the name does not exist"},
		{"empty.example", LOOKUP_NOTHING,
			"the address of empty.example: there is no such record"},
		{"null.example", LOOKUP_NULL_MX, NULL},
		{"self.example", LOOKUP_LOOP, NULL},
		{"mail.self", LOOKUP_LOOP, NULL},
		{"to-self.example", LOOKUP_LOOP, NULL},
		{"failing.example", LOOKUP_TEMPORARY,
			"the MX records of failing.example: it cannot be looked up just now: so it "
			"is"},
		{"bogus.example", LOOKUP_BOGUS,
			"the MX records of bogus.example: its DNSSEC signatures do not hold: so it "
			"is"},
		{"partly.example", LOOKUP_OK, "30 mx2.two.example 192.0.2.2;"},
		{"all-slow.example", LOOKUP_TEMPORARY, NULL},
		{"all-bogus.example", LOOKUP_BOGUS, NULL},
		{"half.example", LOOKUP_OK, "20 half.host.example 192.0.2.4;"},
		{"all-gone.example", LOOKUP_NOTHING, NULL},
		{"no-name.example", LOOKUP_NOTHING, NULL},
		{"dane.example", LOOKUP_OK,
			"10 mx.dane.example 192.0.2.5 secure usable:1:mx.dane.example;"},
		{"unsigned-mx.example", LOOKUP_OK, "10 mx.dane.example 192.0.2.5 secure;"},
		{"plain.example", LOOKUP_OK, "10 mx.plain.example 192.0.2.5 secure;"},
		{"unusable.example", LOOKUP_OK,
			"10 mx.unusable.example 192.0.2.5 secure unusable:0:mx.unusable.example;"},
		{"tlsa-fails.example", LOOKUP_OK,
			"10 mx.tlsa-fails.example 192.0.2.6 secure failed:0:mx.tlsa-fails.example;"
			"20 mx.dane.example 192.0.2.5 secure usable:1:mx.dane.example;"},
		{"tlsa-bogus.example", LOOKUP_OK,
			"10 mx.tlsa-bogus.example 192.0.2.6 secure "
			"failed:0:mx.tlsa-bogus.example;"},
		{"tlsa-unsigned.example", LOOKUP_OK,
			"10 mx.tlsa-unsigned.example 192.0.2.6 secure;"},
		{"alias-host.example", LOOKUP_OK,
			"10 mx.alias-host.example 192.0.2.5 secure usable:1:mx.dane.example;"},
		{"alias-own.example", LOOKUP_OK,
			"10 mx.alias-own.example 192.0.2.5 secure usable:1:mx.alias-own.example;"},
		{"alias-out.example", LOOKUP_OK,
			"10 mx.alias-out.example 2001:db8::1 192.0.2.1 2001:db8::2 "
			"usable:1:mx.alias-out.example;"},
		{"alias-unsigned.example", LOOKUP_OK,
			"10 mx.alias-unsigned.example 2001:db8::1 192.0.2.1 2001:db8::2;"},
		{"dane-implicit.example", LOOKUP_OK,
			"0 dane-implicit.example 192.0.2.7 secure usable:1:dane-implicit.example;"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct question_given given = {.code = RESOLVE_HOSTS,
			.name = view_text(cases[i].name),
			.self = {VIEW("mail.self")}};
		const struct seen seen = ask_rows(world, &given);
		if (seen.outcome != cases[i].outcome ||
			(cases[i].text && strcmp(seen.text, cases[i].text) != 0))
			fail_msg("%s: %s: %s", cases[i].name, lookup_outcome_name(seen.outcome),
				seen.text);
	}
}

/* Protects: a host that a setting names: no MX, no loop rule, TLSA at its port and only when asked for. */
static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint16_t port;
		enum lookup_outcome outcome;
		const char *text;
	} cases[] = {
		{"dane-implicit.example", 587, LOOKUP_OK,
			"0 dane-implicit.example 192.0.2.7 secure usable:1:dane-implicit.example;"},
		{"dane-implicit.example", 465, LOOKUP_OK,
			"0 dane-implicit.example 192.0.2.7 secure;"},
		{"dane-implicit.example", 0, LOOKUP_OK,
			"0 dane-implicit.example 192.0.2.7 secure;"},
		{"mail.self", 25, LOOKUP_OK, "0 mail.self 192.0.2.9;"},
		{"two.example", 25, LOOKUP_NOTHING, NULL},
		{"nowhere.example", 25, LOOKUP_NO_DOMAIN, NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct question_given given = {.code = RESOLVE_ADDRESSES,
			.name = view_text(cases[i].name),
			.port = cases[i].port,
			.self = {VIEW("mail.self")}};
		const struct seen seen = ask_rows(world, &given);
		if (seen.outcome != cases[i].outcome ||
			(cases[i].text && strcmp(seen.text, cases[i].text) != 0))
			fail_msg("%s: %s: %s", cases[i].name, lookup_outcome_name(seen.outcome),
				seen.text);
	}
}

static const struct row clients[] = {{"1.2.0.192.in-addr.arpa", DNS_PTR, "good.example", false},
	{"good.example", DNS_A, "192.0.2.99", false}, {"good.example", DNS_A, "192.0.2.1", false},
	{"2.2.0.192.in-addr.arpa", DNS_PTR, "good.example", false},
	{"3.2.0.192.in-addr.arpa", DNS_PTR, "nowhere.example", false},
	{"3.2.0.192.in-addr.arpa", DNS_PTR, "second.example", false},
	{"second.example", DNS_A, "192.0.2.3", false},
	{"4.2.0.192.in-addr.arpa", DNS_PTR, "!", false},
	{"5.2.0.192.in-addr.arpa", DNS_PTR, "slow.example", false},
	{"slow.example", DNS_A, "!", false}, {"6.2.0.192.in-addr.arpa", DNS_PTR, "a b", false},
	{"7.2.0.192.in-addr.arpa", DNS_PTR, "one.example", false},
	{"7.2.0.192.in-addr.arpa", DNS_PTR, "two.example", false},
	{"7.2.0.192.in-addr.arpa", DNS_PTR, "three.example", false},
	{"7.2.0.192.in-addr.arpa", DNS_PTR, "four.example", false},
	{"7.2.0.192.in-addr.arpa", DNS_PTR, "five.example", false},
	{"five.example", DNS_A, "192.0.2.7", false},
	{"8.2.0.192.in-addr.arpa", DNS_PTR, "?", false},
	{"9.2.0.192.in-addr.arpa", DNS_PTR, "slow.example", false},
	{"9.2.0.192.in-addr.arpa", DNS_PTR, "nine.example", false},
	{"nine.example", DNS_A, "192.0.2.9", false},
	{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR,
		"six.example", false},
	{"six.example", DNS_AAAA, "2001:db8::1", false}, {0}};

/* Protects: a client has the name that its addresses confirm, and none other (F-4). */
static void client(void **state)
{
	(void)state;
	static const struct {
		const char *ip;
		enum lookup_outcome outcome;
		const char *name;
	} cases[] = {{"192.0.2.1", LOOKUP_OK, "good.example"}, {"192.0.2.2", LOOKUP_NOTHING, ""},
		{"192.0.2.3", LOOKUP_OK, "second.example"}, {"192.0.2.4", LOOKUP_TEMPORARY, ""},
		{"192.0.2.5", LOOKUP_TEMPORARY, ""}, {"192.0.2.6", LOOKUP_NOTHING, ""},
		{"192.0.2.7", LOOKUP_NOTHING, ""}, /* the fifth name is not looked at */
		{"192.0.2.8", LOOKUP_TEMPORARY, ""}, {"192.0.2.9", LOOKUP_OK, "nine.example"},
		{"192.0.2.10", LOOKUP_NOTHING, ""}, {"2001:db8::1", LOOKUP_OK, "six.example"}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct question_given given = {.code = RESOLVE_CLIENT};
		assert_true(ip_parse(view_text(cases[i].ip), &given.client));
		const struct seen seen = ask_rows(clients, &given);
		if (seen.outcome != cases[i].outcome || strcmp(seen.text, cases[i].name) != 0)
			fail_msg("%s: %s: %s", cases[i].ip, lookup_outcome_name(seen.outcome),
				seen.text);
	}
}

/* Protects: texts come whole, in number bounded, and their absence is told from trouble. */
static void texts(void **state)
{
	(void)state;
	static char large[60000];
	memset(large, 'x', sizeof large - 1);
	const struct row rows[] = {{"_mta-sts.example", DNS_TXT, "v=STSv1; id=1", true},
		{"_mta-sts.example", DNS_TXT, "other", true},
		{"large.example", DNS_TXT, large, false}, {"large.example", DNS_TXT, large, false},
		{"large.example", DNS_TXT, "small", false}, {"fails.example", DNS_TXT, "!", false},
		{"none.example", DNS_A, "192.0.2.1", false}, {0}};
	struct question_given given = {.code = RESOLVE_TEXTS, .name = VIEW("_mta-sts.example")};
	assert_string_equal(ask_rows(rows, &given).text, "v=STSv1; id=1;other;");
	given.name = VIEW("fails.example");
	assert_int_equal(ask_rows(rows, &given).outcome, LOOKUP_TEMPORARY);
	given.name = VIEW("none.example");
	assert_int_equal(ask_rows(rows, &given).outcome, LOOKUP_NOTHING);
	given.name = VIEW("nowhere.example");
	assert_int_equal(ask_rows(rows, &given).outcome, LOOKUP_NO_DOMAIN);
	struct row many[RESOLVE_TEXTS_MAX + 2] = {{0}};
	for (size_t i = 0; i <= RESOLVE_TEXTS_MAX; i++)
		many[i] = (struct row){"many.example", DNS_TXT, "t", false};
	given.name = VIEW("many.example");
	assert_int_equal(strlen(ask_rows(many, &given).text), 2 * RESOLVE_TEXTS_MAX);
}

/* Protects: a question that is given up leaves nothing under way, at whatever point. */
static void given_up(void **state)
{
	(void)state;
	for (unsigned answered = 0; answered < 12; answered++) {
		struct zone z = {.rows = world, .is_late = true};
		const struct asker asker = {ask, forget, now_ms, &z};
		const struct question_given given = {.code = RESOLVE_HOSTS,
			.name = VIEW("tlsa-fails.example"),
			.self = {VIEW("mail.self")}};
		struct seen seen = {0};
		struct question *q = question_new(&asker, &given, done, &seen);
		question_start(q);
		for (unsigned i = 0; i < answered && z.open_count; i++) {
			struct query *next = z.open[--z.open_count];
			answer_one(&z, next);
		}
		const uint32_t open = z.open_count;
		if (seen.times == 0)
			question_free(&q);
		assert_int_equal(z.forgotten, open);
		assert_int_equal(z.open_count, 0);
	}
}

/* Protects: no look-up is waited for beyond the question's own time, however many follow each other. */
static void deadlines(void **state)
{
	(void)state;
	struct zone z = {.rows = world, .is_late = true, .now_ms = 5};
	const struct asker asker = {ask, forget, now_ms, &z};
	const struct question_given given = {
		.code = RESOLVE_HOSTS, .name = VIEW("dane.example"), .self = {VIEW("mail.self")}};
	struct seen seen = {0};
	question_start(question_new(&asker, &given, done, &seen));
	assert_int_equal(z.open[0]->deadline_ms, 5 + QUERY_MS);
	z.now_ms = 5 + QUESTION_MS - 1000;
	struct query *mx = z.open[--z.open_count];
	answer_one(&z, mx);
	assert_int_equal(z.open_count, 2);
	assert_int_equal(z.open[0]->deadline_ms, 5 + QUESTION_MS);
	answer_all(&z);
	assert_int_equal(seen.times, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(addresses),
		cmocka_unit_test(client), cmocka_unit_test(texts), cmocka_unit_test(given_up),
		cmocka_unit_test(deadlines)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
