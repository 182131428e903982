/* A POP3 login opens the gate, and the session's end closes it: with a real gate, on its real clock. What the clocks
 * mean to a millisecond is the table's (tests/unit/store/test_gate_table.c). */
#include "auth_stage.h"

#include "mail/gate_open.h"

#include <inttypes.h>

#define SESSION 0x5e5510u
#define V4 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"
#define LOOPBACK "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\x00\x00\x01"
#define V6 "\x20\x01\x0d\xb8\0\0\0\7\0\0\0\0\0\0\0\x25"

static const struct start hana = {
	.mechanism = "PLAIN", .initial = VIEW("\0hana\0pencil"), .service = AUTH_SERVICE_POP};
static const struct start taro = {
	.mechanism = "PLAIN", .initial = VIEW("\0taro\0inkwell"), .service = AUTH_SERVICE_POP};

static void turn_for(struct stage *s, unsigned ms)
{
	stage_turn(s, &s->face, UINT32_MAX, ms);
}

static struct stage *stage_with(const struct popkey *popkey, const struct authd_limits *limits)
{
	struct stage *s = stage_new(true, limits);
	s->authd.snapshot->popkey = *popkey;
	s->authd.snapshot->numbers[SETTING_POPKEYIPV6] = 128;
	stage_mailbox(s);
	channel_free(&s->face.channel);
	stage_face(s, &s->face, PROGRAM_POPD, 3);
	return s;
}

/* Milliseconds for which a key is open, or 0; a tail of no session is the whole group. */
static uint64_t open_for(struct stage *s, const char *key)
{
	struct gate_row row;
	const enum error error =
		gate_table_look_up(s->gated.table, gated_now_ms(&s->gated), view_text(key), &row);
	return error ? 0 : row.left_ms;
}

static void expect_between(uint64_t ms, uint64_t least, uint64_t most)
{
	if (ms < least || ms > most)
		fail_msg("open for %llu ms", (unsigned long long)ms);
}

/* The rows of that prefix, whatever their tail. */
static unsigned rows_of(struct stage *s)
{
	return gate_table_counts(s->gated.table).rows;
}

static void test_life(void **state)
{
	/* Protects: open before the client reads +OK, for the longer clock; from the session's end for the shorter one,
	 * and never closed in between (N-20, N-23). */
	(void)state;
	struct stage *s = stage_with(&(struct popkey){10, 300}, NULL);
	struct gate_row row;
	ask(s, 7, &hana);
	expect_success(&s->face, "hana");
	assert_int_equal(gate_table_look_up(s->gated.table, gated_now_ms(&s->gated),
				 VIEW("open:192.0.2.1 hana/00000000005e5510"), &row),
		ERROR_NONE);
	assert_true(view_starts(row.facts, VIEW("by=pop3s since=")));
	expect_between(open_for(s, "open:192.0.2.1 hana/"), 290000, 300000);
	assert_int_equal(open_for(s, "open:192.0.2.1 taro/"), 0);
	assert_int_equal(open_for(s, "open:192.0.2.2 hana/"), 0);
	channel_say(s->face.channel, AUTH_LEAVE, 7);
	turn_for(s, 50);
	assert_int_equal(open_for(s, "open:192.0.2.1 hana/00000000005e5510"), 0);
	expect_between(open_for(s, "open:192.0.2.1 hana/"), 4000, 10000);
	/* once only: what is over does not begin again */
	const uint64_t before = open_for(s, "open:192.0.2.1 hana/");
	channel_say(s->face.channel, AUTH_LEAVE, 7);
	turn_for(s, 20);
	assert_true(open_for(s, "open:192.0.2.1 hana/") < before);
	stage_free(s);
}

static void test_two_sessions(void **state)
{
	/* Protects: two sessions of one user at one address count separately; a neighbour has his own row. */
	(void)state;
	struct stage *s = stage_with(&(struct popkey){10, 300}, NULL);
	struct start second = hana;
	second.session = SESSION + 1;
	ask(s, 7, &hana);
	ask(s, 8, &second);
	ask(s, 9, &taro);
	channel_say(s->face.channel, AUTH_LEAVE, 7);
	turn_for(s, 50);
	expect_between(open_for(s, "open:192.0.2.1 hana/"), 290000, 300000);
	channel_say(s->face.channel, AUTH_LEAVE, 8);
	turn_for(s, 50);
	expect_between(open_for(s, "open:192.0.2.1 hana/"), 4000, 10000);
	expect_between(open_for(s, "open:192.0.2.1 taro/"), 290000, 300000);
	stage_free(s);
}

static void test_other_ends(void **state)
{
	/* Protects: whatever way a session ends, its long row goes: the next login in its place, popd's death,
	 * mailbox's death, a client who gives up in the middle. */
	(void)state;
	struct stage *s = stage_with(&(struct popkey){10, 300}, NULL);
	ask(s, 7, &hana);
	ask(s, 7, &taro);
	turn_for(s, 20);
	expect_between(open_for(s, "open:192.0.2.1 hana/"), 4000, 10000);
	channel_free(&s->face.channel);
	turn_for(s, 50);
	expect_between(open_for(s, "open:192.0.2.1 taro/"), 4000, 10000);
	stage_face(s, &s->face, PROGRAM_POPD, 3);
	ask(s, 7, &taro);
	expect_between(open_for(s, "open:192.0.2.1 taro/"), 290000, 300000);
	stage_mailbox(s);
	turn_for(s, 50);
	expect_between(open_for(s, "open:192.0.2.1 taro/"), 4000, 10000);
	stage_free(s);
}

static void test_who_does_not(void **state)
{
	/* Protects: nothing opens without the setting, by a wrong password, by a login to send, or in clear. */
	(void)state;
	static const struct {
		const char *initial;
		size_t length;
		enum auth_service service;
		bool no_tls;
		bool is_on;
		bool plain;
		unsigned rows; /* that are open */
	} cases[] = {
		{"\0hana\0pencil", 12, AUTH_SERVICE_POP, false, true, false, 1},
		{"\0hana\0pencil", 12, AUTH_SERVICE_POP, false, false, false, 0},
		{"\0hana\0pencils", 13, AUTH_SERVICE_POP, false, true, false, 0},
		{"\0hana\0pencil", 12, AUTH_SERVICE_SMTP, false, true, false, 0},
		{"\0hana\0pencil", 12, AUTH_SERVICE_POP, true, true, false, 0},
		{"\0hana\0pencil", 12, AUTH_SERVICE_POP, true, true, true, 1},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct popkey popkey =
			cases[i].is_on ? (struct popkey){10, 300} : (struct popkey){0, 0};
		struct stage *s = stage_with(&popkey, NULL);
		s->authd.snapshot->numbers[SETTING_POPKEYPLAIN] = cases[i].plain;
		if (cases[i].service == AUTH_SERVICE_SMTP) {
			channel_free(&s->face.channel);
			stage_face(s, &s->face, PROGRAM_SMTPD, 0);
		}
		const struct start start = {.mechanism = "PLAIN",
			.initial = view_of(cases[i].initial, cases[i].length),
			.service = cases[i].service,
			.no_tls = cases[i].no_tls,
			.address = LOOPBACK};
		ask(s, 7, &start);
		if ((open_for(s, "open:127.0.0.1 hana/") > 0) != cases[i].rows)
			fail_msg("case %zu", i);
		stage_free(s);
	}
}

static void test_addresses(void **state)
{
	/* Protects: an IPv6 address counts by itself, or with its network where the setting says so. */
	(void)state;
	for (unsigned prefix = 64; prefix <= 128; prefix += 64) {
		struct stage *s = stage_with(&(struct popkey){10, 300}, NULL);
		struct start start = hana;
		start.address = V6;
		s->authd.snapshot->numbers[SETTING_POPKEYIPV6] = prefix;
		ask(s, 7, &start);
		assert_int_equal(open_for(s, "open:2001:db8:0:7:: hana/") > 0, prefix == 64);
		assert_int_equal(open_for(s, "open:2001:db8:0:7::25 hana/") > 0, prefix == 128);
		stage_free(s);
	}
}

static void test_turned_off(void **state)
{
	/* Protects: what was opened before the setting went is closed at its session's end, at once. */
	(void)state;
	struct stage *s = stage_with(&(struct popkey){10, 300}, NULL);
	ask(s, 7, &hana);
	struct snapshot *off = stage_snapshot(NULL);
	authd_config(&s->authd, off);
	channel_say(s->face.channel, AUTH_LEAVE, 7);
	turn_for(s, 50);
	assert_int_equal(open_for(s, "open:192.0.2.1 hana/"), 0);
	stage_free(s);
}

static void test_a_session_without_end(void **state)
{
	/* Protects: what popd keeps for longer than any session is opens nothing when it lets go. */
	(void)state;
	struct authd_limits limits = authd_limits_default;
	limits.session_ms = 2000;
	struct stage *s = stage_with(&(struct popkey){10, 300}, &limits);
	ask(s, 7, &hana);
	channel_say(s->face.channel, AUTH_LEAVE, 7);
	turn_for(s, 20);
	expect_between(open_for(s, "open:192.0.2.1 hana/"), 4000, 10000);
	ask(s, 8, &taro);
	turn_for(s, 2100);
	channel_say(s->face.channel, AUTH_LEAVE, 8);
	turn_for(s, 20);
	assert_int_equal(open_for(s, "open:192.0.2.1 taro/"), 0);
	stage_free(s);
}

static void test_gate_away(void **state)
{
	/* Protects: mail is read also while the gate is away, or hangs: the login waits a moment, and no longer. */
	(void)state;
	struct authd_limits limits = authd_limits_default;
	limits.gate_ms = 20;
	limits.opening_ms = 200;
	struct stage *s = stage_with(&(struct popkey){10, 300}, &limits);
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	authd_connect(&s->authd, PROGRAM_GATE, 0, fds[0]); /* nobody reads there */
	say_start(&s->face, 7, &hana);
	for (int i = 0; i < 4000 && s->mailbox.gives == 0; i++)
		loop_turn(s->loop, 5);
	const uint64_t given_ms = clock_monotonic_ms();
	stage_turn(s, &s->face, 1, 5000);
	const uint64_t waited_ms = clock_monotonic_ms() - given_ms;
	expect_success(&s->face, "hana");
	assert_true(waited_ms >= 150 && waited_ms < 4000);
	assert_true(s->authd.gate_missing);
	close(fds[1]);
	turn_for(s, 20);
	ask(s, 8, &hana);
	expect_success(&s->face, "hana");
	channel_say(s->face.channel, AUTH_LEAVE, 7);
	channel_say(s->face.channel, AUTH_LEAVE, 8);
	turn_for(s, 20);
	assert_int_equal(rows_of(s), 0);
	stage_free(s);
}

static void test_speed(void **state)
{
	/* Protects: whoever hears that he is in finds the gate open, each time; and says how long that took (./bench gate). */
	(void)state;
	struct stage *s = stage_with(&(struct popkey){10, 300}, NULL);
	uint64_t best_us = UINT64_MAX;
	for (uint32_t i = 1; i <= 20; i++) {
		say_start(&s->face, i, &hana);
		for (int k = 0; k < 4000 && s->mailbox.gives < i; k++)
			loop_turn(s->loop, 5);
		const uint64_t given_us = clock_monotonic_us();
		stage_turn(s, &s->face, i, 2000);
		const uint64_t took_us = clock_monotonic_us() - given_us;
		best_us = took_us < best_us ? took_us : best_us;
		expect_success(&s->face, "hana");
		expect_between(open_for(s, "open:192.0.2.1 hana/"), 290000, 300000);
		channel_say(s->face.channel, AUTH_LEAVE, i);
	}
	print_message("from the right password to the open gate and the answer: %" PRIu64 " us\n",
		best_us);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_two_sessions),
		cmocka_unit_test(test_other_ends),
		cmocka_unit_test(test_who_does_not),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_turned_off),
		cmocka_unit_test(test_a_session_without_end),
		cmocka_unit_test(test_gate_away),
		cmocka_unit_test(test_speed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
