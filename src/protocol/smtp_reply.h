/*
 * Reads the replies of an SMTP server (RFC 5321 §4.2), one line at a time, from whatever the network
 * brings: code, enhanced code (RFC 2034) and the server's words, joined and made printable. Pure.
 *
 * A line ends in CRLF and in nothing else, has no other CR, LF or NUL, and begins with a code of three
 * digits, the same in all lines of a reply. What keeps to none of this is no reply, and nothing after
 * it can be understood. Who calls: protocol/smtp_client.
 *
 *	switch (smtp_reply_read(&r, &in)) {
 *	case SMTP_REPLY_MORE: wait; what is left of `in` must be there again
 *	case SMTP_REPLY_LINE: look at r.line when lines matter (EHLO); read on
 *	case SMTP_REPLY_DONE: r.line is the last; r.code, r.enhanced, smtp_reply_words(&r)
 *	case SMTP_REPLY_BAD:  r.problem says why
 *	}
 */
#ifndef PROTOCOL_SMTP_REPLY_H
#define PROTOCOL_SMTP_REPLY_H

#include "protocol/reply.h"

#define SMTP_REPLY_LINE_MAX 4096u /* octets with CRLF; RFC 5321 §4.5.3.1.5 asks for 512 */
#define SMTP_REPLY_OCTETS_MAX 65536u /* of all lines of one reply */
#define SMTP_REPLY_WORDS_MAX 512u /* octets of the words kept of one reply */

enum smtp_reply_event { SMTP_REPLY_MORE, SMTP_REPLY_LINE, SMTP_REPLY_DONE, SMTP_REPLY_BAD };

struct smtp_reply {
	uint16_t code; /* 200..599; of the first line */
	struct enhanced enhanced; /* class 0: none, or one that contradicts the code */
	struct view line; /* text of the line just read, behind the code; lives as the input */
	const char *problem; /* static; null while all is well */
	struct buffer words;
	uint32_t lines;
	uint32_t octets;
	uint32_t scanned; /* of an unfinished line */
	bool utf8; /* the words may hold UTF-8 (RFC 6531 §3.7.4.2), else "?" stands for it */
};

struct smtp_reply smtp_reply_new(void);
void smtp_reply_free(struct smtp_reply *r);
/* Makes ready for the next reply. */
void smtp_reply_begin(struct smtp_reply *r, bool utf8);
/* Consumes at most one line. After DONE or BAD call smtp_reply_begin first. */
enum smtp_reply_event smtp_reply_read(struct smtp_reply *r, struct cursor *in);
/* The text of all lines, joined by spaces, without the enhanced code; at most SMTP_REPLY_WORDS_MAX
 * printable octets. Lives until smtp_reply_begin. */
struct view smtp_reply_words(const struct smtp_reply *r);

#endif
