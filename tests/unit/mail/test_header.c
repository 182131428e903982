#include "mail/header.h"

#include "suite.h"

/* Feeds in chunks of `step` octets and finishes. */
static void scan_all(struct header_scan *scan, struct view content, size_t step, uint64_t max)
{
	header_scan_start(scan, max);
	for (size_t at = 0; at < content.length; at += step) {
		const struct view chunk = view_part(content, at, step);
		const size_t looked = header_scan_feed(scan, chunk);
		assert_true(looked == chunk.length || scan->end != HEADER_END_NOT_YET);
	}
	header_scan_finish(scan);
	assert_int_equal(header_scan_feed(scan, VIEW("x")), 0);
}

static const struct scan_case {
	const char *content;
	enum header_end end;
	uint64_t section;
	uint64_t body_at;
	uint32_t fields;
	const char *message_id;
} scan_cases[] = {
	{"", HEADER_END_CONTENT, 0, 0, 0, ""},
	{"\r\nbody", HEADER_END_EMPTY_LINE, 0, 2, 0, ""},
	{"A: b\r\n\r\nbody: x\r\n", HEADER_END_EMPTY_LINE, 6, 8, 1, ""},
	{"A: b\r\n", HEADER_END_CONTENT, 6, 6, 1, ""},
	{"A: b", HEADER_END_CONTENT, 4, 4, 1, ""},
	{"A:\r\n\r\n", HEADER_END_EMPTY_LINE, 4, 6, 1, ""},
	{"A : b\r\n\tc\r\n d\r\n\r\n", HEADER_END_EMPTY_LINE, 15, 17, 1, ""},
	{"A: b\r\n \r\n\r\n", HEADER_END_EMPTY_LINE, 9, 11, 1, ""},
	/* Ends without an empty line: the body starts with the line that is no field. */
	{"A: b\r\nhello\r\n", HEADER_END_NO_FIELD, 6, 6, 1, ""},
	{"A: b\r\nhello world: x\r\n", HEADER_END_NO_FIELD, 6, 6, 1, ""},
	{"hello", HEADER_END_NO_FIELD, 0, 0, 0, ""},
	{" A: b\r\n", HEADER_END_NO_FIELD, 0, 0, 0, ""},
	{": b\r\n", HEADER_END_NO_FIELD, 0, 0, 0, ""},
	{"A: b\r\n\xe8: b\r\n", HEADER_END_NO_FIELD, 6, 6, 1, ""},
	{"A: b\r\n\rC: d\r\n", HEADER_END_NO_FIELD, 6, 6, 1, ""},
	{"A: b\r\n\r", HEADER_END_NO_FIELD, 6, 6, 1, ""},
	{"A: b\r\n\nC: d\r\n", HEADER_END_NO_FIELD, 6, 6, 1, ""},
	{"A\r\n: b\r\n", HEADER_END_NO_FIELD, 0, 0, 0, ""},
	/* A lone CR or LF ends no line. */
	{"A: b\nC: d\r\n\r\n", HEADER_END_EMPTY_LINE, 11, 13, 1, ""},
	{"A: b\rC: d\r\r\n\r\n", HEADER_END_EMPTY_LINE, 12, 14, 1, ""},
	/* Message-IDs. */
	{"Message-ID: <a@b>\r\n\r\n", HEADER_END_EMPTY_LINE, 19, 21, 1, "a@b"},
	{"MESSAGE-id:<a@b>", HEADER_END_CONTENT, 16, 16, 1, "a@b"},
	{"Message-ID: x (c) <a@b> <c@d>\r\n", HEADER_END_CONTENT, 31, 31, 1, "a@b"},
	{"Message-ID:\r\n <a@b>\r\n", HEADER_END_CONTENT, 21, 21, 1, "a@b"},
	{"Message-ID: <a\r\n\tb>\r\n", HEADER_END_CONTENT, 21, 21, 1, "a\tb"},
	{"Message-ID: <a b>\r\n", HEADER_END_CONTENT, 19, 19, 1, "a b"},
	{"Message-ID: <\xe8\x8a\xb1>\r\n", HEADER_END_CONTENT, 19, 19, 1, "\xe8\x8a\xb1"},
	{"Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", HEADER_END_CONTENT, 38, 38, 2, "a@b"},
	{"Message-ID: a@b\r\nMessage-ID: <c@d>\r\n", HEADER_END_CONTENT, 36, 36, 2, ""},
	{"Message-ID: <a@b\r\nX: >\r\n", HEADER_END_CONTENT, 24, 24, 2, ""},
	{"Message-ID: <a@b\r\n\r\n>", HEADER_END_EMPTY_LINE, 18, 20, 1, ""},
	{"Message-ID: <>\r\n", HEADER_END_CONTENT, 16, 16, 1, ""},
	{"Message-ID: <a\nb>\r\n", HEADER_END_CONTENT, 19, 19, 1, ""},
	{"Message-ID: <a\rb>\r\n", HEADER_END_CONTENT, 19, 19, 1, ""},
	{"Message-ID: <a\x01>\r\n", HEADER_END_CONTENT, 18, 18, 1, ""},
	{"Message-ID: <a", HEADER_END_CONTENT, 14, 14, 1, ""},
	{"Message-IDx: <a>\r\nXMessage-ID: <b>\r\n", HEADER_END_CONTENT, 36, 36, 2, ""},
};

static void scans(void **state)
{
	/* Protects: where the body begins and which Message-ID a mail has (F-15), however it is cut into
	 * chunks. */
	for (size_t i = 0; i < sizeof scan_cases / sizeof *scan_cases; i++) {
		const struct scan_case *t = &scan_cases[i];
		const struct view content = view_text(t->content);
		for (size_t step = 1; step <= content.length + 1; step++) {
			struct header_scan scan;
			scan_all(&scan, content, step, 4096);
			if (scan.end != t->end || scan.section_octets != t->section ||
				scan.body_at != t->body_at || scan.fields != t->fields)
				fail_msg("%s by %zu: %d %d %d %d", t->content, step, (int)scan.end,
					(int)scan.section_octets, (int)scan.body_at,
					(int)scan.fields);
			assert_view(header_scan_message_id(&scan), t->message_id);
		}
	}
	(void)state;
}

static void kinds(void **state)
{
	/* Protects: the count of Received fields, by which loops are found. */
	struct header_scan scan;
	scan_all(&scan,
		VIEW("Received: a\r\n b\r\nRECEIVED : c\r\nX-Received: d\r\nReceived-SPF: e\r\n"
		     "Date: x\r\nFrom: \xe8\x8a\xb1\r\nReturn-Path: <>\r\nDelivered-To: x\r\n\r\n"
		     "Received: in the body\r\n"),
		7, 4096);
	assert_int_equal(scan.counts[HEADER_RECEIVED], 2);
	assert_int_equal(scan.counts[HEADER_DATE], 1);
	assert_int_equal(scan.counts[HEADER_FROM], 1);
	assert_int_equal(scan.counts[HEADER_RETURN_PATH], 1);
	assert_int_equal(scan.counts[HEADER_DELIVERED_TO], 1);
	assert_int_equal(scan.counts[HEADER_MESSAGE_ID], 0);
	assert_int_equal(scan.counts[HEADER_OTHER], 2);
	assert_int_equal(scan.fields, 8);
	assert_true(scan.has_8bit);
	scan_all(&scan, VIEW("A: b\r\n\r\n\xe8"), 3, 4096);
	assert_false(scan.has_8bit);
	for (enum header_kind kind = HEADER_OTHER; kind < HEADER_KINDS; kind++) {
		const struct view name = view_text(header_kind_name(kind));
		assert_int_equal(header_kind_of(name), kind);
		assert_true(name.length < HEADER_NAME_SEEN);
	}
	(void)state;
}

static void own_received(void **state)
{
	/* Protects: how often a mail has been at a host, by which mail that is forwarded in a circle is found. */
	static const struct {
		const char *content;
		uint32_t count;
	} cases[] = {
		{"Received: from a.example by mail.example.test with ESMTP; now\r\n\r\n", 1},
		{"Received: from a.example (a [192.0.2.1])\r\n\tby MAIL.example.TEST (S) id 1; "
		 "x\r\n\r\n",
			1},
		{"received:\r\n by\r\n\tmail.example.test\r\n\r\n", 1},
		{"Received: x by mail.example.test; x\r\nX: y\r\nReceived: y by "
		 "mail.example.test(Z)\r\n\r\n",
			2},
		{"Received: x by mail.example.test by mail.example.test; x\r\n\r\n", 1},
		{"Received: x by mail.example.test", 0},
		{"Received: x by mail.example.tests; x\r\n\r\n", 0},
		{"Received: x by xmail.example.test; x\r\n\r\n", 0},
		{"Received: x by mail.example; x\r\n\r\n", 0},
		{"Received: from mail.example.test by b.example; x\r\n\r\n", 0},
		{"Received: xby mail.example.test ; x\r\n\r\n", 0},
		{"X-Received: x by mail.example.test ; x\r\n\r\n", 0},
		{"Received: x b\r\nX: y mail.example.test \r\n\r\n", 0},
		{"A: b\r\n\r\nReceived: x by mail.example.test ; x\r\n", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct view content = view_text(cases[i].content);
		for (size_t step = 1; step <= content.length; step += step < 5 ? 1 : 40) {
			struct header_scan scan;
			header_scan_start(&scan, 4096);
			header_scan_count_by(&scan, VIEW("mail.example.test"));
			for (size_t at = 0; at < content.length; at += step)
				(void)header_scan_feed(&scan, view_part(content, at, step));
			header_scan_finish(&scan);
			if (scan.received_by != cases[i].count)
				fail_msg("%s by %zu: %u", cases[i].content, step, scan.received_by);
		}
	}
	(void)state;
}

static void size_limit(void **state)
{
	/* Protects: the largest header section: as many octets as said, and not one more. */
	const struct view content = VIEW("A: b\r\nC: d\r\n\r\nbody");
	for (size_t step = 1; step < 20; step++) {
		struct header_scan scan;
		scan_all(&scan, content, step, 14);
		assert_int_equal(scan.end, HEADER_END_EMPTY_LINE);
		scan_all(&scan, content, step, 13);
		assert_int_equal(scan.end, HEADER_END_LARGE);
		scan_all(&scan, content, step, 0);
		assert_int_equal(scan.end, HEADER_END_LARGE);
		scan_all(&scan, view_first(content, 13), step, 13);
		assert_int_equal(scan.end, HEADER_END_NO_FIELD);
		scan_all(&scan, view_first(content, 12), step, 12);
		assert_int_equal(scan.end, HEADER_END_CONTENT);
	}
	(void)state;
}

static void message_id_limit(void **state)
{
	/* Protects: the longest msg-id that is kept; a longer one counts as none, cut is never used. */
	for (size_t length = HEADER_MESSAGE_ID_MAX - 1; length <= HEADER_MESSAGE_ID_MAX + 2;
		length++) {
		struct buffer b = buffer_new(4096);
		struct header_scan scan;
		buffer_add(&b, VIEW("Message-ID: <"));
		for (size_t i = 0; i < length; i++)
			buffer_add_octet(&b, 'x');
		buffer_add(&b, VIEW(">\r\n\r\n"));
		scan_all(&scan, buffer_view(&b), 100, 4096);
		assert_int_equal(header_scan_message_id(&scan).length,
			length <= HEADER_MESSAGE_ID_MAX ? length : 0);
		buffer_free(&b);
	}
	(void)state;
}

static void large(void **state)
{
	/* Protects: 10,000 fields and a line of 10 MB take time in proportion and no memory. */
	struct buffer b = buffer_new(64 << 20);
	for (size_t i = 0; i < 10000; i++)
		buffer_add(&b, VIEW("Received: by x;\r\n\tdate\r\n"));
	buffer_add(&b, VIEW("Message-ID: "));
	for (size_t i = 0; i < (10 << 20) / 16; i++)
		buffer_add(&b, VIEW("0123456789abcdef"));
	buffer_add(&b, VIEW("<a@b>\r\n\r\n"));
	struct header_scan scan;
	scan_all(&scan, buffer_view(&b), 65536, UINT64_MAX);
	assert_int_equal(scan.end, HEADER_END_EMPTY_LINE);
	assert_int_equal(scan.counts[HEADER_RECEIVED], 10000);
	assert_view(header_scan_message_id(&scan), "a@b");
	assert_true(sizeof scan < 1024);
	struct header_field field;
	assert_true(header_find(buffer_view(&b), VIEW("message-id"), &field));
	assert_int_equal(field.whole.length, (10 << 20) + 19);
	buffer_free(&b);
	(void)state;
}

static void fields(void **state)
{
	/* Protects: reading a section in memory: names, raw values, and where the reading stops. */
	const struct view content =
		VIEW("A: b\r\nLong : x\r\n\ty \r\n  z\r\nEmpty:\r\na:2\r\n\r\nBody: no\r\n");
	struct cursor c = cursor_of(content);
	struct header_field f;
	assert_true(header_next(&c, &f));
	assert_view(f.name, "A");
	assert_view(f.value, " b");
	assert_view(f.whole, "A: b\r\n");
	assert_true(header_next(&c, &f));
	assert_view(f.name, "Long");
	assert_view(f.value, " x\r\n\ty \r\n  z");
	assert_true(header_next(&c, &f));
	assert_view(f.name, "Empty");
	assert_view(f.value, "");
	assert_true(header_next(&c, &f));
	assert_view(f.whole, "a:2\r\n");
	assert_false(header_next(&c, &f));
	assert_view(cursor_rest(&c), "\r\nBody: no\r\n");
	assert_true(header_find(content, VIEW("LONG"), &f));
	assert_true(header_find(content, VIEW("a"), &f));
	assert_view(f.value, " b");
	assert_false(header_find(content, VIEW("Body"), &f));
	assert_true(view_is_empty(f.whole));
	c = cursor_of(VIEW("A: b"));
	assert_true(header_next(&c, &f));
	assert_view(f.value, " b");
	assert_false(header_next(&c, &f));
	(void)state;
}

static void unfolds(void **state)
{
	/* Protects: RFC 5322 §2.2.3: a fold is its CRLF only, and nothing else of a value changes. */
	static const struct {
		const char *value;
		const char *text;
	} cases[] = {
		{" b", "b"},
		{" a\r\n b\r\n\tc ", "a b\tc"},
		{"\r\n \r\n x\r\n ", "x"},
		{" a\nb\rc", "a\nb\rc"},
		{"", ""},
		{" \r\n\t", ""},
		{"\r", "\r"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = buffer_new(64);
		header_unfold(&b, view_text(cases[i].value));
		assert_view(buffer_view(&b), cases[i].text);
		buffer_free(&b);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scans),
		cmocka_unit_test(kinds),
		cmocka_unit_test(own_received),
		cmocka_unit_test(size_limit),
		cmocka_unit_test(message_id_limit),
		cmocka_unit_test(large),
		cmocka_unit_test(fields),
		cmocka_unit_test(unfolds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
