#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/gate_clock.h"
#include "store/gate_table.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct gate_seed seed = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static struct gate_table *table_of(uint32_t rows_max, size_t octets_max)
{
	const struct gate_limits limits = {rows_max, octets_max};
	return gate_table_new(&limits, seed, NULL);
}

/* --- operations, table-driven ------------------------------------------------------------- */

enum op { LOOKUP, OPEN, CLAIM, CHANGE, TOUCH, CLOSE, ADD };

struct step {
	uint64_t now_ms;
	enum op op;
	const char *key;
	const char *facts;
	const char *old;
	uint64_t number; /* lifetime, or amount */
	enum error error;
	const char *stands; /* facts afterwards */
	uint64_t left; /* or count */
};

static enum error perform(
	struct gate_table *t, const struct step *s, struct gate_row *row, uint64_t *count)
{
	const struct gate_write w = {
		.key = view_text(s->key), .facts = view_text(s->facts), .lifetime_ms = s->number};
	switch (s->op) {
	case LOOKUP:
		return gate_table_look_up(t, s->now_ms, w.key, row);
	case OPEN:
		return gate_table_open(t, s->now_ms, &w, row);
	case CLAIM:
		return gate_table_claim(t, s->now_ms, &w, row);
	case CHANGE:
		return gate_table_change(t, s->now_ms, &w, view_text(s->old), row);
	case TOUCH:
		return gate_table_touch(t, s->now_ms, w.key, s->number, row);
	case CLOSE:
		return gate_table_close(t, s->now_ms, w.key, view_text(s->old));
	case ADD:
		return gate_table_count(t, s->now_ms, w.key, (uint32_t)s->number, 60, count);
	}
	return ERROR_NONE;
}

/* Protects: each operation says and leaves what channels/any_gate.h promises, at the boundaries too. */
static void test_operations(void **state)
{
	(void)state;
	static const struct step steps[] = {
		{100, LOOKUP, "a", "", "", 0, ERROR_MISSING, "", 0},
		{100, OPEN, "a", "one", "", 10, ERROR_NONE, "one", 10},
		{105, LOOKUP, "a", "", "", 0, ERROR_NONE, "one", 5},
		{110, LOOKUP, "a", "", "", 0, ERROR_NONE, "one", 0}, /* N-23: exactly is open */
		{111, LOOKUP, "a", "", "", 0, ERROR_MISSING, "", 0},
		{111, LOOKUP, "a", "", "", 0, ERROR_MISSING, "", 0},
		/* open writes whatever stood there, shorter and longer */
		{200, OPEN, "a", "one", "", 10, ERROR_NONE, "one", 10},
		{201, OPEN, "a", "longer facts", "", 50, ERROR_NONE, "longer facts", 50},
		{202, OPEN, "a", "", "", 5, ERROR_NONE, "", 5},
		{203, OPEN, "a", "two", "", 0, ERROR_NONE, "two", 0},
		{203, LOOKUP, "a", "", "", 0, ERROR_NONE, "two", 0},
		{204, LOOKUP, "a", "", "", 0, ERROR_MISSING, "", 0},
		/* claim: the first wins until its time is over */
		{300, CLAIM, "c", "mine", "", 10, ERROR_NONE, "mine", 10},
		{305, CLAIM, "c", "yours", "", 99, ERROR_NONE, "mine", 5},
		{310, CLAIM, "c", "yours", "", 99, ERROR_NONE, "mine", 0},
		{311, CLAIM, "c", "yours", "", 99, ERROR_NONE, "yours", 99},
		/* change only what was seen */
		{320, CHANGE, "c", "new", "mine", 10, ERROR_MISSING, "", 0},
		{320, CHANGE, "c", "new", "your", 10, ERROR_MISSING, "", 0},
		{320, CHANGE, "c", "new", "", 10, ERROR_MISSING, "", 0},
		{320, CHANGE, "c", "newer", "yours", 10, ERROR_NONE, "newer", 10},
		{331, CHANGE, "c", "late", "newer", 10, ERROR_MISSING, "", 0},
		{331, CHANGE, "none", "x", "", 10, ERROR_MISSING, "", 0},
		{332, OPEN, "e", "", "", 10, ERROR_NONE, "", 10},
		{332, CHANGE, "e", "full", "", 10, ERROR_NONE, "full", 10},
		/* touch what stands, up to its last moment */
		{340, OPEN, "t", "x", "", 10, ERROR_NONE, "x", 10},
		{345, TOUCH, "t", "", "", 3, ERROR_NONE, "x", 3},
		{348, TOUCH, "t", "", "", 20, ERROR_NONE, "x", 20},
		{348, TOUCH, "t", "", "", GATE_TABLE_LIFETIME_MAX_MS + 1, ERROR_PROTOCOL, "", 0},
		{368, LOOKUP, "t", "", "", 0, ERROR_NONE, "x", 0},
		{369, TOUCH, "t", "", "", 20, ERROR_MISSING, "", 0},
		{369, LOOKUP, "t", "", "", 0, ERROR_MISSING, "", 0},
		/* close */
		{400, OPEN, "d", "x", "", 10, ERROR_NONE, "x", 10},
		{400, CLOSE, "d", "", "y", 0, ERROR_NONE, "", 0},
		{400, LOOKUP, "d", "", "", 0, ERROR_NONE, "x", 10},
		{400, CLOSE, "d", "", "x", 0, ERROR_NONE, "", 0},
		{400, LOOKUP, "d", "", "", 0, ERROR_MISSING, "", 0},
		{400, CLOSE, "d", "", "", 0, ERROR_NONE, "", 0},
		{401, OPEN, "d", "x", "", 10, ERROR_NONE, "x", 10},
		{401, CLOSE, "d", "", "", 0, ERROR_NONE, "", 0},
		{401, LOOKUP, "d", "", "", 0, ERROR_MISSING, "", 0},
		/* types do not mix */
		{500, ADD, "n", "", "", 2, ERROR_NONE, "", 2},
		{500, LOOKUP, "n", "", "", 0, ERROR_PROTOCOL, "", 0},
		{500, CLAIM, "n", "x", "", 9, ERROR_PROTOCOL, "", 0},
		{500, TOUCH, "n", "", "", 9, ERROR_PROTOCOL, "", 0},
		{500, CHANGE, "n", "x", "", 9, ERROR_PROTOCOL, "", 0},
		{500, OPEN, "f", "x", "", 9, ERROR_NONE, "x", 9},
		{500, ADD, "f", "", "", 1, ERROR_PROTOCOL, "", 0},
		{500, OPEN, "n", "x", "", 9, ERROR_NONE, "x", 9},
		{500, LOOKUP, "n", "", "", 0, ERROR_NONE, "x", 9},
		/* counters: looking makes none, and they can be closed */
		{600, ADD, "m", "", "", 0, ERROR_NONE, "", 0},
		{600, ADD, "m", "", "", 3, ERROR_NONE, "", 3},
		{601, ADD, "m", "", "", 0, ERROR_NONE, "", 3},
		{601, CLOSE, "m", "", "", 0, ERROR_NONE, "", 0},
		{601, ADD, "m", "", "", 0, ERROR_NONE, "", 0},
		/* limits */
		{700, OPEN, "", "x", "", 1, ERROR_PROTOCOL, "", 0},
		{700, OPEN, "l", "x", "", GATE_TABLE_LIFETIME_MAX_MS, ERROR_NONE, "x",
			GATE_TABLE_LIFETIME_MAX_MS},
		{700, OPEN, "l", "x", "", GATE_TABLE_LIFETIME_MAX_MS + 1, ERROR_PROTOCOL, "", 0},
		/* a time that goes back lengthens nothing past what was written */
		{690, LOOKUP, "l", "", "", 0, ERROR_NONE, "x", GATE_TABLE_LIFETIME_MAX_MS},
	};
	struct gate_table *t = table_of(100, 100000);
	for (size_t i = 0; i < COUNT(steps); i++) {
		const struct step *s = &steps[i];
		struct gate_row row = {0};
		uint64_t count = 0;
		const enum error error = perform(t, s, &row, &count);
		if (error != s->error || !view_equal(row.facts, view_text(s->stands)) ||
			(s->op == ADD ? count : row.left_ms) != s->left)
			fail_msg("step %zu: error %s, %u left, %u counted", i, error_name(error),
				(unsigned)row.left_ms, (unsigned)count);
	}
	gate_table_free(&t);
}

/* Protects: keys and facts at their limits, both sides. */
static void test_sizes(void **state)
{
	(void)state;
	static uint8_t octets[GATE_TABLE_FACTS_MAX + 1];
	struct gate_table *t = table_of(10, 100000);
	struct gate_row row;
	struct gate_write w = {.key = view_of(octets, GATE_TABLE_KEY_MAX),
		.facts = view_of(octets, GATE_TABLE_FACTS_MAX),
		.lifetime_ms = 1};
	assert_int_equal(gate_table_open(t, 1, &w, &row), ERROR_NONE);
	w.facts.length++;
	assert_int_equal(gate_table_open(t, 1, &w, &row), ERROR_PROTOCOL);
	w.facts.length--;
	w.key.length++;
	assert_int_equal(gate_table_open(t, 1, &w, &row), ERROR_PROTOCOL);
	uint64_t n;
	assert_int_equal(gate_table_count(t, 1, VIEW("k"), 1, 0, &n), ERROR_PROTOCOL);
	assert_int_equal(
		gate_table_count(t, 1, VIEW("k"), 1, GATE_TABLE_WINDOW_MAX_MS, &n), ERROR_NONE);
	gate_table_free(&t);
}

/* --- counters ----------------------------------------------------------------------------- */

/* Protects: the window slides: nothing counts for two windows, all counts within one. */
static void test_window(void **state)
{
	(void)state;
	static const struct {
		uint64_t now_ms;
		uint32_t amount;
		uint64_t count;
	} steps[] = {
		{1000, 10, 10},
		{1009, 0, 10},
		{1010, 0, 10}, /* the older bucket counts whole */
		{1011, 0, 9},
		{1015, 0, 5},
		{1015, 4, 9},
		{1019, 0, 5},
		{1020, 0, 4},
		{1025, 0, 2},
		{1029, 0, 1},
		{1030, 0, 0},
		{1031, 1, 1},
		{2000, 0, 0},
		{2000, UINT32_MAX, UINT32_MAX},
		{2000, UINT32_MAX, UINT32_MAX}, /* no overflow */
		{2015, 1, 2147483649u},
	};
	struct gate_table *t = table_of(10, 100000);
	uint64_t count;
	for (size_t i = 0; i < COUNT(steps); i++) {
		assert_int_equal(gate_table_count(t, steps[i].now_ms, VIEW("k"), steps[i].amount,
					 10, &count),
			ERROR_NONE);
		if (count != steps[i].count)
			fail_msg("step %zu: %u", i, (unsigned)count);
	}
	gate_table_free(&t);
}

/* Protects: another window goes on with the count, and never with less than the truth at once. */
static void test_window_changes(void **state)
{
	(void)state;
	struct gate_table *t = table_of(10, 100000);
	uint64_t count;
	assert_int_equal(gate_table_count(t, 100, VIEW("k"), 8, 10, &count), ERROR_NONE);
	assert_int_equal(gate_table_count(t, 115, VIEW("k"), 1, 600, &count), ERROR_NONE);
	assert_int_equal(count, 5);
	assert_int_equal(gate_table_count(t, 714, VIEW("k"), 0, 600, &count), ERROR_NONE);
	assert_int_equal(count, 5);
	gate_table_free(&t);
}

/* Protects: a counter is forgotten when its two buckets are over, and not before. */
static void test_counter_ends(void **state)
{
	(void)state;
	struct gate_table *t = table_of(10, 100000);
	uint64_t count;
	assert_int_equal(gate_table_count(t, 100, VIEW("k"), 8, 10, &count), ERROR_NONE);
	assert_int_equal(gate_table_expire(t, 119, 100), 0);
	assert_int_equal(gate_table_counts(t).counters, 1);
	assert_int_equal(gate_table_expire(t, 120, 100), 1);
	assert_int_equal(gate_table_counts(t).counters, 0);
	assert_int_equal(gate_table_counts(t).octets, 0);
	gate_table_free(&t);
}

/* --- bounds ------------------------------------------------------------------------------- */

static enum error open_numbered(struct gate_table *t, uint64_t now_ms, unsigned n, uint32_t life_ms)
{
	struct gate_row row;
	uint8_t key[2] = {(uint8_t)n, (uint8_t)(n >> 8)};
	const struct gate_write w = {.key = view_of(key, 2), .lifetime_ms = life_ms};
	return gate_table_open(t, now_ms, &w, &row);
}

static enum error count_numbered(struct gate_table *t, uint64_t now_ms, unsigned n, uint64_t *count)
{
	uint8_t key[3] = {(uint8_t)n, (uint8_t)(n >> 8), 'c'};
	return gate_table_count(t, now_ms, view_of(key, 3), 1, 60, count);
}

/* Protects: at the bound counters give way, the oldest first; rows never do; expired ones do. */
static void test_bound_rows(void **state)
{
	(void)state;
	struct gate_table *t = table_of(8, 100000);
	uint64_t count;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(open_numbered(t, 10, i, i == 3 ? 5 : 100), ERROR_NONE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(count_numbered(t, 10, i, &count), ERROR_NONE);
	assert_int_equal(count_numbered(t, 10, 0, &count), ERROR_NONE); /* 1 is the oldest now */
	assert_int_equal(count_numbered(t, 10, 9, &count), ERROR_NONE);
	assert_int_equal(gate_table_counts(t).rows, 8);
	assert_int_equal(gate_table_counts(t).evicted, 1);
	assert_int_equal(count_numbered(t, 10, 0, &count), ERROR_NONE);
	assert_int_equal(count, 3);
	for (unsigned i = 10; i < 14; i++)
		assert_int_equal(open_numbered(t, 10, i, 100), ERROR_NONE);
	assert_int_equal(gate_table_counts(t).counters, 0);
	assert_int_equal(open_numbered(t, 10, 20, 100), ERROR_LIMIT);
	assert_int_equal(count_numbered(t, 10, 20, &count), ERROR_LIMIT);
	assert_int_equal(open_numbered(t, 10, 1, 200), ERROR_NONE); /* what stands can be written */
	assert_int_equal(open_numbered(t, 16, 20, 100), ERROR_NONE); /* 3 has expired */
	assert_int_equal(gate_table_counts(t).refused, 2);
	gate_table_free(&t);
}

/* Protects: octets are counted as well as rows, and given back. */
static void test_bound_octets(void **state)
{
	(void)state;
	static uint8_t octets[512];
	struct gate_table *t = table_of(1000, 2000);
	struct gate_row row;
	struct gate_write w = {.facts = view_of(octets, sizeof octets), .lifetime_ms = 9};
	unsigned n = 0;
	uint8_t key;
	enum error error = ERROR_NONE;
	for (; n < 10 && !error; n++) {
		key = (uint8_t)n;
		w.key = view_of(&key, 1);
		error = gate_table_open(t, 1, &w, &row);
	}
	assert_int_equal(error, ERROR_LIMIT);
	assert_int_equal(n, 4);
	assert_true(gate_table_counts(t).octets <= 2000);
	gate_table_expire(t, 11, 2000);
	assert_int_equal(gate_table_counts(t).octets, 0);
	gate_table_free(&t);
}

/* --- durability --------------------------------------------------------------------------- */

struct told {
	unsigned written;
	unsigned removed;
	unsigned expired; /* of those */
};

static void told_written(void *context, const struct gate_row *row)
{
	assert_true(row->durable);
	((struct told *)context)->written++;
}

static void told_removed(void *context, const struct gate_row *row, enum gate_end why)
{
	struct told *told = context;
	assert_true(row->key.length > 0);
	told->removed++;
	told->expired += why == GATE_END_EXPIRED;
}

/* Protects: the store hears of every change to durable rows, and of nothing else. */
static void test_observer(void **state)
{
	(void)state;
	struct told told = {0};
	const struct gate_observer observer = {told_written, told_removed, &told};
	const struct gate_limits limits = {100, 100000};
	struct gate_table *t = gate_table_new(&limits, seed, &observer);
	struct gate_row row;
	uint64_t count;
	struct gate_write w = {.key = VIEW("a"), .facts = VIEW("1"), .lifetime_ms = 10};
	assert_int_equal(gate_table_open(t, 1, &w, &row), ERROR_NONE);
	assert_int_equal(gate_table_count(t, 1, VIEW("c"), 1, 9, &count), ERROR_NONE);
	assert_int_equal(told.written, 0);
	w.key = VIEW("b");
	w.durable = true;
	assert_int_equal(gate_table_claim(t, 1, &w, &row), ERROR_NONE);
	assert_int_equal(gate_table_claim(t, 1, &w, &row), ERROR_NONE);
	assert_int_equal(told.written, 1);
	w.facts = VIEW("22");
	assert_int_equal(gate_table_change(t, 1, &w, VIEW("1"), &row), ERROR_NONE);
	assert_int_equal(told.written, 2);
	assert_int_equal(gate_table_close(t, 1, VIEW("b"), VIEW_NONE), ERROR_NONE);
	assert_int_equal(told.removed, 1);
	assert_int_equal(gate_table_restore(t, 1, VIEW("r"), VIEW("x"), 5), ERROR_NONE);
	assert_int_equal(told.written, 2);
	gate_table_expire(t, 100, 1000);
	assert_int_equal(told.removed, 2);
	assert_int_equal(told.expired, 1);
	assert_int_equal(gate_table_counts(t).rows, 0);
	gate_table_free(&t);
}

/* Protects: what comes from a store is checked like any input, and cannot be immortal. */
static void test_restore(void **state)
{
	(void)state;
	struct gate_table *t = table_of(100, 100000);
	struct gate_row row;
	assert_int_equal(gate_table_restore(t, 100, VIEW("a"), VIEW("x"), 99), ERROR_MISSING);
	assert_int_equal(gate_table_restore(t, 100, VIEW("a"), VIEW("x"), 100), ERROR_NONE);
	assert_int_equal(gate_table_restore(t, 100, VIEW("a"), VIEW("x"), 100), ERROR_EXISTS);
	assert_int_equal(gate_table_restore(t, 100, VIEW_NONE, VIEW("x"), 200), ERROR_PROTOCOL);
	assert_int_equal(gate_table_restore(t, 100, VIEW("b"), VIEW("x"), UINT64_MAX), ERROR_NONE);
	assert_int_equal(gate_table_look_up(t, 100, VIEW("b"), &row), ERROR_NONE);
	assert_int_equal(row.left_ms, GATE_TABLE_LIFETIME_MAX_MS);
	assert_int_equal(gate_table_look_up(t, 101 + GATE_TABLE_LIFETIME_MAX_MS, VIEW("b"), &row),
		ERROR_MISSING);
	gate_table_free(&t);
}

/* --- clock -------------------------------------------------------------------------------- */

#define WALL INT64_C(1000000000)
#define DAY (INT64_C(86400) * 1000)
#define BOOT_1    \
	{         \
		1 \
	}
#define BOOT_2    \
	{         \
		2 \
	}

/* Protects: no jump of the wall clock, while running or between two runs, wipes or immortalises. */
static void test_clock(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct gate_clock_facts before; /* the mark is made 100.007 s after it */
		struct gate_clock_facts after;
		uint64_t now_ms;
	} cases[] = {
		{"same boot", {WALL, 5000, BOOT_1}, {WALL + 130001, 135000, BOOT_1}, WALL + 130000},
		{"same boot, clock set back", {WALL, 5000, BOOT_1}, {50, 135000, BOOT_1},
			WALL + 130000},
		{"same boot, clock set forward", {WALL, 5000, BOOT_1}, {9 * WALL, 135000, BOOT_1},
			WALL + 130000},
		{"reboot", {WALL, 5000, BOOT_1}, {WALL + 400001, 1000, BOOT_2}, WALL + 400001},
		{"reboot into the past", {WALL, 5000, BOOT_1}, {7, 1000, BOOT_2}, WALL + 100007},
		{"reboot before 1970", {WALL, 5000, BOOT_1}, {-7, 1000, BOOT_2}, WALL + 100007},
		{"reboot, 30 days", {WALL, 5000, BOOT_1}, {WALL + 100007 + 30 * DAY, 1000, BOOT_2},
			WALL + 100007 + 30 * DAY},
		{"reboot into the future", {WALL, 5000, BOOT_1},
			{WALL + 100008 + 30 * DAY, 1000, BOOT_2}, WALL + 100007 + 30 * DAY},
		{"boot unknown", {WALL, 5000, {0}}, {WALL + 400000, 1000, {0}}, WALL + 400000},
		{"boot unknown, later", {WALL, 5000, {0}}, {WALL + 400000, 900000, {0}},
			WALL + 400000},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer mark = buffer_new(GATE_CLOCK_MARK_OCTETS);
		const struct gate_clock first = gate_clock_start(VIEW_NONE, &cases[i].before);
		assert_int_equal(gate_clock_now_ms(&first, 5000), WALL);
		gate_clock_mark(&first, 105007, &mark);
		assert_int_equal(mark.length, GATE_CLOCK_MARK_OCTETS);
		const struct gate_clock next =
			gate_clock_start(buffer_view(&mark), &cases[i].after);
		const uint64_t at_ms = cases[i].after.monotonic_ms;
		if (gate_clock_now_ms(&next, at_ms) != cases[i].now_ms)
			fail_msg("%s: %llu", cases[i].what,
				(unsigned long long)gate_clock_now_ms(&next, at_ms));
		assert_int_equal(gate_clock_now_ms(&next, at_ms + 9999), cases[i].now_ms + 9999);
		assert_int_equal(next.is_unsure,
			strstr(cases[i].what, "past") || strstr(cases[i].what, "1970"));
		buffer_truncate(&mark, GATE_CLOCK_MARK_OCTETS - 1);
		const struct gate_clock bad =
			gate_clock_start(buffer_view(&mark), &cases[0].before);
		assert_int_equal(gate_clock_now_ms(&bad, 5000), WALL);
		buffer_free(&mark);
	}
}

/* Protects: a mark in seconds, as an earlier version wrote it, is the same moment, never an earlier one; what is
 * none stays none. */
static void test_clock_in_seconds(void **state)
{
	(void)state;
	const struct gate_clock_facts facts = {WALL + 50000, 135000, BOOT_1};
	struct buffer old = buffer_new(64);
	struct buffer mark = buffer_new(64);
	buffer_add_u64(&old, WALL / 1000);
	buffer_add_u64(&old, 35000);
	buffer_add(&old, view_of(facts.boot, sizeof facts.boot));
	gate_clock_mark_of_s(buffer_view(&old), &mark);
	const struct gate_clock clock = gate_clock_start(buffer_view(&mark), &facts);
	assert_int_equal(gate_clock_now_ms(&clock, 135000), WALL + 1000 + 100000);
	buffer_clear(&mark);
	gate_clock_mark_of_s(VIEW("short"), &mark);
	assert_int_equal(mark.length, 0);
	buffer_clear(&old);
	buffer_add_u64(&old, UINT64_MAX);
	gate_clock_mark_of_s(buffer_view(&old), &mark);
	const struct gate_clock wild = gate_clock_start(buffer_view(&mark), &facts);
	assert_int_equal(gate_clock_now_ms(&wild, 135000), WALL + 50000);
	assert_int_equal(gate_clock_ms_of_s(7), 7000);
	assert_int_equal(gate_clock_ms_of_s(UINT64_MAX / 1000 + 1), UINT64_MAX);
	buffer_free(&old);
	buffer_free(&mark);
}

/* Protects: the hash is the published one (reference vector of its authors). */
static void test_hash(void **state)
{
	(void)state;
	uint8_t octets[15];
	for (uint8_t i = 0; i < 15; i++)
		octets[i] = i;
	assert_true(gate_hash(seed, view_of(octets, 15)) == 0xa129ca6149be45e5u);
	assert_true(gate_hash(seed, VIEW_NONE) == 0x726fdb47dd0e0e31u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_changes),
		cmocka_unit_test(test_counter_ends),
		cmocka_unit_test(test_bound_rows),
		cmocka_unit_test(test_bound_octets),
		cmocka_unit_test(test_observer),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_in_seconds),
		cmocka_unit_test(test_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
