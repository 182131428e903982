#include "channels/gate_client.h"

/* Stands for a question whose answer nobody waits for. */
static struct gate_question nobody;

static uint32_t state_of(void *context, uint32_t stream)
{
	struct gate_client *g = context;
	return streams_get(&g->questions, stream) ? GATE_STATE_ASKED : GATE_STATE_IDLE;
}

static void tell(struct gate_client *g, uint32_t stream, const struct gate_answer *answer)
{
	struct gate_question *q = streams_take(&g->questions, stream);
	if (!q || q == &nobody)
		return;
	q->stream = 0;
	q->answered(q, answer);
}

static void said(void *context, const struct frame *frame)
{
	struct gate_answer answer = {0};
	switch ((enum any_gate_code)frame->row->code) {
	case GATE_ROW:
		answer.found = true;
		answer.facts = frame->values[0].bytes;
		answer.left_ms = frame->values[1].number;
		break;
	case GATE_NONE:
		break;
	case GATE_COUNTED:
		answer.count = frame->values[0].number;
		break;
	case GATE_FAILED:
	case GATE_LOOKUP:
	case GATE_OPEN:
	case GATE_CLAIM:
	case GATE_CHANGE:
	case GATE_TOUCH:
	case GATE_CLOSE:
	case GATE_COUNT:
	case GATE_CODES:
		answer.failed = true;
	}
	tell(context, frame->stream, &answer);
}

static void fail_one(void *context, uint32_t stream, void *item)
{
	const struct gate_answer answer = {.failed = true};
	(void)item;
	tell(context, stream, &answer);
}

static void closed(void *context, const char *why)
{
	struct gate_client *g = context;
	if (why && g->broken)
		g->broken(g->context, why);
	channel_free(&g->channel);
	streams_each(&g->questions, fail_one, g);
}

void gate_client_connect(struct gate_client *g, struct loop *loop, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	if (g->channel)
		closed(g, NULL);
	g->questions.max = GATE_QUESTIONS_MAX;
	g->channel = channel_new(loop, &any_gate, FRAME_A, fd, &handler, g);
}

bool gate_client_is_up(const struct gate_client *g)
{
	return channel_is_open(g->channel);
}

bool gate_client_ask(struct gate_client *g, struct gate_question *q, enum any_gate_code code,
	const struct frame_value *values)
{
	if (!gate_client_is_up(g))
		return false;
	do
		g->last_stream++;
	while (g->last_stream == 0 || streams_get(&g->questions, g->last_stream));
	if (streams_put(&g->questions, g->last_stream, q) != ERROR_NONE)
		return false;
	if (q != &nobody)
		q->stream = g->last_stream;
	channel_send(g->channel, code, g->last_stream, values);
	return true;
}

void gate_client_tell(
	struct gate_client *g, enum any_gate_code code, const struct frame_value *values)
{
	(void)!gate_client_ask(g, &nobody, code, values);
}

void gate_client_forget(struct gate_client *g, struct gate_question *q)
{
	if (q->stream == 0)
		return;
	/* the answer will come all the same */
	const uint32_t stream = q->stream;
	q->stream = 0;
	if (streams_take(&g->questions, stream))
		(void)!streams_put(&g->questions, stream, &nobody);
}
