#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/streams.h"

static int items[5000];

/* Protects: what a number stands for is found, once, until it is taken; and the bound on both sides. */
static void test_put_get_take(void **state)
{
	(void)state;
	struct streams s = streams_new(3);
	assert_null(streams_get(&s, 1));
	assert_null(streams_take(&s, 1));
	assert_int_equal(streams_put(&s, 0, &items[0]), ERROR_NONE);
	assert_int_equal(streams_put(&s, UINT32_MAX, &items[1]), ERROR_NONE);
	assert_int_equal(streams_put(&s, 0, &items[2]), ERROR_EXISTS);
	assert_int_equal(streams_put(&s, 7, &items[2]), ERROR_NONE);
	assert_int_equal(streams_put(&s, 8, &items[3]), ERROR_LIMIT);
	assert_int_equal(streams_count(&s), 3);
	assert_ptr_equal(streams_get(&s, 0), &items[0]);
	assert_ptr_equal(streams_get(&s, UINT32_MAX), &items[1]);
	assert_ptr_equal(streams_take(&s, 0), &items[0]);
	assert_null(streams_get(&s, 0));
	assert_null(streams_take(&s, 0));
	assert_int_equal(streams_put(&s, 8, &items[3]), ERROR_NONE);
	streams_free(&s);
	assert_int_equal(streams_count(&s), 0);
	assert_int_equal(streams_put(&s, 1, &items[1]), ERROR_NONE);
	streams_free(&s);
}

/* Protects: taking one never loses another that was pushed past it; against a model. */
static void test_model(void **state)
{
	(void)state;
	struct streams s = streams_new(5000);
	bool there[5000] = {false};
	uint32_t random = 1;
	uint32_t count = 0;
	for (int i = 0; i < 200000; i++) {
		random = random * 1664525u + 1013904223u;
		const uint32_t id = (random >> 8) % (i % 50000 < 25000 ? 5000 : 40);
		if (random & 0x80) {
			assert_int_equal(streams_put(&s, id * 4096u, &items[id]),
				there[id] ? ERROR_EXISTS : ERROR_NONE);
			count += !there[id];
			there[id] = true;
		} else {
			assert_ptr_equal(
				streams_take(&s, id * 4096u), there[id] ? &items[id] : NULL);
			count -= there[id];
			there[id] = false;
		}
		assert_int_equal(streams_count(&s), count);
	}
	for (uint32_t id = 0; id < 5000; id++)
		assert_ptr_equal(streams_get(&s, id * 4096u), there[id] ? &items[id] : NULL);
	streams_free(&s);
}

struct walk {
	struct streams *streams;
	unsigned seen;
	bool take_all;
};

static void visit(void *context, uint32_t id, void *item)
{
	struct walk *w = context;
	w->seen++;
	assert_ptr_equal(item, &items[id]);
	if (w->take_all) {
		for (uint32_t i = 0; i < 1000; i++)
			streams_take(w->streams, i);
	} else {
		assert_ptr_equal(streams_take(w->streams, id), item);
	}
}

/* Protects: a walk visits each once although the visitor takes the current one, or all. */
static void test_each(void **state)
{
	(void)state;
	struct streams s = streams_new(1000);
	struct walk w = {.streams = &s};
	streams_each(&s, visit, &w);
	assert_int_equal(w.seen, 0);
	for (uint32_t id = 0; id < 1000; id++)
		assert_int_equal(streams_put(&s, id, &items[id]), ERROR_NONE);
	streams_each(&s, visit, &w);
	assert_int_equal(w.seen, 1000);
	assert_int_equal(streams_count(&s), 0);
	for (uint32_t id = 0; id < 1000; id++)
		assert_int_equal(streams_put(&s, id, &items[id]), ERROR_NONE);
	w = (struct walk){.streams = &s, .take_all = true};
	streams_each(&s, visit, &w);
	assert_int_equal(w.seen, 1);
	streams_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get_take),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
