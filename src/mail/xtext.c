#include "mail/xtext.h"

void xtext_add(struct buffer *b, struct view text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.length; i++) {
		const uint8_t octet = text.at[i];
		if (octet > 0x20 && octet < 0x7f && octet != '+' && octet != '=') {
			buffer_add_octet(b, octet);
			continue;
		}
		buffer_add_octet(b, '+');
		buffer_add_octet(b, (uint8_t)digits[octet >> 4]);
		buffer_add_octet(b, (uint8_t)digits[octet & 15]);
	}
}

enum error xtext_decode(struct view text, struct arena *a, struct view *out)
{
	uint8_t *to = arena_get(a, text.length);
	if (!to)
		return ERROR_MEMORY;
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		uint64_t octet = text.at[i];
		if (octet == '=')
			return ERROR_SYNTAX;
		if (octet == '+') {
			const struct view hex = view_part(text, i + 1, 2);
			if (hex.length != 2 || !view_to_hex64(hex, &octet))
				return ERROR_SYNTAX;
			i += 2;
		}
		if (octet < 0x20 || octet > 0x7e)
			return ERROR_SYNTAX;
		to[length++] = (uint8_t)octet;
	}
	*out = view_of(to, length);
	return ERROR_NONE;
}

static size_t utf8_put(uint8_t *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	const size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = length - 1; i > 0; i--, c >>= 6)
		to[i] = (uint8_t)(0x80 | (c & 0x3f));
	to[0] = (uint8_t)(0xf00 >> length | c);
	return length;
}

/* "\x{HEX}" of RFC 6533 §3 at text[i..]; the number of octets read, 0 when it is wrong. */
static size_t embedded_char(struct view text, size_t i, uint32_t *c_out)
{
	const struct view rest = view_from(text, i);
	const size_t end = view_find(rest, '}');
	uint64_t c;
	if (end > 9 || !view_starts(rest, VIEW("\\x{")) ||
		!view_to_hex64(view_part(rest, 3, end - 3), &c))
		return 0;
	if (c < 0x20 || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*c_out = (uint32_t)c;
	return end + 1;
}

enum error unitext_decode(struct view text, struct arena *a, struct view *out)
{
	uint8_t *to = arena_get(a, text.length);
	if (!to)
		return ERROR_MEMORY;
	size_t length = 0;
	for (size_t i = 0; i < text.length;) {
		uint32_t c = 0;
		if (text.at[i] != '\\') {
			to[length++] = text.at[i++];
			continue;
		}
		const size_t read = embedded_char(text, i, &c);
		if (read == 0)
			return ERROR_SYNTAX;
		length += utf8_put(to + length, c);
		i += read;
	}
	*out = view_of(to, length);
	return view_is_utf8(*out) ? ERROR_NONE : ERROR_SYNTAX;
}
