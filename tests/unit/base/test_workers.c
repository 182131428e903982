#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/workers.h"

static struct workers *pool_new(unsigned threads, unsigned queue, unsigned per_group)
{
	struct workers *w =
		workers_new(&(struct workers_limits){threads, queue, per_group}, "test");
	assert_non_null(w);
	return w;
}

/* Reaps until nothing is left; fails after five seconds without a wake-up. */
static void reap_all(struct workers *w)
{
	for (;;) {
		const struct workers_counts c = workers_count(w);
		if (c.waiting + c.running + c.finished == 0)
			return;
		struct pollfd p = {.fd = workers_descriptor(w), .events = POLLIN};
		assert_int_equal(poll(&p, 1, 5000), 1);
		workers_reap(w);
	}
}

static atomic_uint worked;
static unsigned reaped;
static pthread_t loop_thread;
static atomic_bool wrong_thread;

static void count_work(void *context)
{
	(void)context;
	if (pthread_equal(pthread_self(), loop_thread))
		wrong_thread = true;
	worked++;
}

static void count_done(void *context)
{
	(void)context;
	if (!pthread_equal(pthread_self(), loop_thread))
		wrong_thread = true;
	reaped++;
}

static void reset(void)
{
	worked = 0;
	reaped = 0;
	wrong_thread = false;
	loop_thread = pthread_self();
}

/* Protects: every job works once in a thread and is done once on the loop's thread. */
static void test_all_done(void **state)
{
	(void)state;
	reset();
	struct workers *w = pool_new(4, 1000, 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(workers_submit(w,
					 &(struct job){count_work, count_done, NULL, i % 7, i % 5}),
			ERROR_NONE);
	reap_all(w);
	assert_int_equal(worked, 1000);
	assert_int_equal(reaped, 1000);
	assert_false(wrong_thread);
	struct pollfd p = {.fd = workers_descriptor(w), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0); /* nothing to reap: quiet */
	assert_int_equal(workers_reap(w), 0);
	workers_free(&w);
	assert_null(w);
	workers_free(&w);
}

static sem_t hold;

static void wait_work(void *context)
{
	(void)context;
	while (sem_wait(&hold) != 0)
		;
}

static void release(unsigned count)
{
	while (count--)
		sem_post(&hold);
}

/* Protects: the queue's bound, on both sides, counting jobs until they are reaped. */
static void test_queue_bound(void **state)
{
	(void)state;
	reset();
	sem_init(&hold, 0, 0);
	struct workers *w = pool_new(2, 5, 0);
	const struct job job = {wait_work, count_done, NULL, 0, 0};
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(workers_submit(w, &job), ERROR_NONE);
	assert_int_equal(workers_submit(w, &job), ERROR_LIMIT);
	assert_int_equal(workers_count(w).refused, 1);
	release(5);
	while (workers_count(w).finished < 5)
		usleep(1000);
	assert_int_equal(workers_submit(w, &job), ERROR_LIMIT); /* finished, but still held */
	assert_int_equal(workers_reap(w), 5);
	assert_int_equal(workers_submit(w, &job), ERROR_NONE);
	release(1);
	reap_all(w);
	assert_int_equal(reaped, 6);
	workers_free(&w);
}

#define KEYS 8
#define PER_KEY 200
static atomic_int key_busy[KEYS];
static unsigned key_next[KEYS];
static atomic_bool out_of_order;

struct ordered {
	unsigned key;
	unsigned number;
};

static void ordered_work(void *context)
{
	const struct ordered *o = context;
	if (atomic_fetch_add(&key_busy[o->key], 1) != 0 || key_next[o->key] != o->number)
		out_of_order = true;
	key_next[o->key]++;
	if (o->number % 50 == 0)
		usleep(500);
	atomic_fetch_sub(&key_busy[o->key], 1);
}

/* Protects: one mailbox, one writer: jobs of a key never overlap and keep their order, also when
 * they belong to different groups with a cap. */
static void test_keys_in_order(void **state)
{
	(void)state;
	static struct ordered jobs[KEYS][PER_KEY];
	for (unsigned per_group = 0; per_group < 3; per_group++) {
		memset(key_next, 0, sizeof key_next);
		out_of_order = false;
		struct workers *w = pool_new(6, KEYS * PER_KEY, per_group);
		for (unsigned n = 0; n < PER_KEY; n++)
			for (unsigned k = 0; k < KEYS; k++) {
				jobs[k][n] = (struct ordered){k, n};
				const uint32_t group = (uint32_t)random_below(4);
				assert_int_equal(
					workers_submit(w, &(struct job){ordered_work, NULL,
								  &jobs[k][n], k + 1, group}),
					ERROR_NONE);
			}
		reap_all(w);
		assert_false(out_of_order);
		for (unsigned k = 0; k < KEYS; k++)
			assert_int_equal(key_next[k], PER_KEY);
		workers_free(&w);
	}
}

/* Protects: keys that share a bucket of the table do not share their order, nor lose jobs. */
static void test_many_keys(void **state)
{
	(void)state;
	reset();
	struct workers *w = pool_new(4, 64, 0);
	for (unsigned round = 0; round < 500; round++) {
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(
				workers_submit(w, &(struct job){count_work, count_done, NULL,
							  random_u64() % 50 << 58 | i, 0}),
				ERROR_NONE);
		reap_all(w);
	}
	assert_int_equal(reaped, 64 * 500);
	workers_free(&w);
}

/* Protects: a hung file system takes its share of threads and no more (issue: one mailbox on a hung
 * disk leaves all others unharmed). */
static void test_hung_group(void **state)
{
	(void)state;
	reset();
	sem_init(&hold, 0, 0);
	struct workers *w = pool_new(3, 100, 2);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(
			workers_submit(w, &(struct job){wait_work, NULL, NULL, 0, 7}), ERROR_NONE);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(
			workers_submit(w, &(struct job){count_work, count_done, NULL, 0, 8}),
			ERROR_NONE);
	while (reaped < 20) {
		struct pollfd p = {.fd = workers_descriptor(w), .events = POLLIN};
		assert_int_equal(poll(&p, 1, 5000), 1);
		workers_reap(w);
	}
	assert_int_equal(workers_count(w).running, 2);
	assert_int_equal(workers_count(w).waiting, 18);
	release(20);
	reap_all(w);
	workers_free(&w);
}

/* Protects: a hung job holds back later jobs of its own key only. */
static void test_hung_key(void **state)
{
	(void)state;
	reset();
	sem_init(&hold, 0, 0);
	struct workers *w = pool_new(2, 100, 0);
	assert_int_equal(workers_submit(w, &(struct job){wait_work, NULL, NULL, 9, 0}), ERROR_NONE);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(
			workers_submit(w, &(struct job){count_work, count_done, NULL, 9, 0}),
			ERROR_NONE);
		assert_int_equal(
			workers_submit(w, &(struct job){count_work, count_done, NULL, 10 + i, 0}),
			ERROR_NONE);
	}
	while (reaped < 10) {
		struct pollfd p = {.fd = workers_descriptor(w), .events = POLLIN};
		assert_int_equal(poll(&p, 1, 5000), 1);
		workers_reap(w);
	}
	usleep(20000);
	assert_int_equal(worked, 10);
	release(1);
	reap_all(w);
	assert_int_equal(worked, 20);
	workers_free(&w);
}

/* Protects: the bound on different groups at one time, on both sides. */
static void test_group_bound(void **state)
{
	(void)state;
	sem_init(&hold, 0, 0);
	struct workers *w = pool_new(1, 1000, 1);
	for (unsigned i = 1; i <= WORKERS_GROUPS_MAX; i++)
		assert_int_equal(
			workers_submit(w, &(struct job){wait_work, NULL, NULL, 0, i}), ERROR_NONE);
	const struct job more = {wait_work, NULL, NULL, 0, 1000};
	assert_int_equal(workers_submit(w, &more), ERROR_LIMIT);
	release(WORKERS_GROUPS_MAX);
	reap_all(w);
	assert_int_equal(workers_submit(w, &more), ERROR_NONE);
	release(1);
	workers_free(&w);
}

static struct workers *chained;

static void submit_again(void *context)
{
	unsigned *left = context;
	if (--*left)
		assert_int_equal(workers_submit(chained,
					 &(struct job){count_work, submit_again, left, 1, 1}),
			ERROR_NONE);
}

/* Protects: `done` may submit, even with a queue of one; workers_free waits for such chains. */
static void test_done_submits(void **state)
{
	(void)state;
	reset();
	unsigned left = 50;
	chained = pool_new(1, 1, 0);
	assert_int_equal(
		workers_submit(chained, &(struct job){count_work, submit_again, &left, 1, 1}),
		ERROR_NONE);
	workers_free(&chained);
	assert_int_equal(left, 0);
	assert_int_equal(worked, 50);
}

static char thread_name[16];

static void read_name(void *context)
{
	(void)context;
	prctl(PR_GET_NAME, thread_name, 0, 0, 0);
}

/* Protects: threads can be told apart in top(1), and signals stay with the loop. */
static void test_thread_name(void **state)
{
	(void)state;
	struct workers *w = pool_new(1, 1, 0);
	assert_int_equal(workers_submit(w, &(struct job){read_name, NULL, NULL, 0, 0}), ERROR_NONE);
	workers_free(&w);
	assert_string_equal(thread_name, "test");
}

/* Protects: random numbers stay in range, and every value comes up. */
static void test_random(void **state)
{
	(void)state;
	unsigned seen[6] = {0};
	for (unsigned i = 0; i < 6000; i++) {
		const uint64_t n = random_below(6);
		assert_true(n < 6);
		seen[n]++;
	}
	for (unsigned i = 0; i < 6; i++)
		assert_in_range(seen[i], 700, 1300);
	assert_int_equal(random_below(1), 0);
	assert_true(random_below(UINT64_MAX) < UINT64_MAX);
	assert_true(random_u64() != random_u64());
	uint8_t octets[600] = {0};
	random_octets(octets, 599);
	assert_int_equal(octets[599], 0);
	unsigned zeros = 0;
	for (unsigned i = 0; i < 599; i++)
		zeros += octets[i] == 0;
	assert_true(zeros < 40);
	random_octets(octets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_done),
		cmocka_unit_test(test_queue_bound),
		cmocka_unit_test(test_keys_in_order),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_hung_group),
		cmocka_unit_test(test_hung_key),
		cmocka_unit_test(test_group_bound),
		cmocka_unit_test(test_done_submits),
		cmocka_unit_test(test_thread_name),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
