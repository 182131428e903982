/*
 * A face's end of its channel to `resolve` (channels/any_resolve.h): questions with an answer each, any
 * number on their way. Who asks while the channel is down, or beyond RESOLVE_QUESTIONS_MAX, is told at
 * once that it cannot be; what is under way when the channel dies is answered LOOKUP_TEMPORARY.
 *
 *	static void found(struct resolve_question *q, const struct resolve_answer *answer) …
 *	job->question = (struct resolve_question){.answered = found, .context = job};
 *	if (!resolve_client_hosts(client, &job->question, VIEW("example.org"))) … temporary
 *	resolve_client_forget(client, &job->question);	when the job ends before its answer
 */
#ifndef FACES_SHARED_RESOLVE_CLIENT_H
#define FACES_SHARED_RESOLVE_CLIENT_H

#include "channels/any_resolve.h"
#include "channels/program.h"

#define RESOLVE_QUESTIONS_MAX 32768u

/* All views live until `answered` returns; see hosts_copy. */
struct resolve_answer {
	enum lookup_outcome outcome;
	struct view why; /* a sentence of printable ASCII, when it is not LOOKUP_OK; may be empty */
	struct hosts hosts; /* HOSTS, ADDRESSES: at least one when LOOKUP_OK, else empty */
	struct domain name; /* CLIENT, when LOOKUP_OK */
	bool is_secure; /* TEXTS: validated */
	const struct view *texts; /* TEXTS; at least one when LOOKUP_OK */
	uint32_t text_count;
};

struct resolve_question {
	/* Once; never from inside the call that asked. The question may be used again from there. */
	void (*answered)(struct resolve_question *q, const struct resolve_answer *answer);
	void *context;
	uint32_t stream; /* 0: not under way */
};

struct resolve_client;
struct resolve_client *resolve_client_new(struct program *program);
/* No question is under way. */
void resolve_client_free(struct resolve_client **c);
/* Takes over `fd`; replaces an older channel. */
void resolve_client_connect(struct resolve_client *c, int fd);
bool resolve_client_is_up(const struct resolve_client *c);

/* Each: `q` is kept until answered or forgotten. False: it cannot be asked now, or is no question. */
must_use bool resolve_client_hosts(
	struct resolve_client *c, struct resolve_question *q, struct view destination);
must_use bool resolve_client_addresses(
	struct resolve_client *c, struct resolve_question *q, struct view name, uint16_t port);
must_use bool resolve_client_name(
	struct resolve_client *c, struct resolve_question *q, const struct ip *client);
must_use bool resolve_client_texts(
	struct resolve_client *c, struct resolve_question *q, struct view name);
/* Nothing happens when it is not under way. */
void resolve_client_forget(struct resolve_client *c, struct resolve_question *q);

#endif
