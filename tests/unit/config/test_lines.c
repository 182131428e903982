#include "config/lines.h"

#include "suite.h"

static void all_forms(void **state)
{
	/* Protects: comments, CRLF, blank lines, a byte order mark, a last line without end. */
	(void)state;
	static const char text[] = "\xef\xbb\xbf# head\r\n"
				   "a\r\n"
				   "\r\n"
				   "  b # note\n"
				   "\t\n"
				   "\xef\xbb\xbf"
				   "c#d\n"
				   "#e\n"
				   "\xe8\x8a\xb1 f";
	static const struct {
		uint32_t number;
		const char *text;
		bool is_indented;
	} wanted[] = {
		{2, "a", false}, {4, "b", true}, {6, "c#d", false}, {8, "\xe8\x8a\xb1 f", false}};
	struct lines l = lines_of(view_text(text));
	struct line line;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_true(lines_next(&l, &line));
		assert_int_equal(line.number, wanted[i].number);
		assert_view(line.text, wanted[i].text);
		assert_int_equal(line.is_indented, wanted[i].is_indented);
		assert_int_equal(line.problem, LINES_OK);
	}
	assert_false(lines_next(&l, &line));
	assert_int_equal(lines_count(view_text(text)), 8);
	assert_int_equal(lines_count(VIEW_NONE), 0);
	assert_int_equal(lines_count(VIEW("\n")), 1);
}

static enum lines_problem problem_of(struct view text)
{
	struct lines l = lines_of(text);
	struct line line;
	assert_true(lines_next(&l, &line));
	return line.problem;
}

static void problems(void **state)
{
	/* Protects: what is no text is named, also in a comment; the length counts on both
	 * sides. */
	(void)state;
	static char large[SETTING_LINE_MAX + 2];
	memset(large, 'a', sizeof large);
	assert_int_equal(problem_of(view_of(large, SETTING_LINE_MAX)), LINES_OK);
	assert_int_equal(problem_of(view_of(large, SETTING_LINE_MAX + 1)), LINES_LONG);
	assert_int_equal(problem_of(VIEW("a\xff")), LINES_UTF8);
	assert_int_equal(problem_of(VIEW("# \xc0\x80")), LINES_UTF8);
	assert_int_equal(problem_of(VIEW("a\0b")), LINES_CONTROL);
	assert_int_equal(problem_of(VIEW("a\rb\n")), LINES_CONTROL);
	assert_int_equal(problem_of(VIEW("a\x1b[2J")), LINES_CONTROL);
	assert_int_equal(problem_of(VIEW("a\tb")), LINES_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms),
		cmocka_unit_test(problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
