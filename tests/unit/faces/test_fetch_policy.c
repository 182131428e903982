/* faces/fetch: the domains that are remembered have a bound, the one longest not asked for goes first, who is waited for stays; who
 * asked may go; what has been kept for a while is looked at by itself. The test is resolve and the gate. */
#include "faces/fetch/fetchd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/text.h"

struct end {
	struct channel *channel;
	unsigned asked;
	bool answers; /* at once: no record, or one with its host; the row, when there is one */
};

static struct stage {
	struct program program;
	struct fetchd *fetchd;
	struct end resolve, gate;
	struct buffer row;
	bool has_record;
	unsigned answered;
	struct policy_answer last;
	struct policy_question questions[DOMAINS_MAX + 2];
} s;

static uint32_t any_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return UINT32_MAX;
}

static void say_record(struct end *end, const struct frame *frame)
{
	static const struct view record = VIEW("\x0d\0\0\0v=STSv1; id=1");
	const struct ip address = {{[15] = 1}};
	const struct host host = {.addresses = &address, .address_count = 1};
	const struct hosts hosts = {.hosts = &host, .count = 1};
	struct buffer packed = buffer_new(HOSTS_PACKED_MAX);
	hosts_add(&packed, &hosts);
	if (frame->row->code == RESOLVE_TEXTS)
		channel_say(end->channel, RESOLVE_TEXTS_ARE, frame->stream, frame_number(LOOKUP_OK),
			frame_number(0), frame_bytes(record), frame_bytes(VIEW_NONE));
	else
		channel_say(end->channel, RESOLVE_HOSTS_ARE, frame->stream, frame_number(LOOKUP_OK),
			frame_bytes(buffer_view(&packed)), frame_bytes(VIEW_NONE));
	buffer_free(&packed);
}

static void heard(void *context, const struct frame *frame)
{
	struct end *end = context;
	end->asked++;
	if (!end->answers)
		return;
	if (end == &s.resolve && s.has_record)
		say_record(end, frame);
	else if (end == &s.resolve)
		channel_say(end->channel, RESOLVE_TEXTS_ARE, frame->stream,
			frame_number(LOOKUP_NOTHING), frame_number(0), frame_bytes(VIEW_NONE),
			frame_bytes(VIEW_NONE));
	else if (s.row.length)
		channel_say(end->channel, GATE_ROW, frame->stream, frame_bytes(buffer_view(&s.row)),
			frame_number(2000));
	else
		channel_say(end->channel, GATE_NONE, frame->stream);
}

static void closed(void *context, const char *broken)
{
	(void)context;
	assert_null(broken);
}

static int connect_end(struct end *end, const struct frame_protocol *protocol)
{
	static const struct channel_handler handler = {any_state, heard, closed};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	end->channel = channel_new(s.program.loop, protocol, FRAME_B, fds[0], &handler, end);
	return fds[1];
}

static int set_up(void **state)
{
	(void)state;
	s = (struct stage){.row = buffer_new(POLICY_ROW_MAX)};
	s.program.loop = loop_new();
	s.fetchd = fetchd_new(&s.program);
	s.program.state = s.fetchd;
	fetchd_warm(s.fetchd, VIEW_NONE);
	fetchd_go(s.fetchd);
	resolve_client_connect(s.fetchd->resolve, connect_end(&s.resolve, &any_resolve));
	gate_client_connect(&s.fetchd->gate, s.program.loop, connect_end(&s.gate, &any_gate));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	channel_free(&s.resolve.channel);
	channel_free(&s.gate.channel);
	for (int i = 0; i < 10; i++)
		loop_turn(s.program.loop, 2);
	if (s.fetchd)
		fetchd_free(&s.fetchd);
	buffer_free(&s.row);
	loop_free(&s.program.loop);
	return 0;
}

static void answered(struct policy_question *q, const struct policy_answer *answer)
{
	(void)q;
	s.answered++;
	s.last = *answer;
}

static void ask(unsigned i)
{
	struct buffer name = buffer_new(64);
	text_add(&name, "d{}.example", text_number(i));
	s.questions[i].answered = answered;
	policy_ask(s.fetchd, &s.questions[i], buffer_view(&name));
	buffer_free(&name);
	loop_turn(s.program.loop, 0);
}

static void wait_for(const unsigned *count, unsigned what)
{
	for (int i = 0; i < 1000 && *count < what; i++)
		loop_turn(s.program.loop, 10);
	assert_int_equal(*count, what);
}

static void who_is_waited_for_stays(void **state)
{
	/* A full house in which all are under way has no place; one that is answered makes room. */
	(void)state;
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		ask(i);
	assert_int_equal(s.answered, 0);
	ask(DOMAINS_MAX);
	assert_int_equal(s.answered, 1);
	assert_int_equal(s.last.outcome, FETCH_UNKNOWN);
	assert_int_equal(s.fetchd->domains, DOMAINS_MAX);
	/* resolve and the gate die: all are answered */
	channel_free(&s.gate.channel);
	channel_free(&s.resolve.channel);
	wait_for(&s.answered, DOMAINS_MAX + 1);
	ask(DOMAINS_MAX + 1);
	assert_int_equal(s.answered, DOMAINS_MAX + 2);
	assert_int_equal(s.fetchd->domains, DOMAINS_MAX);
}

static void who_asked_may_go(void **state)
{
	static const char words[] = "policy\0d0.example";
	(void)state;
	fetchd_command(&s.program, 7, view_of((const uint8_t *)words, sizeof words - 1));
	assert_non_null(s.fetchd->operators);
	fetchd_cancel(&s.program, 8);
	assert_non_null(s.fetchd->operators);
	fetchd_cancel(&s.program, 7);
	assert_null(s.fetchd->operators);
	s.resolve.answers = s.gate.answers = true;
	ask(0); /* beside what is under way */
	ask(1);
	wait_for(&s.answered, 1);
}

static void what_is_kept_is_looked_at_by_itself(void **state)
{
	/* At half of its time: here that is a second. */
	static const struct view mx[] = {VIEW("mx.example")};
	const struct sts_policy policy = {STS_MODE_ENFORCE, 2, mx, 1};
	(void)state;
	policy_row_add(&s.row, VIEW("1"), &policy);
	s.resolve.answers = s.gate.answers = true;
	ask(0);
	wait_for(&s.answered, 1);
	assert_int_equal(s.last.outcome, FETCH_FOUND);
	assert_int_equal(s.gate.asked, 1);
	for (int i = 0; i < 1000 && s.gate.asked == 1; i++) {
		loop_turn(s.program.loop, 10);
		policy_tick(s.fetchd);
	}
	assert_int_equal(s.gate.asked, 2);
}

static void the_end_while_policies_are_fetched(void **state)
{
	(void)state;
	s.has_record = s.resolve.answers = s.gate.answers = true;
	for (unsigned i = 0; i < 3; i++)
		ask(i);
	for (int i = 0; i < 1000 && web_count(s.fetchd->web) == 0; i++)
		loop_turn(s.program.loop, 10);
	assert_true(web_count(s.fetchd->web) > 0);
	for (unsigned i = 0; i < 3; i++)
		policy_forget(&s.questions[i]);
	assert_int_equal(s.answered, 0);
	fetchd_free(&s.fetchd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(who_is_waited_for_stays),
		CASE(who_asked_may_go),
		CASE(what_is_kept_is_looked_at_by_itself),
		CASE(the_end_while_policies_are_fetched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
