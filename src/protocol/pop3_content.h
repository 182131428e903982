/*
 * The content of a message on its way to a POP3 client (RFC 1939 §3, RETR and TOP of §5, §7): a dot
 * before each line that begins with one, CRLF where a file of another program has a bare LF, the
 * lines that TOP asks for, the final ".". Lines are found by search and passed on in runs. A client
 * without UTF8 gets the header section through downgrade.h.
 */
#ifndef PROTOCOL_POP3_CONTENT_H
#define PROTOCOL_POP3_CONTENT_H

#include "protocol/downgrade.h"

/* Free octets in `out` below which pop3_content_add takes nothing. */
#define POP3_CONTENT_ROOM 64u

struct pop3_content {
	struct downgrade downgrade;
	bool is_downgraded;
	bool is_top;
	bool in_body; /* the empty line behind the header section has passed */
	bool at_line_start;
	bool after_cr; /* the last octet was a CR */
	bool is_blank; /* nothing but that CR in this line yet */
	bool is_complete;
	uint32_t lines_left; /* of TOP */
	uint64_t sent; /* octets, as they went out */
};

/* `lines` counts when `top`. */
void pop3_content_start(struct pop3_content *c, bool downgraded, bool top, uint32_t lines);
/* Takes as much of `in` as `out` has room for. True while more is wanted: more room when `in` is not
 * empty, else more content. False when all is said, the final "." included. */
bool pop3_content_add(struct pop3_content *c, struct cursor *in, bool last, struct buffer *out);
/* Gives memory back; at any time. */
void pop3_content_end(struct pop3_content *c);

#endif
