/*
 * One question of a program (channels/any_resolve.h) and the DNS look-ups that answer it. Pure but for the asker
 * that it is given (resolver.h), the time and the seed of its shuffle:
 *
 *	question.c	what all have in common
 *	hosts.c		HOSTS, ADDRESSES: MX, addresses of each host, TLSA where DNSSEC holds
 *	client.c	CLIENT: PTR, and the addresses of each name that it gives
 *	texts.c		TEXTS
 *
 * All look-ups of a question that do not need each other's answers run at once; the question ends when all have,
 * after QUESTION_MS at the latest.
 */
#ifndef FACES_RESOLVE_QUESTION_H
#define FACES_RESOLVE_QUESTION_H

#include "channels/any_resolve.h"
#include "faces/resolve/choose.h"
#include "faces/resolve/resolver.h"

#define QUESTION_MS 50000u /* less than RESOLVE_ANSWER_MS */
#define QUESTION_MEMORY_MAX (256u << 10)
#define CLIENT_NAMES_MAX 4u /* PTR records that are confirmed; the others are not looked at */

struct question_given {
	enum any_resolve_code code;
	struct view name; /* HOSTS, ADDRESSES, TEXTS; not kept */
	uint16_t port; /* ADDRESSES: of TLSA; 0: none */
	struct ip client;
	struct domain self; /* this server; kept */
	uint64_t seed;
};

/* Views live as long as the question. */
struct question_result {
	enum lookup_outcome outcome;
	struct view why; /* printable; at most RESOLVE_WHY_MAX */
	struct hosts hosts;
	struct view name;
	bool is_secure;
	struct view texts; /* packed, as RESOLVE_TEXTS_ARE has them */
};

struct question;
/* Once; the question is done with and may be freed from inside, which is what it is for. */
typedef void question_done(void *context, struct question *q, const struct question_result *result);

struct question *question_new(const struct asker *asker, const struct question_given *given,
	question_done *done, void *context);
/* `done` may be called from inside. */
void question_start(struct question *q);
/* Gives up what is under way; `done` is not called any more. */
void question_free(struct question **q);

#endif
