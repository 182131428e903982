/*
 * The two readers of a header section against each other: the streaming scan, in chunks that the
 * first octet chooses, and the reader in memory. Both must see the same fields, the same end and the
 * same Message-ID; the size of the chunks must not matter.
 */
#include "mail/header.h"

#define LIMIT 4096 /* octets of the section: small, so that the limit is met */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan_all(struct header_scan *scan, struct view content, size_t step)
{
	header_scan_start(scan, LIMIT);
	for (size_t at = 0; at < content.length; at += step) {
		const struct view chunk = view_part(content, at, step);
		const size_t looked = header_scan_feed(scan, chunk);
		must(looked <= chunk.length);
		must(looked == chunk.length || scan->end != HEADER_END_NOT_YET);
	}
	header_scan_finish(scan);
	must(scan->end != HEADER_END_NOT_YET);
}

static bool is_id_octet(uint8_t octet)
{
	return (octet >= 0x20 && octet != 0x7f) || octet == '\t';
}

/* The msg-id of a whole field, by another way than the scan's. */
static struct view id_of(struct view value, struct buffer *b)
{
	struct view text = buffer_view(b);
	/* Only the CRLF of folds goes; the value is otherwise as it stands. */
	for (size_t i = 0; i < value.length; i++) {
		if (view_starts(view_from(value, i), VIEW("\r\n")) && i + 2 < value.length)
			i++;
		else
			buffer_add_octet(b, value.at[i]);
	}
	text = buffer_view(b);
	const size_t open = view_find(text, '<');
	if (open == VIEW_NOT_FOUND)
		return VIEW_NONE;
	text = view_from(text, open + 1);
	const size_t close = view_find(text, '>');
	if (close == VIEW_NOT_FOUND || close > HEADER_MESSAGE_ID_MAX)
		return VIEW_NONE;
	text = view_first(text, close);
	for (size_t i = 0; i < text.length; i++)
		if (!is_id_octet(text.at[i]))
			return VIEW_NONE;
	return text;
}

static void compare(const struct header_scan *scan, struct view content)
{
	struct cursor c = cursor_of(content);
	struct header_field field;
	uint32_t fields = 0;
	uint32_t counts[HEADER_KINDS] = {0};
	struct buffer id = buffer_new(content.length);
	struct view message_id = VIEW_NONE;
	while (header_next(&c, &field)) {
		const enum header_kind kind = header_kind_of(field.name);
		must(view_starts(field.whole, field.name));
		fields++;
		if (kind == HEADER_MESSAGE_ID && counts[kind] == 0)
			message_id = id_of(field.value, &id);
		counts[kind]++;
	}
	if (scan->end != HEADER_END_LARGE) {
		const bool empty_line = view_starts(cursor_rest(&c), VIEW("\r\n"));
		must(scan->fields == fields);
		must(scan->section_octets == c.at);
		must((scan->end == HEADER_END_EMPTY_LINE) == empty_line);
		must((scan->end == HEADER_END_CONTENT) == (c.at == content.length));
		must(scan->body_at == c.at + (empty_line ? 2 : 0));
		for (size_t i = 0; i < HEADER_KINDS; i++)
			must(scan->counts[i] == counts[i]);
		must(view_equal(header_scan_message_id(scan), message_id));
	} else {
		must(content.length > LIMIT);
	}
	buffer_free(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct view content = view_of(data + 1, size - 1);
	struct header_scan scan;
	struct header_scan whole;
	scan_all(&scan, content, data[0] ? data[0] : 1);
	scan_all(&whole, content, content.length ? content.length : 1);
	must(scan.end == whole.end && scan.body_at == whole.body_at);
	must(scan.fields == whole.fields && scan.has_8bit == whole.has_8bit);
	must(view_equal(header_scan_message_id(&scan), header_scan_message_id(&whole)));
	compare(&whole, content);

	struct header_field field;
	if (header_find(content, VIEW("message-id"), &field)) {
		struct buffer b = buffer_new(content.length);
		header_unfold(&b, field.value);
		must(!buffer_failed(&b) && b.length <= field.value.length);
		must(view_search(buffer_view(&b), VIEW("\r\n ")) == VIEW_NOT_FOUND);
		buffer_free(&b);
	}
	return 0;
}
