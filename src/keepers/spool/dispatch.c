#include "keepers/spool/spoold.h"

#include "base/clock.h"

#define READ_STEP (DELIVER_CHUNK_MAX * 4)
#define ENVELOPE_ARENA_MAX (8u << 20)

/* --- one message under way ---------------------------------------------------------------- */

static struct outgoing *outgoing_new(struct spoold *d, struct spool_id id, bool repeat)
{
	struct outgoing *o = memory_new(1, sizeof *o);
	*o = (struct outgoing){.spoold = d,
		.id = id,
		.repeat = repeat,
		.envelope = buffer_new(RECEIVE_ENVELOPE_MAX),
		.chunk = buffer_new(READ_STEP),
		.arena = arena_new(ENVELOPE_ARENA_MAX)};
	return o;
}

static void outgoing_free(struct outgoing *o)
{
	struct spoold *d = o->spoold;
	must(!o->reading);
	if (o->pinned)
		spool_read_end(d->spool, &o->where);
	if (o->number) {
		streams_take(&d->dispatched, o->number);
		d->dispatched_octets -= o->octets;
	}
	buffer_free(&o->envelope);
	buffer_free(&o->chunk);
	arena_reset(&o->arena);
	memory_free(o);
	spoold_check_drained(d);
}

static void backlog_add(struct spoold *d, struct outgoing *o)
{
	o->next = NULL;
	*d->backlog_last = o;
	d->backlog_last = &o->next;
	d->backlog_count++;
}

static struct outgoing *backlog_take(struct spoold *d)
{
	struct outgoing *o = d->backlog;
	d->backlog = o->next;
	if (!d->backlog)
		d->backlog_last = &d->backlog;
	d->backlog_count--;
	return o;
}

static bool has_room(const struct spoold *d)
{
	return streams_count(&d->dispatched) < DISPATCH_STREAMS_MAX &&
	       d->dispatched_octets < DISPATCH_OCTETS_MAX;
}

/* --- which recipients go now -------------------------------------------------------------- */

static bool is_open_recipient(const struct spool_entry *entry, uint32_t i)
{
	return i < entry->recipient_count &&
	       !spool_state_is_final((enum spool_state)entry->recipients[i].state);
}

/* All open recipients whose mailbox is not in trouble; the others join its queue. */
static bool choose_recipients(struct outgoing *o)
{
	struct spoold *d = o->spoold;
	const struct spool_entry *entry = spool_find(d->spool, o->id);
	o->recipients = arena_get_array(&o->arena, o->parsed.recipient_count, sizeof(uint32_t));
	if (!entry || !o->recipients)
		return false;
	for (uint32_t i = 0; i < o->parsed.recipient_count; i++) {
		const struct view mailbox = o->parsed.recipients[i].target;
		if (!is_open_recipient(entry, i))
			continue;
		if (waiting_find(d, mailbox))
			waiting_add(d, mailbox, o->id, i, o->repeat, false);
		else
			o->recipients[o->recipient_count++] = i;
	}
	return o->recipient_count > 0;
}

/* --- sending ------------------------------------------------------------------------------ */

static void send_begin(struct outgoing *o)
{
	struct spoold *d = o->spoold;
	const struct spool_entry *entry = spool_find(d->spool, o->id);
	struct buffer list = buffer_new(1u << 20);
	for (uint32_t i = 0; i < o->recipient_count; i++) {
		const struct envelope_recipient *r = &o->parsed.recipients[o->recipients[i]];
		envelope_delivery_add(&list,
			&(struct envelope_delivery){o->recipients[i], r->target, r->forward_path});
	}
	o->octets = entry->content_octets;
	o->credit = DELIVER_CREDIT_FIRST;
	do
		o->number = ++d->last_stream;
	while (o->number == 0 || streams_get(&d->dispatched, o->number));
	must(streams_put(&d->dispatched, o->number, o) == ERROR_NONE);
	d->dispatched_octets += o->octets;
	channel_say(d->deliver, DELIVER_BEGIN, o->number, frame_number(o->id.value),
		frame_number(spool_birth(d->spool)), frame_number(entry->content_octets),
		frame_number((uint64_t)entry->arrival_s),
		frame_number(o->repeat ? DELIVER_REPEAT : 0), frame_bytes(buffer_view(&list)),
		frame_bytes(o->parsed.reverse_path));
	buffer_free(&list);
}

static void send_octets(struct outgoing *o, struct view octets)
{
	while (octets.length) {
		const struct view part = view_first(octets, DELIVER_CHUNK_MAX);
		channel_say(o->spoold->deliver, DELIVER_CONTENT, o->number, frame_bytes(part));
		octets = view_from(octets, part.length);
		o->offset += part.length;
		o->credit -= part.length;
	}
}

static void send_end(struct outgoing *o)
{
	if (o->offset < o->octets || o->ended)
		return;
	o->ended = true;
	if (o->pinned)
		spool_read_end(o->spoold->spool, &o->where);
	o->pinned = false;
	channel_say(o->spoold->deliver, DELIVER_END, o->number);
}

/* --- reading ------------------------------------------------------------------------------ */

static void give_up(struct outgoing *o);
static void read_on(struct outgoing *o);

static void read_job(void *context)
{
	struct outgoing *o = context;
	struct disk *disk = o->spoold->disk;
	if (o->envelope.length == 0)
		o->error = spool_read_envelope(disk, &o->where, &o->envelope);
	size_t want = o->number ? o->credit : 0;
	if (want > READ_STEP)
		want = READ_STEP;
	uint8_t *room = want ? buffer_room(&o->chunk, want) : NULL;
	size_t length;
	if (o->error || !room)
		return;
	o->error = spool_read_content(disk, &o->where, o->offset, room, want, &length);
	if (!o->error)
		buffer_grown(&o->chunk, length);
	if (!o->error && length == 0)
		o->error = ERROR_CORRUPT;
}

/* One recipient that goes again by itself: it may have ended meanwhile. */
static bool still_open(struct outgoing *o)
{
	const struct spool_entry *entry = spool_find(o->spoold->spool, o->id);
	const uint32_t i = o->recipients[0];
	if (i >= o->parsed.recipient_count)
		return false;
	if (entry && is_open_recipient(entry, i))
		return true;
	waiting_worked(o->spoold, o->parsed.recipients[i].target);
	return false;
}

static void begin_from_disk(struct outgoing *o)
{
	if (!envelope_read(buffer_view(&o->envelope), &o->arena, &o->parsed)) {
		log_error("an envelope in the spool cannot be read", fact_hex("id", o->id.value));
		give_up(o);
		return;
	}
	struct spoold *d = o->spoold;
	const bool goes = o->recipients ? still_open(o) : choose_recipients(o);
	if (!goes) {
		outgoing_free(o);
		dispatch_pump(d);
		return;
	}
	send_begin(o);
	read_on(o);
}

static void read_done(void *context)
{
	struct outgoing *o = context;
	o->reading = false;
	if (o->void_) {
		outgoing_free(o);
		return;
	}
	if (o->error) {
		log_error("a mail in the spool cannot be read", fact_hex("id", o->id.value),
			fact_error(o->error));
		give_up(o);
		return;
	}
	if (!o->number) {
		begin_from_disk(o);
		return;
	}
	send_octets(o, buffer_view(&o->chunk));
	buffer_clear(&o->chunk);
	read_on(o);
}

/* Reads the next piece, as far as credit goes; ends when all is sent. */
static void read_on(struct outgoing *o)
{
	if (o->reading)
		return;
	if (o->number && o->offset >= o->octets) {
		send_end(o);
		return;
	}
	if (o->number && o->credit == 0)
		return;
	o->reading = disk_work_submit(o->spoold, read_job, read_done, o, 0);
	if (!o->reading)
		give_up(o);
}

/* Later again: a disk that cannot be read now may be read then. */
static void give_up(struct outgoing *o)
{
	struct spoold *d = o->spoold;
	const struct spool_id id = o->id;
	if (o->number) { /* deliver has seen the beginning: it throws away what has no end */
		log_warning("the channel to deliver is begun anew", fact_hex("id", id.value));
		program_peer_broken(d->program, PROGRAM_DELIVER, "a mail was cut");
	}
	outgoing_free(o);
}

static void start_from_disk(struct outgoing *o)
{
	if (spool_read_begin(o->spoold->spool, o->id, &o->where) != ERROR_NONE) {
		outgoing_free(o); /* it has ended meanwhile */
		return;
	}
	o->pinned = true;
	read_on(o);
}

/* --- the ways in -------------------------------------------------------------------------- */

void dispatch_pump(struct spoold *d)
{
	while (d->backlog && has_room(d) && channel_is_open(d->deliver) && !d->program->draining)
		start_from_disk(backlog_take(d));
}

void dispatch_accepted(struct spoold *d, const struct spool_outcome *outcome)
{
	struct outgoing *o = outgoing_new(d, outcome->id, false);
	const struct spool_entry *entry = spool_find(d->spool, outcome->id);
	const bool at_hand = entry && entry->content_octets == outcome->content.length &&
			     outcome->content.length <= DELIVER_CREDIT_FIRST;
	if (d->backlog || !has_room(d) || !channel_is_open(d->deliver) || !at_hand ||
		d->program->draining) {
		backlog_add(d, o);
		dispatch_pump(d);
		return;
	}
	if (!envelope_read(outcome->envelope, &o->arena, &o->parsed) || !choose_recipients(o)) {
		outgoing_free(o);
		return;
	}
	send_begin(o);
	send_octets(o, outcome->content);
	send_end(o);
	o->parsed = (struct envelope){0}; /* its views end with the batch */
}

void dispatch_again(struct spoold *d, struct spool_id id, uint32_t recipient, bool repeat)
{
	struct outgoing *o = outgoing_new(d, id, repeat);
	o->recipients = arena_get_array(&o->arena, 1, sizeof(uint32_t));
	must(o->recipients != NULL);
	o->recipients[0] = recipient;
	o->recipient_count = 1;
	backlog_add(d, o);
	dispatch_pump(d);
}

/* --- what deliver says -------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t number)
{
	struct spoold *d = context;
	if (number == 0)
		return DELIVER_STATE_ZERO;
	const struct outgoing *o = streams_get(&d->dispatched, number);
	if (!o)
		return DELIVER_STATE_IDLE;
	return o->ended ? DELIVER_STATE_PLACING : DELIVER_STATE_SENDING;
}

static void set_state(
	struct spoold *d, struct spool_id id, uint32_t recipient, const struct spool_change *change)
{
	const enum error error = spool_state_set(d->spool, id, recipient, change);
	if (error == ERROR_NONE || error == ERROR_MISSING)
		return;
	if (error == ERROR_BUSY && spool_state_is_final(change->state)) {
		buffer_add_u64(&d->finals, id.value);
		buffer_add_u32(&d->finals, recipient);
		buffer_add_octet(&d->finals, (uint8_t)change->state);
	} else if (error != ERROR_BUSY) {
		log_error("a state was not taken", fact_hex("id", id.value),
			fact_number("recipient", recipient), fact_error(error));
	}
}

#define FINAL_OCTETS 13

/* What deliver said before its MARK is in the log once no final state waits for room in it. */
static void check_mark(struct spoold *d)
{
	if (!d->mark.is_asked || (!d->mark.is_taken && d->finals.length))
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

void dispatch_settle(struct spoold *d)
{
	settle_finals(d);
	check_mark(d);
}

static bool goes_with(const struct outgoing *o, uint32_t recipient)
{
	for (uint32_t i = 0; i < o->recipient_count; i++)
		if (o->recipients[i] == recipient)
			return true;
	return false;
}

/* The mailbox's name comes back in the text of a deferral, before a NUL: the envelope is not kept in
 * memory while its mail is under way. */
static void on_result(struct spoold *d, struct outgoing *o, const struct frame *frame)
{
	const uint32_t recipient = (uint32_t)frame->values[0].number;
	struct view mailbox, text;
	struct spool_change change = {.state = SPOOL_PLACED};
	view_split(frame->values[2].bytes, 0, &mailbox, &text);
	if (!goes_with(o, recipient)) {
		program_peer_broken(d->program, PROGRAM_DELIVER, "a result for another recipient");
		return;
	}
	o->results++;
	switch ((enum deliver_outcome)frame->values[1].number) {
	case DELIVER_PLACED:
		waiting_worked(d, mailbox);
		break;
	case DELIVER_DUPLICATE:
		waiting_worked(d, mailbox);
		change.state = SPOOL_DROPPED;
		change.reason = text;
		break;
	case DELIVER_DEFERRED:
		change.state = SPOOL_DEFERRED;
		change.reason = text;
		waiting_add(d, mailbox, o->id, recipient, true, true);
		change.attempts = (uint16_t)waiting_failed(d, mailbox);
		change.next_attempt_s = clock_wall_s() + 5;
		break;
	}
	set_state(d, o->id, recipient, &change);
}

static void on_finished(struct spoold *d, struct outgoing *o)
{
	if (o->reading) { /* it did not want all of it */
		o->void_ = true;
		streams_take(&d->dispatched, o->number);
		d->dispatched_octets -= o->octets;
		o->number = 0;
	} else {
		outgoing_free(o);
	}
	dispatch_pump(d);
}

static void on_pairs(struct spoold *d, struct view pairs, bool lost)
{
	struct cursor c = cursor_of(pairs);
	while (cursor_left(&c) >= DELIVER_PAIR_OCTETS) {
		const struct spool_id id = {cursor_u64(&c)};
		const uint32_t recipient = cursor_u32(&c);
		const struct spool_change change = {.state = SPOOL_DELIVERED};
		if (lost)
			dispatch_again(d, id, recipient, true);
		else
			set_state(d, id, recipient, &change);
	}
}

static void said(void *context, const struct frame *frame)
{
	struct spoold *d = context;
	struct outgoing *o = frame->stream ? streams_get(&d->dispatched, frame->stream) : NULL;
	switch ((enum spool_deliver_code)frame->row->code) {
	case DELIVER_CREDIT:
		if (o && !o->ended) {
			o->credit += frame->values[0].number;
			read_on(o);
		}
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

/* --- the channel, and beginning anew ------------------------------------------------------ */

static void drop_one(void *context, uint32_t number, void *item)
{
	struct spoold *d = context;
	struct outgoing *o = item;
	streams_take(&d->dispatched, number);
	d->dispatched_octets -= o->octets;
	o->number = 0;
	o->void_ = true;
	if (!o->reading)
		outgoing_free(o);
}

static void closed(void *context, const char *broken)
{
	struct spoold *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_DELIVER, broken);
	channel_free(&d->deliver);
	d->mark.is_asked = false;
	streams_each(&d->dispatched, drop_one, d);
}

static const struct channel_handler handler = {state_of, said, closed};

static bool has_open(const struct spool_entry *entry)
{
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		if (is_open_recipient(entry, i))
			return true;
	return false;
}

static void expect_flush(struct spoold *d, struct buffer *names)
{
	if (names->length)
		channel_say(d->deliver, DELIVER_EXPECT, 0, frame_bytes(buffer_view(names)));
	buffer_clear(names);
}

/* Tells the mailboxes of one message to deliver, which lets nobody read them before. */
static void expect_one(struct spoold *d, const struct spool_entry *entry, struct buffer *names)
{
	struct spool_where where;
	struct buffer form = buffer_new(RECEIVE_ENVELOPE_MAX);
	struct arena a = arena_new(ENVELOPE_ARENA_MAX);
	struct envelope e;
	if (spool_read_begin(d->spool, entry->id, &where) == ERROR_NONE) {
		if (spool_read_envelope(d->disk, &where, &form) == ERROR_NONE &&
			envelope_read(buffer_view(&form), &a, &e))
			for (uint32_t i = 0; i < e.recipient_count; i++) {
				if (!is_open_recipient(entry, i))
					continue;
				if (names->length > 60000)
					expect_flush(d, names);
				buffer_add_octet(names, (uint8_t)e.recipients[i].target.length);
				buffer_add(names, e.recipients[i].target);
			}
		spool_read_end(d->spool, &where);
	}
	arena_reset(&a);
	buffer_free(&form);
}

/* A new deliver knows nothing: every open recipient is handed over again, as a repetition. */
static void begin_anew(struct spoold *d)
{
	struct buffer names = buffer_new(65536);
	waiting_clear(d);
	while (d->backlog)
		outgoing_free(backlog_take(d));
	for (const struct spool_entry *entry = spool_oldest(d->spool); entry;
		entry = spool_after(d->spool, entry->id)) {
		if (!has_open(entry))
			continue;
		expect_one(d, entry, &names);
		backlog_add(d, outgoing_new(d, entry->id, true));
	}
	expect_flush(d, &names);
	channel_say(d->deliver, DELIVER_EXPECTED, 0);
	buffer_free(&names);
	dispatch_pump(d);
}

void dispatch_connect(struct spoold *d, int fd)
{
	if (d->deliver)
		closed(d, NULL);
	d->deliver = channel_new(d->program->loop, &spool_deliver, FRAME_A, fd, &handler, d);
	begin_anew(d);
}

bool dispatch_is_quiet(const struct spoold *d)
{
	return streams_count(&d->dispatched) == 0;
}
