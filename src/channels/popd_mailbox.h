/*
 * popd (A) ↔ mailbox (B): one stream a session, the number that auth granted.
 *
 *	A OPEN        idle → opening;  B OPENED → ready;  B FAILED → idle
 *	A ROWS        ready → asked: a page of the list;  B PAGE → ready
 *	A FETCH       ready → fetching;  B CONTENT under credit (A CREDIT), then B END → ready
 *	              or B GONE → ready: the message is not there any more
 *	A STOP        fetching → stopping: no more of it is wanted (TOP); B END or GONE → ready
 *	A REMOVE      ready: numbers to remove, any number of frames
 *	A REMOVED     ready → asked: that was all;  B RESULT → ready
 *	A CLOSE       any → idle, without an answer; what B still had under way is dropped by A
 */
#ifndef CHANNELS_POPD_MAILBOX_H
#define CHANNELS_POPD_MAILBOX_H

#include "base/frame.h"

enum popd_mailbox_code {
	MAILBOX_OPEN,
	MAILBOX_ROWS, /* first number, how many */
	MAILBOX_FETCH, /* number */
	MAILBOX_STOP,
	MAILBOX_CREDIT, /* octets that it has passed on */
	MAILBOX_REMOVE, /* packed u32 numbers */
	MAILBOX_REMOVED,
	MAILBOX_CLOSE,
	MAILBOX_OPENED, /* count, octets */
	MAILBOX_FAILED, /* reason */
	MAILBOX_PAGE, /* packed rows: u32 number, u64 octets, u8 length, unique-id */
	MAILBOX_CONTENT, /* octets */
	MAILBOX_END,
	MAILBOX_GONE,
	MAILBOX_RESULT, /* removed, failed */
	MAILBOX_CODES
};

enum mailbox_failure {
	MAILBOX_IN_USE = 1,
	MAILBOX_TEMPORARY,
	MAILBOX_NO_GRANT,
};

enum {
	MAILBOX_STATE_IDLE = 1,
	MAILBOX_STATE_OPENING = 2,
	MAILBOX_STATE_READY = 4,
	MAILBOX_STATE_ASKED = 8,
	MAILBOX_STATE_FETCHING = 16,
	MAILBOX_STATE_STOPPING = 32,
};

#define MAILBOX_CHUNK_MAX 65536u
#define MAILBOX_CREDIT_FIRST 131072u
#define MAILBOX_PAGE_ROWS 500u
#define MAILBOX_ROW_MAX 83u /* 4 + 8 + 1 + 70 octets */
#define MAILBOX_REMOVE_MAX 8192u /* numbers in one REMOVE */

extern const struct frame_protocol popd_mailbox;

#endif
