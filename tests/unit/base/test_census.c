#include "base/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void counts_hold_across_workers(void **state)
{
	(void)state;
	const uint8_t v4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
	const uint8_t other[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2};
	const int fd = census_create(2);
	assert_true(fd >= 0);
	struct census *one = census_map(fd, 0, 2);
	struct census *two = census_map(fd, 1, 2);
	assert_non_null(one);
	assert_non_null(two);
	census_enter(one, v4);
	census_enter(one, v4);
	census_enter(two, v4);
	assert_int_equal(census_count(one, v4), 3);
	assert_int_equal(census_count(two, v4), 3);
	assert_int_equal(census_total(two), 3);
	assert_int_equal(census_count(one, other), 0);
	census_leave(two, v4);
	assert_int_equal(census_count(one, v4), 2);
	census_turn_inside(one);
	census_turn_inside(two);
	assert_int_equal(census_inside(one), 2);
	census_turn_outside(two);
	assert_int_equal(census_inside(two), 1);
	/* a worker died: the parent empties its column */
	census_clear(two, 0);
	assert_int_equal(census_total(one), 0);
	assert_int_equal(census_inside(one), 0);
	memory_free(one);
	memory_free(two);
	close(fd);
}

static void neighbours_of_one_v6_site_count_together(void **state)
{
	(void)state;
	const uint8_t a[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1};
	const uint8_t b[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 2};
	const uint8_t c[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, 1};
	const int fd = census_create(1);
	struct census *s = census_map(fd, 0, 1);
	census_enter(s, a);
	assert_int_equal(census_count(s, b), 1);
	assert_int_equal(census_count(s, c), 0);
	memory_free(s);
	close(fd);
}

static void networks_count_together(void **state)
{
	(void)state;
	static const struct {
		uint8_t a[16];
		uint8_t b[16];
		bool same;
	} cases[] = {
		{{[10] = 0xff, 0xff, 192, 0, 2, 1}, {[10] = 0xff, 0xff, 192, 0, 2, 254}, true},
		{{[10] = 0xff, 0xff, 192, 0, 2, 1}, {[10] = 0xff, 0xff, 192, 0, 3, 1}, false},
		{{0x20, 1, 0xd, 0xb8, 0, 7, 0, 1, 1}, {0x20, 1, 0xd, 0xb8, 0, 7, 9, 2, 2}, true},
		{{0x20, 1, 0xd, 0xb8, 0, 7, 0, 1}, {0x20, 1, 0xd, 0xb8, 0, 8, 0, 1}, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const int fd = census_create(2);
		struct census *one = census_map(fd, 0, 2);
		struct census *two = census_map(fd, 1, 2);
		census_enter(one, cases[i].a);
		census_enter(two, cases[i].b);
		assert_int_equal(census_network(one, cases[i].a), 1 + cases[i].same);
		assert_int_equal(census_count(one, cases[i].a), 1);
		census_leave(two, cases[i].b);
		assert_int_equal(census_network(one, cases[i].a), 1);
		census_clear(one, 0);
		assert_int_equal(census_network(one, cases[i].a), 0);
		memory_free(one);
		memory_free(two);
		close(fd);
	}
}

static void a_file_of_another_size_is_refused(void **state)
{
	(void)state;
	const int fd = census_create(1);
	assert_null(census_map(fd, 0, 2));
	assert_null(census_map(fd, 1, 1));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_hold_across_workers),
		cmocka_unit_test(neighbours_of_one_v6_site_count_together),
		cmocka_unit_test(networks_count_together),
		cmocka_unit_test(a_file_of_another_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
