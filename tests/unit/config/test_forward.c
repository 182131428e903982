#include "config/forward.h"
#include "config/route.h"

#include "suite.h"

#define NOW_S INT64_C(1767225600)
#define DAY_S INT64_C(86400)
#define MAC VIEW("\x01\x80\xff\x7f\x55") /* of all that is signed here */
#define HASH "AGAP672V"
#define OTHER_HASH "AGAP672W"

static const struct memory_file house[] = {
	{"servername", "mail.example.test\n", 0},
	{"users", "hana:!\ntaro:!\n", 0600},
	{"domains", "example.test\nexample.net\n", 0},
	{"networks", "10.1.0.0/16\n", 0},
	{"backupfor", "kept.example mx.kept.example:2525\nfar.example [192.0.2.9]\n", 0},
	{"aliases",
		"info: hana, Some.One@Elsewhere.example\n"
		"away: \"a b\"@elsewhere.example, other@elsewhere.example\n"
		"both: info, away, taro\n"
		"SRS0=named=by=us=here: taro\n"
		"postmaster: hana, pm@elsewhere.example\n",
		0},
	{0},
};

static struct address parse(const char *text, struct arena *a)
{
	struct address address = {0};
	if (*text)
		assert_int_equal(address_parse(view_text(text), true, a, &address), ADDRESS_OK);
	return address;
}

static void senders(void **state)
{
	/* Protects: whose reverse-path is rewritten, and as what. */
	(void)state;
	static const struct {
		const char *sender;
		enum forward_sender how;
		const char *becomes; /* once it is signed, or what it is restored to */
	} cases[] = {
		{"", FORWARD_SAME, ""},
		{"hana@example.test", FORWARD_SAME, ""},
		{"nobody@EXAMPLE.NET", FORWARD_SAME, ""},
		{"x@[192.0.2.1]", FORWARD_SAME, ""},
		{"x@sub.example.test", FORWARD_SIGNED,
			"SRS0=" HASH "=7G=sub.example.test=x@example.test"},
		{"Some.One@Elsewhere.example", FORWARD_SIGNED,
			"SRS0=" HASH "=7G=elsewhere.example=Some.One@example.test"},
		{"SRS0=ab=cd=a.example=u@b.example", FORWARD_SIGNED,
			"SRS1=" HASH "=b.example==ab=cd=a.example=u@example.test"},
		{"SRS1=xx=b.example==ab=cd=a.example=u@c.example", FORWARD_SIGNED,
			"SRS1=" HASH "=b.example==ab=cd=a.example=u@example.test"},
		/* ours, which has gone round */
		{"SRS1=xx=example.net==ab=cd=a.example=u@c.example", FORWARD_RESTORED,
			"SRS0=ab=cd=a.example=u@example.net"},
		{"SRS0=ab=cd=a.example=u@example.test", FORWARD_SAME, ""},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		struct buffer b = buffer_new(1000);
		const struct address sender = parse(cases[i].sender, &a);
		struct srs srs;
		const enum forward_sender how =
			forward_sender(s.snapshot, &sender, NOW_S, &a, &srs);
		if (how == FORWARD_SIGNED)
			assert_true(srs_add(&b, &srs, MAC, s.snapshot->first_domain));
		else if (how == FORWARD_RESTORED)
			srs_add_original(&b, &srs);
		if (how != cases[i].how ||
			!view_equal(buffer_view(&b), view_text(cases[i].becomes)))
			fail_msg("%s: %d %.*s", cases[i].sender, how, (int)b.length,
				(const char *)b.data);
		buffer_free(&b);
		arena_reset(&a);
	}
	struct arena tiny = arena_new(8);
	struct arena a = arena_new(1 << 16);
	struct srs srs;
	const struct address sender = parse("x@other.example", &a);
	assert_int_equal(forward_sender(s.snapshot, &sender, NOW_S, &tiny, &srs), FORWARD_MEMORY);
	arena_reset(&a);
	arena_reset(&tiny);
	site_close(&s);
}

struct rcpt {
	const char *path;
	const char *client;
	const char *mac; /* null: `keys` is away */
	uint16_t code;
	const char *rule;
	const char *goes; /* mailboxes; * before those that are forwarded */
};

static void print_set(struct buffer *b, const struct snapshot *s, const struct route_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		const struct route_mailbox *m = &set->mailboxes[i];
		text_add(b, "{}{}", text_string(i ? " " : ""),
			text_string(m->is_forwarded ? "*" : ""));
		if (m->remote)
			route_add_mailbox(b, s, m);
		else
			text_add(b, "{}", text_view(s->users[m->user].name));
	}
}

static void judge(const struct site *s, const struct rcpt *c)
{
	struct arena a = arena_new(1 << 16);
	struct cursor in = cursor_of(view_text(c->path));
	struct address path;
	struct route_set set = route_set_new(&a);
	struct buffer b = buffer_new(1000);
	struct route_facts facts = {.local = {{[10] = 0xff, [11] = 0xff, 203, 0, 113, 25}}};
	struct route_recipient r = {.forward_path = &path, .now_s = NOW_S};
	assert_true(ip_parse(view_text(c->client), &facts.client));
	facts.side = route_client(s->snapshot, &facts.client, VIEW_NONE);
	if (c->mac)
		r.mac = view_of(c->mac, SRS_MAC_OCTETS);
	if (path_parse(&in, PATH_UTF8 | PATH_POSTMASTER_OK, &a, &path, &r.had_route) != ADDRESS_OK)
		fail_msg("%s is no path", c->path);
	const struct route_verdict v = route_rcpt(s->snapshot, &facts, &r, &set, &a);
	print_set(&b, s->snapshot, &set);
	if (v.code != c->code || !view_equal(v.rule, view_text(c->rule)) ||
		!view_equal(buffer_view(&b), view_text(c->goes)))
		fail_msg("%s from %s: %u %.*s [%.*s]", c->path, c->client, v.code,
			(int)v.rule.length, (const char *)v.rule.at, (int)b.length,
			(const char *)b.data);
	buffer_free(&b);
	arena_reset(&a);
}

#define OUT "198.51.100.1"
#define IN "10.1.2.3"
#define TRUE "\x01\x80\xff\x7f\x55"
#define LIE "\x01\x80\xff\x7f\x54"

static void recipients(void **state)
{
	/* Protects: what leads elsewhere is what the site says or has signed, and nothing else (law 3). */
	(void)state;
	static const struct rcpt cases[] = {
		{"<info@example.test>", OUT, NULL, 250, "forward",
			"hana *Some.One@elsewhere.example"},
		{"<INFO+tag@example.net>", IN, NULL, 250, "forward",
			"hana *Some.One@elsewhere.example"},
		{"<away@example.test>", OUT, NULL, 250, "forward",
			"*\"a b\"@elsewhere.example *other@elsewhere.example"},
		{"<both@example.test>", OUT, NULL, 250, "forward",
			"hana *Some.One@elsewhere.example *\"a b\"@elsewhere.example "
			"*other@elsewhere.example taro"},
		{"<postmaster>", OUT, NULL, 250, "postmaster", "hana *pm@elsewhere.example"},
		{"<abuse@[203.0.113.25]>", OUT, NULL, 250, "postmaster",
			"hana *pm@elsewhere.example"},
		/* where it leads may not be named by strangers */
		{"<Some.One@Elsewhere.example>", OUT, TRUE, 550, "relay-denied", ""},
		{"<Some.One@Elsewhere.example>", IN, NULL, 250, "relay",
			"Some.One@Elsewhere.example"},
		{"<info%elsewhere.example@example.test>", OUT, TRUE, 550, "route-percent", ""},
		{"<elsewhere.example!info@example.test>", OUT, TRUE, 550, "route-bang", ""},
		{"<\"info@elsewhere.example\"@example.test>", OUT, TRUE, 550, "route-quoted", ""},
		{"<@example.test:info@example.test>", OUT, TRUE, 550, "route-source", ""},
		/* return addresses that we gave out; in any case, in any domain of ours */
		{"<SRS0=" HASH "=7G=a.example=u@example.test>", OUT, TRUE, 250, "return",
			"*u@a.example"},
		{"<srs0=agap672v=7g=a.example=u@example.net>", OUT, TRUE, 250, "return",
			"*u@a.example"},
		{"<SRS0=" HASH "=7G=a.example=u@example.test>", IN, TRUE, 250, "return",
			"*u@a.example"},
		{"<\"SRS0=" HASH "=7G=a.example=a b\"@example.test>", OUT, TRUE, 250, "return",
			"*\"a b\"@a.example"},
		{"<SRS1=" HASH "=b.example==x=y=a.example=u@example.test>", OUT, TRUE, 250,
			"return", "*SRS0=x=y=a.example=u@b.example"},
		/* what we signed may hold anything: it was a sender */
		{"<SRS0=" HASH "=7G=a.example=u%b!c@example.test>", OUT, TRUE, 250, "return",
			"*u%b!c@a.example"},
		/* forged, cut, old, not to be looked at; in others' domains */
		{"<SRS0=" OTHER_HASH "=7G=a.example=u@example.test>", OUT, TRUE, 550,
			"return-forged", ""},
		{"<SRS0=" HASH "=7G=a.example=u@example.test>", OUT, LIE, 550, "return-forged", ""},
		{"<SRS0=" HASH "=7G=a.example=u@example.test>", IN, LIE, 550, "return-forged", ""},
		{"<SRS0=AGAP=7G=a.example=u@example.test>", OUT, TRUE, 550, "return-forged", ""},
		{"<SRS0=" HASH "A=7G=a.example=u@example.test>", OUT, TRUE, 550, "return-forged",
			""},
		{"<SRS1=" OTHER_HASH "=b.example==x=y=z=u@example.test>", OUT, TRUE, 550,
			"return-forged", ""},
		{"<SRS0=" HASH "=6R=a.example=u@example.test>", OUT, TRUE, 250, "return",
			"*u@a.example"},
		{"<SRS0=" HASH "=6Q=a.example=u@example.test>", OUT, TRUE, 550, "return-old", ""},
		{"<SRS0=" HASH "=!!=a.example=u@example.test>", OUT, TRUE, 550, "return-old", ""},
		{"<SRS0=" HASH "=7G=a.example=u@example.test>", OUT, NULL, 451, "keys-away", ""},
		{"<SRS0=" HASH "=7G=a.example=u@other.example>", OUT, TRUE, 550, "relay-denied",
			""},
		{"<SRS0=" HASH "=7G=a.example=u@[203.0.113.25]>", OUT, TRUE, 550, "unknown-user",
			""},
		{"<@x.example:SRS0=" HASH "=7G=a.example=u@example.test>", OUT, TRUE, 550,
			"route-source", ""},
		/* signed, but no address that mail could go to */
		{"<SRS0=" HASH "=7G=a=u@example.test>", OUT, TRUE, 550, "unknown-user", ""},
		{"<SRS0=" HASH "=7G=a..b=u@example.test>", OUT, TRUE, 550, "unknown-user", ""},
		/* kept for its site: from everybody, and to that host alone, without a way on from there */
		{"<anybody@kept.example>", OUT, NULL, 250, "backup", "anybody@kept.example"},
		{"<\"a b\"@KEPT.example>", IN, NULL, 250, "backup", "\"a b\"@KEPT.example"},
		{"<x@far.example>", OUT, NULL, 250, "backup", "x@far.example"},
		{"<SRS0=" HASH "=7G=a.example=u@kept.example>", OUT, TRUE, 250, "backup",
			"SRS0=" HASH "=7G=a.example=u@kept.example"},
		{"<x%other.example@kept.example>", OUT, TRUE, 550, "route-percent", ""},
		{"<x%other.example@kept.example>", IN, TRUE, 550, "route-percent", ""},
		{"<other.example!x@kept.example>", OUT, TRUE, 550, "route-bang", ""},
		{"<\"x@other.example\"@kept.example>", OUT, TRUE, 550, "route-quoted", ""},
		{"<@kept.example:x@other.example>", OUT, TRUE, 550, "route-source", ""},
		{"<@other.example:x@kept.example>", OUT, TRUE, 550, "route-source", ""},
		{"<x@sub.kept.example>", OUT, TRUE, 550, "relay-denied", ""},
		{"<x@xkept.example>", OUT, TRUE, 550, "relay-denied", ""},
		{"<x@mx.kept.example>", OUT, TRUE, 550, "relay-denied", ""},
		{"<x@[192.0.2.9]>", OUT, TRUE, 550, "relay-denied", ""},
		{"<postmaster@kept.example>", OUT, NULL, 250, "backup", "postmaster@kept.example"},
		/* no forms of it: names as others */
		{"<SRS0=a=b@example.test>", OUT, TRUE, 550, "unknown-user", ""},
		{"<SRS0=named=by=us=here@example.test>", OUT, TRUE, 250, "accepted", "taro"},
	};
	struct site s;
	site_open(&s, house);
	assert_int_equal(s.findings.levels[FINDING_ERROR], 0);
	for (size_t i = 0; i < COUNT(cases); i++)
		judge(&s, &cases[i]);
	site_close(&s);
}

static void once(void **state)
{
	/* Protects: an address elsewhere is written to once, by however many names it is reached; memory. */
	(void)state;
	struct site s;
	struct arena a = arena_new(1 << 16);
	struct arena tiny = arena_new(600);
	struct arena *const arenas[] = {&a, &tiny};
	site_open(&s, house);
	const struct address both = parse("both@example.test", &a);
	const struct address away = parse("away@example.test", &a);
	const struct route_facts facts = {.side = ROUTE_OUTSIDE};
	for (size_t i = 0; i < 2; i++) {
		struct route_set set = route_set_new(arenas[i]);
		const struct route_recipient first = {.forward_path = &away, .number = 0};
		const struct route_recipient second = {.forward_path = &both, .number = 1};
		const struct route_verdict v =
			route_rcpt(s.snapshot, &facts, &first, &set, arenas[0]);
		if (i == 1) {
			assert_int_equal(v.code, 452);
			assert_int_equal(set.count, 0);
			continue;
		}
		assert_true(v.accepted);
		assert_true(route_rcpt(s.snapshot, &facts, &second, &set, &a).accepted);
		assert_int_equal(set.count, 5);
		assert_int_equal(set.mailboxes[1].recipient, 0);
		assert_int_equal(set.mailboxes[2].recipient, 1);
	}
	site_close(&s);
	arena_reset(&tiny);
	arena_reset(&a);
}

static void backups(void **state)
{
	/* Protects: a line of backupfor reads as it says, and as the snapshot keeps it; what would go round is
	 * refused. */
	(void)state;
	static const struct {
		const char *text;
		const char *name; /* of the host; null: an address; "": refused */
		uint16_t port;
	} cases[] = {
		{"kept.example mx.kept.example", "mx.kept.example", 25},
		{"KEPT.example\t mx.Kept.example:465 ", "mx.kept.example", 465},
		{"kept.example 192.0.2.1", NULL, 25},
		{"kept.example [2001:db8::1]:26", NULL, 26},
		{"kept.example", "", 0},
		{"kept mx.kept.example", "", 0},
		{"kept.example mx", "", 0},
		{"kept.example mx.kept.example:0", "", 0},
		{"kept.example mx.kept.example:65536", "", 0},
		{"kept.example mx.kept.example hana secret", "", 0},
		{"[192.0.2.1] mx.kept.example", "", 0},
		{"a@kept.example mx.kept.example", "", 0},
		{"kept.example mail.example.test", "", 0},
		{"example.test mx.kept.example", "", 0},
		{"kept.example a.example\nkept.example b.example", "", 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		const struct memory_file files[] = {{"users", "hana:!\n", 0600},
			{"domains", "example.test\n", 0}, {"backupfor", cases[i].text, 0}, {0}};
		site_open(&s, files);
		const bool refused = cases[i].name && !*cases[i].name;
		if (findings_have_error(&s.findings) != refused)
			fail_msg("%s", cases[i].text);
		const struct backup *b =
			snapshot_find_backup(s.snapshot, (struct domain){VIEW("kept.example")});
		if (!refused) {
			assert_non_null(b);
			assert_int_equal(b->next.port, cases[i].port);
			assert_view(b->next.name.name, cases[i].name ? cases[i].name : "");
			assert_int_equal(b->next.is_address, !cases[i].name);
			assert_null(snapshot_find_backup(
				s.snapshot, (struct domain){VIEW("example.test")}));
		}
		site_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senders),
		cmocka_unit_test(recipients),
		cmocka_unit_test(once),
		cmocka_unit_test(backups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
