#include "protocol/reply.h"

#include "base/text.h"

bool reply_is_none(const struct reply *reply)
{
	return reply->code == 0;
}

static void add_codes(struct buffer *b, const struct reply *reply)
{
	must(reply->code >= 200 && reply->code < 600);
	text_add(b, "{} ", text_number(reply->code));
	if (reply->enhanced.class)
		text_add(b, "{}.{}.{} ", text_number(reply->enhanced.class),
			text_number(reply->enhanced.subject), text_number(reply->enhanced.detail));
}

/* Octets at the front of which none needs a look of ours. */
static size_t common_run(struct view text, bool utf8)
{
	size_t run = 0;
	while (run < text.length && text.at[run] != '\\' && (utf8 || text.at[run] < 0x80))
		run++;
	return run;
}

/* The text as it may be said: no controls, and ASCII only unless the client reads UTF-8. A backslash
 * stays, so that a quoted local-part reads as it was given. */
static void add_text(struct buffer *b, struct view text, bool utf8)
{
	while (text.length) {
		const size_t run = common_run(text, utf8);
		text_add_escaped(b, view_first(text, run));
		if (run < text.length)
			buffer_add_octet(b, text.at[run] == '\\' ? '\\' : '?');
		text = view_from(text, run + 1);
	}
}

/* Cuts what stands behind `start`, never inside a UTF-8 character. */
static void cut(struct buffer *b, size_t start, size_t most)
{
	if (b->length - start <= most)
		return;
	const struct view line = view_from(buffer_view(b), start);
	while (most && (view_at(line, most) & 0xc0) == 0x80)
		most--;
	buffer_truncate(b, start + most);
}

void reply_add_text(struct buffer *b, struct view text, bool utf8, size_t start, size_t most)
{
	/* what an octet can grow to is "\x00", so this much is always enough, and bounded */
	add_text(b, view_first(text, most), utf8);
	cut(b, start, most);
}

void reply_add(struct buffer *b, const struct reply *reply, bool utf8)
{
	const size_t start = b->length;
	add_codes(b, reply);
	reply_add_text(b, reply->text, utf8, start, REPLY_LINE_MAX - 2);
	buffer_add(b, VIEW("\r\n"));
}
