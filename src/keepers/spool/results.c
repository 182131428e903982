#include "keepers/spool/spoold.h"

#define FINAL_OCTETS 13 /* id, recipient, state */

static void break_off(struct spoold *d, const char *why)
{
	channel_break(d->deliver, why);
}

/* --- into the log ------------------------------------------------------------------------- */

static bool is_open(const struct spoold *d, struct spool_id id, uint32_t recipient)
{
	const struct spool_entry *entry = spool_find(d->spool, id);
	return entry && recipient < entry->recipient_count &&
	       !spool_state_is_final((enum spool_state)entry->recipients[recipient].state);
}

/* A state that is not final and finds no room is not needed: it only spares work after a crash. */
void results_set(
	struct spoold *d, struct spool_id id, uint32_t recipient, const struct spool_change *change)
{
	if (!is_open(d, id, recipient))
		return; /* said before, of another life of ours perhaps */
	const enum error error = spool_state_set(d->spool, id, recipient, change);
	if (error != ERROR_BUSY || !spool_state_is_final(change->state))
		return;
	buffer_add_u64(&d->finals, id.value);
	buffer_add_u32(&d->finals, recipient);
	buffer_add_octet(&d->finals, (uint8_t)change->state);
	if (buffer_failed(&d->finals)) {
		log_error("states were lost for lack of memory: their mail is looked at again");
		d->finals.failed = false;
	}
}

static void settle_finals(struct spoold *d)
{
	struct cursor c = cursor_of(buffer_view(&d->finals));
	size_t taken = 0;
	while (cursor_left(&c) >= FINAL_OCTETS) {
		const struct spool_id id = {cursor_u64(&c)};
		const uint32_t recipient = cursor_u32(&c);
		const struct spool_change change = {.state = (enum spool_state)cursor_u8(&c)};
		if (spool_state_set(d->spool, id, recipient, &change) == ERROR_BUSY)
			break;
		taken += FINAL_OCTETS;
	}
	if (taken == d->finals.length)
		buffer_free(&d->finals);
	else
		buffer_drop(&d->finals, taken);
}

/* What an earlier deliver had, and of which it said nothing, may have been placed: it is written again
 * unless it is found, so nothing may be removed before the present one has looked. */
static bool may_come_back(struct spoold *d)
{
	const struct spool_entry *e = d->handed_before ? spool_oldest(d->spool) : NULL;
	for (; e && e->id.value <= d->handed_before; e = e->newer)
		for (uint32_t i = 0; i < e->recipient_count; i++)
			if (e->recipients[i].state == SPOOL_WAITING &&
				e->recipients[i].notes & NOTE_HANDED &&
				!(e->recipients[i].notes & NOTE_UNREADABLE))
				return true;
	d->handed_before = 0;
	return false;
}

/* What deliver said before its MARK is in the log once no final state waits for room in it. */
static void check_mark(struct spoold *d)
{
	if (!d->mark.is_asked || (!d->mark.is_taken && d->finals.length) || may_come_back(d))
		return;
	if (!d->mark.is_taken)
		d->mark.states = spool_mark(d->spool);
	d->mark.is_taken = true;
	if (!spool_is_durable(d->spool, d->mark.states)) {
		spool_flush(d->spool);
		return;
	}
	d->mark.is_asked = false;
	if (channel_is_open(d->deliver))
		channel_say(d->deliver, DELIVER_MARKED, 0, frame_number(d->mark.number));
}

static void on_mark(struct spoold *d, uint64_t number)
{
	d->mark.is_asked = true;
	d->mark.is_taken = false;
	d->mark.number = number;
	check_mark(d);
}

void results_settle(struct spoold *d)
{
	settle_finals(d);
	check_mark(d);
}

/* --- one recipient ------------------------------------------------------------------------ */

/* Its own log's trouble is not the mailbox's: nobody waits behind it. */
static void defer(struct spoold *d, struct outgoing *o, struct outgoing_recipient *r,
	struct view reason, struct spool_change *change)
{
	change->state = SPOOL_DEFERRED;
	change->reason = reason;
	if (o->error) {
		scan_unreadable(d, o->id, r->number, o->error);
		return;
	}
	lane_add(r->lane, o->id, r->number);
	change->next_attempt_s = lane_failed(r->lane, reason);
	change->attempts =
		r->lane->attempts < UINT16_MAX ? (uint16_t)r->lane->attempts : UINT16_MAX;
}

static void on_result(struct spoold *d, struct outgoing *o, const struct frame *frame)
{
	struct outgoing_recipient *r = outgoing_recipient(o, (uint32_t)frame->values[0].number);
	const struct view text = frame->values[3].bytes;
	struct spool_change change = {.state = SPOOL_PLACED};
	if (!r) {
		break_off(d, "a result for another recipient");
		return;
	}
	if (frame->values[2].number)
		spool_note(d->spool, o->id, r->number, 0, NOTE_DOUBTFUL);
	switch ((enum deliver_outcome)frame->values[1].number) {
	case DELIVER_PLACED:
		lane_worked(r->lane);
		break;
	case DELIVER_DUPLICATE:
		lane_worked(r->lane);
		change.state = SPOOL_DROPPED;
		change.reason = text;
		break;
	case DELIVER_DEFERRED:
		defer(d, o, r, text, &change);
		break;
	default:
		break_off(d, "an outcome that there is not");
		return;
	}
	results_set(d, o->id, r->number, &change);
	outgoing_answered(o, r);
}

static void on_finished(struct spoold *d, struct outgoing *o)
{
	if (o->unanswered) {
		break_off(d, "finished without all results");
		return;
	}
	outgoing_finished(o);
	lanes_pump(d);
}

/* --- the bulk sync ------------------------------------------------------------------------ */

/* What was placed and could not be synced is not placed: in the log, too, or a crash of ours would
 * leave a sync to be believed that comes later. */
static void on_lost(struct spoold *d, struct spool_id id, uint32_t recipient)
{
	const struct spool_entry *entry = spool_find(d->spool, id);
	const struct spool_change change = {.state = SPOOL_DEFERRED,
		.reason = VIEW("the mailbox's disk failed before the mail was safe there")};
	if (!entry || recipient >= entry->recipient_count ||
		entry->recipients[recipient].state != SPOOL_PLACED)
		return;
	results_set(d, id, recipient, &change);
	scan_again(d, id, recipient);
}

/* A report of success comes after the fact: were it to wait, a file could come back that its reader has
 * removed. */
static void on_delivered(struct spoold *d, struct spool_id id, uint32_t recipient)
{
	const struct report_line line = {
		.index = recipient, .action = DSN_DELIVERED, .status = VIEW("2.0.0")};
	const struct spool_entry *entry = spool_find(d->spool, id);
	if (entry && recipient < entry->recipient_count &&
		entry->recipients[recipient].state == SPOOL_PLACED &&
		entry->recipients[recipient].notes & NOTE_SUCCESS &&
		!reports_add(d, id, REPORT_NOTHING, &line))
		log_warning("too many reports wait: a sender does not hear of success",
			fact_hex("id", id.value));
	results_set(d, id, recipient, &(struct spool_change){.state = SPOOL_DELIVERED});
}

static void on_pairs(struct spoold *d, struct view pairs, bool lost)
{
	struct cursor c = cursor_of(pairs);
	while (cursor_left(&c) >= DELIVER_PAIR_OCTETS) {
		const struct spool_id id = {cursor_u64(&c)};
		const uint32_t recipient = cursor_u32(&c);
		if (lost)
			on_lost(d, id, recipient);
		else
			on_delivered(d, id, recipient);
	}
	reports_close(d);
	if (lost)
		scan_pump(d);
}

/* --- the channel -------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t number)
{
	struct spoold *d = context;
	if (number == 0)
		return DELIVER_STATE_ZERO;
	const struct outgoing *o = outgoing_find(d, number);
	if (!o)
		return DELIVER_STATE_IDLE;
	return o->ended ? DELIVER_STATE_PLACING : DELIVER_STATE_SENDING;
}

static void said(void *context, const struct frame *frame)
{
	struct spoold *d = context;
	struct outgoing *o = frame->stream ? outgoing_find(d, frame->stream) : NULL;
	switch ((enum spool_deliver_code)frame->row->code) {
	case DELIVER_CREDIT:
		if (o)
			outgoing_credit(o, frame->values[0].number);
		return;
	case DELIVER_RESULT:
		must(o != NULL); /* the row's states allow no other */
		on_result(d, o, frame);
		return;
	case DELIVER_FINISHED:
		must(o != NULL);
		on_finished(d, o);
		return;
	case DELIVER_DELIVERED:
		on_pairs(d, frame->values[0].bytes, false);
		return;
	case DELIVER_LOST:
		on_pairs(d, frame->values[0].bytes, true);
		return;
	case DELIVER_MARK:
		on_mark(d, frame->values[0].number);
		return;
	case DELIVER_MARKED:
	case DELIVER_BEGIN:
	case DELIVER_CONTENT:
	case DELIVER_END:
	case DELIVER_EXPECT:
	case DELIVER_EXPECTED:
	case DELIVER_CODES:
		return;
	}
}

static void lose(struct spoold *d)
{
	channel_free(&d->deliver);
	d->mark.is_asked = false;
	d->reads_are_true = false;
	outgoing_lost(d);
	scan_placed(d);
}

static void closed(void *context, const char *broken)
{
	struct spoold *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_DELIVER, 0, broken);
	lose(d);
	scan_pump(d);
}

static const struct channel_handler handler = {state_of, said, closed};

void results_connect(struct spoold *d, int fd)
{
	if (d->deliver)
		lose(d);
	d->deliver = channel_new(d->program->loop, &spool_deliver, FRAME_A, fd, &handler, d);
	for (const struct spool_entry *e = spool_oldest(d->spool); e; e = e->newer)
		d->handed_before = e->id.value;
	scan_expect(d);
	lanes_pump(d);
}

void results_end(struct spoold *d)
{
	channel_free(&d->deliver);
	buffer_free(&d->finals);
}
