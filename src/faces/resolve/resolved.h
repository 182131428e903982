/*
 * resolve, a face: DNS for the others, validated where the world signs (DESIGN §1). It talks with name servers and
 * with nobody else. Files:
 *
 *	main.c		what the parent hands over
 *	generation.c	one configuration in force: its resolver and cache, held by those who ask it
 *	ask.c		a question under way, whoever asked it, and the bounds
 *	server.c	the channels of those who ask
 *	question.h	one question and its look-ups; choose.h what to make of answers
 *	resolver.h	libunbound on our loop, deadlines, trust anchors; events.h the loop in its terms
 *	message.h	the octets of an answer
 *	commands.c	what operators ask: status, hosts, client, texts; print.c says it
 */
#ifndef FACES_RESOLVE_RESOLVED_H
#define FACES_RESOLVE_RESOLVED_H

#include "base/channel.h"
#include "base/streams.h"
#include "channels/program.h"
#include "config/snapshot.h"
#include "faces/resolve/question.h"

#define QUESTIONS_MAX 4096u /* under way; beyond that the answer is "temporary" */
#define QUESTIONS_OF_PROGRAM_MAX \
	(3 * QUESTIONS_MAX / 4) /* strangers who connect leave room for mail */

struct generation {
	uint32_t references;
	struct loop *loop;
	struct timer *end; /* null until the last reference is gone */
	struct snapshot *snapshot;
	struct resolver *resolver;
};

/* Takes the snapshot over. Null, with why, when libunbound does not take it: the snapshot is the caller's then. */
struct generation *generation_new(
	struct loop *loop, struct snapshot *snapshot, const char **why_out);
struct generation *generation_hold(struct generation *g);
/* It ends in a later turn of the loop, as it may be called from inside an answer of its resolver. */
void generation_drop(struct generation **g);

struct resolved {
	struct program *program;
	struct generation *generation;
	struct peer *peers;
	struct ask *operators; /* their asks */
	uint32_t asks; /* under way */
	uint32_t asks_of[PROGRAM_IDS];
	struct resolved_counts {
		uint64_t questions;
		uint64_t temporary;
		uint64_t refused; /* a bound was reached */
	} counts;
};

/* ask.c */
struct ask;
/* The ask is over when this returns; it must be out of whatever table the asker had it in. */
typedef void ask_answered(struct ask *a, const struct question_result *result);

struct ask {
	struct resolved *resolved;
	struct generation *generation;
	struct question *question;
	enum program_id id; /* who asks; PROGRAM_NONE: an operator */
	enum any_resolve_code code;
	ask_answered *answered;
	struct peer *peer; /* of a channel */
	uint32_t stream; /* at the peer, or of the operator's command */
	struct view name; /* an operator's; in `memory` */
	struct arena memory;
	bool wants_json;
	struct ask *next;
};

/* Null when a bound is reached. */
struct ask *ask_new(struct resolved *d, enum program_id id);
/* `given->self` and `seed` are filled in here. `answered` is called once, perhaps from inside. */
void ask_start(struct ask *a, struct question_given *given, ask_answered *answered);
/* Gives it up: `answered` is not called. */
void ask_free(struct ask **a);

/* server.c */
void resolved_connect(struct resolved *d, enum program_id id, uint32_t worker, int fd);

/* commands.c */
void resolved_command(struct program *p, uint32_t stream, struct view words);
void resolved_cancel(struct program *p, uint32_t stream);

/* print.c: a result in plain words, or as one JSON object and LF. */
void print_result(struct buffer *b, enum any_resolve_code code, struct view name,
	const struct question_result *r);
void print_result_json(struct buffer *b, enum any_resolve_code code, struct view name,
	const struct question_result *r);

#endif
