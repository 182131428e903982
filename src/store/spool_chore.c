#include "store/spool_internal.h"

#include "base/log.h"

#define ZEROS_OCTETS 65536u

/* --- choosing ----------------------------------------------------------------------------- */

bool segment_is_listed(const struct spool *spool, const struct segment *segment)
{
	return spool->newest != SPOOL_NOWHERE &&
	       segment->listed >= spool->segments[spool->newest].generation;
}

/* Ready ones that are too many, or of a size that is no longer wanted. */
static bool ready_surplus(struct spool *spool, struct spool_chore *chore)
{
	const bool many = segments_in(spool, SEGMENT_READY) > spool->limits.segments_idle_max;
	for (uint32_t i = 0; i < spool->segment_count; i++) {
		struct segment *segment = &spool->segments[i];
		if (segment->state != SEGMENT_READY ||
			!(many || segment->octets != spool->limits.segment_octets) ||
			segment_is_listed(spool, segment))
			continue;
		segment->state = SEGMENT_DRAINED;
		segment->abandoned = true; /* its file goes, as of one that failed */
		segment->in_chore = true;
		chore->kind = CHORE_RETIRE;
		chore->number = i;
		return true;
	}
	return false;
}

/* It will be blanked and used again, not removed. */
static bool is_kept(const struct spool *spool, const struct segment *segment)
{
	return !segment->abandoned && segment->octets == spool->limits.segment_octets;
}

static bool take_drained(struct spool *spool, struct spool_chore *chore)
{
	for (uint32_t i = 0; i < spool->segment_count; i++) {
		struct segment *segment = &spool->segments[i];
		if (segment->state != SEGMENT_DRAINED)
			continue;
		const bool keep = is_kept(spool, segment);
		if (!keep && segment_is_listed(spool, segment))
			continue;
		chore->kind = keep ? CHORE_BLANK : CHORE_RETIRE;
		chore->number = i;
		chore->octets = segment->octets;
		segment->in_chore = true;
		if (keep)
			segment_blank_header(spool, chore->number, chore->octets, &chore->block);
		return true;
	}
	return false;
}

static bool take_removals(struct spool *spool, struct spool_chore *chore)
{
	/* while a refused message may still come back it shall come back whole */
	if (!spool->removal_count || spool->force)
		return false;
	chore->kind = CHORE_REMOVE;
	chore->removal_count = 0;
	while (spool->removal_count && chore->removal_count < CHORE_REMOVALS_MAX)
		chore->removals[chore->removal_count++] = spool->removals[--spool->removal_count];
	return true;
}

/* Those that can be written to, now or when a chore has blanked them. One that was abandoned does not
 * count: it may have to stay until another segment was opened. */
static uint32_t count_usable(const struct spool *spool)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < spool->segment_count; i++) {
		const struct segment *segment = &spool->segments[i];
		count += segment->state == SEGMENT_READY ||
			 (segment->state == SEGMENT_DRAINED && is_kept(spool, segment));
	}
	return count;
}

/* The reserve is made even below the floor and beyond the limit: it is what drains a full spool. */
static bool prepare_wanted(const struct spool *spool)
{
	const struct spool_limits *limits = &spool->limits;
	const uint32_t ready = count_usable(spool);
	const bool room = spool->free_octets >= limits->free_floor_octets;
	const uint32_t wanted = limits->segments_reserve + (room ? limits->segments_spare : 0);
	const uint32_t most =
		ready < limits->segments_reserve ? 2 * limits->segments_max : limits->segments_max;
	return ready < wanted && segments_total(spool) < most && !spool->prepare_failed;
}

static bool take_prepare(struct spool *spool, struct spool_chore *chore)
{
	if (!prepare_wanted(spool))
		return false;
	uint32_t number = 0;
	while (number < spool->segment_count && spool->segments[number].state != SEGMENT_ABSENT)
		number++;
	if (number >= SEGMENT_NUMBER_MAX)
		return false;
	segment_table_grow(spool, number);
	struct segment *segment = segment_of(spool, number);
	segment->state = SEGMENT_PREPARING;
	segment->octets = spool->limits.segment_octets;
	segment->in_chore = true;
	chore->kind = CHORE_PREPARE;
	chore->number = number;
	chore->octets = segment->octets;
	segment_blank_header(spool, chore->number, chore->octets, &chore->block);
	return true;
}

struct spool_chore *spool_chore_take(struct spool *spool)
{
	struct spool_chore *chore = &spool->chore;
	if (spool->chore_out || spool->chores_paused)
		return NULL;
	chore->error = ERROR_NONE;
	if (!take_drained(spool, chore) && !take_prepare(spool, chore) &&
		!take_removals(spool, chore) && !ready_surplus(spool, chore) &&
		!compact_take(spool, chore))
		return NULL;
	spool->chore_out = true;
	return chore;
}

/* --- doing: in any thread ----------------------------------------------------------------- */

static enum error write_zeros(
	struct disk *disk, struct disk_file *file, uint64_t from, uint64_t octets)
{
	static const uint8_t zeros[ZEROS_OCTETS];
	enum error error = ERROR_NONE;
	while (octets && error == ERROR_NONE) {
		const struct view part =
			view_of(zeros, octets < ZEROS_OCTETS ? octets : ZEROS_OCTETS);
		error = disk_write(disk, file, from, &part, 1);
		from += part.length;
		octets -= part.length;
	}
	return error;
}

/* Octets and header under one sync: a short file or a header that is absent is removed at recovery. */
static enum error prepare(struct disk *disk, struct spool_chore *chore)
{
	const struct spool_name name = segment_name(chore->number);
	const struct view block = buffer_view(&chore->block);
	struct disk_file *file;
	enum error error = disk_open(disk, name_view(&name), DISK_CREATE, &file);
	chore->removed = error != ERROR_NONE && error != ERROR_EXISTS;
	if (error != ERROR_NONE)
		return error;
	error = write_zeros(disk, file, block.length, chore->octets - block.length);
	if (error == ERROR_NONE)
		error = disk_write(disk, file, 0, &block, 1);
	if (error == ERROR_NONE)
		error = disk_sync(disk, file);
	disk_close(disk, &file);
	if (error == ERROR_NONE)
		error = disk_sync_directory(disk, VIEW_NONE);
	if (error != ERROR_NONE) /* a full disk needs the octets more than we do */
		chore->removed = disk_remove(disk, name_view(&name)) == ERROR_NONE;
	return error;
}

static enum error retire(struct disk *disk, const struct spool_chore *chore)
{
	const struct spool_name name = segment_name(chore->number);
	const enum error error = disk_remove(disk, name_view(&name));
	if (error != ERROR_NONE && error != ERROR_MISSING)
		return error;
	return disk_sync_directory(disk, VIEW_NONE);
}

/* Without a directory sync: a name that comes back after a power cut is an orphan at recovery. */
static enum error remove_larges(struct disk *disk, const struct spool_chore *chore)
{
	enum error worst = ERROR_NONE;
	for (size_t i = 0; i < chore->removal_count; i++) {
		const struct spool_name name = large_name(chore->removals[i]);
		const enum error error = disk_remove(disk, name_view(&name));
		if (error != ERROR_NONE && error != ERROR_MISSING)
			worst = error;
	}
	return worst;
}

static enum error read_part(struct disk *disk, struct spool_chore *chore)
{
	const struct spool_name name = segment_name(chore->number);
	struct disk_file *file;
	size_t length;
	enum error error = disk_open(disk, name_view(&name), DISK_READ, &file);
	if (error != ERROR_NONE)
		return error;
	buffer_clear(&chore->block);
	uint8_t *room = buffer_room(&chore->block, chore->octets);
	must(room);
	error = disk_read(disk, file, chore->offset, room, chore->octets, &length);
	if (error == ERROR_NONE)
		buffer_grown(&chore->block, length);
	disk_close(disk, &file);
	return error;
}

enum error spool_chore_do(struct disk *disk, struct spool_chore *chore)
{
	switch (chore->kind) {
	case CHORE_PREPARE:
		return chore->error = prepare(disk, chore);
	case CHORE_BLANK:
		return chore->error =
			       segment_blank(disk, chore->number, buffer_view(&chore->block));
	case CHORE_RETIRE:
		return chore->error = retire(disk, chore);
	case CHORE_REMOVE:
		return chore->error = remove_larges(disk, chore);
	case CHORE_READ:
		return chore->error = read_part(disk, chore);
	}
	return ERROR_NONE;
}

/* --- done --------------------------------------------------------------------------------- */

static void segment_made(struct spool *spool, const struct spool_chore *chore)
{
	struct segment *segment = segment_of(spool, chore->number);
	segment->in_chore = false;
	switch (chore->kind) {
	case CHORE_PREPARE:
	case CHORE_BLANK:
		if (chore->error == ERROR_NONE) {
			segment_reset(spool, chore->number, SEGMENT_READY);
			break;
		}
		/* never synced again: the file goes, and with it the doubt */
		segment->state = SEGMENT_DRAINED;
		segment->abandoned = true;
		if (chore->kind == CHORE_PREPARE) {
			spool->prepare_failed = true;
			if (chore->removed)
				segment_reset(spool, chore->number, SEGMENT_ABSENT);
		}
		break;
	case CHORE_RETIRE:
		if (chore->error == ERROR_NONE)
			segment_reset(spool, chore->number, SEGMENT_ABSENT);
		break;
	case CHORE_REMOVE:
	case CHORE_READ:
		break;
	}
	segment_check_all(spool); /* others may have been held by it */
}

void spool_chore_done(struct spool *spool, struct spool_chore *chore)
{
	must(spool->chore_out && chore == &spool->chore);
	spool->chore_out = false;
	if (chore->error != ERROR_NONE) {
		log_warning("spool chore failed", fact_error(chore->error),
			fact_number("kind", (uint64_t)chore->kind),
			fact_number("segment", chore->number));
		spool->chores_paused = true;
		spool->last_error = chore->error;
	}
	switch (chore->kind) {
	case CHORE_PREPARE:
	case CHORE_BLANK:
	case CHORE_RETIRE:
		segment_made(spool, chore);
		break;
	case CHORE_REMOVE:
		for (size_t i = 0; chore->error != ERROR_NONE && i < chore->removal_count; i++)
			removal_add(spool, chore->removals[i]);
		break;
	case CHORE_READ:
		compact_done(spool, chore);
		break;
	}
	if (!spool->batch_out)
		space_settle(spool);
}
