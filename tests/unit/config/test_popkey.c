#include "config/popkey.h"

#include "config/route.h"
#include "suite.h"

/* --- the setting -------------------------------------------------------------------------- */

static void clocks(void **state)
{
	/* Protects: both sides of each bound; a file that says nothing has the paper's clocks; no file is off. */
	(void)state;
	static const struct {
		const char *text; /* null: no file */
		uint32_t after_s; /* 0: refused, or off */
		uint32_t session_s;
		bool is_error;
	} cases[] = {
		{NULL, 0, 0, false},
		{"", 10, 300, false},
		{"# the paper's\n\n", 10, 300, false},
		{"2 5", 2, 5, false},
		{"1 1", 1, 1, false},
		{"3600   3600", 3600, 3600, false},
		{"10 5", 10, 5, false},
		{"0 5", 0, 0, true},
		{"5 0", 0, 0, true},
		{"3601 5", 0, 0, true},
		{"5 3601", 0, 0, true},
		{"5", 0, 0, true},
		{"5 6 7", 0, 0, true},
		{"5s 6s", 0, 0, true},
		{"-1 5", 0, 0, true},
		{"yes", 0, 0, true},
		{"2 5\n3 6", 0, 0, true},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		const struct memory_file files[] = {{"users", "hana:!\n", 0600},
			{cases[i].text ? "popkey" : NULL, cases[i].text, 0}, {0}};
		site_open(&s, files);
		if (s.config.popkey.after_s != cases[i].after_s ||
			s.config.popkey.session_s != cases[i].session_s)
			fail_msg("%zu: %u %u", i, s.config.popkey.after_s,
				s.config.popkey.session_s);
		assert_int_equal(s.findings.levels[FINDING_ERROR] > 0, cases[i].is_error);
		assert_int_equal(s.snapshot->popkey.after_s, cases[i].after_s);
		assert_int_equal(s.snapshot->popkey.session_s, cases[i].session_s);
		site_close(&s);
	}
}

static void advice(void **state)
{
	/* Protects: who turns it on reads what it means; what means nothing without it is told. */
	(void)state;
	const struct memory_file on[] = {{"users", "hana:!\n", 0600}, {"popkey", "2 5\n", 0},
		{"popkeyport25", "no\n", 0}, {"popkeyanybody", "yes\n", 0},
		{"popkeyplain", "yes\n", 0}, {0}};
	struct site s;
	site_open(&s, on);
	site_expect(&s, FINDING_NOTE, "popkey", 1, "opens the submission ports");
	site_expect(&s, FINDING_WARNING, "popkeyanybody", 1, "as any user");
	site_expect(&s, FINDING_WARNING, "popkeyplain", 1, "without TLS");
	site_close(&s);
	const struct memory_file off[] = {
		{"users", "hana:!\n", 0600}, {"popkeyipv6", "64\n", 0}, {0}};
	site_open(&s, off);
	site_expect(&s, FINDING_WARNING, "popkeyipv6", 1, "no popkey");
	site_close(&s);
}

/* --- for whom the gate is asked ----------------------------------------------------------- */

enum port { PORT_25, PORT_587 };

struct mail {
	const char *client;
	const char *login;
	enum port port;
	const char *from;
	const char *to;
};

static const struct memory_file house[] = {
	{"servername", "mail.example.test\n", 0},
	{"users", "hana:!\ntaro:!\njiro:!\n", 0600},
	{"domains", "example.test\n", 0},
	{"networks", "10.1.0.0/16\n", 0},
	{"backupfor", "kept.example mail.kept.example\n", 0},
	{"aliases", "sales: hana, taro\nfar: anna@other.example\n", 0},
	{"popkey", "", 0},
	{0},
};

static struct route_facts facts_of(const struct snapshot *s, const struct mail *m)
{
	struct route_facts facts = {
		.login = view_text(m->login), .is_submission = m->port == PORT_587};
	assert_true(ip_parse(view_text(m->client), &facts.client));
	facts.side = route_client(s, &facts.client, facts.login);
	return facts;
}

static struct address parsed(const char *text, struct arena *a)
{
	struct address address = {0};
	if (*text)
		assert_int_equal(address_parse(view_text(text), true, a, &address), ADDRESS_OK);
	return address;
}

/* The users for whom it is asked: "hana taro". */
static void asked_for(
	const struct snapshot *s, const struct mail *m, char *out, size_t room, struct arena *a)
{
	const struct route_facts facts = facts_of(s, m);
	const struct address from = parsed(m->from, a);
	const struct address to = parsed(m->to, a);
	const struct route_recipient recipient = {.forward_path = &to, .reverse_path = &from};
	struct sender_owners owners;
	const bool asks = route_asks_gate(s, &facts, &recipient, &owners);
	assert_int_equal(asks, owners.count > 0);
	*out = 0;
	for (uint32_t i = 0; i < owners.count; i++) {
		const struct view name = s->users[owners.users[i]].name;
		const size_t used = strlen(out);
		snprintf(out + used, room - used, "%s%.*s", i ? " " : "", (int)name.length,
			(const char *)name.at);
	}
}

static void who_is_asked(void **state)
{
	/* Protects: the gate is asked where it can change something, for those who own the reverse-path, and for
	 * nobody else: ordinary mail is spared (N-19). */
	(void)state;
	static const struct {
		struct mail mail;
		const char *users;
	} cases[] = {
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"}, "hana"},
		{{"198.51.100.1", "", PORT_25, "Hana+x@EXAMPLE.test", "anna@other.example"},
			"hana"},
		{{"2001:db8::1", "", PORT_25, "sales@example.test", "anna@other.example"},
			"hana taro"},
		{{"198.51.100.1", "", PORT_25, "far@example.test", "anna@other.example"}, ""},
		{{"198.51.100.1", "", PORT_25, "nobody@example.test", "anna@other.example"}, ""},
		{{"198.51.100.1", "", PORT_25, "hana@other.example", "anna@other.example"}, ""},
		{{"198.51.100.1", "", PORT_25, "", "anna@other.example"}, ""},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "taro@example.test"}, ""},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "x@kept.example"}, ""},
		{{"198.51.100.1", "hana", PORT_25, "hana@example.test", "anna@other.example"}, ""},
		{{"10.1.2.3", "", PORT_25, "hana@example.test", "anna@other.example"}, ""},
		/* on a port for users' programs everybody must be known, for whatever mail */
		{{"198.51.100.1", "", PORT_587, "hana@example.test", "taro@example.test"}, "hana"},
		{{"10.1.2.3", "", PORT_587, "hana@example.test", "anna@other.example"}, "hana"},
		{{"10.1.2.3", "hana", PORT_587, "hana@example.test", "anna@other.example"}, ""},
		{{"198.51.100.1", "", PORT_587, "x@other.example", "taro@example.test"}, ""},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		char users[100];
		asked_for(s.snapshot, &cases[i].mail, users, sizeof users, &a);
		if (strcmp(users, cases[i].users) != 0)
			fail_msg("%zu: [%s]", i, users);
		arena_reset(&a);
	}
	site_close(&s);
}

static void only_with_the_setting(void **state)
{
	/* Protects: without popkey nothing is asked; with popkeyport25 at no only the submission ports ask. */
	(void)state;
	static const struct mail on_25 = {
		"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"};
	static const struct mail on_587 = {
		"198.51.100.1", "", PORT_587, "hana@example.test", "anna@other.example"};
	static const struct {
		struct memory_file more[2];
		const char *of_25;
		const char *of_587;
	} cases[] = {
		{{{"popkey", "", 0}, {0}}, "hana", "hana"},
		{{{"popkey", "", 0}, {"popkeyport25", "no\n", 0}}, "", "hana"},
		{{{0}, {0}}, "", ""},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct memory_file files[] = {
			house[0], house[1], house[2], cases[i].more[0], cases[i].more[1], {0}};
		struct site s;
		struct arena a = arena_new(1 << 16);
		char users[100];
		site_open(&s, files);
		asked_for(s.snapshot, &on_25, users, sizeof users, &a);
		assert_string_equal(users, cases[i].of_25);
		asked_for(s.snapshot, &on_587, users, sizeof users, &a);
		assert_string_equal(users, cases[i].of_587);
		arena_reset(&a);
		site_close(&s);
	}
}

/* --- what it says ------------------------------------------------------------------------- */

static struct route_verdict judged(
	const struct site *s, struct route_facts *facts, const struct mail *m, struct arena *a)
{
	const struct address from = parsed(m->from, a);
	const struct address to = parsed(m->to, a);
	const struct route_recipient recipient = {.forward_path = &to, .reverse_path = &from};
	struct route_set set = route_set_new(a);
	const struct route_verdict v = route_mail(s->snapshot, facts, &from, a);
	return v.accepted ? route_rcpt(s->snapshot, facts, &recipient, &set, a) : v;
}

static void verdicts(void **state)
{
	/* Protects: law 3: nothing but an open gate lets out>out pass, and then as that user's (N-7); who sends first
	 * is told so (N-26); on the submission ports nobody unknown leaves a mail for anybody. */
	(void)state;
	static const struct {
		struct mail mail;
		enum route_gate gate;
		const char *opened; /* for whom, with ROUTE_GATE_OPEN */
		uint16_t code;
		const char *enhanced;
		const char *rule;
		const char *class;
	} cases[] = {
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"},
			ROUTE_GATE_OPEN, "hana", 250, "2.1.5", "relay", "in>out"},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"},
			ROUTE_GATE_CLOSED, "", 550, "5.7.1", "gate-closed", "out>out"},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"},
			ROUTE_GATE_AWAY, "", 451, "4.3.0", "gate-away", "out>out"},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"},
			ROUTE_GATE_UNASKED, "", 550, "5.7.1", "relay-denied", "out>out"},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "taro@example.test"},
			ROUTE_GATE_CLOSED, "", 250, "2.1.5", "accepted", "out>in"},
		{{"198.51.100.1", "", PORT_25, "hana@example.test", "x%other.example@example.test"},
			ROUTE_GATE_CLOSED, "", 550, "5.7.1", "route-percent", "out>in"},
		/* a neighbour: it is open, and not for him */
		{{"198.51.100.1", "", PORT_25, "taro@example.test", "anna@other.example"},
			ROUTE_GATE_OPEN, "hana", 550, "5.7.1", "sender-not-own", ""},
		{{"198.51.100.1", "", PORT_587, "hana@example.test", "taro@example.test"},
			ROUTE_GATE_OPEN, "hana", 250, "2.1.5", "accepted", "in>in"},
		{{"198.51.100.1", "", PORT_587, "hana@example.test", "taro@example.test"},
			ROUTE_GATE_CLOSED, "", 530, "5.7.0", "gate-closed", "out>in"},
		{{"198.51.100.1", "", PORT_587, "hana@example.test", "taro@example.test"},
			ROUTE_GATE_AWAY, "", 451, "4.3.0", "gate-away", "out>in"},
		{{"198.51.100.1", "", PORT_587, "hana@example.test", "taro@example.test"},
			ROUTE_GATE_UNASKED, "", 530, "5.7.0", "login-wanted", "out>in"},
		{{"10.1.2.3", "", PORT_587, "hana@example.test", "anna@other.example"},
			ROUTE_GATE_CLOSED, "", 530, "5.7.0", "gate-closed", "in>out"},
		{{"198.51.100.1", "", PORT_587, "", "taro@example.test"}, ROUTE_GATE_UNASKED, "",
			530, "5.7.0", "login-wanted", ""},
		{{"198.51.100.1", "", PORT_587, "x@other.example", "taro@example.test"},
			ROUTE_GATE_UNASKED, "", 530, "5.7.0", "login-wanted", ""},
		{{"198.51.100.1", "hana", PORT_587, "", "taro@example.test"}, ROUTE_GATE_UNASKED,
			"", 250, "2.1.5", "accepted", "in>in"},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		struct route_facts facts = facts_of(s.snapshot, &cases[i].mail);
		facts.gate = cases[i].gate;
		if (cases[i].gate == ROUTE_GATE_OPEN)
			route_opened(s.snapshot, &facts,
				snapshot_find_user(s.snapshot, view_text(cases[i].opened)));
		const struct route_verdict v = judged(&s, &facts, &cases[i].mail, &a);
		if (v.code != cases[i].code || strcmp(v.enhanced, cases[i].enhanced) != 0 ||
			!view_equal(v.rule, view_text(cases[i].rule)))
			fail_msg("%zu: %u %s %.*s", i, v.code, v.enhanced, (int)v.rule.length,
				(const char *)v.rule.at);
		if (*cases[i].class)
			assert_string_equal(route_class_name(v.class), cases[i].class);
		arena_reset(&a);
	}
	site_close(&s);
}

static void first_line(void **state)
{
	/* Protects: on the submission ports a stranger is stopped at MAIL; who may have fetched mail is not. */
	(void)state;
	static const struct {
		const char *from;
		const char *login;
		enum port port;
		const char *rule;
	} cases[] = {
		{"hana@example.test", "", PORT_587, "accepted"},
		{"x@other.example", "", PORT_587, "login-wanted"},
		{"nobody@example.test", "", PORT_587, "login-wanted"},
		{"", "", PORT_587, "login-wanted"},
		{"", "hana", PORT_587, "accepted"},
		{"x@other.example", "", PORT_25, "accepted"},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		const struct mail mail = {
			"198.51.100.1", cases[i].login, cases[i].port, cases[i].from, ""};
		const struct route_facts facts = facts_of(s.snapshot, &mail);
		const struct address from = parsed(cases[i].from, &a);
		const struct route_verdict v = route_mail(s.snapshot, &facts, &from, &a);
		if (!view_equal(v.rule, view_text(cases[i].rule)))
			fail_msg("%zu: %.*s", i, (int)v.rule.length, (const char *)v.rule.at);
		arena_reset(&a);
	}
	site_close(&s);
}

static void words(void **state)
{
	/* Protects: N-26: the refusal says what to do. */
	(void)state;
	static const struct mail mail = {
		"198.51.100.1", "", PORT_25, "hana@example.test", "anna@other.example"};
	struct site s;
	struct arena a = arena_new(1 << 16);
	site_open(&s, house);
	struct route_facts facts = facts_of(s.snapshot, &mail);
	facts.gate = ROUTE_GATE_CLOSED;
	const struct route_verdict v = judged(&s, &facts, &mail, &a);
	assert_view(v.text, "To send as <hana@example.test>, please fetch your mail first, or let "
			    "your mail program log in (AUTH)");
	arena_reset(&a);
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks),
		cmocka_unit_test(advice),
		cmocka_unit_test(who_is_asked),
		cmocka_unit_test(only_with_the_setting),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(first_line),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
