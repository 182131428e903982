#include "config/route.h"

#include "suite.h"

static const struct memory_file house[] = {
	{"servername", "mail.example.test\n", 0},
	{"users", "hana:!\ntaro:!\njiro:!\na..b:!\n\xe8\x8a\xb1:!\n", 0600},
	{"domains", "example.test\nexample.net\n", 0},
	{"networks", "10.1.0.0/16\n", 0},
	{"postmaster", "taro\n", 0},
	{"denyfrom", "ano.net\n192.0.2.0/24\nspam@shop.example\n", 0},
	{"aliases",
		"sales: hana, taro\n"
		"all: sales, jiro, hana\n"
		"info@example.net: jiro\n"
		"hana+news: taro\n"
		"jiro: jiro, taro\n",
		0},
	{0},
};

static struct ip ip(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(view_text(text), &ip));
	return ip;
}

static struct route_facts facts_of(const struct snapshot *s, const char *client, const char *login)
{
	struct route_facts facts = {
		.client = ip(client), .local = ip("203.0.113.25"), .login = view_text(login)};
	facts.side = route_client(s, &facts.client, facts.login);
	return facts;
}

static void print_set(struct buffer *b, const struct snapshot *s, const struct route_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		const struct route_mailbox *m = &set->mailboxes[i];
		buffer_add(b, view_text(i ? " " : ""));
		if (m->remote)
			route_add_mailbox(b, s, m);
		else
			text_add(b, "{}", text_view(s->users[m->user].name));
	}
}

static void clients(void **state)
{
	/* Protects: inside is a network or a login, never a claim (F-5). */
	(void)state;
	static const struct {
		const char *ip;
		const char *login;
		enum route_side side;
	} cases[] = {
		{"127.0.0.1", "", ROUTE_INSIDE},
		{"::1", "", ROUTE_INSIDE},
		{"10.1.0.0", "", ROUTE_INSIDE},
		{"10.1.255.255", "", ROUTE_INSIDE},
		{"10.2.0.0", "", ROUTE_OUTSIDE},
		{"10.0.255.255", "", ROUTE_OUTSIDE},
		{"198.51.100.1", "", ROUTE_OUTSIDE},
		{"198.51.100.1", "hana", ROUTE_INSIDE},
		{"2001:db8::1", "", ROUTE_OUTSIDE},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			facts_of(s.snapshot, cases[i].ip, cases[i].login).side, cases[i].side);
	site_close(&s);
}

static void recipients(void **state)
{
	/* Protects: who gets what, and law 3: nothing but own mail is taken, by whatever route
	 * (N-1). */
	(void)state;
	static const struct {
		const char *path;
		const char *client;
		uint16_t code;
		const char *enhanced;
		const char *rule;
		const char *class;
		const char *mailboxes;
	} cases[] = {
		{"<hana@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in", "hana"},
		{"<HANA@EXAMPLE.NET>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in", "hana"},
		{"<\"hana\"@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"hana"},
		{"<hana@example.test>", "10.1.2.3", 250, "2.1.5", "accepted", "in>in", "hana"},
		{"<hana@[203.0.113.25]>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"hana"},
		{"<a..b@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in", "a..b"},
		{"<\xe8\x8a\xb1@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"\xe8\x8a\xb1"},
		/* Aliases and tags. */
		{"<sales@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"hana taro"},
		{"<Sales+x@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"hana taro"},
		{"<all@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"hana taro jiro"},
		{"<jiro@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"jiro taro"},
		{"<taro+x@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"taro"},
		{"<hana+news@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"taro"},
		{"<hana+other@example.test>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"hana"},
		{"<info@example.net>", "198.51.100.1", 250, "2.1.5", "accepted", "out>in",
			"jiro taro"},
		{"<info@example.test>", "198.51.100.1", 550, "5.1.1", "unknown-user", "out>in", ""},
		/* Those who always answer. */
		{"<postmaster>", "198.51.100.1", 250, "2.1.5", "postmaster", "out>in", "taro"},
		{"<PostMaster>", "10.1.2.3", 250, "2.1.5", "postmaster", "in>in", "taro"},
		{"<postmaster@example.net>", "198.51.100.1", 250, "2.1.5", "postmaster", "out>in",
			"taro"},
		{"<abuse@example.test>", "198.51.100.1", 250, "2.1.5", "postmaster", "out>in",
			"taro"},
		{"<Mailer-Daemon@example.test>", "198.51.100.1", 250, "2.1.5", "postmaster",
			"out>in", "taro"},
		{"<postmaster@other.example>", "198.51.100.1", 550, "5.7.1", "relay-denied",
			"out>out", ""},
		/* Unknown (N-28). */
		{"<nobody@example.test>", "198.51.100.1", 550, "5.1.1", "unknown-user", "out>in",
			""},
		{"<nobody+hana@example.test>", "10.1.2.3", 550, "5.1.1", "unknown-user", "in>in",
			""},
		{"<+hana@example.test>", "198.51.100.1", 550, "5.1.1", "unknown-user", "out>in",
			""},
		{"<\"\"@example.test>", "198.51.100.1", 550, "5.1.3", "no-address", "out>in", ""},
		/* Relay. */
		{"<x@other.example>", "198.51.100.1", 550, "5.7.1", "relay-denied", "out>out", ""},
		{"<x@other.example>", "10.1.2.3", 250, "2.1.5", "relay", "in>out",
			"x@other.example"},
		{"<\"a b\"@Other.Example>", "10.1.2.3", 250, "2.1.5", "relay", "in>out",
			"\"a b\"@Other.Example"},
		{"<x@[192.0.2.9]>", "10.1.2.3", 250, "2.1.5", "relay", "in>out", "x@[192.0.2.9]"},
		{"<x@other>", "10.1.2.3", 550, "5.1.2", "relay-not-full", "in>out", ""},
		{"<x@sub.example.test>", "198.51.100.1", 550, "5.7.1", "relay-denied", "out>out",
			""},
		{"<x@xexample.test>", "198.51.100.1", 550, "5.7.1", "relay-denied", "out>out", ""},
		{"<hana@[198.51.100.9]>", "198.51.100.1", 550, "5.7.1", "relay-denied", "out>out",
			""},
		{"<hana@[IPv6:::]>", "198.51.100.1", 550, "5.7.1", "relay-denied", "out>out", ""},
		{"<myself%other.example@example.test>", "198.51.100.1", 550, "5.7.1",
			"route-percent", "out>in", ""},
		{"<hana%example.test@example.test>", "198.51.100.1", 550, "5.7.1", "route-percent",
			"out>in", ""},
		{"<other.example!user@example.test>", "198.51.100.1", 550, "5.7.1", "route-bang",
			"out>in", ""},
		{"<\"user@other.example\"@example.test>", "198.51.100.1", 550, "5.7.1",
			"route-quoted", "out>in", ""},
		{"<\"user@other.example\"@example.test>", "10.1.2.3", 550, "5.7.1", "route-quoted",
			"in>in", ""},
		{"<\"hana@example.test\"@other.example>", "198.51.100.1", 550, "5.7.1",
			"relay-denied", "out>out", ""},
		{"<@example.test:user@other.example>", "198.51.100.1", 550, "5.7.1", "route-source",
			"out>out", ""},
		{"<@other.example:hana@example.test>", "198.51.100.1", 550, "5.7.1", "route-source",
			"out>in", ""},
	};
	struct site s;
	site_open(&s, house);
	assert_int_equal(s.findings.levels[FINDING_ERROR], 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		struct cursor c = cursor_of(view_text(cases[i].path));
		struct address path;
		struct route_recipient r = {.forward_path = &path, .number = 3};
		struct route_set set = route_set_new(&a);
		struct buffer b = buffer_new(1000);
		const struct route_facts facts = facts_of(s.snapshot, cases[i].client, "");
		if (path_parse(&c, PATH_UTF8 | PATH_POSTMASTER_OK, &a, &path, &r.had_route) !=
			ADDRESS_OK)
			fail_msg("%s is no path", cases[i].path);
		const struct route_verdict v = route_rcpt(s.snapshot, &facts, &r, &set, &a);
		print_set(&b, s.snapshot, &set);
		if (v.code != cases[i].code || strcmp(v.enhanced, cases[i].enhanced) != 0 ||
			!view_equal(v.rule, view_text(cases[i].rule)) ||
			strcmp(route_class_name(v.class), cases[i].class) != 0 ||
			!view_equal(buffer_view(&b), view_text(cases[i].mailboxes)))
			fail_msg("%s: %u %s %.*s %s [%.*s]", cases[i].path, v.code, v.enhanced,
				(int)v.rule.length, (const char *)v.rule.at,
				route_class_name(v.class), (int)b.length, (const char *)b.data);
		assert_int_equal(v.accepted, v.code == 250);
		assert_true(view_is_utf8(v.text) && v.text.length > 0);
		for (uint32_t m = 0; m < set.count; m++)
			assert_int_equal(set.mailboxes[m].recipient, 3);
		buffer_free(&b);
		arena_reset(&a);
	}
	site_close(&s);
}

static struct route_verdict rcpt(const struct site *s, struct route_set *set, struct arena *a,
	const char *local, uint32_t number)
{
	char text[200];
	struct address path;
	const struct route_facts facts = facts_of(s->snapshot, "198.51.100.1", "");
	snprintf(text, sizeof text, "%s@mail.example.test", local);
	assert_int_equal(address_parse(view_text(text), true, a, &path), ADDRESS_OK);
	const struct route_recipient r = {.forward_path = &path, .number = number};
	return route_rcpt(s->snapshot, &facts, &r, set, a);
}

static void once_an_envelope(void **state)
{
	/* Protects: each mailbox once across all recipients of an envelope (F-15, law 2). */
	(void)state;
	struct site s;
	const struct memory_file files[] = {{"users", "hana:!\ntaro:!\njiro:!\n", 0},
		{"aliases", "sales: hana, taro\nall: sales, jiro\n", 0}, {0}};
	site_open(&s, files);
	struct arena a = arena_new(1 << 16);
	struct route_set set = route_set_new(&a);
	struct buffer b = buffer_new(1000);
	assert_true(rcpt(&s, &set, &a, "taro", 0).accepted);
	assert_true(rcpt(&s, &set, &a, "sales", 1).accepted);
	assert_true(rcpt(&s, &set, &a, "sales", 2).accepted);
	assert_false(rcpt(&s, &set, &a, "nobody", 3).accepted);
	assert_true(rcpt(&s, &set, &a, "all", 4).accepted);
	assert_true(rcpt(&s, &set, &a, "HANA", 5).accepted);
	print_set(&b, s.snapshot, &set);
	assert_view(buffer_view(&b), "taro hana jiro");
	assert_int_equal(set.mailboxes[0].recipient, 0);
	assert_int_equal(set.mailboxes[1].recipient, 1);
	assert_int_equal(set.mailboxes[2].recipient, 4);
	buffer_free(&b);
	arena_reset(&a);
	site_close(&s);
}

static void callers(void **state)
{
	/* Protects: a program of this machine writes as its system user, root for the site (N-7); what
	 * has no mailbox is the postmaster's, for the machine alone. */
	(void)state;
	static const struct {
		const char *caller; /* empty: a client inside */
		uint32_t uid;
		const char *login;
		const char *author;
		bool may_write;
		const char *to; /* local-part at the server's name */
		const char *rule;
	} cases[] = {
		{"daemon", 1, "", "daemon@mail.example.test", true, "daemon", "system-user"},
		{"daemon", 1, "", "daemon+x@mail.example.test", true, "root", "system-user"},
		{"daemon", 1, "", "Daemon@mail.example.test", true, "games", "unknown-user"},
		{"daemon", 1, "", "daemon@example.test", false, "daemonx", "unknown-user"},
		{"daemon", 1, "", "hana@mail.example.test", false, "hana", "accepted"},
		{"daemon", 1, "", "daemonx@mail.example.test", false, "postmaster", "postmaster"},
		{"hana", 1000, "hana", "hana@example.test", true, "hana", "accepted"},
		{"hana", 1000, "hana", "sales@example.test", true, "root", "system-user"},
		{"hana", 1000, "hana", "taro@example.test", false, "nobody", "unknown-user"},
		{"root", 0, "", "root@mail.example.test", true, "root", "system-user"},
		{"root", 0, "", "taro@example.test", true, "daemon", "unknown-user"},
		{"root", 0, "", "taro@other.example", false, "taro", "accepted"},
		{"", 0, "", "root@mail.example.test", true, "root", "unknown-user"},
	};
	struct site s;
	const struct memory_file files[] = {{"users", "hana:!\ntaro:!\n", 0},
		{"domains", "example.test\nmail.example.test\n", 0},
		{"aliases", "sales: hana\n", 0}, {0}};
	site_open(&s, files);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		struct route_set set = route_set_new(&a);
		struct address author, path;
		char text[200];
		struct route_facts facts = facts_of(s.snapshot, "127.0.0.1", cases[i].login);
		facts.caller = view_text(cases[i].caller);
		facts.caller_uid = cases[i].uid;
		facts.is_trusted = cases[i].caller[0] && cases[i].uid == 0;
		snprintf(text, sizeof text, "%s@mail.example.test", cases[i].to);
		assert_int_equal(
			address_parse(view_text(cases[i].author), true, &a, &author), ADDRESS_OK);
		assert_int_equal(address_parse(view_text(text), true, &a, &path), ADDRESS_OK);
		const struct route_recipient r = {.forward_path = &path};
		const struct route_verdict v = route_rcpt(s.snapshot, &facts, &r, &set, &a);
		const bool may = route_author(s.snapshot, &facts, &author, &a).accepted;
		if (may != cases[i].may_write || !view_equal(v.rule, view_text(cases[i].rule)))
			fail_msg("%zu: %d %.*s", i, may, (int)v.rule.length,
				(const char *)v.rule.at);
		arena_reset(&a);
	}
	site_close(&s);
}

static void full_sets(void **state)
{
	/* Protects: both sides of the most mailboxes an envelope may reach; a refusal takes all
	 * back. */
	(void)state;
	struct site s;
	const struct memory_file files[] = {{"users", "hana:!\ntaro:!\njiro:!\n", 0},
		{"aliases", "sales: hana, taro\nall: sales, jiro\n", 0}, {0}};
	site_open(&s, files);
	struct arena a = arena_new(1 << 16);
	struct route_set set = route_set_new(&a);
	set.max = 3;
	assert_true(rcpt(&s, &set, &a, "all", 0).accepted);
	set = route_set_new(&a);
	set.max = 2;
	struct route_verdict v = rcpt(&s, &set, &a, "all", 0);
	assert_int_equal(v.code, 451);
	assert_view(v.rule, "alias-large");
	assert_int_equal(set.count, 0);
	assert_true(rcpt(&s, &set, &a, "jiro", 0).accepted);
	v = rcpt(&s, &set, &a, "sales", 1);
	assert_int_equal(v.code, 452);
	assert_view(v.rule, "too-many-mailboxes");
	assert_int_equal(set.count, 1);
	assert_true(rcpt(&s, &set, &a, "hana", 2).accepted);
	assert_true(rcpt(&s, &set, &a, "jiro", 3).accepted);
	assert_int_equal(set.count, 2);
	arena_reset(&a);
	struct arena tiny = arena_new(40);
	struct arena room = arena_new(1 << 16);
	set = route_set_new(&tiny);
	v = rcpt(&s, &set, &room, "hana", 0);
	assert_int_equal(v.code, 452);
	assert_view(v.rule, "memory");
	arena_reset(&room);
	arena_reset(&tiny);
	site_close(&s);
}

static void broken_aliases(void **state)
{
	/* Protects: what check refuses does no harm should it ever run: loops end, nothing
	 * vanishes. */
	(void)state;
	static const struct {
		const char *local;
		uint16_t code;
		const char *rule;
		uint32_t count;
	} cases[] = {
		{"loop", 451, "alias-loop", 0},
		{"ring", 250, "accepted", 1},
		{"loose", 451, "alias-dangling", 0},
		{"away", 250, "forward", 2},
		{"vague", 451, "alias-dangling", 0},
		{"d16", 250, "accepted", 1},
		{"d17", 451, "alias-deep", 0},
		{"w6", 451, "alias-large", 0},
	};
	char text[4000] = "loop: loop2\nloop2: loop\nring: ring2, hana\nring2: ring\n"
			  "loose: hana, nobody\naway: hana, x@other.example\nvague: x@other\nd1: "
			  "hana\nw1: hana\n";
	for (int i = 2; i <= 17; i++)
		snprintf(text + strlen(text), 100, "d%d: d%d\n", i, i - 1);
	for (int i = 2; i <= 6; i++) {
		snprintf(text + strlen(text), 100, "w%d: ", i);
		for (int k = 0; k < 12; k++)
			snprintf(text + strlen(text), 100, "w%d, ", i - 1);
		strcat(text, "\n");
	}
	struct site s;
	const struct memory_file files[] = {{"users", "hana:!\n", 0}, {"aliases", text, 0}, {0}};
	site_open(&s, files);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		struct route_set set = route_set_new(&a);
		const struct route_verdict v = rcpt(&s, &set, &a, cases[i].local, 0);
		if (v.code != cases[i].code || !view_equal(v.rule, view_text(cases[i].rule)) ||
			set.count != cases[i].count)
			fail_msg("%s: %u %.*s %u", cases[i].local, v.code, (int)v.rule.length,
				(const char *)v.rule.at, set.count);
		arena_reset(&a);
	}
	site_close(&s);
}

static void many_mailboxes(void **state)
{
	/* Protects: a list of thousands is expanded whole, each once, also past growth of the
	 * set. */
	(void)state;
	const uint32_t count = 5000;
	struct buffer users = buffer_new(1 << 20);
	struct buffer aliases = buffer_new(1 << 20);
	buffer_add(&aliases, VIEW("all:\n"));
	for (uint32_t i = 0; i < count; i++) {
		text_add(&users, "u{}:!\n", text_number(i));
		text_add(&aliases, " u{}, u{}\n", text_number(i), text_number(i / 2));
	}
	buffer_add_octet(&users, 0);
	buffer_add_octet(&aliases, 0);
	struct site s;
	const struct memory_file files[] = {{"users", (const char *)users.data, 0},
		{"aliases", (const char *)aliases.data, 0}, {0}};
	site_open(&s, files);
	struct arena a = arena_new(1 << 20);
	struct route_set set = route_set_new(&a);
	assert_true(rcpt(&s, &set, &a, "all", 0).accepted);
	assert_int_equal(set.count, count);
	arena_reset(&a);
	site_close(&s);
	buffer_free(&aliases);
	buffer_free(&users);
}

static void no_postmaster(void **state)
{
	/* Protects: with no user at all postmaster's mail is put off, not refused for good. */
	(void)state;
	struct site s;
	site_open(&s, (const struct memory_file[]){{0}});
	struct arena a = arena_new(1 << 16);
	struct route_set set = route_set_new(&a);
	const struct route_verdict v = rcpt(&s, &set, &a, "abuse", 0);
	assert_int_equal(v.code, 450);
	assert_view(v.rule, "no-postmaster");
	assert_int_equal(rcpt(&s, &set, &a, "hana", 0).code, 550);
	arena_reset(&a);
	site_close(&s);
}

static void denied(void **state)
{
	/* Protects: F-7 at each step, as soon as the fact is known, with its line in the rule. */
	(void)state;
	static const struct {
		const char *client;
		const char *verified;
		const char *helo;
		const char *sender;
		const char *rule; /* of the first step that refuses */
		int at; /* 0 connect, 1 HELO, 2 MAIL, 3 none */
	} cases[] = {
		{"198.51.100.1", "", "a.example", "x@b.example", "accepted", 3},
		{"192.0.2.9", "", "a.example", "x@b.example", "denyfrom:2", 0},
		{"198.51.100.1", "mx.ano.net", "a.example", "x@b.example", "denyfrom:1", 0},
		{"198.51.100.1", "mx.xano.net", "a.example", "x@b.example", "accepted", 3},
		{"198.51.100.1", "", "mx.ano.net", "x@b.example", "denyfrom:1", 1},
		{"198.51.100.1", "", "ano.net", "x@b.example", "denyfrom:1", 1},
		{"198.51.100.1", "", "[192.0.2.1]", "x@b.example", "denyfrom:2", 1},
		{"198.51.100.1", "", "xano.net", "x@ano.net", "denyfrom:1", 2},
		{"198.51.100.1", "", "a.example", "SPAM@shop.example", "denyfrom:3", 2},
		{"198.51.100.1", "", "a.example", "ham@shop.example", "accepted", 3},
		{"198.51.100.1", "", "a.example", "", "accepted", 3},
		{"10.1.2.3", "", "ano.net", "", "denyfrom:1", 1},
		/* F-4: who may call itself what. */
		{"198.51.100.1", "", "printer", "", "helo-not-full", 1},
		{"198.51.100.1", "", "my_phone.local", "", "helo-not-full", 1},
		{"198.51.100.1", "", "[198.51.100.1]", "", "accepted", 3},
		{"10.1.2.3", "", "printer", "", "accepted", 3},
		{"10.1.2.3", "", "my_phone", "", "accepted", 3},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		struct route_facts facts = facts_of(s.snapshot, cases[i].client, "");
		facts.verified_name.name = view_text(cases[i].verified);
		struct helo_name helo;
		struct address sender = {0};
		assert_int_equal(helo_parse(view_text(cases[i].helo), &a, &helo), ADDRESS_OK);
		if (*cases[i].sender)
			assert_int_equal(
				address_parse(view_text(cases[i].sender), false, &a, &sender),
				ADDRESS_OK);
		const struct route_verdict steps[] = {route_connect(s.snapshot, &facts, &a),
			route_helo(s.snapshot, &facts, &helo, &a),
			route_mail(s.snapshot, &facts, &sender, &a)};
		int at = 0;
		while (at < 3 && steps[at].accepted)
			at++;
		const struct view rule = steps[at < 3 ? at : 2].rule;
		if (at != cases[i].at || !view_equal(rule, view_text(cases[i].rule)))
			fail_msg("%zu: step %d %.*s", i, at, (int)rule.length,
				(const char *)rule.at);
		if (at < 3)
			assert_int_equal(steps[at].code, at == 0 ? 554 : 550);
		arena_reset(&a);
	}
	site_close(&s);
}

static void vrfy(void **state)
{
	/* Protects: F-8: nothing to strangers, inside or not; yes or no to those who logged in. */
	(void)state;
	static const struct {
		const char *login;
		const char *client;
		const char *text;
		uint16_t code;
		const char *says;
	} cases[] = {
		{"", "198.51.100.1", "hana", 252, "is not told"},
		{"", "10.1.2.3", "hana", 252, "is not told"},
		{"", "198.51.100.1", "nobody", 252, "is not told"},
		{"hana", "198.51.100.1", "Taro", 250, "<taro@example.test>"},
		{"hana", "198.51.100.1", "<taro@example.net>", 250, "<taro@example.net>"},
		{"hana", "198.51.100.1", "taro+tag@EXAMPLE.net", 250, "<taro@example.net>"},
		{"hana", "198.51.100.1", "sales", 250, "<sales@example.test>"},
		{"hana", "198.51.100.1", "sales@example.net", 250, "<sales@example.net>"},
		{"hana", "198.51.100.1", "nobody", 550, "no mailbox <nobody>"},
		{"hana", "198.51.100.1", "taro@other.example", 550, "no mailbox"},
		{"hana", "198.51.100.1", "a b@c", 550, "no mailbox"},
		{"hana", "198.51.100.1", "x\r\n250 y", 550, "no mailbox <x\\x0d\\x0a250 y>"},
		{"hana", "198.51.100.1", "", 550, "no mailbox"},
		/* RFC 5321 §4.1.1.6: a String, which may be quoted */
		{"hana", "198.51.100.1", "\"taro\"", 250, "<taro@example.test>"},
		{"hana", "198.51.100.1", "<\"sales\">", 250, "<\"sales\"@example.test>"},
		{"hana", "198.51.100.1", "\"taro@example.net\"", 550, "no mailbox"},
		{"hana", "198.51.100.1", "taro@", 550, "no mailbox"},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		const struct route_facts facts =
			facts_of(s.snapshot, cases[i].client, cases[i].login);
		const struct route_verdict v =
			route_verify(s.snapshot, &facts, view_text(cases[i].text), &a);
		if (v.code != cases[i].code ||
			view_search(v.text, view_text(cases[i].says)) == VIEW_NOT_FOUND)
			fail_msg("%s: %u %.*s", cases[i].text, v.code, (int)v.text.length,
				(const char *)v.text.at);
		arena_reset(&a);
	}
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients),
		cmocka_unit_test(recipients),
		cmocka_unit_test(once_an_envelope),
		cmocka_unit_test(callers),
		cmocka_unit_test(full_sets),
		cmocka_unit_test(broken_aliases),
		cmocka_unit_test(many_mailboxes),
		cmocka_unit_test(no_postmaster),
		cmocka_unit_test(denied),
		cmocka_unit_test(vrfy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
