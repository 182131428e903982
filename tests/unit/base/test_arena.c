#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

/* Protects: what an arena gives is zero, aligned, separate, and lives until the reset. */
static void test_get(void **state)
{
	(void)state;
	struct arena a = arena_new(1 << 20);
	assert_null(a.newest); /* an idle session costs its struct only */
	unsigned char *at[200];
	for (size_t i = 0; i < 200; i++) {
		at[i] = arena_get(&a, i);
		assert_non_null(at[i]);
		assert_int_equal((uintptr_t)at[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(at[i][k], 0);
		memset(at[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_equal(at[i][k], i);
	arena_reset(&a);
	assert_null(a.newest);
	assert_int_equal(a.used, 0);
	unsigned char *again = arena_get(&a, 100);
	for (size_t k = 0; k < 100; k++)
		assert_int_equal(again[k], 0);
	arena_reset(&a);
}

/* Protects: the cap holds, on both sides, and a failed request leaves the arena usable. */
static void test_cap(void **state)
{
	(void)state;
	struct arena a = arena_new(4096);
	assert_non_null(arena_get(&a, 4096));
	assert_null(arena_get(&a, 1));
	assert_true(a.used <= a.max);
	arena_reset(&a);
	assert_null(arena_get(&a, 4097));
	assert_non_null(arena_get(&a, 16));
	size_t count = 0;
	while (arena_get(&a, 64))
		count++;
	assert_true(count >= 4096 / 64 / 2 && count < 4096 / 64);
	assert_true(a.used <= a.max);
	arena_reset(&a);
	struct arena none = arena_new(0);
	assert_null(arena_get(&none, 0));
	assert_null(arena_get(&none, 1));
}

/* Protects: sizes that overflow are refused, also when the cap is no help. */
static void test_overflow(void **state)
{
	(void)state;
	struct arena a = arena_new(SIZE_MAX);
	assert_null(arena_get(&a, SIZE_MAX));
	assert_null(arena_get(&a, SIZE_MAX - 3));
	assert_null(arena_get(&a, SIZE_MAX - 15));
	assert_null(arena_get_array(&a, SIZE_MAX / 2, 3));
	assert_null(arena_get_array(&a, SIZE_MAX, SIZE_MAX));
	assert_non_null(arena_get_array(&a, 0, SIZE_MAX));
	assert_non_null(arena_get_array(&a, 10, 10));
	arena_reset(&a);
}

/* Protects: copies are equal and independent; at the cap the view is empty, not half. */
static void test_copy(void **state)
{
	(void)state;
	struct arena a = arena_new(64);
	char text[] = "hello";
	struct view copy;
	assert_true(arena_copy(&a, view_text(text), &copy));
	text[0] = 'j';
	assert_true(view_equal(copy, VIEW("hello")));
	assert_true(arena_copy(&a, VIEW_NONE, &copy));
	assert_int_equal(copy.length, 0);
	uint8_t large[65] = {0};
	assert_false(arena_copy(&a, view_of(large, sizeof large), &copy));
	assert_int_equal(copy.length, 0);
	arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
