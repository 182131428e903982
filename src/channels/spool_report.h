/*
 * spool (A) ↔ report (B). A stream is one report, numbered by spool: what became of some recipients of a
 * message, for its sender. At most REPORT_STREAMS_MAX are open.
 *
 *	A REPORT      idle → telling: the message, and its envelope as it lies in the spool
 *	A RECIPIENT   telling: one of those of whom the report speaks, 1 … REPORT_RECIPIENTS_MAX of them; for
 *	              more there are more reports
 *	A ASK         telling → asked: that was all
 *	B NONE        asked → idle: nobody is to be told, and why; the recipients may become final
 *	B WANT        asked → giving: so many octets from the front of the content (0: none of it)
 *	A CONTENT     giving → composing: just those; fewer when they cannot be read: it goes without
 *	B MAIL        composing → idle: envelope and content for spool_append, before the recipients of
 *	              the original become final (law 2)
 *
 * There is no other credit: what either side holds is bounded by the sizes below, and one report is
 * composed in the turn in which its content comes. A mail is always below the size from which spool needs
 * a file for it, so it goes from the frame into the log.
 *
 * `report` alone decides who is told: NOTIFY (RFC 3461 §4.1), a null reverse-path, an own address that
 * nobody has. spool says what became of recipients and asks for a report of whatever it thinks is worth
 * one: each failure, a delay once, and success, if it was asked for.
 */
#ifndef CHANNELS_SPOOL_REPORT_H
#define CHANNELS_SPOOL_REPORT_H

#include "base/frame.h"

enum spool_report_code {
	REPORT_REPORT, /* spool id, arrival in wall clock seconds, octets of the content, envelope */
	REPORT_RECIPIENT, /* see below */
	REPORT_ASK,
	REPORT_CONTENT, /* octets */
	REPORT_WANT, /* octets */
	REPORT_MAIL, /* envelope (mail/envelope.h), content */
	REPORT_NONE, /* why, for the log */
	REPORT_CODES
};

/*
 * The fields of REPORT_RECIPIENT:
 *	index		in the envelope
 *	action		enum dsn_action (mail/dsn.h)
 *	status		enhanced code, "5.1.1" (RFC 3463); its class fits the action
 *	host		the remote host that decided, by name; empty: we did
 *	address		of that host, "192.0.2.1"; may be empty
 *	reply		what it said: code and text, lines separated by LF; may be empty
 *	reason		why, in our own words; may be empty
 *	attempt		time of the last attempt, wall clock seconds; 0: there was none
 *	until		of a delay: when it will be given up; else 0
 */

enum {
	REPORT_STATE_IDLE = 1,
	REPORT_STATE_TELLING = 2,
	REPORT_STATE_ASKED = 4,
	REPORT_STATE_GIVING = 8,
	REPORT_STATE_COMPOSING = 16,
};

#define REPORT_STREAMS_MAX 32u
#define REPORT_RECIPIENTS_MAX 100u
#define REPORT_ENVELOPE_MAX (1u << 20)
#define REPORT_HOST_MAX 255u
#define REPORT_ADDRESS_MAX 64u
#define REPORT_REPLY_MAX 1024u /* longer ones are cut by spool */
#define REPORT_REASON_MAX 255u
#define REPORT_WHY_MAX 160u
/* Of an original that goes back: a letter without attachments fits, and a stranger who makes us send
 * reports to a third one gets no more than this out of us (RFC 3461 §6.2 leaves it to the site). */
#define REPORT_CONTENT_MAX 65536u
#define REPORT_MAIL_MAX (240u << 10) /* octets; below spool_limits.inline_octets */

extern const struct frame_protocol spool_report;

#endif
