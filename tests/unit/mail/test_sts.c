#include "mail/sts.h"

#include "base/text.h"

#include "suite.h"

#define MEMORY (1u << 17)

static void records(void **state)
{
	/* Protects: the id of the one record; what is not exactly one good record is none (RFC 8461 §3.1). */
	(void)state;
	static const struct {
		const char *texts[3];
		const char *id;
	} cases[] = {
		{{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		{{"v=STSv1;id=1"}, "1"},
		{{"v=STSv1 ;\tid=1 ; "}, "1"},
		{{"v=spf1 -all", "v=STSv1; id=a7"}, "a7"},
		{{"v=STSv1; a-b.c_d=x:y; id=1; z=~"}, "1"},
		{{"v=STSv1; id=1; id=2;"}, "1"},
		{{"v=STSv1; id=abcdefghijklmnopqrstuvwxyz012345"},
			"abcdefghijklmnopqrstuvwxyz012345"},
		{{"v=STSv1; id=abcdefghijklmnopqrstuvwxyz0123456"}, ""},
		{{"v=STSv1; id=1", "v=STSv1; id=1"}, ""},
		{{"v=STSv1; id=1", "v=STSv1;"}, ""},
		{{"v=STSv1; id=1", "v=STSv2; id=2"}, "1"},
		{{"v=STSv1"}, ""},
		{{"v=STSv1;"}, ""},
		{{"v=STSv1; id="}, ""},
		{{"v=STSv1; id=a b"}, ""},
		{{"v=STSv1; id=a.b"}, ""},
		{{"v=STSv1; id"}, ""},
		{{"v=STSv1; id=1; x"}, ""},
		{{"v=STSv1; id=1; x="}, ""},
		{{"v=STSv1; id=1; -x=1"}, ""},
		{{"v=STSv1; id=1; x=a=b"}, ""},
		{{"v=STSv1; id=1;; x=1"}, ""},
		{{"v=STSv1x; id=1"}, ""},
		{{"V=STSv1; id=1"}, ""},
		{{" v=STSv1; id=1"}, ""},
		{{"id=1; v=STSv1"}, ""},
		{{""}, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct view texts[3];
		size_t n = 0;
		for (; n < 3 && cases[i].texts[n]; n++)
			texts[n] = view_text(cases[i].texts[n]);
		if (!view_equal(sts_record_id(texts, n), view_text(cases[i].id)))
			fail_msg("\"%s\"", cases[i].texts[0]);
	}
	assert_int_equal(sts_record_id(NULL, 0).length, 0);
}

/* "enforce 86400 a b", or what is wrong. */
static void print(struct view text, char *out, size_t room)
{
	struct arena a = arena_new(MEMORY);
	struct sts_policy p;
	struct buffer b = buffer_new(room - 1);
	const char *wrong = sts_policy_parse(text, &a, &p);
	text_add(&b, "{}", text_string(wrong ? wrong : sts_mode_name(p.mode)));
	if (!wrong)
		text_add(&b, " {}", text_number(p.max_age_s));
	for (uint32_t i = 0; !wrong && i < p.mx_count; i++)
		text_add(&b, " {}", text_view(p.mx[i]));
	assert_true(view_to_text(buffer_view(&b), out, room));
	buffer_free(&b);
	arena_reset(&a);
}

static void policies(void **state)
{
	/* Protects: what a policy says, in CRLF and LF, with what is unknown and repeated (RFC 8461 §3.2). */
	(void)state;
#define HEAD "version: STSv1\n"
#define ALL HEAD "mode: enforce\nmax_age: 604800\n"
	static const struct {
		const char *text;
		const char *means;
	} cases[] = {
		{"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.NET\r\n"
		 "max_age: 604800\r\n",
			"enforce 604800 mail.example.com *.example.net"},
		{ALL "mx:a", "enforce 604800 a"},
		{"mx : a \nmax_age:604800\t\nmode:enforce\nversion:STSv1", "enforce 604800 a"},
		{HEAD "mode: testing\nmax_age: 0\nmx: a\n", "testing 0 a"},
		{HEAD "mode: none\nmax_age: 86400\n", "none 86400"},
		{ALL "mx: a\nmode: none\nmax_age: 1\nversion: STSv2\n", "enforce 604800 a"},
		{ALL "mx: a\n\nnew_key: \xe8\x8a\xb1: x\n", "enforce 604800 a"},
		{HEAD "mode: enforce\nmx: a\nmax_age: 31557600\n", "enforce 31557600 a"},
		{HEAD "mode: enforce\nmx: a\nmax_age: 31557601\n", "enforce 31557600 a"},
		{HEAD "mode: enforce\nmx: a\nmax_age: 9999999999\n", "enforce 31557600 a"},
		{HEAD "mode: enforce\nmx: a\nmax_age: 10000000000\n",
			"its max_age is no number of seconds"},
		{HEAD "mode: enforce\nmx: a\nmax_age: -1\n", "its max_age is no number of seconds"},
		{HEAD "mode: enforce\nmx: a\nmax_age:\n", "its max_age is no number of seconds"},
		{ALL, "it names no host"},
		{HEAD "mode: testing\nmax_age: 1\n", "it names no host"},
		{"mode: enforce\nmax_age: 1\nmx: a\n", "it has no version"},
		{HEAD "max_age: 1\nmx: a\n", "it has no mode"},
		{HEAD "mode: enforce\nmx: a\n", "it has no max_age"},
		{"", "it has no version"},
		{"version: STSv2\nmode: enforce\nmax_age: 1\nmx: a\n", "its version is not STSv1"},
		{HEAD "mode: Enforce\nmax_age: 1\nmx: a\n", "its mode is none that there is"},
		{ALL "mx: a\nfoo\n", "one of its lines is no field"},
		{"<html>\n", "one of its lines is no field"},
		{ALL "mx: a.\n", "one of its hosts has no name that can be"},
		{ALL "mx: *\n", "one of its hosts has no name that can be"},
		{ALL "mx: *.\n", "one of its hosts has no name that can be"},
		{ALL "mx: .a\n", "one of its hosts has no name that can be"},
		{ALL "mx: a.*.b\n", "one of its hosts has no name that can be"},
		{ALL "mx: *.*.b\n", "one of its hosts has no name that can be"},
		{ALL "mx: a b\n", "one of its hosts has no name that can be"},
		{ALL "mx: \xe8\x8a\xb1.example\n", "one of its hosts has no name that can be"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char got[1024];
		print(view_text(cases[i].text), got, sizeof got);
		if (strcmp(got, cases[i].means) != 0)
			fail_msg("\"%s\": %s", cases[i].text, got);
	}
}

static void limits(void **state)
{
	/* Protects: as many hosts, and as long a text, as is said, and not one more. */
	(void)state;
	char got[4096];
	struct buffer b = buffer_new(2 * STS_POLICY_OCTETS_MAX);
	buffer_add(&b, VIEW(ALL));
	for (size_t i = 0; i < STS_MX_MAX; i++)
		buffer_add(&b, VIEW("mx: *.example.org\n"));
	print(buffer_view(&b), got, sizeof got);
	assert_true(view_starts(view_text(got), VIEW("enforce 604800 *.example.org *.")));
	buffer_add(&b, VIEW("mx: a\n"));
	print(buffer_view(&b), got, sizeof got);
	assert_string_equal(got, "it names more hosts than can be kept");

	/* fewer, but longer: 16 of 239 octets are 3888 + 9 packed */
	for (unsigned more = 0; more < 2; more++) {
		buffer_clear(&b);
		buffer_add(&b, VIEW(ALL));
		for (size_t i = 0; i < 16; i++) {
			buffer_add(&b, VIEW("mx: "));
			for (size_t k = 0; k < 239 / 2; k++)
				buffer_add(&b, VIEW("a."));
			buffer_add(&b, VIEW("a"));
			buffer_add(&b, i == 15 && more ? VIEW("aaaa\n") : VIEW("\n"));
		}
		print(buffer_view(&b), got, sizeof got);
		assert_int_equal(view_starts(view_text(got), VIEW("enforce")), !more);
	}

	buffer_clear(&b);
	buffer_add(&b, VIEW(ALL "mx: a\n#:"));
	while (b.length < STS_POLICY_OCTETS_MAX)
		buffer_add_octet(&b, 'x');
	print(buffer_view(&b), got, sizeof got);
	assert_string_equal(got, "enforce 604800 a");
	buffer_add_octet(&b, 'x');
	print(buffer_view(&b), got, sizeof got);
	assert_string_equal(got, "it is longer than one may be");
	buffer_free(&b);
}

static void names(void **state)
{
	/* Protects: an asterisk stands for one label, and not for none (RFC 8461 §4.1). */
	(void)state;
	struct arena a = arena_new(MEMORY);
	struct sts_policy p;
	assert_null(
		sts_policy_parse(VIEW(ALL "mx: mail.example.com\nmx: *.example.net\n"), &a, &p));
	static const char *const yes[] = {
		"mail.example.com", "mx1.example.net", "a-b.example.net", "_x.example.net"};
	static const char *const no[] = {"example.com", "a.mail.example.com", "mail.example.co",
		"example.net", ".example.net", "a.b.example.net", "xexample.net", "net", ""};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!sts_policy_names(&p, view_text(yes[i])))
			fail_msg("%s is not named", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (sts_policy_names(&p, view_text(no[i])))
			fail_msg("%s is named", no[i]);
	assert_null(sts_policy_parse(VIEW(HEAD "mode: none\nmax_age: 1\nmx: a"), &a, &p));
	arena_reset(&a);
}

static void packed(void **state)
{
	/* Protects: what is packed is read the same; what is cut or lengthened is refused. */
	(void)state;
	struct arena a = arena_new(MEMORY);
	struct buffer b = buffer_new(STS_PACKED_MAX);
	struct sts_policy p, q;
	assert_null(
		sts_policy_parse(VIEW(ALL "mx: mail.example.com\nmx: *.example.net\n"), &a, &p));
	sts_policy_add(&b, &p);
	assert_true(sts_policy_read(buffer_view(&b), &a, &q));
	assert_int_equal(q.mode, STS_MODE_ENFORCE);
	assert_int_equal(q.max_age_s, 604800);
	assert_int_equal(q.mx_count, 2);
	assert_view(q.mx[1], "*.example.net");
	for (size_t n = 0; n < b.length; n++)
		assert_false(sts_policy_read(view_first(buffer_view(&b), n), &a, &q));
	buffer_add_octet(&b, 0);
	assert_false(sts_policy_read(buffer_view(&b), &a, &q));
	buffer_free(&b);
	arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(records), cmocka_unit_test(policies),
		cmocka_unit_test(limits), cmocka_unit_test(names), cmocka_unit_test(packed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
