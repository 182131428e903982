/*
 * In the place of relay: a next host, seen through the channel (channels/spool_relay.h). It takes mail, puts it off,
 * refuses it, is away, or takes it and dies before it says so (RFC 1047). The world keeps what it has taken, for the
 * judge. relay itself is tested beside real hosts: its sockets have no script.
 */
#include "world.h"

#include "base/channel.h"
#include "base/streams.h"
#include "channels/spool_relay.h"
#include "mail/envelope.h"

#define STREAMS_MAX 8192u
#define CONTENT_MAX ((size_t)4 << 20)

struct relayed {
	uint32_t state;
	uint64_t size;
	struct buffer recipients; /* packed departures */
	struct buffer content;
};

struct next_host {
	struct actor *actor;
	struct channel *spool;
	struct streams streams;
};

static void end(struct next_host *h, uint32_t number)
{
	struct relayed *r = streams_take(&h->streams, number);
	if (!r)
		return;
	buffer_free(&r->recipients);
	buffer_free(&r->content);
	memory_free(r);
}

/* --- what becomes of a mail ------------------------------------------------------------------ */

static enum relay_outcome choose(struct world *w)
{
	const uint64_t n = w->is_quiet ? 0 : world_draw(w, 20);
	if (n < 12)
		return RELAY_SENT;
	if (n < 15)
		return RELAY_DEFERRED;
	if (n < 17)
		return RELAY_HELD;
	return n < 18 ? RELAY_AGAIN : RELAY_REFUSED;
}

static void result(
	struct next_host *h, uint32_t stream, uint32_t recipient, enum relay_outcome outcome)
{
	const bool is_well = outcome == RELAY_SENT || outcome == RELAY_AGAIN;
	channel_say(h->spool, RELAY_RESULT, stream, frame_number(recipient), frame_number(outcome),
		frame_bytes(outcome == RELAY_REFUSED ? VIEW("5.1.1")
			    : is_well		     ? VIEW_NONE
						     : VIEW("4.2.1")),
		frame_bytes(VIEW("mx.other.test")), frame_bytes(VIEW("203.0.113.5")),
		frame_bytes(is_well ? VIEW("250 ok") : VIEW("550 no, or not now")),
		frame_bytes(VIEW_NONE));
}

static void finish(struct next_host *h, uint32_t stream, enum relay_outcome outcome)
{
	channel_say(h->spool, RELAY_FINISHED, stream,
		frame_number(outcome == RELAY_HELD ? RELAY_FAILS : RELAY_WORKS),
		frame_bytes(outcome == RELAY_HELD ? VIEW("it is away") : VIEW_NONE));
}

/* True: all is said. */
static bool settle(struct next_host *h, uint32_t stream, const struct relayed *r, bool is_whole)
{
	struct world *w = h->actor->world;
	const enum relay_outcome outcome = is_whole ? choose(w) : RELAY_HELD;
	struct cursor c = cursor_of(buffer_view(&r->recipients));
	struct envelope_departure d;
	world_say(w, "next host: stream %u, outcome %d, whole %d", stream, (int)outcome, is_whole);
	if (is_whole && !w->is_quiet && !w->is_healing && world_draw(w, 30) == 0) {
		while (envelope_departure_next(&c, &d))
			judge_relayed(w, d.forward_path, buffer_view(&r->content));
		h->actor->is_doomed = true; /* and says nothing of it */
		return false;
	}
	while (envelope_departure_next(&c, &d)) {
		if (outcome == RELAY_SENT)
			judge_relayed(w, d.forward_path, buffer_view(&r->content));
		result(h, stream, d.index, outcome);
	}
	finish(h, stream, outcome);
	return true;
}

/* --- the channel ----------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t number)
{
	struct next_host *h = context;
	const struct relayed *r = streams_get(&h->streams, number);
	return r ? r->state : RELAY_STATE_IDLE;
}

static void begin(struct next_host *h, const struct frame *frame)
{
	struct relayed *r = memory_new(1, sizeof *r);
	*r = (struct relayed){.state = RELAY_STATE_SENDING,
		.size = frame->values[1].number,
		.recipients = buffer_new(CONTENT_MAX),
		.content = buffer_new(CONTENT_MAX)};
	buffer_add(&r->recipients, frame->values[5].bytes);
	must(streams_put(&h->streams, frame->stream, r) == ERROR_NONE);
	if (r->size > RELAY_CREDIT_FIRST)
		channel_say(
			h->spool, RELAY_CREDIT, frame->stream, frame_number(RELAY_CREDIT_LARGE));
}

static void said(void *context, const struct frame *frame)
{
	struct next_host *h = context;
	struct relayed *r = streams_get(&h->streams, frame->stream);
	switch ((enum spool_relay_code)frame->row->code) {
	case RELAY_BEGIN:
		begin(h, frame);
		return;
	case RELAY_CONTENT:
		buffer_add(&r->content, frame->values[0].bytes);
		if (r->size > RELAY_CREDIT_FIRST)
			channel_say(h->spool, RELAY_CREDIT, frame->stream,
				frame_number(frame->values[0].bytes.length));
		return;
	case RELAY_END:
		r->state = RELAY_STATE_SENT;
		if (settle(h, frame->stream, r, frame->values[0].number))
			end(h, frame->stream);
		return;
	case RELAY_CREDIT:
	case RELAY_RESULT:
	case RELAY_FINISHED:
	case RELAY_CODES:
		return;
	}
}

static void end_one(void *context, uint32_t number, void *item)
{
	(void)item;
	end(context, number);
}

static void closed(void *context, const char *broken)
{
	struct next_host *h = context;
	if (broken)
		program_peer_broken(&h->actor->program, PROGRAM_SPOOL, 0, broken);
	channel_free(&h->spool);
	streams_each(&h->streams, end_one, h);
}

static bool start(struct actor *a)
{
	struct next_host *h = memory_new(1, sizeof *h);
	*h = (struct next_host){.actor = a, .streams = streams_new(STREAMS_MAX)};
	a->self = h;
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	struct next_host *h = a->self;
	(void)peer;
	(void)worker;
	if (h->spool)
		closed(h, NULL);
	h->spool = channel_new(a->program.loop, &spool_relay, FRAME_B, fd, &handler, h);
}

const struct actor_kind actor_relay = {PROGRAM_RELAY, start, connect_peer};
