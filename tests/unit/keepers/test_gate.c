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
#include "base/script.h"
#include "channels/any_gate.h"
#include "keepers/gate/gated.h"
#include "keepers/gate/kinds.h"
#include "store/gate_lmdb.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- a gate with clients ------------------------------------------------------------------ */

struct client {
	struct channel *channel;
	unsigned answers;
	uint16_t code; /* of the last answer */
	uint32_t stream;
	uint64_t number;
	char facts[600];
	bool closed;
};

struct stage {
	struct loop *loop;
	struct gated gated;
	unsigned broken;
	unsigned drained;
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
	c->number = 0;
	c->facts[0] = 0;
	if (f->row->code == GATE_ROW) {
		assert_true(view_to_text(f->values[0].bytes, c->facts, sizeof c->facts));
		c->number = f->values[1].number;
	} else if (f->row->code == GATE_COUNTED || f->row->code == GATE_FAILED) {
		c->number = f->values[0].number;
	}
}

static void client_closed(void *context, const char *why)
{
	(void)why;
	((struct client *)context)->closed = true;
}

static const struct channel_handler client_handler = {client_state, client_said, client_closed};

static void stage_broken(void *context, enum program_id id, uint32_t worker, const char *why)
{
	(void)id;
	(void)worker;
	assert_non_null(why);
	((struct stage *)context)->broken++;
}

static void stage_drained(void *context)
{
	((struct stage *)context)->drained++;
}

static struct stage *stage_of(struct gate_store *store, struct gate_limits table_limits)
{
	static const struct workers_limits limits = {.threads = 1, .queue_max = 2};
	struct stage *s = calloc(1, sizeof *s);
	struct gate_clock_facts facts = {
		.wall_ms = clock_wall_ms(), .monotonic_ms = clock_boot_ms(), .boot = {1}};
	s->loop = loop_new();
	s->gated.loop = s->loop;
	s->gated.broken = stage_broken;
	s->gated.drained = stage_drained;
	s->gated.context = s;
	gated_begin(&s->gated, &table_limits, (struct gate_seed){1, 2}, &facts, store);
	gated_go(&s->gated, s->loop, workers_new(&limits, "gate-store"));
	return s;
}

static struct stage *stage_new(struct gate_store *store)
{
	return stage_of(store, (struct gate_limits){1000, 1000000});
}

static void stage_free(struct stage *s)
{
	gated_end(&s->gated);
	loop_free(&s->loop);
	free(s);
}

static void join(struct stage *s, struct client *c, enum program_id id, uint32_t worker)
{
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*c = (struct client){0};
	c->channel = channel_new(s->loop, &any_gate, FRAME_A, fds[0], &client_handler, c);
	gated_connect(&s->gated, id, worker, fds[1]);
}

static void turn_until(struct stage *s, struct client *c, unsigned answers)
{
	for (unsigned i = 0; i < 200 && c->answers < answers; i++)
		loop_turn(s->loop, 10);
	assert_int_equal(c->answers, answers);
}

struct question {
	enum any_gate_code code;
	const char *key;
	const char *first; /* facts, or old */
	const char *second;
	uint32_t number;
	uint32_t window_ms;
};

static void say(struct client *c, uint32_t stream, const struct question *q)
{
	struct frame_value v[4] = {frame_bytes(view_text(q->key)), frame_bytes(view_text(q->first)),
		frame_number(q->number), frame_number(q->number)};
	if (q->code == GATE_CHANGE)
		v[2] = frame_bytes(view_text(q->second));
	if (q->code == GATE_TOUCH)
		v[1] = frame_number(q->number);
	if (q->code == GATE_COUNT) {
		v[1] = frame_number(q->number);
		v[2] = frame_number(q->window_ms);
	}
	channel_send(c->channel, (uint16_t)q->code, stream, v);
}

static void ask(struct stage *s, struct client *c, const struct question *q)
{
	say(c, 5, q);
	turn_until(s, c, c->answers + 1);
	assert_int_equal(c->stream, 5);
}

/* Protects: every operation over a live channel, as any_gate.h says, with its answers. */
static void test_operations(void **state)
{
	(void)state;
	static const struct {
		struct question question;
		enum any_gate_code code;
		const char *facts;
		uint64_t number;
	} cases[] = {
		{{GATE_LOOKUP, "seen:a", "", "", 0, 0}, GATE_NONE, "", 0},
		{{GATE_CLAIM, "seen:a", "one", "", 100000, 0}, GATE_ROW, "one", 100000},
		{{GATE_CLAIM, "seen:a", "two", "", 100000, 0}, GATE_ROW, "one", 100000},
		{{GATE_CHANGE, "seen:a", "two", "three", 50000, 0}, GATE_NONE, "", 0},
		{{GATE_CHANGE, "seen:a", "one", "three", 50000, 0}, GATE_ROW, "three", 50000},
		{{GATE_LOOKUP, "seen:a", "", "", 0, 0}, GATE_ROW, "three", 50000},
		{{GATE_TOUCH, "seen:a", "", "", 70000, 0}, GATE_ROW, "three", 70000},
		{{GATE_TOUCH, "seen:b", "", "", 70000, 0}, GATE_NONE, "", 0},
		{{GATE_CHANGE, "seen:a", "three", "three", 50000, 0}, GATE_ROW, "three", 50000},
		{{GATE_CLOSE, "seen:a", "one", "", 0, 0}, GATE_NONE, "", 0},
		{{GATE_LOOKUP, "seen:a", "", "", 0, 0}, GATE_ROW, "three", 50000},
		{{GATE_CLOSE, "seen:a", "", "", 0, 0}, GATE_NONE, "", 0},
		{{GATE_LOOKUP, "seen:a", "", "", 0, 0}, GATE_NONE, "", 0},
		{{GATE_OPEN, "seen:a", "", "", 9000, 0}, GATE_ROW, "", 9000},
		{{GATE_OPEN, "nonsense:a", "", "", 9, 0}, GATE_FAILED, "", ERROR_DENIED},
		{{GATE_OPEN, "", "", "", 9, 0}, GATE_FAILED, "", ERROR_DENIED},
		{{GATE_COUNT, "seen:a", "", "", 1, 9}, GATE_FAILED, "", ERROR_DENIED},
		{{GATE_COUNT, "guess:a", "", "", 1, 9}, GATE_FAILED, "", ERROR_DENIED},
	};
	struct stage *s = stage_new(gate_store_memory());
	struct client c;
	join(s, &c, PROGRAM_DELIVER, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		ask(s, &c, &cases[i].question);
		/* of a row: what is left, of which some has passed */
		const uint64_t passed = cases[i].code == GATE_ROW ? 5000 : 0;
		if (c.code != cases[i].code || strcmp(c.facts, cases[i].facts) != 0 ||
			c.number > cases[i].number || c.number + passed < cases[i].number)
			fail_msg("case %zu: %u %s %llu", i, c.code, c.facts,
				(unsigned long long)c.number);
	}
	channel_free(&c.channel);
	stage_free(s);
}

/* Protects: a program may ask its own kinds only, a reader may not write. */
static void test_kinds(void **state)
{
	(void)state;
	static const struct {
		enum program_id id;
		const char *key;
		enum any_gate_code code;
		bool looks;
		bool allowed;
	} cases[] = {
		{PROGRAM_AUTH, "guess:x", GATE_COUNT, false, true},
		{PROGRAM_AUTH, "guess:x", GATE_OPEN, false, false},
		{PROGRAM_AUTH, "known:x", GATE_OPEN, false, true},
		{PROGRAM_AUTH, "seen:x", GATE_LOOKUP, false, false},
		{PROGRAM_SMTPD, "guess:x", GATE_COUNT, false, false},
		{PROGRAM_SMTPD, "guess:x", GATE_COUNT, true, false},
		{PROGRAM_SMTPD, "guess:x", GATE_CLOSE, false, false},
		{PROGRAM_SMTPD, "known:x", GATE_OPEN, false, false},
		{PROGRAM_SMTPD, "open:x", GATE_LOOKUP, false, true},
		{PROGRAM_SMTPD, "open:x", GATE_OPEN, false, false},
		{PROGRAM_SMTPD, "open:x", GATE_CLAIM, false, false},
		{PROGRAM_SMTPD, "open:x", GATE_CHANGE, false, false},
		{PROGRAM_SMTPD, "open:x", GATE_CLOSE, false, false},
		{PROGRAM_POPD, "open:x", GATE_OPEN, false, false},
		{PROGRAM_AUTH, "open:x", GATE_OPEN, false, true},
		{PROGRAM_AUTH, "open:x", GATE_TOUCH, false, true},
		{PROGRAM_SMTPD, "open:x", GATE_TOUCH, false, false},
		{PROGRAM_SMTPD, "mails:x", GATE_COUNT, false, true},
		{PROGRAM_SMTPD, "mails:hour:hana", GATE_COUNT, false, true},
		{PROGRAM_SMTPD, "mails:hour:hana", GATE_COUNT, true, true},
		{PROGRAM_SMTPD, "mails:hour:hana", GATE_OPEN, false, false},
		{PROGRAM_POPD, "mails:hour:hana", GATE_COUNT, false, false},
		{PROGRAM_AUTH, "mails:hour:hana", GATE_COUNT, true, false},
		{PROGRAM_DELIVER, "seen:x", GATE_CLAIM, false, true},
		{PROGRAM_MAILBOX, "seen:x", GATE_LOOKUP, false, false},
		{PROGRAM_FETCH, "sts:x", GATE_LOOKUP, false, true},
		{PROGRAM_FETCH, "sts:x", GATE_OPEN, false, true},
		{PROGRAM_FETCH, "sts:x", GATE_COUNT, true, false},
		{PROGRAM_FETCH, "open:x", GATE_LOOKUP, false, false},
		{PROGRAM_SMTPD, "sts:x", GATE_LOOKUP, false, false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct gate_kind *kind = gate_kind_of(view_text(cases[i].key));
		assert_non_null(kind);
		if (gate_kind_allows(kind, cases[i].id, cases[i].code, cases[i].looks) !=
			cases[i].allowed)
			fail_msg("case %zu", i);
	}
	assert_null(gate_kind_of(VIEW("guess")));
	assert_null(gate_kind_of(VIEW("other:")));
}

/* Protects: rows that strangers cause leave half of the table to openings and to the counters of guesses. */
static void test_crowd(void **state)
{
	(void)state;
	struct stage *s = stage_new(gate_store_memory());
	struct client deliver, auth;
	join(s, &deliver, PROGRAM_DELIVER, 0);
	join(s, &auth, PROGRAM_AUTH, 0);
	char key[32];
	const struct question q = {GATE_CLAIM, key, "", "", 60000, 0};
	for (unsigned i = 0; i <= 500; i++) {
		snprintf(key, sizeof key, "seen:%u", i);
		ask(s, &deliver, &q);
		assert_int_equal(deliver.code, i < 500 ? GATE_ROW : GATE_FAILED);
	}
	const struct question known = {GATE_OPEN, "known:hana", "x", "", 60000, 0};
	ask(s, &auth, &known);
	assert_int_equal(auth.code, GATE_ROW);
	const struct question guess = {GATE_COUNT, "guess:hana", "", "", 1, 60000};
	ask(s, &auth, &guess);
	assert_int_equal(auth.number, 1);
	channel_free(&deliver.channel);
	channel_free(&auth.channel);
	stage_free(s);
}

/* Protects: many questions at once, of many workers, each answered on its stream; a broken peer harms
 * nobody else and is told of. */
static void test_peers(void **state)
{
	(void)state;
	struct stage *s = stage_new(gate_store_memory());
	struct client one;
	struct client two;
	join(s, &one, PROGRAM_SMTPD, 0);
	join(s, &two, PROGRAM_SMTPD, 1);
	const struct question q = {GATE_COUNT, "mails:a", "", "", 1, 60000};
	for (uint32_t i = 0; i < 500; i++) {
		say(&one, i, &q);
		say(&two, i, &q);
	}
	turn_until(s, &one, 500);
	turn_until(s, &two, 500);
	assert_true(one.number == 1000 || two.number == 1000);
	ask(s, &two, &q);
	/* a frame that no row allows: the answer's code from the asking side */
	static const uint8_t bad[FRAME_HEADER] = {0, 0, 0, 0, GATE_NONE};
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	gated_connect(&s->gated, PROGRAM_SMTPD, 2, fds[1]);
	assert_int_equal(write(fds[0], bad, sizeof bad), sizeof bad);
	for (unsigned i = 0; i < 50 && !s->broken; i++)
		loop_turn(s->loop, 10);
	assert_int_equal(s->broken, 1);
	close(fds[0]);
	ask(s, &one, &q);
	assert_int_equal(one.code, GATE_COUNTED);
	/* a fresh channel replaces the old one of that worker */
	struct client again;
	join(s, &again, PROGRAM_SMTPD, 0);
	ask(s, &again, &q);
	for (unsigned i = 0; i < 50 && !one.closed; i++)
		loop_turn(s->loop, 10);
	assert_true(one.closed);
	channel_free(&one.channel);
	channel_free(&two.channel);
	channel_free(&again.channel);
	stage_free(s);
}

/* Protects: channels that are too many are refused, the bound on both sides. */
static void test_peers_max(void **state)
{
	(void)state;
	static struct client clients[GATE_PEERS_MAX + 1];
	struct stage *s = stage_new(gate_store_memory());
	for (uint32_t i = 0; i <= GATE_PEERS_MAX; i++)
		join(s, &clients[i], PROGRAM_SMTPD, i);
	const struct question q = {GATE_COUNT, "mails:a", "", "", 1, 60000};
	ask(s, &clients[GATE_PEERS_MAX - 1], &q);
	for (unsigned i = 0; i < 50 && !clients[GATE_PEERS_MAX].closed; i++)
		loop_turn(s->loop, 10);
	assert_true(clients[GATE_PEERS_MAX].closed);
	for (uint32_t i = 0; i <= GATE_PEERS_MAX; i++)
		channel_free(&clients[i].channel);
	stage_free(s);
}

/* --- durability --------------------------------------------------------------------------- */

static char directory[64];

static struct gate_store *open_store(void)
{
	struct gate_store *store = NULL;
	bool damaged;
	assert_int_equal(gate_lmdb_open(directory, (size_t)4 << 20, &damaged, &store), ERROR_NONE);
	return store;
}

static bool is_written(const struct stage *s)
{
	const struct journal *j = &s->gated.journal;
	return j->batches > 0 && !j->busy && !j->anew && j->waiting.length == 0;
}

static void wait_for_disk(struct stage *s)
{
	for (unsigned i = 0; i < 500 && !is_written(s); i++)
		loop_turn(s->loop, 10);
	assert_true(is_written(s));
}

/* Protects: durable rows and removals outlive the process, counters do not; drain writes what waits. */
static void test_durable(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/test-gated-XXXXXX");
	assert_non_null(mkdtemp(directory));
	static const struct question steps[] = {
		{GATE_OPEN, "known:a", "x", "", 1000000, 0},
		{GATE_OPEN, "known:b", "y", "", 1000000, 0},
		{GATE_COUNT, "guess:a", "", "", 7, 60000},
	};
	static const struct question close_b = {GATE_CLOSE, "known:b", "", "", 0, 0};
	static const struct question look_a = {GATE_LOOKUP, "known:a", "", "", 0, 0};
	static const struct question look_b = {GATE_LOOKUP, "known:b", "", "", 0, 0};
	static const struct question look_c = {GATE_COUNT, "guess:a", "", "", 0, 60000};
	struct client c;
	struct stage *s = stage_new(open_store());
	join(s, &c, PROGRAM_AUTH, 0);
	for (size_t i = 0; i < COUNT(steps); i++)
		ask(s, &c, &steps[i]);
	wait_for_disk(s);
	channel_free(&c.channel);
	stage_free(s); /* no drain: as if killed after the batch */
	s = stage_new(open_store());
	join(s, &c, PROGRAM_AUTH, 0);
	ask(s, &c, &look_a);
	assert_string_equal(c.facts, "x");
	assert_true(c.number <= 1000000 && c.number > 990000);
	ask(s, &c, &look_c);
	assert_int_equal(c.number, 0);
	ask(s, &c, &close_b);
	gated_drain(&s->gated);
	for (unsigned i = 0; i < 500 && !s->drained; i++)
		loop_turn(s->loop, 10);
	assert_int_equal(s->drained, 1);
	channel_free(&c.channel);
	stage_free(s);
	s = stage_new(open_store());
	join(s, &c, PROGRAM_AUTH, 0);
	ask(s, &c, &look_a);
	assert_int_equal(c.code, GATE_ROW);
	ask(s, &c, &look_b);
	assert_int_equal(c.code, GATE_NONE);
	channel_free(&c.channel);
	stage_free(s);
	char path[128];
	snprintf(path, sizeof path, "%s/gate.mdb", directory);
	unlink(path);
	rmdir(directory);
}

/* A store whose disk is full until told otherwise. */
struct sick_store {
	struct gate_store head;
	bool sick;
	unsigned steps; /* of the last batch that worked */
	unsigned cleared;
};

static enum error sick_load(struct gate_store *store, gate_store_row *each, void *context)
{
	(void)store;
	(void)each;
	(void)context;
	return ERROR_NONE;
}

static enum error sick_apply(struct gate_store *store, struct view batch, struct view mark)
{
	struct sick_store *s = (struct sick_store *)store;
	struct cursor c = cursor_of(batch);
	struct gate_batch_step step;
	(void)mark;
	if (s->sick)
		return ERROR_SPACE;
	s->steps = 0;
	while (gate_batch_read(&c, &step)) {
		s->steps++;
		s->cleared += step.kind == GATE_BATCH_CLEAR;
	}
	return ERROR_NONE;
}

static void sick_close(struct gate_store *store)
{
	(void)store;
}

/* Protects: while the disk is full the gate answers, and afterwards everything is written anew. */
static void test_store_fails(void **state)
{
	(void)state;
	static const struct gate_store_ops ops = {sick_load, sick_apply, sick_close};
	static struct sick_store store = {.head = {.ops = &ops}, .sick = true};
	static const struct question open_a = {GATE_OPEN, "known:a", "x", "", 1000000, 0};
	static const struct question open_b = {GATE_OPEN, "known:b", "x", "", 1000000, 0};
	struct client c;
	struct stage *s = stage_new(&store.head);
	join(s, &c, PROGRAM_AUTH, 0);
	ask(s, &c, &open_a);
	for (unsigned i = 0; i < 100 && !s->gated.journal.failing; i++)
		loop_turn(s->loop, 10);
	assert_int_equal(s->gated.journal.failing, ERROR_SPACE);
	ask(s, &c, &open_b);
	assert_int_equal(c.code, GATE_ROW);
	store.sick = false;
	timer_set(s->gated.journal.timer, 0); /* not after JOURNAL_RETRY_MS */
	wait_for_disk(s);
	assert_int_equal(s->gated.journal.failing, ERROR_NONE);
	assert_int_equal(store.cleared, 1);
	assert_int_equal(store.steps, 3);
	channel_free(&c.channel);
	stage_free(s);
}

/* --- on scripted time ---------------------------------------------------------------------- */

/* Lets happen what can, until nothing can. */
static void settle_down(struct stage *s)
{
	for (;;) {
		loop_script_look();
		if (loop_script_events(s->loop))
			loop_script_happen(s->loop, 0);
		else if (!workers_script_work(s->gated.journal.workers, 0))
			return;
	}
}

static void until_batches(struct stage *s, struct script *script, uint64_t ms, uint64_t batches)
{
	const uint64_t until_us = script->monotonic_us + ms * 1000;
	settle_down(s);
	while (loop_script_due_us(s->loop) <= until_us) {
		script->monotonic_us = loop_script_due_us(s->loop);
		settle_down(s);
	}
	script->monotonic_us = until_us;
	assert_int_equal(s->gated.journal.batches, batches);
}

static void nothing(void *context)
{
	(void)context;
}

/* Protects: a gate that has nothing to write does not wake for it; what comes is written when it has waited for its
 * time, and what comes meanwhile goes with it; the mark is written though nothing comes. */
static void test_idle(void **state)
{
	(void)state;
	static const struct question a = {GATE_OPEN, "known:a", "x", "", 1000000, 0};
	static const struct question b = {GATE_OPEN, "known:b", "x", "", 1000000, 0};
	struct script script = {.monotonic_us = 5000000, .wall_ms = 1000000000000, .seed = 7};
	struct client c;
	script_begin(&script);
	struct stage *s = stage_new(gate_store_memory());
	struct timer *turn = timer_new(s->loop, nothing, NULL); /* what was said goes with a turn */
	join(s, &c, PROGRAM_AUTH, 0);
	until_batches(s, &script, 20 * JOURNAL_EVERY_MS, 1);
	timer_stop(s->gated.tick);
	assert_true(loop_script_due_us(s->loop) - script.monotonic_us > 50000000);
	say(&c, 1, &a);
	timer_set(turn, 0);
	until_batches(s, &script, JOURNAL_EVERY_MS - 1, 1);
	say(&c, 2, &b);
	timer_set(turn, 0);
	until_batches(s, &script, 1, 2);
	until_batches(s, &script, JOURNAL_MARK_MS - 1, 2);
	until_batches(s, &script, 1, 3);
	assert_int_equal(c.answers, 2);
	timer_free(&turn);
	channel_free(&c.channel);
	stage_free(s);
	script_end();
}

/* --- commands ----------------------------------------------------------------------------- */

struct command {
	struct buffer *out;
	unsigned exit_code;
	unsigned done;
};

static void command_done(void *context, unsigned exit_code)
{
	struct command *c = context;
	c->exit_code = exit_code;
	c->done++;
}

static void command_output(void *context, struct view octets)
{
	buffer_add(((struct command *)context)->out, octets);
}

static unsigned command(struct stage *s, struct view words, struct buffer *out)
{
	struct command c = {.out = out};
	buffer_clear(out);
	gated_command(&s->gated, words, &(struct gate_asker){command_output, command_done, &c});
	for (unsigned i = 0; i < 200 && !c.done; i++)
		loop_turn(s->loop, 10);
	assert_int_equal(c.done, 1);
	return c.exit_code;
}

/* Protects: what people ask is answered, escaped, with exit codes. */
static void test_commands(void **state)
{
	(void)state;
	static const struct {
		struct view words;
		unsigned exit_code;
		struct view has;
	} cases[] = {
		{VIEW("rows"), 0, VIEW("known:a\\x0ab  1000 s left, durable\n")},
		{VIEW("gate\0rows\0--json"), 0,
			VIEW("{\"key\":\"known:a\\u000ab\",\"facts\":\"78\",\"seconds\":1000,"
			     "\"durable\":true}")},
		{VIEW("gate\0counts"), 0, VIEW("known: 1  ")},
		{VIEW("status"), 0, VIEW("rows=1 counters=0 ")},
		{VIEW("gate"), 64, VIEW("rows [--json]")},
		{VIEW("nonsense"), 64, VIEW("rows [--json]")},
		{VIEW(""), 64, VIEW("rows [--json]")},
	};
	struct stage *s = stage_new(gate_store_memory());
	struct client c;
	join(s, &c, PROGRAM_AUTH, 0);
	ask(s, &c, &(struct question){GATE_OPEN, "known:a\nb", "x", "", 1000900, 0});
	struct buffer out = buffer_new(100000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buffer_clear(&out);
		assert_int_equal(command(s, cases[i].words, &out), cases[i].exit_code);
		if (view_search(buffer_view(&out), cases[i].has) == VIEW_NOT_FOUND)
			fail_msg("case %zu: %.*s", i, (int)out.length, (const char *)out.data);
	}
	buffer_free(&out);
	channel_free(&c.channel);
	stage_free(s);
}

/* Protects: more than a page is shown, and closed, a page at a time, each row once. */
static void test_pages(void **state)
{
	(void)state;
	struct stage *s = stage_of(gate_store_memory(), (struct gate_limits){10000, 10000000});
	struct buffer out = buffer_new(9u << 20);
	struct buffer words = buffer_new(256);
	struct client c;
	char key[64];
	join(s, &c, PROGRAM_AUTH, 0);
	for (unsigned i = 0; i < 2500; i++) {
		snprintf(key, sizeof key, "open:192.0.2.1 user%u/x", i);
		ask(s, &c, &(struct question){GATE_OPEN, key, "by=pop3 since=1", "", 60000, 0});
	}
	static const char *const verbs[] = {"list", "close"};
	for (unsigned verb = 0; verb < COUNT(verbs); verb++) {
		uint64_t next = 0, rows = 0, pages = 0;
		do {
			buffer_clear(&words);
			text_add(&words, "gate{}{}{}address=192.0.2.1", text_raw(VIEW("\0")),
				text_string(verbs[verb]), text_raw(VIEW("\0")));
			if (next)
				text_add(&words, "{}after={}", text_raw(VIEW("\0")),
					text_number(next));
			assert_int_equal(command(s, buffer_view(&words), &out), 0);
			struct view line, rest = buffer_view(&out);
			view_split(rest, '\n', &line, &rest);
			assert_true(view_starts(line, VIEW("next=")) &&
				    view_to_u64(view_from(line, 5), UINT64_MAX, &next));
			uint64_t changed = 0;
			if (verb == 1)
				assert_true(view_to_u64(view_value_of(rest, '\n', VIEW("changed=")),
					10000, &changed));
			while (verb == 0 && rest.length && view_split(rest, '\n', &line, &rest))
				changed += view_starts(line, VIEW("192.0.2.1"));
			rows += changed;
			pages++;
		} while (next);
		assert_int_equal(rows, 2500);
		assert_true(pages >= 3);
	}
	assert_int_equal(gate_table_counts(s->gated.table).rows, 0);
	buffer_free(&words);
	buffer_free(&out);
	channel_free(&c.channel);
	stage_free(s);
}

/* Protects: who is open is listed, opened and closed by hand: all, of an address, of a user; nobody else. */
static void test_by_hand(void **state)
{
	(void)state;
	static const struct {
		struct view words;
		unsigned exit_code;
		const char *has;
		const char *has_not;
	} cases[] = {
		{VIEW("gate\0list"), 0, "next=0\n", "open"},
		{VIEW("gate\0open\0address=192.0.2.1\0user=hana"), 0, "", NULL},
		{VIEW("gate\0open\0address=192.0.2.1\0user=taro\0seconds=86400"), 0, "", NULL},
		{VIEW("gate\0open\0address=::ffff:192.0.2.2\0user=hana\0seconds=10"), 0, "", NULL},
		{VIEW("gate\0open\0address=2001:db8::1:2\0user=hana\0seconds=1"), 0, "", NULL},
		{VIEW("gate\0list"), 0, "192.0.2.1  hana  by hand, session hand  since ", NULL},
		{VIEW("gate\0list"), 0, "2001:db8::  hana", NULL}, /* its /64 */
		{VIEW("gate\0list\0user=taro"), 0, "taro", "hana"},
		{VIEW("gate\0list\0address=2001:db8::9"), 0, "2001:db8::", "192"},
		{VIEW("gate\0list\0address=192.0.2.2"), 0, "192.0.2.2  hana", "192.0.2.1"},
		{VIEW("gate\0list\0--json\0address=192.0.2.2"), 0,
			"{\"address\":\"192.0.2.2\",\"user\":\"hana\",\"session\":\"hand\",\"by\":"
			"\"hand\",\"since\":",
			NULL},
		{VIEW("gate\0close\0address=192.0.2.1\0user=hana"), 0, "changed=1\n", NULL},
		{VIEW("gate\0list\0address=192.0.2.1"), 0, "taro", "hana"},
		{VIEW("gate\0close\0address=192.0.2.1"), 0, "changed=1\n", NULL},
		{VIEW("gate\0close\0address=192.0.2.1"), 0, "changed=0\n", NULL},
		{VIEW("gate\0list"), 0, "192.0.2.2", "192.0.2.1"},
		{VIEW("gate\0counts"), 0, "open: 2  ", NULL},
		{VIEW("gate\0open\0address=192.0.2.1"), 64, "a user is missing", NULL},
		{VIEW("gate\0open\0user=hana"), 64, "an address is missing", NULL},
		{VIEW("gate\0close\0user=hana"), 64, "an address is missing", NULL},
		{VIEW("gate\0open\0address=x\0user=hana"), 64, "no address", NULL},
		{VIEW("gate\0open\0address=::1\0user=ha na"), 64, "no name", NULL},
		{VIEW("gate\0open\0address=::1\0user=a\0seconds=0"), 64, "from 1 to", NULL},
		{VIEW("gate\0open\0address=::1\0user=a\0seconds=86401"), 64, "from 1 to", NULL},
		{VIEW("gate\0list\0after=x"), 64, "no page", NULL},
	};
	struct stage *s = stage_new(gate_store_memory());
	struct buffer out = buffer_new(100000);
	s->gated.v6_prefix = 64;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const unsigned code = command(s, cases[i].words, &out);
		const struct view text = buffer_view(&out);
		if (code != cases[i].exit_code ||
			(*cases[i].has &&
				view_search(text, view_text(cases[i].has)) == VIEW_NOT_FOUND) ||
			(cases[i].has_not &&
				view_search(text, view_text(cases[i].has_not)) != VIEW_NOT_FOUND))
			fail_msg("case %zu: %u %.*s", i, code, (int)out.length,
				(const char *)out.data);
	}
	buffer_free(&out);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_peers_max),
		cmocka_unit_test(test_durable),
		cmocka_unit_test(test_store_fails),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
