#include "faces/relay/relay.h"

static void free_departure(struct departure *p)
{
	struct relayd *d = p->relayd;
	must(p->session == NULL);
	streams_take(&d->departures, p->number);
	destination_drop(&p->destination);
	trouble_free(&p->trouble);
	buffer_free(&p->content);
	arena_reset(&p->hosts_arena);
	arena_reset(&p->arena);
	memory_free(p);
	relayd_check_drained(d);
}

/* --- what is said ------------------------------------------------------------------------- */

void spool_side_want(struct departure *p)
{
	if (p->is_wanted || p->octets <= RELAY_CREDIT_FIRST)
		return;
	p->is_wanted = true;
	channel_say(p->relayd->spool, RELAY_CREDIT, p->number, frame_number(RELAY_CREDIT_LARGE));
}

void spool_side_passed(struct departure *p, size_t octets)
{
	p->taken += octets;
	if (!p->is_wanted || p->ended || p->taken < RELAY_CHUNK_MAX)
		return;
	channel_say(p->relayd->spool, RELAY_CREDIT, p->number, frame_number(p->taken));
	p->taken = 0;
}

void spool_side_result(
	struct departure *p, uint32_t index, enum relay_outcome outcome, const struct trouble *t)
{
	channel_say(p->relayd->spool, RELAY_RESULT, p->number, frame_number(p->indices[index]),
		frame_number(outcome), frame_bytes(view_first(t->status, RELAY_STATUS_MAX)),
		frame_bytes(view_first(t->host, RELAY_HOST_MAX)),
		frame_bytes(view_first(t->address, RELAY_ADDRESS_MAX)),
		frame_bytes(view_first(t->reply, RELAY_REPLY_MAX)),
		frame_bytes(view_first(t->reason, RELAY_REASON_MAX)));
}

static void say_finished(struct departure *p)
{
	channel_say(p->relayd->spool, RELAY_FINISHED, p->number, frame_number(p->health),
		frame_bytes(view_first(p->trouble.reason, RELAY_REASON_MAX)));
	free_departure(p);
}

void spool_side_finish(struct departure *p, enum relay_health health)
{
	p->health = health;
	p->answered = true;
	buffer_free(&p->content);
	if (p->ended)
		say_finished(p);
}

/* --- what is heard ------------------------------------------------------------------------ */

static uint32_t state_of(void *context, uint32_t number)
{
	const struct relayd *d = context;
	const struct departure *p = streams_get(&d->departures, number);
	if (!p)
		return RELAY_STATE_IDLE;
	return p->ended ? RELAY_STATE_SENT : RELAY_STATE_SENDING;
}

static uint32_t count_recipients(struct view list)
{
	struct cursor c = cursor_of(list);
	struct envelope_departure one;
	uint32_t n = 0;
	while (envelope_departure_next(&c, &one))
		n++;
	return cursor_failed(&c) ? 0 : n;
}

static bool read_recipients(struct departure *p, struct view list)
{
	const uint32_t count = count_recipients(list);
	struct cursor c = cursor_of(VIEW_NONE);
	struct envelope_departure one;
	struct view kept;
	if (!count || !arena_copy(&p->arena, list, &kept))
		return false;
	p->indices = arena_get_array(&p->arena, count, sizeof *p->indices);
	p->recipients = arena_get_array(&p->arena, count, sizeof *p->recipients);
	if (!p->indices || !p->recipients)
		return false;
	for (c = cursor_of(kept); envelope_departure_next(&c, &one); p->count++) {
		p->indices[p->count] = one.index;
		p->recipients[p->count] = (struct smtp_client_recipient){
			.forward_path = one.forward_path, .notify = one.notify, .orcpt = one.orcpt};
	}
	return true;
}

static void begin(struct relayd *d, const struct frame *frame)
{
	struct departure *p = memory_new(1, sizeof *p);
	*p = (struct departure){.relayd = d,
		.number = frame->stream,
		.id = frame->values[0].number,
		.octets = frame->values[1].number,
		.flags = (uint32_t)frame->values[3].number,
		.arena = arena_new(DEPARTURE_MEMORY_MAX),
		.hosts_arena = arena_new(DEPARTURE_MEMORY_MAX),
		.content = buffer_new(RELAY_CREDIT_FIRST + RELAY_CREDIT_LARGE + RELAY_CHUNK_MAX),
		.health = RELAY_SILENT};
	if (streams_put(&d->departures, p->number, p) != ERROR_NONE ||
		!arena_copy(&p->arena, frame->values[6].bytes, &p->reverse_path) ||
		!arena_copy(&p->arena, frame->values[7].bytes, &p->envid) ||
		!read_recipients(p, frame->values[5].bytes)) {
		free_departure(p);
		channel_break(d->spool, "a departure that does not hold together");
		return;
	}
	p->destination = destination_get(d, frame->values[4].bytes);
	attempt_begin(p);
}

static void content(struct departure *p, struct view octets)
{
	if (p->answered)
		return;
	buffer_add(&p->content, octets);
	if (buffer_failed(&p->content))
		channel_break(p->relayd->spool, "content beyond its credit");
	else if (p->session)
		session_content(p->session);
}

static void end(struct departure *p, bool whole)
{
	p->ended = true;
	p->whole = whole;
	if (p->answered)
		say_finished(p);
	else if (p->session)
		session_content(p->session);
}

static void said(void *context, const struct frame *frame)
{
	struct relayd *d = context;
	struct departure *p = streams_get(&d->departures, frame->stream);
	switch ((enum spool_relay_code)frame->row->code) {
	case RELAY_BEGIN:
		begin(d, frame);
		return;
	case RELAY_CONTENT:
		content(p, frame->values[0].bytes);
		return;
	case RELAY_END:
		end(p, frame->values[0].number != 0);
		return;
	case RELAY_CREDIT:
	case RELAY_RESULT:
	case RELAY_FINISHED:
	case RELAY_CODES:
		return;
	}
}

/* --- the channel -------------------------------------------------------------------------- */

static void forget(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	struct departure *p = item;
	attempt_forget(p);
	free_departure(p);
}

static void closed(void *context, const char *broken)
{
	struct relayd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_SPOOL, 0, broken);
	channel_free(&d->spool);
	streams_each(&d->departures, forget, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void spool_side_connect(struct relayd *d, int fd)
{
	closed(d, NULL);
	d->spool = channel_new(d->program->loop, &spool_relay, FRAME_B, fd, &handler, d);
}
