#include "store/spool_internal.h"

#include <stdatomic.h>

/* --- files, shared ------------------------------------------------------------------------ */

static uint64_t key_of(uint32_t segment, uint64_t large)
{
	return large ? large << 1 | 1 : (uint64_t)segment << 1;
}

static struct spool_reader *reader_hold(struct spool *spool, uint64_t key)
{
	struct spool_reader **slot = &spool->readers[key % READER_SLOTS];
	struct spool_reader *reader = *slot;
	while (reader && reader->key != key)
		reader = reader->chain;
	if (!reader) {
		reader = memory_new(1, sizeof *reader);
		reader->key = key;
		reader->chain = *slot;
		*slot = reader;
	}
	reader->refs++;
	return reader;
}

static void reader_drop(struct spool *spool, struct spool_reader **at)
{
	struct spool_reader *reader = *at;
	*at = NULL;
	if (!reader || --reader->refs)
		return;
	struct spool_reader **link = &spool->readers[reader->key % READER_SLOTS];
	while (*link != reader)
		link = &(*link)->chain;
	*link = reader->chain;
	struct disk_file *file = atomic_load(&reader->file);
	disk_close(spool->disk, &file);
	memory_free(reader);
}

/* Two threads may both open it: one of the two is kept. */
static enum error reader_open(struct disk *disk, struct view name, struct spool_reader *reader,
	struct disk_file **file_out)
{
	*file_out = atomic_load(&reader->file);
	if (*file_out)
		return ERROR_NONE;
	struct disk_file *fresh, *other = NULL;
	const enum error error = disk_open(disk, name, DISK_READ, &fresh);
	if (error)
		return error;
	*file_out = fresh;
	if (!atomic_compare_exchange_strong(&reader->file, &other, fresh)) {
		*file_out = other;
		disk_close(disk, &fresh);
	}
	return ERROR_NONE;
}

/* --- places ------------------------------------------------------------------------------- */

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
	where_out->log = reader_hold(spool, key_of(entry->segment, 0));
	if (entry->large)
		where_out->file = reader_hold(spool, key_of(0, entry->large));
	return ERROR_NONE;
}

void spool_read_end(struct spool *spool, struct spool_where *where)
{
	reader_drop(spool, &where->log);
	reader_drop(spool, &where->file);
	struct segment *segment = segment_of(spool, where->segment);
	must(segment->pins > 0);
	segment->pins--;
	segment_check(spool, where->segment);
}

static enum error read_part(struct disk *disk, struct view name, struct spool_reader *reader,
	uint64_t offset, uint8_t *to, size_t length, size_t *length_out)
{
	struct disk_file *file;
	*length_out = 0;
	enum error error = reader_open(disk, name, reader, &file);
	if (error == ERROR_NONE)
		error = disk_read(disk, file, offset, to, length, length_out);
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
	const enum error error = read_part(disk, name_view(&name), where->log,
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
	return read_part(disk, name_view(&name), where->large ? where->file : where->log,
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
	struct spool_reader reader = {.refs = 1};
	const enum error error = read_part(
		disk, name_view(&name), &reader, recipient->offset, octets, sizeof octets, &length);
	struct disk_file *file = atomic_load(&reader.file);
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
