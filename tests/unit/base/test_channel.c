/* base/channel: an end that does not read what it is told cannot make the other end grow. */
#include "base/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_OCTETS 60000u

enum { ASK, ANSWER, CODES };

static const struct frame_row rows[CODES] = {
	[ASK] = {"ask", ASK, FRAME_A, false, 1, {{0}}},
	[ANSWER] = {"answer", ANSWER, FRAME_B, false, 1, {{"octets", FRAME_BYTES, ANSWER_OCTETS}}},
};
static const struct frame_protocol protocol = {"test", rows, CODES};

struct stage {
	struct loop *loop;
	struct channel *asker;
	struct channel *answerer;
	int raw; /* the asker's end when it is no channel */
	uint64_t asked;
	uint64_t answered;
	size_t worst;
	const char *why;
};

static uint8_t octets[ANSWER_OCTETS];

static uint32_t state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return 1;
}

static void said(void *context, const struct frame *frame)
{
	struct stage *s = context;
	if (frame->row->code == ANSWER) {
		s->answered++;
		return;
	}
	s->asked++;
	channel_say(
		s->answerer, ANSWER, frame->stream, frame_bytes(view_of(octets, sizeof octets)));
	if (channel_backlog(s->answerer) > s->worst)
		s->worst = channel_backlog(s->answerer);
}

static void closed(void *context, const char *broken)
{
	struct stage *s = context;
	s->why = broken;
	channel_free(&s->answerer);
}

static const struct channel_handler handler = {state, said, closed};

static void begin(struct stage *s)
{
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*s = (struct stage){.loop = loop_new(), .raw = fds[0]};
	s->answerer = channel_new(s->loop, &protocol, FRAME_B, fds[1], &handler, s);
}

/* `count` questions, of which as many go out as the other end reads; how many. */
static unsigned ask(struct stage *s, unsigned count)
{
	struct buffer b = buffer_new(1u << 20);
	unsigned sent = 0;
	frame_add(&b, &protocol, ASK, 1, NULL);
	for (unsigned turn = 0; sent < count && turn < 2000; turn++) {
		while (sent < count && write(s->raw, b.data, b.length) == (ssize_t)b.length)
			sent++;
		loop_turn(s->loop, 0);
	}
	buffer_free(&b);
	return sent;
}

/* Protects: who asks and does not read is not read from; what he asked is answered once he does. */
static void test_not_read_not_heard(void **state_)
{
	(void)state_;
	struct stage s;
	begin(&s);
	const unsigned sent = ask(&s, 20000);
	assert_true(s.asked < sent);
	assert_true(s.worst > CHANNEL_BACKLOG_HIGH);
	assert_true(s.worst < CHANNEL_BACKLOG_HIGH + 2 * ANSWER_OCTETS);
	s.asker = channel_new(s.loop, &protocol, FRAME_A, s.raw, &handler, &s);
	for (int i = 0; i < 200000 && s.answered < sent; i++)
		loop_turn(s.loop, 1);
	assert_int_equal(s.answered, sent);
	assert_int_equal(s.asked, sent);
	assert_null(s.why);
	channel_free(&s.asker);
	channel_free(&s.answerer);
	loop_free(&s.loop);
}

/* Protects: at the end of the backlog the channel is closed; nobody dies and nothing more is kept. */
static void test_overrun_closes(void **state_)
{
	(void)state_;
	struct stage s;
	begin(&s);
	size_t kept = 0;
	for (int i = 0; i < 20000 && s.answerer; i++) {
		channel_say(s.answerer, ANSWER, 1, frame_bytes(view_of(octets, sizeof octets)));
		if (channel_backlog(s.answerer) == kept)
			loop_turn(s.loop, 10);
		else
			kept = channel_backlog(s.answerer);
	}
	assert_null(s.answerer);
	assert_string_equal(s.why, "does not read what it is told");
	assert_true(kept > CHANNEL_BACKLOG_MAX && kept < CHANNEL_BACKLOG_MAX + 2 * ANSWER_OCTETS);
	close(s.raw);
	loop_free(&s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_read_not_heard),
		cmocka_unit_test(test_overrun_closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
