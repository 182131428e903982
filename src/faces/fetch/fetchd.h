/*
 * fetch, a face: what is to be had over HTTPS, for the others (DESIGN §1): the MTA-STS policies of domains
 * (RFC 8461), for `relay`. It asks `resolve` for names, `gate` for what is kept, and web servers of the
 * world for files. Files:
 *
 *	main.c		what the parent hands over
 *	life.c		the program's state: made, freed; the tick
 *	server.c	the channel of relay: questions in, answers out
 *	policy.c	a domain: those who ask for its policy, what is known of it, what is under way
 *	decide.h	which of the policy that is kept, a new one, or none holds: pure
 *	web.h		files over HTTPS
 *	commands.c	what operators ask: status, policy
 *
 * A policy that is kept is a row of the gate, which ends by itself when the policy does. It is fetched anew
 * when the domain's record shows another id, and when it has been kept for a while (§10.2), whether asked
 * for or not, as long as its domain is remembered here.
 */
#ifndef FACES_FETCH_FETCHD_H
#define FACES_FETCH_FETCHD_H

#include "base/log.h"
#include "base/streams.h"
#include "channels/gate_client.h"
#include "channels/program.h"
#include "channels/relay_fetch.h"
#include "faces/fetch/decide.h"
#include "faces/fetch/web.h"
#include "faces/shared/resolve_client.h"

#define DOMAINS_MAX 4096u /* that are remembered; those longest not asked for go first */
#define DOMAIN_SLOTS 1024u
#define QUESTIONS_MAX 4096u /* under way; the next is answered at once that nothing is known */
#define AGAIN_MS (5u * 60u * 1000u) /* monotonic: what could not be fetched is left alone */
#define TICK_MS 60000u

struct fetchd;
struct domain_policy;

struct policy_answer {
	enum fetch_outcome outcome;
	struct view packed; /* mail/sts.h */
	struct view id;
	const char *why; /* of what is not found */
	uint32_t left_s; /* how long it is kept yet */
};

/* A question; kept until answered or forgotten. */
struct policy_question {
	/* Once, perhaps from inside policy_ask. Views live until it returns. */
	void (*answered)(struct policy_question *q, const struct policy_answer *answer);
	void *context;
	struct domain_policy *domain; /* null: not under way */
	struct policy_question *next;
};

struct fetchd {
	struct program *program;
	struct channel *relay;
	struct streams questions; /* relay's, by their stream */
	struct gate_client gate;
	struct resolve_client *resolve;
	struct web *web;
	struct timer *tick;
	struct domain_policy *slots[DOMAIN_SLOTS];
	struct domain_policy *latest; /* asked for */
	struct domain_policy *longest; /* not asked for */
	uint32_t domains;
	struct operator_ask *operators;
	struct {
		uint64_t questions;
		uint64_t fetched;
		uint64_t failed;
	} counts;
};

/* life.c */
struct fetchd *fetchd_new(struct program *program);
void fetchd_free(struct fetchd **d);
/* Before the sandbox: `authorities`, PEM, are those who vouch for certificates. */
void fetchd_warm(struct fetchd *d, struct view authorities);
void fetchd_go(struct fetchd *d);

/* policy.c */
void policy_ask(struct fetchd *d, struct policy_question *q, struct view domain);
void policy_forget(struct policy_question *q);
/* About once a minute: what has been kept for a while is fetched anew. */
void policy_tick(struct fetchd *d);
/* Forgets all domains; nobody asks any more. */
void policy_end(struct fetchd *d);

/* server.c */
void server_connect(struct fetchd *d, int fd);
void server_end(struct fetchd *d);

/* commands.c */
void fetchd_command(struct program *p, uint32_t stream, struct view words);
void fetchd_cancel(struct program *p, uint32_t stream);

#endif
