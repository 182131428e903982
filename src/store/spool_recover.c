#include "store/spool_recovery.h"

#include "base/log.h"

#include <stdlib.h>

#define WINDOW_OCTETS (1024u * 1024u)
#define ID_STEP_BITS 20 /* after a recovery ids go on in a later step of 2^20 */

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
			recovery_apply(r, &record, chain->number, (uint32_t)chain->offset);
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
	*sure_out = recovery_header(r, r->newest)->first_sequence;
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
	       spool->segments[number].octets && recovery_header(r, number)->octets == 0;
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
	if (there && recovery_header(r, number)->octets &&
		(recovery_header(r, number)->generation != entry->generation ||
			recovery_header(r, number)->salt != entry->salt))
		return false;
	if (there && recovery_header(r, number)->octets)
		return true;
	log_error("spool segment is missing", fact_number("segment", number));
	r->report->corrupt_segments++;
	return false;
}

static enum error listed_read(struct recovery *r, const struct roster_entry *entry)
{
	struct chain chain;
	if (entry->number < r->spool->segment_count)
		r->spool->segments[entry->number].listed =
			recovery_header(r, r->newest)->generation;
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
	struct buffer names = buffer_new(RECOVERY_NAMES_MAX);
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
	enum error error = openings_read(r);
	if (error == ERROR_NONE)
		error = openings_find_newest(r);
	if (error == ERROR_NONE && r->newest != SPOOL_NOWHERE)
		error = segments_read(r);
	if (error != ERROR_NONE)
		return error;
	recovery_apply_orphans(r);
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
