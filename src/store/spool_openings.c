#include "store/spool_recovery.h"

#include "base/log.h"

const struct segment_header *recovery_header(const struct recovery *r, uint32_t number)
{
	static const struct segment_header none; /* octets 0 */
	return number < r->header_count ? &r->headers[number] : &none;
}

/* --- headers ------------------------------------------------------------------------------- */

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

enum error openings_read(struct recovery *r)
{
	struct spool *spool = r->spool;
	struct buffer names = buffer_new(RECOVERY_NAMES_MAX);
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
enum error openings_find_newest(struct recovery *r)
{
	struct spool *spool = r->spool;
	uint64_t below = (uint64_t)UINT32_MAX + 1;
	r->newest = SPOOL_NOWHERE;
	for (;;) {
		uint32_t best = SPOOL_NOWHERE;
		for (uint32_t i = 0; i < spool->segment_count; i++)
			if (recovery_header(r, i)->octets &&
				recovery_header(r, i)->generation < below &&
				(best == SPOOL_NOWHERE ||
					recovery_header(r, i)->generation >
						recovery_header(r, best)->generation))
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
		below = recovery_header(r, best)->generation;
	}
	return ERROR_NONE;
}
