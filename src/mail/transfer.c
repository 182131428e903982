#include "mail/transfer.h"

#define QUOTED_LINE 76u /* octets with the "=" of a soft break, RFC 2045 §6.7 (5) */
#define BASE64_LINE 57u /* octets that make 76, RFC 2045 §6.8 */

const char *transfer_name(enum transfer transfer)
{
	switch (transfer) {
	case TRANSFER_7BIT:
		return "7bit";
	case TRANSFER_8BIT:
		return "8bit";
	case TRANSFER_QUOTED:
		return "quoted-printable";
	case TRANSFER_BASE64:
		return "base64";
	}
	must(!"an encoding");
	return "";
}

/* --- which -------------------------------------------------------------------------------- */

/* Lines of at most TRANSFER_LINE_MAX octets which end in CRLF, and no NUL. */
static bool has_good_lines(struct view text)
{
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++, length++) {
		if (text.at[i] == '\r' && view_at(text, i + 1) == '\n') {
			length = SIZE_MAX; /* 0 behind the LF */
			i++;
		} else if (text.at[i] == '\r' || text.at[i] == '\n' || text.at[i] == 0 ||
			   length == TRANSFER_LINE_MAX) {
			return false;
		}
	}
	return true;
}

static bool is_literal(uint8_t octet)
{
	return octet == '\t' || (octet >= 0x20 && octet <= 0x7e && octet != '=');
}

static enum transfer shorter(struct view text)
{
	size_t escaped = 0;
	for (size_t i = 0; i < text.length; i++)
		escaped += !is_literal(text.at[i]) && text.at[i] != '\r' && text.at[i] != '\n';
	/* two octets more for each, against one more for three */
	return escaped > text.length / 6 ? TRANSFER_BASE64 : TRANSFER_QUOTED;
}

enum transfer transfer_least(struct view text)
{
	if (!has_good_lines(text))
		return shorter(text);
	return view_is_ascii(text) ? TRANSFER_7BIT : TRANSFER_8BIT;
}

enum transfer transfer_safe(struct view text)
{
	const enum transfer least = transfer_least(text);
	return least == TRANSFER_8BIT ? shorter(text) : least;
}

/* --- how ---------------------------------------------------------------------------------- */

static void add_base64(struct buffer *b, struct view text)
{
	for (size_t at = 0; at < text.length; at += BASE64_LINE) {
		buffer_add_base64(b, view_part(text, at, BASE64_LINE));
		buffer_add(b, VIEW("\r\n"));
	}
}

static bool is_line_end(struct view text, size_t i)
{
	return i >= text.length || (text.at[i] == '\r' && view_at(text, i + 1) == '\n');
}

/* RFC 2045 §6.7 */
static void add_quoted(struct buffer *b, struct view text)
{
	static const uint8_t digits[] = "0123456789ABCDEF";
	size_t column = 0;
	for (size_t i = 0; i < text.length; i++) {
		const uint8_t octet = text.at[i];
		if (is_line_end(text, i)) {
			buffer_add(b, VIEW("\r\n"));
			column = 0;
			i++;
			continue;
		}
		const bool is_blank = octet == ' ' || octet == '\t';
		const bool plain = is_literal(octet) && !(is_blank && is_line_end(text, i + 1));
		const size_t need = plain ? 1 : 3;
		if (column + need > QUOTED_LINE - 1) {
			buffer_add(b, VIEW("=\r\n"));
			column = 0;
		}
		if (plain) {
			buffer_add_octet(b, octet);
		} else {
			const uint8_t escaped[] = {'=', digits[octet >> 4], digits[octet & 15]};
			buffer_add(b, view_of(escaped, sizeof escaped));
		}
		column += need;
	}
	/* a line end that the text does not have is none in what is decoded, either */
	if (column)
		buffer_add(b, VIEW("=\r\n"));
}

void transfer_add(struct buffer *b, enum transfer transfer, struct view text)
{
	switch (transfer) {
	case TRANSFER_7BIT:
	case TRANSFER_8BIT:
		buffer_add(b, text);
		if (text.length && !view_ends(text, VIEW("\r\n")))
			buffer_add(b, VIEW("\r\n"));
		return;
	case TRANSFER_QUOTED:
		add_quoted(b, text);
		return;
	case TRANSFER_BASE64:
		add_base64(b, text);
		return;
	}
}
