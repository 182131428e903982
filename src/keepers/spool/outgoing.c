#include "keepers/spool/spoold.h"

#include "store/crc32c.h"

#define READ_STEP DELIVER_CREDIT_FIRST

/* --- life --------------------------------------------------------------------------------- */

bool outgoing_has_room(const struct spoold *d)
{
	return channel_is_open(d->deliver) && !d->program->draining &&
	       streams_count(&d->outgoing) < OUTGOING_MAX &&
	       d->outgoing_octets < OUTGOING_OCTETS_MAX;
}

/* Where it is kept, what counts it, and whom it is said to. */
static struct streams *table_of(struct outgoing *o)
{
	return o->destination ? &o->spoold->departing : &o->spoold->outgoing;
}

static uint64_t *octets_of(struct outgoing *o)
{
	return o->destination ? &o->spoold->departing_octets : &o->spoold->outgoing_octets;
}

static struct channel *channel_of(const struct outgoing *o)
{
	return o->destination ? o->spoold->relay : o->spoold->deliver;
}

struct outgoing *outgoing_new(struct spoold *d, const struct spool_entry *entry,
	uint32_t recipients, struct schedule_destination *destination)
{
	struct outgoing *o = memory_new(1, sizeof *o);
	const uint64_t large = destination ? RELAY_CREDIT_LARGE : DELIVER_CREDIT_LARGE;
	*o = (struct outgoing){.spoold = d,
		.destination = destination,
		.id = entry->id,
		.octets = entry->content_octets,
		.credit = destination ? RELAY_CREDIT_FIRST : DELIVER_CREDIT_FIRST,
		.envelope = buffer_new(RECEIVE_ENVELOPE_MAX),
		.chunk = buffer_new(READ_STEP),
		.trouble = buffer_new(SCHEDULE_REASON_MAX),
		.recipients = memory_new(recipients, sizeof *o->recipients)};
	o->weight = o->octets < large ? o->octets : large;
	*octets_of(o) += o->weight;
	do
		o->number = ++d->last_stream;
	while (o->number == 0 || streams_get(table_of(o), o->number));
	must(streams_put(table_of(o), o->number, o) == ERROR_NONE);
	return o;
}

void outgoing_leave(struct outgoing *o)
{
	struct spoold *d = o->spoold;
	if (!o->over) {
		streams_take(table_of(o), o->number);
		*octets_of(o) -= o->weight;
	}
	o->over = true;
	if (o->reading)
		return;
	if (o->pinned)
		spool_read_end(d->spool, &o->where);
	buffer_free(&o->envelope);
	buffer_free(&o->chunk);
	buffer_free(&o->trouble);
	memory_free(o->recipients);
	memory_free(o);
	spoold_check_drained(d);
}

static void add(struct outgoing *o, struct lane *lane, uint32_t number)
{
	o->recipients[o->recipient_count++] = (struct outgoing_recipient){
		.number = number, .lane = lane, .is_probe = lane_send(lane)};
	o->unanswered++;
}

/* deliver hears of it, or never will. What comes meanwhile for the mailbox may not overtake it. */
static void heard_of(struct outgoing *o)
{
	if (o->waits)
		o->recipients[0].lane->unbegun--;
	o->waits = false;
}

/* What deliver must know of earlier attempts. */
static uint32_t how_of(const struct spoold *d, const struct spool_recipient *r)
{
	const uint32_t doubt = d->reads_are_true ? 0 : DELIVER_REWRITE;
	if (r->placed_this_boot)
		return DELIVER_LOOK | DELIVER_REWRITE | DELIVER_TRUST;
	if (r->notes & NOTE_DOUBTFUL)
		return DELIVER_LOOK | DELIVER_REPAIR | doubt;
	return r->notes & NOTE_HANDED ? DELIVER_LOOK | DELIVER_REWRITE : 0;
}

/* --- sending ------------------------------------------------------------------------------ */

static void begin_delivery(
	struct outgoing *o, const struct spool_entry *entry, const struct envelope *e)
{
	struct spoold *d = o->spoold;
	struct buffer list = buffer_new(1u << 20);
	for (uint32_t i = 0; i < o->recipient_count; i++) {
		const uint32_t number = o->recipients[i].number;
		const struct envelope_recipient *r = &e->recipients[number];
		envelope_delivery_add(
			&list, &(struct envelope_delivery){number, r->target, r->forward_path});
		o->how = how_of(d, &entry->recipients[number]);
		spool_note(d->spool, o->id, number, NOTE_HANDED, 0);
	}
	if (o->recipients[0].is_probe)
		o->how |= DELIVER_AGAIN;
	heard_of(o);
	channel_say(d->deliver, DELIVER_BEGIN, o->number, frame_number(o->id.value),
		frame_number(spool_birth(d->spool)), frame_number(entry->content_octets),
		frame_number((uint64_t)entry->arrival_s), frame_number(o->how),
		frame_bytes(buffer_view(&list)), frame_bytes(e->reverse_path));
	buffer_free(&list);
}

static void send_begin(
	struct outgoing *o, const struct spool_entry *entry, const struct envelope *e)
{
	o->begun = true;
	if (o->destination)
		departing_begin(o, entry, e);
	else
		begin_delivery(o, entry, e);
}

static void send_octets(struct outgoing *o, struct view octets)
{
	o->sum = crc32c(o->sum, octets);
	while (octets.length) {
		const struct view part = view_first(octets, DELIVER_CHUNK_MAX);
		channel_say(channel_of(o), o->destination ? RELAY_CONTENT : DELIVER_CONTENT,
			o->number, frame_bytes(part));
		octets = view_from(octets, part.length);
		o->offset += part.length;
		o->credit -= part.length;
	}
}

static void send_end(struct outgoing *o, bool whole)
{
	if (o->ended)
		return;
	o->ended = true;
	channel_say(channel_of(o), o->destination ? RELAY_END : DELIVER_END, o->number,
		frame_number(whole));
}

/* --- reading ------------------------------------------------------------------------------ */

static void read_on(struct outgoing *o);

static void read_job(void *context)
{
	struct outgoing *o = context;
	struct disk *disk = o->spoold->disk;
	if (!o->begun)
		o->error = spool_read_envelope(disk, &o->where, &o->envelope);
	const size_t want = o->credit < READ_STEP ? o->credit : READ_STEP;
	uint8_t *room = want && !o->error ? buffer_room(&o->chunk, want) : NULL;
	size_t length;
	if (!room)
		return;
	o->error = spool_read_content(disk, &o->where, o->offset, room, want, &length);
	if (!o->error)
		buffer_grown(&o->chunk, length);
	if (!o->error && length == 0 && o->offset < o->octets)
		o->error = ERROR_CORRUPT;
}

/* deliver has not heard of it. */
static void put_aside(struct outgoing *o)
{
	for (uint32_t i = 0; i < o->recipient_count; i++) {
		scan_unreadable(o->spoold, o->id, o->recipients[i].number, o->error);
		outgoing_answered(o, &o->recipients[i]);
	}
	if (o->destination)
		departing_end(o, SCHEDULE_SILENT, VIEW_NONE);
	else
		outgoing_leave(o);
}

static void unreadable(struct outgoing *o, enum error error)
{
	o->error = error;
	log_error("a mail in the spool cannot be read", fact_hex("id", o->id.value),
		fact_error(error));
	if (o->begun)
		send_end(o, false); /* it answers for the recipients */
	else
		put_aside(o);
}

static bool holds(const struct outgoing *o, const struct envelope *e)
{
	for (uint32_t i = 0; i < o->recipient_count; i++)
		if (o->recipients[i].number >= e->recipient_count)
			return false;
	return true;
}

/* The envelope has come from disk; the recipient may have ended meanwhile. */
static bool begin(struct outgoing *o)
{
	struct arena a = arena_new(ENVELOPE_ARENA_MAX);
	struct envelope e;
	struct outgoing_recipient *r = &o->recipients[0];
	const struct spool_entry *entry = spool_find(o->spoold->spool, o->id);
	const bool good = envelope_read(buffer_view(&o->envelope), &a, &e) && holds(o, &e);
	const bool is_open = entry && !spool_state_is_final(
					      (enum spool_state)entry->recipients[r->number].state);
	if (good && is_open)
		send_begin(o, entry, &e);
	arena_reset(&a);
	buffer_free(&o->envelope);
	if (o->begun)
		return true;
	if (is_open)
		unreadable(o, ERROR_CORRUPT);
	else if (o->destination)
		departing_end(o, SCHEDULE_SILENT, VIEW_NONE);
	else {
		outgoing_answered(o, r);
		outgoing_leave(o);
	}
	return false;
}

static void read_done(void *context)
{
	struct outgoing *o = context;
	struct spoold *d = o->spoold;
	o->reading = false;
	if (o->over) {
		outgoing_leave(o);
		return;
	}
	if (o->error)
		unreadable(o, o->error);
	else if (o->begun || begin(o))
		read_on(o);
	lanes_pump(d);
	remote_pump(d);
}

/* Sends what was read and reads the next piece, as far as credit goes. */
static void read_on(struct outgoing *o)
{
	if (o->reading || o->ended)
		return;
	send_octets(o, buffer_view(&o->chunk));
	buffer_clear(&o->chunk);
	if (o->offset >= o->octets) {
		if (o->sum == o->where.content_sum)
			send_end(o, true);
		else
			unreadable(o, ERROR_CORRUPT);
		return;
	}
	if (o->credit < READ_STEP && o->credit < o->octets - o->offset)
		return; /* more will come than that */
	o->reading = disk_work_submit(o->spoold, read_job, read_done, o, o->key);
	if (!o->reading)
		unreadable(o, ERROR_LIMIT);
}

/* --- the ways in -------------------------------------------------------------------------- */

void outgoing_from_lane(struct lane *lane)
{
	struct spoold *d = lane->spoold;
	const struct lane_mail mail = lane_take(lane);
	const struct spool_entry *entry = spool_find(d->spool, mail.id);
	const struct spool_recipient *r = entry ? &entry->recipients[mail.recipient] : NULL;
	const bool is_open = r && !spool_state_is_final((enum spool_state)r->state);
	if (is_open && held_is(r))
		held_park(d, entry, mail.recipient);
	if (!is_open || held_is(r)) {
		lane_send(lane);
		lane_sent(lane, lane->in_trouble);
		return;
	}
	struct outgoing *o = outgoing_new(d, entry, 1, NULL);
	add(o, lane, mail.recipient);
	o->waits = true;
	o->key = lane->key;
	lane->unbegun++;
	outgoing_read(o);
}

void outgoing_read(struct outgoing *o)
{
	struct spoold *d = o->spoold;
	must(spool_read_begin(d->spool, o->id, &o->where) == ERROR_NONE);
	o->pinned = true;
	o->reading = disk_work_submit(d, read_job, read_done, o, o->key);
	if (!o->reading)
		unreadable(o, ERROR_LIMIT);
}

void outgoing_send(struct outgoing *o, const struct spool_entry *entry, const struct envelope *e,
	struct view content)
{
	send_begin(o, entry, e);
	send_octets(o, content);
	send_end(o, true);
}

/* One of several goes by the schedule, which puts those of one destination together. */
static void accepted_remote(struct spoold *d, const struct spool_entry *entry,
	const struct envelope *e, uint32_t i, struct view content)
{
	struct schedule_destination *destination;
	spool_note(d->spool, entry->id, i, NOTE_REMOTE, 0);
	const bool at_hand = e->recipient_count == 1 && entry->content_octets == content.length &&
			     content.length <= RELAY_CREDIT_FIRST && scan_is_done(d) &&
			     departing_has_room(d);
	if (at_hand && schedule_pass(d->schedule, remote_destination(d, e->recipients[i].target),
			       remote_now_s(d), &destination))
		departing_at_hand(d, entry, e, i, destination, content);
	else
		remote_add(d, e->recipients[i].target, entry, i);
}

/* A mailbox that has nothing waiting gets it at once; the others when their turn comes. */
void outgoing_accepted(struct spoold *d, const struct spool_outcome *outcome)
{
	struct arena a = arena_new(ENVELOPE_ARENA_MAX);
	struct envelope e;
	const struct spool_entry *entry = spool_find(d->spool, outcome->id);
	if (!entry || !envelope_read(outcome->envelope, &a, &e)) {
		log_error("an envelope in the spool cannot be read",
			fact_hex("id", outcome->id.value), fact_error(ERROR_CORRUPT));
		arena_reset(&a);
		return;
	}
	const bool at_hand = entry->content_octets == outcome->content.length &&
			     entry->content_octets <= DELIVER_CREDIT_FIRST && scan_is_done(d) &&
			     outgoing_has_room(d);
	struct outgoing *o = at_hand ? outgoing_new(d, entry, e.recipient_count, NULL) : NULL;
	for (uint32_t i = 0; i < e.recipient_count && i < entry->recipient_count; i++) {
		if (e.recipients[i].notify & ENVELOPE_NOTIFY_SUCCESS)
			spool_note(d->spool, entry->id, i, NOTE_SUCCESS, 0);
		if (e.recipients[i].kind == ENVELOPE_REMOTE) {
			accepted_remote(d, entry, &e, i, outcome->content);
			continue;
		}
		struct lane *lane = lane_get(d, e.recipients[i].target);
		if (o && lane_is_free(lane))
			add(o, lane, i);
		else
			lane_add(lane, entry->id, i);
	}
	if (o && o->recipient_count) {
		outgoing_send(o, entry, &e, outcome->content);
	} else if (o) {
		outgoing_leave(o);
	}
	arena_reset(&a);
	if (!at_hand)
		lanes_pump(d);
	remote_pump(d);
}

/* --- what becomes of it ------------------------------------------------------------------- */

struct outgoing *outgoing_find(const struct spoold *d, uint32_t number)
{
	struct outgoing *o = streams_get(&d->outgoing, number);
	return o && o->begun ? o : NULL;
}

struct outgoing_recipient *outgoing_recipient(struct outgoing *o, uint32_t number)
{
	for (uint32_t i = 0; i < o->recipient_count; i++)
		if (o->recipients[i].number == number && !o->recipients[i].answered)
			return &o->recipients[i];
	return NULL;
}

void outgoing_credit(struct outgoing *o, uint64_t octets)
{
	if (o->ended)
		return;
	o->credit += octets < READ_STEP * 4 ? octets : READ_STEP * 4;
	read_on(o);
}

void outgoing_answered(struct outgoing *o, struct outgoing_recipient *r)
{
	must(!r->answered);
	heard_of(o);
	r->answered = true;
	o->unanswered--;
	if (r->lane)
		lane_sent(r->lane, r->is_probe);
	r->lane = NULL;
	if (!o->unanswered && o->begun)
		send_end(o, false);
}

void outgoing_finished(struct outgoing *o)
{
	outgoing_leave(o);
}

static void lose(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	struct outgoing *o = item;
	o->begun = false; /* there is nobody to say END to */
	for (uint32_t i = 0; i < o->recipient_count; i++) {
		struct outgoing_recipient *r = &o->recipients[i];
		if (r->answered)
			continue;
		lane_add(r->lane, o->id, r->number);
		outgoing_answered(o, r);
	}
	outgoing_leave(o);
}

void outgoing_lost(struct spoold *d)
{
	streams_each(&d->outgoing, lose, d);
}

struct search {
	struct spool_id id;
	uint32_t recipient;
	bool found;
};

static void search_one(void *context, uint32_t number, void *item)
{
	struct search *s = context;
	const struct outgoing *o = item;
	(void)number;
	for (uint32_t i = 0; o->id.value == s->id.value && i < o->recipient_count; i++)
		s->found = s->found || o->recipients[i].number == s->recipient;
}

bool outgoing_has(const struct spoold *d, struct spool_id id, uint32_t recipient)
{
	struct search s = {id, recipient, false};
	streams_each(&d->outgoing, search_one, &s);
	streams_each(&d->departing, search_one, &s);
	return s.found;
}

bool outgoing_is_quiet(const struct spoold *d)
{
	return streams_count(&d->outgoing) == 0 && streams_count(&d->departing) == 0;
}
