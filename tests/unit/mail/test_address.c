#include "mail/address.h"

#include "suite.h"

#define LABEL_63 "a23456789b23456789c23456789d23456789e23456789f23456789g23456789"
#define LOCAL_63 LABEL_63
#define LOCAL_60 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define LOCAL_240 LOCAL_60 LOCAL_60 LOCAL_60 LOCAL_60

static void mailboxes(void **state)
{
	/* Protects: which mailboxes are taken, what is compared, and which fault is named. */
	static const struct {
		const char *text;
		bool utf8;
		enum address_problem problem;
		const char *plain;
		const char *domain; /* "" for a literal */
		bool old_form;
	} cases[] = {
		{"hana@example.test", false, ADDRESS_OK, "hana", "example.test", false},
		{"Hana@EXAMPLE.Test", false, ADDRESS_OK, "Hana", "example.test", false},
		{"a!#$%&'*+-/=?^_`{|}~z@x", false, ADDRESS_OK, "a!#$%&'*+-/=?^_`{|}~z", "x", false},
		{"a.b.c@x", false, ADDRESS_OK, "a.b.c", "x", false},
		{"\"a b\"@x", false, ADDRESS_OK, "a b", "x", false},
		{"\"a\\b\\\"\\\\\"@x", false, ADDRESS_OK, "ab\"\\", "x", false},
		{"\"a@b\"@x", false, ADDRESS_OK, "a@b", "x", false},
		{"\"\"@x", false, ADDRESS_OK, "", "x", false},
		{"\"a>b\"@x", false, ADDRESS_OK, "a>b", "x", false},
		{"a@[192.0.2.1]", false, ADDRESS_OK, "a", "", false},
		{"a@[IPv6:2001:db8::1]", false, ADDRESS_OK, "a", "", false},
		{"a@[ipV6:2001:db8::1]", false, ADDRESS_OK, "a", "", false},
		{"a@[IPv6:::ffff:192.0.2.1]", false, ADDRESS_OK, "a", "", false},
		{"\xe8\x8a\xb1@\xe4\xbe\x8b\xe3\x81\x88.jp", true, ADDRESS_OK, "\xe8\x8a\xb1",
			"xn--r8jz45g.jp", false},
		{"\"\xe8\x8a\xb1 x\"@x", true, ADDRESS_OK, "\xe8\x8a\xb1 x", "x", false},
		/* Forms of Japan's mobile carriers. */
		{"a..b@docomo.ne.jp", false, ADDRESS_OK, "a..b", "docomo.ne.jp", true},
		{"ab.@ezweb.ne.jp", false, ADDRESS_OK, "ab.", "ezweb.ne.jp", true},
		{"a-.-..@docomo.ne.jp", false, ADDRESS_OK, "a-.-..", "docomo.ne.jp", true},
		{"\"a..b\"@docomo.ne.jp", false, ADDRESS_OK, "a..b", "docomo.ne.jp", false},
		{".ab@ezweb.ne.jp", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{".@ezweb.ne.jp", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"a.. b@docomo.ne.jp", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\xe8\x8a\xb1..b@docomo.ne.jp", true, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		/* Refused. */
		{"", false, ADDRESS_EMPTY, NULL, NULL, false},
		{"hana", false, ADDRESS_NO_DOMAIN, NULL, NULL, false},
		{"hana@", false, ADDRESS_NO_DOMAIN, NULL, NULL, false},
		{"\"hana\"", false, ADDRESS_NO_DOMAIN, NULL, NULL, false},
		{"@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"a@b@c", false, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"a b@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"a\"b@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a\"b@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a\".b@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a\\\"@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a\tb\"@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a\\\tb\"@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"a\x7f\"@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"a\x01@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"a(c)@x", false, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\xc2\x85"
		 "a@x",
			true, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"\xc2\x9b\"@x", true, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\"\\\xc3\xa9\"@x", true, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"\xe8\x8a\xb1@x", false, ADDRESS_NEEDS_UTF8, NULL, NULL, false},
		{"a@\xe4\xbe\x8b.jp", false, ADDRESS_NEEDS_UTF8, NULL, NULL, false},
		{"\xe8\x8a@x", true, ADDRESS_NOT_UTF8, NULL, NULL, false},
		{"\xc0\x80@x", true, ADDRESS_NOT_UTF8, NULL, NULL, false},
		{"\xed\xa0\x80@x", true, ADDRESS_NOT_UTF8, NULL, NULL, false},
		{"a@x.", false, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"a@x_y", false, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"a@[]", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[192.0.2.1", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[192.0.2.1]x", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[192.0.02.1]", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[2001:db8::1]", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[IPv6:192.0.2.1]", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[IPv6:1:2:3:4:5:6:7::]", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
		{"a@[X400:something]", false, ADDRESS_LITERAL_SYNTAX, NULL, NULL, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(4096);
		struct address found;
		const struct view text = view_text(cases[i].text);
		const enum address_problem problem = address_parse(text, cases[i].utf8, &a, &found);
		if (problem != cases[i].problem)
			fail_msg("%s: %s", cases[i].text, address_problem_name(problem));
		if (problem == ADDRESS_OK) {
			struct buffer b = buffer_new(256);
			address_add(&b, &found);
			assert_view(buffer_view(&b), cases[i].text);
			assert_view(found.local_plain, cases[i].plain);
			assert_view(found.domain.name, cases[i].domain);
			assert_int_equal(found.is_old_form, cases[i].old_form);
			assert_int_equal(found.is_literal, !*cases[i].domain);
			assert_int_equal(found.is_utf8, !view_is_ascii(text));
			assert_false(address_is_null(&found));
			buffer_free(&b);
		} else {
			assert_true(address_is_null(&found));
		}
		arena_reset(&a);
	}
	(void)state;
}

static void equality(void **state)
{
	/* Protects: one mailbox under two spellings is found, two mailboxes are never one. */
	static const struct {
		const char *a;
		const char *b;
		bool equal;
	} cases[] = {
		{"ab@x.test", "\"ab\"@X.TEST", true}, {"\"a\\b\"@x.test", "ab@x.test", true},
		{"a..b@x.test", "\"a..b\"@x.test", true},
		{"a@[192.0.2.1]", "a@[IPv6:::ffff:192.0.2.1]", true},
		{"a@[IPv6:2001:DB8::1]", "a@[IPv6:2001:db8:0:0:0:0:0:1]", true},
		{"a@\xe4\xbe\x8b\xe3\x81\x88.jp", "a@XN--R8JZ45G.jp", true},
		{"a@\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "a@xn--r8jz45g.jp", true},
		{"Ab@x.test", "ab@x.test", false}, {"ab@x.test", "ab@y.test", false},
		{"a@192.0.2.1", "a@[192.0.2.1]", false}, {"a@[192.0.2.1]", "a@[192.0.2.2]", false},
		{"a@fa\xc3\x9f.de", "a@fass.de", false}, /* nontransitional */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena = arena_new(4096);
		struct address a;
		struct address b;
		assert_int_equal(
			address_parse(view_text(cases[i].a), true, &arena, &a), ADDRESS_OK);
		assert_int_equal(
			address_parse(view_text(cases[i].b), true, &arena, &b), ADDRESS_OK);
		if (address_equal(&a, &b) != cases[i].equal ||
			address_equal(&b, &a) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
		assert_true(address_equal(&a, &a));
		arena_reset(&arena);
	}
	(void)state;
}

static void limits(void **state)
{
	/* Protects: RFC 5321 §4.5.3.1.1 to .3: what must be taken is taken, one octet more is not. */
	static const struct {
		const char *text;
		enum address_problem problem;
	} cases[] = {
		{LOCAL_63 "x@y", ADDRESS_OK},
		{LOCAL_63 "xx@y", ADDRESS_OK}, /* more may be taken, and a forwarder's has more */
		{"\"" LOCAL_63 "\"@y", ADDRESS_OK},
		{LOCAL_240 "abcdefghijkl@y", ADDRESS_OK},
		{LOCAL_240 "abcdefghijklm@y", ADDRESS_LOCAL_LONG},
		{"\"" LOCAL_240 "abcdefghijk\"@y", ADDRESS_LOCAL_LONG},
		{"\"" LOCAL_240 "abcdefghij\"@y", ADDRESS_OK},
		{LOCAL_240 "abcdefghijkl@yy", ADDRESS_PATH_LONG},
		{"a@" LABEL_63 ".b", ADDRESS_OK},
		{"a@x" LABEL_63 ".b", ADDRESS_DOMAIN_LONG},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(4096);
		struct address found;
		const enum address_problem problem =
			address_parse(view_text(cases[i].text), false, &a, &found);
		if (problem != cases[i].problem)
			fail_msg("%s (%zu): %s", cases[i].text, strlen(cases[i].text),
				address_problem_name(problem));
		arena_reset(&a);
	}
	(void)state;
}

static void long_domains(void **state)
{
	/* Protects: the limits of path (RFC 5321 §4.5.3.1.3) and name (RFC 1035), on both sides. */
	static const struct {
		size_t octets;
		enum address_problem problem;
	} cases[] = {
		{251, ADDRESS_OK},
		{252, ADDRESS_OK}, /* with "a@" and brackets 256 */
		{253, ADDRESS_PATH_LONG},
		{254, ADDRESS_DOMAIN_LONG},
		{255, ADDRESS_DOMAIN_LONG},
		{256, ADDRESS_DOMAIN_LONG},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[512] = "a@" LABEL_63 "." LABEL_63 "." LABEL_63 ".";
		struct arena a = arena_new(4096);
		struct address found;
		struct domain domain;
		while (strlen(text) < cases[i].octets + 2)
			strcat(text, "x");
		const enum address_problem problem =
			address_parse(view_text(text), false, &a, &found);
		if (problem != cases[i].problem)
			fail_msg("%zu: %s", cases[i].octets, address_problem_name(problem));
		assert_int_equal(domain_parse(view_text(text + 2), false, &a, &domain),
			cases[i].octets <= DOMAIN_NAME_MAX ? ADDRESS_OK : ADDRESS_DOMAIN_LONG);
		arena_reset(&a);
	}
	(void)state;
}

static void no_memory(void **state)
{
	/* Protects: at the arena's cap the answer is "temporary", never a wrong address. */
	bool fitted = false;
	for (size_t max = 0; max < 2048; max += 16) {
		struct arena a = arena_new(max);
		struct address found;
		const enum address_problem problem = address_parse(
			VIEW("\"a\\b\"@\xe4\xbe\x8b\xe3\x81\x88.jp"), true, &a, &found);
		assert_true(problem == ADDRESS_OK || problem == ADDRESS_MEMORY);
		assert_false(fitted && problem == ADDRESS_MEMORY);
		fitted = problem == ADDRESS_OK;
		assert_int_equal(address_is_null(&found), !fitted);
		arena_reset(&a);
	}
	assert_true(fitted);
	(void)state;
}

static void paths(void **state)
{
	/* Protects: where a path ends, so that nothing of it is read as a parameter or the reverse. */
	enum { NO, NUL = PATH_NULL_OK, POST = PATH_POSTMASTER_OK, U = PATH_UTF8 };
	static const struct {
		const char *text;
		unsigned flags;
		enum address_problem problem;
		const char *printed;
		const char *rest;
		bool route;
	} cases[] = {
		{"<a@x> SIZE=5", NO, ADDRESS_OK, "a@x", " SIZE=5", false},
		{"<\"a>b\"@x>y", NO, ADDRESS_OK, "\"a>b\"@x", "y", false},
		{"<\"a\\\">\"@x>", NO, ADDRESS_OK, "\"a\\\">\"@x", "", false},
		{"<@h:a@x>", NO, ADDRESS_OK, "a@x", "", true},
		{"<@h,@i.test:a@x>", NO, ADDRESS_OK, "a@x", "", true},
		{"<@h:a@[IPv6:::1]>", NO, ADDRESS_OK, "a@[IPv6:::1]", "", true},
		{"<> BODY=8BITMIME", NUL, ADDRESS_OK, "", " BODY=8BITMIME", false},
		{"<>", NO, ADDRESS_EMPTY, NULL, NULL, false},
		{"<PostMaster>", POST, ADDRESS_OK, "PostMaster", "", false},
		{"<postmaster>", NUL, ADDRESS_NO_DOMAIN, NULL, NULL, false},
		{"<\"postmaster\">", POST, ADDRESS_NO_DOMAIN, NULL, NULL, false},
		{"<postmaster@x>", POST, ADDRESS_OK, "postmaster@x", "", false},
		{"<a..b@docomo.ne.jp>", NO, ADDRESS_OK, "a..b@docomo.ne.jp", "", false},
		{"<\xe8\x8a\xb1@x>", U, ADDRESS_OK, "\xe8\x8a\xb1@x", "", false},
		{"<\xe8\x8a\xb1@x>", NO, ADDRESS_NEEDS_UTF8, NULL, NULL, false},
		{"a@x", NO, ADDRESS_NO_BRACKETS, NULL, NULL, false},
		{"", NO, ADDRESS_NO_BRACKETS, NULL, NULL, false},
		{" <a@x>", NO, ADDRESS_NO_BRACKETS, NULL, NULL, false},
		{"<", NO, ADDRESS_NO_BRACKETS, NULL, NULL, false},
		{"<a@x", NO, ADDRESS_NO_BRACKETS, NULL, NULL, false},
		{"<\"a@x>", NO, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"<a@x >", NO, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"< a@x>", NO, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"<<a@x>>", NO, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"<@h>", NO, ADDRESS_NO_DOMAIN, NULL, NULL, false},
		{"<@h:>", NUL, ADDRESS_EMPTY, NULL, NULL, false},
		{"<@:a@x>", NO, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"<@h,:a@x>", NO, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"<@h,i:a@x>", NO, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
		{"<@h:@i:a@x>", NO, ADDRESS_LOCAL_SYNTAX, NULL, NULL, false},
		{"<@h, @i:a@x>", NO, ADDRESS_DOMAIN_SYNTAX, NULL, NULL, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(4096);
		struct cursor c = cursor_of(view_text(cases[i].text));
		struct address found;
		bool route;
		const enum address_problem problem =
			path_parse(&c, cases[i].flags, &a, &found, &route);
		if (problem != cases[i].problem)
			fail_msg("%s: %s", cases[i].text, address_problem_name(problem));
		if (problem == ADDRESS_OK) {
			struct buffer b = buffer_new(256);
			address_add(&b, &found);
			assert_view(buffer_view(&b), cases[i].printed);
			assert_view(cursor_rest(&c), cases[i].rest);
			assert_int_equal(route, cases[i].route);
			assert_int_equal(address_is_null(&found), !*cases[i].printed);
			buffer_free(&b);
		} else {
			assert_int_equal(c.at, 0);
		}
		arena_reset(&a);
	}
	(void)state;
}

static void long_paths(void **state)
{
	/* Protects: RFC 5321 §4.5.3.1.3 with a source route in it, and that long ones cost nothing. */
	for (size_t hosts = 1; hosts < 5000; hosts = hosts < 130 ? hosts + 1 : hosts * 3) {
		struct buffer b = buffer_new(1 << 16);
		struct arena a = arena_new(8192);
		struct address found;
		bool route;
		buffer_add(&b, VIEW("<@h"));
		for (size_t i = 1; i < hosts; i++)
			buffer_add(&b, VIEW(",@h"));
		buffer_add(&b, VIEW(":a@x>"));
		struct cursor c = cursor_of(buffer_view(&b));
		assert_int_equal(path_parse(&c, 0, &a, &found, &route),
			b.length <= ADDRESS_PATH_MAX ? ADDRESS_OK : ADDRESS_PATH_LONG);
		buffer_free(&b);
		arena_reset(&a);
	}
	(void)state;
}

static void helo_names(void **state)
{
	/* Protects: which HELO names a stranger may give, which only an inside client (F-4). */
	static const struct {
		const char *text;
		enum address_problem problem;
		bool loose;
		bool literal;
		bool full;
	} cases[] = {
		{"mail.example.test", ADDRESS_OK, false, false, true},
		{"MAIL.example.test", ADDRESS_OK, false, false, true},
		{"localhost", ADDRESS_OK, false, false, false},
		{"[192.0.2.1]", ADDRESS_OK, false, true, false},
		{"[IPv6:2001:db8::1]", ADDRESS_OK, false, true, false},
		{"192.0.2.1", ADDRESS_OK, false, false, true},
		{"my_phone", ADDRESS_OK, true, false, false},
		{"[192.0.2.1", ADDRESS_OK, true, false, false},
		{"[2001:db8::1]", ADDRESS_OK, true, false, false},
		{"[X:1]", ADDRESS_OK, true, false, false},
		{"example.test.", ADDRESS_OK, true, false, false},
		{"-", ADDRESS_OK, true, false, false},
		{"xn--a", ADDRESS_OK, true, false, false},
		{"", ADDRESS_EMPTY, false, false, false},
		{"a b", ADDRESS_DOMAIN_SYNTAX, false, false, false},
		{"a(b)", ADDRESS_DOMAIN_SYNTAX, false, false, false},
		{"a\r", ADDRESS_DOMAIN_SYNTAX, false, false, false},
		{"\xe4\xbe\x8b.jp", ADDRESS_DOMAIN_SYNTAX, false, false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(4096);
		struct helo_name name;
		const enum address_problem problem =
			helo_parse(view_text(cases[i].text), &a, &name);
		if (problem != cases[i].problem || name.is_loose != cases[i].loose ||
			name.is_literal != cases[i].literal ||
			domain_is_full(name.domain) != cases[i].full)
			fail_msg("%s: %s", cases[i].text, address_problem_name(problem));
		assert_view(name.given, problem == ADDRESS_OK ? cases[i].text : "");
		arena_reset(&a);
	}
	char text[300];
	struct arena a = arena_new(4096);
	struct helo_name name;
	memset(text, '_', sizeof text);
	assert_int_equal(helo_parse(view_of(text, 255), &a, &name), ADDRESS_OK);
	assert_int_equal(helo_parse(view_of(text, 256), &a, &name), ADDRESS_DOMAIN_LONG);
	arena_reset(&a);
	(void)state;
}

static void every_problem_has_words(void **state)
{
	/* Protects: a refused address is always told why, in a sentence that fits a reply. */
	for (enum address_problem p = ADDRESS_OK; p <= ADDRESS_MEMORY; p++) {
		const struct view text = view_text(address_problem_text(p));
		assert_in_range(text.length, 10, 80);
		assert_true(view_is_printable(text, true));
		assert_int_not_equal(view_at(text, text.length - 1), '.');
		assert_true(view_is_printable(view_text(address_problem_name(p)), false));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(equality),
		cmocka_unit_test(limits),
		cmocka_unit_test(long_domains),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(paths),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(helo_names),
		cmocka_unit_test(every_problem_has_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
