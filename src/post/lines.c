#include "post/lines.h"

#define UTF8_TAIL_MAX 3u

static bool is_envelope_line(const struct lines *l, struct view line)
{
	return !l->is_begun &&
	       (view_starts(line, VIEW("From ")) || view_starts(line, VIEW(">From ")));
}

static void end_line(struct lines *l, struct buffer *out)
{
	const struct view line = view_of(l->line, l->length);
	if (l->ends_at_dot && !l->is_cut && view_equal(line, VIEW("."))) {
		l->is_over = true;
	} else if (!is_envelope_line(l, line)) {
		buffer_add(out, line);
		buffer_add(out, VIEW("\r\n"));
		l->is_body |= l->length == 0;
	}
	l->is_begun = true;
	l->is_cut = false;
	l->length = 0;
}

/* Where a full line is cut: not inside a character. */
static size_t cut_at(const struct lines *l)
{
	size_t at = l->length;
	for (size_t i = 0; i < UTF8_TAIL_MAX && (l->line[at - 1] & 0xc0) == 0x80; i++)
		at--;
	return l->line[at - 1] >= 0xc0 ? at - 1 : l->length;
}

static void cut_line(struct lines *l, struct buffer *out)
{
	const size_t at = cut_at(l);
	uint8_t rest[UTF8_TAIL_MAX + 1];
	const size_t rest_length = l->length - at;
	must(view_copy(view_of(l->line + at, rest_length), rest, sizeof rest));
	l->length = at;
	end_line(l, out);
	l->is_cut = true;
	if (!l->is_body)
		l->line[l->length++] = ' ';
	for (size_t i = 0; i < rest_length; i++)
		l->line[l->length++] = rest[i];
}

static void add_octet(struct lines *l, uint8_t octet, struct buffer *out)
{
	if (octet == 0) {
		l->has_nul = true;
		return;
	}
	if (l->length == LINES_LENGTH_MAX)
		cut_line(l, out);
	l->has_8bit |= octet > 0x7f;
	l->line[l->length++] = octet;
}

void lines_feed(struct lines *l, struct view octets, struct buffer *out)
{
	for (size_t i = 0; i < octets.length && !l->is_over; i++) {
		const uint8_t octet = octets.at[i];
		if (octet == '\n' || l->cr)
			end_line(l, out);
		l->cr = octet == '\r';
		if (octet != '\n' && octet != '\r' && !l->is_over)
			add_octet(l, octet, out);
	}
}

void lines_finish(struct lines *l, struct buffer *out)
{
	if (!l->is_over && (l->length || l->cr))
		end_line(l, out);
	l->cr = false;
}
