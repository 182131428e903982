/*
 * Reports to senders: what became of their mail (RFC 3461, 3463, 3464, 6522, 6533), in plain words of
 * the sender's language and, for programs, field by field. Pure: time, randomness and names are given.
 *
 * A report is a multipart/report of
 *	text/plain			for people: to whom, what happened, the remote's own words, what it
 *					means, what to do (mail/dsn_words.h has the sentences)
 *	message/delivery-status		for programs; message/global-delivery-status when an address is not
 *					ASCII
 *	text/rfc822-headers		the header section of the original; or all of it as message/rfc822,
 *					when the sender asked for that (RET=FULL), something failed, and it
 *					is small; message/global-headers and message/global when it has
 *					octets beyond ASCII in its header section
 * All is 7-bit but for a To field with letters beyond ASCII, and an original in 8bit that goes back
 * whole: the flags of the report say so.
 *
 * The same told to the postmaster, when there is no sender to tell (F-10), is a plain mail.
 *
 * Language: that of Accept-Language in the original (RFC 3282), when it names English or Japanese. Else
 * English, followed by Japanese when the original's header section shows Japanese: its charsets, kana,
 * Content-Language.
 *
 * Who calls: keepers/report, which decides who is told.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include "mail/domain.h"
#include "mail/ids.h"

#define DSN_STATUS_MAX 9 /* octets of "5.999.999" */
#define DSN_RANDOM 32 /* octets: for the Message-ID and the boundary */

/* RFC 3464 §2.3.3 */
enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };
#define DSN_ACTIONS 5
/* As the field Action says it. */
const char *dsn_action_name(enum dsn_action action);

/* Views of what a stranger wrote are escaped where they are shown. */
struct dsn_recipient {
	enum dsn_action action;
	struct view forward_path; /* as the client gave it */
	struct view orcpt; /* as given, "rfc822;a+2Bb@x"; may be empty */
	struct view status; /* "5.1.1"; what is no status counts as X.0.0 of the action's class */
	struct view
		host; /* "mx.example.org", and behind a space what else is known, "[192.0.2.1]"; empty:
			   * this server decided */
	struct view reply; /* of the host: code and text, lines separated by LF; may be empty */
	struct view reason; /* in our own words; may be empty */
	int64_t attempt_s; /* the last one, wall clock; 0: none */
	int64_t until_s; /* of a delay: when it is given up; 0: not said */
};

enum dsn_kind {
	DSN_REPORT,
	DSN_TO_POSTMASTER, /* nobody else can be told */
};

struct dsn {
	enum dsn_kind kind;
	struct domain server; /* reporting-MTA */
	struct domain site; /* of our own addresses */
	struct view to; /* "local@domain", into the field To */
	int64_t now_s; /* wall clock */
	int offset_minutes; /* as for date_add */
	uint8_t random[DSN_RANDOM];
	/* the original */
	struct spool_id id;
	int64_t arrival_s; /* wall clock */
	uint16_t flags; /* enum envelope_flags */
	struct view reverse_path; /* empty: null */
	struct view envid; /* as given, in xtext; may be empty */
	struct view content; /* its front */
	bool is_whole; /* `content` is all of it */
	const struct dsn_recipient *recipients;
	uint32_t recipient_count; /* at least 1 */
};

/* Writes the mail into `out`, which is empty and has a maximum. When that is not enough it says less: no
 * original, then no more than the fields that must be. False when even that does not fit.
 * *flags_out: what the next host must be able to do (ENVELOPE_8BITMIME, ENVELOPE_SMTPUTF8). */
must_use bool dsn_compose(const struct dsn *d, struct buffer *out, uint16_t *flags_out);

/* Whether an original of this size goes back whole, if it can, and so its content is wanted. */
bool dsn_wants_whole(uint16_t flags, bool has_failed);

#endif
