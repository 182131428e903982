/*
 * base/frame.h under every table of src/channels: octets that a broken program may write. What is
 * read keeps its limits and, said again, gives the same octets: two programs cannot understand one
 * frame in two ways. A trace of it is one line of text and never shows a secret.
 *
 * Input: which table, which side, then frames as on the wire.
 */
#include "base/text.h"
#include "channels/any_gate.h"
#include "channels/any_resolve.h"
#include "channels/auth_mailbox.h"
#include "channels/command.h"
#include "channels/face_auth.h"
#include "channels/face_keys.h"
#include "channels/mailbox_deliver.h"
#include "channels/parent_program.h"
#include "channels/popd_mailbox.h"
#include "channels/smtpd_spool.h"
#include "channels/spool_deliver.h"
#include "channels/spool_relay.h"
#include "channels/spool_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct frame_protocol *const tables[] = {&any_gate, &auth_mailbox, &command_protocol,
	&face_auth, &face_keys, &mailbox_deliver, &parent_program, &popd_mailbox, &smtpd_spool,
	&spool_deliver, &spool_relay, &spool_report, &any_resolve};
#define TABLES (sizeof tables / sizeof *tables)

static void check_values(const struct frame *frame)
{
	for (size_t i = 0; i < FRAME_FIELDS && frame->row->fields[i].name; i++) {
		const struct frame_field *field = &frame->row->fields[i];
		const struct frame_value *value = &frame->values[i];
		if (field->kind == FRAME_BYTES)
			must(value->bytes.length <= field->max);
		else
			must(value->number <= field->max);
	}
}

static void check_printed(const struct frame *frame)
{
	struct buffer line = buffer_new(1u << 20);
	frame_print(&line, frame);
	must(!buffer_failed(&line) && view_is_utf8(buffer_view(&line)));
	for (size_t i = 0; i < line.length; i++)
		must(line.data[i] >= 0x20 && line.data[i] != 0x7f);
	for (size_t i = 0; i < FRAME_FIELDS && frame->row->fields[i].name; i++)
		if (frame->row->fields[i].secret && frame->values[i].bytes.length > 40)
			must(view_search(buffer_view(&line), frame->values[i].bytes) ==
				VIEW_NOT_FOUND);
	buffer_free(&line);
}

/* How long the frame at the front is; 0 when it is none. */
static size_t take(const struct frame_protocol *p, enum frame_side side, struct view v)
{
	struct frame_head head;
	struct frame frame;
	if (!frame_head(v, &head))
		return 0;
	const struct frame_row *row = frame_row(p, head.code, side);
	if (!row || v.length - FRAME_HEADER < head.length)
		return 0;
	must(row->from == side && row->code == head.code && row->states);
	const size_t length = FRAME_HEADER + head.length;
	if (!frame_read(row, head.stream, view_part(v, FRAME_HEADER, head.length), &frame))
		return length;
	check_values(&frame);
	check_printed(&frame);
	struct buffer again = buffer_new(FRAME_MAX + FRAME_HEADER);
	frame_add(&again, p, head.code, head.stream, frame.values);
	must(view_equal(buffer_view(&again), view_first(v, length)));
	buffer_free(&again);
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const struct frame_protocol *p = tables[data[0] % TABLES];
	struct view rest = view_of(data + 2, size - 2);
	size_t length;
	while ((length = take(p, data[1] & 1 ? FRAME_B : FRAME_A, rest)) > 0)
		rest = view_from(rest, length);
	return 0;
}
