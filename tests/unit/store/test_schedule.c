#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/schedule.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define assert_view(v, text) assert_true(view_equal((v), view_text(text)))

#define NOW 1000u

static struct schedule *make(uint32_t unproven_max)
{
	struct schedule_limits limits = schedule_limits_default;
	limits.unproven_max = unproven_max;
	return schedule_new(&limits, 7);
}

static void add(struct schedule *s, const char *to, uint64_t id, uint32_t recipient)
{
	schedule_add(s, view_text(to), (struct spool_id){id}, recipient, 0, NOW);
}

/* "example.org 5: 0 1" */
static void expect(struct schedule *s, uint32_t now_s, const char *want, struct schedule_work *work)
{
	struct buffer b = buffer_new(4096);
	if (schedule_take(s, now_s, work)) {
		text_add(&b, "{} {}:", text_view(schedule_name(work->destination)),
			text_number(work->id.value));
		for (uint32_t i = 0; i < work->count; i++)
			text_add(&b, " {}", text_number(work->recipients[i]));
	}
	assert_view(buffer_view(&b), want);
	buffer_free(&b);
}

static void together(void **state)
{
	/* Protects: recipients of one mail at one destination go in one transaction, at most 100. */
	(void)state;
	struct schedule *s = make(10);
	struct schedule_work work;
	add(s, "a.example", 5, 0);
	add(s, "b.example", 5, 1);
	add(s, "a.example", 5, 2);
	add(s, "a.example", 6, 0);
	expect(s, NOW, "a.example 5: 0 2", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	expect(s, NOW, "b.example 5: 1", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	expect(s, NOW, "a.example 6: 0", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	expect(s, NOW, "", &work);
	assert_int_equal(schedule_destinations(s), 0);
	for (uint32_t i = 0; i < SCHEDULE_RECIPIENTS_MAX + 1; i++)
		add(s, "c.example", 9, i);
	assert_true(schedule_take(s, NOW, &work));
	assert_int_equal(work.count, SCHEDULE_RECIPIENTS_MAX);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	expect(s, NOW, "c.example 9: 100", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	schedule_free(&s);
}

static uint32_t take_all(struct schedule *s, uint32_t now_s, struct schedule_work *works)
{
	uint32_t n = 0;
	while (schedule_take(s, now_s, &works[n]))
		n++;
	return n;
}

static void windows(void **state)
{
	/* Protects: a stranger gets one, then as many as it takes well, and fewer when it is busy. */
	(void)state;
	static const uint32_t windows[] = {1, 5, 6, 7};
	struct schedule *s = make(10);
	struct schedule_work works[64];
	for (uint32_t i = 0; i < 200; i++)
		add(s, "a.example", i + 1, 0);
	for (size_t i = 0; i < COUNT(windows); i++) {
		const uint32_t n = take_all(s, NOW, works);
		assert_int_equal(n, windows[i]);
		for (uint32_t k = 1; k < n; k++) /* one of them is a success */
			schedule_end(s, works[k].destination, SCHEDULE_SILENT, VIEW_NONE, NOW);
		schedule_end(s, works[0].destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	}
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(schedule_take(s, NOW, &works[0]));
		schedule_end(s, works[0].destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	}
	assert_int_equal(take_all(s, NOW, works), schedule_limits_default.window_max);
	schedule_end(s, works[0].destination, SCHEDULE_BUSY, VIEW("421"), NOW);
	struct schedule_facts facts;
	assert_true(schedule_look(s, VIEW("a.example"), &facts));
	assert_int_equal(facts.window, schedule_limits_default.window_max / 2);
	assert_int_equal(facts.down_until_s, 0);
	for (uint32_t i = 1; i < schedule_limits_default.window_max; i++)
		schedule_end(s, works[i].destination, SCHEDULE_SILENT, VIEW_NONE, NOW);
	schedule_free(&s);
}

static void dead(void **state)
{
	/* Protects: a dead destination costs one attempt a time, and each time waits twice as long. */
	(void)state;
	struct schedule *s = make(10);
	struct schedule_work work;
	struct schedule_facts facts;
	uint32_t now_s = NOW;
	for (uint32_t i = 0; i < 50; i++)
		add(s, "a.example", i + 1, 0);
	for (uint32_t delay_s = 120; delay_s < 4000; delay_s *= 2) {
		const uint32_t most_s = delay_s < 3600 ? delay_s : 3600;
		assert_true(schedule_take(s, now_s, &work));
		expect(s, now_s, "", &(struct schedule_work){0});
		schedule_put_back(s, &work);
		schedule_end(s, work.destination, SCHEDULE_FAILS, VIEW("nobody answers"), now_s);
		assert_true(schedule_look(s, VIEW("a.example"), &facts));
		assert_view(facts.reason, "nobody answers");
		assert_true(facts.down_until_s > now_s + most_s * 3 / 4 - 1);
		assert_true(facts.down_until_s <= now_s + most_s);
		assert_int_equal(schedule_down(s), 1);
		assert_int_equal(schedule_due_s(s), facts.down_until_s);
		expect(s, facts.down_until_s - 1, "", &(struct schedule_work){0});
		now_s = facts.down_until_s;
	}
	expect(s, now_s, "a.example 1: 0", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, now_s);
	assert_int_equal(schedule_down(s), 0);
	expect(s, now_s, "a.example 2: 0", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, now_s);
	schedule_free(&s);
}

static void failing_together(void **state)
{
	/* Protects: several that fail at once are one failure. */
	(void)state;
	struct schedule *s = make(10);
	struct schedule_work works[64];
	struct schedule_facts facts;
	for (uint32_t i = 0; i < 20; i++)
		add(s, "a.example", i + 1, 0);
	assert_true(schedule_take(s, NOW, &works[0]));
	schedule_end(s, works[0].destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	assert_int_equal(take_all(s, NOW, works), 5);
	for (uint32_t i = 0; i < 5; i++) {
		schedule_put_back(s, &works[i]);
		schedule_end(s, works[i].destination, SCHEDULE_FAILS, VIEW_NONE, NOW);
	}
	assert_true(schedule_look(s, VIEW("a.example"), &facts));
	assert_int_equal(facts.failures, 1);
	assert_int_equal(facts.ready, 19);
	schedule_free(&s);
}

static void strangers(void **state)
{
	/* Protects: dead destinations, however many, never take all transactions: the living go on. */
	(void)state;
	struct schedule *s = make(2);
	struct schedule_work works[8];
	struct schedule_work work;
	add(s, "good.example", 1, 0);
	assert_true(schedule_take(s, NOW, &work));
	add(s, "good.example", 2, 0);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	add(s, "a.example", 3, 0);
	add(s, "b.example", 4, 0);
	add(s, "c.example", 5, 0);
	add(s, "good.example", 6, 0);
	assert_int_equal(take_all(s, NOW, works), 4);
	schedule_end(s, works[0].destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	for (uint32_t i = 1; i < 4; i++)
		schedule_end(s, works[i].destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	assert_int_equal(take_all(s, NOW, works), 1);
	schedule_end(s, works[0].destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	schedule_free(&s);
}

static void own_time(void **state)
{
	/* Protects: what was put off waits its own time, and in the order of arrival among equals. */
	(void)state;
	struct schedule *s = make(10);
	struct schedule_work work;
	schedule_add(s, VIEW("a.example"), (struct spool_id){9}, 0, NOW + 60, NOW);
	schedule_add(s, VIEW("a.example"), (struct spool_id){3}, 1, NOW + 60, NOW);
	schedule_add(s, VIEW("a.example"), (struct spool_id){4}, 0, NOW + 61, NOW);
	assert_int_equal(schedule_count(s), 3);
	expect(s, NOW + 59, "", &work);
	assert_int_equal(schedule_due_s(s), NOW + 60);
	expect(s, NOW + 60, "a.example 3: 1", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW + 60);
	expect(s, NOW + 60, "a.example 9: 0", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW + 60);
	expect(s, NOW + 60, "", &work);
	schedule_hurry(s, VIEW("b.example"), NOW + 60);
	expect(s, NOW + 60, "", &work);
	schedule_hurry(s, VIEW("a.example"), NOW + 60);
	expect(s, NOW + 60, "a.example 4: 0", &work);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW + 60);
	assert_int_equal(schedule_count(s), 0);
	assert_int_equal(schedule_destinations(s), 0);
	schedule_free(&s);
}

static void hurried_though_down(void **state)
{
	/* Protects: who asks for it gets an attempt at once. */
	(void)state;
	struct schedule *s = make(10);
	struct schedule_work work;
	add(s, "a.example", 1, 0);
	assert_true(schedule_take(s, NOW, &work));
	schedule_put_back(s, &work);
	schedule_end(s, work.destination, SCHEDULE_FAILS, VIEW("dead"), NOW);
	expect(s, NOW, "", &work);
	schedule_hurry(s, VIEW_NONE, NOW);
	expect(s, NOW, "a.example 1: 0", &work);
	schedule_end(s, work.destination, SCHEDULE_FAILS, VIEW("dead"), NOW);
	struct schedule_facts facts;
	assert_true(schedule_look(s, VIEW("a.example"), &facts));
	assert_int_equal(facts.failures, 2);
	expect(s, facts.down_until_s, "", &work); /* nobody waits for it: forgotten */
	assert_false(schedule_look(s, VIEW("a.example"), &facts));
	schedule_free(&s);
}

static void passing(void **state)
{
	/* Protects: new mail goes at once where nothing waits, and queues where something does. */
	(void)state;
	struct schedule *s = make(10);
	struct schedule_destination *first;
	struct schedule_destination *second;
	struct schedule_work work;
	assert_true(schedule_pass(s, VIEW("a.example"), NOW, &first));
	assert_false(schedule_pass(s, VIEW("a.example"), NOW, &second));
	add(s, "a.example", 2, 0);
	schedule_end(s, first, SCHEDULE_WORKS, VIEW_NONE, NOW);
	assert_false(schedule_pass(s, VIEW("a.example"), NOW, &second));
	expect(s, NOW, "a.example 2: 0", &work);
	assert_true(schedule_pass(s, VIEW("a.example"), NOW, &second));
	schedule_end(s, second, SCHEDULE_WORKS, VIEW_NONE, NOW);
	schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	schedule_free(&s);
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

static void nothing_lost(void **state)
{
	/* Protects: whatever happens, each recipient comes out once and the windows hold. */
	(void)state;
	enum { MAILS = 3000, DESTINATIONS = 37 };
	static bool done[MAILS];
	struct schedule_limits limits = schedule_limits_default;
	limits.unproven_max = 5;
	struct schedule *s = schedule_new(&limits, 99);
	struct schedule_work works[256];
	uint32_t out = 0;
	uint32_t left = MAILS;
	uint64_t x = 88172645463325252u;
	for (uint32_t i = 0; i < MAILS; i++) {
		char name[] = "00.example";
		name[0] = (char)('a' + i * 7 % DESTINATIONS % 10);
		name[1] = (char)('a' + i * 7 % DESTINATIONS / 10);
		schedule_add(s, view_text(name), (struct spool_id){i}, 0,
			(uint32_t)(next_random(&x) % 400), 0);
	}
	for (uint32_t now_s = 0; left; now_s += (uint32_t)(next_random(&x) % 3)) {
		assert_true(now_s < 10000000);
		while (out < COUNT(works) && schedule_take(s, now_s, &works[out]))
			out++;
		if (!out) {
			now_s = schedule_due_s(s) > now_s ? schedule_due_s(s) - 1 : now_s;
			continue;
		}
		const uint32_t i = (uint32_t)(next_random(&x) % out);
		const struct schedule_work work = works[i];
		works[i] = works[--out];
		const enum schedule_health health = (enum schedule_health)(next_random(&x) % 4);
		if (health == SCHEDULE_WORKS) {
			for (uint32_t k = 0; k < work.count; k++) {
				assert_false(done[work.id.value]);
				done[work.id.value] = true;
				left--;
			}
		} else {
			schedule_put_back(s, &work);
		}
		schedule_end(s, work.destination, health, VIEW("x"), now_s);
	}
	assert_int_equal(schedule_count(s), 0);
	schedule_free(&s);
}

static void many(void **state)
{
	/* Protects: a destination is found also among thousands, once each. */
	(void)state;
	struct schedule *s = make(10000);
	struct buffer name = buffer_new(64);
	for (unsigned turn = 0; turn < 2; turn++)
		for (uint64_t i = 0; i < 5000; i++) {
			buffer_clear(&name);
			text_add(&name, "d{}.example", text_number(i));
			schedule_add(s, buffer_view(&name), (struct spool_id){i + 1}, turn, 0, NOW);
		}
	assert_int_equal(schedule_destinations(s), 5000);
	for (uint64_t i = 0; i < 5000; i++) {
		struct schedule_work work;
		buffer_clear(&name);
		text_add(&name, "d{}.example {}: 0 1", text_number(i), text_number(i + 1));
		buffer_add_octet(&name, 0);
		expect(s, NOW, (const char *)name.data, &work);
		schedule_end(s, work.destination, SCHEDULE_WORKS, VIEW_NONE, NOW);
	}
	buffer_free(&name);
	schedule_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(together),
		cmocka_unit_test(many),
		cmocka_unit_test(windows),
		cmocka_unit_test(dead),
		cmocka_unit_test(failing_together),
		cmocka_unit_test(strangers),
		cmocka_unit_test(own_time),
		cmocka_unit_test(hurried_though_down),
		cmocka_unit_test(passing),
		cmocka_unit_test(nothing_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
