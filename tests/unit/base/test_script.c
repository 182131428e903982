#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/script.h"

#include <sys/socket.h>
#include <unistd.h>

static struct script script;

static int begin(void **state)
{
	(void)state;
	script = (struct script){.monotonic_us = 5000000, .wall_ms = 1000000000000, .seed = 7};
	script_begin(&script);
	return 0;
}

static int end(void **state)
{
	(void)state;
	script_end();
	return 0;
}

static void the_clocks_stand_until_moved(void **state)
{
	(void)state;
	assert_int_equal(clock_monotonic_ms(), 5000);
	assert_int_equal(clock_wall_s(), 1000000005);
	script.monotonic_us += 1500000;
	assert_int_equal(clock_monotonic_us(), 6500000);
	assert_int_equal(clock_wall_ms(), 1000000006500);
	script_end();
	assert_true(clock_wall_s() > 1700000000);
}

static void chance_repeats(void **state)
{
	(void)state;
	const uint64_t a = random_u64();
	const uint64_t b = random_u64();
	assert_true(a != b);
	script.seed = 7;
	assert_true(random_u64() == a && random_u64() == b);
	script_end();
	assert_true(random_u64() != a);
}

static void note(void *context)
{
	++*(int *)context;
}

static void note_ready(void *context, unsigned what)
{
	*(unsigned *)context = what;
}

static void timers_fire_when_the_script_says_so(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	int fired = 0;
	struct timer *timer = timer_new(loop, note, &fired);
	struct timer *other = timer_new(loop, note, &fired);
	assert_true(loop_script_due_us(loop) == UINT64_MAX);
	timer_set(timer, 10);
	timer_set(other, 5);
	assert_true(loop_script_due_us(loop) == 5005000);
	assert_int_equal(loop_script_events(loop), 0);
	script.monotonic_us = 5009999;
	assert_int_equal(loop_script_events(loop), 1);
	loop_script_happen(loop, 0);
	assert_int_equal(fired, 1);
	assert_int_equal(loop_now_ms(loop), 5009);
	assert_true(loop_script_due_us(loop) == 5010000);
	timer_stop(timer);
	script.monotonic_us = 9000000;
	assert_int_equal(loop_script_events(loop), 0);
	timer_free(&timer);
	timer_free(&other);
	loop_free(&loop);
	script_end();
}

static void watches_tell_what_is_ready(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	int pipe_ends[2];
	unsigned seen = 0;
	assert_int_equal(pipe(pipe_ends), 0);
	struct watch *watch = watch_new(loop, pipe_ends[0], note_ready, &seen);
	assert_int_equal(write(pipe_ends[1], "x", 1), 1);
	loop_script_look();
	assert_int_equal(loop_script_events(loop), 0);
	watch_want(watch, WATCH_READ);
	loop_script_look();
	assert_int_equal(loop_script_events(loop), 1);
	assert_true(watch_script_is_ready(watch));
	loop_script_happen(loop, 0);
	assert_int_equal(seen, WATCH_READ);
	watch_want(watch, WATCH_NOTHING);
	loop_script_look();
	assert_int_equal(loop_script_events(loop), 0);
	assert_false(watch_script_is_ready(watch));
	watch_free(&watch);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	loop_free(&loop);
	script_end();
}

static void one_look_serves_all_loops(void **state)
{
	(void)state;
	struct loop *loops[2] = {loop_new(), loop_new()};
	int ends[2];
	unsigned seen = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct watch *watches[2];
	for (size_t i = 0; i < 2; i++) {
		watches[i] = watch_new(loops[i], ends[i], note_ready, &seen);
		watch_want(watches[i], WATCH_READ | WATCH_WRITE);
	}
	loop_script_look();
	assert_int_equal(loop_script_events(loops[0]), 1);
	assert_int_equal(loop_script_events(loops[1]), 1);
	loop_script_forget(loops[0]);
	close(ends[0]);
	loop_script_look();
	assert_int_equal(loop_script_events(loops[0]), 0);
	assert_int_equal(loop_script_events(loops[1]), 1);
	loop_script_happen(loops[1], 0); /* the end is something to read and to write */
	assert_int_equal(seen, WATCH_READ | WATCH_WRITE);
	watch_free(&watches[1]);
	close(ends[1]);
	watch_free(&watches[0]);
	loop_free(&loops[0]);
	loop_free(&loops[1]);
	script_end();
}

struct trail {
	char *at;
	char letter;
};

static void leave(void *context)
{
	const struct trail *t = context;
	char *end = t->at;
	while (*end)
		end++;
	*end = t->letter;
}

static void jobs_wait_for_the_script(void **state)
{
	(void)state;
	const struct workers_limits limits = {.threads = 2, .queue_max = 8};
	struct workers *w = workers_new(&limits, "scripted");
	char text[8] = "";
	int done = 0;
	struct trail trails[3] = {{text, 'a'}, {text, 'b'}, {text, 'c'}};
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(workers_submit(w, &(struct job){.work = leave,
							   .context = &trails[i],
							   .key = i == 2 ? 0 : 9,
							   .group = i + 1}),
			ERROR_NONE);
	assert_int_equal(workers_script_ready(w), 2); /* b waits for a: one key */
	assert_true(workers_script_work(w, 1));
	assert_string_equal(text, "c");
	assert_true(workers_script_work(w, 0));
	assert_int_equal(workers_script_ready(w), 1);
	assert_int_equal(workers_reap(w), 2);
	assert_int_equal(
		workers_submit(w, &(struct job){.work = leave, .done = note, .context = &done}),
		ERROR_NONE);
	workers_script_forget(w);
	assert_false(workers_script_work(w, 0));
	assert_string_equal(text, "ca");
	assert_int_equal(done, 0);
	workers_free(&w);
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_clocks_stand_until_moved, begin, end),
		cmocka_unit_test_setup_teardown(chance_repeats, begin, end),
		cmocka_unit_test_setup_teardown(timers_fire_when_the_script_says_so, begin, end),
		cmocka_unit_test_setup_teardown(watches_tell_what_is_ready, begin, end),
		cmocka_unit_test_setup_teardown(one_look_serves_all_loops, begin, end),
		cmocka_unit_test_setup_teardown(jobs_wait_for_the_script, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
