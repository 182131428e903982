/*
 * spool (A) ↔ relay (B). A stream is one message for recipients of one destination, numbered by spool.
 *
 *	A BEGIN       idle → sending, with the recipients (mail/envelope.h: packed departures);
 *	              RELAY_CREDIT_FIRST octets of credit come with it. A content that is longer waits: the
 *	              first CREDIT comes when the next host wants it
 *	A CONTENT     under credit;  B CREDIT
 *	A END         sending → sent: that was all of it; or (`whole` 0) the rest cannot be read now, or is
 *	              not wanted any more
 *	B RESULT      one recipient, once: what the next host said, or why there was none
 *	B FINISHED    sent → idle: every recipient has had its RESULT; and what was learned of the destination
 *
 * Nothing of a message is kept by relay; when it dies, spool hands out anew what had no RESULT.
 */
#ifndef CHANNELS_SPOOL_RELAY_H
#define CHANNELS_SPOOL_RELAY_H

#include "base/frame.h"

enum spool_relay_code {
	RELAY_BEGIN, /* spool id, size, arrival, flags, destination, packed departures, reverse-path, ENVID */
	RELAY_CONTENT,
	RELAY_END, /* whole */
	RELAY_CREDIT, /* octets */
	RELAY_RESULT, /* recipient, outcome, and see below */
	RELAY_FINISHED, /* health; text */
	RELAY_CODES
};

/*
 * The other fields of RELAY_RESULT:
 *	status		enhanced code, "5.1.1" (RFC 3463); empty when it was sent
 *	host		the host that decided, by name; empty: we did
 *	address		of that host, "192.0.2.1"; may be empty
 *	reply		what it said: code and text; may be empty
 *	reason		why, in our own words; may be empty
 */
enum relay_outcome {
	RELAY_SENT =
		1, /* the next host has it, and reports to the sender itself where that is wanted */
	RELAY_RELAYED, /* the next host has it, and knows nothing of DSN (RFC 3461 §5.2.2) */
	RELAY_DEFERRED, /* for now: this recipient's own trouble, it waits its own time */
	RELAY_AGAIN, /* the next host wants it in a transaction of its own (452): at once */
	RELAY_HELD, /* the destination's trouble: it waits until that is over */
	RELAY_REFUSED, /* for good */
};

/* What was learned of the destination; as store/schedule.h's. */
enum relay_health {
	RELAY_WORKS = 1,
	RELAY_BUSY,
	RELAY_FAILS,
	RELAY_SILENT,
};

enum {
	RELAY_STATE_IDLE = 1,
	RELAY_STATE_SENDING = 2,
	RELAY_STATE_SENT = 4,
};

#define RELAY_CHUNK_MAX 65536u
#define RELAY_CREDIT_FIRST 32768u
#define RELAY_CREDIT_LARGE 262144u /* under way of a longer content */
#define RELAY_STATUS_MAX 16u
#define RELAY_HOST_MAX 255u
#define RELAY_ADDRESS_MAX 64u
#define RELAY_REPLY_MAX 600u
#define RELAY_REASON_MAX 255u

extern const struct frame_protocol spool_relay;

#endif
