/* What the files of question.h share; nobody else includes it. */
#ifndef FACES_RESOLVE_QUESTION_PARTS_H
#define FACES_RESOLVE_QUESTION_PARTS_H

#include "faces/resolve/question.h"

/* One host of a destination, while its addresses and TLSA records are looked up. */
struct candidate {
	struct question *question;
	struct domain name;
	uint32_t preference;
	struct query queries[2]; /* AAAA, A; then in the first its own alias, then TLSA */
	struct dns_answer aaaa; /* what is needed of it, in the question's arena */
	struct dns_answer a;
	uint32_t open;
	struct domain bases[2]; /* TLSA base domains that are still to be tried */
	uint32_t base_count;
	struct host host;
	struct dns_answer trouble; /* why it has no address just now */
	bool is_temporary;
	bool is_usable;
};

struct client_name {
	struct question *question;
	struct query query;
	struct domain name;
	bool is_confirmed;
	bool is_temporary;
};

struct question {
	struct asker asker;
	struct arena arena;
	question_done *done;
	void *context;
	enum any_resolve_code code;
	struct domain name; /* that was asked for; in the arena */
	struct view text; /* the same as given: a literal */
	uint16_t port;
	struct ip client;
	struct domain self;
	uint64_t seed;
	uint64_t deadline_ms;
	uint32_t open; /* look-ups under way, and what is being started */
	struct query first; /* MX, PTR, TXT */
	struct candidate *candidates;
	uint32_t candidate_count;
	struct client_name *names;
	uint32_t name_count;
	struct question_result result;
};

/* Puts a look-up on its way; `q->open` counts it. `prefix` may be empty; the name must fit. */
void question_ask(struct question *q, struct query *query, struct view prefix, struct view name,
	enum dns_type type, void (*answered)(struct query *query, const struct dns_answer *answer),
	void *context);
/* To be called last by whoever has handled an answer, or has started look-ups: when nothing is under way any
 * more, `finish` of the question's kind fills its result in, and it ends. */
void question_settle(struct question *q);
/* The outcome of an answer without records, and a sentence for it: `what` of `name`, such as "the address". */
void question_trouble(
	struct question *q, const struct dns_answer *answer, const char *what, struct view name);
/* A result by itself. */
void question_say(struct question *q, enum lookup_outcome outcome, const char *why);

/* Each kind: its first look-ups, and what all of them came to. */
void hosts_start(struct question *q);
void hosts_finish(struct question *q);
void client_start(struct question *q);
void client_finish(struct question *q);
void texts_start(struct question *q);

#endif
