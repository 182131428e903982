#include "keepers/mailbox/mailboxd.h"

/* One question about one mailbox; it stays until its answer, as the table wants it. */
struct question {
	struct question *next; /* of those not asked yet */
	struct visit *visit; /* null: does not wait any more */
	uint32_t number; /* 0: not asked */
	uint64_t since_ms; /* monotonic */
	bool sync;
};

static uint32_t state_of(void *context, uint32_t stream)
{
	struct mailboxd *d = context;
	return streams_get(&d->questions, stream) ? SETTLE_STATE_ASKED : SETTLE_STATE_IDLE;
}

static void answer(struct question *q, enum error error)
{
	struct visit *v = q->visit;
	memory_free(q);
	if (!v)
		return;
	v->question = NULL;
	visit_settled(v, error);
}

static void said(void *context, const struct frame *frame)
{
	struct mailboxd *d = context;
	answer(streams_take(&d->questions, frame->stream), (enum error)frame->values[0].number);
}

static void put_unasked(struct mailboxd *d, struct question *q)
{
	q->number = 0;
	q->next = d->unasked;
	d->unasked = q;
}

static void ask(struct mailboxd *d, struct question *q)
{
	do
		q->number = ++d->last_question;
	while (q->number == 0 || streams_get(&d->questions, q->number));
	if (!channel_is_open(d->deliver) ||
		streams_put(&d->questions, q->number, q) != ERROR_NONE) {
		put_unasked(d, q);
		return;
	}
	channel_say(d->deliver, SETTLE_ASK, q->number, frame_bytes(q->visit->place.mailbox),
		frame_number(q->sync));
}

/* Asks all of the list; what cannot be asked is in the new one. */
static void ask_again(struct mailboxd *d)
{
	struct question *q = d->unasked;
	d->unasked = NULL;
	while (q) {
		struct question *next = q->next;
		if (q->visit)
			ask(d, q);
		else
			memory_free(q);
		q = next;
	}
}

void settle_ask(struct visit *v, bool sync)
{
	must(!v->question);
	struct question *q = memory_new(1, sizeof *q);
	*q = (struct question){
		.visit = v, .sync = sync, .since_ms = loop_now_ms(v->mailboxd->program->loop)};
	v->question = q;
	ask(v->mailboxd, q);
}

void settle_forget(struct visit *v)
{
	if (v->question)
		v->question->visit = NULL;
	v->question = NULL;
}

/* deliver is away for too long, or a question is not needed any more. */
void settle_tick(struct mailboxd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct question *q = d->unasked;
	d->unasked = NULL;
	while (q) {
		struct question *next = q->next;
		if (!q->visit || now_ms - q->since_ms > DELIVER_AWAY_MS) {
			answer(q, ERROR_CLOSED);
		} else {
			q->next = d->unasked;
			d->unasked = q;
		}
		q = next;
	}
	if (channel_is_open(d->deliver))
		ask_again(d);
}

/* --- the channel -------------------------------------------------------------------------- */

static void back(void *context, uint32_t number, void *item)
{
	struct mailboxd *d = context;
	struct question *q = item;
	streams_take(&d->questions, number);
	q->since_ms = loop_now_ms(d->program->loop);
	put_unasked(d, q);
}

static void closed(void *context, const char *broken)
{
	struct mailboxd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_DELIVER, 0, broken);
	channel_free(&d->deliver);
	streams_each(&d->questions, back, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void settle_connect(struct mailboxd *d, int fd)
{
	if (d->deliver)
		closed(d, NULL);
	d->deliver = channel_new(d->program->loop, &mailbox_deliver, FRAME_A, fd, &handler, d);
	ask_again(d);
}
