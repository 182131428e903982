#include "store/spool_record.h"

#include "base/text.h"
#include "store/crc32c.h"

#define SEGMENT_MAGIC 0x31676f4c6f686b53ull /* "SkhoLog1" */
#define RECORD_MAGIC 0x52686b53u /* "SkhR" */
#define SEGMENT_HEADER_OCTETS 64u
#define SEGMENT_SUM_AT 12u

/* Where the fields of a record header are. */
enum {
	AT_MAGIC = 0,
	AT_SUM = 4,
	AT_GENERATION = 8,
	AT_SALT = 12,
	AT_SEQUENCE = 16,
	AT_ID = 24,
	AT_LENGTH = 32,
	AT_SUMMED = 36,
	AT_BODY_SUM = 40,
	AT_TYPE = 44, /* u8 type, u8 flags, u16 0 */
};

static uint64_t align(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* --- segment header ----------------------------------------------------------------------- */

void segment_header_add(struct buffer *b, const struct segment_header *header)
{
	const size_t at = b->length;
	buffer_add_u64(b, SEGMENT_MAGIC);
	buffer_add_u32(b, SPOOL_VERSION);
	buffer_add_u32(b, 0); /* sum */
	buffer_add_u64(b, header->birth);
	buffer_add_u32(b, header->number);
	buffer_add_u32(b, header->octets);
	buffer_add_u32(b, header->open);
	buffer_add_u32(b, header->generation);
	buffer_add_u64(b, header->first_sequence);
	buffer_add_u64(b, header->next_id);
	buffer_add_u32(b, header->salt);
	buffer_add_u32(b, 0);
	must(buffer_failed(b) || b->length - at == SEGMENT_HEADER_OCTETS);
	const uint32_t sum = crc32c(0, view_from(buffer_view(b), at));
	buffer_patch_u32(b, at + SEGMENT_SUM_AT, sum);
	buffer_add_zeros(b, BLOCK_OCTETS - SEGMENT_HEADER_OCTETS);
}

/* The sum over a header in which the sum itself counts as zero. */
static uint32_t header_sum(struct view v, size_t sum_at)
{
	static const uint8_t zero[4];
	uint32_t sum = crc32c(0, view_first(v, sum_at));
	sum = crc32c(sum, view_of(zero, sizeof zero));
	return crc32c(sum, view_from(v, sum_at + sizeof zero));
}

bool segment_header_parse(struct view block, struct segment_header *header_out)
{
	const struct view v = view_first(block, SEGMENT_HEADER_OCTETS);
	struct cursor c = cursor_of(v);
	const uint64_t magic = cursor_u64(&c);
	const uint32_t version = cursor_u32(&c);
	const uint32_t sum = cursor_u32(&c);
	header_out->birth = cursor_u64(&c);
	header_out->number = cursor_u32(&c);
	header_out->octets = cursor_u32(&c);
	const uint32_t open = cursor_u32(&c);
	header_out->open = open == 1;
	header_out->generation = cursor_u32(&c);
	header_out->first_sequence = cursor_u64(&c);
	header_out->next_id = cursor_u64(&c);
	header_out->salt = cursor_u32(&c);
	(void)cursor_u32(&c);
	return cursor_done(&c) && magic == SEGMENT_MAGIC && version == SPOOL_VERSION && open <= 1 &&
	       sum == header_sum(v, SEGMENT_SUM_AT);
}

/* --- records ------------------------------------------------------------------------------ */

uint64_t record_octets(uint32_t body_octets)
{
	return align((uint64_t)RECORD_OCTETS + body_octets, 8);
}

uint64_t record_next(uint64_t offset, const struct record *record)
{
	const uint64_t end = offset + record_octets(record->length);
	return record->flags & RECORD_LAST ? align(end, BLOCK_OCTETS) : end;
}

enum record_check record_parse(
	struct view window, const struct record_key *key, struct record *record_out)
{
	const struct view v = view_first(window, RECORD_OCTETS);
	if (v.length < RECORD_OCTETS)
		return RECORD_CUT;
	struct cursor c = cursor_of(v);
	const uint32_t magic = cursor_u32(&c);
	const uint32_t sum = cursor_u32(&c);
	const uint32_t generation = cursor_u32(&c);
	const uint32_t salt = cursor_u32(&c);
	const uint64_t sequence = cursor_u64(&c);
	record_out->id = cursor_u64(&c);
	record_out->length = cursor_u32(&c);
	record_out->summed = cursor_u32(&c);
	record_out->body_sum = cursor_u32(&c);
	const uint8_t type = cursor_u8(&c);
	record_out->flags = cursor_u8(&c);
	if (magic != RECORD_MAGIC || generation != key->generation || salt != key->salt ||
		sequence != key->sequence || sum != header_sum(v, AT_SUM) || type < RECORD_ROSTER ||
		type > RECORD_DONE || record_out->summed > record_out->length)
		return RECORD_BROKEN;
	record_out->type = (enum record_type)type;
	record_out->body = view_part(window, RECORD_OCTETS, record_out->length);
	return record_out->body.length == record_out->length ? RECORD_WHOLE : RECORD_SHORT;
}

bool record_body_good(const struct record *record)
{
	if (crc32c(0, view_first(record->body, record->summed)) != record->body_sum)
		return false;
	if (record->type != RECORD_MESSAGE)
		return record->type == RECORD_NOTE || record->summed == record->length;
	struct message_body message;
	if (!message_body_parse(record->body, &message) ||
		record->summed != MESSAGE_FIXED_OCTETS + message.envelope_octets)
		return false;
	return message.large || crc32c(0, message.content) == message.content_sum;
}

size_t record_begin(struct buffer *b, enum record_type type, uint64_t id)
{
	const size_t at = b->length;
	buffer_add_u32(b, RECORD_MAGIC);
	buffer_add_zeros(b, AT_ID - 4);
	buffer_add_u64(b, id);
	buffer_add_zeros(b, AT_TYPE - AT_LENGTH);
	buffer_add_u32(b, (uint32_t)type);
	return at;
}

void record_end(struct buffer *b, size_t at, size_t summed)
{
	if (buffer_failed(b))
		return;
	const struct view body = view_from(buffer_view(b), at + RECORD_OCTETS);
	const struct view first = view_first(body, summed);
	buffer_patch_u32(b, at + AT_LENGTH, (uint32_t)body.length);
	buffer_patch_u32(b, at + AT_SUMMED, (uint32_t)first.length);
	buffer_patch_u32(b, at + AT_BODY_SUM, crc32c(0, first));
	const size_t odd = (b->length - at) % 8;
	if (odd)
		buffer_add_zeros(b, 8 - odd);
}

static uint32_t field_u32(const struct buffer *b, size_t at)
{
	struct cursor c = cursor_of(view_part(buffer_view(b), at, 4));
	return cursor_u32(&c);
}

size_t record_seal(struct buffer *b, size_t at, const struct record_key *key, uint8_t flags)
{
	const uint32_t type = field_u32(b, at + AT_TYPE) & 0xff;
	buffer_patch_u32(b, at + AT_TYPE, type | (uint32_t)flags << 8);
	buffer_patch_u32(b, at + AT_GENERATION, key->generation);
	buffer_patch_u32(b, at + AT_SALT, key->salt);
	buffer_patch_u64(b, at + AT_SEQUENCE, key->sequence);
	const struct view header = view_part(buffer_view(b), at, RECORD_OCTETS);
	buffer_patch_u32(b, at + AT_SUM, header_sum(header, AT_SUM));
	return (size_t)record_octets(field_u32(b, at + AT_LENGTH));
}

void record_void(struct buffer *b, size_t at)
{
	const uint32_t rest = field_u32(b, at + AT_TYPE) & ~0xffu;
	buffer_patch_u32(b, at + AT_TYPE, rest | RECORD_NOTE);
}

struct record_key record_key_of(const struct buffer *b, size_t at, uint8_t *flags_out)
{
	struct cursor c = cursor_of(view_part(buffer_view(b), at + AT_SEQUENCE, 8));
	*flags_out = (uint8_t)(field_u32(b, at + AT_TYPE) >> 8);
	return (struct record_key){.generation = field_u32(b, at + AT_GENERATION),
		.salt = field_u32(b, at + AT_SALT),
		.sequence = cursor_u64(&c)};
}

/* --- bodies ------------------------------------------------------------------------------- */

void message_body_add(struct buffer *b, const struct message_body *message)
{
	buffer_add_u64(b, (uint64_t)message->arrival_s);
	buffer_add_u64(b, message->large);
	buffer_add_u64(b, message->content_octets);
	buffer_add_u32(b, message->recipients);
	buffer_add_u32(b, message->envelope_octets);
	buffer_add_u32(b, message->content_sum);
	buffer_add_u32(b, 0);
}

bool message_body_parse(struct view body, struct message_body *message_out)
{
	struct cursor c = cursor_of(body);
	message_out->arrival_s = (int64_t)cursor_u64(&c);
	message_out->large = cursor_u64(&c);
	message_out->content_octets = cursor_u64(&c);
	message_out->recipients = cursor_u32(&c);
	message_out->envelope_octets = cursor_u32(&c);
	message_out->content_sum = cursor_u32(&c);
	(void)cursor_u32(&c);
	message_out->envelope = cursor_take(&c, message_out->envelope_octets);
	message_out->content = cursor_rest(&c);
	const uint64_t content = message_out->large ? 0 : message_out->content_octets;
	return !cursor_failed(&c) && message_out->recipients > 0 &&
	       message_out->content.length == content;
}

void state_body_add(struct buffer *b, const struct state_body *state)
{
	const struct view reason = view_first(state->reason, SPOOL_REASON_MAX);
	buffer_add_u32(b, state->recipient);
	buffer_add_octet(b, (uint8_t)state->state);
	buffer_add_octet(b, 0);
	buffer_add_u16(b, state->attempts);
	buffer_add_u64(b, (uint64_t)state->next_attempt_s);
	must(state->boot.length == SPOOL_BOOT_OCTETS);
	buffer_add(b, state->boot);
	buffer_add(b, reason);
}

bool state_body_parse(struct view body, struct state_body *state_out)
{
	struct cursor c = cursor_of(body);
	state_out->recipient = cursor_u32(&c);
	const uint8_t state = cursor_u8(&c);
	(void)cursor_u8(&c);
	state_out->attempts = cursor_u16(&c);
	state_out->next_attempt_s = (int64_t)cursor_u64(&c);
	state_out->boot = cursor_take(&c, SPOOL_BOOT_OCTETS);
	state_out->reason = cursor_rest(&c);
	if (cursor_failed(&c) || state < SPOOL_PLACED || state > SPOOL_DROPPED ||
		state_out->reason.length > SPOOL_REASON_MAX)
		return false;
	state_out->state = (enum spool_state)state;
	return true;
}

void roster_entry_add(struct buffer *b, const struct roster_entry *entry)
{
	buffer_add_u32(b, entry->number);
	buffer_add_u32(b, entry->generation);
	buffer_add_u32(b, entry->salt);
	buffer_add_u32(b, entry->flags);
	buffer_add_u64(b, entry->end_sequence);
}

struct roster_entry roster_entry_take(struct cursor *c)
{
	struct roster_entry entry;
	entry.number = cursor_u32(c);
	entry.generation = cursor_u32(c);
	entry.salt = cursor_u32(c);
	entry.flags = cursor_u32(c);
	entry.end_sequence = cursor_u64(c);
	return entry;
}

/* --- names -------------------------------------------------------------------------------- */

static struct spool_name name_make(struct view stem, uint64_t number)
{
	struct buffer text = buffer_new(DISK_NAME_MAX);
	text_add(&text, "{}{}", text_raw(stem), text_hex(number));
	struct spool_name name = {.length = text.length};
	must(view_copy(buffer_view(&text), name.octets, sizeof name.octets));
	buffer_free(&text);
	return name;
}

struct spool_name segment_name(uint32_t number)
{
	return name_make(VIEW("segment-"), number);
}

struct spool_name large_name(uint64_t number)
{
	return name_make(VIEW("large/"), number);
}

struct view name_view(const struct spool_name *name)
{
	return view_of(name->octets, name->length);
}

bool segment_name_parse(struct view name, uint32_t *number_out)
{
	uint64_t number;
	const struct view stem = VIEW("segment-");
	*number_out = 0;
	if (!view_starts(name, stem) || name.length != stem.length + 16 ||
		!view_to_hex64(view_from(name, stem.length), &number) || number > UINT32_MAX)
		return false;
	*number_out = (uint32_t)number;
	return true;
}

bool large_name_parse(struct view name, uint64_t *number_out)
{
	*number_out = 0;
	return name.length == 16 && view_to_hex64(name, number_out) && *number_out != 0;
}
