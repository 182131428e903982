/*
 * smtpd, a face: SMTP sessions with strangers, TLS. It opens no file, holds no key, knows no password
 * (DESIGN §1). Files:
 *
 *	main.c		what the parent hands over
 *	life.c		the program's state: made, configured, begun; drain
 *	generation.c	one configuration in force: snapshot and limits, held by those who use it
 *	session.c	a session: the machine of protocol/smtp_server.h between its connection and asks
 *	patience.c	time limits; and the memory of all
 *	refused.c	the log line of each refusal
 *	name.c		the verified name of who comes, from resolve
 *	asks.c		the machine's questions: who may, to whom (config/route.h), login
 *	transaction.c	a mail under way: its mailboxes, its content on the way to spool, its envelope
 *	caller.c	a session with a program of this machine: who posts there
 *	opening.c	who has not logged in, but fetched his mail just now
 *	allowance.c	how many recipients a user may write to
 *	notice.c	mail to a user who comes near that limit
 *	seal.c		what `keys` must sign for a recipient: return addresses of ours, senders of forwarded mail
 *	etrn.c		a site whose mail is kept here calls for it
 *	posting.c	what users post: its header section is judged and completed on the way
 *	spool_client.c	the channel to spool
 *	trace.c		the dialogue of sessions for who watches
 *	commands.c	what operators ask: status
 *
 * Limits per address and in all, and who makes room for a newcomer: faces/shared/room.h. Memory is bounded three times: a
 * session has the limits of smtp_limits.h and base/connection.h, all sessions of a worker have
 * SMTPD_MEMORY_MAX (452 4.3.1 beyond it), and descriptors are kept for channels and for clients that
 * still read their last reply.
 *
 * Clocks: everything that is waited for runs on the monotonic clock; wall clock is used only for the
 * date in our Received field.
 */
#ifndef FACES_SMTPD_SMTPD_H
#define FACES_SMTPD_SMTPD_H

#include "base/log.h"
#include "base/streams.h"
#include "channels/caller.h"
#include "channels/gate_client.h"
#include "channels/smtpd_spool.h"
#include "config/route.h"
#include "faces/shared/auth_client.h"
#include "faces/shared/keys_client.h"
#include "faces/shared/listener.h"
#include "faces/shared/resolve_client.h"
#include "faces/shared/room.h"
#include "protocol/smtp_server.h"

#define DOORS_MAX 128 /* listening sockets */
#define TRANSACTION_MEMORY_MAX (8u << 20)
#define SMTPD_MEMORY_MAX ((size_t)512 << 20) /* of all sessions, and what spool has not read yet */
#define DESCRIPTORS_KEPT 256u /* for what is not a session: channels, listeners, log */

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
	bool is_ours; /* a mail of our own: it never had one */
	uint64_t session_id;
	enum route_class class;
	size_t credit;
	bool committed;
	bool refused;
	bool lost; /* refused, as its channel is gone: nobody at the other end knows the number */
	bool is_start; /* no mail: ETRN */
	enum error error; /* of refused */
};

struct transaction {
	struct arena arena;
	struct generation *generation;
	struct route_facts facts; /* of the session, and of him for whom the gate is open */
	struct route_set mailboxes;
	size_t envelope_octets; /* what the recipients so far will take in the envelope */
	enum route_class class;
	bool leaves; /* a recipient is at another host */
	bool goes_on; /* one is, though it is "in": forwarded, or kept for its site */
	bool forwards; /* one is, though the client named an address of ours */
	bool has_rewritten; /* `rewritten` is known */
	struct view rewritten; /* the reverse-path under which it is forwarded; empty: its own */
	struct transaction_before { /* as it was before the last recipient */
		uint32_t mailboxes;
		size_t envelope_octets;
		bool forwards;
		bool goes_on;
	} before;
	struct posting *posting; /* null: its header section is nobody's business */
	struct buffer header; /* our Received field */
	struct buffer content; /* what the machine has decoded and spool has not got yet */
	struct stream *stream; /* null: not opened yet, or lost */
	bool lost; /* spool was not there */
	uint64_t octets; /* sent to spool */
};

/* A listening socket, and what is spoken behind it. */
struct door {
	struct smtpd *smtpd;
	struct listener *listener; /* null before `go`, and when it has ended */
	enum parent_listen kind;
	int fd;
};

struct session {
	struct guest guest;
	struct smtpd *smtpd;
	struct connection *connection;
	struct generation *generation;
	struct transaction *transaction;
	struct opening *opening; /* null: the gate is not asked for it */
	struct allowance *allowance; /* null until a user names a recipient */
	struct stream *start; /* ETRN; null: none */
	struct seal *seal; /* null: `keys` is not asked */
	struct smtp_server smtp;
	struct route_facts facts;
	uint64_t id;
	uint32_t number; /* of the login exchange at auth */
	uint32_t question; /* to keys; 0: none */
	uint64_t active_ms; /* monotonic: when something was last consumed, or a wait began */
	size_t memory; /* as counted in smtpd.memory */
	uint16_t client_port;
	enum parent_listen kind; /* of the door by which it came */
	bool handshake; /* TLS from the first octet: not greeted yet */
	struct resolve_question name_question;
	uint8_t *verified_name; /* what facts.verified_name shows; null: none */
	bool is_name_sought;
	bool waiting; /* an ask is open */
	bool wants_credit; /* content waits for spool */
	bool wants_output; /* the client has not read its replies */
	char user[64 + 1];
	size_t user_length;
	char caller
		[CALLER_NAME_MAX]; /* of a program of this machine: its user, whom facts.caller shows */
};

struct smtpd {
	struct program *program;
	struct generation *generation;
	struct tls_context *tls;
	struct keys_client *keys;
	struct auth_client *auth;
	struct gate_client gate;
	struct resolve_client *resolve;
	bool names_missing; /* resolve is not there, and the log says so */
	bool gate_missing; /* the same of gate, for who wants to pass by it */
	struct channel *spool;
	struct streams streams;
	uint32_t last_stream;
	struct door doors[DOORS_MAX];
	size_t door_count;
	struct timer *sweep;
	struct room room;
	size_t memory; /* of the sessions, in octets */
	uint64_t draining_ms; /* monotonic: since */
	uint32_t last_number;
	uint64_t run; /* upper bits of session ids */
	struct smtpd_counts {
		uint64_t sessions;
		uint64_t mails;
		uint64_t refused;
	} counts;
};

/* life.c */
/* Its descriptors and structures; then smtpd_config (takes the snapshot over) and the census, before
 * smtpd_go. */
struct smtpd *smtpd_new(struct program *program);
void smtpd_config(struct smtpd *d, struct snapshot *snapshot);
void smtpd_go(struct smtpd *d);
void smtpd_drain(struct smtpd *d);

/* session.c */
void session_begin(struct smtpd *d, const struct arrival *arrival, enum parent_listen kind);
/* Goes on after an ask was answered, or after content or output found room. */
void session_continue(struct session *s);
void session_answer(struct session *s, const struct smtp_answer *answer);
/* Ends it: what was under way and not committed is aborted. */
void session_end(struct session *s, bool refused);
/* Says 421 and ends it. */
void session_stop(struct session *s, enum smtp_stop why);
/* Whether it is inside is judged again: the configuration or the login has changed. */
void session_judge_side(struct session *s);
/* It makes room for a newcomer (faces/shared/room.h). */
void session_gives_up(void *session);
void session_login_answered(void *session, const struct auth_answer *answer);

/* Its client's name is known, or will not be: the greeting, or what refuses it. The session may be gone. */
void session_greet(struct session *s);

/* name.c */
/* Asks for the verified name of a stranger, once. True when session_greet will follow. */
bool name_seek(struct session *s);
bool name_is_overdue(const struct session *s, uint64_t now_ms);
/* It is greeted without. */
void name_give_up(struct session *s);
/* The session ends. */
void name_forget(struct session *s);

/* caller.c */
/* The parent hands over a program of this machine. */
void caller_arrived(struct program *p, uint32_t uid, struct view name, int fd);
/* What its user may is looked up again: it has come, or the configuration has changed. */
void caller_judge(struct session *s);
/* What is known of it, or of its transaction when there is one. */
const struct route_facts *session_facts(const struct session *s);
/* Who posts, for counters and logs: the login, he for whom the gate is open, or the system user; empty: somebody on the
 * network. */
struct view session_poster(const struct session *s);
/* The same as facts; how many there are. The last one says who (keepers/spool/selection.c). */
#define POSTER_FACTS_MAX 2
size_t session_poster_facts(const struct session *s, struct fact *facts);

/* patience.c */
bool is_memory_left(const struct smtpd *d);
/* About once a second: time limits, and who is slow. */
void patience_sweep(struct smtpd *d);

/* refused.c */
struct refusal {
	const char *at; /* the step, such as "rcpt" */
	struct view what; /* what was said there */
	struct view rule;
	uint16_t code;
	const char *class; /* null: as the transaction has it */
	enum error error; /* of ours that made us refuse */
};
void session_refused(struct session *s, const struct refusal *r);
/* Logs it and answers the open ask; code, and rule when there is none, are the reply's. */
void session_refuse(
	struct session *s, const struct refusal *r, const struct reply *reply, bool close);

/* asks.c */
/* Answers the open ask, or starts what will; true when it is answered. */
bool ask_serve(struct session *s);
/* Why there is no room for it, or null; somebody may have had to go. */
const struct reply *session_hindrance(struct session *s);

/* Whether the gate is open is in the transaction's facts: the open ask is RCPT. */
void session_opening_known(struct session *s);
/* What may be written is known: the open ask is RCPT. */
void session_allowance_known(struct session *s);

/* opening.c */
enum opening_need {
	OPENING_KNOWN, /* the transaction's facts are all that will be known */
	OPENING_ASKED, /* session_opening_known comes later */
};
/* For the recipient of the open ask. */
must_use enum opening_need opening_ask(struct session *s);
void opening_forget(struct session *s);

/* allowance.c */
/* Asks the gate for a user who names a recipient; session_allowance_known comes later. False: it cannot be
 * asked. */
must_use bool allowance_ask(struct session *s);
void allowance_forget(struct session *s);
void allowance_free(struct session *s);
/* How a recipient is put off while the gate is away. */
const struct reply *allowance_away(void);
/* When it is known: true, with the refusal, whose text is in `text`, when a limit is reached. */
bool allowance_is_used_up(const struct session *s, struct buffer *text, struct reply *reply_out);
/* A recipient was accepted. */
void allowance_use(struct session *s);

/* notice.c */
struct limit_notice {
	bool is_reached; /* else it is near */
	bool is_of_day; /* else of an hour */
	uint64_t count; /* recipients so far */
	uint64_t limit;
	uint32_t window_ms;
};
/* The user of the session, and the postmaster, are told by mail, once in `window_ms`. */
void notice_limit(struct session *s, const struct limit_notice *what);

/* What `keys` had to sign for the recipient of the open ask is signed, or cannot be. */
void session_sealed(struct session *s, const struct route_verdict *verdict);

/* seal.c */
/* Judges the recipient of the open ask, and asks `keys` where it must sign; session_sealed comes later. True,
 * with the verdict, when it is known now. */
must_use bool seal_judge(struct session *s, struct route_verdict *verdict_out, struct arena *a);
void seal_forget(struct session *s);

/* etrn.c */
/* The open ask is ETRN. False while spool is asked; session_etrn_answered comes later. */
bool etrn_ask(struct session *s);
void session_etrn_answered(struct session *s, enum start_outcome outcome, uint64_t pending);

/* transaction.c */
struct transaction *transaction_new(struct session *s);
void transaction_free(struct transaction **t);
/* Judges a recipient; `mac`: of route_recipient. When accepted, its mailboxes are in the set. */
struct route_verdict transaction_add_recipient(struct session *s, const struct smtp_ask *ask,
	struct view path, struct view mac, struct arena *a);
/* The recipient that was added last is not. */
void transaction_take_back(struct session *s);
/* The Received field, once all recipients are known. */
void transaction_make_header(struct session *s);
/* Sends what there is to spool, as far as credit goes; false when some must wait for more. What nobody
 * will take is dropped: COMMIT then finds out. */
bool transaction_forward(struct session *s);
/* All content is forwarded: sends the envelope. False when it was refused already. */
bool transaction_commit(struct session *s);
/* What the machine dropped. */
void transaction_abort(struct session *s);

/* posting.c */
/* The content of the transaction is about to come. */
void posting_begin(struct session *s);
void posting_free(struct posting **p);
/* Octets that it holds. */
size_t posting_memory(const struct posting *p);
/* Looks at what has come. True when it may go on to spool: our header, then posting_held, then the content;
 * false while it is held back, or when it is refused and thrown away. */
bool posting_take(struct session *s);
/* All of it has come: null, or how it is refused, with the address that is at fault in *what_out. */
const struct reply *posting_end(struct session *s, struct view *what_out);
struct buffer *posting_held(struct posting *p);

/* spool_client.c */
void spool_client_connect(struct smtpd *d, int fd);
bool spool_is_there(const struct smtpd *d);
/* Null when spool cannot be asked now. */
struct stream *spool_begin(struct session *s, uint64_t size_octets);
void spool_abort(struct smtpd *d, struct stream **stream);
/* A mail of our own, of no more than RECEIVE_CHUNK_MAX octets, on behalf of a session; what becomes of it is in the log. False: spool
 * is not there. */
must_use bool spool_post(
	struct smtpd *d, uint64_t session, struct view content, struct view envelope);
/* Asks for the queues of these domains to be started, for the open ask; false: it cannot be asked. */
must_use bool spool_start(struct session *s, struct view domains);
/* The session's ETRN, if there is one, is not waited for. */
void spool_forget_start(struct session *s);
/* What the client is told when spool takes a mail not. */
struct reply spool_refusal(enum error error);

/* commands.c */
void smtpd_command(struct program *p, uint32_t stream, struct view words);

/* trace.c: smtp_server_step, which somebody may be watching. */
enum smtp_want trace_step(struct session *s, struct cursor *in, struct buffer *out);

#endif
