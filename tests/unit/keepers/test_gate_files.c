#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "keepers/gate/files.h"

#define SESSION VIEW("open:192.0.2.1 hana/7")
#define GATE VIEW("open:192.0.2.1 hana/")
#define MORE_THAN_IS_TOLD 40000

/* A gate whose open addresses are files in a directory, into which others write, too. */
static struct stage {
	struct loop *loop;
	struct gated gated;
	char path[64];
	int directory;
} s;

static struct popkey_rules rules_of(uint64_t gate_ms)
{
	struct popkey_rules rules = POPKEY_RULES;
	rules.gate_ms = gate_ms;
	return rules;
}

static int set_up(void **state)
{
	static const struct gate_limits limits = {10000, 10000000};
	const struct gate_clock_facts facts = {
		.wall_ms = clock_wall_ms(), .monotonic_ms = clock_monotonic_ms()};
	const struct popkey_rules rules = rules_of(60000);
	(void)state;
	s = (struct stage){.loop = loop_new()};
	snprintf(s.path, sizeof s.path, "%s/sekisho-gate-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(s.path));
	s.directory = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s.directory >= 0);
	gated_begin(&s.gated, &limits, (struct gate_seed){1, 2}, &facts, gate_store_memory());
	s.gated.live =
		files_new(&s.gated, s.loop, dup(s.directory), files_watch(s.directory), &rules);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"192.0.2.1", "192.0.2.1+7", "192.0.2.2", "192.0.2.3"};
	(void)state;
	gated_end(&s.gated);
	loop_free(&s.loop);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlinkat(s.directory, names[i], 0);
	close(s.directory);
	assert_int_equal(rmdir(s.path), 0); /* nothing else is left in it */
	return 0;
}

static struct gate_result ask(enum any_gate_code code, struct view key, uint64_t lifetime_ms)
{
	const struct gate_op op = {.code = code, .key = key, .lifetime_ms = lifetime_ms};
	struct gate_result result = {.error = ERROR_BUSY};
	assert_true(s.gated.live->ops->ask(s.gated.live, &op, (struct gate_ticket){0}, &result));
	return result;
}

/* Protects: where the kernel may not be told of every change, there is no gate. */
static void test_of_another_host(void **state)
{
	(void)state;
	const int elsewhere = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(files_watch(elsewhere), -1);
	assert_int_equal(errno, EREMOTE);
	close(elsewhere);
}

static bool is_open(struct view key)
{
	const struct gate_result result = ask(GATE_LOOKUP, key, 0);
	assert_true(result.error == ERROR_NONE || result.error == ERROR_MISSING);
	return result.error == ERROR_NONE;
}

static void write_file(const char *name)
{
	const int fd = openat(s.directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

/* Protects: a row is a file, with its clock; a touch moves it on, and what others remove is closed. */
static void test_rows_are_files(void **state)
{
	(void)state;
	assert_int_equal(ask(GATE_OPEN, SESSION, 1000).error, ERROR_NONE);
	assert_true(ask(GATE_LOOKUP, SESSION, 0).left_ms <= 1000);
	assert_int_equal(ask(GATE_TOUCH, SESSION, 200000).error, ERROR_NONE);
	assert_true(ask(GATE_LOOKUP, SESSION, 0).left_ms > 100000);
	assert_int_equal(ask(GATE_TOUCH, GATE, 1000).error, ERROR_MISSING);
	assert_int_equal(ask(GATE_COUNT, SESSION, 0).error, ERROR_PROTOCOL);
	assert_int_equal(unlinkat(s.directory, "192.0.2.1+7", 0), 0);
	assert_false(is_open(SESSION));
	assert_int_equal(ask(GATE_OPEN, GATE, 50000).error, ERROR_NONE);
	assert_true(is_open(GATE));
	assert_int_equal(ask(GATE_CLOSE, GATE, 0).error, ERROR_MISSING);
	assert_false(is_open(GATE));
}

/* Protects: new clocks (a reload) hold for what is open already. */
static void test_new_clocks(void **state)
{
	const struct popkey_rules shorter = rules_of(1);
	(void)state;
	assert_int_equal(ask(GATE_OPEN, GATE, 60000).error, ERROR_NONE);
	const int64_t began_ms = clock_wall_ms();
	while (clock_wall_ms() < began_ms + 10)
		usleep(1000);
	assert_true(is_open(GATE));
	files_configure(s.gated.live, &shorter);
	assert_false(is_open(GATE));
}

/* Protects: when more has changed than the kernel tells, the directory is read anew: what is gone is closed, what came is open. */
static void test_the_kernel_loses_count(void **state)
{
	(void)state;
	assert_int_equal(ask(GATE_OPEN, GATE, 60000).error, ERROR_NONE);
	assert_true(is_open(GATE));
	write_file("192.0.2.3"); /* the same of the same file twice in a row is told once */
	for (int i = 0; i < MORE_THAN_IS_TOLD; i++)
		assert_int_equal(
			fchmodat(s.directory, i & 1 ? "192.0.2.1" : "192.0.2.3", 0644, 0), 0);
	write_file("192.0.2.2");
	assert_int_equal(unlinkat(s.directory, "192.0.2.1", 0), 0);
	assert_false(is_open(GATE));
	assert_true(is_open(VIEW("open:192.0.2.2 /")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(test_rows_are_files),
		CASE(test_new_clocks),
		CASE(test_the_kernel_loses_count),
		CASE(test_of_another_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
