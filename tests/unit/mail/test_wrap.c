/* mail/wrap.h: lines that people can read, in both languages. */
#include "mail/wrap.h"

#include "suite.h"

static void assert_wrapped(size_t indent, const char *text, const char *wanted)
{
	struct buffer b = buffer_new(4000);
	wrap_add(&b, indent, view_text(text));
	assert_view(buffer_view(&b), wanted);
	buffer_free(&b);
}

#define TEN "abcdefghi "
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN
#define WIDE "花花花花花花花花花花"

static void english(void **state)
{
	(void)state;
	assert_wrapped(0, "", "");
	assert_wrapped(2, "a\nb", "  a\r\n  b\r\n");
	assert_wrapped(0, "a\n\nb", "a\r\nb\r\n");
	/* 74 columns, and one more */
	assert_wrapped(0, SEVENTY "abcd", SEVENTY "abcd\r\n");
	assert_wrapped(0, SEVENTY "abcde", TEN TEN TEN TEN TEN TEN "abcdefghi\r\nabcde\r\n");
	assert_wrapped(4, SEVENTY, "    " TEN TEN TEN TEN TEN TEN "abcdefghi\r\n");
	/* spaces at the end of a line do not show, a long word stays whole */
	assert_wrapped(0, SEVENTY "abcd  e", SEVENTY "abcd\r\ne\r\n");
	assert_wrapped(0, "a " SEVENTY, "a " TEN TEN TEN TEN TEN TEN "abcdefghi\r\n");
	static const char *word = "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				  "aaaaaaaaaaaaaaaaaaaaaaa>";
	char wanted[200];
	snprintf(wanted, sizeof wanted, "%s\r\n", word);
	assert_wrapped(0, word, wanted);
}

static void japanese(void **state)
{
	(void)state;
	/* 37 characters fill a line */
	assert_wrapped(0, WIDE WIDE WIDE "花花花花花花花", WIDE WIDE WIDE "花花花花花花花\r\n");
	assert_wrapped(
		0, WIDE WIDE WIDE "花花花花花花花月", WIDE WIDE WIDE "花花花花花花花\r\n月\r\n");
	/* no line begins with a full stop, none ends with an opening bracket */
	assert_wrapped(0, WIDE WIDE WIDE "花花花花花花花。月",
		WIDE WIDE WIDE "花花花花花花\r\n花。月\r\n");
	assert_wrapped(0, WIDE WIDE WIDE "花花花花花花（月月）",
		WIDE WIDE WIDE "花花花花花花\r\n（月月）\r\n");
	/* an ASCII word in it stays whole */
	assert_wrapped(0, WIDE WIDE WIDE "花花花花花花abcdef",
		WIDE WIDE WIDE "花花花花花花\r\nabcdef\r\n");
	/* two octets are one column */
	assert_wrapped(0,
		"ääääääääää ääääääääää ääääääääää ääääääääää ääääääääää ääääääääää äääääää",
		"ääääääääää ääääääääää ääääääääää ääääääääää ääääääääää ääääääääää äääääää\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(english),
		cmocka_unit_test(japanese),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
