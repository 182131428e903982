/*
 * protocol/downgrade.h: whatever the header section holds, and however it is cut, the same comes out;
 * it is ASCII in each field that was UTF-8, bounded, and the body is untouched. The first octet says
 * how the input is cut.
 */
#include "protocol/downgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert(struct view in, size_t piece, size_t most, struct buffer *out)
{
	struct downgrade d = downgrade_new();
	size_t at = 0;
	bool last;
	do {
		struct cursor c = cursor_of(view_part(in, at, piece));
		last = at + piece >= in.length;
		for (struct view v; (v = downgrade_next(&d, &c, last, most)).length;) {
			must(v.length <= most);
			buffer_add(out, v);
		}
		must(cursor_left(&c) == 0);
		must(d.held.length <= DOWNGRADE_FIELD_MAX);
		at += piece;
	} while (!last);
	downgrade_free(&d);
	must(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	const struct view in = view_of(data + 1, size - 1);
	struct buffer whole = buffer_new(1u << 26);
	struct buffer cut = buffer_new(1u << 26);
	convert(in, 1u << 30, 1u << 30, &whole);
	convert(in, 1 + data[0] % 16, 1 + data[0] / 16, &cut);
	must(view_equal(buffer_view(&whole), buffer_view(&cut)));
	if (view_is_ascii(in))
		must(view_equal(buffer_view(&whole), in));
	/* What was converted once needs nothing more: raw octets that stay were not ours to touch. */
	struct buffer again = buffer_new(1u << 26);
	convert(buffer_view(&whole), 1u << 30, 1u << 30, &again);
	must(view_equal(buffer_view(&whole), buffer_view(&again)));
	buffer_free(&whole);
	buffer_free(&cut);
	buffer_free(&again);
	return 0;
}
