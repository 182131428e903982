/* post/lines.h: whatever a pipe holds becomes lines that SMTP can carry. */
#include "post/lines.h"

#include "suite.h"

/* Fed in pieces of `step` octets. */
static struct view run(struct buffer *out, struct lines *l, struct view text, size_t step)
{
	buffer_clear(out);
	while (text.length) {
		const struct view piece = view_first(text, step);
		lines_feed(l, piece, out);
		text = view_from(text, piece.length);
	}
	lines_finish(l, out);
	return buffer_view(out);
}

static const struct {
	const char *text;
	const char *with_dot; /* a dot alone ends it */
	const char *without;
} cases[] = {
	{"", "", ""},
	{"a", "a\r\n", "a\r\n"},
	{"a\n", "a\r\n", "a\r\n"},
	{"a\r\n", "a\r\n", "a\r\n"},
	{"a\rb\n", "a\r\nb\r\n", "a\r\nb\r\n"},
	{"a\r\r\nb", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"},
	{"a\r", "a\r\n", "a\r\n"},
	{"\n\n", "\r\n\r\n", "\r\n\r\n"},
	{"a\n.\nb\n", "a\r\n", "a\r\n.\r\nb\r\n"},
	{"a\n.\r\nb\n", "a\r\n", "a\r\n.\r\nb\r\n"},
	{"a\n..\nb\n", "a\r\n..\r\nb\r\n", "a\r\n..\r\nb\r\n"},
	{".", "", ".\r\n"},
	{"From x y\na\n", "a\r\n", "a\r\n"},
	{">From x\na\n", "a\r\n", "a\r\n"},
	{"a\nFrom x\n", "a\r\nFrom x\r\n", "a\r\nFrom x\r\n"},
};

static void ends(void **state)
{
	(void)state;
	struct buffer out = buffer_new(4096);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t step = 1; step < 4; step++) {
			struct lines with = {.ends_at_dot = true}, without = {0};
			assert_view(run(&out, &with, view_text(cases[i].text), step),
				cases[i].with_dot);
			assert_view(run(&out, &without, view_text(cases[i].text), step),
				cases[i].without);
		}
	buffer_free(&out);
}

static void add_many(struct buffer *b, uint8_t octet, size_t count)
{
	while (count-- > 0)
		buffer_add_octet(b, octet);
}

/* 998 octets pass; one more begins a line, which in the header is a fold. */
static void long_lines(void **state)
{
	(void)state;
	struct buffer text = buffer_new(8192), out = buffer_new(8192), wanted = buffer_new(8192);
	struct lines l = {0};
	buffer_add(&text, VIEW("A:"));
	add_many(&text, 'x', LINES_LENGTH_MAX - 2 + 1);
	buffer_add(&text, VIEW("\n\n"));
	add_many(&text, 'y', LINES_LENGTH_MAX);
	buffer_add(&text, VIEW("\n"));
	add_many(&text, 'z', LINES_LENGTH_MAX - 1);
	buffer_add(&text, VIEW("\xc3\xa4.\n"));
	buffer_add(&wanted, VIEW("A:"));
	add_many(&wanted, 'x', LINES_LENGTH_MAX - 2);
	buffer_add(&wanted, VIEW("\r\n x\r\n\r\n"));
	add_many(&wanted, 'y', LINES_LENGTH_MAX);
	buffer_add(&wanted, VIEW("\r\n"));
	add_many(&wanted, 'z', LINES_LENGTH_MAX - 1);
	buffer_add(&wanted, VIEW("\r\n\xc3\xa4.\r\n"));
	run(&out, &l, buffer_view(&text), 7);
	assert_true(view_equal(buffer_view(&out), buffer_view(&wanted)));
	assert_true(l.has_8bit);
	buffer_free(&text);
	buffer_free(&out);
	buffer_free(&wanted);
}

/* The rest of a cut line is no end of the mail. */
static void dot_behind_a_cut(void **state)
{
	(void)state;
	struct buffer text = buffer_new(8192), out = buffer_new(8192);
	struct lines l = {.ends_at_dot = true};
	buffer_add_octet(&text, '\n');
	add_many(&text, 'x', LINES_LENGTH_MAX);
	buffer_add(&text, VIEW(".\nb\n"));
	assert_true(view_ends(run(&out, &l, buffer_view(&text), 9), VIEW("\r\n.\r\nb\r\n")));
	assert_false(l.is_over);
	buffer_free(&text);
	buffer_free(&out);
}

static void nul(void **state)
{
	(void)state;
	struct buffer out = buffer_new(64);
	struct lines l = {0};
	assert_view(run(&out, &l, view_of("a\0b\n", 4), 4), "ab\r\n");
	assert_true(l.has_nul);
	assert_false(l.has_8bit);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(long_lines),
		cmocka_unit_test(dot_behind_a_cut), cmocka_unit_test(nul)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
