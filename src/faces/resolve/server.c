#include "faces/resolve/resolved.h"

/* Another program's end. */
struct peer {
	struct resolved *resolved;
	enum program_id id;
	uint32_t worker;
	struct channel *channel;
	struct streams asks;
	struct peer *next;
};

/* --- answers ------------------------------------------------------------------------------ */

static void answer_hosts(struct channel *c, uint32_t stream, const struct question_result *r)
{
	struct buffer packed = buffer_new(HOSTS_PACKED_MAX);
	if (r->outcome == LOOKUP_OK)
		hosts_add(&packed, &r->hosts);
	must(!buffer_failed(&packed));
	channel_say(c, RESOLVE_HOSTS_ARE, stream, frame_number((uint64_t)r->outcome),
		frame_bytes(buffer_view(&packed)), frame_bytes(r->why));
	buffer_free(&packed);
}

static void answer(struct channel *c, enum any_resolve_code code, uint32_t stream,
	const struct question_result *r)
{
	const struct frame_value outcome = frame_number((uint64_t)r->outcome);
	switch (code) {
	case RESOLVE_HOSTS:
	case RESOLVE_ADDRESSES:
		answer_hosts(c, stream, r);
		return;
	case RESOLVE_CLIENT:
		channel_say(c, RESOLVE_CLIENT_IS, stream, outcome, frame_bytes(r->name));
		return;
	case RESOLVE_TEXTS:
		channel_say(c, RESOLVE_TEXTS_ARE, stream, outcome, frame_number(r->is_secure),
			frame_bytes(r->texts), frame_bytes(r->why));
		return;
	case RESOLVE_HOSTS_ARE:
	case RESOLVE_CLIENT_IS:
	case RESOLVE_TEXTS_ARE:
	case RESOLVE_CODES:
		must(!"an answer is no question");
	}
}

static void answered(struct ask *a, const struct question_result *result)
{
	streams_take(&a->peer->asks, a->stream);
	answer(a->peer->channel, a->code, a->stream, result);
}

/* --- questions ---------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct peer *p = context;
	const struct ask *a = streams_get(&p->asks, stream);
	if (!a)
		return RESOLVE_STATE_IDLE;
	if (a->code == RESOLVE_CLIENT)
		return RESOLVE_STATE_CLIENT;
	return a->code == RESOLVE_TEXTS ? RESOLVE_STATE_TEXTS : RESOLVE_STATE_HOSTS;
}

/* False when it is none that a row could refuse, but is none all the same. */
static bool read_question(const struct frame *frame, struct question_given *given)
{
	const struct frame_value *values = frame->values;
	given->code = (enum any_resolve_code)frame->row->code;
	if (given->code == RESOLVE_CLIENT)
		return values[0].bytes.length == sizeof given->client.octets &&
		       view_copy(
			       values[0].bytes, given->client.octets, sizeof given->client.octets);
	given->name = values[0].bytes;
	if (given->code == RESOLVE_ADDRESSES)
		given->port = (uint16_t)values[1].number;
	return true;
}

static void said(void *context, const struct frame *frame)
{
	static const struct question_result busy = {.outcome = LOOKUP_TEMPORARY,
		.why = VIEW("too many names are being looked up just now")};
	struct peer *p = context;
	struct question_given given = {0};
	if (!read_question(frame, &given)) {
		channel_break(p->channel, "an address of the wrong length");
		return;
	}
	struct ask *a = ask_new(p->resolved, p->id);
	if (!a) {
		answer(p->channel, given.code, frame->stream, &busy);
		return;
	}
	a->peer = p;
	a->stream = frame->stream;
	a->code = given.code;
	must(streams_put(&p->asks, a->stream, a) == ERROR_NONE);
	ask_start(a, &given, answered);
}

/* --- channels ----------------------------------------------------------------------------- */

static void drop_ask(void *context, uint32_t stream, void *item)
{
	struct peer *p = context;
	struct ask *a = item;
	streams_take(&p->asks, stream);
	ask_free(&a);
}

static void leave(struct peer *p)
{
	struct peer **at = &p->resolved->peers;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	streams_each(&p->asks, drop_ask, p);
	streams_free(&p->asks);
	channel_free(&p->channel);
	memory_free(p);
}

static void closed(void *context, const char *broken)
{
	struct peer *p = context;
	if (broken)
		program_peer_broken(p->resolved->program, p->id, p->worker, broken);
	leave(p);
}

static const struct channel_handler handler = {state_of, said, closed};

static struct peer *find(const struct resolved *d, enum program_id id, uint32_t worker)
{
	for (struct peer *p = d->peers; p; p = p->next)
		if (p->id == id && p->worker == worker)
			return p;
	return NULL;
}

void resolved_connect(struct resolved *d, enum program_id id, uint32_t worker, int fd)
{
	struct peer *old = find(d, id, worker);
	if (old)
		leave(old);
	struct peer *p = memory_new(1, sizeof *p);
	*p = (struct peer){.resolved = d,
		.id = id,
		.worker = worker,
		.asks = streams_new(QUESTIONS_MAX),
		.next = d->peers};
	d->peers = p;
	p->channel = channel_new(d->program->loop, &any_resolve, FRAME_B, fd, &handler, p);
}
