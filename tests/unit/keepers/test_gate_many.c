/* 10,000 openings a second while others look up, on a simulated clock, in the stores that others share: the directory as it is,
 * and a Redis of which the test plays the part. The gate's own table: tests/unit/store/test_gate_open.c. */
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
#include "base/script.h"
#include "keepers/gate/files.h"
#include "keepers/gate/redis.h"

#define A_MS 10u /* 10,000 a second */
#define LIFE_MS 1000u
#define MANY_MS 2500u
#define MANY (A_MS * MANY_MS)
#define FACTS "by=pop3 since=1"

struct stage {
	struct script script; /* first: it is in force */
	struct loop *loop;
	struct timer *turn;
	struct gated gated;
	char path[64];
	int far; /* where the test is a Redis; -1: there is none */
	struct buffer heard;
	uint64_t ends_ms[MANY]; /* its rows */
};

struct asker {
	struct gate_waiter waiter;
	unsigned answers;
	int64_t left_ms; /* -1: closed */
};

static void nothing(void *context)
{
	(void)context;
}

static uint64_t begun_ms;

static struct stage *stage_new(void)
{
	static const struct gate_limits limits = {10000, 10000000};
	static const struct workers_limits pool = {.threads = 1, .queue_max = 2};
	struct stage *s = calloc(1, sizeof *s);
	s->script = (struct script){.monotonic_us = 5000000, .wall_ms = 1800000000000, .seed = 7};
	script_begin(&s->script);
	begun_ms = clock_monotonic_ms();
	s->far = -1;
	s->heard = buffer_new(1u << 24);
	s->loop = loop_new();
	s->gated.loop = s->loop;
	s->turn = timer_new(s->loop, nothing, NULL); /* what was said goes with a turn */
	const struct gate_clock_facts facts = {
		.wall_ms = clock_wall_ms(), .monotonic_ms = clock_boot_ms()};
	gated_begin(&s->gated, &limits, (struct gate_seed){1, 2}, &facts, gate_store_memory());
	gated_go(&s->gated, s->loop, workers_new(&pool, "gate-store"));
	return s;
}

static void stage_free(struct stage *s)
{
	gated_end(&s->gated);
	timer_free(&s->turn);
	loop_free(&s->loop);
	if (s->far >= 0)
		close(s->far);
	buffer_free(&s->heard);
	script_end();
	free(s);
}

/* --- a Redis ------------------------------------------------------------------------------- */

/* One word of a command; false: not all of it is there yet. */
static bool next_word(struct view *rest, struct view *word_out)
{
	struct view line, tail;
	uint32_t length;
	if (!view_split(*rest, '\n', &line, &tail))
		return false;
	assert_true(view_to_u32(view_part(line, 1, line.length - 2), 4096, &length));
	*word_out = view_first(tail, length);
	*rest = view_from(tail, length + 2);
	return tail.length >= length + 2;
}

/* What the script answers to "EVALSHA sha 1 key op tail grouped facts old life …" for the n-th opening. */
static void carry_out(struct stage *s, const struct view *words, struct buffer *out)
{
	const uint64_t now_ms = clock_monotonic_ms();
	struct view key = view_from(words[3], strlen("sekisho:open:10."));
	uint32_t n = 0, part, life_ms;
	for (unsigned i = 0; i < 3; i++) {
		struct view number;
		view_split(key, i < 2 ? '.' : ' ', &number, &key);
		assert_true(view_to_u32(number, 255, &part));
		n = n << 8 | part;
	}
	assert_true(n < MANY);
	if (view_equal(words[4], VIEW("open"))) {
		assert_true(view_to_u32(words[9], LIFE_MS, &life_ms));
		s->ends_ms[n] = now_ms + life_ms;
	}
	if (now_ms > s->ends_ms[n])
		buffer_add(out, VIEW("$-1\r\n"));
	else
		text_add(out, "*2\r\n${}\r\n{}\r\n:{}\r\n", text_number(strlen(FACTS)),
			text_string(FACTS), text_number(s->ends_ms[n] - now_ms));
}

static bool serve(struct stage *s, struct buffer *out)
{
	struct view rest, line, words[16];
	uint32_t count;
	if (!view_split(buffer_view(&s->heard), '\n', &line, &rest))
		return false;
	assert_true(view_to_u32(view_part(line, 1, line.length - 2), 16, &count));
	for (uint32_t i = 0; i < count; i++)
		if (!next_word(&rest, &words[i]))
			return false;
	if (view_equal(words[0], VIEW("SELECT")))
		buffer_add(out, VIEW("+OK\r\n"));
	else if (view_equal(words[0], VIEW("SCRIPT")))
		buffer_add(out, VIEW("$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"));
	else
		carry_out(s, words, out);
	buffer_drop(&s->heard, s->heard.length - rest.length);
	return true;
}

static bool play_redis(struct stage *s)
{
	uint8_t octets[65536];
	struct buffer out = buffer_new(1u << 20);
	const ssize_t n = s->far >= 0 ? read(s->far, octets, sizeof octets) : 0;
	if (n > 0)
		buffer_add(&s->heard, view_of(octets, (size_t)n));
	while (serve(s, &out))
		;
	if (out.length)
		assert_int_equal(write(s->far, out.data, out.length), (ssize_t)out.length);
	buffer_free(&out);
	return n > 0;
}

static void dial(void *context)
{
	struct stage *s = context;
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	s->far = fds[0];
	redis_connected(s->gated.live, fds[1]);
}

/* --- openings ------------------------------------------------------------------------------ */

static void settle_down(struct stage *s)
{
	bool goes_on = true;
	timer_set(s->turn, 0);
	while (goes_on) {
		loop_script_look();
		goes_on = true;
		if (loop_script_events(s->loop))
			loop_script_happen(s->loop, 0);
		else if (!workers_script_work(s->gated.journal.workers, 0))
			goes_on = play_redis(s);
	}
}

static void answered(struct gate_waiter *waiter, const struct gate_result *result)
{
	struct asker *a = waiter->context;
	a->answers++;
	assert_true(result->error == ERROR_NONE || result->error == ERROR_MISSING);
	a->left_ms = result->error ? -1 : (int64_t)result->left_ms;
}

static void ask(struct stage *s, struct asker *a, enum any_gate_code code, unsigned n)
{
	char key[64];
	snprintf(key, sizeof key, "open:10.%u.%u.%u u%u/", n >> 16 & 255, n >> 8 & 255, n & 255,
		n % 7);
	*a = (struct asker){.waiter = {answered, a}};
	const struct gate_op op = {.code = code,
		.key = view_text(key),
		.facts = code == GATE_OPEN ? VIEW(FACTS) : VIEW_NONE,
		.lifetime_ms = LIFE_MS,
		.durable = true};
	gated_ask(&s->gated, &op, &a->waiter);
}

static void expect(const struct asker *a, int64_t left_ms, unsigned n, unsigned at_ms)
{
	if (a->answers != 1 || a->left_ms != left_ms)
		fail_msg("opening %u at %u: %u answers, %lld ms left, not %lld", n, at_ms,
			a->answers, (long long)a->left_ms, (long long)left_ms);
}

/* Of one moment: those that open, and look-ups of those that opened just now, long ago, so that it is their last moment,
 * and a millisecond before that. */
static void moment(struct stage *s, unsigned at_ms)
{
	static const unsigned ages_ms[] = {0, LIFE_MS / 3, LIFE_MS, LIFE_MS + 1};
	struct asker opens[A_MS], looks[4];
	const unsigned which = at_ms % A_MS;
	s->script.monotonic_us = (begun_ms + at_ms) * 1000 + at_ms % 1000;
	for (unsigned i = 0; i < A_MS; i++)
		ask(s, &opens[i], GATE_OPEN, at_ms * A_MS + i);
	for (unsigned i = 0; i < 4; i++)
		if (at_ms >= ages_ms[i])
			ask(s, &looks[i], GATE_LOOKUP, (at_ms - ages_ms[i]) * A_MS + which);
	settle_down(s);
	for (unsigned i = 0; i < A_MS; i++)
		expect(&opens[i], LIFE_MS, at_ms * A_MS + i, at_ms);
	for (unsigned i = 0; i < 4; i++)
		if (at_ms >= ages_ms[i])
			expect(&looks[i],
				ages_ms[i] > LIFE_MS ? -1 : (int64_t)(LIFE_MS - ages_ms[i]),
				(at_ms - ages_ms[i]) * A_MS + which, at_ms);
}

static void many(struct stage *s)
{
	settle_down(s);
	for (unsigned at_ms = 0; at_ms < MANY_MS; at_ms++)
		moment(s, at_ms);
}

/* Protects: in the directory none is lost, none is open a millisecond too long, however many come. */
static void test_directory(void **state)
{
	(void)state;
	static const struct popkey_rules rules = {LIFE_MS, 30 * LIFE_MS, 128};
	struct stage *s = stage_new();
	char command[100];
	snprintf(s->path, sizeof s->path, "/tmp/test-gate-many-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	const int directory = popkey_open(s->path);
	assert_true(directory >= 0);
	s->gated.live = files_new(&s->gated, s->loop, directory, files_watch(directory), &rules);
	many(s);
	snprintf(command, sizeof command, "rm -r %s", s->path);
	stage_free(s);
	assert_int_equal(system(command), 0);
}

/* Protects: the same of a Redis, as far as it is ours: each question is asked once, and has its own answer, at once. */
static void test_redis(void **state)
{
	(void)state;
	struct stage *s = stage_new();
	const struct redis_spec spec = {
		.name = VIEW("redis"), .database = 7, .dial = dial, .context = s};
	s->gated.live = redis_new(&s->gated, s->loop, &spec);
	many(s);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_redis),
	};
	log_threshold(LOG_WARNING); /* each opening is a line */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
