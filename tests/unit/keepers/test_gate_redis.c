#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "channels/any_gate.h"
#include "keepers/gate/redis.h"
#include "keepers/gate/redis_words.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define HELLO "+OK\r\n$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"

/* A gate with a Redis whose words the test says, and askers inside of it. */
struct stage {
	struct loop *loop;
	struct gated gated;
	struct gate_live *redis;
	int far; /* the end of Redis; -1: none */
	unsigned dialled;
	bool refuses; /* to be connected to */
	bool is_silent; /* nobody says what became of the connection */
	struct buffer heard; /* by Redis */
};

struct asker {
	struct gate_waiter waiter;
	unsigned answers;
	enum error error;
	uint64_t count;
	uint64_t left_ms;
	char facts[100];
};

static void dial(void *context)
{
	struct stage *s = context;
	int fds[2];
	s->dialled++;
	if (s->far >= 0)
		close(s->far);
	s->far = -1;
	if (s->is_silent)
		return;
	if (s->refuses) {
		redis_connected(s->redis, -1);
		return;
	}
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	s->far = fds[0];
	redis_connected(s->redis, fds[1]);
}

static void turn(struct stage *s, unsigned turns)
{
	uint8_t octets[65536];
	for (unsigned i = 0; i < turns; i++) {
		loop_turn(s->loop, 2);
		const ssize_t n = s->far >= 0 ? read(s->far, octets, sizeof octets) : 0;
		if (n > 0)
			buffer_add(&s->heard, view_of(octets, (size_t)n));
	}
}

static void say(struct stage *s, const char *words)
{
	assert_int_equal(write(s->far, words, strlen(words)), (ssize_t)strlen(words));
	turn(s, 10);
}

static const char *status_of(struct stage *s)
{
	static char text[400];
	struct buffer b = buffer_new(sizeof text - 1);
	s->redis->ops->status(s->redis, &b);
	assert_true(view_to_text(buffer_view(&b), text, sizeof text));
	buffer_free(&b);
	return strchr(text, ' ') + 1;
}

static bool is(struct stage *s, const char *word)
{
	return strncmp(status_of(s), word, strlen(word)) == 0;
}

static struct stage *stage_new(void)
{
	static const struct gate_limits limits = {10000, 10000000};
	const struct gate_clock_facts facts = {
		.wall_ms = clock_wall_ms(), .monotonic_ms = clock_monotonic_ms()};
	struct stage *s = calloc(1, sizeof *s);
	const struct redis_spec spec = {
		.name = VIEW("redis"), .database = 7, .dial = dial, .context = s};
	s->far = -1;
	s->heard = buffer_new(1u << 24);
	s->loop = loop_new();
	gated_begin(&s->gated, &limits, (struct gate_seed){1, 2}, &facts, gate_store_memory());
	s->redis = redis_new(&s->gated, s->loop, &spec);
	s->gated.live = s->redis;
	turn(s, 10);
	return s;
}

static void stage_free(struct stage *s)
{
	gated_end(&s->gated);
	if (s->far >= 0)
		close(s->far);
	loop_free(&s->loop);
	buffer_free(&s->heard);
	free(s);
}

static void answered(struct gate_waiter *waiter, const struct gate_result *result)
{
	struct asker *a = waiter->context;
	a->answers++;
	a->error = result->error;
	a->count = result->count;
	a->left_ms = result->left_ms;
	assert_true(view_to_text(result->facts, a->facts, sizeof a->facts));
}

static void ask(struct stage *s, struct asker *a, enum any_gate_code code, struct view key)
{
	*a = (struct asker){.waiter = {answered, a}};
	const struct gate_op op = {.code = code,
		.key = key,
		.facts = VIEW("by=pop3"),
		.lifetime_ms = 5000,
		.amount = 1,
		.window_ms = 60000};
	gated_ask(&s->gated, &op, &a->waiter);
}

#define OPEN_KEY VIEW("open:192.0.2.1 hana/7")
#define GROUP_KEY VIEW("open:192.0.2.1 hana/")
#define GUESS_KEY VIEW("guess:x")

/* Protects: it greets, asks what it is asked, in one call each, and gives each its own answer. */
static void test_dialogue(void **state)
{
	(void)state;
	struct stage *s = stage_new();
	struct asker a, b, c;
	assert_true(is(s, "shared_is=down"));
	assert_true(view_starts(buffer_view(&s->heard),
		VIEW("*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n*3\r\n$6\r\nSCRIPT\r\n")));
	say(s, HELLO);
	assert_true(is(s, "shared_is=up"));
	buffer_clear(&s->heard);
	ask(s, &a, GATE_OPEN, OPEN_KEY);
	ask(s, &b, GATE_LOOKUP, GROUP_KEY);
	ask(s, &c, GATE_COUNT, GUESS_KEY);
	assert_int_equal(a.answers + b.answers + c.answers, 0);
	turn(s, 5);
	assert_true(view_search(buffer_view(&s->heard),
			    VIEW("$28\r\nsekisho:open:192.0.2.1 "
				 "hana/\r\n$4\r\nopen\r\n$1\r\n7\r\n$1\r\n1\r\n"
				 "$7\r\nby=pop3\r\n$0\r\n\r\n$4\r\n5000\r\n")) != VIEW_NOT_FOUND);
	say(s, "*2\r\n$7\r\nby=pop3\r\n:5000\r\n$-1\r\n:4");
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.error, ERROR_NONE);
	assert_int_equal(a.left_ms, 5000);
	assert_string_equal(a.facts, "by=pop3");
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.error, ERROR_MISSING);
	assert_int_equal(c.answers, 0);
	say(s, "2\r\n");
	assert_int_equal(c.answers, 1);
	assert_int_equal(c.count, 42);
	stage_free(s);
}

/* Protects: whatever becomes of Redis, what it was asked has one answer: "open:" is closed, the others are the
 * table's; and it is tried again. */
static void test_troubles(void **state)
{
	(void)state;
	static const struct {
		const char *says; /* null: it hangs up; empty: it hangs */
		bool stays;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"nonsense\r\n", false},
		{":-1\r\n", false}, /* no answer to this */
		{"*2\r\n:1\r\n:1\r\n", false},
		{"*2\r\n$1\r\nx\r\n:-5\r\n", false},
		{"*2\r\n$1\r\nx\r\n:99999999999999\r\n", false},
		{"-NOSCRIPT No matching script\r\n", false},
		{"-OOM command not allowed\r\n-OOM command not allowed\r\n", true},
		{"-LIMIT the group is full\r\n-READONLY\r\n", true},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stage *s = stage_new();
		struct asker a, b;
		say(s, HELLO);
		ask(s, &a, GATE_OPEN, OPEN_KEY);
		ask(s, &b, GATE_COUNT, GUESS_KEY);
		turn(s, 3);
		if (!cases[i].says) {
			close(s->far);
			s->far = -1;
			turn(s, 3);
		} else {
			say(s, cases[i].says);
		}
		const uint64_t began_ms = clock_monotonic_ms();
		while (a.answers + b.answers < 2 &&
			clock_monotonic_ms() - began_ms < REDIS_ANSWER_MS + 1000)
			turn(s, 1);
		if (a.answers != 1 || a.error != ERROR_BUSY || b.answers != 1 || b.error ||
			b.count != 1)
			fail_msg("case %zu: %u %s, %u %s %u", i, a.answers, error_name(a.error),
				b.answers, error_name(b.error), (unsigned)b.count);
		if (is(s, "shared_is=down") == cases[i].stays)
			fail_msg("case %zu: %s", i, status_of(s));
		const unsigned dialled = s->dialled;
		for (unsigned n = 0; n < 400 && !cases[i].stays && s->dialled == dialled; n++)
			turn(s, 1);
		assert_int_equal(s->dialled, cases[i].stays ? dialled : dialled + 1);
		stage_free(s);
	}
}

/* Protects: who cannot be greeted is not asked, and not tried again and again at once. */
static void test_not_let_in(void **state)
{
	(void)state;
	static const char *const says[] = {
		"-WRONGPASS\r\n", "+OK\r\n$3\r\nabc\r\n", "+OK\r\n:1\r\n"};
	for (size_t i = 0; i < COUNT(says); i++) {
		struct stage *s = stage_new();
		struct asker a;
		say(s, says[i]);
		assert_true(is(s, "shared_is=down"));
		ask(s, &a, GATE_LOOKUP, GROUP_KEY);
		assert_int_equal(a.answers, 1);
		assert_int_equal(a.error, ERROR_BUSY);
		assert_int_equal(s->dialled, 1);
		stage_free(s);
	}
	struct stage *s = stage_new();
	s->refuses = true;
	close(s->far);
	s->far = -1;
	turn(s, 600); /* more than a second: 200, 400, 800 ms between the tries */
	assert_true(s->dialled >= 2 && s->dialled <= 5);
	stage_free(s);
}

/* Protects: what is under way is bounded, on both sides of the bound. */
static void test_bound(void **state)
{
	(void)state;
	static struct asker askers[REDIS_QUESTIONS_MAX + 1];
	struct stage *s = stage_new();
	say(s, HELLO);
	for (size_t i = 0; i <= REDIS_QUESTIONS_MAX; i++)
		ask(s, &askers[i], GATE_LOOKUP, GROUP_KEY);
	assert_int_equal(askers[REDIS_QUESTIONS_MAX - 1].answers, 0);
	assert_int_equal(askers[REDIS_QUESTIONS_MAX].answers, 1);
	assert_int_equal(askers[REDIS_QUESTIONS_MAX].error, ERROR_BUSY);
	turn(s, 20);
	for (size_t i = 0; i < REDIS_QUESTIONS_MAX; i++) {
		say(s, "$-1\r\n");
		if (i == 3)
			break;
	}
	assert_int_equal(askers[3].error, ERROR_MISSING);
	assert_int_equal(askers[4].answers, 0);
	stage_free(s);
}

/* Protects: who takes too long to greet is given up, and not sooner; so is a connection that nobody makes. */
static void test_greets_late(void **state)
{
	(void)state;
	const uint64_t began_ms = clock_monotonic_ms();
	struct stage *greets = stage_new(), *mute = stage_new(), *away = stage_new();
	uint64_t took_ms = 0;
	bool has_greeted = false;
	close(away->far);
	away->far = -1;
	away->is_silent = true;
	while ((mute->dialled < 2 || away->dialled < 3) && took_ms < 30000) {
		turn(greets, 1);
		turn(mute, 1);
		turn(away, 1);
		took_ms = clock_monotonic_ms() - began_ms;
		if (took_ms + 100 < REDIS_HELLO_MS) {
			assert_int_equal(mute->dialled, 1);
			assert_true(away->dialled <= 2);
		}
		if (took_ms > REDIS_ANSWER_MS + 200 && !has_greeted) {
			say(greets, HELLO);
			has_greeted = true;
		}
	}
	assert_int_equal(mute->dialled, 2);
	assert_int_equal(away->dialled, 3);
	assert_int_equal(greets->dialled, 1);
	assert_true(is(greets, "shared_is=up"));
	stage_free(greets);
	stage_free(mute);
	stage_free(away);
}

/* Protects: an answer has an end: one octet more than is taken at once is too much. */
static void test_endless_answer(void **state)
{
	(void)state;
	static char part[1 << 16];
	memset(part, 'x', sizeof part);
	for (size_t over = 0; over < 2; over++) {
		struct redis_reader *r = redis_reader_new();
		char head[32];
		const int octets = snprintf(head, sizeof head, "$%zu\r\n", (size_t)REDIS_REPLY_MAX);
		size_t left = REDIS_REPLY_MAX + over - (size_t)octets;
		assert_true(redis_reader_feed(r, view_text(head)));
		bool fits = true;
		while (left && fits) {
			const size_t now = left < sizeof part ? left : sizeof part;
			fits = redis_reader_feed(r, view_of(part, now));
			left -= now;
		}
		assert_int_equal(left, 0);
		assert_int_equal(fits, !over);
		redis_reader_free(&r);
	}
}

/* Whether so many octets, of which the first are `head`, are taken; the rest are elements, which go as they are read. */
static bool takes(const char *head, size_t octets)
{
	static const struct view element = VIEW(":1\r\n");
	struct redis_reader *r = redis_reader_new();
	bool broken = false;
	bool fits = redis_reader_feed(r, view_text(head)) && !redis_reader_next(r, &broken);
	for (size_t left = octets - strlen(head); left && fits && !broken;) {
		const struct view part = view_first(element, left);
		fits = redis_reader_feed(r, part) && !redis_reader_next(r, &broken);
		left -= part.length;
	}
	redis_reader_free(&r);
	return fits && !broken;
}

/* Protects: no memory is taken for more elements than an answer can have octets, and those of an array end, too. */
static void test_endless_array(void **state)
{
	(void)state;
	char head[32];
	snprintf(head, sizeof head, "*%zu\r\n", (size_t)REDIS_REPLY_MAX / 4);
	assert_true(takes(head, REDIS_REPLY_MAX));
	assert_false(takes(head, REDIS_REPLY_MAX + 1));
	snprintf(head, sizeof head, "*%zu\r\n", (size_t)REDIS_REPLY_MAX / 4 + 1);
	assert_false(takes(head, 100));
	assert_false(takes("*2147483647\r\n", 100));
}

/* --- over a channel ----------------------------------------------------------------------- */

struct client {
	struct channel *channel;
	unsigned answers;
	uint16_t code;
	uint32_t stream;
};

static uint32_t client_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GATE_STATE_ASKED;
}

static void client_said(void *context, const struct frame *f)
{
	struct client *c = context;
	c->answers++;
	c->code = f->row->code;
	c->stream = f->stream;
}

static void client_closed(void *context, const char *why)
{
	(void)context;
	(void)why;
}

static void join(struct stage *s, struct client *c)
{
	static const struct channel_handler handler = {client_state, client_said, client_closed};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*c = (struct client){0};
	s->gated.loop = s->loop;
	c->channel = channel_new(s->loop, &any_gate, FRAME_A, fds[0], &handler, c);
	gated_connect(&s->gated, PROGRAM_SMTPD, 0, fds[1]);
}

/* Protects: an answer reaches who asked, on his stream, and nobody who took his place meanwhile. */
static void test_peers(void **state)
{
	(void)state;
	struct stage *s = stage_new();
	struct client first, second;
	say(s, HELLO);
	join(s, &first);
	channel_say(first.channel, GATE_LOOKUP, 9, frame_bytes(GROUP_KEY));
	turn(s, 10);
	assert_int_equal(first.answers, 0);
	say(s, "*2\r\n$1\r\nx\r\n:5\r\n");
	assert_int_equal(first.answers, 1);
	assert_int_equal(first.code, GATE_ROW);
	assert_int_equal(first.stream, 9);
	channel_say(first.channel, GATE_LOOKUP, 10, frame_bytes(GROUP_KEY));
	turn(s, 10);
	join(s, &second);
	channel_say(second.channel, GATE_LOOKUP, 10, frame_bytes(GROUP_KEY));
	turn(s, 10);
	say(s, "*2\r\n$1\r\nx\r\n:5\r\n"); /* for the one that is gone */
	assert_int_equal(second.answers, 0);
	say(s, "$-1\r\n");
	assert_int_equal(second.answers, 1);
	assert_int_equal(second.code, GATE_NONE);
	channel_free(&first.channel);
	channel_free(&second.channel);
	stage_free(s);
}

int main(void)
{
	log_threshold((enum log_level)(LOG_ERROR + 1));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogue),
		cmocka_unit_test(test_troubles),
		cmocka_unit_test(test_not_let_in),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_greets_late),
		cmocka_unit_test(test_endless_answer),
		cmocka_unit_test(test_endless_array),
		cmocka_unit_test(test_peers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
