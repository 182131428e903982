/*
 * Text from a pipe as the lines of a mail: each ends in CRLF, whatever ended it there (LF, CRLF, CR alone), and
 * none is longer than RFC 5322 §2.1.1 allows; a longer one is cut, in the header section as a fold. Pure.
 *
 *	struct lines l = {.ends_at_dot = true};
 *	while (!l.is_over && (n = read(…)) > 0)
 *		lines_feed(&l, octets, &out);
 *	lines_finish(&l, &out);
 *
 * Who calls: tools/sendmail.
 */
#ifndef POST_LINES_H
#define POST_LINES_H

#include "base/bytes.h"

#define LINES_LENGTH_MAX 998u /* octets without CRLF */

struct lines {
	bool ends_at_dot; /* a line with a dot alone ends the mail */
	bool is_over; /* it has come: what follows is not looked at */
	bool has_8bit; /* an octet above 0x7f was among them */
	bool has_nul; /* which no mail may hold; it is left out */
	/* its own */
	bool is_body;
	bool is_begun; /* a first line was seen */
	bool is_cut; /* the line is the rest of a longer one */
	bool cr; /* the octet before was a CR */
	size_t length;
	uint8_t line[LINES_LENGTH_MAX];
};

/* Appends the lines that are whole. A first line "From …", as mailbox files have it, is left out. */
void lines_feed(struct lines *l, struct view octets, struct buffer *out);
/* The end of what there is: a last line without an end gets one. */
void lines_finish(struct lines *l, struct buffer *out);

#endif
