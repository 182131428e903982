/* protocol/downgrade.h: RFC 6858, field by field, in every cut of the input. */
#include "protocol/downgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The whole of `in`, given in pieces of `piece` octets, asked for in pieces of `most`. */
static struct buffer convert(struct view in, size_t piece, size_t most)
{
	struct buffer out = buffer_new(1u << 24);
	struct downgrade d = downgrade_new();
	for (size_t at = 0;;) {
		struct cursor c = cursor_of(view_part(in, at, piece));
		const bool last = at + piece >= in.length;
		for (;;) {
			const struct view v = downgrade_next(&d, &c, last, most);
			if (!v.length)
				break;
			assert_true(v.length <= most);
			buffer_add(&out, v);
		}
		assert_int_equal(cursor_left(&c), 0);
		if (last)
			break;
		at += piece;
	}
	downgrade_free(&d);
	assert_false(out.failed);
	return out;
}

static void assert_converts(struct view in, struct view wanted)
{
	static const size_t pieces[] = {1, 2, 3, 7, 64, 1u << 20};
	static const size_t mosts[] = {1, 5, 100, 1u << 20};
	for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
		for (size_t m = 0; m < sizeof mosts / sizeof *mosts; m++) {
			struct buffer out = convert(in, pieces[p], mosts[m]);
			if (!view_equal(buffer_view(&out), wanted))
				fprintf(stderr, "in:\n%.*s\ngot:\n%.*s\nwanted:\n%.*s\n",
					(int)in.length, (const char *)in.at, (int)out.length,
					(const char *)out.data, (int)wanted.length,
					(const char *)wanted.at);
			assert_true(view_equal(buffer_view(&out), wanted));
			buffer_free(&out);
		}
	}
}

struct row {
	const char *in;
	const char *out;
};

static void test_untouched(void **state)
{
	/* Protects mail that needs nothing: not one octet of it changes. */
	(void)state;
	static const char *const cases[] = {
		"",
		"\r\n",
		"\n",
		"Subject: a\r\n\r\nbody \xe6\x97\xa5\r\n",
		"Subject: a\n b\n\nbody",
		"Subject: \x93\xfa\x96\x7b not UTF-8\r\nTo: a@b\r\n\r\n",
		"no header at all, \xe6\x97\xa5\xe6\x9c\xac: text\r\nmore: \xe6\x97\xa5\r\n",
		"Subject: no end",
		"Subject: half a line end\r",
		" folded at the start \xe6\x97\xa5\r\n",
		": no name \xe6\x97\xa5\r\n",
		"A: b\r\n\r\nSubject: \xe6\x97\xa5 is body here\r\n",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_converts(view_text(cases[i]), view_text(cases[i]));
}

#define INVALID "<invalid@internationalized-address.invalid>"

static void assert_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_converts(view_text(rows[i].in), view_text(rows[i].out));
}

static void test_text(void **state)
{
	/* Protects Subject and its kin (RFC 6858 §2.3, RFC 2047): people read what was written. */
	(void)state;
	static const struct row rows[] = {
		{"Subject: \xe6\x97\xa5\xe6\x9c\xac\r\n\r\n",
			"Subject: =?utf-8?B?5pel5pys?=\r\n\r\n"},
		{"Subject: Re: \xe6\x97\xa5 b \xe6\x9c\xac\r\n",
			"Subject: Re: =?utf-8?B?5pel?= b =?utf-8?B?5pys?=\r\n"},
		/* A run of words is one text: white space between encoded words does not show. */
		{"subject: \xe6\x97\xa5  \xe6\x9c\xac\r\n \xe6\x97\xa5\n",
			"subject: =?utf-8?B?5pelIOacrCDml6U=?=\r\n"},
		/* Next to an encoded word that was there the space goes inside ours. */
		{"Subject: =?utf-8?q?a?= \xe6\x97\xa5 =?utf-8?q?b?=\r\n",
			"Subject: =?utf-8?q?a?= =?utf-8?B?IOaXpSA=?= =?utf-8?q?b?=\r\n"},
		{"X-Odd : \xe6\x97\xa5\r\n", "X-Odd: =?utf-8?B?5pel?=\r\n"},
		{"Comments:\xe6\x97\xa5", "Comments: =?utf-8?B?5pel?=\r\n"},
	};
	assert_rows(rows, sizeof rows / sizeof *rows);
}

static void test_addresses(void **state)
{
	/* Protects RFC 6858 §2.1: no address that could be somebody else's, and no lost name. */
	(void)state;
	static const struct row rows[] = {
		{"From: \xe6\x97\xa5 <a@b.example>\r\n",
			"From: =?utf-8?B?5pel?= <a@b.example>\r\n"},
		{"From: \"\xe6\x97\xa5, x\" <a@b.example>\r\n",
			"From: =?utf-8?B?5pelLCB4?= <a@b.example>\r\n"},
		{"From: a@b.example (\xe6\x97\xa5)\r\n",
			"From: =?utf-8?B?5pel?= <a@b.example>\r\n"},
		{"From: Hana <\xe6\x97\xa5@b.example>\r\n",
			"From: Hana =?utf-8?B?KOaXpUBiLmV4YW1wbGUp?=\r\n " INVALID "\r\n"},
		{"To: \xe6\x97\xa5@b.example\r\n",
			"To: =?utf-8?B?KOaXpUBiLmV4YW1wbGUp?=\r\n " INVALID "\r\n"},
		/* The domain alone: its A-labels say the same, and can be answered. */
		{"To: a@\xe4\xbe\x8b\xe3\x81\x88.example\r\n", "To: <a@xn--r8jz45g.example>\r\n"},
		{"To: b@c.example, A <a@\xe4\xbe\x8b\xe3\x81\x88.example>, d@e.example\r\n",
			"To: b@c.example, A <a@xn--r8jz45g.example>, d@e.example\r\n"},
		{"Cc: \xe6\x97\xa5: a@b.example, \xe6\x97\xa5 <c@d.example>;\r\n",
			"Cc: =?utf-8?B?5pel?=: a@b.example, =?utf-8?B?5pel?= "
			"<c@d.example>;\r\n"},
		{"Resent-To: \"a;,:\" <\xe6\x97\xa5@b.example>\r\n",
			"Resent-To: \"a;,:\" =?utf-8?B?KOaXpUBiLmV4YW1wbGUp?=\r\n " INVALID "\r\n"},
		/* No list at all: quotes, comments, brackets that do not end. */
		{"To: \"\xe6\x97\xa5 <a@b.example>\r\n",
			"To: =?utf-8?B?5pelIDxhQGIuZXhhbXBsZT4=?=\r\n " INVALID "\r\n"},
		{"To: a <\xe6\x97\xa5\r\n", "To: =?utf-8?B?YSA85pel?= " INVALID "\r\n"},
		{"To: (((\xe6\x97\xa5))\r\n", "To: =?utf-8?B?5pel?= " INVALID "\r\n"},
		{"Return-Path: <\xe6\x97\xa5@b.example>\r\n", "Return-Path: " INVALID "\r\n"},
		{"Return-Path: <a@\xe4\xbe\x8b\xe3\x81\x88.example>\r\n",
			"Return-Path: <a@xn--r8jz45g.example>\r\n"},
		{"Return-Path: \xe6\x97\xa5\r\nA: b\r\n", "A: b\r\n"},
	};
	assert_rows(rows, sizeof rows / sizeof *rows);
}

static void test_parameters(void **state)
{
	/* Protects RFC 6858 §2.2: parameters with UTF-8 are left out, the others stay. */
	(void)state;
	static const struct row rows[] = {
		{"Content-Type: text/plain; name=\"\xe6\x97\xa5;x\"; charset=utf-8\r\n",
			"Content-Type: text/plain;\r\n charset=utf-8\r\n"},
		{"Content-Disposition: attachment; filename=\xe6\x97\xa5\r\n",
			"Content-Disposition: attachment\r\n"},
		{"Content-Type: \xe6\x97\xa5; a=b\r\nA: b\r\n", "A: b\r\n"},
		{"Content-Type: a/b; x=\"\xe6\x97\xa5; c=d\r\n", "Content-Type: a/b\r\n"},
	};
	assert_rows(rows, sizeof rows / sizeof *rows);
}

static void test_left_out(void **state)
{
	/* Protects RFC 6858 §2.4: where no encoded word may stand, the field goes. */
	(void)state;
	static const struct row rows[] = {
		{"Received: by a for <\xe6\x97\xa5@b>;\r\n Sat\r\nA: b\r\n\r\n", "A: b\r\n\r\n"},
		{"List-Id: \xe6\x97\xa5\r\nmessage-id: <\xe6\x97\xa5@b>\r\nA: b\r\n", "A: b\r\n"},
	};
	assert_rows(rows, sizeof rows / sizeof *rows);
}

static void test_long_lines(void **state)
{
	/* Protects RFC 2047 §2: encoded words of at most 75 octets on lines of at most 76, cut between
	 * characters. */
	(void)state;
	struct buffer in = buffer_new(1u << 16);
	buffer_add(&in, VIEW("Subject: "));
	for (int i = 0; i < 200; i++)
		buffer_add(&in, i % 50 == 49 ? VIEW(" ascii ")
				: i % 7 == 0
					? VIEW("\xc3\xa9") /* so that cuts fall within characters */
				: i % 11 == 0 ? VIEW("\xf0\x9f\x8d\xa3")
					      : VIEW("\xe6\x97\xa5"));
	buffer_add(&in, VIEW("\r\n\r\n"));
	struct buffer out = convert(buffer_view(&in), 100, 1000);
	struct view rest = buffer_view(&out);
	assert_true(view_is_ascii(rest));
	size_t lines = 0;
	while (rest.length) {
		struct view line;
		assert_true(view_split(rest, '\n', &line, &rest));
		assert_true(line.length <= 77); /* with the CR */
		lines++;
		while (view_search(line, VIEW("=?utf-8?B?")) != VIEW_NOT_FOUND) {
			line = view_from(line, view_search(line, VIEW("=?utf-8?B?")) + 10);
			const struct view word = view_first(line, view_search(line, VIEW("?=")));
			struct buffer text = buffer_new(100);
			assert_true(buffer_add_unbase64(&text, word));
			assert_true(view_is_utf8(buffer_view(&text)));
			buffer_free(&text);
		}
	}
	assert_true(lines > 10);
	buffer_free(&in);
	buffer_free(&out);
}

/* A field of `length` octets with its CRLF; UTF-8 at octet `at` when not 0. */
static struct buffer long_field(size_t length, size_t at)
{
	struct buffer b = buffer_new(1u << 20);
	buffer_add(&b, VIEW("Subject: "));
	while (b.length < length - 2) {
		if (at && b.length == at)
			buffer_add(&b, VIEW("\xe6\x97\xa5"));
		else
			buffer_add_octet(&b, 'a');
	}
	buffer_add(&b, VIEW("\r\n"));
	assert_int_equal(b.length, length);
	buffer_add(&b, VIEW("A: b\r\n\r\n"));
	return b;
}

static void test_limit(void **state)
{
	/* Protects memory: a field at the limit is rewritten, one octet more is passed or left out. */
	(void)state;
	static const size_t pieces[] = {1, 1000, 1u << 20};
	for (size_t p = 0; p < 3; p++) {
		struct buffer in = long_field(DOWNGRADE_FIELD_MAX, 100);
		struct buffer out = convert(buffer_view(&in), pieces[p], 4096);
		assert_true(view_starts(buffer_view(&out), VIEW("Subject: =?utf-8?B?")));
		assert_true(view_ends(buffer_view(&out), VIEW("\r\nA: b\r\n\r\n")));
		buffer_free(&in);
		buffer_free(&out);

		in = long_field(DOWNGRADE_FIELD_MAX + 1, 100);
		out = convert(buffer_view(&in), pieces[p], 4096);
		assert_true(view_equal(buffer_view(&out), VIEW("A: b\r\n\r\n")));
		buffer_free(&in);
		buffer_free(&out);

		in = long_field(DOWNGRADE_FIELD_MAX + 100, DOWNGRADE_FIELD_MAX + 10);
		out = convert(buffer_view(&in), pieces[p], 4096);
		assert_int_equal(out.length, in.length);
		assert_true(view_is_ascii(buffer_view(&out)));
		assert_true(
			view_search(buffer_view(&out), VIEW("a???a")) == DOWNGRADE_FIELD_MAX + 9);
		buffer_free(&in);
		buffer_free(&out);
	}
}

static void test_growth(void **state)
{
	/* Protects memory the other way: a list that would grow past the limit is left out. */
	(void)state;
	struct buffer in = buffer_new(1u << 16);
	buffer_add(&in, VIEW("To: "));
	for (int i = 0; i < 5000; i++)
		buffer_add(&in, VIEW("\xc3\xa9@a,"));
	buffer_add(&in, VIEW("b@c\r\nA: b\r\n"));
	struct buffer out = convert(buffer_view(&in), 1000, 1000);
	assert_true(view_equal(buffer_view(&out), VIEW("A: b\r\n")));
	buffer_free(&in);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_growth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
