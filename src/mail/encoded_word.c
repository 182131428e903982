#include "mail/encoded_word.h"

#define FRAME 12u /* octets of "=?utf-8?B?" and "?=" */
#define TEXT_MAX 45u /* octets that make 60 of base64, 72 with the frame: RFC 2047 §2 allows 75 */
#define LINE_MAX 76u /* octets of a line that holds an encoded word, RFC 2047 §2 */

/* --- writing ------------------------------------------------------------------------------ */

/* The longest front of `text`, at most `most` octets (4 or more), that ends with a character. */
static size_t cut_utf8(struct view text, size_t most)
{
	if (text.length <= most)
		return text.length;
	while (most > 1 && (view_at(text, most) & 0xc0) == 0x80)
		most--;
	return most;
}

void encoded_word_add(struct buffer *out, size_t *column, struct view text)
{
	while (text.length) {
		const size_t used = *column + FRAME;
		size_t room = used < LINE_MAX ? (LINE_MAX - used) / 4 * 3 : 0;
		if (room < 12 && *column > 1) {
			buffer_add(out, VIEW("\r\n "));
			*column = 1;
			continue;
		}
		if (room > TEXT_MAX)
			room = TEXT_MAX;
		const struct view piece = view_first(text, cut_utf8(text, room));
		buffer_add(out, VIEW("=?utf-8?B?"));
		buffer_add_base64(out, piece);
		buffer_add(out, VIEW("?="));
		*column += FRAME + (piece.length + 2) / 3 * 4;
		text = view_from(text, piece.length);
		if (text.length)
			*column = LINE_MAX; /* the next word folds */
	}
}

/* --- reading ------------------------------------------------------------------------------ */

static bool is_space(int octet)
{
	return octet == ' ' || octet == '\t';
}

/* What may stand between the question marks. */
static bool is_part(int octet)
{
	return octet > 0x20 && octet < 0x7f && octet != '?';
}

bool encoded_word_read(struct cursor *c, struct encoded_word *word)
{
	struct cursor ahead = *c;
	bool ok = cursor_skip(&ahead, '=') && cursor_skip(&ahead, '?');
	const struct view charset = cursor_while(&ahead, is_part);
	ok = ok && cursor_skip(&ahead, '?');
	const struct view encoding = cursor_while(&ahead, is_part);
	ok = ok && cursor_skip(&ahead, '?');
	word->text = cursor_while(&ahead, is_part);
	ok = ok && cursor_skip(&ahead, '?') && cursor_skip(&ahead, '=');
	(void)view_split(charset, '*', &word->charset, &word->language);
	word->is_base64 = view_equal_nocase(encoding, VIEW("B"));
	if (!ok || view_is_empty(word->charset) ||
		(!word->is_base64 && !view_equal_nocase(encoding, VIEW("Q"))))
		return false;
	*c = ahead;
	return true;
}

/* RFC 2047 §4.2 */
static bool add_unquoted(struct buffer *out, struct view text)
{
	for (size_t i = 0; i < text.length; i++) {
		uint64_t octet = text.at[i];
		if (octet == '=') {
			const struct view hex = view_part(text, i + 1, 2);
			if (hex.length != 2 || !view_to_hex64(hex, &octet))
				return false;
			i += 2;
		}
		buffer_add_octet(out, text.at[i] == '_' ? ' ' : (uint8_t)octet);
	}
	return true;
}

bool encoded_word_decode(struct buffer *out, const struct encoded_word *word)
{
	const size_t before = out->length;
	if (!view_equal_nocase(word->charset, VIEW("utf-8")) &&
		!view_equal_nocase(word->charset, VIEW("us-ascii")))
		return false;
	const bool ok = word->is_base64 ? buffer_add_unbase64(out, word->text)
					: add_unquoted(out, word->text);
	if (ok && view_is_utf8(view_from(buffer_view(out), before)))
		return true;
	buffer_truncate(out, before);
	return false;
}

bool encoded_words_decode(struct buffer *out, struct view value)
{
	const size_t before = out->length;
	struct cursor c = cursor_of(value);
	struct encoded_word word;
	bool after_word = false;
	while (cursor_left(&c)) {
		const size_t at = out->length;
		buffer_add(out, cursor_while(&c, is_space));
		const bool is_word = encoded_word_read(&c, &word);
		/* white space between two of them does not show, RFC 2047 §6.2 */
		if (is_word && after_word)
			buffer_truncate(out, at);
		if (is_word && !encoded_word_decode(out, &word))
			return false;
		if (!is_word && cursor_left(&c))
			buffer_add_octet(out, cursor_u8(&c));
		after_word = is_word;
	}
	return !buffer_failed(out) && view_is_utf8(view_from(buffer_view(out), before));
}
