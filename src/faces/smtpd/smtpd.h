/*
 * smtpd, a face: SMTP sessions with strangers, TLS. It opens no file, holds no key, knows no password
 * (DESIGN §1). Files:
 *
 *	main.c		what the parent hands over, listening, reloads, drain
 *	generation.c	one configuration in force: snapshot and limits, held by those who use it
 *	session.c	a session: the machine of protocol/smtp_server.h between its connection and asks
 *	asks.c		the machine's questions: who may, to whom (config/route.h), login
 *	transaction.c	a mail under way: its mailboxes, its content on the way to spool, its envelope
 *	spool_client.c	the channel to spool
 *	trace.c		the dialogue of sessions for who watches
 *	commands.c	what operators ask: status, trace
 *
 * Limits per address and in all hold across workers (base/census.h). At the session limit the
 * longest-idle stranger without a transaction makes room.
 */
#ifndef FACES_SMTPD_SMTPD_H
#define FACES_SMTPD_SMTPD_H

#include "base/census.h"
#include "base/log.h"
#include "base/streams.h"
#include "channels/smtpd_spool.h"
#include "config/route.h"
#include "faces/shared/auth_client.h"
#include "faces/shared/keys_client.h"
#include "faces/shared/listener.h"
#include "protocol/smtp_server.h"

#define LISTENERS_MAX 16
#define TRANSACTION_MEMORY_MAX (8u << 20)

/* A configuration in force. Whoever began under it holds it (DESIGN §1). */
struct generation {
	uint32_t references;
	struct snapshot *snapshot;
	struct smtp_config config;
};

struct generation *generation_new(struct snapshot *snapshot);
struct generation *generation_hold(struct generation *g);
void generation_drop(struct generation **g);

/* One mail on its way to spool; outlives its session while the answer to COMMIT is under way. */
struct stream {
	uint32_t number;
	struct session *session; /* null: it is gone */
	size_t credit;
	bool committed;
	bool refused;
	bool lost; /* refused, as its channel is gone: nobody at the other end knows the number */
	enum error error; /* of refused */
};

struct transaction {
	struct arena arena;
	struct generation *generation;
	struct route_set mailboxes;
	enum route_class class;
	struct buffer header; /* our Received field */
	struct buffer content; /* what the machine has decoded and spool has not got yet */
	struct stream *stream; /* null: not opened yet, or lost */
	bool lost; /* spool was not there */
	uint64_t octets; /* sent to spool */
};

struct session {
	struct session *newer; /* by last activity */
	struct session *older;
	struct smtpd *smtpd;
	struct connection *connection;
	struct generation *generation;
	struct transaction *transaction;
	struct smtp_server smtp;
	struct route_facts facts;
	struct smtp_ask login_ask;
	uint64_t id;
	uint32_t number; /* of the login exchange at auth */
	uint32_t question; /* to keys; 0: none */
	uint64_t active_ms; /* monotonic */
	uint64_t handshake_ms; /* began at; 0: none under way */
	uint16_t client_port;
	bool waiting; /* for an answer from another program */
	bool logging_in;
	bool wants_resume; /* output or content was full */
	bool driving;
	char user[64 + 1];
	size_t user_length;
};

struct smtpd {
	struct program *program;
	struct generation *generation;
	struct tls_context *tls;
	struct keys_client *keys;
	struct auth_client *auth;
	struct channel *spool;
	struct streams streams;
	uint32_t last_stream;
	struct census *census;
	int listening[LISTENERS_MAX]; /* until `go` */
	size_t listening_count;
	struct listener *listeners[LISTENERS_MAX];
	struct timer *sweep;
	struct session *newest;
	struct session *oldest;
	uint32_t sessions;
	uint32_t last_number;
	uint64_t run; /* upper bits of session ids */
	bool no_space; /* what spool said last */
	struct smtpd_counts {
		uint64_t sessions;
		uint64_t mails;
		uint64_t refused;
	} counts;
};

/* session.c */
void session_begin(struct smtpd *d, const struct arrival *arrival);
/* Goes on after an ask was answered, or after content or output found room. */
void session_continue(struct session *s);
void session_answer(struct session *s, const struct smtp_answer *answer);
/* Ends it: what was under way and not committed is aborted. */
void session_end(struct session *s, bool refused);
/* Says 421 and ends it. */
void session_stop(struct session *s, enum smtp_stop why);
void session_sweep(struct smtpd *d);
void session_login_answered(void *session, const struct auth_answer *answer);

/* asks.c: answers the open ask, or starts what will; true when it is answered. */
bool ask_serve(struct session *s);

/* transaction.c */
struct transaction *transaction_new(struct session *s);
void transaction_free(struct transaction **t);
/* The Received field, once all recipients are known. */
void transaction_make_header(struct session *s);
/* Sends what there is to spool, as far as credit goes; false when some must wait for more. What nobody
 * will take is dropped: COMMIT then finds out. */
bool transaction_forward(struct session *s);
/* All content is forwarded: sends the envelope. False when it was refused already. */
bool transaction_commit(struct session *s);
/* What the machine dropped. */
void transaction_abort(struct session *s);

/* spool_client.c */
void spool_connect(struct smtpd *d, int fd);
bool spool_is_there(const struct smtpd *d);
/* Null when spool cannot be asked now. */
struct stream *spool_begin(struct session *s, uint64_t size_octets);
void spool_abort(struct smtpd *d, struct stream **stream);

/* commands.c */
void smtpd_command(struct program *p, uint32_t stream, struct view words);
void smtpd_cancel(struct program *p, uint32_t stream);

/* trace.c */
bool trace_is_on(const struct session *s);
/* What the machine consumed, from the state it was in before; what it said. */
void trace_input(const struct session *s, enum smtp_state before, struct view octets);
void trace_output(const struct session *s, struct view octets);
void trace_frames(void *context, struct view line);
void trace_start(struct smtpd *d, uint32_t stream, struct view what);
void trace_stop(struct smtpd *d, uint32_t stream);

#endif
