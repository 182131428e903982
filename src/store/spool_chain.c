#include "store/spool_recovery.h"

enum error chain_open(struct recovery *r, struct chain *chain, uint32_t number)
{
	const struct segment_header *header = recovery_header(r, number);
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

enum error chain_peek(struct recovery *r, struct chain *chain, bool bodies,
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
						   recovery_header(r, chain->number)->octets)
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

void chain_step(struct chain *chain, const struct record *record)
{
	chain->offset = record_next(chain->offset, record);
	chain->key.sequence++;
	chain->ended_by_flag = record->flags & RECORD_LAST;
}
