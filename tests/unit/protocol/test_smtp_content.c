#include "protocol/smtp_content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct outcome {
	enum smtp_content_problem problem;
	bool ended;
	size_t used;
	struct buffer out;
};

/* Decodes with input pieces of `piece` octets and room for `room` octets at a time. */
static struct outcome decode(
	struct view text, bool has_dots, uint32_t line_max, size_t piece, size_t room)
{
	struct smtp_content c = smtp_content_new(has_dots, line_max);
	struct outcome o = {.out = buffer_new(1u << 20)};
	while (o.used < text.length && !o.ended && c.problem == SMTP_CONTENT_FINE) {
		struct cursor in = cursor_of(view_part(text, o.used, piece));
		enum smtp_content_event event;
		struct view run;
		while ((event = smtp_content_next(&c, &in, room, &run)) == SMTP_CONTENT_RUN) {
			assert_true(run.length > 0 && run.length <= room);
			buffer_add(&o.out, run);
		}
		o.used += in.at;
		o.ended = event == SMTP_CONTENT_END;
	}
	if (!has_dots) {
		struct view run;
		if (smtp_content_finish(&c, &run))
			buffer_add(&o.out, run);
	}
	o.problem = c.problem;
	return o;
}

#define BAD(p) SMTP_CONTENT_##p

static const struct {
	struct view in;
	struct view out;
	enum smtp_content_problem problem;
	size_t left; /* octets behind the end */
} data_cases[] = {
	{VIEW(".\r\n"), VIEW(""), BAD(FINE), 0},
	{VIEW("a\r\n.\r\nQUIT\r\n"), VIEW("a\r\n"), BAD(FINE), 6},
	{VIEW("..\r\n...\r\n.a\r\n.\r\n"), VIEW(".\r\n..\r\na\r\n"), BAD(FINE), 0},
	{VIEW("\r\n\r\n.\r\n"), VIEW("\r\n\r\n"), BAD(FINE), 0},
	{VIEW("a.\r\n.\r\n"), VIEW("a.\r\n"), BAD(FINE), 0},
	{VIEW("12345678\r\n.12345678\r\n..1234567\r\n.\r\n"),
		VIEW("12345678\r\n12345678\r\n.1234567\r\n"), BAD(FINE), 0},
	{VIEW("123456789\r\n.\r\n"), VIEW("12345678"), BAD(LONG_LINE), 6},
	{VIEW(".123456789\r\n.\r\n"), VIEW("12345678"), BAD(LONG_LINE), 6},
	{VIEW("a\n.\r\n"), VIEW("a"), BAD(BARE_LF), 4},
	{VIEW("\n"), VIEW(""), BAD(BARE_LF), 1},
	{VIEW("a\r.\r\n"), VIEW("a"), BAD(BARE_CR), 3},
	{VIEW("\r\r\n"), VIEW(""), BAD(BARE_CR), 2},
	{VIEW(".\r.\r\n"), VIEW(""), BAD(BARE_CR), 3},
	{VIEW(".\n"), VIEW(""), BAD(BARE_LF), 1},
	{VIEW(".\0\r\n"), VIEW(""), BAD(NUL), 3},
	{VIEW("a\0\r\n"), VIEW("a"), BAD(NUL), 3},
	{VIEW("\0"), VIEW(""), BAD(NUL), 1},
	{VIEW("12345678\n"), VIEW("12345678"), BAD(BARE_LF), 1},
	{VIEW("12345678\0"), VIEW("12345678"), BAD(NUL), 1},
	{VIEW("1234567\r\r\n"), VIEW("1234567"), BAD(BARE_CR), 2},
};

static void test_data(void **state)
{
	/* protects: dots, lines and every problem, however the input is cut and however small the room */
	(void)state;
	for (size_t i = 0; i < sizeof data_cases / sizeof data_cases[0]; i++)
		for (size_t piece = 1; piece < 40; piece++)
			for (size_t room = 2; room < 24; room++) {
				struct outcome o = decode(data_cases[i].in, true, 8, piece, room);
				assert_int_equal(o.problem, data_cases[i].problem);
				assert_int_equal(o.ended, o.problem == SMTP_CONTENT_FINE);
				assert_true(view_equal(buffer_view(&o.out), data_cases[i].out));
				assert_int_equal(
					data_cases[i].in.length - o.used, data_cases[i].left);
				buffer_free(&o.out);
			}
}

static const struct {
	struct view in;
	struct view out;
	enum smtp_content_problem problem;
} chunk_cases[] = {
	{VIEW(""), VIEW(""), BAD(FINE)},
	{VIEW(".\r\n..\r\n"), VIEW(".\r\n..\r\n"), BAD(FINE)},
	{VIEW("a"), VIEW("a\r\n"), BAD(FINE)},
	{VIEW("a\r"), VIEW("a"), BAD(BARE_CR)},
	{VIEW("a\r\nb"), VIEW("a\r\nb\r\n"), BAD(FINE)},
	{VIEW("a\nb"), VIEW("a"), BAD(BARE_LF)},
	{VIEW("a\rb"), VIEW("a"), BAD(BARE_CR)},
	{VIEW("\r\n.\0\r\n"), VIEW("\r\n."), BAD(NUL)},
	{VIEW(".12345678"), VIEW(".1234567"), BAD(LONG_LINE)},
};

static void test_chunks(void **state)
{
	/* protects: BDAT content, where a dot is a dot and the last line may be open */
	(void)state;
	for (size_t i = 0; i < sizeof chunk_cases / sizeof chunk_cases[0]; i++)
		for (size_t piece = 1; piece < 12; piece++)
			for (size_t room = 2; room < 12; room++) {
				struct outcome o = decode(chunk_cases[i].in, false, 8, piece, room);
				assert_int_equal(o.problem, chunk_cases[i].problem);
				assert_true(view_equal(buffer_view(&o.out), chunk_cases[i].out));
				buffer_free(&o.out);
			}
}

static void test_names(void **state)
{
	/* protects: each problem has its word for the log */
	(void)state;
	assert_string_equal(smtp_content_problem_name(SMTP_CONTENT_FINE), "fine");
	assert_string_equal(smtp_content_problem_name(SMTP_CONTENT_BARE_LF), "bare-lf");
	assert_string_equal(smtp_content_problem_name(SMTP_CONTENT_BARE_CR), "bare-cr");
	assert_string_equal(smtp_content_problem_name(SMTP_CONTENT_NUL), "nul");
	assert_string_equal(smtp_content_problem_name(SMTP_CONTENT_LONG_LINE), "line-length");
}

/* With an argument: octets per second on lines of 78 octets, for tests/bench. */
static void measure(void)
{
	struct buffer text = buffer_new(1u << 30);
	while (text.length < (64u << 20)) {
		for (int i = 0; i < 76; i++)
			buffer_add_octet(&text, (uint8_t)('a' + i % 26));
		buffer_add(&text, VIEW("\r\n"));
	}
	struct buffer out = buffer_new(65536);
	struct smtp_content c = smtp_content_new(true, 998);
	struct cursor in = cursor_of(buffer_view(&text));
	struct timespec from;
	struct timespec to;
	struct view run;
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (smtp_content_next(&c, &in, 65536, &run) == SMTP_CONTENT_RUN) {
		buffer_clear(&out);
		buffer_add(&out, run);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	const double s =
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("%.2f GB/s\n", (double)text.length / s / 1e9);
	buffer_free(&text);
	buffer_free(&out);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_names),
	};
	(void)argv;
	if (argc > 1)
		measure();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
