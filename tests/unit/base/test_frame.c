#include "base/channel.h"
#include "channels/any_gate.h"
#include "channels/auth_mailbox.h"
#include "channels/command.h"
#include "channels/face_auth.h"
#include "channels/face_keys.h"
#include "channels/mailbox_deliver.h"
#include "channels/parent_program.h"
#include "channels/popd_mailbox.h"
#include "channels/smtpd_spool.h"
#include "channels/spool_deliver.h"
#include "channels/spool_relay.h"
#include "channels/spool_report.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct frame_protocol *const protocols[] = {&any_gate, &auth_mailbox,
	&command_protocol, &face_auth, &face_keys, &mailbox_deliver, &parent_program, &popd_mailbox,
	&smtpd_spool, &spool_deliver, &spool_relay, &spool_report};
#define PROTOCOLS (sizeof protocols / sizeof *protocols)

/* Values at their limits, in buffers that outlive the call. */
static void largest(const struct frame_row *row, uint8_t *octets, struct frame_value *values)
{
	for (size_t i = 0; i < FRAME_FIELDS && row->fields[i].name; i++) {
		values[i] = (struct frame_value){0};
		if (row->fields[i].kind == FRAME_BYTES)
			values[i].bytes = view_of(octets, row->fields[i].max);
		else
			values[i].number = row->fields[i].max;
	}
}

static void each_row_travels_at_its_limits(void **state)
{
	(void)state;
	uint8_t *octets = memory_new(1, 2u << 20);
	for (size_t p = 0; p < PROTOCOLS; p++)
		for (uint16_t code = 0; code < protocols[p]->count; code++) {
			const struct frame_row *row = &protocols[p]->rows[code];
			struct frame_value values[FRAME_FIELDS];
			struct buffer b = buffer_new(8u << 20);
			struct frame_head head;
			struct frame frame;
			assert_int_equal(row->code, code);
			assert_true(row->states != 0);
			largest(row, octets, values);
			frame_add(&b, protocols[p], code, 7, values);
			assert_true(frame_head(buffer_view(&b), &head));
			assert_int_equal(head.stream, 7);
			assert_ptr_equal(frame_row(protocols[p], head.code, row->from), row);
			assert_null(frame_row(protocols[p], head.code, !row->from));
			const struct view fields = view_from(buffer_view(&b), FRAME_HEADER);
			assert_int_equal(head.length, fields.length);
			assert_true(frame_read(row, 7, fields, &frame));
			for (size_t i = 0; i < FRAME_FIELDS && row->fields[i].name; i++)
				if (row->fields[i].kind == FRAME_BYTES)
					assert_true(
						view_equal(frame.values[i].bytes, values[i].bytes));
				else
					assert_int_equal(frame.values[i].number, values[i].number);
			/* one octet less, and one more, are refused */
			if (fields.length)
				assert_false(frame_read(
					row, 7, view_first(fields, fields.length - 1), &frame));
			buffer_add_octet(&b, 0);
			assert_false(frame_read(
				row, 7, view_from(buffer_view(&b), FRAME_HEADER), &frame));
			buffer_free(&b);
		}
	memory_free(octets);
}

static void a_field_past_its_limit_is_refused(void **state)
{
	(void)state;
	for (size_t p = 0; p < PROTOCOLS; p++)
		for (uint16_t code = 0; code < protocols[p]->count; code++) {
			const struct frame_row *row = &protocols[p]->rows[code];
			struct buffer b = buffer_new(64);
			struct frame frame;
			if (!row->fields[0].name || row->fields[0].max >= UINT32_MAX)
				continue;
			if (row->fields[0].kind == FRAME_U64)
				buffer_add_u64(&b, row->fields[0].max + 1);
			else
				buffer_add_u32(&b, (uint32_t)row->fields[0].max + 1);
			assert_false(frame_read(row, 1, buffer_view(&b), &frame));
			buffer_free(&b);
		}
}

static void a_head_that_lies_has_no_row(void **state)
{
	(void)state;
	struct buffer b = buffer_new(64);
	struct frame_head head;
	buffer_add_u32(&b, FRAME_MAX + 1);
	buffer_add_u16(&b, 0);
	buffer_add_u16(&b, 0);
	buffer_add_u32(&b, 1);
	assert_true(frame_head(buffer_view(&b), &head));
	assert_null(frame_row(&smtpd_spool, head.code, FRAME_A));
	assert_false(frame_head(view_first(buffer_view(&b), 11), &head));
	buffer_free(&b);
}

/* --- live --------------------------------------------------------------------------------- */

struct end {
	struct channel *channel;
	struct loop *loop;
	uint32_t state;
	unsigned said;
	unsigned last_code;
	size_t octets;
	unsigned order[8];
	bool closed;
	char why[128];
};

static uint32_t state_of(void *context, uint32_t stream)
{
	(void)stream;
	return ((struct end *)context)->state;
}

static void said(void *context, const struct frame *frame)
{
	struct end *e = context;
	if (e->said < 8)
		e->order[e->said] = frame->row->code;
	e->said++;
	e->last_code = frame->row->code;
	e->octets += frame->values[0].bytes.length;
}

static void closed(void *context, const char *broken)
{
	struct end *e = context;
	e->closed = true;
	snprintf(e->why, sizeof e->why, "%s", broken ? broken : "");
	channel_free(&e->channel);
}

static const struct channel_handler handler = {state_of, said, closed};

struct pair {
	struct loop *loop;
	struct end a;
	struct end b;
	int raw; /* b's descriptor when it is spoken by hand */
};

static void pair_open(struct pair *p, bool both)
{
	int fds[2];
	memset(p, 0, sizeof *p);
	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	p->loop = loop_new();
	p->a.state = p->b.state = RECEIVE_STATE_RECEIVING;
	p->a.channel = channel_new(p->loop, &smtpd_spool, FRAME_A, fds[0], &handler, &p->a);
	p->raw = fds[1];
	if (both)
		p->b.channel = channel_new(p->loop, &smtpd_spool, FRAME_B, fds[1], &handler, &p->b);
}

static void pair_turns(struct pair *p, int turns)
{
	for (int i = 0; i < turns; i++)
		loop_turn(p->loop, 10);
}

static void pair_close(struct pair *p)
{
	channel_free(&p->a.channel);
	channel_free(&p->b.channel);
	loop_free(&p->loop);
}

static void content_arrives_whole_though_the_socket_is_small(void **state)
{
	(void)state;
	struct pair p;
	pair_open(&p, true);
	uint8_t *octets = memory_new(1, RECEIVE_CHUNK_MAX);
	for (int i = 0; i < 100; i++)
		channel_say(p.a.channel, RECEIVE_CONTENT, 1,
			frame_bytes(view_of(octets, RECEIVE_CHUNK_MAX)));
	pair_turns(&p, 400);
	assert_int_equal(p.b.octets, 100 * (size_t)RECEIVE_CHUNK_MAX);
	assert_int_equal(channel_backlog(p.a.channel), 0);
	memory_free(octets);
	pair_close(&p);
}

static void control_overtakes_content_and_nothing_else(void **state)
{
	(void)state;
	struct pair p;
	pair_open(&p, true);
	p.a.state = p.b.state = 15;
	channel_say(p.b.channel, RECEIVE_CREDIT, 1, frame_number(5));
	pair_turns(&p, 3);
	assert_int_equal(p.a.said, 1);
	uint8_t octets[100] = {0};
	channel_say(p.a.channel, RECEIVE_CONTENT, 1, frame_bytes(view_of(octets, 100)));
	channel_say(p.a.channel, RECEIVE_ABORT, 1);
	pair_turns(&p, 3);
	assert_int_equal(p.b.order[0], RECEIVE_CONTENT); /* ABORT is bulk: it stays behind */
	assert_int_equal(p.b.order[1], RECEIVE_ABORT);
	pair_close(&p);
}

static void what_may_not_be_said_closes_the_channel(void **state)
{
	(void)state;
	static const struct {
		uint16_t code;
		uint32_t length;
		const char *why;
	} rows[] = {
		{RECEIVE_BEGIN, 16, "a code that this side may not say"},
		{RECEIVE_CODES, 0, "a code that this side may not say"},
		{RECEIVE_ACCEPTED, 8, "said in a state that does not allow it"},
		{RECEIVE_CREDIT, 3, "fields that do not fit their row"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pair p;
		struct buffer b = buffer_new(64);
		pair_open(&p, false);
		buffer_add_u32(&b, rows[i].length);
		buffer_add_u16(&b, rows[i].code);
		buffer_add_u16(&b, 0);
		buffer_add_u32(&b, 1);
		buffer_add_zeros(&b, rows[i].length);
		assert_int_equal(write(p.raw, b.data, b.length), b.length);
		pair_turns(&p, 3);
		assert_true(p.a.closed);
		assert_string_equal(p.a.why, rows[i].why);
		assert_int_equal(p.a.said, 0);
		buffer_free(&b);
		close(p.raw);
		pair_close(&p);
	}
}

static void the_end_of_the_peer_is_told(void **state)
{
	(void)state;
	struct pair p;
	pair_open(&p, false);
	close(p.raw);
	pair_turns(&p, 3);
	assert_true(p.a.closed);
	assert_string_equal(p.a.why, "");
	assert_false(channel_is_open(p.a.channel));
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_travels_at_its_limits),
		cmocka_unit_test(a_field_past_its_limit_is_refused),
		cmocka_unit_test(a_head_that_lies_has_no_row),
		cmocka_unit_test(content_arrives_whole_though_the_socket_is_small),
		cmocka_unit_test(control_overtakes_content_and_nothing_else),
		cmocka_unit_test(what_may_not_be_said_closes_the_channel),
		cmocka_unit_test(the_end_of_the_peer_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
