#include "protocol/smtp_reply.h"

static const char not_a_reply[] = "what came is no reply of an SMTP server";
static const char bad_line_end[] = "a line of a reply has a lone CR or LF, or a NUL";
static const char long_line[] = "a line of a reply is longer than any server's";
static const char endless[] = "a reply had no end";
static const char mixed_codes[] = "the lines of one reply have different codes";

/* Words grow at most fourfold before they are cut; a space stands before them. */
#define WORDS_ROOM (SMTP_REPLY_WORDS_MAX * 5 + 1)

struct smtp_reply smtp_reply_new(void)
{
	return (struct smtp_reply){.words = buffer_new(WORDS_ROOM)};
}

void smtp_reply_free(struct smtp_reply *r)
{
	buffer_free(&r->words);
}

void smtp_reply_begin(struct smtp_reply *r, bool utf8)
{
	struct buffer words = r->words;
	buffer_clear(&words);
	*r = (struct smtp_reply){.words = words, .utf8 = utf8};
}

struct view smtp_reply_words(const struct smtp_reply *r)
{
	return view_first(buffer_view(&r->words), SMTP_REPLY_WORDS_MAX);
}

static enum smtp_reply_event bad(struct smtp_reply *r, const char *problem)
{
	r->problem = problem;
	return SMTP_REPLY_BAD;
}

/* --- a line ------------------------------------------------------------------------------------ */

/* Takes the next line with its CRLF; false when it is not all there. */
static bool take_line(struct smtp_reply *r, struct cursor *in, struct view *line_out)
{
	const struct view rest = cursor_rest(in);
	const size_t lf = view_find(view_from(rest, r->scanned), '\n');
	if (lf == VIEW_NOT_FOUND) {
		r->scanned = (uint32_t)rest.length;
		return false;
	}
	*line_out = cursor_take(in, r->scanned + lf + 1);
	r->scanned = 0;
	return true;
}

/* Up to three digits and what follows them. */
static bool take_number(struct view *text, uint16_t *n_out)
{
	size_t digits = 0;
	uint32_t n = 0;
	while (digits < 4 && octet_is_digit(view_at(*text, digits)))
		digits++;
	if (digits > 3 || !view_to_u32(view_first(*text, digits), 999, &n))
		return false;
	*text = view_from(*text, digits);
	*n_out = (uint16_t)n;
	return true;
}

static bool take_octet(struct view *text, uint8_t octet)
{
	if (view_at(*text, 0) != octet)
		return false;
	*text = view_from(*text, 1);
	return true;
}

/* "5.1.1 " of RFC 3463 at the front, of the class that the code has. */
static bool take_enhanced(struct view *text, uint16_t code, struct enhanced *enhanced_out)
{
	uint16_t class;
	struct view rest = *text;
	struct enhanced e = {0};
	if (!take_number(&rest, &class) || class != code / 100 || class == 3 ||
		!take_octet(&rest, '.') || !take_number(&rest, &e.subject) ||
		!take_octet(&rest, '.') || !take_number(&rest, &e.detail))
		return false;
	if (rest.length && !take_octet(&rest, ' '))
		return false;
	e.class = (uint8_t) class;
	*enhanced_out = e;
	*text = rest;
	return true;
}

static bool enhanced_equal(struct enhanced a, struct enhanced b)
{
	return a.class == b.class && a.subject == b.subject && a.detail == b.detail;
}

/* RFC 2034 §4: the enhanced code stands in each line. One that differs is kept as words. */
static void keep_words(struct smtp_reply *r)
{
	struct view text = r->line;
	struct enhanced e;
	if (take_enhanced(&text, r->code, &e)) {
		if (r->enhanced.class == 0)
			r->enhanced = e;
		else if (!enhanced_equal(r->enhanced, e))
			text = r->line;
	}
	text = view_trim(text);
	if (view_is_empty(text) || r->words.length >= SMTP_REPLY_WORDS_MAX)
		return;
	if (r->words.length)
		buffer_add_octet(&r->words, ' ');
	reply_add_text(&r->words, text, r->utf8, 0, SMTP_REPLY_WORDS_MAX);
}

static bool has_odd_octet(struct view v)
{
	return view_find(v, '\r') != VIEW_NOT_FOUND || view_find(v, 0) != VIEW_NOT_FOUND;
}

static enum smtp_reply_event read_line(struct smtp_reply *r, struct view line)
{
	uint32_t code;
	if (!view_ends(line, VIEW("\r\n")))
		return bad(r, bad_line_end);
	line = view_first(line, line.length - 2);
	if (has_odd_octet(line))
		return bad(r, bad_line_end);
	const int behind = view_at(line, 3);
	if (!view_to_u32(view_first(line, 3), 599, &code) || line.length < 3 || code < 200 ||
		(behind != -1 && behind != ' ' && behind != '-'))
		return bad(r, not_a_reply);
	if (r->lines && code != r->code)
		return bad(r, mixed_codes);
	r->code = (uint16_t)code;
	r->lines++;
	r->line = view_from(line, 4);
	keep_words(r);
	return behind == '-' ? SMTP_REPLY_LINE : SMTP_REPLY_DONE;
}

enum smtp_reply_event smtp_reply_read(struct smtp_reply *r, struct cursor *in)
{
	struct view line;
	if (!take_line(r, in, &line))
		return r->scanned < SMTP_REPLY_LINE_MAX ? SMTP_REPLY_MORE : bad(r, long_line);
	if (line.length > SMTP_REPLY_LINE_MAX)
		return bad(r, long_line);
	r->octets += (uint32_t)line.length;
	return r->octets > SMTP_REPLY_OCTETS_MAX ? bad(r, endless) : read_line(r, line);
}
