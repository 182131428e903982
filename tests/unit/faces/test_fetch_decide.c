#include "faces/fetch/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void which(void **state)
{
	/* Protects: RFC 8461 §5.1: what is kept holds until its time is over, whatever becomes of record and host;
	 * only another id asks for a new one. */
	(void)state;
	static const struct {
		struct policy_facts
			facts; /* gate away, kept, its id, the record's id, failed lately */
		enum policy_step step;
	} cases[] = {
		{{true, true, VIEW("1"), VIEW("1"), false}, POLICY_SAY_UNKNOWN},
		{{true, false, VIEW(""), VIEW(""), false}, POLICY_SAY_UNKNOWN},
		{{false, false, VIEW(""), VIEW(""), false}, POLICY_SAY_NONE},
		{{false, false, VIEW(""), VIEW("1"), false}, POLICY_FETCH},
		{{false, false, VIEW(""), VIEW("1"), true}, POLICY_SAY_NONE},
		{{false, true, VIEW("1"), VIEW(""), false}, POLICY_SAY_KEPT},
		{{false, true, VIEW("1"), VIEW("1"), false}, POLICY_SAY_KEPT},
		{{false, true, VIEW("1"), VIEW("1"), true}, POLICY_SAY_KEPT},
		{{false, true, VIEW("1"), VIEW("2"), false}, POLICY_FETCH},
		{{false, true, VIEW("1"), VIEW("11"), false}, POLICY_FETCH},
		{{false, true, VIEW("1"), VIEW("2"), true}, POLICY_SAY_KEPT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (policy_next(&cases[i].facts) != cases[i].step)
			fail_msg("case %zu", i);
}

static void age(void **state)
{
	/* Protects: a policy is fetched anew once a day, or at half of its time, and not before. */
	(void)state;
	struct sts_policy p = {.mode = STS_MODE_ENFORCE, .max_age_s = 31557600};
	assert_false(policy_is_old(&p, 31557600));
	assert_false(policy_is_old(&p, 31557600 - REFRESH_S + 1));
	assert_true(policy_is_old(&p, 31557600 - REFRESH_S));
	p.max_age_s = 1000;
	assert_false(policy_is_old(&p, 501));
	assert_true(policy_is_old(&p, 500));
	assert_false(policy_is_old(&p, 2000)); /* a row that says more than there is */
	p.mode = STS_MODE_NONE;
	assert_false(policy_is_old(&p, 0));
}

static void rows(void **state)
{
	/* Protects: a row of the gate is read as it was written; any other is refused; the largest fits. */
	(void)state;
	struct arena a = arena_new(1u << 17);
	struct buffer b = buffer_new(POLICY_ROW_MAX);
	const struct view mx[] = {VIEW("mx.example.org"), VIEW("*.example.net")};
	const struct sts_policy p = {STS_MODE_TESTING, 86400, mx, 2};
	struct sts_policy q;
	struct view id;
	policy_row_add(&b, VIEW("20160831085700Z"), &p);
	assert_true(policy_row_read(buffer_view(&b), &a, &id, &q));
	assert_true(view_equal(id, VIEW("20160831085700Z")));
	assert_int_equal(q.mode, STS_MODE_TESTING);
	assert_true(view_equal(q.mx[1], mx[1]));
	for (size_t n = 0; n < b.length; n++)
		assert_false(policy_row_read(view_first(buffer_view(&b), n), &a, &id, &q));
	b.data[0]++;
	assert_false(policy_row_read(buffer_view(&b), &a, &id, &q));
	b.data[0]--;
	b.data[2] = ' '; /* of the id */
	assert_false(policy_row_read(buffer_view(&b), &a, &id, &q));
	buffer_free(&b);
	arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which), cmocka_unit_test(age), cmocka_unit_test(rows)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
