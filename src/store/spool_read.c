#include "store/spool_internal.h"

enum error spool_read_begin(struct spool *spool, struct spool_id id, struct spool_where *where_out)
{
	*where_out = (struct spool_where){.segment = SPOOL_NOWHERE};
	const struct spool_entry *entry = index_find(spool, id.value);
	if (!entry)
		return ERROR_MISSING;
	segment_of(spool, entry->segment)->pins++;
	where_out->segment = entry->segment;
	where_out->envelope_offset = (uint64_t)entry->offset + RECORD_OCTETS + MESSAGE_FIXED_OCTETS;
	where_out->envelope_octets = entry->envelope_octets;
	where_out->large = entry->large;
	where_out->content_offset =
		entry->large ? 0 : where_out->envelope_offset + entry->envelope_octets;
	where_out->content_octets = entry->content_octets;
	where_out->content_sum = entry->content_sum;
	return ERROR_NONE;
}

void spool_read_end(struct spool *spool, struct spool_where *where)
{
	disk_close(spool->disk, &where->log);
	disk_close(spool->disk, &where->file);
	struct segment *segment = segment_of(spool, where->segment);
	must(segment->pins > 0);
	segment->pins--;
	segment_check(spool, where->segment);
}

/* Opens *file unless it is open. */
static enum error read_part(struct disk *disk, struct view name, struct disk_file **file,
	uint64_t offset, uint8_t *to, size_t length, size_t *length_out)
{
	enum error error = ERROR_NONE;
	*length_out = 0;
	if (!*file)
		error = disk_open(disk, name, DISK_READ, file);
	if (error == ERROR_NONE)
		error = disk_read(disk, *file, offset, to, length, length_out);
	if (error == ERROR_NONE && *length_out != length)
		return ERROR_CORRUPT;
	return error;
}

enum error spool_read_envelope(
	struct disk *disk, struct spool_where *where, struct buffer *envelope)
{
	const struct spool_name name = segment_name(where->segment);
	uint8_t *room = buffer_room(envelope, where->envelope_octets);
	size_t length;
	if (!room && where->envelope_octets)
		return ERROR_MEMORY;
	const enum error error = read_part(disk, name_view(&name), &where->log,
		where->envelope_offset, room, where->envelope_octets, &length);
	if (error == ERROR_NONE)
		buffer_grown(envelope, length);
	return error;
}

enum error spool_read_content(struct disk *disk, struct spool_where *where, uint64_t offset,
	uint8_t *to, size_t room, size_t *length_out)
{
	*length_out = 0;
	if (offset >= where->content_octets)
		return ERROR_NONE;
	const uint64_t left = where->content_octets - offset;
	const struct spool_name name =
		where->large ? large_name(where->large) : segment_name(where->segment);
	return read_part(disk, name_view(&name), where->large ? &where->file : &where->log,
		where->content_offset + offset, to, left < room ? (size_t)left : room, length_out);
}

enum error spool_read_reason(struct disk *disk, const struct spool_recipient *recipient,
	struct spool_id id, struct buffer *reason)
{
	if (recipient->segment == SPOOL_NOWHERE)
		return ERROR_NONE;
	uint8_t octets[RECORD_OCTETS + STATE_FIXED_OCTETS + SPOOL_REASON_MAX];
	const struct spool_name name = segment_name(recipient->segment);
	size_t length;
	struct disk_file *file = NULL;
	const enum error error = read_part(
		disk, name_view(&name), &file, recipient->offset, octets, sizeof octets, &length);
	disk_close(disk, &file);
	if (error != ERROR_NONE && error != ERROR_CORRUPT) /* the file may end sooner */
		return error;
	struct record record;
	struct state_body body;
	/* its own key: whether it continues a chain does not matter here */
	struct cursor c = cursor_of(view_part(view_of(octets, length), 8, 16));
	struct record_key key = {.generation = cursor_u32(&c), .salt = cursor_u32(&c)};
	key.sequence = cursor_u64(&c);
	if (record_parse(view_of(octets, length), &key, &record) != RECORD_WHOLE ||
		record.type != RECORD_STATE || record.id != id.value ||
		!record_body_good(&record) || !state_body_parse(record.body, &body))
		return ERROR_CORRUPT;
	buffer_add(reason, body.reason);
	return buffer_failed(reason) ? ERROR_MEMORY : ERROR_NONE;
}
