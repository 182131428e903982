#include "base/frame.h"

#include "base/text.h"

struct frame_value frame_number(uint64_t n)
{
	return (struct frame_value){.number = n};
}

struct frame_value frame_bytes(struct view v)
{
	return (struct frame_value){.bytes = v};
}

static void add_field(
	struct buffer *b, const struct frame_field *field, const struct frame_value *value)
{
	switch (field->kind) {
	case FRAME_END:
		return;
	case FRAME_U32:
		must(value->number <= field->max && value->number <= UINT32_MAX);
		buffer_add_u32(b, (uint32_t)value->number);
		return;
	case FRAME_U64:
		must(value->number <= field->max);
		buffer_add_u64(b, value->number);
		return;
	case FRAME_BYTES:
		must(value->bytes.length <= field->max);
		buffer_add_u32(b, (uint32_t)value->bytes.length);
		buffer_add(b, value->bytes);
		return;
	}
}

void frame_add(struct buffer *b, const struct frame_protocol *p, uint16_t code, uint32_t stream,
	const struct frame_value *values)
{
	must(code < p->count);
	const struct frame_row *row = &p->rows[code];
	const size_t start = b->length;
	buffer_add_u32(b, 0);
	buffer_add_u16(b, code);
	buffer_add_u16(b, 0);
	buffer_add_u32(b, stream);
	for (size_t i = 0; i < FRAME_FIELDS && row->fields[i].name; i++)
		add_field(b, &row->fields[i], &values[i]);
	must(!buffer_failed(b));
	const size_t length = b->length - start - FRAME_HEADER;
	must(length <= FRAME_MAX);
	buffer_patch_u32(b, start, (uint32_t)length);
}

bool frame_head(struct view v, struct frame_head *head_out)
{
	struct cursor c = cursor_of(v);
	head_out->length = cursor_u32(&c);
	head_out->code = cursor_u16(&c);
	const uint16_t zero = cursor_u16(&c);
	head_out->stream = cursor_u32(&c);
	if (cursor_failed(&c))
		return false;
	if (zero != 0 || head_out->length > FRAME_MAX)
		head_out->code = UINT16_MAX; /* no row has it: refused by frame_row */
	return true;
}

const struct frame_row *frame_row(
	const struct frame_protocol *p, uint16_t code, enum frame_side from)
{
	if (code >= p->count || p->rows[code].from != from || !p->rows[code].name)
		return NULL;
	return &p->rows[code];
}

static bool read_field(
	struct cursor *c, const struct frame_field *field, struct frame_value *value_out)
{
	uint32_t length;
	switch (field->kind) {
	case FRAME_END:
		return true;
	case FRAME_U32:
		value_out->number = cursor_u32(c);
		return value_out->number <= field->max;
	case FRAME_U64:
		value_out->number = cursor_u64(c);
		return value_out->number <= field->max;
	case FRAME_BYTES:
		length = cursor_u32(c);
		if (length > field->max)
			return false;
		value_out->bytes = cursor_take(c, length);
		return true;
	}
	return false;
}

bool frame_read(
	const struct frame_row *row, uint32_t stream, struct view fields, struct frame *frame_out)
{
	struct cursor c = cursor_of(fields);
	*frame_out = (struct frame){.row = row, .stream = stream};
	for (size_t i = 0; i < FRAME_FIELDS && row->fields[i].name; i++)
		if (!read_field(&c, &row->fields[i], &frame_out->values[i]))
			return false;
	return cursor_done(&c);
}

static void print_field(
	struct buffer *b, const struct frame_field *field, const struct frame_value *value)
{
	text_add(b, " {}=", text_string(field->name));
	if (field->secret)
		buffer_add(b, VIEW("(secret)"));
	else if (field->kind != FRAME_BYTES)
		text_add(b, "{}", text_number(value->number));
	else if (value->bytes.length > 120)
		text_add(b, "({} octets)", text_number(value->bytes.length));
	else
		text_add(b, "\"{}\"", text_view(value->bytes));
}

void frame_print(struct buffer *b, const struct frame *frame)
{
	text_add(b, "{} stream={}", text_string(frame->row->name), text_number(frame->stream));
	for (size_t i = 0; i < FRAME_FIELDS && frame->row->fields[i].name; i++)
		print_field(b, &frame->row->fields[i], &frame->values[i]);
}
