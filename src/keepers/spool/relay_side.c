#include "keepers/spool/spoold.h"

#include "base/clock.h"
#include "base/text.h"

#define REASON_OCTETS_MAX 4096u /* with all that was not printable escaped */

static void break_off(struct spoold *d, const char *why)
{
	channel_break(d->relay, why);
}

/* One more than there were. */
static uint16_t attempts_of(const struct spool_entry *entry, uint32_t number)
{
	const uint16_t before = entry ? entry->recipients[number].attempts : 0;
	return (before & ATTEMPTS_COUNT) < ATTEMPTS_COUNT ? before + 1 : before;
}

/* What the queue shows, and the log keeps: "mx.example.org said: 451 4.7.1 …" */
static void add_reason(struct buffer *b, const struct frame *frame)
{
	const struct view host =
		frame->values[3].bytes.length ? frame->values[3].bytes : frame->values[4].bytes;
	const struct view reply = frame->values[5].bytes;
	const struct view reason = frame->values[6].bytes;
	if (host.length && reply.length)
		text_add(b, "{} said: {}", text_view(host), text_view(reply));
	else if (host.length)
		text_add(b, "{}: {}", text_view(host), text_view(reason));
	else
		text_add(b, "{}", text_view(reason));
}

static struct report_line line_of(const struct frame *frame, enum dsn_action action)
{
	return (struct report_line){.index = (uint32_t)frame->values[0].number,
		.action = action,
		.status = frame->values[2].bytes,
		.host = frame->values[3].bytes,
		.address = frame->values[4].bytes,
		.reply = frame->values[5].bytes,
		.reason = frame->values[6].bytes};
}

static void defer(struct spoold *d, struct outgoing *o, struct outgoing_recipient *r, bool own_time,
	struct view reason)
{
	struct spool_change change = {.state = SPOOL_DEFERRED,
		.attempts = attempts_of(spool_find(d->spool, o->id), r->number),
		.next_attempt_s = clock_wall_s(),
		.reason = reason};
	if (own_time)
		change.next_attempt_s +=
			schedule_delay_s(d->schedule, change.attempts & ATTEMPTS_COUNT);
	results_set(d, o->id, r->number, &change);
	r->again = true;
}

/* Its report first; it has failed when that is in the log (law 2). */
static void fail(struct spoold *d, struct outgoing *o, struct outgoing_recipient *r,
	const struct report_line *line, struct view reason)
{
	if (!reports_add(d, o->id, REPORT_FAILED, line))
		defer(d, o, r, true, reason);
}

/* What is held waits until its destination is well again, what is deferred its own time; either not
 * for ever. */
static void put_off(struct spoold *d, struct outgoing *o, struct outgoing_recipient *r,
	const struct frame *frame, struct view reason)
{
	const struct spool_entry *entry = spool_find(d->spool, o->id);
	struct report_line line = line_of(frame, DSN_FAILED);
	line.status = VIEW("5.4.7");
	if (o->error) /* our own log's trouble, not the host's */
		scan_unreadable(d, o->id, r->number, o->error);
	else if (entry && expiry_is_over(d, entry))
		fail(d, o, r, &line, reason);
	else
		defer(d, o, r, frame->values[1].number == RELAY_DEFERRED, reason);
}

static void sent(struct spoold *d, struct outgoing *o, const struct outgoing_recipient *r,
	const struct frame *frame, struct view reason)
{
	const struct spool_entry *entry = spool_find(d->spool, o->id);
	struct report_line line = line_of(frame, DSN_RELAYED);
	line.status = VIEW("2.0.0");
	/* the next host does not know of reports: who wants one has it from us (RFC 3461 §5.2.2) */
	if (frame->values[1].number == RELAY_RELAYED && entry &&
		entry->recipients[r->number].notes & NOTE_SUCCESS &&
		!reports_add(d, o->id, REPORT_NOTHING, &line))
		log_warning("too many reports wait: a sender does not hear of success",
			fact_hex("id", o->id.value));
	results_set(d, o->id, r->number,
		&(struct spool_change){.state = SPOOL_DELIVERED, .reason = reason});
}

static void on_result(struct spoold *d, struct outgoing *o, const struct frame *frame)
{
	struct outgoing_recipient *r = outgoing_recipient(o, (uint32_t)frame->values[0].number);
	struct buffer text = buffer_new(REASON_OCTETS_MAX);
	if (!r || !frame->values[1].number) {
		break_off(d, r ? "an outcome that there is not" : "a result for another recipient");
		return;
	}
	add_reason(&text, frame);
	const struct view reason = buffer_view(&text);
	const struct report_line line = line_of(frame, DSN_FAILED);
	switch ((enum relay_outcome)frame->values[1].number) {
	case RELAY_SENT:
	case RELAY_RELAYED:
		sent(d, o, r, frame, reason);
		break;
	case RELAY_REFUSED:
		fail(d, o, r, &line, reason);
		break;
	case RELAY_HELD:
	case RELAY_DEFERRED:
		if (!o->trouble.length) /* told of the destination, if that is in trouble by it */
			buffer_add(&o->trouble, view_first(reason, SCHEDULE_REASON_MAX));
		put_off(d, o, r, frame, reason);
		break;
	case RELAY_AGAIN:
		r->again = true;
		break;
	}
	buffer_free(&text);
	outgoing_answered(o, r);
}

static enum schedule_health health_of(uint64_t health)
{
	switch ((enum relay_health)health) {
	case RELAY_WORKS:
		return SCHEDULE_WORKS;
	case RELAY_BUSY:
		return SCHEDULE_BUSY;
	case RELAY_FAILS:
		return SCHEDULE_FAILS;
	case RELAY_SILENT:
		return SCHEDULE_SILENT;
	}
	return SCHEDULE_SILENT;
}

static void on_finished(struct spoold *d, struct outgoing *o, const struct frame *frame)
{
	if (o->unanswered) {
		break_off(d, "finished without all results");
		return;
	}
	reports_close(d);
	departing_end(o, health_of(frame->values[0].number),
		o->trouble.length ? buffer_view(&o->trouble) : frame->values[1].bytes);
	remote_pump(d);
}

/* --- the channel -------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t number)
{
	const struct outgoing *o = departing_find(context, number);
	if (!o)
		return RELAY_STATE_IDLE;
	return o->ended ? RELAY_STATE_SENT : RELAY_STATE_SENDING;
}

static void said(void *context, const struct frame *frame)
{
	struct spoold *d = context;
	struct outgoing *o = departing_find(d, frame->stream);
	switch ((enum spool_relay_code)frame->row->code) {
	case RELAY_CREDIT:
		if (o)
			outgoing_credit(o, frame->values[0].number);
		return;
	case RELAY_RESULT:
		must(o != NULL); /* the row's states allow no other */
		on_result(d, o, frame);
		return;
	case RELAY_FINISHED:
		must(o != NULL);
		on_finished(d, o, frame);
		return;
	case RELAY_BEGIN:
	case RELAY_CONTENT:
	case RELAY_END:
	case RELAY_CODES:
		return;
	}
}

static void closed(void *context, const char *broken)
{
	struct spoold *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_RELAY, 0, broken);
	relay_side_end(d);
}

static const struct channel_handler handler = {state_of, said, closed};

void relay_side_connect(struct spoold *d, int fd)
{
	relay_side_end(d);
	d->relay = channel_new(d->program->loop, &spool_relay, FRAME_A, fd, &handler, d);
	if (d->spool)
		remote_pump(d);
}

void relay_side_end(struct spoold *d)
{
	channel_free(&d->relay);
	departing_lost(d);
}
