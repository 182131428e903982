#include "faces/shared/places.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S 1000u

static const struct place_pace pace = {60 * S, 2048};
static const struct place_news consumed = {.octets = 10};
static const struct place_news busy = {.is_busy = true, .octets = 10};
static const struct place_news held = {.is_busy = true, .is_held = true};

/* Everybody's address has so many sessions. */
static uint32_t fellows(void *context, const struct place *p)
{
	(void)p;
	return *(const uint32_t *)context;
}

static void judge(struct places *all, uint32_t n, uint64_t now_ms)
{
	places_judge(all, &pace, fellows, &n, now_ms);
}

static void test_longest_idle_goes(void **state)
{
	/* protects: of those with nothing under way the longest-idle stranger goes, not the newcomer */
	(void)state;
	struct places all = {0};
	struct place p[4] = {0};
	for (unsigned i = 0; i < 4; i++)
		places_enter(&all, &p[i], PLACE_OUTSIDE, i);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, false, &p[3]), &p[0]);
	places_note(&all, &p[0], &consumed, 10);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, false, &p[3]), &p[1]);
	/* octets that make no line are not told, and buy nothing */
	places_note(&all, &p[1], &(struct place_news){0}, 11);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, false, &p[3]), &p[1]);
	places_note(&all, &p[1], &busy, 12);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, false, &p[3]), &p[2]);
	places_leave(&all, &p[2]);
	places_leave(&all, &p[0]);
	assert_null(places_giver(&all, PLACE_OUTSIDE, false, &p[3]));
	/* the newcomer is the oldest: the next one goes */
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, false, NULL), &p[3]);
}

static void test_pace(void **state)
{
	/* protects: both sides of the pace: grace, octets, fellows; held time does not count */
	(void)state;
	static const struct {
		uint64_t octets;
		uint32_t fellows;
		uint64_t allowed_ms;
	} cases[] = {
		{0, 1, 60 * S},
		{2048, 1, 61 * S},
		{1024, 1, 60 * S + 500},
		{2048 * 100, 1, 160 * S},
		{0, 2, 30 * S},
		{0, 50, 1200},
		{2048, 50, 2200},
		{UINT64_MAX / 2, 1, 60 * S + UINT64_MAX / 2 / 2048 * 1000 + 999},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct place p = {.kind = PLACE_BUSY, .since_ms = 5, .octets = cases[i].octets};
		const uint64_t last = 5 + cases[i].allowed_ms;
		assert_false(place_is_behind(&p, &pace, cases[i].fellows, last));
		assert_true(place_is_behind(&p, &pace, cases[i].fellows, last + 1));
		p.is_held = true;
		assert_false(place_is_behind(&p, &pace, cases[i].fellows, last + 1));
		p.is_held = false;
		p.kind = PLACE_IDLE;
		assert_false(place_is_behind(&p, &pace, cases[i].fellows, last + 1));
	}
}

static void test_slow_ones_go(void **state)
{
	/* protects: who sits in a transaction or trickles keeps no place for ever; who makes progress does */
	(void)state;
	struct places all = {0};
	struct place sits = {0}, trickles = {0}, works = {0}, waits = {0};
	places_enter(&all, &sits, PLACE_OUTSIDE, 0);
	places_enter(&all, &trickles, PLACE_OUTSIDE, 0);
	places_enter(&all, &works, PLACE_OUTSIDE, 0);
	places_enter(&all, &waits, PLACE_OUTSIDE, 0);
	places_note(&all, &trickles, &busy, 0);
	places_note(&all, &sits, &busy, 1);
	places_note(&all, &works, &busy, 0);
	places_note(&all, &waits, &busy, 0);
	places_note(&all, &waits, &held, 10 * S);
	for (uint64_t t = 1; t <= 120; t++) {
		places_note(&all, &trickles, &(struct place_news){true, false, 1}, t * S);
		places_note(&all, &works, &(struct place_news){true, false, 4096}, t * S);
		judge(&all, 1, t * S);
		struct place *giver = places_giver(&all, PLACE_OUTSIDE, true, NULL);
		if (t <= 60)
			assert_null(giver);
	}
	assert_int_equal(places_count(&all, PLACE_SLOW), 2);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, true, NULL), &trickles);
	places_leave(&all, &trickles);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, true, NULL), &sits);
	places_leave(&all, &sits);
	assert_null(places_giver(&all, PLACE_OUTSIDE, true, NULL));
	/* it has had our answer: 110 s of waiting are not its own */
	places_note(&all, &waits, &busy, 120 * S);
	judge(&all, 1, 170 * S);
	assert_int_equal(waits.kind, PLACE_BUSY);
	judge(&all, 1, 170 * S + 10);
	assert_int_equal(waits.kind, PLACE_SLOW);
	/* it has caught up; and a mail that is done begins anew */
	places_note(&all, &waits, &(struct place_news){true, false, 20480}, 171 * S);
	judge(&all, 1, 171 * S);
	assert_int_equal(waits.kind, PLACE_BUSY);
	places_note(&all, &waits, &consumed, 172 * S);
	assert_int_equal(waits.kind, PLACE_IDLE);
	assert_int_equal(waits.octets, 0);
}

static void test_slow_while_held(void **state)
{
	/* protects: one that was slow and now waits for us keeps its place until it goes on */
	(void)state;
	struct places all = {0};
	struct place p = {0};
	places_enter(&all, &p, PLACE_OUTSIDE, 0);
	places_note(&all, &p, &busy, 0);
	judge(&all, 1, 61 * S);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, true, NULL), &p);
	places_note(&all, &p, &held, 62 * S);
	assert_null(places_giver(&all, PLACE_OUTSIDE, true, NULL));
	judge(&all, 1, 1000 * S);
	assert_null(places_giver(&all, PLACE_OUTSIDE, true, NULL));
	places_note(&all, &p, &busy, 1000 * S);
	judge(&all, 1, 1000 * S);
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, true, NULL), &p);
}

static void test_crowd_of_one_address(void **state)
{
	/* protects: fifty slow sessions of one address share one grace; an inside office does not */
	(void)state;
	struct places all = {0};
	struct place out = {0}, in = {0};
	places_enter(&all, &out, PLACE_OUTSIDE, 0);
	places_enter(&all, &in, PLACE_INSIDE, 0);
	places_note(&all, &out, &busy, 0);
	places_note(&all, &in, &busy, 0);
	judge(&all, 50, 1200);
	assert_int_equal(out.kind, PLACE_BUSY);
	judge(&all, 50, 1300);
	assert_int_equal(out.kind, PLACE_SLOW);
	judge(&all, 50, 60 * S);
	assert_int_equal(in.kind, PLACE_BUSY);
	/* a count that another worker has just taken back does not divide by nothing */
	judge(&all, 0, 60 * S);
	assert_int_equal(out.kind, PLACE_BUSY);
}

static void test_sides(void **state)
{
	/* protects: strangers never cost an inside client its place; inside ones take strangers' first */
	(void)state;
	struct places all = {0};
	struct place out = {0}, in = {0}, slow = {0};
	places_enter(&all, &in, PLACE_INSIDE, 0);
	assert_null(places_giver(&all, PLACE_OUTSIDE, false, NULL));
	assert_null(places_giver(&all, PLACE_OUTSIDE, true, NULL));
	places_enter(&all, &slow, PLACE_OUTSIDE, 0);
	places_note(&all, &slow, &busy, 0);
	judge(&all, 1, 61 * S);
	places_enter(&all, &out, PLACE_OUTSIDE, 61 * S);
	assert_ptr_equal(places_giver(&all, PLACE_INSIDE, false, NULL), &out);
	assert_ptr_equal(places_giver(&all, PLACE_INSIDE, true, NULL), &in);
	places_leave(&all, &out);
	assert_ptr_equal(places_giver(&all, PLACE_INSIDE, false, NULL), &slow);
	places_leave(&all, &slow);
	assert_ptr_equal(places_giver(&all, PLACE_INSIDE, false, NULL), &in);
	places_change_side(&all, &in, PLACE_OUTSIDE);
	assert_null(places_giver(&all, PLACE_INSIDE, true, NULL));
	assert_ptr_equal(places_giver(&all, PLACE_OUTSIDE, true, NULL), &in);
}

static void test_share(void **state)
{
	/* protects: each side can have seven eighths, but one is kept for the other at least */
	(void)state;
	static const uint32_t cases[][2] = {
		{1, 1}, {2, 1}, {10, 9}, {15, 14}, {16, 14}, {1000, 875}, {100000, 87500}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(places_share(cases[i][0]), cases[i][1]);
}

static void test_all_are_seen(void **state)
{
	/* protects: a sweep meets every place once, also when the present one goes */
	(void)state;
	struct places all = {0};
	struct place p[6] = {0};
	for (unsigned i = 0; i < 6; i++) {
		places_enter(&all, &p[i], i % 2 ? PLACE_INSIDE : PLACE_OUTSIDE, 0);
		if (i > 1)
			places_note(&all, &p[i], &busy, 0);
	}
	judge(&all, 1, 61 * S);
	places_note(&all, &p[2], &held, 61 * S);
	unsigned seen = 0;
	struct place *next;
	for (struct place *q = places_first(&all); q; q = next, seen++) {
		next = places_after(&all, q);
		places_leave(&all, q);
	}
	assert_int_equal(seen, 6);
	assert_null(places_first(&all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_idle_goes),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_slow_ones_go),
		cmocka_unit_test(test_slow_while_held),
		cmocka_unit_test(test_crowd_of_one_address),
		cmocka_unit_test(test_sides),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_all_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
