/* mail/encoded_word.h: RFC 2047 both ways, and the limits of a line. */
#include "mail/encoded_word.h"

#include "suite.h"

static struct buffer decode(const char *value, bool wanted)
{
	struct buffer out = buffer_new(200);
	if (encoded_words_decode(&out, view_text(value)) != wanted)
		fail_msg("\"%s\"", value);
	return out;
}

static void values_are_decoded(void **state)
{
	/* Protects: white space between two words does not show, around them it does (§6.2). */
	(void)state;
	static const char *const cases[][2] = {
		{"", ""},
		{"plain text", "plain text"},
		{"=?utf-8?Q?a?=", "a"},
		{"=?utf-8?Q?a?= b", "a b"},
		{"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"},
		{"=?utf-8?Q?a?=  \t=?utf-8?B?Yg==?=", "ab"},
		{"=?utf-8?Q?a_b?=", "a b"},
		{"x =?UTF-8?q?=C3=A4?= y", "x \xc3\xa4 y"},
		{"=?us-ascii*en?Q?a?=", "a"},
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="}, /* no encoded word */
		{"=?utf-8?Q?a b?=", "=?utf-8?Q?a b?="},
		{"=?utf-8?Q?a", "=?utf-8?Q?a"},
		{"=?"
		 "?Q?a?=",
			"=?"
			"?Q?a?="},
		{"=?utf-8?Q?"
		 "?=",
			""},
		{"=?=?utf-8?Q?a?=", "=?a"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer out = decode(cases[i][0], true);
		assert_view(buffer_view(&out), cases[i][1]);
		buffer_free(&out);
	}
	static const char *const bad[] = {"=?iso-8859-1?Q?a?=", "=?utf-8?Q?=?=", "=?utf-8?Q?=zz?=",
		"=?utf-8?Q?=FF?=", "=?utf-8?B?Y?=", "=?us-ascii?Q?a?= =?x?Q?a?=", "\xff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buffer out = decode(bad[i], false);
		buffer_free(&out);
	}
}

static void what_is_written_is_read(void **state)
{
	/* Protects: words of at most 75 octets in lines of at most 76, cut between characters (§2, §5). */
	(void)state;
	for (size_t first = 1; first < 76; first += 5)
		for (size_t length = 1; length < 120; length++) {
			char text[361];
			char *at = text;
			for (size_t i = 0; i < length; i++)
				at = utf8_put(at, i % 3 ? 0x82b1 : 0xe4);
			struct buffer b = buffer_new(2000);
			struct buffer back = buffer_new(2000);
			struct buffer unfolded = buffer_new(2000);
			size_t column = first;
			encoded_word_add(&b, &column, view_text(text));
			struct view rest = buffer_view(&b);
			size_t used = first;
			while (rest.length) {
				struct view line;
				(void)view_split(rest, '\n', &line, &rest);
				assert_true(used + line.length - view_ends(line, VIEW("\r")) <= 76);
				assert_true(line.length <= 78);
				if (view_ends(line, VIEW("\r")))
					line.length--;
				buffer_add(&unfolded, line);
				used = 0;
			}
			assert_true(encoded_words_decode(&back, view_trim(buffer_view(&unfolded))));
			assert_view(buffer_view(&back), text);
			buffer_free(&unfolded);
			buffer_free(&back);
			buffer_free(&b);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_decoded),
		cmocka_unit_test(what_is_written_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
