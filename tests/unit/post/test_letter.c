/* post/letter.h: what sendmail makes of a header section. */
#include "post/letter.h"

#include "base/text.h"

#include "suite.h"

#define ARENA_MAX ((size_t)16 << 20)
static const struct letter_names names_here = {
	{(const uint8_t *)"mail.example.test", 17}, {(const uint8_t *)"Box", 3}};

static struct letter_recipients to;

static struct letter_seed seed_of(const char *full_name)
{
	return (struct letter_seed){.message_id = {.wall_s = 7},
		.time_s = 0,
		.names = names_here,
		.sender = VIEW("hana@mail.example.test"),
		.full_name = view_text(full_name)};
}

#define FROM "From: hana@mail.example.test\r\n"
#define DATE "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
#define ID "Message-ID: <7.00000000000000000000000000000000@mail.example.test>\r\n"
#define REST "From: a@b.example\r\nDate: x\r\nMessage-ID: <y>\r\n"

static const struct {
	const char *section;
	const char *wanted;
	const char *to; /* separated by spaces; null: it cannot be read */
} cases[] = {
	{"", FROM DATE ID "\r\n", ""},
	{REST, REST "\r\n", ""},
	{"To: hana\r\n", FROM DATE ID "To: hana@mail.example.test\r\n\r\n",
		"hana@mail.example.test"},
	{REST "To: Hana <hana>, taro@x.example (a, b)\r\ncc:\r\n \"A, B\" <c>\r\n",
		REST "To: Hana <hana@mail.example.test>, taro@x.example (a, b)\r\n"
		     "cc:\r\n \"A, B\" <c@mail.example.test>\r\n\r\n",
		"hana@mail.example.test taro@x.example c@mail.example.test"},
	{REST "Bcc: hana\r\nBCC: taro\r\nX: y\r\n", REST "X: y\r\n\r\n",
		"hana@mail.example.test taro@mail.example.test"},
	{REST "Return-Path: <x>\r\nContent-Length: 3\r\n", REST "\r\n", ""},
	{REST "To: hana, hana, hana@mail.example.test\r\n",
		REST "To: hana@mail.example.test, hana@mail.example.test, "
		     "hana@mail.example.test\r\n\r\n",
		"hana@mail.example.test"},
	{REST "To: friends: hana, taro;, x@y.example\r\n",
		REST "To: friends: hana@mail.example.test, taro@mail.example.test;, "
		     "x@y.example\r\n\r\n",
		"hana@mail.example.test taro@mail.example.test x@y.example"},
	{REST "To: undisclosed-recipients:;\r\n", REST "To: undisclosed-recipients:;\r\n\r\n", ""},
	{REST "To: a@x.example\r\nResent-To: b@x.example\r\nResent-Bcc: c@x.example\r\n",
		REST "To: a@x.example\r\nResent-To: b@x.example\r\n\r\n",
		"b@x.example c@x.example"},
	{"From: root (Cron Daemon)\r\nDate: x\r\nMessage-ID: <y>\r\n",
		"From: root@mail.example.test (Cron Daemon)\r\nDate: x\r\nMessage-ID: <y>\r\n\r\n",
		""},
	{REST "Reply-To: a\r\nSender: b\r\n",
		REST "Reply-To: a@mail.example.test\r\nSender: b@mail.example.test\r\n\r\n", ""},
	{REST "Reply-To: a <\r\n", REST "Reply-To: a <\r\n\r\n", ""},
	{REST "To: \xe8\x8a\xb1@x.example\r\n", REST "To: \xe8\x8a\xb1@x.example\r\n\r\n",
		"\xe8\x8a\xb1@x.example"},
	{REST "To: Hana <hana@box>, taro@LocalHost, jiro@box.example, \"a b\"@BOX\r\n",
		REST "To: Hana <hana@mail.example.test>, taro@mail.example.test, jiro@box.example, "
		     "\"a b\"@mail.example.test\r\n\r\n",
		"hana@mail.example.test taro@mail.example.test jiro@box.example "
		"\"a b\"@mail.example.test"},
	{REST "To: a <b\r\n", NULL, NULL},
	{REST "To: a@@b.example\r\n", NULL, NULL},
	{REST "To: friends: a\r\n", NULL, NULL},
	{REST "To: <>\r\n", NULL, NULL},
};

static void sections(void **state)
{
	(void)state;
	struct buffer out = buffer_new(65536);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a = arena_new(ARENA_MAX);
		struct buffer all = buffer_new(4096);
		const struct letter_seed seed = seed_of(NULL);
		buffer_clear(&out);
		to.count = 0;
		const enum letter_problem problem =
			letter_write(view_text(cases[i].section), &seed, &to, &a, &out);
		assert_int_equal(problem == LETTER_OK, cases[i].to != NULL);
		for (uint32_t k = 0; k < to.count; k++)
			text_add(&all, "{}{}", text_string(k ? " " : ""), text_raw(to.list[k]));
		if (cases[i].to) {
			assert_view(buffer_view(&out), cases[i].wanted);
			assert_view(buffer_view(&all), cases[i].to);
		}
		buffer_free(&all);
		arena_reset(&a);
	}
	buffer_free(&out);
}

/* Without -t nobody is added, and a field that cannot be read is nobody's business. */
static void not_asked(void **state)
{
	(void)state;
	struct arena a = arena_new(ARENA_MAX);
	struct buffer out = buffer_new(4096);
	const struct letter_seed seed = seed_of(NULL);
	assert_int_equal(letter_write(VIEW(REST "To: a <b\r\nBcc: c\r\n"), &seed, NULL, &a, &out),
		LETTER_OK);
	assert_view(buffer_view(&out), REST "To: a <b\r\n\r\n");
	buffer_free(&out);
	arena_reset(&a);
}

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *from;
	} of[] = {
		{"Hana", "From: \"Hana\" <hana@mail.example.test>\r\n"},
		{"Ha\"n\\a", "From: \"Ha\\\"n\\\\a\" <hana@mail.example.test>\r\n"},
		{"a\r\nBcc: b", "From: \"a  Bcc: b\" <hana@mail.example.test>\r\n"},
		{"\xe8\x8a\xb1", "From: =?utf-8?"},
		{"\xff", FROM},
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		struct arena a = arena_new(ARENA_MAX);
		struct buffer out = buffer_new(4096);
		const struct letter_seed seed = seed_of(of[i].name);
		assert_int_equal(letter_write(VIEW_NONE, &seed, NULL, &a, &out), LETTER_OK);
		assert_true(view_starts(buffer_view(&out), view_text(of[i].from)));
		buffer_free(&out);
		arena_reset(&a);
	}
}

/* Both sides of the limits. */
static void limits(void **state)
{
	(void)state;
	for (uint32_t count = LETTER_RECIPIENTS_MAX; count <= LETTER_RECIPIENTS_MAX + 1; count++) {
		struct arena a = arena_new(ARENA_MAX);
		struct buffer list = buffer_new(1 << 20);
		for (uint32_t i = 0; i < count; i++)
			text_add(&list, "u{},", text_number(i));
		to.count = 0;
		assert_int_equal(letter_add_recipients(&to, buffer_view(&list), &names_here, &a),
			count > LETTER_RECIPIENTS_MAX ? LETTER_MANY : LETTER_OK);
		buffer_free(&list);
		arena_reset(&a);
	}
	for (size_t length = LETTER_SECTION_MAX; length <= LETTER_SECTION_MAX + 1; length++) {
		struct arena a = arena_new(ARENA_MAX);
		struct buffer section = buffer_new(1 << 20), out = buffer_new(1 << 20);
		const struct letter_seed seed = seed_of(NULL);
		while (section.length < length)
			buffer_add_octet(&section, 'x');
		assert_int_equal(letter_write(buffer_view(&section), &seed, NULL, &a, &out),
			length > LETTER_SECTION_MAX ? LETTER_LARGE : LETTER_OK);
		buffer_free(&section);
		buffer_free(&out);
		arena_reset(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sections), cmocka_unit_test(not_asked),
		cmocka_unit_test(names), cmocka_unit_test(limits)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
