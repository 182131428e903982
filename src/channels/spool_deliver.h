/*
 * spool (A) ↔ deliver (B). A stream is one message for one or more mailboxes, numbered by spool.
 *
 *	A BEGIN       idle → sending, with the deliveries (mail/envelope.h: packed list); DELIVER_CREDIT_FIRST
 *	              octets of credit come with it. A content that is larger than these goes to one mailbox
 *	              a stream
 *	A CONTENT     under credit;  B CREDIT
 *	A END         sending → placing: that was all of it; or (`whole` 0) the rest cannot be read now
 *	B RESULT      one recipient: placed, duplicate, deferred
 *	B FINISHED    placing → idle: every recipient has had its RESULT
 *
 * A mailbox gets its mail in the order of the BEGINs. After a deferral `deliver` defers all that comes for
 * that mailbox, for it may have been on its way already, until a BEGIN says AGAIN.
 *
 * Stream 0, always open:
 *	A EXPECT      mailboxes that may hold files torn in an earlier boot, a name for each such
 *	              delivery: `deliver` lets nobody read them before these were repeated
 *	A EXPECTED    the list is whole
 *	B DELIVERED   the bulk sync is done for these (spool id, recipient) pairs
 *	B LOST        the bulk sync failed for these: write again from the log
 *	B MARK        says when all that was DELIVERED before it is durable in the log: a file may be
 *	              unlinked only then, else a power cut would bring it back
 *	A MARKED      it is
 */
#ifndef CHANNELS_SPOOL_DELIVER_H
#define CHANNELS_SPOOL_DELIVER_H

#include "base/frame.h"

enum spool_deliver_code {
	DELIVER_BEGIN, /* spool id, birth, size, arrival, how, packed recipients, reverse-path */
	DELIVER_CONTENT,
	DELIVER_END, /* whole */
	DELIVER_EXPECT, /* packed mailbox names */
	DELIVER_EXPECTED,
	DELIVER_CREDIT,
	DELIVER_RESULT, /* recipient, outcome, looked: no torn file is left; text */
	DELIVER_FINISHED,
	DELIVER_DELIVERED, /* packed (u64 id, u32 recipient) */
	DELIVER_LOST, /* the same */
	DELIVER_MARK, /* number; one at a time */
	DELIVER_MARKED, /* the same number */
	DELIVER_CODES
};

enum deliver_outcome {
	DELIVER_PLACED = 1, /* the file has its name */
	DELIVER_DUPLICATE, /* F-15: the same mail is already delivered there */
	DELIVER_DEFERRED, /* temporary; text says why */
};

enum {
	DELIVER_STATE_IDLE = 1,
	DELIVER_STATE_SENDING = 2,
	DELIVER_STATE_PLACING = 4,
	DELIVER_STATE_ZERO = 8, /* stream 0 */
};

/* How: bits of DELIVER_BEGIN. */
enum deliver_how {
	DELIVER_LOOK = 1, /* it may have been placed before: look for the name first */
	DELIVER_REWRITE = 2, /* with LOOK: do not believe what is found */
	DELIVER_TRUST = 4, /* with LOOK: it was placed in this boot; if it is away, so be it */
	DELIVER_REPAIR = 8, /* with LOOK: named by an EXPECT */
	DELIVER_AGAIN =
		16, /* to one mailbox, which was in trouble; nothing else is under way for it */
	DELIVER_HOW_ALL = 31,
};

#define DELIVER_CHUNK_MAX 65536u
#define DELIVER_CREDIT_FIRST 262144u
#define DELIVER_CREDIT_LARGE \
	1048576u /* under way of a larger content, written in steps of the first */
#define DELIVER_TEXT_MAX 160u /* octets of a RESULT */
#define DELIVER_PAIRS_MAX 4096u /* pairs in one DELIVERED or LOST */
#define DELIVER_PAIR_OCTETS 12u

extern const struct frame_protocol spool_deliver;

#endif
