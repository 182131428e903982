/*
 * One reply of an SMTP server (RFC 5321 §4.2): code, enhanced code (RFC 2034, RFC 3463), a sentence
 * that a person understands, and the rule that made us say it. A refusal is a value of this type and
 * the normal path (STYLE §5); `rule` goes to the log, never to the peer.
 */
#ifndef PROTOCOL_REPLY_H
#define PROTOCOL_REPLY_H

#include "base/bytes.h"

#define REPLY_LINE_MAX 512 /* octets with CRLF; RFC 5321 §4.5.3.1.5 */

/* class.subject.detail; class 0: none is said (greeting, EHLO, 3xx: RFC 2034 §4). */
struct enhanced {
	uint8_t class;
	uint16_t subject;
	uint16_t detail;
};

struct reply {
	uint16_t code;
	struct enhanced enhanced;
	struct view text; /* without CRLF; may be empty */
	const char *rule; /* a word such as "sizelimit"; static; may be null for a 2xx */
};

/* For static tables: REPLY(550, 5, 7, 1, "denyfrom", "This host is not welcome here"). */
#define REPLY(code_, class_, subject_, detail_, rule_, text_)                              \
	{                                                                                  \
		.code = (code_), .enhanced = {(class_), (subject_), (detail_)},            \
		.text = {(const uint8_t *)("" text_), sizeof(text_) - 1}, .rule = (rule_), \
	}

/* Code 0: nothing was filled in. */
bool reply_is_none(const struct reply *reply);

/* Appends the reply as one line with CRLF, at most REPLY_LINE_MAX octets: a longer text is cut.
 * Controls are escaped, a backslash is not; octets above 0x7e become "?" unless `utf8` (RFC 6531 §3.7.4.2). */
void reply_add(struct buffer *b, const struct reply *reply, bool utf8);
/* Appends words in that way, and cuts what stands behind `start` to `most` octets, never inside a
 * character. */
void reply_add_text(struct buffer *b, struct view text, bool utf8, size_t start, size_t most);

#endif
