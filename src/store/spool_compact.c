#include "store/spool_internal.h"

#include "base/log.h"

/* --- what is copied ----------------------------------------------------------------------- */

/* What the victim holds, whoever has its record of `id` from now on must hold. Too much is harmless:
 * it delays a recycling; too little brings a finished message back. */
void compact_inherit(struct spool *spool, uint32_t number, uint64_t id)
{
	const struct compaction *compaction = &spool->compaction;
	if (compaction->victim == SPOOL_NOWHERE || number == compaction->victim)
		return;
	for (uint32_t i = 0; i < compaction->holds_at_start; i++) {
		const struct segment_hold hold = segment_of(spool, compaction->victim)->holds[i];
		const struct segment *older = segment_of(spool, hold.number);
		if (segment_hold_stands(spool, &hold) && id >= older->id_low &&
			id <= older->id_high)
			segment_hold_opening(spool, number, &hold);
	}
}

/* Whether an older segment may still show `id`, which is finished. */
static bool is_haunted(struct spool *spool, uint64_t id)
{
	const struct segment *victim = segment_of(spool, spool->compaction.victim);
	for (uint32_t i = 0; i < spool->compaction.holds_at_start; i++) {
		const struct segment *older = segment_of(spool, victim->holds[i].number);
		if (segment_hold_stands(spool, &victim->holds[i]) && id >= older->id_low &&
			id <= older->id_high)
			return true;
	}
	return false;
}

static void done_copy(struct spool *spool, uint64_t id)
{
	struct compaction *compaction = &spool->compaction;
	if (compaction->last_done == id || !is_haunted(spool, id))
		return;
	compaction->last_done = id;
	compaction->outstanding++;
	state_queue(spool, NULL, PENDING_DONE, id);
}

static void message_copy(struct spool *spool, const struct record *record,
	struct spool_entry *entry, uint32_t offset)
{
	struct compaction *compaction = &spool->compaction;
	if (entry->segment != compaction->victim || entry->offset != offset) {
		compact_inherit(spool, entry->segment, record->id);
		return;
	}
	if (entry->open_count == 0 || entry->moving) {
		compaction->incomplete = true; /* about to finish: it must not be copied now */
		return;
	}
	const struct pending pending = {
		.kind = PENDING_MOVE, .id = record->id, .at = spool->moves.length};
	const size_t at = record_begin(&spool->moves, RECORD_MESSAGE, record->id);
	buffer_add(&spool->moves, record->body);
	record_end(&spool->moves, at, record->summed);
	must(!buffer_failed(&spool->moves));
	pending_add(&spool->move_list, &pending);
	entry->moving = true;
	compaction->outstanding++;
}

static void state_copy(struct spool *spool, const struct record *record, struct spool_entry *entry,
	uint32_t offset)
{
	struct compaction *compaction = &spool->compaction;
	struct state_body body;
	if (!state_body_parse(record->body, &body) || body.recipient >= entry->recipient_count)
		return;
	struct spool_recipient *recipient = &entry->recipients[body.recipient];
	if (recipient->segment != compaction->victim || recipient->offset != offset ||
		recipient->pending || entry->open_count == 0)
		return;
	recipient->pending++;
	compaction->outstanding++;
	state_queue(spool, &body, PENDING_RELOG, record->id);
}

static void record_copy(struct spool *spool, const struct record *record, uint32_t offset)
{
	struct spool_entry *entry = index_find(spool, record->id);
	switch (record->type) {
	case RECORD_MESSAGE:
		if (entry)
			message_copy(spool, record, entry, offset);
		else
			done_copy(spool, record->id);
		return;
	case RECORD_STATE:
		if (entry)
			state_copy(spool, record, entry, offset);
		else
			done_copy(spool, record->id);
		return;
	case RECORD_DONE:
		done_copy(spool, record->id);
		return;
	case RECORD_ROSTER:
	case RECORD_NOTE:
		return;
	}
}

/* --- the steps ---------------------------------------------------------------------------- */

/* The sparsest closed segment, if it is sparse enough; when space is short, sooner. */
static uint32_t victim_find(const struct spool *spool)
{
	const struct spool_limits *limits = &spool->limits;
	const bool short_of = !space_can_come(spool);
	const uint64_t percent = short_of ? 90 : limits->compact_live_percent;
	uint32_t best = SPOOL_NOWHERE;
	uint32_t closed = 0;
	for (uint32_t i = 0; i < spool->segment_count; i++) {
		const struct segment *segment = &spool->segments[i];
		closed += segment->state == SEGMENT_CLOSED && !segment->corrupt;
		if (segment->state != SEGMENT_CLOSED || segment->corrupt || segment->compacted ||
			segment->pins || i == spool->newest ||
			segment->live_octets * 100 > segment->octets * percent)
			continue;
		if (best == SPOOL_NOWHERE ||
			segment->live_octets < spool->segments[best].live_octets)
			best = i;
	}
	return short_of || closed >= limits->compact_segments_min ? best : SPOOL_NOWHERE;
}

bool compact_take(struct spool *spool, struct spool_chore *chore)
{
	struct compaction *compaction = &spool->compaction;
	if (spool->paused || spool->move_list.count || compaction->outstanding ||
		compaction->failed || compaction->scanned)
		return false; /* one step at a time */
	if (compaction->victim == SPOOL_NOWHERE) {
		const uint32_t victim = victim_find(spool);
		if (victim == SPOOL_NOWHERE)
			return false;
		const struct segment *segment = segment_of(spool, victim);
		*compaction = (struct compaction){.victim = victim,
			.offset = 0,
			.octets = spool->limits.compact_step_octets,
			.holds_at_start = segment->hold_count};
	}
	chore->kind = CHORE_READ;
	chore->number = compaction->victim;
	chore->offset = compaction->offset;
	chore->octets = compaction->octets;
	return true;
}

/* The end of a victim: its holds have been taken over by whoever has its records now. */
static void victim_release(struct spool *spool, bool whole)
{
	struct compaction *compaction = &spool->compaction;
	struct segment *segment = segment_of(spool, compaction->victim);
	const uint32_t number = compaction->victim;
	const uint32_t drop = whole && !compaction->incomplete ? compaction->holds_at_start : 0;
	for (uint32_t i = drop; i < segment->hold_count; i++)
		segment->holds[i - drop] = segment->holds[i];
	segment->hold_count -= drop;
	/* again only after something has changed there */
	segment->compacted = whole;
	*compaction = (struct compaction){.victim = SPOOL_NOWHERE};
	segment_check(spool, number);
}

void compact_check(struct spool *spool)
{
	struct compaction *compaction = &spool->compaction;
	if (compaction->victim == SPOOL_NOWHERE || spool->chore_out || compaction->outstanding)
		return;
	if (compaction->failed || compaction->scanned)
		victim_release(spool, !compaction->failed);
}

void compact_settled(struct spool *spool, bool durable)
{
	struct compaction *compaction = &spool->compaction;
	if (compaction->victim == SPOOL_NOWHERE)
		return;
	if (compaction->outstanding)
		compaction->outstanding--;
	if (!durable)
		compaction->failed = true;
}

/* Reads on from the front of `window`; false at the victim's end. */
static bool window_copy(struct spool *spool, struct view window)
{
	struct compaction *compaction = &spool->compaction;
	const struct segment *victim = segment_of(spool, compaction->victim);
	const uint64_t begin = compaction->offset;
	struct record record;
	if (compaction->offset == 0) {
		struct segment_header header;
		if (!segment_header_parse(window, &header))
			return false;
		compaction->offset = BLOCK_OCTETS;
		compaction->sequence = header.first_sequence;
	}
	while (compaction->sequence < victim->end_sequence) {
		const struct record_key key = {
			victim->generation, victim->salt, compaction->sequence};
		const struct view rest = view_from(window, (size_t)(compaction->offset - begin));
		compaction->octets = spool->limits.compact_step_octets;
		switch (record_parse(rest, &key, &record)) {
		case RECORD_BROKEN:
			compaction->failed = true;
			return false;
		case RECORD_SHORT:
			if (record_octets(record.length) > compaction->octets)
				compaction->octets = (uint32_t)record_octets(record.length);
			return true;
		case RECORD_CUT:
			return true;
		case RECORD_WHOLE:
			if (!record_body_good(&record)) {
				compaction->failed = true;
				return false;
			}
			record_copy(spool, &record, compaction->offset);
			break;
		}
		compaction->offset = (uint32_t)record_next(compaction->offset, &record);
		compaction->sequence++;
	}
	compaction->scanned = true;
	return false;
}

void compact_done(struct spool *spool, struct spool_chore *chore)
{
	struct compaction *compaction = &spool->compaction;
	must(compaction->victim == chore->number);
	const uint32_t offset = compaction->offset;
	const uint32_t octets = compaction->octets;
	if (chore->error != ERROR_NONE || compaction->failed) {
		compaction->failed = true;
		compact_check(spool);
		return;
	}
	const bool more = window_copy(spool, buffer_view(&chore->block));
	const bool stuck = more && offset == compaction->offset && octets >= compaction->octets;
	if (compaction->failed || stuck) {
		struct segment *victim = segment_of(spool, compaction->victim);
		log_error("spool segment is corrupt", fact_number("segment", compaction->victim),
			fact_number("offset", compaction->offset));
		victim->corrupt = true;
		compaction->failed = true;
	}
	buffer_clear(&chore->block);
	compact_check(spool);
}
