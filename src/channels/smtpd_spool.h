/*
 * smtpd (A) ↔ spool (B): one stream a mail, numbered by smtpd.
 *
 *	A BEGIN       idle → receiving; RECEIVE_CREDIT_FIRST octets of credit come with it
 *	A CONTENT     under credit
 *	B CREDIT      more octets may come
 *	A COMMIT      receiving → committing; the envelope (mail/envelope.h)
 *	A ABORT       receiving or refused → idle; nothing is kept
 *	B REFUSED     receiving or committing: no room, a failed disk. From receiving the stream becomes
 *	              `refused` until A's COMMIT or ABORT, which may be on its way, closes it.
 *	A START       idle → starting: the queues of these domains are to be tried now (ETRN)
 *	B STARTED     starting → idle: what came of it
 *	B ACCEPTED    committing → idle: message and envelope are synced (law 1)
 */
#ifndef CHANNELS_SMTPD_SPOOL_H
#define CHANNELS_SMTPD_SPOOL_H

#include "base/frame.h"

enum smtpd_spool_code {
	RECEIVE_BEGIN, /* session, size hint in octets or 0 */
	RECEIVE_CONTENT, /* octets */
	RECEIVE_COMMIT, /* envelope */
	RECEIVE_ABORT,
	RECEIVE_CREDIT, /* octets */
	RECEIVE_REFUSED, /* error: enum error; text for the log */
	RECEIVE_ACCEPTED, /* spool id */
	RECEIVE_START, /* domains, with a space before each */
	RECEIVE_STARTED, /* enum start_outcome; recipients that wait */
	RECEIVE_CODES
};

enum {
	RECEIVE_STATE_IDLE = 1,
	RECEIVE_STATE_RECEIVING = 2,
	RECEIVE_STATE_COMMITTING = 4,
	RECEIVE_STATE_REFUSED = 8,
	RECEIVE_STATE_STARTING = 16,
};

enum start_outcome {
	START_STARTED = 1,
	START_RECENT, /* not again so soon */
	START_NOT, /* not now */
};

#define START_DOMAINS_MAX 65536u /* octets */

#define RECEIVE_CHUNK_MAX 65536u
#define RECEIVE_CREDIT_FIRST 262144u
/* What may be under way of a content that gets a file of its own: it is written in steps of
 * RECEIVE_CREDIT_FIRST, while the next ones come. */
#define RECEIVE_CREDIT_LARGE 1048576u
#define RECEIVE_ENVELOPE_MAX (1u << 20)

extern const struct frame_protocol smtpd_spool;

#endif
