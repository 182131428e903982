#include "faces/shared/resolve_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the test as resolve ------------------------------------------------------------------ */

struct stage {
	struct program program;
	struct resolve_client *client;
	struct channel *other;
	unsigned said; /* questions that came */
	uint32_t stream; /* of the last */
	uint16_t code;
	bool closed;
};

static uint32_t other_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return RESOLVE_STATE_IDLE;
}

static void other_said(void *context, const struct frame *frame)
{
	struct stage *s = context;
	s->said++;
	s->stream = frame->stream;
	s->code = frame->row->code;
}

static void other_closed(void *context, const char *broken)
{
	struct stage *s = context;
	assert_null(broken);
	s->closed = true;
}

static const struct channel_handler other_handler = {other_state, other_said, other_closed};

static void connect_it(struct stage *s)
{
	int ends[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	channel_free(&s->other);
	s->closed = false;
	s->other = channel_new(s->program.loop, &any_resolve, FRAME_B, ends[0], &other_handler, s);
	resolve_client_connect(s->client, ends[1]);
}

static void open_stage(struct stage *s)
{
	memset(s, 0, sizeof *s);
	s->program.loop = loop_new();
	s->client = resolve_client_new(&s->program);
}

static void turn(struct stage *s)
{
	for (int i = 0; i < 4; i++)
		loop_turn(s->program.loop, 2);
}

static void close_stage(struct stage *s)
{
	channel_free(&s->other);
	turn(s);
	resolve_client_free(&s->client);
	loop_free(&s->program.loop);
}

/* --- the asker ---------------------------------------------------------------------------- */

struct asked {
	struct resolve_question question;
	unsigned answers;
	enum lookup_outcome outcome;
	char text[200];
	struct resolve_client *again; /* asks again from inside */
};

static void answered(struct resolve_question *q, const struct resolve_answer *a)
{
	struct asked *asked = q->context;
	struct view text = a->name.name;
	asked->answers++;
	asked->outcome = a->outcome;
	if (a->hosts.count)
		text = a->hosts.hosts[0].name.name;
	if (a->text_count)
		text = a->texts[a->text_count - 1];
	assert_true(view_to_text(text, asked->text, sizeof asked->text));
	assert_int_equal(q->stream, 0);
	if (asked->again)
		(void)!resolve_client_hosts(asked->again, q, VIEW("again.example"));
}

static void prepare(struct asked *a)
{
	memset(a, 0, sizeof *a);
	a->question = (struct resolve_question){.answered = answered, .context = a};
}

static void say_hosts(struct stage *s, enum lookup_outcome outcome, bool with_host)
{
	static const struct ip ip = {{[15] = 1}};
	const struct host host = {
		.name = {VIEW("mx.example")}, .addresses = &ip, .address_count = 1};
	const struct hosts hosts = {.hosts = &host, .count = with_host};
	struct buffer b = buffer_new(HOSTS_PACKED_MAX);
	if (outcome == LOOKUP_OK)
		hosts_add(&b, &hosts);
	channel_say(s->other, RESOLVE_HOSTS_ARE, s->stream, frame_number((uint64_t)outcome),
		frame_bytes(buffer_view(&b)), frame_bytes(VIEW("why")));
	buffer_free(&b);
}

/* Protects: each question has its answer, once. */
static void answers(void **state)
{
	(void)state;
	struct stage s;
	struct asked a;
	const struct ip ip = {{[15] = 1}};
	open_stage(&s);
	prepare(&a);
	connect_it(&s);
	assert_true(resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
	turn(&s);
	assert_int_equal(s.code, RESOLVE_HOSTS);
	assert_int_equal(a.answers, 0);
	say_hosts(&s, LOOKUP_OK, true);
	turn(&s);
	assert_int_equal(a.answers, 1);
	assert_string_equal(a.text, "mx.example");
	assert_true(resolve_client_addresses(s.client, &a.question, VIEW("example.org"), 587));
	turn(&s);
	assert_int_equal(s.code, RESOLVE_ADDRESSES);
	say_hosts(&s, LOOKUP_NULL_MX, false);
	turn(&s);
	assert_int_equal(a.outcome, LOOKUP_NULL_MX);
	assert_true(resolve_client_name(s.client, &a.question, &ip));
	turn(&s);
	assert_int_equal(s.code, RESOLVE_CLIENT);
	channel_say(s.other, RESOLVE_CLIENT_IS, s.stream, frame_number(LOOKUP_OK),
		frame_bytes(VIEW("client.example")));
	turn(&s);
	assert_string_equal(a.text, "client.example");
	assert_true(resolve_client_texts(s.client, &a.question, VIEW("example.org")));
	turn(&s);
	assert_int_equal(s.code, RESOLVE_TEXTS);
	channel_say(s.other, RESOLVE_TEXTS_ARE, s.stream, frame_number(LOOKUP_OK), frame_number(1),
		frame_bytes(VIEW("\1\0\0\0a\2\0\0\0bc")), frame_bytes(VIEW_NONE));
	turn(&s);
	assert_string_equal(a.text, "bc");
	assert_int_equal(a.answers, 4);
	assert_false(s.closed);
	close_stage(&s);
}

/* Protects: while nobody is there, and when he goes, the answer is "temporary", and never none. */
static void down(void **state)
{
	(void)state;
	struct stage s;
	struct asked a, b;
	open_stage(&s);
	prepare(&a);
	prepare(&b);
	assert_false(resolve_client_is_up(s.client));
	assert_false(resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
	connect_it(&s);
	assert_true(resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
	assert_true(resolve_client_hosts(s.client, &b.question, VIEW("example.net")));
	a.again = s.client; /* it is not there any more when asked from inside */
	turn(&s);
	channel_free(&s.other);
	turn(&s);
	assert_int_equal(a.answers, 1);
	assert_int_equal(b.answers, 1);
	assert_int_equal(a.outcome, LOOKUP_TEMPORARY);
	a.again = NULL;
	connect_it(&s);
	assert_true(resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
	connect_it(&s); /* a fresh end while the old one stands */
	assert_int_equal(a.answers, 2);
	close_stage(&s);
}

/* Protects: who forgets is not told, and the number is not used for another meanwhile. */
static void forgotten(void **state)
{
	(void)state;
	struct stage s;
	struct asked a, b;
	open_stage(&s);
	prepare(&a);
	prepare(&b);
	connect_it(&s);
	assert_true(resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
	turn(&s);
	const uint32_t stream = s.stream;
	resolve_client_forget(s.client, &a.question);
	resolve_client_forget(s.client, &a.question);
	assert_true(resolve_client_hosts(s.client, &b.question, VIEW("example.net")));
	turn(&s);
	assert_int_not_equal(s.stream, stream);
	s.stream = stream;
	say_hosts(&s, LOOKUP_OK, true);
	turn(&s);
	assert_int_equal(a.answers, 0);
	assert_int_equal(b.answers, 0);
	assert_false(s.closed);
	resolve_client_forget(s.client, &b.question);
	close_stage(&s);
	assert_int_equal(b.answers, 0);
}

/* Protects: an answer that does not hold together is not passed on, and closes the channel (STYLE §5). */
static void untrue(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++) {
		struct stage s;
		struct asked a;
		const struct ip ip = {{[15] = 1}};
		open_stage(&s);
		prepare(&a);
		connect_it(&s);
		if (i < 4)
			assert_true(
				resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
		else if (i < 7)
			assert_true(resolve_client_name(s.client, &a.question, &ip));
		else
			assert_true(
				resolve_client_texts(s.client, &a.question, VIEW("example.org")));
		turn(&s);
		if (i == 0)
			say_hosts(&s, LOOKUP_OK, false); /* found, but none */
		if (i == 1)
			channel_say(s.other, RESOLVE_HOSTS_ARE, s.stream, frame_number(LOOKUP_OK),
				frame_bytes(VIEW("\1\0\0")), frame_bytes(VIEW_NONE));
		if (i == 2)
			channel_say(s.other, RESOLVE_HOSTS_ARE, s.stream,
				frame_number(LOOKUP_NOTHING), frame_bytes(VIEW("x")),
				frame_bytes(VIEW_NONE));
		if (i == 3)
			channel_say(s.other, RESOLVE_HOSTS_ARE, s.stream,
				frame_number(LOOKUP_NOTHING), frame_bytes(VIEW_NONE),
				frame_bytes(VIEW("two\nlines")));
		if (i == 4)
			channel_say(s.other, RESOLVE_CLIENT_IS, s.stream, frame_number(LOOKUP_OK),
				frame_bytes(VIEW("not a name")));
		if (i == 5)
			channel_say(s.other, RESOLVE_CLIENT_IS, s.stream,
				frame_number(LOOKUP_NOTHING), frame_bytes(VIEW("a.example")));
		if (i == 6)
			say_hosts(&s, LOOKUP_OK, true); /* the answer to another question */
		if (i == 7)
			channel_say(s.other, RESOLVE_TEXTS_ARE, s.stream, frame_number(LOOKUP_OK),
				frame_number(0), frame_bytes(VIEW("\5\0\0\0a")),
				frame_bytes(VIEW_NONE));
		if (i == 8)
			channel_say(s.other, RESOLVE_TEXTS_ARE, s.stream, frame_number(LOOKUP_OK),
				frame_number(0), frame_bytes(VIEW_NONE), frame_bytes(VIEW_NONE));
		turn(&s);
		if (!s.closed || a.answers != 1 || a.outcome != LOOKUP_TEMPORARY)
			fail_msg("case %d: closed %d, answers %u", i, s.closed, a.answers);
		close_stage(&s);
	}
}

/* Protects: the end of an asker while an answer is still to come that nobody wants. */
static void freed(void **state)
{
	(void)state;
	struct stage s;
	struct asked a;
	open_stage(&s);
	prepare(&a);
	connect_it(&s);
	assert_true(resolve_client_hosts(s.client, &a.question, VIEW("example.org")));
	resolve_client_forget(s.client, &a.question);
	resolve_client_free(&s.client);
	close_stage(&s);
	assert_int_equal(a.answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(down),
		cmocka_unit_test(forgotten), cmocka_unit_test(untrue), cmocka_unit_test(freed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
