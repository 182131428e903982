#include "mail/originator.h"

#include "suite.h"

#define SECTION_MAX 1000u
#define MORE_MAX 200u

static void lists(void **state)
{
	/* Protects: RFC 5322 §3.4: every reader finds the same addresses in it, or it is refused. */
	static const struct {
		const char *value;
		const char *found; /* null: no list */
	} cases[] = {
		{" hana@example.test", "hana@example.test"},
		{" Hana <hana@example.test>", "hana@example.test"},
		{" <hana@example.test>", "hana@example.test"},
		{" < hana@example.test >", "hana@example.test"},
		{" \"Hana, the first\" <hana@example.test>", "hana@example.test"},
		{" \"a \\\" <evil@x.example>\" <hana@example.test>", "hana@example.test"},
		{" (comment, (nested \\)) <x@y.example>) hana@example.test (Hana)",
			"hana@example.test"},
		{" Hana (taro@example.test) <hana@example.test> (bye)", "hana@example.test"},
		{" =?utf-8?B?6Iqx?= <hana@example.test>", "hana@example.test"},
		{" \xe8\x8a\xb1 <\xe8\x8a\xb1@example.test>", "\xe8\x8a\xb1@example.test"},
		{" John Q. Public <j.q.p@example.test>", "j.q.p@example.test"},
		{" hana@example.test,taro@example.test", "hana@example.test taro@example.test"},
		{" hana@example.test,\r\n\tTaro <taro@example.test>",
			"hana@example.test taro@example.test"},
		{" ,hana@example.test,,", "hana@example.test"},
		{" \"ha na\"@example.test", "\"ha na\"@example.test"},
		{" \"ha,na\"@example.test", "\"ha,na\"@example.test"},
		{" hana@[192.0.2.1]", "hana@[192.0.2.1]"},
		{" Team: hana@example.test, taro@example.test;",
			"hana@example.test taro@example.test"},
		{" Team: hana@example.test;, taro@example.test",
			"hana@example.test taro@example.test"},
		{"", NULL},
		{" ", NULL},
		{" ,", NULL},
		{" Hana", NULL},
		{" Hana Yamada", NULL},
		{" hana", NULL},
		{" <>", NULL},
		{" hana@", NULL},
		{" @example.test", NULL},
		{" hana@example.test taro@example.test", NULL},
		{" ha na@example.test", NULL}, /* hana, na, or two? */
		{" ha(x)na@example.test", NULL},
		{" hana@example.test <taro@example.test>", NULL}, /* which of the two shows? */
		{" <hana@example.test> <taro@example.test>", NULL},
		{" <hana@example.test> taro@example.test", NULL},
		{" <hana@example.test", NULL},
		{" hana@example.test>", NULL},
		{" \"Hana <hana@example.test>", NULL},
		{" (Hana <hana@example.test>", NULL},
		{" Hana <hana@example.test>, Taro", NULL},
		{" <@a.example:hana@example.test>", NULL},
		{" Team: hana@example.test", NULL}, /* its end is missing */
		{" Team: a: hana@example.test;;", NULL},
		{" Team:;", NULL}, /* nobody has written it */
		{" : hana@example.test;", NULL},
		{" hana@example.test;", NULL},
		{" hana\\@example.test", NULL},
		{" hana@example..test", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(65536);
		struct buffer b = buffer_new(1000);
		static struct mailboxes m;
		const bool ok = mailboxes_parse(view_text(cases[i].value), &a, &m);
		for (size_t k = 0; ok && k < m.count; k++) {
			if (k)
				buffer_add_octet(&b, ' ');
			address_add(&b, &m.list[k]);
		}
		if (ok != (cases[i].found != NULL) ||
			!view_equal(buffer_view(&b), view_text(cases[i].found)))
			fail_msg("%s: %d %.*s", cases[i].value, ok, (int)b.length,
				b.data ? (const char *)b.data : "");
		buffer_free(&b);
		arena_reset(&a);
	}
	(void)state;
}

static void list_limit(void **state)
{
	/* Protects: as many authors as there may be, and one more. */
	for (size_t n = MAILBOXES_MAX; n <= MAILBOXES_MAX + 1; n++) {
		struct arena a = arena_new(65536);
		struct buffer b = buffer_new(2000);
		static struct mailboxes m;
		for (size_t i = 0; i < n; i++)
			buffer_add(&b, VIEW("hana@example.test,"));
		assert_int_equal(mailboxes_parse(buffer_view(&b), &a, &m), n == MAILBOXES_MAX);
		buffer_free(&b);
		arena_reset(&a);
	}
	(void)state;
}

/* Feeds the content in pieces of `step` octets; what the look finds. */
static enum originator_problem look(const char *content, size_t step, struct originator *o,
	struct arena *a, struct originator_fields *fields)
{
	struct buffer piece = buffer_new(MORE_MAX);
	struct view rest = view_text(content);
	originator_start(o, SECTION_MAX, MORE_MAX);
	while (rest.length && !originator_is_whole(o)) {
		const struct view part = view_first(rest, step);
		buffer_add(&piece, part);
		rest = view_from(rest, part.length);
		if (!originator_take(o, &piece))
			assert_int_equal(piece.length, 0);
	}
	originator_finish(o);
	buffer_free(&piece);
	return originator_look(o, a, fields);
}

#define FROM "From: hana@example.test\r\n"

static void sections(void **state)
{
	/* Protects: RFC 6409 §6: what cannot be said who wrote it is refused, with the sentence for it. */
	static const struct {
		const char *content;
		enum originator_problem problem;
	} cases[] = {
		{FROM "\r\nbody\r\n", ORIGINATOR_OK},
		{FROM, ORIGINATOR_OK}, /* no body */
		{"from : hana@example.test\r\n\r\n", ORIGINATOR_OK},
		{"Subject: x\r\n" FROM "\r\nFrom: taro@example.test\r\n", ORIGINATOR_OK},
		{"Subject: x\r\n\r\n" FROM, ORIGINATOR_NO_FROM},
		{"\r\n" FROM, ORIGINATOR_NO_FROM},
		{"", ORIGINATOR_NO_FROM},
		{"Hello Hana\r\n", ORIGINATOR_NO_FIELD},
		{FROM "Hello Hana\r\n\r\n", ORIGINATOR_NO_FIELD},
		{FROM "x\r\nFrom: taro@example.test\r\n\r\n", ORIGINATOR_NO_FIELD},
		{" continued\r\n" FROM "\r\n", ORIGINATOR_NO_FIELD},
		{"From: Hana\r\n\r\n", ORIGINATOR_FROM},
		{"From:\r\n\r\n", ORIGINATOR_FROM},
		{FROM FROM "\r\n", ORIGINATOR_DOUBLE_FROM},
		{FROM "FROM : taro@example.test\r\n\r\n", ORIGINATOR_DOUBLE_FROM},
		{FROM "Sender: hana@example.test\r\n\r\n", ORIGINATOR_OK},
		{FROM "Sender: hana@example.test, taro@example.test\r\n\r\n", ORIGINATOR_SENDER},
		{FROM "Sender: me\r\n\r\n", ORIGINATOR_SENDER},
		{FROM "Sender: hana@example.test\r\nsender: hana@example.test\r\n\r\n",
			ORIGINATOR_DOUBLE_SENDER},
		{FROM "Date: a\r\nDate: b\r\n\r\n", ORIGINATOR_DOUBLE_DATE},
		{FROM "Message-ID: <a@b>\r\nmessage-id: <a@b>\r\n\r\n",
			ORIGINATOR_DOUBLE_MESSAGE_ID},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t step = 1; step <= MORE_MAX; step += 7) {
			struct arena a = arena_new(65536);
			struct originator o;
			static struct originator_fields fields;
			const enum originator_problem problem =
				look(cases[i].content, step, &o, &a, &fields);
			if (problem != cases[i].problem)
				fail_msg("%zu by %zu: %s", i, step,
					originator_problem_name(problem));
			/* what was fed is held back, to the octet */
			assert_true(o.held.length >= o.scan.section_octets);
			assert_true(view_starts(view_text(cases[i].content), buffer_view(&o.held)));
			assert_true(strlen(originator_problem_text(problem)) > 3);
			originator_free(&o);
			arena_reset(&a);
		}
	(void)state;
}

static void section_limit(void **state)
{
	/* Protects: both sides of the longest header section; memory holds what came with its end. */
	for (size_t n = SECTION_MAX; n <= SECTION_MAX + 1; n++) {
		char content[SECTION_MAX + 200];
		struct arena a = arena_new(65536);
		struct originator o;
		static struct originator_fields fields;
		const size_t fixed = strlen(FROM "Subject: \r\n\r\n");
		const int length = snprintf(content, sizeof content,
			FROM "Subject: %0*d\r\n\r\nbody\r\n", (int)(n - fixed), 0);
		assert_int_equal(length, n + strlen("body\r\n"));
		assert_int_equal(look(content, MORE_MAX, &o, &a, &fields),
			n == SECTION_MAX ? ORIGINATOR_OK : ORIGINATOR_LARGE);
		assert_false(buffer_failed(&o.held));
		originator_free(&o);
		arena_reset(&a);
	}
	(void)state;
}

static void completing(void **state)
{
	/* Protects: RFC 6409 §8: just what is missing is added, and one name serves for Message-IDs (F-25). */
	static const struct {
		const char *content;
		const char *added;
	} cases[] = {
		{FROM "Date: x\r\nMessage-ID: <x>\r\n\r\n", ""},
		{FROM "Message-ID: <x>\r\n\r\n", "Date: Fri, 21 Nov 1997 15:55:06 +0000\r\n"},
		{FROM "Date: x\r\n\r\n",
			"Message-ID: "
			"<880127706.01000000000000000000000000000000@mail.example.test>\r\n"},
		{FROM "\r\n", "Date: Fri, 21 Nov 1997 15:55:06 +0000\r\n"
			      "Message-ID: "
			      "<880127706.01000000000000000000000000000000@mail.example.test>\r\n"},
		{"From: hana@example.test, sales@example.test\r\nDate: x\r\nMessage-ID: "
		 "<x>\r\n\r\n",
			"Sender: hana@example.test\r\n"},
		{"From: hana@example.test, sales@example.test\r\nSender: sales@example.test\r\n"
		 "Date: x\r\nMessage-ID: <x>\r\n\r\n",
			""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(65536);
		struct buffer b = buffer_new(ORIGINATOR_ADDED_MAX);
		struct originator o;
		struct address hana;
		static struct originator_fields fields;
		assert_int_equal(
			address_parse(VIEW("hana@example.test"), false, &a, &hana), ADDRESS_OK);
		assert_int_equal(look(cases[i].content, 50, &o, &a, &fields), ORIGINATOR_OK);
		const struct originator_seed seed = {
			.message_id = {.wall_s = 880127706, .random = {1}},
			.time_s = 880127706,
			.server = {VIEW("mail.example.test")},
			.sender = &hana};
		originator_add_missing(&b, &fields, &seed);
		assert_view(buffer_view(&b), cases[i].added);
		buffer_free(&b);
		originator_free(&o);
		arena_reset(&a);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(list_limit),
		cmocka_unit_test(sections),
		cmocka_unit_test(section_limit),
		cmocka_unit_test(completing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
