#include "store/spool_internal.h"

#include "base/log.h"

uint64_t batch_room(const struct spool *spool)
{
	if (spool->current == SPOOL_NOWHERE)
		return 0;
	const struct segment *segment = &spool->segments[spool->current];
	return segment->octets - segment->end;
}

/* --- taking ------------------------------------------------------------------------------- */

/* How many of the waiting states go along: what `room` holds. */
static size_t states_that_fit(const struct spool *spool, uint64_t room, uint64_t *octets_out)
{
	size_t count = 0;
	*octets_out = 0;
	while (count < spool->state_list.count) {
		const size_t body = spool->state_list.items[count].length;
		const uint64_t octets = record_octets((uint32_t)body);
		if (*octets_out + octets > room)
			break;
		*octets_out += octets;
		count++;
	}
	return count;
}

struct batch_plan {
	bool opens;
	bool messages;
	size_t states;
};

/* What goes into this batch and whether it needs an opening. Moves always go before states that
 * came later, so that a copy never follows its message's last state. */
static bool batch_plan(const struct spool *spool, struct batch_plan *plan)
{
	uint64_t states;
	plan->states = states_that_fit(spool, spool->limits.batch_octets, &states);
	plan->messages = spool->message_list.count > 0;
	const uint64_t always = spool->moves.length + states + BLOCK_OCTETS;
	const uint32_t ready = segments_in(spool, SEGMENT_READY);
	plan->opens = spool->current == SPOOL_NOWHERE ||
		      always + spool->messages.length > batch_room(spool);
	if (!plan->opens)
		return true;
	if (plan->messages && ready <= spool->limits.segments_reserve)
		plan->messages = false;
	if (!plan->messages && !plan->states && !spool->move_list.count && !spool->force)
		return false;
	plan->opens = spool->current == SPOOL_NOWHERE ||
		      always + (plan->messages ? spool->messages.length : 0) > batch_room(spool);
	return !plan->opens || ready > 0;
}

static void swap_buffers(struct buffer *a, struct buffer *b)
{
	const struct buffer held = *a;
	*a = *b;
	*b = held;
}

/* Header and roster: the first block and the first record of an opening. */
static void lead_add(struct spool *spool, struct spool_batch *batch, struct record_key *key)
{
	struct segment *segment = segment_of(spool, batch->number);
	segment->generation = ++spool->generation;
	segment->salt = (uint32_t)spool_draw(spool);
	*key = (struct record_key){segment->generation, segment->salt, spool->next_sequence};
	const struct segment_header header = {.open = true,
		.birth = spool->birth,
		.number = batch->number,
		.generation = segment->generation,
		.salt = segment->salt,
		.octets = segment->octets,
		.first_sequence = spool->next_sequence,
		.next_id = spool->next_id};
	segment_header_add(&batch->lead, &header);
	const size_t at = record_begin(&batch->lead, RECORD_ROSTER, 0);
	buffer_add_u64(&batch->lead, spool->next_id);
	buffer_add(&batch->lead, view_of(spool->boot, SPOOL_BOOT_OCTETS));
	buffer_add_u64(&batch->lead, spool->boot_first);
	for (uint32_t i = 0; i < spool->segment_count; i++) {
		struct segment *other = &spool->segments[i];
		if (other->state != SEGMENT_CLOSED && other->state != SEGMENT_CURRENT)
			continue;
		other->listed = spool->generation;
		const struct roster_entry entry = {.number = i,
			.generation = other->generation,
			.salt = other->salt,
			.flags = (other->abandoned ? ROSTER_ABANDONED : 0) |
				 (other->corrupt ? ROSTER_CORRUPT : 0),
			.end_sequence =
				i == spool->current ? spool->next_sequence : other->end_sequence};
		roster_entry_add(&batch->lead, &entry);
	}
	record_end(&batch->lead, at, SIZE_MAX);
}

/* Seals the records of `b`, of which the first lies at `offset` of the segment. */
static void seal_all(struct spool_batch *batch, struct buffer *b, size_t from, uint64_t offset,
	struct record_key *key, const struct buffer *last, size_t last_at)
{
	size_t at = from;
	while (at < b->length) {
		const uint8_t flags = batch->sync && b == last && at == last_at ? RECORD_LAST : 0;
		at += record_seal(b, at, key, flags);
		key->sequence++;
	}
	must(offset + b->length <= UINT32_MAX);
}

/* Moves `count` pending records to `sent`; those of moves and messages know where they are. */
static void pending_send(
	struct spool *spool, struct pending_list *list, size_t count, uint64_t offset)
{
	const struct spool_batch *batch = &spool->batch;
	for (size_t i = 0; i < count; i++) {
		struct pending pending = list->items[i];
		pending.segment = batch->number;
		pending.offset = (uint32_t)(offset + pending.at);
		pending_add(&spool->sent, &pending);
	}
	for (size_t i = count; i < list->count; i++)
		list->items[i - count] = list->items[i];
	list->count -= count;
}

/* Writes `count` state records to the tail; their bodies stay in sent_states until durable. */
static size_t states_add(struct spool *spool, size_t count, uint64_t offset)
{
	struct spool_batch *batch = &spool->batch;
	size_t octets = 0;
	size_t last = 0;
	for (size_t i = 0; i < count; i++) {
		struct pending *pending = &spool->state_list.items[i];
		const struct view body =
			view_part(buffer_view(&spool->states), pending->at, pending->length);
		octets += pending->length;
		pending->at = spool->sent_states.length;
		buffer_add(&spool->sent_states, body);
		const bool is_end = pending->kind == PENDING_DONE || pending->kind == PENDING_END;
		last = record_begin(&batch->tail, is_end ? RECORD_DONE : RECORD_STATE, pending->id);
		buffer_add(&batch->tail, body);
		record_end(&batch->tail, last, SIZE_MAX);
		pending->segment = batch->number;
		pending->offset = (uint32_t)(offset + last);
		pending_add(&spool->sent, pending);
	}
	for (size_t i = count; i < spool->state_list.count; i++) {
		spool->state_list.items[i - count] = spool->state_list.items[i];
		spool->state_list.items[i - count].at -= octets;
	}
	spool->state_list.count -= count;
	buffer_drop(&spool->states, octets);
	return last;
}

static void larges_collect(struct spool *spool)
{
	struct spool_batch *batch = &spool->batch;
	for (size_t i = 0; i < spool->message_list.count; i++) {
		const struct pending *pending = &spool->message_list.items[i];
		if (!pending->large)
			continue;
		ARRAY_GROW(batch->larges, batch->large_count, batch->large_room);
		batch->larges[batch->large_count++] =
			(struct batch_large){pending->large, pending->at};
	}
}

static void batch_reset(struct spool_batch *batch)
{
	buffer_clear(&batch->lead);
	buffer_clear(&batch->moves);
	buffer_clear(&batch->messages);
	buffer_clear(&batch->tail);
	batch->large_count = 0;
	batch->error = ERROR_NONE;
	batch->free_octets = UINT64_MAX;
	batch->opens = false;
	batch->old_file = NULL;
	batch->file = NULL;
	batch->octets = 0;
}

static void batch_opening(struct spool *spool, struct record_key *key)
{
	struct spool_batch *batch = &spool->batch;
	batch->opens = true;
	batch->number = segment_find_ready(spool);
	batch->offset = 0;
	batch->old_file = spool->file;
	spool->file = NULL;
	lead_add(spool, batch, key);
	if (spool->current != SPOOL_NOWHERE) {
		struct segment *old = segment_of(spool, spool->current);
		old->state = SEGMENT_CLOSED; /* `newest` keeps it until the roster stands */
		old->end_sequence = spool->next_sequence;
	}
	spool->current = batch->number;
	segment_of(spool, batch->number)->state = SEGMENT_CURRENT;
}

static void batch_seal(struct spool *spool, struct record_key *key, size_t last_state)
{
	struct spool_batch *batch = &spool->batch;
	const struct buffer *last = &batch->lead;
	size_t last_at = batch->lead.length ? BLOCK_OCTETS : 0;
	const size_t message_count = spool->sent.count;
	if (batch->tail.length) {
		last = &batch->tail;
		last_at = last_state;
	} else if (batch->messages.length) {
		last = &batch->messages;
		last_at = spool->sent.items[message_count - 1].at;
	} else if (batch->moves.length) {
		last = &batch->moves;
		last_at = spool->sent.items[message_count - 1].at;
	}
	uint64_t offset = batch->offset;
	seal_all(batch, &batch->lead, BLOCK_OCTETS, offset, key, last, last_at);
	offset += batch->lead.length;
	seal_all(batch, &batch->moves, 0, offset, key, last, last_at);
	offset += batch->moves.length;
	seal_all(batch, &batch->messages, 0, offset, key, last, last_at);
	offset += batch->messages.length;
	seal_all(batch, &batch->tail, 0, offset, key, last, last_at);
	offset += batch->tail.length;
	batch->end_sequence = key->sequence;
	const uint64_t whole = align_up(offset, BLOCK_OCTETS);
	buffer_add_zeros(&batch->tail, whole - offset);
	must(!buffer_failed(&batch->tail) && !buffer_failed(&batch->lead));
	batch->octets = whole - batch->offset;
	batch->end = (uint32_t)(batch->sync ? whole : offset);
}

static struct spool_batch *batch_fill(struct spool *spool, const struct batch_plan *plan)
{
	struct spool_batch *batch = &spool->batch;
	struct record_key key;
	if (plan->opens) {
		batch_opening(spool, &key);
	} else {
		const struct segment *segment = segment_of(spool, spool->current);
		key = (struct record_key){segment->generation, segment->salt, spool->next_sequence};
		batch->number = spool->current;
		batch->offset = segment->end;
		batch->file = spool->file;
	}
	batch->name = segment_name(batch->number);
	uint64_t offset = batch->offset + batch->lead.length;
	swap_buffers(&batch->moves, &spool->moves);
	pending_send(spool, &spool->move_list, spool->move_list.count, offset);
	offset += batch->moves.length;
	if (plan->messages) {
		larges_collect(spool);
		swap_buffers(&batch->messages, &spool->messages);
		pending_send(spool, &spool->message_list, spool->message_list.count, offset);
		offset += batch->messages.length;
	}
	size_t last = states_add(spool, plan->states, offset);
	if (offset + batch->tail.length == batch->offset) /* a sync needs an end of its own */
		record_end(&batch->tail, last = record_begin(&batch->tail, RECORD_NOTE, 0), 0);
	const uint64_t octets = offset + batch->tail.length - batch->offset;
	batch->sync = plan->opens || plan->messages || batch->moves.length || spool->force ||
		      spool->flush || spool->unsynced + octets > spool->limits.lazy_octets;
	batch_seal(spool, &key, last);
	spool->batch_out = true;
	return batch;
}

static bool is_anything_waiting(const struct spool *spool)
{
	return spool->message_list.count || spool->move_list.count || spool->state_list.count;
}

struct spool_batch *spool_batch_take(struct spool *spool)
{
	struct batch_plan plan;
	if (spool->batch_out || spool->paused)
		return NULL;
	if (is_anything_waiting(spool))
		space_settle(spool); /* may refuse what waits */
	if (!is_anything_waiting(spool) && !spool->unsynced && !spool->sent.count)
		spool->flush = false;
	if (!is_anything_waiting(spool) && !spool->force && !spool->flush)
		return NULL;
	if (!batch_plan(spool, &plan) && !spool->flush)
		return NULL;
	spool->sent_before = spool->sent.count;
	if (plan.opens && (spool->sent.count || spool->unsynced)) {
		/* lazily written records end a segment: sync them before the next is opened */
		batch_reset(&spool->batch);
		spool->batch.number = spool->current;
		spool->batch.file = spool->file;
		spool->batch.sync = true;
		spool->batch.end = spool->segments[spool->current].end;
		spool->batch.end_sequence = spool->next_sequence;
		spool->batch_out = true;
		return &spool->batch;
	}
	if (plan.opens && segment_find_ready(spool) == SPOOL_NOWHERE)
		return NULL;
	batch_reset(&spool->batch);
	return batch_fill(spool, &plan);
}

/* --- writing: in any thread --------------------------------------------------------------- */

/* A large content that failed takes only its own message down: its record becomes a note. */
static void larges_finish(struct disk *disk, struct spool_batch *batch)
{
	for (size_t i = 0; i < batch->large_count; i++) {
		const struct batch_large *large = &batch->larges[i];
		if (spool_large_finish(disk, large->large) == ERROR_NONE)
			continue;
		uint8_t flags;
		const struct record_key key = record_key_of(&batch->messages, large->at, &flags);
		record_void(&batch->messages, large->at);
		record_seal(&batch->messages, large->at, &key, flags);
	}
}

enum error spool_batch_write(struct disk *disk, struct spool_batch *batch)
{
	disk_close(disk, &batch->old_file);
	larges_finish(disk, batch);
	if (!batch->file)
		batch->error = disk_open(disk, name_view(&batch->name), DISK_WRITE, &batch->file);
	if (batch->error == ERROR_NONE && batch->octets) {
		const struct view parts[] = {buffer_view(&batch->lead), buffer_view(&batch->moves),
			buffer_view(&batch->messages), buffer_view(&batch->tail)};
		batch->error = disk_write(disk, batch->file, batch->offset, parts, 4);
	}
	if (batch->error == ERROR_NONE && batch->sync)
		batch->error = disk_sync(disk, batch->file);
	uint64_t free_octets;
	if (disk_space(disk, &free_octets) == ERROR_NONE)
		batch->free_octets = free_octets;
	return batch->error;
}

/* --- done --------------------------------------------------------------------------------- */

static void message_refuse(struct spool *spool, struct pending *pending, enum error error)
{
	outcome_add(spool, &(struct spool_outcome){.kind = SPOOL_REFUSED,
				   .error = error,
				   .id = {pending->id},
				   .ticket = pending->ticket});
	spool_large_abort(spool, &pending->large);
}

static void message_settle(struct spool *spool, struct pending *pending)
{
	if (pending->large && pending->large->error != ERROR_NONE) {
		message_refuse(spool, pending, pending->large->error);
		return;
	}
	struct message_body body;
	const struct view all = buffer_view(&spool->batch.messages);
	const struct view header = view_from(all, pending->at);
	struct cursor c = cursor_of(view_part(header, 32, 4));
	const uint32_t length = cursor_u32(&c);
	must(message_body_parse(view_part(header, RECORD_OCTETS, length), &body));
	struct spool_entry *entry = index_add(spool, pending->id, body.recipients);
	entry->arrival_s = body.arrival_s;
	entry->large = body.large;
	entry->content_octets = body.content_octets;
	entry->content_sum = body.content_sum;
	entry->envelope_octets = body.envelope_octets;
	entry->segment = pending->segment;
	entry->offset = pending->offset;
	spool->content_octets += entry->content_octets + entry->envelope_octets;
	if (entry->large)
		spool->large_octets += entry->content_octets;
	segment_live_add(spool, entry->segment, body.content.length + body.envelope_octets);
	segment_saw_message(spool, entry->segment, pending->id);
	if (pending->large)
		large_free(spool, &pending->large);
	outcome_add(spool, &(struct spool_outcome){.kind = SPOOL_ACCEPTED,
				   .id = entry->id,
				   .ticket = pending->ticket,
				   .envelope = body.envelope,
				   .content = body.content});
}

static void move_settle(struct spool *spool, const struct pending *pending)
{
	struct spool_entry *entry = index_find(spool, pending->id);
	must(entry && entry->moving);
	const uint32_t before = entry->segment;
	const uint64_t octets = entry->envelope_octets + (entry->large ? 0 : entry->content_octets);
	entry->segment = pending->segment;
	entry->offset = pending->offset;
	entry->moving = false;
	segment_live_add(spool, entry->segment, octets);
	segment_saw_message(spool, entry->segment, pending->id);
	segment_hold(spool, entry->segment, before);
	compact_inherit(spool, entry->segment, pending->id);
	segment_live_drop(spool, before, octets);
	compact_settled(spool, true);
}

static void state_settle(struct spool *spool, const struct pending *pending)
{
	struct spool_entry *entry = index_find(spool, pending->id);
	must(entry);
	struct spool_recipient *recipient = &entry->recipients[pending->recipient];
	must(recipient->pending > 0);
	recipient->pending--;
	spool->states_durable += pending->kind == PENDING_STATE;
	recipient_settle(spool, recipient, pending->segment, pending->offset);
	if (pending->kind == PENDING_RELOG)
		compact_settled(spool, true);
	else if (spool_state_is_final(pending->state))
		entry->unsettled--;
	if (pending->kind == PENDING_STATE && entry->unsettled == 0)
		entry_end(spool, entry);
}

static void end_settle(struct spool *spool, const struct pending *pending)
{
	struct spool_entry *entry = index_find(spool, pending->id);
	must(entry && entry->unsettled == 0);
	segment_hold(spool, pending->segment, entry->segment);
	entry_finish(spool, entry, false);
}

static void sent_settle(struct spool *spool)
{
	for (size_t i = 0; i < spool->sent.count; i++) {
		struct pending *pending = &spool->sent.items[i];
		switch (pending->kind) {
		case PENDING_MESSAGE:
			message_settle(spool, pending);
			break;
		case PENDING_MOVE:
			move_settle(spool, pending);
			break;
		case PENDING_STATE:
		case PENDING_RELOG:
			state_settle(spool, pending);
			break;
		case PENDING_END:
			end_settle(spool, pending);
			break;
		case PENDING_DONE:
			compact_inherit(spool, pending->segment, pending->id);
			compact_settled(spool, true);
			break;
		}
	}
	spool->sent.count = 0;
	buffer_clear(&spool->sent_states);
	spool->unsynced = 0;
	spool->durable_sequence = spool->next_sequence;
}

static void move_fail(struct spool *spool, const struct pending *pending)
{
	struct spool_entry *entry = index_find(spool, pending->id);
	must(entry && entry->moving);
	entry->moving = false;
	compact_settled(spool, false);
}

/* Refuses messages, forgets copies, and puts states back in front of those that came later. */
static void sent_fail(struct spool *spool, enum error error)
{
	struct pending_list later = spool->state_list;
	struct buffer later_bodies = spool->states;
	spool->state_list = (struct pending_list){0};
	spool->states = buffer_new(later_bodies.max);
	for (size_t pass = 0; pass < 2; pass++) {
		const struct pending_list *from = pass ? &later : &spool->sent;
		const struct buffer *bodies = pass ? &later_bodies : &spool->sent_states;
		for (size_t i = 0; i < from->count; i++) {
			struct pending pending = from->items[i];
			if (pending.kind == PENDING_MESSAGE) {
				message_refuse(spool, &pending, error);
				continue;
			}
			if (pending.kind == PENDING_MOVE) {
				move_fail(spool, &pending);
				continue;
			}
			const struct view body =
				view_part(buffer_view(bodies), pending.at, pending.length);
			pending.at = spool->states.length;
			buffer_add(&spool->states, body);
			pending_add(&spool->state_list, &pending);
		}
	}
	must(!buffer_failed(&spool->states));
	memory_free(later.items);
	buffer_free(&later_bodies);
	spool->sent.count = 0;
	buffer_clear(&spool->sent_states);
	spool->unsynced = 0;
	spool->next_sequence = spool->durable_sequence;
}

/* The segment is given up; what it holds durably stays readable. The roster of the next opening
 * says where it ends, which makes what may have reached the disk after that void. */
static void batch_fail(struct spool *spool, const struct spool_batch *batch)
{
	struct segment *segment = segment_of(spool, batch->number);
	segment->state = SEGMENT_CLOSED;
	segment->abandoned = true;
	segment->end_sequence = spool->durable_sequence;
	spool->current = SPOOL_NOWHERE;
	spool->force = true;
	spool->failures++;
	spool->failures_in_row++;
	spool->last_error = batch->error;
	spool->paused = spool->failures_in_row > 1; /* a tick lifts it: no race through segments */
	log_error("spool batch failed", fact_error(batch->error),
		fact_number("segment", batch->number), fact_number("offset", batch->offset),
		fact_number("octets", batch->octets));
	disk_close(spool->disk, &spool->file);
	sent_fail(spool, batch->error);
	segment_check(spool, batch->number);
}

void spool_batch_done(struct spool *spool, struct spool_batch *batch)
{
	must(spool->batch_out && batch == &spool->batch);
	spool->batch_out = false;
	spool->batches++;
	disk_close(spool->disk, &batch->old_file);
	spool->file = batch->file;
	batch->file = NULL;
	if (batch->free_octets != UINT64_MAX)
		spool->free_octets = batch->free_octets;
	if (batch->error != ERROR_NONE) {
		batch_fail(spool, batch);
		compact_check(spool);
		return;
	}
	segment_of(spool, batch->number)->end = batch->end;
	spool->next_sequence = batch->end_sequence;
	if (!batch->sync) {
		spool->unsynced += batch->octets;
		return;
	}
	spool->failures_in_row = 0;
	if (batch->opens) {
		const uint32_t before = spool->newest;
		spool->newest = batch->number;
		spool->force = false;
		if (before != SPOOL_NOWHERE)
			segment_check(spool, before);
	}
	if (batch->octets)
		spool->flush = false;
	sent_settle(spool);
	compact_check(spool);
}
