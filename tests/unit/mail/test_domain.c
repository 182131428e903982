#include "mail/domain.h"

#include "suite.h"

static void names(void **state)
{
	/* Protects: what a domain is, and that each has one form (lower case, A-labels). */
	static const struct {
		const char *text;
		bool utf8;
		enum address_problem problem;
		const char *name;
	} cases[] = {
		{"example.test", false, ADDRESS_OK, "example.test"},
		{"EXAMPLE.Test", false, ADDRESS_OK, "example.test"},
		{"x", false, ADDRESS_OK, "x"},
		{"1.2.3.4", false, ADDRESS_OK, "1.2.3.4"},
		{"a-b.c--d", false, ADDRESS_OK, "a-b.c--d"},
		{"XN--R8JZ45G.jp", false, ADDRESS_OK, "xn--r8jz45g.jp"},
		{"\xe4\xbe\x8b\xe3\x81\x88.jp", true, ADDRESS_OK, "xn--r8jz45g.jp"},
		{"\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", true, ADDRESS_OK, "xn--r8jz45g.jp"},
		{"\xef\xbc\xa1.jp", true, ADDRESS_OK, "a.jp"},
		{"fa\xc3\x9f.de", true, ADDRESS_OK, "xn--fa-hia.de"},
		{"c--d.\xe4\xbe\x8b\xe3\x81\x88.jp", true, ADDRESS_OK, "c--d.xn--r8jz45g.jp"},
		{"", false, ADDRESS_EMPTY, NULL},
		{".", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a.", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{".a", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a..b", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"-a", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a-", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a.-b.c", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a_b", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a b", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a\x01", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a/c", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"xn--a", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"xn--www-hia.de", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"\xe4\xbe\x8b.jp", false, ADDRESS_NEEDS_UTF8, NULL},
		{"\xe4\xbe.jp", true, ADDRESS_NOT_UTF8, NULL},
		{"\xe4\xbe\x8b.jp.", true, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"\xe3\x80\x82.jp", true, ADDRESS_DOMAIN_SYNTAX, NULL},
		/* What the library's STD3 mode would silently drop or make: another domain. */
		{"a_b.\xe4\xbe\x8b\xe3\x81\x88.jp", true, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"x_y.xn--fa-hia.de", false, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"a b.\xe4\xbe\x8b", true, ADDRESS_DOMAIN_SYNTAX, NULL},
		{"\xe2\x84\x80.jp", true, ADDRESS_DOMAIN_SYNTAX, NULL}, /* U+2100 is a/c */
		{"\xef\xbc\xbf.jp", true, ADDRESS_DOMAIN_SYNTAX, NULL}, /* wide low line */
		{"\xc2\xad.jp", true, ADDRESS_DOMAIN_SYNTAX, NULL}, /* only a soft hyphen */
		{"\xe4\xbe\x8b\xc2\x85.jp", true, ADDRESS_DOMAIN_SYNTAX, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(1024);
		struct domain d;
		const enum address_problem problem =
			domain_parse(view_text(cases[i].text), cases[i].utf8, &a, &d);
		if (problem != cases[i].problem)
			fail_msg("%s: %s", cases[i].text, address_problem_name(problem));
		assert_view(d.name, cases[i].name ? cases[i].name : "");
		arena_reset(&a);
	}
	struct arena a = arena_new(1024);
	struct domain d;
	assert_int_equal(domain_parse(VIEW("a\0b"), false, &a, &d), ADDRESS_DOMAIN_SYNTAX);
	assert_int_equal(
		domain_parse(VIEW("\xe4\xbe\x8b\0b"), true, &a, &d), ADDRESS_DOMAIN_SYNTAX);
	arena_reset(&a);
	(void)state;
}

static void containment(void **state)
{
	/* Protects: label boundaries (F-7): xano.net is not in ano.net. */
	static const struct {
		const char *sub;
		const char *of;
		bool in;
	} cases[] = {
		{"ano.net", "ano.net", true},
		{"db.ano.net", "ano.net", true},
		{"a.db.ano.net", "ano.net", true},
		{"xano.net", "ano.net", false},
		{"ano.net", "db.ano.net", false},
		{"net", "ano.net", false},
		{"ano.net", "", false},
		{"", "ano.net", false},
		{"", "", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct domain sub = {view_text(cases[i].sub)};
		const struct domain of = {view_text(cases[i].of)};
		if (domain_is_in(sub, of) != cases[i].in)
			fail_msg("%s in %s", cases[i].sub, cases[i].of);
	}
	assert_true(domain_is_full((struct domain){VIEW("a.b")}));
	assert_false(domain_is_full((struct domain){VIEW("a")}));
	assert_false(domain_is_full((struct domain){VIEW_NONE}));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(containment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
