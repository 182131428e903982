#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static int pipe_ends[2];
static int saved_stderr;
static char seen[1 << 20];

/* Descriptor 2 becomes a pipe, as the parent gives it. */
static int set_up(void **state)
{
	(void)state;
	if (pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(pipe_ends[1], STDERR_FILENO);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return 0;
}

static const char *drain(void)
{
	size_t length = 0;
	ssize_t n;
	while ((n = read(pipe_ends[0], seen + length, sizeof seen - 1 - length)) > 0)
		length += (size_t)n;
	seen[length] = 0;
	return seen;
}

/* Protects: the form of a line, and that lines wait for log_flush. */
static void test_line(void **state)
{
	(void)state;
	log_info("mail accepted", fact_text("session", "s1"), fact_number("size", 12),
		fact_hex("id", 0xab), fact_error(ERROR_SPACE), fact_errno(ENOENT));
	assert_string_equal(drain(), "");
	log_flush();
	assert_string_equal(drain(),
		"level=info event=\"mail accepted\" session=s1 size=12 id=00000000000000ab "
		"error=space errno=\"No such file or directory\"\n");
	log_warning("x");
	log_error("y");
	log_flush();
	assert_string_equal(drain(), "level=warning event=\"x\"\nlevel=error event=\"y\"\n");
}

static void add_prefix(struct buffer *line)
{
	buffer_add(line, VIEW("program=parent "));
}

/* Protects: each line of the parent says whose it is. */
static void test_prefix(void **state)
{
	(void)state;
	log_prefix(add_prefix);
	log_info("x", fact_number("n", 1));
	log_info("y");
	log_prefix(NULL);
	log_info("z");
	log_flush();
	assert_string_equal(drain(),
		"program=parent level=info event=\"x\" n=1\nprogram=parent level=info event=\"y\"\n"
		"level=info event=\"z\"\n");
}

/* Protects: a value from the wire can neither start a new line nor a new key. */
static void test_injection(void **state)
{
	(void)state;
	static const struct {
		struct view value;
		const char *shown;
	} cases[] = {
		{VIEW(""), "\"\""},
		{VIEW("a b"), "\"a b\""},
		{VIEW("a=b"), "\"a=b\""},
		{VIEW("a\nlevel=error"), "\"a\\x0alevel=error\""},
		{VIEW("\" event=\"x"), "\"\\x22 event=\\x22x\""},
		{VIEW("\""), "\"\\x22\""},
		{VIEW("\\\""), "\"\\x5c\\x22\""},
		{VIEW("a\\b"), "a\\x5cb"},
		{VIEW("\x1b[31m"), "\"\\x1b[31m\""},
		{VIEW("\xe3\x81\x82"), "\xe3\x81\x82"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char want[200] = "level=info event=\"e\" k=";
		strcat(strcat(want, cases[i].shown), "\n");
		log_info("e", fact_view("k", cases[i].value));
		log_flush();
		assert_string_equal(drain(), want);
	}
}

/* Protects: the threshold. */
static void test_threshold(void **state)
{
	(void)state;
	log_debug("hidden");
	log_threshold(LOG_DEBUG);
	log_debug("shown");
	log_threshold(LOG_ERROR);
	log_warning("hidden");
	log_threshold(LOG_INFO);
	log_flush();
	assert_string_equal(drain(), "level=debug event=\"shown\"\n");
}

/* Protects: a full pipe costs lines and never time; the number lost is told, whole lines only. */
static void test_full_pipe(void **state)
{
	(void)state;
	const size_t count = 20000;
	for (size_t i = 0; i < count; i++)
		log_info("flood", fact_number("i", i));
	log_flush();
	size_t got = 0;
	uint64_t lost = 0;
	for (int round = 0; round < 20; round++) {
		drain();
		for (char *line = strtok(seen, "\n"); line; line = strtok(NULL, "\n"))
			got++;
		log_flush();
	}
	log_info("after");
	log_flush();
	const char *text = drain();
	const char *mark = strstr(text, "event=\"log lines lost\" count=");
	assert_non_null(mark);
	lost = strtoull(mark + strlen("event=\"log lines lost\" count="), NULL, 10);
	assert_non_null(strstr(text, "event=\"after\""));
	assert_true(lost > 0);
	/* the pipe may cut one line between two reads, which strtok then counts twice */
	assert_in_range(got + lost, count, count + 20);
	log_info("again");
	log_flush();
	assert_null(strstr(drain(), "lost"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_prefix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_injection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threshold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_pipe, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
