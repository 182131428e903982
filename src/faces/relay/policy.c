#include "faces/relay/relay.h"

/* The end of the channel to `fetch`: what the policies of destinations are. */

#define POLICY_MEMORY_MAX (16u << 10)

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct relayd *d = context;
	return streams_get(&d->policies, stream) ? FETCH_STATE_ASKED : FETCH_STATE_IDLE;
}

static void tell(struct relayd *d, uint32_t stream, const struct policy_answer *answer)
{
	struct policy_question *q = streams_take(&d->policies, stream);
	must(q != NULL);
	q->stream = 0;
	q->answered(q, answer);
}

static void said(void *context, const struct frame *frame)
{
	struct relayd *d = context;
	struct arena a = arena_new(POLICY_MEMORY_MAX);
	struct policy_answer answer = {.outcome = (enum fetch_outcome)frame->values[0].number,
		.why = frame->values[3].bytes};
	if (view_is_printable(answer.why, true) &&
		(answer.outcome != FETCH_FOUND ||
			sts_policy_read(frame->values[1].bytes, &a, &answer.policy)))
		tell(d, frame->stream, &answer);
	else
		channel_break(d->fetch, "a policy that does not hold together");
	arena_reset(&a);
}

static void fail_one(void *context, uint32_t stream, void *item)
{
	const struct policy_answer answer = {.outcome = FETCH_UNKNOWN,
		.why = VIEW("the program that fetches policies is restarting")};
	(void)item;
	tell(context, stream, &answer);
}

static void closed(void *context, const char *broken)
{
	struct relayd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_FETCH, 0, broken);
	channel_free(&d->fetch);
	streams_each(&d->policies, fail_one, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void policy_connect(struct relayd *d, int fd)
{
	closed(d, NULL);
	d->fetch = channel_new(d->program->loop, &relay_fetch, FRAME_A, fd, &handler, d);
}

bool policy_ask(struct relayd *d, struct policy_question *q, struct view domain)
{
	if (!channel_is_open(d->fetch) || domain.length > FETCH_NAME_MAX)
		return false;
	do
		d->last_policy++;
	while (d->last_policy == 0 || streams_get(&d->policies, d->last_policy));
	if (streams_put(&d->policies, d->last_policy, q) != ERROR_NONE)
		return false;
	q->stream = d->last_policy;
	channel_say(d->fetch, FETCH_POLICY, q->stream, frame_bytes(domain));
	return true;
}
