#include "mail/trace.h"

#include "mail/header.h"
#include "suite.h"

#define NAME_255                                                           \
	"a23456789b23456789c23456789d23456789e23456789f23456789g23456789." \
	"a23456789b23456789c23456789d23456789e23456789f23456789g23456789." \
	"a23456789b23456789c23456789d23456789e23456789f23456789g23456789." \
	"a23456789b23456789c23456789d23456789e23456789f23456789g23456789"

static struct trace_received usual(struct helo_name *helo)
{
	struct trace_received r = {
		.helo = helo,
		.verified_name = VIEW("mx.example.org"),
		.by = VIEW("mail.example.test"),
		.with = "ESMTPS",
		.tls_version = "TLSv1.3",
		.tls_cipher = "TLS_AES_256_GCM_SHA384",
		.id = VIEW("0123456789abcdef"),
		.time_s = 880127706,
		.offset_minutes = 540,
	};
	assert_true(ip_parse(VIEW("192.0.2.7"), &r.client));
	*helo = (struct helo_name){
		.given = VIEW("mail.example.org"), .domain = {VIEW("mail.example.org")}};
	return r;
}

static void assert_received(const struct trace_received *r, const char *text)
{
	struct buffer b = buffer_new(TRACE_FIELD_MAX);
	trace_received_add(&b, r);
	assert_false(buffer_failed(&b));
	assert_view(buffer_view(&b), text);
	buffer_free(&b);
}

static void received(void **state)
{
	/* Protects: RFC 5321 §4.4: the facts of each kind of session, to the octet. */
	struct arena a = arena_new(4096);
	struct address to;
	struct helo_name helo;
	struct trace_received r = usual(&helo);
	assert_int_equal(address_parse(VIEW("hana@example.test"), false, &a, &to), ADDRESS_OK);
	r.recipients = 1;
	r.forward_path = &to;
	assert_received(&r,
		"Received: from mail.example.org (mx.example.org [192.0.2.7])\r\n"
		"\tby mail.example.test with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
		"\tid 0123456789abcdef for <hana@example.test>;\r\n"
		"\tSat, 22 Nov 1997 00:55:06 +0900\r\n");
	r.recipients = 2; /* a second one is nobody's business (RFC 5321 §7.6) */
	r.verified_name = VIEW_NONE;
	r.tls_version = NULL;
	r.with = "SMTP";
	r.offset_minutes = 0;
	assert_received(&r,
		"Received: from mail.example.org ([192.0.2.7]) by mail.example.test with SMTP\r\n"
		"\tid 0123456789abcdef; Fri, 21 Nov 1997 15:55:06 +0000\r\n");
	helo = (struct helo_name){.given = VIEW("[IPv6:2001:db8::7]"), .is_literal = true};
	assert_true(ip_parse(VIEW("2001:db8::7"), &r.client));
	const char *const literal =
		"Received: from [IPv6:2001:db8::7] ([IPv6:2001:db8::7]) by mail.example.test\r\n"
		"\twith SMTP id 0123456789abcdef; Fri, 21 Nov 1997 15:55:06 +0000\r\n";
	assert_received(&r, literal);
	r.helo = NULL;
	assert_received(&r, literal);
	r.helo = &helo;
	helo = (struct helo_name){.given = VIEW("my_phone"), .is_loose = true};
	assert_received(&r,
		"Received: from [IPv6:2001:db8::7] (HELO my_phone [IPv6:2001:db8::7])\r\n"
		"\tby mail.example.test with SMTP id 0123456789abcdef;\r\n"
		"\tFri, 21 Nov 1997 15:55:06 +0000\r\n");
	arena_reset(&a);
	(void)state;
}

static void private(void **state)
{
	/* Protects: what a user's program calls itself, and where it is, is nobody's business. */
	struct helo_name helo;
	struct trace_received r = usual(&helo);
	r.is_private = true;
	r.with = "ESMTPSA";
	assert_received(&r,
		"Received: from mail.example.test by mail.example.test with ESMTPSA (TLSv1.3\r\n"
		"\tTLS_AES_256_GCM_SHA384) id 0123456789abcdef;\r\n"
		"\tSat, 22 Nov 1997 00:55:06 +0900\r\n");
	(void)state;
}

static void utf8_recipient(void **state)
{
	/* Protects: RFC 6531 §3.7.3: non-ASCII stands in a trace field only under SMTPUTF8. */
	struct arena a = arena_new(4096);
	struct address to;
	struct helo_name helo;
	struct trace_received r = usual(&helo);
	struct buffer b = buffer_new(TRACE_FIELD_MAX);
	assert_int_equal(
		address_parse(VIEW("\xe8\x8a\xb1@example.test"), true, &a, &to), ADDRESS_OK);
	r.recipients = 1;
	r.forward_path = &to;
	trace_received_add(&b, &r);
	assert_true(view_is_ascii(buffer_view(&b)));
	assert_int_equal(view_search(buffer_view(&b), VIEW(" for ")), VIEW_NOT_FOUND);
	buffer_clear(&b);
	r.is_utf8 = true;
	trace_received_add(&b, &r);
	assert_int_not_equal(
		view_search(buffer_view(&b), VIEW("<\xe8\x8a\xb1@example.test>")), VIEW_NOT_FOUND);
	buffer_free(&b);
	arena_reset(&a);
	(void)state;
}

static void hostile(void **state)
{
	/* Protects: nobody outside writes a header field, ends a comment or a clause through a name. */
	static const char *const evil[] = {
		"x\r\nSubject: forged",
		"x) by evil (",
		"x; Fri",
		"x\\",
		"\"x",
		"x\n",
		"x\ty",
		"(((",
		"\xe8\x8a\xb1",
		"<>",
		"\x7f",
	};
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		for (int loose = 0; loose < 2; loose++) {
			struct helo_name helo;
			struct trace_received r = usual(&helo);
			struct buffer b = buffer_new(TRACE_FIELD_MAX);
			helo = (struct helo_name){.given = view_text(evil[i]), .is_loose = loose};
			r.verified_name = r.by = r.id = view_text(evil[i]);
			r.tls_version = r.tls_cipher = r.with = evil[i];
			trace_received_add(&b, &r);
			const struct view v = buffer_view(&b);
			size_t depth = 0;
			size_t semicolons = 0;
			assert_true(view_is_ascii(v));
			for (size_t k = 0; k < v.length; k++) {
				assert_null(strchr("\"\\<>\x7f", v.at[k]));
				assert_true(v.at[k] != '(' || ++depth == 1);
				assert_true(v.at[k] != ')' || depth-- == 1);
				semicolons += v.at[k] == ';';
			}
			assert_int_equal(semicolons, 1);
			/* One field, to the end. */
			struct cursor c = cursor_of(v);
			struct header_field f;
			assert_true(header_next(&c, &f));
			assert_int_equal(f.whole.length, v.length);
			buffer_free(&b);
		}
	}
	(void)state;
}

static void folds(void **state)
{
	/* Protects: RFC 5322 §2.1.1: lines of 78, and 998 whatever names come; the stated field size. */
	struct arena a = arena_new(4096);
	struct address to;
	assert_int_equal(address_parse(VIEW("\"a b c\"@x"), false, &a, &to), ADDRESS_OK);
	for (size_t length = 0; length <= 255; length++) {
		struct helo_name helo;
		struct trace_received r = usual(&helo);
		struct buffer b = buffer_new(TRACE_FIELD_MAX);
		helo.given = view_first(VIEW(NAME_255), length);
		r.verified_name = r.by = r.id = helo.given;
		r.recipients = 1;
		r.forward_path = &to;
		trace_received_add(&b, &r);
		assert_false(buffer_failed(&b));
		struct view rest = buffer_view(&b);
		assert_true(view_ends(rest, VIEW("\r\n")));
		while (rest.length) {
			const size_t end = view_search(rest, VIEW("\r\n"));
			const struct view line = view_first(rest, end);
			const bool tab = view_at(line, 0) == '\t';
			const size_t columns = line.length + (tab ? 7 : 0);
			/* Longer only when it is a single name behind "from", "by" or "id". */
			const size_t space = view_find(view_from(line, 1), ' ');
			const struct view name = view_from(line, space <= 4 ? space + 2 : 1);
			assert_true(columns <= TRACE_LINE_MAX ||
				    (tab && view_find(name, ' ') == VIEW_NOT_FOUND));
			assert_true(line.length <= 998);
			rest = view_from(rest, end + 2);
		}
		/* A quoted local-part is never folded inside. */
		assert_int_not_equal(
			view_search(buffer_view(&b), VIEW("<\"a b c\"@x>;")), VIEW_NOT_FOUND);
		buffer_free(&b);
	}
	arena_reset(&a);
	(void)state;
}

static void cut(void **state)
{
	/* Protects: a name beyond any limit is cut, and a buffer that is too small says so. */
	char name[5000];
	struct helo_name helo;
	struct trace_received r = usual(&helo);
	memset(name, 'x', sizeof name);
	helo.given = r.verified_name = r.by = r.id = view_of(name, sizeof name);
	struct buffer b = buffer_new(TRACE_FIELD_MAX);
	trace_received_add(&b, &r);
	assert_false(buffer_failed(&b));
	buffer_free(&b);
	b = buffer_new(40);
	trace_received_add(&b, &r);
	assert_true(buffer_failed(&b));
	buffer_free(&b);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(received),
		cmocka_unit_test(private),
		cmocka_unit_test(utf8_recipient),
		cmocka_unit_test(hostile),
		cmocka_unit_test(folds),
		cmocka_unit_test(cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
