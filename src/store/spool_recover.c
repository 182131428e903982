#include "store/spool_internal.h"

#include "base/log.h"

#include <stdlib.h>

#define WINDOW_OCTETS (1024u * 1024u)
#define NAMES_MAX (64u * 1024u * 1024u)
#define ID_STEP_BITS 20 /* after a recovery ids go on in a later step of 2^20 */

/* A state whose message was not seen before it: its message may have moved behind it, or be gone. */
struct orphan {
	uint64_t id;
	int64_t next_attempt_s;
	uint32_t recipient;
	uint32_t segment;
	uint32_t offset;
	uint16_t attempts;
	uint8_t state;
	bool this_boot;
};

/* Reads a segment record by record. */
struct chain {
	uint32_t number;
	struct record_key key;
	uint64_t offset;
	struct disk_file *file;
	uint64_t window_offset;
	size_t window_length;
	bool ended_by_flag; /* the record before was RECORD_LAST */
};

struct recovery {
	struct spool *spool;
	struct spool_report *report;
	struct segment_header *headers; /* by number: header_of */
	uint32_t header_count;
	struct roster_entry *roster; /* of the newest opening */
	size_t roster_count;
	uint32_t newest;
	uint8_t *window;
	size_t window_room;
	struct orphan *orphans;
	size_t orphan_count;
	size_t orphan_room;
	uint64_t highest_id;
	uint64_t tail_start; /* the last batch of the newest opening */
	uint64_t tail_end;
};

static const struct segment_header *header_of(const struct recovery *r, uint32_t number)
{
	static const struct segment_header none; /* octets 0 */
	return number < r->header_count ? &r->headers[number] : &none;
}

/* --- reading a chain ---------------------------------------------------------------------- */

static enum error chain_open(struct recovery *r, struct chain *chain, uint32_t number)
{
	const struct segment_header *header = header_of(r, number);
	const struct spool_name name = segment_name(number);
	*chain = (struct chain){.number = number,
		.key = {header->generation, header->salt, header->first_sequence},
		.offset = BLOCK_OCTETS};
	return disk_open(r->spool->disk, name_view(&name), DISK_READ, &chain->file);
}

/* The octets at the chain's offset, at least `need` unless the file ends. */
static enum error chain_window(
	struct recovery *r, struct chain *chain, size_t need, struct view *window_out)
{
	const uint64_t have_end = chain->window_offset + chain->window_length;
	if (chain->offset < chain->window_offset || chain->offset + need > have_end) {
		if (need > r->window_room) {
			memory_free(r->window);
			r->window = memory_new(1, need);
			r->window_room = need;
		}
		chain->window_offset = chain->offset;
		chain->window_length = 0;
		const enum error error = disk_read(r->spool->disk, chain->file, chain->offset,
			r->window, r->window_room, &chain->window_length);
		if (error != ERROR_NONE)
			return error;
	}
	*window_out = view_from(view_of(r->window, chain->window_length),
		(size_t)(chain->offset - chain->window_offset));
	return ERROR_NONE;
}

/* The record at the chain's offset. *check_out: RECORD_WHOLE (body in memory, not yet checked) or
 * RECORD_BROKEN. Bodies are fetched only when `bodies`. */
static enum error chain_peek(struct recovery *r, struct chain *chain, bool bodies,
	struct record *record_out, enum record_check *check_out)
{
	struct view window;
	enum error error = chain_window(r, chain, RECORD_OCTETS, &window);
	if (error != ERROR_NONE)
		return error;
	*check_out = record_parse(window, &chain->key, record_out);
	if (*check_out == RECORD_CUT)
		*check_out = RECORD_BROKEN;
	if (*check_out != RECORD_BROKEN && chain->offset + record_octets(record_out->length) >
						   header_of(r, chain->number)->octets)
		*check_out = RECORD_BROKEN;
	if (*check_out != RECORD_SHORT)
		return ERROR_NONE;
	if (!bodies) {
		*check_out = RECORD_WHOLE;
		return ERROR_NONE;
	}
	error = chain_window(r, chain, (size_t)record_octets(record_out->length), &window);
	if (error != ERROR_NONE)
		return error;
	*check_out = record_parse(window, &chain->key, record_out);
	if (*check_out != RECORD_WHOLE)
		*check_out = RECORD_BROKEN;
	return ERROR_NONE;
}

static void chain_step(struct chain *chain, const struct record *record)
{
	chain->offset = record_next(chain->offset, record);
	chain->key.sequence++;
	chain->ended_by_flag = record->flags & RECORD_LAST;
}

/* --- files and headers -------------------------------------------------------------------- */

static enum error header_read(struct recovery *r, struct view name, uint32_t number)
{
	struct spool *spool = r->spool;
	uint8_t block[BLOCK_OCTETS];
	struct segment_header header;
	struct disk_file *file;
	uint64_t octets;
	size_t length;
	segment_table_grow(spool, number);
	enum error error = disk_open(spool->disk, name, DISK_READ, &file);
	if (error != ERROR_NONE)
		return error;
	error = disk_size(spool->disk, file, &octets);
	if (error == ERROR_NONE)
		error = disk_read(spool->disk, file, 0, block, sizeof block, &length);
	disk_close(spool->disk, &file);
	if (error != ERROR_NONE)
		return error;
	struct segment *segment = segment_of(spool, number);
	const struct view all = view_of(block, length);
	bool zeros = true;
	for (size_t i = 0; i < length; i++)
		zeros &= block[i] == 0;
	if (zeros) {
		segment->state = SEGMENT_DRAINED; /* a preparation that did not end */
		segment->abandoned = true;
		return ERROR_NONE;
	}
	if (!segment_header_parse(all, &header) || header.number != number ||
		(header.open && header.octets > octets) ||
		(spool->birth && header.birth != spool->birth)) {
		log_error("spool segment has no readable header: kept aside",
			fact_number("segment", number));
		segment->state = SEGMENT_ASIDE;
		r->report->corrupt_segments++;
		return ERROR_NONE;
	}
	spool->birth = header.birth;
	segment->octets = header.octets;
	segment->generation = header.generation;
	segment->salt = header.salt;
	if (!header.open) {
		const bool usable =
			header.octets == spool->limits.segment_octets && header.octets == octets;
		segment->state = usable ? SEGMENT_READY : SEGMENT_DRAINED;
		segment->abandoned = !usable;
		return ERROR_NONE;
	}
	segment->state = SEGMENT_DRAINED; /* unless a roster says otherwise */
	if (header.generation > spool->generation)
		spool->generation = header.generation;
	if (header.next_id > r->highest_id)
		r->highest_id = header.next_id;
	if (number >= r->header_count) {
		r->headers =
			memory_resize(r->headers, r->header_count, number + 1, sizeof *r->headers);
		r->header_count = number + 1;
	}
	r->headers[number] = header;
	return ERROR_NONE;
}

static enum error directory_read(struct recovery *r)
{
	struct spool *spool = r->spool;
	struct buffer names = buffer_new(NAMES_MAX);
	uint32_t number;
	enum error error = disk_make_directory(spool->disk, VIEW("large"));
	if (error == ERROR_NONE)
		error = disk_sync_directory(spool->disk, VIEW_NONE);
	if (error == ERROR_NONE || error == ERROR_EXISTS)
		error = disk_list(spool->disk, VIEW_NONE, &names);
	struct cursor c = cursor_of(buffer_view(&names));
	while (error == ERROR_NONE && cursor_left(&c)) {
		const struct view name = cursor_take(&c, cursor_u8(&c));
		if (segment_name_parse(name, &number) && number < SEGMENT_NUMBER_MAX)
			error = header_read(r, name, number);
	}
	buffer_free(&names);
	return error;
}

/* --- the newest roster -------------------------------------------------------------------- */

static void roster_parse(struct recovery *r, struct view body)
{
	struct cursor c = cursor_of(body);
	const uint64_t next_id = cursor_u64(&c);
	if (next_id > r->highest_id)
		r->highest_id = next_id;
	const struct view boot = cursor_take(&c, SPOOL_BOOT_OCTETS);
	const uint64_t boot_first = cursor_u64(&c);
	if (view_equal(boot, view_of(r->spool->boot, SPOOL_BOOT_OCTETS)))
		r->spool->boot_first = boot_first;
	const struct view machine = view_of(r->spool->boot, SPOOL_BOOT_MACHINE_OCTETS);
	r->spool->boot_is_new = !view_equal(view_first(boot, machine.length), machine);
	r->roster_count = cursor_left(&c) / ROSTER_ENTRY_OCTETS;
	r->roster = memory_new(r->roster_count, sizeof *r->roster);
	for (size_t i = 0; i < r->roster_count; i++)
		r->roster[i] = roster_entry_take(&c);
}

static enum error roster_try(struct recovery *r, uint32_t number, bool *good_out)
{
	struct chain chain;
	struct record record;
	enum record_check check = RECORD_BROKEN;
	*good_out = false;
	enum error error = chain_open(r, &chain, number);
	if (error == ERROR_NONE)
		error = chain_peek(r, &chain, true, &record, &check);
	if (error == ERROR_NONE && check == RECORD_WHOLE && record.type == RECORD_ROSTER &&
		record_body_good(&record) && record.length >= ROSTER_FIXED_OCTETS &&
		(record.length - ROSTER_FIXED_OCTETS) % ROSTER_ENTRY_OCTETS == 0) {
		roster_parse(r, record.body);
		*good_out = true;
	}
	disk_close(r->spool->disk, &chain.file);
	return error;
}

/* The opening of the highest generation whose roster is whole. Those above it were never synced. */
static enum error newest_find(struct recovery *r)
{
	struct spool *spool = r->spool;
	uint64_t below = (uint64_t)UINT32_MAX + 1;
	r->newest = SPOOL_NOWHERE;
	for (;;) {
		uint32_t best = SPOOL_NOWHERE;
		for (uint32_t i = 0; i < spool->segment_count; i++)
			if (header_of(r, i)->octets && header_of(r, i)->generation < below &&
				(best == SPOOL_NOWHERE || header_of(r, i)->generation >
								  header_of(r, best)->generation))
				best = i;
		if (best == SPOOL_NOWHERE)
			break;
		bool good;
		const enum error error = roster_try(r, best, &good);
		if (error != ERROR_NONE)
			return error;
		if (good) {
			r->newest = best;
			break;
		}
		log_warning(
			"spool opening without a whole roster: void", fact_number("segment", best));
		below = header_of(r, best)->generation;
	}
	return ERROR_NONE;
}

/* --- applying records --------------------------------------------------------------------- */

static void message_apply(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset)
{
	struct spool *spool = r->spool;
	struct message_body body;
	if (!message_body_parse(record->body, &body) || record->id == 0 ||
		body.recipients > UINT16_MAX * 16u)
		return;
	struct spool_entry *entry = index_find(spool, record->id);
	const uint64_t octets = body.content.length + body.envelope_octets;
	segment_saw_message(spool, segment, record->id);
	segment_live_add(spool, segment, octets);
	if (body.large > spool->next_large)
		spool->next_large = body.large;
	if (entry) {
		segment_hold(spool, segment, entry->segment);
		segment_live_drop(spool, entry->segment, octets);
	} else {
		entry = index_add(spool, record->id, body.recipients);
		entry->arrival_s = body.arrival_s;
		entry->large = body.large;
		entry->content_octets = body.content_octets;
		entry->content_sum = body.content_sum;
		entry->envelope_octets = body.envelope_octets;
		spool->content_octets += entry->content_octets + entry->envelope_octets;
		if (entry->large)
			spool->large_octets += entry->content_octets;
	}
	entry->segment = segment;
	entry->offset = offset;
}

static void state_apply(struct recovery *r, struct spool_entry *entry, const struct orphan *state)
{
	struct spool *spool = r->spool;
	if (state->recipient >= entry->recipient_count)
		return;
	struct spool_recipient *recipient = &entry->recipients[state->recipient];
	const bool was_final = spool_state_is_final((enum spool_state)recipient->state);
	recipient_apply(spool, entry, recipient, (enum spool_state)state->state, state->attempts,
		state->next_attempt_s, state->this_boot);
	recipient_settle(spool, recipient, state->segment, state->offset);
	if (!was_final && spool_state_is_final(recipient->state))
		entry->unsettled--;
	if (entry->unsettled == 0)
		entry_end(spool, entry);
}

static void state_read(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset)
{
	struct state_body body;
	if (!state_body_parse(record->body, &body))
		return;
	const struct orphan state = {.id = record->id,
		.next_attempt_s = body.next_attempt_s,
		.recipient = body.recipient,
		.segment = segment,
		.offset = offset,
		.attempts = body.attempts,
		.state = (uint8_t)body.state,
		.this_boot = view_equal(body.boot, view_of(r->spool->boot, SPOOL_BOOT_OCTETS))};
	struct spool_entry *entry = index_find(r->spool, record->id);
	if (entry) {
		state_apply(r, entry, &state);
		return;
	}
	ARRAY_GROW(r->orphans, r->orphan_count, r->orphan_room);
	r->orphans[r->orphan_count++] = state;
}

/* Newest first: what was set from a later record, or a later orphan, stands. */
static void orphans_apply(struct recovery *r)
{
	for (size_t i = r->orphan_count; i > 0; i--) {
		const struct orphan *state = &r->orphans[i - 1];
		struct spool_entry *entry = index_find(r->spool, state->id);
		if (entry && state->recipient < entry->recipient_count &&
			entry->recipients[state->recipient].segment == SPOOL_NOWHERE)
			state_apply(r, entry, state);
	}
}

static void done_apply(struct recovery *r, uint64_t id, uint32_t segment)
{
	struct spool_entry *entry = index_find(r->spool, id);
	if (!entry)
		return;
	segment_hold(r->spool, segment, entry->segment);
	entry_finish(r->spool, entry, false);
}

static void record_apply(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset)
{
	if (record->id > r->highest_id)
		r->highest_id = record->id;
	r->report->records++;
	switch (record->type) {
	case RECORD_MESSAGE:
		message_apply(r, record, segment, offset);
		return;
	case RECORD_STATE:
		state_read(r, record, segment, offset);
		return;
	case RECORD_DONE:
		done_apply(r, record->id, segment);
		return;
	case RECORD_ROSTER:
	case RECORD_NOTE:
		return;
	}
}

/* --- reading segments --------------------------------------------------------------------- */

static void record_lost(struct recovery *r, const struct chain *chain, uint64_t id)
{
	r->report->corrupt_records++;
	segment_of(r->spool, chain->number)->corrupt = true;
	log_error("spool record is corrupt", fact_number("segment", chain->number),
		fact_number("offset", chain->offset), fact_hex("id", id));
}

/* Applies records up to `end`; a bad body below `sure` was durable once and is told loudly, one
 * above it ends the chain. */
static enum error chain_replay(struct recovery *r, struct chain *chain, uint64_t end, uint64_t sure)
{
	r->report->segments++;
	while (chain->key.sequence < end) {
		struct record record;
		enum record_check check;
		const enum error error = chain_peek(r, chain, true, &record, &check);
		if (error != ERROR_NONE)
			return error;
		if (check != RECORD_WHOLE)
			break;
		if (record_body_good(&record))
			record_apply(r, &record, chain->number, (uint32_t)chain->offset);
		else if (chain->key.sequence < sure)
			record_lost(r, chain, record.id);
		else
			break;
		chain_step(chain, &record);
	}
	return ERROR_NONE;
}

/* In the newest opening nobody wrote the end down. But a batch begins only when the one before it was
 * synced: whatever lies before the start of the last batch seen was durable. */
static enum error sure_find(struct recovery *r, uint64_t *sure_out)
{
	struct chain chain;
	*sure_out = header_of(r, r->newest)->first_sequence;
	r->tail_start = 0; /* the first batch has the header in it */
	enum error error = chain_open(r, &chain, r->newest);
	while (error == ERROR_NONE) {
		struct record record;
		enum record_check check;
		error = chain_peek(r, &chain, false, &record, &check);
		if (error != ERROR_NONE || check != RECORD_WHOLE)
			break;
		if (chain.ended_by_flag) {
			*sure_out = chain.key.sequence;
			r->tail_start = chain.offset;
		}
		chain_step(&chain, &record);
	}
	r->tail_end = chain.offset;
	disk_close(r->spool->disk, &chain.file);
	return error;
}

static int roster_order(const void *a, const void *b)
{
	const uint32_t left = ((const struct roster_entry *)a)->generation;
	const uint32_t right = ((const struct roster_entry *)b)->generation;
	return left < right ? -1 : left > right;
}

static bool is_blank(const struct recovery *r, uint32_t number)
{
	const struct spool *spool = r->spool;
	return number < spool->segment_count &&
	       (spool->segments[number].state == SEGMENT_READY ||
		       spool->segments[number].state == SEGMENT_DRAINED) &&
	       spool->segments[number].octets && header_of(r, number)->octets == 0;
}

/* What the roster lists and reads as BLANK may be so in memory only, after a sync that failed. It would be taken
 * again, and a power cut bring back its header, and the mail below it. So it is blanked once more. */
static enum error blank_again(struct recovery *r, uint32_t number)
{
	struct buffer block = buffer_new(BLOCK_OCTETS);
	segment_blank_header(r->spool, number, r->spool->segments[number].octets, &block);
	const enum error error = segment_blank(r->spool->disk, number, buffer_view(&block));
	buffer_free(&block);
	if (error != ERROR_NONE)
		log_error("spool segment cannot be made blank for sure", fact_error(error),
			fact_number("segment", number));
	return error;
}

/* True when the roster's opening is still on disk. One that was recycled since is no loss. */
static bool entry_stands(struct recovery *r, const struct roster_entry *entry)
{
	struct spool *spool = r->spool;
	const uint32_t number = entry->number;
	const struct segment *segment =
		number < spool->segment_count ? &spool->segments[number] : NULL;
	const bool there = segment && segment->state != SEGMENT_ABSENT;
	if (there && segment->state == SEGMENT_ASIDE)
		return false; /* counted already */
	if (there && header_of(r, number)->octets &&
		(header_of(r, number)->generation != entry->generation ||
			header_of(r, number)->salt != entry->salt))
		return false;
	if (there && header_of(r, number)->octets)
		return true;
	log_error("spool segment is missing", fact_number("segment", number));
	r->report->corrupt_segments++;
	return false;
}

static enum error listed_read(struct recovery *r, const struct roster_entry *entry)
{
	struct chain chain;
	if (entry->number < r->spool->segment_count)
		r->spool->segments[entry->number].listed = header_of(r, r->newest)->generation;
	if (is_blank(r, entry->number))
		return blank_again(r, entry->number);
	if (!entry_stands(r, entry))
		return ERROR_NONE;
	struct segment *segment = segment_of(r->spool, entry->number);
	segment->state = SEGMENT_CLOSED;
	segment->abandoned = entry->flags & ROSTER_ABANDONED;
	segment->corrupt = entry->flags & ROSTER_CORRUPT;
	segment->end_sequence = entry->end_sequence;
	enum error error = chain_open(r, &chain, entry->number);
	if (error == ERROR_NONE)
		error = chain_replay(r, &chain, entry->end_sequence, entry->end_sequence);
	disk_close(r->spool->disk, &chain.file);
	if (error == ERROR_NONE && chain.key.sequence < entry->end_sequence) {
		log_error("spool segment ends too early", fact_number("segment", entry->number),
			fact_number("offset", chain.offset),
			fact_number("records", entry->end_sequence - chain.key.sequence));
		segment->corrupt = true;
		r->report->corrupt_records += entry->end_sequence - chain.key.sequence;
	}
	if (segment->corrupt)
		r->report->corrupt_segments++;
	segment->end = (uint32_t)chain.offset;
	return error;
}

/* What was written but perhaps not synced when the process died is written again, octet by octet the
 * same, and synced: a sync alone may say yes to data that an earlier, failed sync has lost. Before it
 * is read: after a failure reads may show what the disk has, which is less. */
static enum error tail_rewrite(struct recovery *r)
{
	struct spool *spool = r->spool;
	const struct spool_name name = segment_name(r->newest);
	const size_t octets = (size_t)(r->tail_end - r->tail_start);
	uint8_t *copy = memory_new(1, octets);
	struct disk_file *file;
	size_t length = 0;
	enum error error = disk_open(spool->disk, name_view(&name), DISK_WRITE, &file);
	if (error == ERROR_NONE)
		error = disk_read(spool->disk, file, r->tail_start, copy, octets, &length);
	const struct view part = view_of(copy, length);
	if (error == ERROR_NONE)
		error = disk_write(spool->disk, file, r->tail_start, &part, 1);
	if (error == ERROR_NONE)
		error = disk_sync(spool->disk, file);
	disk_close(spool->disk, &file);
	memory_free(copy);
	return error;
}

static enum error newest_read(struct recovery *r)
{
	struct spool *spool = r->spool;
	struct segment *segment = segment_of(spool, r->newest);
	struct chain chain;
	uint64_t sure;
	segment->state = SEGMENT_CLOSED;
	enum error error = sure_find(r, &sure);
	if (error != ERROR_NONE)
		return error;
	error = tail_rewrite(r);
	if (error != ERROR_NONE) {
		log_error("spool tail cannot be made sure", fact_error(error),
			fact_number("segment", r->newest));
		return error;
	}
	error = chain_open(r, &chain, r->newest);
	if (error == ERROR_NONE)
		error = chain_replay(r, &chain, UINT64_MAX, sure);
	disk_close(spool->disk, &chain.file);
	if (error != ERROR_NONE)
		return error;
	segment->end_sequence = chain.key.sequence;
	segment->end = (uint32_t)chain.offset;
	if (segment->corrupt)
		r->report->corrupt_segments++;
	spool->newest = r->newest;
	spool->next_sequence = chain.key.sequence;
	return ERROR_NONE;
}

/* --- large files -------------------------------------------------------------------------- */

static int number_order(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a;
	const uint64_t right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* Files without a message go; messages without a file are told. */
static enum error larges_match(struct recovery *r)
{
	struct spool *spool = r->spool;
	struct buffer names = buffer_new(NAMES_MAX);
	const enum error error = disk_list(spool->disk, VIEW("large"), &names);
	size_t wanted_count = 0;
	uint64_t *wanted = memory_new((size_t)spool->message_count, sizeof *wanted);
	for (const struct spool_entry *e = spool->oldest; e; e = e->newer)
		if (e->large)
			wanted[wanted_count++] = e->large;
	qsort(wanted, wanted_count, sizeof *wanted, number_order);
	size_t found = 0;
	struct cursor c = cursor_of(buffer_view(&names));
	while (error == ERROR_NONE && cursor_left(&c)) {
		uint64_t number;
		if (!large_name_parse(cursor_take(&c, cursor_u8(&c)), &number))
			continue;
		if (number > spool->next_large)
			spool->next_large = number;
		if (bsearch(&number, wanted, wanted_count, sizeof *wanted, number_order)) {
			found++;
			continue;
		}
		removal_add(spool, number);
		r->report->large_orphans++;
	}
	if (error == ERROR_NONE && found < wanted_count) {
		r->report->large_missing = wanted_count - found;
		log_error("spool contents are missing",
			fact_number("count", r->report->large_missing));
	}
	memory_free(wanted);
	buffer_free(&names);
	return error;
}

/* --- all of it ---------------------------------------------------------------------------- */

static enum error segments_read(struct recovery *r)
{
	qsort(r->roster, r->roster_count, sizeof *r->roster, roster_order);
	for (size_t i = 0; i < r->roster_count; i++) {
		const enum error error = listed_read(r, &r->roster[i]);
		if (error != ERROR_NONE)
			return error;
	}
	return newest_read(r);
}

static enum error recover(struct recovery *r)
{
	struct spool *spool = r->spool;
	enum error error = directory_read(r);
	if (error == ERROR_NONE)
		error = newest_find(r);
	if (error == ERROR_NONE && r->newest != SPOOL_NOWHERE)
		error = segments_read(r);
	if (error != ERROR_NONE)
		return error;
	orphans_apply(r);
	index_sort(spool);
	return larges_match(r);
}

enum error spool_recover(struct spool *spool, struct spool_report *report)
{
	struct recovery r = {.spool = spool, .report = report, .newest = SPOOL_NOWHERE};
	r.window_room = spool->limits.segment_octets < WINDOW_OCTETS ? spool->limits.segment_octets
								     : WINDOW_OCTETS;
	r.window = memory_new(1, r.window_room);
	spool->recovering = true;
	spool->boot_is_new = true;
	const enum error error = recover(&r);
	spool->recovering = false;
	memory_free(r.window);
	memory_free(r.headers);
	memory_free(r.roster);
	memory_free(r.orphans);
	if (error != ERROR_NONE)
		return error;
	if (!spool->birth)
		spool->birth = spool_draw(spool) | 1;
	/* ids that a lost tail had given out are never given again */
	const uint64_t step = (r.highest_id >> ID_STEP_BITS) + 1 + (spool_draw(spool) & 0xffff);
	spool->next_id = step << ID_STEP_BITS;
	if (spool->boot_first == 0)
		spool->boot_first = spool->next_id;
	spool->next_large += 1 + (spool_draw(spool) & 0xffff);
	if (spool->next_sequence == 0)
		spool->next_sequence = 1;
	spool->durable_sequence = spool->next_sequence;
	for (struct spool_entry *entry = spool->oldest; entry; entry = entry->newer)
		if (entry->unsettled == 0)
			entry_end(spool, entry);
	report->messages = spool->message_count;
	report->recipients = spool->recipient_count;
	segment_check_all(spool);
	if (disk_space(spool->disk, &spool->free_octets) != ERROR_NONE)
		spool->free_octets = UINT64_MAX;
	return ERROR_NONE;
}
