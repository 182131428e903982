#include "../config/suite.h"

#include "keeper_ends.h"

#include <sys/socket.h>

static uint32_t any_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return UINT32_MAX;
}

static void heard(void *context, const struct frame *frame)
{
	struct end *end = context;
	assert_true(end->count < SAID_MAX);
	struct said *said = &end->said[end->count++];
	*said = (struct said){frame->row->code, frame->stream, frame->values[0].number,
		frame->values[1].number, {0}, 0};
	for (size_t i = 0; i < FRAME_FIELDS && frame->row->fields[i].name; i++) {
		const struct view v = view_first(frame->values[i].bytes, OCTETS_MAX - 1);
		if (frame->row->fields[i].kind != FRAME_BYTES)
			continue;
		must(view_copy(v, said->octets, OCTETS_MAX));
		said->length = v.length;
	}
}

static void ended(void *context, const char *broken)
{
	struct end *end = context;
	assert_null(broken); /* the keeper says what its table does not allow */
	end->gone = true;
	channel_free(&end->channel);
}

int end_connect(struct end *end, struct loop *loop, const struct frame_protocol *protocol,
	enum frame_side ours)
{
	static const struct channel_handler handler = {any_state, heard, ended};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	channel_free(&end->channel);
	end->loop = loop;
	end->count = 0;
	end->gone = false;
	end->channel = channel_new(loop, protocol, ours, fds[0], &handler, end);
	return fds[1];
}

void let_run(struct loop *loop)
{
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 2);
}

struct said hear(struct end *end, uint16_t code)
{
	for (int i = 0; i < 3000; i++) {
		while (end->count) {
			const struct said first = end->said[0];
			memmove(end->said, end->said + 1, --end->count * sizeof first);
			if (first.code == code)
				return first;
		}
		loop_turn(end->loop, 10);
	}
	fail_msg("code %u was not heard", code);
	return (struct said){0};
}
