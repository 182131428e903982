/*
 * What the gate and a Redis say to each other: RESP by hiredis, of which this is the only place that knows; no
 * socket. Every operation is one call of one script, so it is atomic, and its clock is that of Redis, which all hosts share.
 *
 *	sekisho:KEY	a hash; of a key with a tail (mail/gate_open.h) what names the group
 *		TAIL	"ENDS FACTS": the last millisecond in which it is open; empty for a key without
 *		w b p q	of a counter: window, beginning of the present bucket, counts of it and of the one before
 *
 * A hash is given an end of its own behind the last of its rows, so it expires by itself.
 */
#ifndef KEEPERS_GATE_REDIS_WORDS_H
#define KEEPERS_GATE_REDIS_WORDS_H

#include "keepers/gate/live.h"

#define REDIS_SHA_OCTETS 40u
#define REDIS_REPLY_MAX ((size_t)16 << 20) /* octets; a page of openings has many */

/* AUTH if there is a password, SELECT, SCRIPT LOAD: appended. How many replies they have; the last is the script's
 * name. */
unsigned redis_add_hello(
	struct buffer *b, struct view user, struct view password, uint32_t database);
void redis_add_op(struct buffer *b, struct view sha, const struct gate_op *op);
void redis_add_walk(struct buffer *b, struct view sha, const struct gate_walk *walk);

/* --- replies ------------------------------------------------------------------------------ */

struct redis_reader;
struct redis_reader *redis_reader_new(void);
void redis_reader_free(struct redis_reader **reader);
/* False: what came is no reply, or too long for one. */
must_use bool redis_reader_feed(struct redis_reader *reader, struct view octets);
/* The next whole reply; null when there is none yet. It stays the reader's until the next call. */
struct redis_reply;
must_use const struct redis_reply *redis_reader_next(struct redis_reader *reader, bool *broken_out);

/* Empty when it is no error. */
struct view redis_error(const struct redis_reply *reply);
/* A status or a string; empty for anything else. */
struct view redis_text(const struct redis_reply *reply);
/* What it says of an operation; false when it is no answer to one. */
must_use bool redis_result(
	const struct redis_reply *reply, const struct gate_op *op, struct gate_result *result_out);
/* Calls walk->row for each; false when it is no page. */
must_use bool redis_page(
	const struct redis_reply *reply, struct gate_walk *walk, uint64_t *next_out);

#endif
