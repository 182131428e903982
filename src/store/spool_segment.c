#include "store/spool_internal.h"

struct segment *segment_of(struct spool *spool, uint32_t number)
{
	must(number < spool->segment_count);
	return &spool->segments[number];
}

void segment_table_grow(struct spool *spool, uint32_t number)
{
	must(number < SEGMENT_NUMBER_MAX);
	if (number < spool->segment_count)
		return;
	spool->segments = memory_resize(
		spool->segments, spool->segment_count, number + 1, sizeof *spool->segments);
	spool->segment_count = number + 1;
}

void segment_blank_header(
	const struct spool *spool, uint32_t number, uint32_t octets, struct buffer *block)
{
	const struct segment_header header = {
		.birth = spool->birth, .number = number, .octets = octets};
	buffer_clear(block);
	segment_header_add(block, &header);
	must(!buffer_failed(block));
}

enum error segment_blank(struct disk *disk, uint32_t number, struct view block)
{
	const struct spool_name name = segment_name(number);
	struct disk_file *file;
	enum error error = disk_open(disk, name_view(&name), DISK_WRITE, &file);
	if (error != ERROR_NONE)
		return error;
	error = disk_write(disk, file, 0, &block, 1);
	if (error == ERROR_NONE)
		error = disk_sync(disk, file);
	disk_close(disk, &file);
	return error;
}

void segment_live_add(struct spool *spool, uint32_t number, uint64_t octets)
{
	struct segment *segment = segment_of(spool, number);
	segment->live++;
	segment->live_octets += octets;
}

void segment_live_drop(struct spool *spool, uint32_t number, uint64_t octets)
{
	struct segment *segment = segment_of(spool, number);
	must(segment->live > 0 && segment->live_octets >= octets);
	segment->live--;
	segment->live_octets -= octets;
	segment->compacted = false;
	segment_check(spool, number);
}

/* Whether that opening, with its records, is still on disk. */
bool segment_hold_stands(const struct spool *spool, const struct segment_hold *hold)
{
	const struct segment *older = &spool->segments[hold->number];
	switch (older->state) {
	case SEGMENT_CURRENT:
	case SEGMENT_CLOSED:
	case SEGMENT_DRAINED:
		return older->generation == hold->generation;
	case SEGMENT_ABSENT:
	case SEGMENT_PREPARING:
	case SEGMENT_READY:
	case SEGMENT_ASIDE:
		return false;
	}
	return true;
}

void segment_hold_opening(struct spool *spool, uint32_t number, const struct segment_hold *older)
{
	struct segment *segment = segment_of(spool, number);
	if (older->number == number)
		return;
	must(older->generation < segment->generation);
	/* those that a compaction will drop when it has read this segment do not count */
	const uint32_t from =
		number == spool->compaction.victim ? spool->compaction.holds_at_start : 0;
	for (uint32_t i = segment->hold_count; i > from; i--)
		if (segment->holds[i - 1].number == older->number &&
			segment->holds[i - 1].generation == older->generation)
			return;
	ARRAY_GROW(segment->holds, segment->hold_count, segment->hold_room);
	segment->holds[segment->hold_count++] = *older;
	segment->compacted = false;
}

void segment_hold(struct spool *spool, uint32_t number, uint32_t older)
{
	const struct segment_hold hold = {older, segment_of(spool, older)->generation};
	segment_hold_opening(spool, number, &hold);
}

void segment_saw_message(struct spool *spool, uint32_t number, uint64_t id)
{
	struct segment *segment = segment_of(spool, number);
	if (segment->id_low == 0 || id < segment->id_low)
		segment->id_low = id;
	if (id > segment->id_high)
		segment->id_high = id;
}

/* Forgets holds on openings that are gone; true when none is left. */
static bool holds_settle(const struct spool *spool, struct segment *segment)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < segment->hold_count; i++) {
		const struct segment_hold hold = segment->holds[i];
		if (segment_hold_stands(spool, &hold))
			segment->holds[kept++] = hold;
	}
	segment->hold_count = kept;
	return kept == 0;
}

void segment_check(struct spool *spool, uint32_t number)
{
	struct segment *segment = segment_of(spool, number);
	if (spool->recovering || segment->state != SEGMENT_CLOSED || segment->live ||
		segment->pins || segment->corrupt || number == spool->newest ||
		number == spool->compaction.victim || !holds_settle(spool, segment))
		return;
	segment->state = SEGMENT_DRAINED;
}

void segment_check_all(struct spool *spool)
{
	for (uint32_t i = 0; i < spool->segment_count; i++)
		segment_check(spool, i);
}

void segment_reset(struct spool *spool, uint32_t number, enum segment_state state)
{
	struct segment *segment = segment_of(spool, number);
	memory_free(segment->holds);
	*segment = (struct segment){
		.state = state, .octets = segment->octets, .listed = segment->listed};
}

uint32_t segment_find_ready(const struct spool *spool)
{
	for (uint32_t i = 0; i < spool->segment_count; i++)
		if (spool->segments[i].state == SEGMENT_READY && !spool->segments[i].in_chore)
			return i;
	return SPOOL_NOWHERE;
}

uint32_t segments_in(const struct spool *spool, enum segment_state state)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < spool->segment_count; i++)
		count += spool->segments[i].state == state;
	return count;
}

uint32_t segments_total(const struct spool *spool)
{
	return spool->segment_count - segments_in(spool, SEGMENT_ABSENT);
}
