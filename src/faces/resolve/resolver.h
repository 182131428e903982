/*
 * libunbound behind one call: a name and a type in, an answer out (faces/resolve/message.h), with a deadline of
 * our own, since a resolver that waits for name servers can stay silent for minutes. It runs on the program's
 * loop (events.h); no other file includes it. One cache, with a bound. What is asked twice at the same time is
 * asked once of the net.
 *
 * `struct asker` is the seam: questions (question.h) know only it, and tests put a table of answers in its place.
 *
 * Trust anchors. Answers are validated from the anchors given. Anchors that the world has moved on from (a
 * root-key change that this machine slept through) would make every answer bogus and stop all mail; so they are
 * proven first: as soon as there is a question, the keys of each anchor's zone are asked for. While that gives
 * keys that do not fit, answers are not validated, DANE is off, and the log says so, loudly; it is tried again
 * every ANCHORS_RETRY_MS. Anchors that did fit once stay in force until a reload, whatever comes: otherwise who
 * sits on the line could turn DANE off by forging keys. He who sits there at the start can; that is the price.
 */
#ifndef FACES_RESOLVE_RESOLVER_H
#define FACES_RESOLVE_RESOLVER_H

#include "base/loop.h"
#include "faces/resolve/message.h"

#define QUERY_MS 20000u /* how long one name server look-up may take */
#define QUERIES_MAX 16384u /* under way; beyond that the answer is DNS_FAILED */
#define QUERY_NAME_MAX 300u

struct query {
	char name[QUERY_NAME_MAX]; /* in the form of message.h; NUL-terminated */
	enum dns_type type;
	uint64_t deadline_ms; /* on the loop's clock */
	/* Once, perhaps from inside `ask`. The answer lives until it returns. */
	void (*answered)(struct query *q, const struct dns_answer *answer);
	void *context;
	void *under_way; /* the asker's; null when it is not under way */
};

struct asker {
	void (*ask)(void *context, struct query *q);
	/* No answer comes any more. Nothing happens when it is not under way. */
	void (*forget)(void *context, struct query *q);
	uint64_t (*now_ms)(void *context);
	void *context;
};

enum anchors_state {
	ANCHORS_NONE, /* none were given */
	ANCHORS_UNPROVEN, /* nothing was heard of their zones' keys yet; answers are validated */
	ANCHORS_IN_FORCE,
	ANCHORS_EXPIRED, /* keys that do not fit: nothing is validated */
};
const char *anchors_state_name(enum anchors_state state);

struct resolver_counts {
	uint64_t asked;
	uint64_t failed; /* no answer, among them: */
	uint64_t late; /* none before the deadline */
	uint64_t bogus;
	uint64_t refused; /* QUERIES_MAX */
};

struct resolver_config {
	const struct view *nameservers; /* "192.0.2.1@53"; none: from the root, by ourselves */
	uint32_t nameserver_count;
	const struct view *anchors; /* a DS or DNSKEY record each, as in a zone file */
	uint32_t anchor_count;
};

struct resolver;
/* `config` is not kept. Null when libunbound does not take it: *why_out says what. */
struct resolver *resolver_new(
	struct loop *loop, const struct resolver_config *config, const char **why_out);
/* What is under way is answered DNS_FAILED. Not from inside an answer. */
void resolver_free(struct resolver **r);
struct asker resolver_asker(struct resolver *r);
enum anchors_state resolver_anchors(const struct resolver *r);
const struct resolver_counts *resolver_counts(const struct resolver *r);

#endif
