#include "config/senders.h"

#include "config/route.h"
#include "suite.h"

static const struct memory_file house[] = {
	{"servername", "mail.example.test\n", 0},
	{"users", "hana:!\ntaro:!\njiro:!\na..b:!\n\xe8\x8a\xb1:!\n", 0600},
	{"domains", "example.test\nexample.net\n", 0},
	{"networks", "10.1.0.0/16\n", 0},
	{"postmaster", "taro\n", 0},
	{"denyfrom", "hana+bad@example.test\n", 0},
	{"aliases",
		"sales: hana, taro\n"
		"all: sales, jiro\n"
		"info@example.net: jiro\n"
		"hana+news: taro\n"
		"jiro: taro\n"
		"round: around, hana\n"
		"around: round\n",
		0},
	{0},
};

static struct address parsed(const char *text, struct arena *a)
{
	struct address address = {0};
	if (*text)
		assert_int_equal(address_parse(view_text(text), true, a, &address), ADDRESS_OK);
	return address;
}

static void whose(void **state)
{
	/* Protects: N-7: name, tags, and aliases that lead to the user; nothing else, and in own domains only. */
	(void)state;
	static const struct {
		const char *user;
		const char *address;
		bool is_own;
	} cases[] = {
		{"hana", "hana@example.test", true}, {"hana", "HANA@EXAMPLE.NET", true},
		{"hana", "\"hana\"@example.test", true},
		{"hana", "hana@mail.example.test", false}, /* the setting domains leaves it out */
		{"hana", "hana@other.example", false}, {"hana", "hana@example.test.example", false},
		{"hana", "hana@[203.0.113.25]", false}, {"hana", "han@example.test", false},
		{"hana", "hanae@example.test", false}, {"hana", "+@example.test", false},
		{"hana", "hana+@example.test", true}, {"hana", "hana+a+b@example.net", true},
		{"hana", "taro@example.test", false}, {"hana", "taro+hana@example.test", false},
		{"hana", "nobody@example.test", false},
		/* an alias that a tag has does not take it away */
		{"hana", "hana+news@example.test", true}, {"taro", "hana+news@example.test", true},
		{"jiro", "hana+news@example.test", false},
		/* whose mail goes to somebody else for a while is still himself */
		{"jiro", "jiro@example.test", true}, {"taro", "jiro@example.test", true},
		{"hana", "sales@example.test", true}, {"hana", "sales+spring@example.net", true},
		{"jiro", "sales@example.test", false},
		{"hana", "all@example.test", true}, /* by way of sales */
		{"jiro", "all@example.test", false}, /* its mail goes to taro */
		{"jiro", "info@example.net", false}, {"taro", "info@example.net", true},
		{"taro", "info@example.test", false}, /* that alias stands in the other domain */
		{"hana", "round@example.test", true}, {"hana", "around@example.test", true},
		{"taro", "round@example.test", false}, {"taro", "postmaster@example.test", true},
		{"taro", "abuse@example.net", true}, {"taro", "mailer-daemon@example.test", true},
		{"hana", "postmaster@example.test", false}, {"a..b", "a..b@example.test", true},
		{"\xe8\x8a\xb1", "\xe8\x8a\xb1@example.test", true},
		{"\xe8\x8a\xb1", "hana@example.test", false},
		{"gone", "gone@example.test", false}, /* removed since the login */
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		const struct address address = parsed(cases[i].address, &a);
		if (sender_is_of_user(s.snapshot, view_text(cases[i].user), &address) !=
			cases[i].is_own)
			fail_msg("%s %s", cases[i].user, cases[i].address);
		/* all owners at once: the same rule */
		const uint32_t who = snapshot_find_user(s.snapshot, view_text(cases[i].user));
		const struct sender_owners owners = sender_owners_of(s.snapshot, &address);
		bool is_among = false;
		for (uint32_t k = 0; k < owners.count; k++)
			is_among |= owners.users[k] == who;
		if (is_among != cases[i].is_own)
			fail_msg("%s among the owners of %s", cases[i].user, cases[i].address);
		arena_reset(&a);
	}
	site_close(&s);
}

/* `n` aliases l0 … of which each names the next; the last one names `last`. */
static void chain(struct buffer *b, unsigned n, const char *last)
{
	for (unsigned i = 0; i + 1 < n; i++)
		text_add(b, "l{}: l{}\n", text_number(i), text_number(i + 1));
	text_add(b, "l{}: {}\n", text_number(n - 1), text_string(last));
	buffer_add_octet(b, 0);
}

static void deep(void **state)
{
	/* Protects: as deep as aliases may go, and not deeper. */
	(void)state;
	for (unsigned n = 16; n <= 17; n++) {
		struct buffer b = buffer_new(4096);
		struct site s;
		struct arena a = arena_new(1 << 16);
		chain(&b, n, "hana");
		const struct memory_file files[] = {
			house[0], house[1], house[2], {"aliases", (const char *)b.data, 0}, {0}};
		site_open(&s, files);
		const struct address address = parsed("l0@example.test", &a);
		assert_int_equal(sender_is_of_user(s.snapshot, VIEW("hana"), &address), n == 16);
		site_close(&s);
		arena_reset(&a);
		buffer_free(&b);
	}
}

static void owners(void **state)
{
	/* Protects: who bears the name comes first, each once; a list of sixteen is theirs, one of seventeen is nobody's
	 * but of him whose name it bears. */
	(void)state;
	for (unsigned n = SENDER_OWNERS_MAX - 1; n <= SENDER_OWNERS_MAX + 1; n++) {
		struct buffer users = buffer_new(4096);
		struct buffer aliases = buffer_new(4096);
		struct site s;
		struct arena a = arena_new(1 << 16);
		text_add(&users, "hana:!\njiro:!\n");
		text_add(&aliases, "hana: u2\nall: u0, u0");
		for (unsigned i = 0; i < n; i++) {
			text_add(&users, "u{}:!\n", text_number(i));
			text_add(&aliases, ", u{}", text_number(i));
		}
		text_add(&aliases, "\njiro: all\n");
		buffer_add_octet(&users, 0);
		buffer_add_octet(&aliases, 0);
		const struct memory_file files[] = {house[0], house[2],
			{"users", (const char *)users.data, 0600},
			{"aliases", (const char *)aliases.data, 0}, {0}};
		site_open(&s, files);
		const struct address hana = parsed("hana+x@example.test", &a);
		struct sender_owners found = sender_owners_of(s.snapshot, &hana);
		assert_int_equal(found.count, 2);
		assert_int_equal(found.users[0], snapshot_find_user(s.snapshot, VIEW("hana")));
		assert_int_equal(found.users[1], snapshot_find_user(s.snapshot, VIEW("u2")));
		const struct address all = parsed("all@example.test", &a);
		found = sender_owners_of(s.snapshot, &all);
		assert_int_equal(found.count, n <= SENDER_OWNERS_MAX ? n : 0);
		const struct address named = parsed("jiro@example.test", &a);
		found = sender_owners_of(s.snapshot, &named);
		assert_int_equal(found.count, n < SENDER_OWNERS_MAX ? n + 1 : 1);
		assert_int_equal(found.users[0], snapshot_find_user(s.snapshot, VIEW("jiro")));
		site_close(&s);
		arena_reset(&a);
		buffer_free(&aliases);
		buffer_free(&users);
	}
}

static struct route_facts facts_of(const struct snapshot *s, const char *client, const char *login)
{
	struct route_facts facts = {.login = view_text(login)};
	assert_true(ip_parse(view_text(client), &facts.client));
	facts.side = route_client(s, &facts.client, facts.login);
	return facts;
}

static void assert_verdict(const struct route_verdict *v, const char *rule, size_t i)
{
	if (!view_equal(v->rule, view_text(rule)))
		fail_msg("%zu: %.*s", i, (int)v->rule.length, (const char *)v->rule.at);
	assert_int_equal(v->accepted, view_equal(v->rule, VIEW("accepted")));
	if (!v->accepted) {
		assert_int_equal(v->code, 550);
		assert_string_equal(v->enhanced, "5.7.1");
	}
}

static void reverse_paths(void **state)
{
	/* Protects: who logged in writes as himself, or as nobody; who did not is not asked at MAIL. */
	(void)state;
	static const struct {
		const char *client;
		const char *login;
		const char *path;
		const char *rule;
	} cases[] = {
		{"198.51.100.1", "hana", "hana@example.test", "accepted"},
		{"198.51.100.1", "hana", "", "accepted"},
		{"198.51.100.1", "hana", "taro@example.test", "sender-not-own"},
		{"10.1.2.3", "hana", "taro@example.test", "sender-not-own"},
		{"198.51.100.1", "hana", "hana@other.example", "sender-not-own"},
		{"198.51.100.1", "hana", "hana+bad@example.test", "denyfrom:1"},
		{"10.1.2.3", "", "taro@example.test", "accepted"},
		{"10.1.2.3", "", "fetched@other.example", "accepted"},
		{"198.51.100.1", "", "fetched@other.example", "accepted"},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		const struct route_facts facts =
			facts_of(s.snapshot, cases[i].client, cases[i].login);
		const struct address path = parsed(cases[i].path, &a);
		const struct route_verdict v = route_mail(s.snapshot, &facts, &path, &a);
		assert_verdict(&v, cases[i].rule, i);
		arena_reset(&a);
	}
	site_close(&s);
}

static void sentence(void **state)
{
	/* Protects: the refusal names the address and says what is allowed; it fits a reply at any length. */
	(void)state;
	struct site s;
	struct arena a = arena_new(1 << 16);
	site_open(&s, house);
	const struct route_facts facts = facts_of(s.snapshot, "198.51.100.1", "hana");
	const struct address taro = parsed("taro@example.test", &a);
	const struct route_verdict v = route_author(s.snapshot, &facts, &taro, &a);
	assert_view(v.text, "<taro@example.test> is not your address; as hana you may write as "
			    "hana@example.test, "
			    "with or without a +tag, and as the aliases whose mail you get");
	struct buffer b = buffer_new(4096);
	for (int i = 0; i < 64; i++)
		buffer_add_octet(&b, 'x');
	buffer_add(&b, VIEW("@"));
	for (int i = 0; i < 44; i++)
		buffer_add(&b, VIEW("abc."));
	buffer_add(&b, VIEW("example"));
	struct address longest;
	assert_int_equal(address_parse(buffer_view(&b), false, &a, &longest), ADDRESS_OK);
	const struct route_verdict w = route_author(s.snapshot, &facts, &longest, &a);
	assert_true(w.text.length > 20 && w.text.length <= 440);
	buffer_free(&b);
	site_close(&s);
	arena_reset(&a);
}

static void leaving(void **state)
{
	/* Protects: N-7: from a network of the site nothing leaves under a stranger's name; what comes to own
	 * users may bear any, as with fetchmail. */
	(void)state;
	static const struct {
		const char *path;
		const char *to;
		bool is_foreign;
	} cases[] = {
		{"printer@example.test", "anna@other.example", false},
		{"", "anna@other.example", false},
		{"anna@other.example", "anna@other.example", true},
		{"anna@other.example", "hana@example.test", false},
		{"hana@[10.1.2.3]", "anna@other.example", true},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(1 << 16);
		const struct route_facts facts = facts_of(s.snapshot, "10.1.2.3", "");
		const struct address path = parsed(cases[i].path, &a);
		const struct address to = parsed(cases[i].to, &a);
		const struct route_recipient recipient = {
			.forward_path = &to, .reverse_path = &path};
		struct route_set set = route_set_new(&a);
		const struct route_verdict v = route_rcpt(s.snapshot, &facts, &recipient, &set, &a);
		assert_int_equal(
			view_equal(v.rule, VIEW("sender-not-of-site")), cases[i].is_foreign);
		arena_reset(&a);
	}
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whose),
		cmocka_unit_test(deep),
		cmocka_unit_test(owners),
		cmocka_unit_test(reverse_paths),
		cmocka_unit_test(sentence),
		cmocka_unit_test(leaving),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
