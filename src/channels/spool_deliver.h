/*
 * spool (A) ↔ deliver (B). A stream is one message for one or more mailboxes, numbered by spool.
 *
 *	A DELIVER     idle → sending, with the deliveries (mail/envelope.h: packed list); DELIVER_CREDIT
 *	              octets of credit come with it
 *	A CONTENT     under credit;  B CREDIT
 *	A END         sending → placing: length and checksum of the whole content
 *	B RESULT      one recipient: placed, duplicate, deferred
 *	B FINISHED    placing → idle: every recipient has had its RESULT
 *
 * Stream 0, always open:
 *	A EXPECT      mailboxes that hold recipients without a durable *delivered* (after a start):
 *	              `deliver` lets nobody read them before these deliveries were repeated
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
	DELIVER_BEGIN, /* spool id, birth, size, flags, packed recipients, reverse-path */
	DELIVER_CONTENT,
	DELIVER_END, /* size, crc32c */
	DELIVER_EXPECT, /* packed mailbox names */
	DELIVER_EXPECTED,
	DELIVER_CREDIT,
	DELIVER_RESULT, /* recipient, outcome, text */
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

/* DELIVER_BEGIN flags */
enum { DELIVER_REPEAT = 1 /* may have been placed before: look for the name first */ };

#define DELIVER_CHUNK_MAX 65536u
#define DELIVER_CREDIT_FIRST 262144u
#define DELIVER_PAIRS_MAX 4096u /* pairs in one DELIVERED or LOST */
#define DELIVER_PAIR_OCTETS 12u

extern const struct frame_protocol spool_deliver;

#endif
