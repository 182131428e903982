#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "mail/gate_open.h"
#include "store/gate_table.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define DAY_MS UINT64_C(86400000)

/* --- keys --------------------------------------------------------------------------------- */

/* Protects: one address, user and session have one key, and the key leads back to them. */
static void test_keys(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		const char *user;
		const char *tail;
		const char *key;
	} cases[] = {
		{"192.0.2.1", "hana", "", "open:192.0.2.1 hana/"},
		{"192.0.2.1", "", "", "open:192.0.2.1 /"},
		{"::ffff:192.0.2.1", "hana", "7f", "open:192.0.2.1 hana/7f"},
		{"2001:DB8:0::1", "a/b", "1", "open:2001:db8::1 a/b/1"},
		{"::1", "\xe8\x8a\xb1", "x", "open:::1 \xe8\x8a\xb1/x"},
	};
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip;
		struct ip address;
		struct view user;
		struct view tail;
		buffer_clear(&key);
		assert_true(ip_parse(view_text(cases[i].address), &ip));
		gate_open_key(&key, &ip, view_text(cases[i].user), view_text(cases[i].tail));
		assert_true(view_equal(buffer_view(&key), view_text(cases[i].key)));
		assert_true(gate_open_split(buffer_view(&key), &address, &user, &tail));
		assert_true(ip_equal(&address, &ip));
		assert_true(view_equal(user, view_text(cases[i].user)));
		assert_true(view_equal(tail, view_text(cases[i].tail)));
		assert_int_equal(gate_open_group(buffer_view(&key)), key.length - tail.length);
	}
	/* the longest of each fits */
	static const char longest[GATE_OPEN_USER_MAX + 1] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct ip ip;
	buffer_clear(&key);
	assert_true(ip_parse(VIEW("1111:2222:3333:4444:5555:6666:7777:8888"), &ip));
	gate_open_key(&key, &ip, view_text(longest), view_text(longest));
	assert_false(buffer_failed(&key));
	struct view user;
	struct view tail;
	assert_true(gate_open_split(buffer_view(&key), &ip, &user, &tail));
	assert_int_equal(user.length, GATE_OPEN_USER_MAX);
	assert_int_equal(tail.length, GATE_OPEN_TAIL_MAX);
	buffer_free(&key);
}

/* Protects: what nobody of ours would have written is no key. */
static void test_no_keys(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "open:", "open:192.0.2.1", "open:192.0.2.1 hana",
		"open:192.0.2.1hana/", "open:192.0.2.01 hana/", "open:::ffff:192.0.2.1 hana/",
		"open:2001:DB8::1 hana/", "open:2001:db8:0::1 hana/", "open: hana/",
		"open:192.0.2.1  hana/", "open:192.0.2.1 ha na/", "open:192.0.2.1 ha\nna/",
		"open:192.0.2.1 ha\x7fna/", "open:192.0.2.1 \xff/", "open:192.0.2.1 hana/a b",
		"seen:192.0.2.1 hana/", " open:192.0.2.1 hana/", "Open:192.0.2.1 hana/",
		"open:192.0.2.1 "
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX/",
		"open:192.0.2.1 hana/"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct ip ip;
		struct view user;
		struct view tail;
		if (gate_open_split(view_text(bad[i]), &ip, &user, &tail))
			fail_msg("\"%s\" is a key", bad[i]);
	}
	assert_int_equal(gate_open_group(VIEW("seen:a/b")), 0);
	assert_int_equal(gate_open_group(VIEW("open:ab")), 0);
}

/* Protects: an IPv6 network counts as one neighbour only as far as it is told, an IPv4 address never. */
static void test_neighbours(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		uint8_t prefix;
		const char *neighbour;
	} cases[] = {
		{"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
		{"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"},
		{"192.0.2.200", 64, "192.0.2.200"},
		{"::ffff:192.0.2.200", 64, "192.0.2.200"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer text = buffer_new(IP_TEXT_MAX);
		struct ip ip;
		assert_true(ip_parse(view_text(cases[i].address), &ip));
		ip = gate_open_neighbour(&ip, cases[i].prefix);
		ip_add(&text, &ip);
		assert_true(view_equal(buffer_view(&text), view_text(cases[i].neighbour)));
		buffer_free(&text);
	}
}

/* --- groups in the table ------------------------------------------------------------------ */

static struct gate_table *table_of(uint32_t rows_max)
{
	const struct gate_limits limits = {rows_max, (size_t)rows_max * 300};
	return gate_table_new(&limits, (struct gate_seed){3, 4}, NULL);
}

static enum error open_row(
	struct gate_table *t, uint64_t now_ms, const char *key, uint64_t lifetime_ms)
{
	struct gate_row row;
	const struct gate_write w = {.key = view_text(key),
		.facts = view_text(key),
		.lifetime_ms = lifetime_ms,
		.durable = true};
	return gate_table_open(t, now_ms, &w, &row);
}

/* What is left of what `key` stands for, or -1 when that is not open. */
static int64_t left(struct gate_table *t, uint64_t now_ms, const char *key)
{
	struct gate_row row;
	const enum error error = gate_table_look_up(t, now_ms, view_text(key), &row);
	assert_true(error == ERROR_NONE || error == ERROR_MISSING);
	return error ? -1 : (int64_t)row.left_ms;
}

#define A "open:192.0.2.1 hana/"

/* Protects: exactly at the limit is open, one millisecond later is not (N-23), of both clocks. */
static void test_boundary(void **state)
{
	(void)state;
	struct gate_table *t = table_of(100);
	assert_int_equal(open_row(t, 5000, A "1", 300000), ERROR_NONE);
	assert_int_equal(left(t, 305000, A), 0);
	assert_int_equal(left(t, 305001, A), -1);
	assert_int_equal(left(t, 305001, A "1"), -1);
	assert_int_equal(open_row(t, 400000, A, 10000), ERROR_NONE);
	assert_int_equal(left(t, 410000, A), 0);
	assert_int_equal(left(t, 410001, A), -1);
	assert_int_equal(gate_table_counts(t).rows, 0);
	gate_table_free(&t);
}

/* Protects: two sessions of one user count separately, the last one to end decides; who closes the
 * group closes all of it, and nothing else. */
static void test_sessions(void **state)
{
	(void)state;
	struct gate_table *t = table_of(100);
	struct gate_row row;
	assert_int_equal(open_row(t, 0, A "1", 300000), ERROR_NONE);
	assert_int_equal(open_row(t, 1000, A "2", 300000), ERROR_NONE);
	assert_int_equal(open_row(t, 1000, "open:192.0.2.1 hana/1/2", 999), ERROR_NONE);
	assert_int_equal(open_row(t, 1000, "open:192.0.2.1 hanako/", 999), ERROR_NONE);
	assert_int_equal(open_row(t, 1000, "open:192.0.2.11 hana/", 999), ERROR_NONE);
	assert_int_equal(left(t, 1000, A), 300000);
	/* the second ends: ten seconds from now, though the first has its 299 yet */
	assert_int_equal(open_row(t, 2000, A, 10000), ERROR_NONE);
	assert_int_equal(gate_table_close(t, 2000, VIEW(A "2"), VIEW_NONE), ERROR_NONE);
	assert_int_equal(left(t, 2000, A), 298000);
	assert_int_equal(left(t, 2000, A "2"), -1);
	/* and the first */
	assert_int_equal(open_row(t, 3000, A, 10000), ERROR_NONE);
	assert_int_equal(gate_table_close(t, 3000, VIEW(A "1"), VIEW_NONE), ERROR_NONE);
	assert_int_equal(left(t, 13000, A), 0);
	assert_int_equal(left(t, 13001, A), -1);
	/* another user of that address, another address, and a user with a '/' are others */
	assert_int_equal(open_row(t, 14000, "open:192.0.2.1 hanako/", 9999), ERROR_NONE);
	assert_int_equal(open_row(t, 14000, "open:192.0.2.11 hana/", 9999), ERROR_NONE);
	assert_int_equal(open_row(t, 14000, "open:192.0.2.1 hana/1/2", 9999), ERROR_NONE);
	assert_int_equal(left(t, 14000, A), -1);
	for (char i = '1'; i <= '5'; i++) {
		const char key[] = {'o', 'p', 'e', 'n', ':', '1', '9', '2', '.', '0', '.', '2', '.',
			'1', ' ', 'h', 'a', 'n', 'a', '/', i, 0};
		assert_int_equal(open_row(t, 14000, key, 9999), ERROR_NONE);
	}
	assert_int_equal(gate_table_touch(t, 15000, VIEW(A "3"), 20000, &row), ERROR_NONE);
	assert_int_equal(left(t, 15000, A), 20000);
	assert_int_equal(gate_table_touch(t, 15000, VIEW(A), 20000, &row), ERROR_MISSING);
	assert_int_equal(gate_table_close(t, 15000, VIEW(A), VIEW("other facts")), ERROR_NONE);
	assert_int_equal(left(t, 15000, A), 20000);
	assert_int_equal(gate_table_close(t, 15000, VIEW(A), VIEW_NONE), ERROR_NONE);
	assert_int_equal(left(t, 15000, A), -1);
	assert_int_equal(left(t, 15000, "open:192.0.2.1 hana/1/"), 8999);
	assert_int_equal(gate_table_counts(t).rows, 3);
	gate_table_free(&t);
}

/* Protects: a user whose name begins as a group does is no part of it, wherever their rows lie. */
static void test_user_with_slash(void **state)
{
	(void)state;
	const struct gate_limits limits = {
		2, 10000}; /* two chains: they share one half of the time */
	for (uint64_t i = 0; i < 20; i++) {
		struct gate_table *t = gate_table_new(&limits, (struct gate_seed){i, 4}, NULL);
		assert_int_equal(open_row(t, 0, A "1/2", 999), ERROR_NONE);
		assert_int_equal(left(t, 0, A), -1);
		assert_int_equal(gate_table_close(t, 0, VIEW(A), VIEW_NONE), ERROR_NONE);
		assert_int_equal(left(t, 0, A "1/"), 999);
		gate_table_free(&t);
	}
}

/* Protects: a group is bounded, both sides; others, and what stands, are not concerned. */
static void test_group_max(void **state)
{
	(void)state;
	struct gate_table *t = table_of(2 * GATE_TABLE_GROUP_MAX);
	char key[64];
	for (unsigned i = 0; i < GATE_TABLE_GROUP_MAX; i++) {
		snprintf(key, sizeof key, A "%x", i);
		assert_int_equal(open_row(t, 1, key, 1000), ERROR_NONE);
	}
	assert_int_equal(open_row(t, 1, A "new", 1000), ERROR_LIMIT);
	assert_int_equal(gate_table_restore(t, 1, VIEW(A "new"), VIEW_NONE, 9), ERROR_LIMIT);
	assert_int_equal(open_row(t, 1, A "0", 2000), ERROR_NONE);
	assert_int_equal(open_row(t, 1, "open:192.0.2.1 taro/new", 1000), ERROR_NONE);
	assert_int_equal(gate_table_close(t, 1, VIEW(A "7"), VIEW_NONE), ERROR_NONE);
	assert_int_equal(open_row(t, 1, A "new", 1000), ERROR_NONE);
	assert_int_equal(left(t, 2001, A), 0);
	assert_int_equal(left(t, 2002, A), -1);
	gate_table_free(&t);
}

/* --- walking ------------------------------------------------------------------------------ */

struct walked {
	unsigned rows;
	unsigned sum;
};

static void walk_row(void *context, const struct gate_row *row)
{
	struct walked *w = context;
	uint32_t n;
	if (!view_starts(row->key, VIEW("seen:")))
		return; /* came while we walked */
	w->rows++;
	assert_true(view_to_u32(view_from(row->key, 5), 9999, &n));
	w->sum += n;
}

/* Protects: by pages one sees what stands there all the while, once, whatever comes and goes. */
static void test_walk(void **state)
{
	(void)state;
	struct gate_table *t = table_of(2000);
	struct walked w = {0};
	char key[64];
	unsigned sum = 0;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "seen:%u", i);
		assert_int_equal(open_row(t, 1, key, 1000), ERROR_NONE);
		sum += i;
	}
	uint64_t after = 0;
	unsigned pages = 0;
	for (bool more = true; more; pages++) {
		more = gate_table_walk(t, 1, &after, 100, walk_row, &w);
		snprintf(key, sizeof key, "open:x y/%u", pages);
		assert_int_equal(open_row(t, 1, key, 1000), ERROR_NONE);
	}
	assert_true(pages >= 9);
	assert_int_equal(w.rows, 1000);
	assert_int_equal(w.sum, sum);
	w = (struct walked){0};
	after = 0;
	while (gate_table_walk(t, 1002, &after, 100, walk_row, &w))
		;
	assert_int_equal(w.rows, 0);
	gate_table_free(&t);
}

/* --- many --------------------------------------------------------------------------------- */

#define MANY_A_MS 10u /* 10,000 a second */
#define MANY_MS 30000u
#define MANY_LIFE_MS 10000u

static void many_key(char *key, size_t room, unsigned ms, unsigned i)
{
	const unsigned n = ms * MANY_A_MS + i;
	snprintf(key, room, "open:10.%u.%u.%u u%u/", n >> 16 & 255, n >> 8 & 255, n & 255, n % 7);
}

static void check_many(struct gate_table *t, unsigned now_ms, unsigned opened_ms)
{
	char key[64];
	for (unsigned i = 0; i < MANY_A_MS; i++) {
		many_key(key, sizeof key, opened_ms, i);
		const int64_t expected = (int64_t)opened_ms + MANY_LIFE_MS - now_ms;
		if (left(t, now_ms, key) != (expected >= 0 ? expected : -1))
			fail_msg("opened at %u, at %u: %lld", opened_ms, now_ms,
				(long long)left(t, now_ms, key));
	}
}

/* Protects: 10,000 openings a second while others look up: none is lost, none is open a millisecond too
 * long, and what is over leaves the table. */
static void test_many(void **state)
{
	(void)state;
	struct gate_table *t = table_of(1u << 17);
	char key[64];
	for (unsigned now_ms = 0; now_ms < MANY_MS; now_ms++) {
		for (unsigned i = 0; i < MANY_A_MS; i++) {
			many_key(key, sizeof key, now_ms, i);
			assert_int_equal(open_row(t, now_ms, key, MANY_LIFE_MS), ERROR_NONE);
		}
		check_many(t, now_ms, now_ms);
		if (now_ms >= MANY_LIFE_MS)
			check_many(t, now_ms, now_ms - MANY_LIFE_MS); /* the last moment */
		if (now_ms > MANY_LIFE_MS)
			check_many(t, now_ms, now_ms - MANY_LIFE_MS - 1); /* the one after it */
		if (now_ms % 97 == 0)
			check_many(t, now_ms, now_ms / 2);
		assert_true(gate_table_counts(t).rows <= MANY_A_MS * (MANY_LIFE_MS + 2));
	}
	assert_int_equal(gate_table_next_ms(t), MANY_MS);
	gate_table_expire(t, MANY_MS + DAY_MS, UINT32_MAX);
	assert_int_equal(gate_table_counts(t).rows, 0);
	assert_int_equal(gate_table_counts(t).octets, 0);
	assert_int_equal(gate_table_counts(t).expired, MANY_A_MS * MANY_MS);
	assert_true(gate_table_next_ms(t) == UINT64_MAX);
	gate_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_keys),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_boundary),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_user_with_slash),
		cmocka_unit_test(test_group_max),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
