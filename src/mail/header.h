/*
 * The header section of a message (RFC 5322 §2.1, §2.2, §3.6), read and never changed. Two ways in:
 *
 * - `header_scan` is fed with the content in chunks of any size while it streams by. It says where
 *   the header section ended and why, counts fields, keeps the Message-ID and reads TLS-Required. Its memory is its
 *   struct, whatever comes: a line of 10 MB or 10,000 fields cost their octets once, in time only.
 * - `header_next`, `header_find` and `header_unfold` work on a header section that is in memory.
 *
 * A line ends in CRLF and nothing else; a lone CR or LF is an octet of the line (the SMTP machine
 * refuses both before this module sees them, and the length of lines is its business, too).
 *
 *	struct header_scan scan;
 *	header_scan_start(&scan, limits->header_octets);
 *	while (… next chunk …)
 *		header_scan_feed(&scan, chunk);
 *	header_scan_finish(&scan);
 *	if (scan.end == HEADER_END_LARGE) …
 *
 * Who calls: protocol/smtp_server (Received count, size, TLS-Required), keepers/deliver (Message-ID for F-15),
 * keepers/mailbox (TOP), tools.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/bytes.h"

/* A msg-id that is longer counts as none. RFC 5322 §2.1.1 ends a line at 998; real ones stay below
 * 300, and each session that streams holds this much. */
#define HEADER_MESSAGE_ID_MAX 512
#define HEADER_NAME_SEEN \
	16 /* octets of a field name that the scan keeps: the longest it knows + 1 */

/* The fields that header_scan tells apart. */
enum header_kind {
	HEADER_OTHER,
	HEADER_RECEIVED,
	HEADER_MESSAGE_ID,
	HEADER_DATE,
	HEADER_FROM,
	HEADER_RETURN_PATH,
	HEADER_DELIVERED_TO,
	HEADER_TLS_REQUIRED,
};
#define HEADER_KINDS 8
/* The field name as it is usually written; "other" for HEADER_OTHER. */
const char *header_kind_name(enum header_kind kind);
/* By field name, without case. */
enum header_kind header_kind_of(struct view name);

/* Where and why the header section ended. */
enum header_end {
	HEADER_END_NOT_YET,
	HEADER_END_EMPTY_LINE, /* the empty line; the body starts behind it */
	HEADER_END_NO_FIELD, /* a line that is no field and no continuation: the body starts with it */
	HEADER_END_CONTENT, /* the content ended first: there is no body */
	HEADER_END_LARGE, /* more octets than the limit: unknown where it would have ended */
};

enum header_state {
	HEADER_STATE_LINE, /* at the first octet of a line */
	HEADER_STATE_NAME, /* in a field name */
	HEADER_STATE_NAME_TAIL, /* in the white space before the colon (RFC 5322 §4.5) */
	HEADER_STATE_VALUE, /* behind the colon, or in a continuation line */
};

struct header_scan {
	/* Results; all final once `end` is not HEADER_END_NOT_YET. */
	enum header_end end;
	uint64_t section_octets; /* the fields with their CRLFs, without the empty line */
	uint64_t body_at; /* octets of the content before the body */
	uint32_t fields;
	uint32_t counts[HEADER_KINDS]; /* how many of each kind, HEADER_RECEIVED say */
	uint32_t received_by; /* Received fields of the host of header_scan_count_by */
	bool has_8bit; /* an octet above 0x7f: internationalised (RFC 6532) or broken */
	/* Its own. */
	enum header_state state;
	enum header_kind kind;
	bool cr; /* the octet before was a CR */
	uint64_t max_octets;
	uint64_t octets; /* fed so far */
	uint64_t line_at; /* where the current line began */
	uint8_t name[HEADER_NAME_SEEN];
	size_t name_length;
	uint8_t message_id[HEADER_MESSAGE_ID_MAX];
	size_t message_id_length;
	uint8_t message_id_step;
	uint8_t tls_required_step;
	struct view by; /* the host whose Received fields are counted; empty: nobody's */
	uint16_t by_matched; /* octets of " by HOST" that the value has just had */
	bool by_counted; /* in this field */
};

/* `max_octets` of the header section with the empty line; one more ends it as HEADER_END_LARGE. */
void header_scan_start(struct header_scan *scan, uint64_t max_octets);
/* Counts the Received fields that this host has added: those with "by HOST" (RFC 5321 §4.4). Before the first
 * octet; the name is kept. */
void header_scan_count_by(struct header_scan *scan, struct view host);
/* Reads on. Returns the octets of the chunk that it looked at: all, or fewer when the section ended
 * in this chunk. Feeding on after the end does nothing and returns 0. */
size_t header_scan_feed(struct header_scan *scan, struct view chunk);
/* The content is over. */
void header_scan_finish(struct header_scan *scan);
/* What stood between the first "<" and the next ">" in the first Message-ID field, unfolded; empty
 * when there is none, when it is too long, or when it has control characters. A borrowed view into
 * the scan; complete once the section has ended. */
struct view header_scan_message_id(const struct header_scan *scan);

/* There is one TLS-Required field, and it says "No" (RFC 8689 §3); all else counts as none. Known once the
 * section has ended. */
bool header_scan_tls_not_required(const struct header_scan *scan);

/* One field of a section in memory. */
struct header_field {
	struct view name; /* without the colon and the white space before it */
	struct view value; /* raw: behind the colon, folds kept, without the last CRLF */
	struct view whole; /* all of it with the last CRLF */
};
/* Takes the next field off the front of `c`. False at the empty line, at a line that is no field, and
 * at the end; `c` then stands there. */
bool header_next(struct cursor *c, struct header_field *field_out);
/* The first field of that name, without case. `content` may go on with a body. */
bool header_find(struct view content, struct view name, struct header_field *field_out);
/* Appends the value without the CRLF of each fold (RFC 5322 §2.2.3) and trimmed at both ends. */
void header_unfold(struct buffer *b, struct view value);

#endif
