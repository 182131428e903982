#include "faces/fetch/fetchd.h"

/* A question of relay's. */
struct asked {
	struct fetchd *fetchd;
	uint32_t stream;
	struct policy_question question;
};

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct fetchd *d = context;
	return streams_get(&d->questions, stream) ? FETCH_STATE_ASKED : FETCH_STATE_IDLE;
}

static void answer(struct fetchd *d, uint32_t stream, const struct policy_answer *a)
{
	channel_say(d->relay, FETCH_POLICY_IS, stream, frame_number(a->outcome),
		frame_bytes(a->packed), frame_bytes(a->id),
		frame_bytes(view_first(view_text(a->why ? a->why : ""), FETCH_WHY_MAX)));
}

static void answered(struct policy_question *q, const struct policy_answer *a)
{
	struct asked *asked = q->context;
	struct fetchd *d = asked->fetchd;
	streams_take(&d->questions, asked->stream);
	answer(d, asked->stream, a);
	memory_free(asked);
}

static void said(void *context, const struct frame *frame)
{
	static const struct policy_answer busy = {
		.outcome = FETCH_UNKNOWN, .why = "too many policies are looked up just now"};
	struct fetchd *d = context;
	struct asked *asked = memory_new(1, sizeof *asked);
	*asked = (struct asked){.fetchd = d,
		.stream = frame->stream,
		.question = {.answered = answered, .context = asked}};
	if (streams_put(&d->questions, frame->stream, asked) != ERROR_NONE) {
		memory_free(asked);
		answer(d, frame->stream, &busy);
		return;
	}
	policy_ask(d, &asked->question, frame->values[0].bytes);
}

static void drop(void *context, uint32_t stream, void *item)
{
	struct fetchd *d = context;
	struct asked *asked = item;
	streams_take(&d->questions, stream);
	policy_forget(&asked->question);
	memory_free(asked);
}

void server_end(struct fetchd *d)
{
	channel_free(&d->relay);
	streams_each(&d->questions, drop, d);
}

static void closed(void *context, const char *broken)
{
	struct fetchd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_RELAY, 0, broken);
	server_end(d);
}

static const struct channel_handler handler = {state_of, said, closed};

void server_connect(struct fetchd *d, int fd)
{
	server_end(d);
	d->questions.max = QUESTIONS_MAX;
	d->relay = channel_new(d->program->loop, &relay_fetch, FRAME_B, fd, &handler, d);
}
