/*
 * The one formatter for text that people, logs and peers read. `{}` takes the next argument; what
 * came from outside is escaped unless it is explicitly raw, so nothing from the wire reaches a log,
 * a header field or a reply unescaped (STYLE §3).
 *
 *	text_add(&out, "250 2.1.5 <{}> is a mailbox here\r\n", text_view(address));
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

enum text_kind { TEXT_END, TEXT_VIEW, TEXT_RAW, TEXT_NUMBER, TEXT_SIGNED, TEXT_HEX };

struct text_arg {
	enum text_kind kind;
	struct view view;
	uint64_t number;
};

/* Escaped: octets outside 0x20..0x7e and the backslash become \xNN; well-formed UTF-8 stays. */
struct text_arg text_view(struct view v);
struct text_arg text_string(const char *s);
/* As it is: only for text of our own, or octets checked before. */
struct text_arg text_raw(struct view v);
struct text_arg text_number(uint64_t n);
struct text_arg text_signed(int64_t n);
/* 16 lower-case hexadecimal digits. */
struct text_arg text_hex(uint64_t n);

/* Appends; a `{}` without an argument, or an argument without a `{}`, is a broken invariant. */
void text_add_args(struct buffer *b, const char *format, const struct text_arg *args);
#define text_add(b, format, ...)     \
	text_add_args((b), (format), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})

/* Appends `v` escaped as described at text_view. */
void text_add_escaped(struct buffer *b, struct view v);
/* Appends `v` as a JSON string with its quotes; octets that are not UTF-8 become U+FFFD. */
void text_add_json(struct buffer *b, struct view v);

#endif
