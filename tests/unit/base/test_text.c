#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void assert_text(struct buffer *b, const char *want)
{
	assert_false(buffer_failed(b));
	assert_int_equal(b->length, strlen(want));
	assert_true(view_equal(buffer_view(b), view_text(want)));
	buffer_clear(b);
}

/* Protects: nothing from the wire reaches a log or a reply unescaped (STYLE §3). */
static void test_escape(void **state)
{
	(void)state;
	static const struct {
		struct view in;
		const char *out;
	} cases[] = {
		{VIEW(""), ""},
		{VIEW("plain <text>"), "plain <text>"},
		{VIEW("a\r\nb"), "a\\x0d\\x0ab"},
		{VIEW("\0\x1b[2J\x7f"), "\\x00\\x1b[2J\\x7f"},
		{VIEW("back\\slash"), "back\\x5cslash"},
		{VIEW("\\x0d"), "\\x5cx0d"}, /* what looks escaped is not taken for it */
		{VIEW("\xe3\x81\x82"), "\xe3\x81\x82"},
		{VIEW("\xc2\x80\xc2\x9b"), "\\xc2\\x80\\xc2\\x9b"}, /* C1: terminals obey them */
		{VIEW("\xc2\xa0"), "\xc2\xa0"},
		{VIEW("\xc0\xaf"), "\\xc0\\xaf"},
		{VIEW("\xed\xa0\x80"), "\\xed\\xa0\\x80"},
		{VIEW("\xf0\x9f\x93\xa7"), "\xf0\x9f\x93\xa7"},
		{VIEW("\xf0\x9f\x93"), "\\xf0\\x9f\\x93"},
		{VIEW("\xff\xe3\x81\x82\xff"), "\\xff\xe3\x81\x82\\xff"},
	};
	struct buffer b = buffer_new(1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		text_add_escaped(&b, cases[i].in);
		assert_text(&b, cases[i].out);
		text_add(&b, "[{}]", text_view(cases[i].in));
		assert_true(view_starts(buffer_view(&b), VIEW("[")));
		buffer_clear(&b);
	}
	buffer_free(&b);
}

/* Protects: JSON that any reader takes, whatever the octets were. */
static void test_json(void **state)
{
	(void)state;
	static const struct {
		struct view in;
		const char *out;
	} cases[] = {
		{VIEW(""), "\"\""},
		{VIEW("a\"b\\c"), "\"a\\\"b\\\\c\""},
		{VIEW("\n\0\x7f"), "\"\\u000a\\u0000\\u007f\""},
		{VIEW("\xe3\x81\x82"), "\"\xe3\x81\x82\""},
		{VIEW("\xe3\x81"), "\"\\ufffd\\ufffd\""},
		{VIEW("\xed\xa0\x80!"), "\"\\ufffd\\ufffd\\ufffd!\""},
	};
	struct buffer b = buffer_new(1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		text_add_json(&b, cases[i].in);
		assert_text(&b, cases[i].out);
	}
	buffer_free(&b);
}

/* Protects: numbers at both ends of their range. */
static void test_numbers(void **state)
{
	(void)state;
	struct buffer b = buffer_new(1000);
	text_add(&b, "{} {} {}", text_number(0), text_number(UINT64_MAX), text_number(10));
	assert_text(&b, "0 18446744073709551615 10");
	text_add(&b, "{} {} {}", text_signed(INT64_MIN), text_signed(INT64_MAX), text_signed(-1));
	assert_text(&b, "-9223372036854775808 9223372036854775807 -1");
	text_add(&b, "{} {}", text_hex(0), text_hex(0xfedcba9876543210));
	assert_text(&b, "0000000000000000 fedcba9876543210");
	buffer_free(&b);
}

/* Protects: the format is ours alone: `{}` in an argument is text, raw is raw, braces may stand. */
static void test_format(void **state)
{
	(void)state;
	struct buffer b = buffer_new(1000);
	text_add(&b, "nothing");
	assert_text(&b, "nothing");
	text_add(&b, "");
	assert_text(&b, "");
	text_add(&b, "{}{}", text_string("{}"), text_raw(VIEW("a\r\n")));
	assert_text(&b, "{}a\r\n");
	text_add(&b, "{ } {{}}", text_string("x"));
	assert_text(&b, "{ } {x}");
	text_add(&b, "{}", text_string(NULL));
	assert_text(&b, "");
	buffer_free(&b);
}

static bool dies(unsigned which)
{
	const pid_t child = fork();
	if (child == 0) {
		struct buffer b = buffer_new(1000);
		close(STDERR_FILENO);
		if (which == 0)
			text_add(&b, "{} {}", text_number(1));
		if (which == 1)
			text_add(&b, "{}", text_number(1), text_number(2));
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status);
}

/* Protects: arguments and places must match; a mistake of ours ends the process. */
static void test_mismatch(void **state)
{
	(void)state;
	assert_true(dies(0));
	assert_true(dies(1));
	assert_false(dies(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_mismatch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
