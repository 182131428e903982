/* mail/transfer.h: which encoding a text needs, and its lines (RFC 2045 §6). test_dsn.py decodes. */
#include "mail/transfer.h"

#include "suite.h"

static char long_line[1200];

static const char *line_of(size_t length)
{
	memset(long_line, 'x', length);
	strcpy(long_line + length, "\r\n");
	return long_line;
}

static void the_least(void **state)
{
	(void)state;
	assert_int_equal(transfer_least(VIEW("")), TRANSFER_7BIT);
	assert_int_equal(transfer_least(VIEW("a\r\nb")), TRANSFER_7BIT);
	assert_int_equal(transfer_least(view_text(line_of(998))), TRANSFER_7BIT);
	assert_int_equal(transfer_least(view_text(line_of(999))), TRANSFER_QUOTED);
	assert_int_equal(transfer_least(VIEW("\xc3\xa4\r\n")), TRANSFER_8BIT);
	assert_int_equal(transfer_least(VIEW("a\nb\r\n")), TRANSFER_QUOTED);
	assert_int_equal(transfer_least(VIEW("a\rb\r\n")), TRANSFER_QUOTED);
	assert_int_equal(transfer_least(VIEW("abcdefg\0b\r\n")), TRANSFER_QUOTED);
	assert_int_equal(transfer_safe(VIEW("a\r\n")), TRANSFER_7BIT);
	assert_int_equal(transfer_safe(VIEW("\xc3\xa4 und viel ASCII\r\n")), TRANSFER_QUOTED);
	assert_int_equal(transfer_safe(VIEW("\xe8\x8a\xb1\xe8\x8a\xb1 x\r\n")), TRANSFER_BASE64);
}

static void assert_added(enum transfer transfer, struct view text, const char *wanted)
{
	struct buffer b = buffer_new(2000);
	transfer_add(&b, transfer, text);
	assert_view(buffer_view(&b), wanted);
	buffer_free(&b);
}

static void quoted(void **state)
{
	(void)state;
	assert_added(TRANSFER_QUOTED, VIEW("a=b\r\n"), "a=3Db\r\n");
	assert_added(TRANSFER_QUOTED, VIEW("a \r\n\tb\t\r\n\r\n"), "a=20\r\n\tb=09\r\n\r\n");
	assert_added(TRANSFER_QUOTED, VIEW("\xc3\xa4\r\n"), "=C3=A4\r\n");
	assert_added(TRANSFER_QUOTED, VIEW("a\rb\nc\r\n"), "a=0Db=0Ac\r\n");
	assert_added(TRANSFER_QUOTED, VIEW("a"), "a=\r\n");
	assert_added(TRANSFER_QUOTED, VIEW(""), "");
	/* 75 octets and the soft break make 76 */
	for (size_t length = 73; length < 80; length++) {
		struct buffer b = buffer_new(2000);
		line_of(length);
		transfer_add(&b, TRANSFER_QUOTED, view_text(long_line));
		const size_t first = view_search(buffer_view(&b), VIEW("\r\n"));
		assert_int_equal(first, length <= 75 ? length : 76);
		buffer_free(&b);
	}
	/* no escape is cut in two */
	for (size_t length = 70; length < 80; length++) {
		struct buffer b = buffer_new(2000);
		line_of(length);
		long_line[length] = '=';
		long_line[length + 1] = 0;
		transfer_add(&b, TRANSFER_QUOTED, view_text(long_line));
		assert_int_not_equal(view_search(buffer_view(&b), VIEW("=3D")), VIEW_NOT_FOUND);
		assert_true(view_search(buffer_view(&b), VIEW("\r\n")) <= 76);
		buffer_free(&b);
	}
}

static void others(void **state)
{
	(void)state;
	assert_added(TRANSFER_7BIT, VIEW("a"), "a\r\n");
	assert_added(TRANSFER_7BIT, VIEW("a\r\n"), "a\r\n");
	assert_added(TRANSFER_8BIT, VIEW(""), "");
	assert_added(TRANSFER_BASE64, VIEW("abc"), "YWJj\r\n");
	struct buffer b = buffer_new(2000);
	transfer_add(&b, TRANSFER_BASE64, view_first(view_text(line_of(58)), 58));
	assert_int_equal(view_search(buffer_view(&b), VIEW("\r\n")), 76);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least),
		cmocka_unit_test(quoted),
		cmocka_unit_test(others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
