#include "keepers/gate/redis.h"

#include "base/log.h"
#include "base/text.h"
#include "keepers/gate/kinds.h"
#include "keepers/gate/opened.h"
#include "keepers/gate/redis_words.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME_MAX_OCTETS 300u
#define OUT_MAX ((size_t)40 << 20) /* all questions at their largest */
#define READ_STEP 65536u

enum redis_state { REDIS_DOWN, REDIS_DIALING, REDIS_GREETING, REDIS_UP };

enum question_kind { QUESTION_HELLO, QUESTION_OP, QUESTION_WALK };

struct question {
	struct question *next;
	enum question_kind kind;
	uint64_t deadline_ms;
	struct gate_walk *walk;
	struct gate_ticket ticket;
	struct gate_op op; /* its views lie in `octets` */
	uint8_t octets[];
};

struct redis {
	struct gate_live head;
	struct loop *loop;
	enum redis_state state;
	int fd; /* -1: none */
	struct watch *watch;
	struct buffer out; /* not sent yet; what is asked in one turn of the loop leaves at once */
	struct redis_reader *reader;
	struct opened *opened;
	struct timer *again; /* the next try, or the end of patience with this one */
	struct timer *deadline; /* of the first question */
	struct question *first;
	struct question *last;
	uint32_t under_way;
	unsigned greetings; /* replies that are missing yet */
	uint64_t again_ms;
	uint64_t asked;
	uint64_t failed;
	uint64_t lost; /* connections */
	bool refuses; /* it answers, with errors; said once */
	struct buffer name;
	struct buffer user;
	struct buffer password;
	struct buffer sha;
	uint32_t database;
	void (*dial)(void *context);
	void *context;
};

static struct redis *of(struct gate_live *live)
{
	return (struct redis *)live; /* `head` is first */
}

/* --- questions under way ------------------------------------------------------------------ */

static struct view keep(uint8_t *octets, size_t *at, struct view v)
{
	must(view_copy(v, octets + *at, v.length));
	*at += v.length;
	return view_of(octets + *at - v.length, v.length);
}

static struct question *question_new(
	struct redis *r, enum question_kind kind, const struct gate_op *op)
{
	static const struct gate_op none;
	size_t at = 0;
	const struct gate_op *from = op ? op : &none;
	struct question *q =
		memory_try(sizeof *q + from->key.length + from->facts.length + from->old.length);
	if (!q)
		return NULL;
	*q = (struct question){.kind = kind,
		.op = *from,
		.deadline_ms = loop_now_ms(r->loop) +
			       (kind == QUESTION_HELLO ? REDIS_HELLO_MS : REDIS_ANSWER_MS)};
	q->op.key = keep(q->octets, &at, from->key);
	q->op.facts = keep(q->octets, &at, from->facts);
	q->op.old = keep(q->octets, &at, from->old);
	return q;
}

static void watch_deadline(struct redis *r)
{
	const uint64_t now_ms = loop_now_ms(r->loop);
	if (!r->first)
		timer_stop(r->deadline);
	else
		timer_set(r->deadline,
			r->first->deadline_ms > now_ms ? r->first->deadline_ms - now_ms + 1 : 0);
}

static void push(struct redis *r, struct question *q)
{
	*(r->first ? &r->last->next : &r->first) = q;
	r->last = q;
	r->under_way++;
	if (r->first == q)
		watch_deadline(r);
	watch_want(r->watch, WATCH_READ | WATCH_WRITE);
}

static struct question *pop(struct redis *r)
{
	struct question *q = r->first;
	if (!q)
		return NULL;
	r->first = q->next;
	r->under_way--;
	return q;
}

/* What can be said without a Redis. */
static struct gate_result answer_alone(struct redis *r, const struct gate_op *op)
{
	const struct gate_kind *kind = gate_kind_of(op->key);
	r->failed++;
	if (kind->tails)
		return (struct gate_result){.error = ERROR_BUSY};
	return local_ask(r->head.gated, op);
}

static void fail(struct redis *r, struct question *q)
{
	if (q->kind == QUESTION_WALK) {
		q->walk->end(q->walk, ERROR_BUSY, 0);
	} else if (q->kind == QUESTION_OP) {
		const struct gate_result result = answer_alone(r, &q->op);
		gated_answer(q->ticket, &result);
	}
	memory_free(q);
}

/* --- life of a connection ----------------------------------------------------------------- */

static void hang_up(struct redis *r)
{
	watch_free(&r->watch);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buffer_clear(&r->out);
	redis_reader_free(&r->reader);
}

static void lose(struct redis *r, const char *why)
{
	struct question *left = r->first;
	if (r->state == REDIS_UP || r->again_ms == REDIS_AGAIN_MIN_MS)
		log_error("the store of the gate is lost: nobody is open until it is back",
			fact_view("store", buffer_view(&r->name)), fact_text("why", why));
	r->lost += r->state == REDIS_UP;
	r->state = REDIS_DOWN;
	hang_up(r);
	timer_stop(r->deadline);
	r->first = NULL;
	r->last = NULL;
	r->under_way = 0;
	timer_set(r->again, r->again_ms);
	r->again_ms = r->again_ms * 2 < REDIS_AGAIN_MAX_MS ? r->again_ms * 2 : REDIS_AGAIN_MAX_MS;
	while (left) {
		struct question *q = left;
		left = q->next;
		fail(r, q);
	}
}

static void on_again(void *context)
{
	struct redis *r = context;
	if (r->state != REDIS_DOWN) {
		lose(r, "it does not answer in time");
		return;
	}
	r->state = REDIS_DIALING;
	timer_set(r->again, REDIS_HELLO_MS);
	r->dial(r->context);
}

static void on_deadline(void *context)
{
	lose(context, "it does not answer in time");
}

/* --- replies ------------------------------------------------------------------------------ */

static void came_up(struct redis *r)
{
	r->state = REDIS_UP;
	r->again_ms = REDIS_AGAIN_MIN_MS;
	r->refuses = false;
	timer_stop(r->again);
	log_info("the store of the gate is there", fact_view("store", buffer_view(&r->name)));
}

/* Null, or why this is no Redis that we can use. */
static const char *take_greeting(struct redis *r, const struct redis_reply *reply)
{
	const struct view error = redis_error(reply);
	if (error.length) {
		log_warning("the store of the gate does not let us in", fact_view("says", error));
		return "it does not let us in";
	}
	if (--r->greetings)
		return NULL;
	buffer_clear(&r->sha);
	buffer_add(&r->sha, redis_text(reply));
	if (r->sha.length != REDIS_SHA_OCTETS)
		return "it says what no Redis says";
	came_up(r);
	return NULL;
}

/* An error of its own concerns this question alone, unless it has lost our script. */
static const char *take_error(struct redis *r, struct view error)
{
	if (view_starts(error, VIEW("NOSCRIPT")))
		return "it has forgotten our script";
	if (!r->refuses && !view_starts(error, VIEW("LIMIT")))
		log_error("the store of the gate refuses", fact_view("says", error));
	r->refuses = !view_starts(error, VIEW("LIMIT"));
	return NULL;
}

static const char *take_answer(struct redis *r, struct question *q, const struct redis_reply *reply)
{
	struct gate_result result;
	if (!redis_result(reply, &q->op, &result))
		return "it says what no Redis says";
	if (q->op.code != GATE_LOOKUP && r->refuses) {
		r->refuses = false;
		log_info("the store of the gate refuses no more");
	}
	gated_answer(q->ticket, &result);
	opened_asked(r->opened, &q->op, &result);
	memory_free(q);
	return NULL;
}

static const char *take_page(struct question *q, const struct redis_reply *reply)
{
	uint64_t next;
	if (!redis_page(reply, q->walk, &next))
		return "it says what no Redis says";
	q->walk->end(q->walk, ERROR_NONE, next);
	memory_free(q);
	return NULL;
}

/* Null, or why the connection is lost. The question is answered, or stands where it stood. */
static const char *take_reply(struct redis *r, const struct redis_reply *reply)
{
	struct question *q = r->first;
	const struct view error = redis_error(reply);
	const char *why = NULL;
	if (!q)
		return "it says what nobody asked";
	if (q->kind == QUESTION_HELLO) {
		why = take_greeting(r, reply);
		if (!why)
			memory_free(pop(r));
		return why;
	}
	if (error.length)
		why = take_error(r, error);
	if (why)
		return why;
	pop(r);
	if (error.length)
		fail(r, q);
	else
		why = q->kind == QUESTION_WALK ? take_page(q, reply) : take_answer(r, q, reply);
	if (why)
		fail(r, q);
	return why;
}

/* Null, or why the connection is lost. */
static const char *take_octets(struct redis *r, struct view octets)
{
	bool broken = false;
	const char *why = NULL;
	const struct redis_reply *reply;
	if (!redis_reader_feed(r->reader, octets))
		why = "its answer has no end";
	while (!why && (reply = redis_reader_next(r->reader, &broken)))
		why = take_reply(r, reply);
	if (broken)
		why = "it says what no Redis says";
	watch_deadline(r);
	return why;
}

static const char *receive(struct redis *r)
{
	static uint8_t octets[READ_STEP];
	const ssize_t n = recv(r->fd, octets, sizeof octets, 0);
	if (n > 0)
		return take_octets(r, view_of(octets, (size_t)n));
	if (n == 0)
		return "it has closed the connection";
	return errno == EAGAIN || errno == EINTR ? NULL : "the connection fails";
}

static const char *transmit(struct redis *r)
{
	const ssize_t n = send(r->fd, r->out.data, r->out.length, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NULL : "the connection fails";
	buffer_drop(&r->out, (size_t)n);
	return NULL;
}

static void on_ready(void *context, unsigned what)
{
	struct redis *r = context;
	const char *why = NULL;
	if (what & WATCH_WRITE && r->out.length)
		why = transmit(r);
	if (!why && what & WATCH_READ)
		why = receive(r);
	if (why)
		lose(r, why);
	else
		watch_want(r->watch, WATCH_READ | (r->out.length ? WATCH_WRITE : 0u));
}

void redis_connected(struct gate_live *live, int fd)
{
	struct redis *r = of(live);
	if (r->state != REDIS_DIALING) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fd < 0) {
		lose(r, "it cannot be connected to");
		return;
	}
	r->state = REDIS_GREETING;
	r->reader = redis_reader_new();
	r->fd = fd;
	r->watch = watch_new(r->loop, fd, on_ready, r);
	r->greetings = redis_add_hello(
		&r->out, buffer_view(&r->user), buffer_view(&r->password), r->database);
	for (unsigned i = 0; i < r->greetings; i++) {
		struct question *q = question_new(r, QUESTION_HELLO, NULL);
		must(q != NULL);
		push(r, q);
	}
}

/* --- the live store ----------------------------------------------------------------------- */

static bool takes(const struct gate_live *live, const struct gate_kind *kind)
{
	(void)live;
	return kind->shared;
}

static bool has_room(const struct redis *r)
{
	return r->state == REDIS_UP && r->under_way < REDIS_QUESTIONS_MAX &&
	       !buffer_failed(&r->out);
}

static bool ask(struct gate_live *live, const struct gate_op *op, struct gate_ticket ticket,
	struct gate_result *result_out)
{
	struct redis *r = of(live);
	struct question *q = has_room(r) ? question_new(r, QUESTION_OP, op) : NULL;
	r->asked++;
	if (!q) {
		*result_out = answer_alone(r, op);
		return true;
	}
	q->ticket = ticket;
	redis_add_op(&r->out, buffer_view(&r->sha), op);
	push(r, q);
	return false;
}

static void walk(struct gate_live *live, struct gate_walk *at)
{
	struct redis *r = of(live);
	struct question *q = has_room(r) ? question_new(r, QUESTION_WALK, NULL) : NULL;
	if (!q) {
		at->end(at, ERROR_BUSY, 0);
		return;
	}
	q->walk = at;
	redis_add_walk(&r->out, buffer_view(&r->sha), at);
	push(r, q);
}

static void status(const struct gate_live *live, struct buffer *b)
{
	const struct redis *r = (const struct redis *)live;
	const char *word = r->state != REDIS_UP ? "down" : r->refuses ? "refuses" : "up";
	text_add(b, "shared={} shared_is={} shared_asked={} shared_failed={} shared_lost={}",
		text_view(buffer_view(&r->name)), text_string(word), text_number(r->asked),
		text_number(r->failed), text_number(r->lost));
}

static void close_live(struct gate_live *live)
{
	struct redis *r = of(live);
	while (r->first)
		memory_free(pop(r));
	hang_up(r);
	opened_free(&r->opened);
	timer_free(&r->again);
	timer_free(&r->deadline);
	buffer_free_secret(&r->out);
	buffer_free(&r->name);
	buffer_free(&r->user);
	buffer_free_secret(&r->password);
	buffer_free(&r->sha);
	memory_free(r);
}

struct gate_live *redis_new(struct gated *g, struct loop *loop, const struct redis_spec *spec)
{
	static const struct gate_live_ops ops = {takes, ask, walk, status, close_live};
	struct redis *r = memory_new(1, sizeof *r);
	*r = (struct redis){.head = {&ops, g},
		.loop = loop,
		.fd = -1,
		.out = buffer_new_secret(OUT_MAX),
		.again_ms = REDIS_AGAIN_MIN_MS,
		.name = buffer_new(NAME_MAX_OCTETS),
		.user = buffer_new(NAME_MAX_OCTETS),
		.password = buffer_new_secret(NAME_MAX_OCTETS),
		.sha = buffer_new(64),
		.database = spec->database,
		.dial = spec->dial,
		.context = spec->context};
	buffer_add(&r->name, spec->name);
	buffer_add(&r->user, spec->user);
	buffer_add(&r->password, spec->password);
	r->opened = opened_new(loop);
	r->again = timer_new(loop, on_again, r);
	r->deadline = timer_new(loop, on_deadline, r);
	timer_set(r->again, 0);
	return &r->head;
}
