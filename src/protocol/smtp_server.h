/*
 * SMTP server, RFC 5321 with PIPELINING (2920), SIZE (1870), 8BITMIME (6152), CHUNKING (3030, without
 * BINARYMIME), SMTPUTF8 (6531), ENHANCEDSTATUSCODES (2034), DSN (3461), STARTTLS (3207), AUTH (4954),
 * LIMITS (9422), REQUIRETLS (8689), ETRN (1985)
 * where the owner offers it. A pure machine (STYLE §6): no socket, no clock, no name is looked up. It is fed
 * octets, writes replies, and says what it wants next. Who may mail whom is not its business: it
 * asks its owner (faces/smtpd), and while an ask is open it consumes no input.
 *
 *	for (;;) switch (smtp_server_step(&s, &in, &out)) {
 *	case SMTP_WANT_INPUT:   flush(out); wait for octets; append them behind what is left of `in`
 *	case SMTP_WANT_OUTPUT:  flush(out) until it has room; step again
 *	case SMTP_WANT_ANSWER:  look at smtp_server_ask(&s); later smtp_server_answer(&s, &answer)
 *	case SMTP_WANT_CONTENT: take octets out of the content buffer; step again when it has room
 *	case SMTP_WANT_DROP:    what was taken of this content is void: abort the spool stream; step
 *	case SMTP_WANT_NOTE:    log smtp_server_said(&s) (a refusal the machine made itself); step
 *	case SMTP_WANT_TLS:     flush(out), empty the input buffer, handshake, smtp_server_tls_started
 *	case SMTP_WANT_CLOSE:   flush(out), shut down writing, read off a little, close
 *	}
 *
 * Input. The cursor covers what the owner has read and the machine has not consumed. A command line
 * is consumed whole: until its CRLF is there the machine leaves it and wants INPUT, so the owner
 * keeps it in front of the next octets; its input buffer must hold SMTP_SERVER_INPUT_MIN octets.
 * Content is consumed as it comes. `out` must be able to hold SMTP_SERVER_OUTPUT_MIN octets and may
 * be flushed after every step or only when the machine waits, as the owner likes.
 *
 * Content. The owner lends a buffer in its answer to SMTP_ASK_CONTENT; decoded content (dots
 * unstuffed, every line ending in CRLF, no bare CR, LF or NUL, the last line completed if BDAT left
 * it open) is appended to it by any step, up to its maximum. It may be emptied after any step. At
 * SMTP_ASK_COMMIT all of the content has passed through it. The buffer is the machine's no more
 * after the answer to COMMIT, after SMTP_WANT_DROP, or after smtp_server_free.
 *
 * A life: SMTP_ASK_CONNECT → 220 → EHLO → SMTP_ASK_HELO → MAIL → SMTP_ASK_MAIL → RCPT →
 * SMTP_ASK_RCPT … → DATA → SMTP_ASK_CONTENT → 354 → content → SMTP_ASK_COMMIT → 250 → QUIT.
 *
 * What is hostile ends the session after its reply: bare CR or LF, NUL, over-long lines, octets
 * before the greeting, behind STARTTLS, or behind DATA before its 354 (RFC 2920 §3.1), HTTP verbs,
 * a BDAT whose size cannot be read.
 */
#ifndef PROTOCOL_SMTP_SERVER_H
#define PROTOCOL_SMTP_SERVER_H

#include "protocol/reply.h"
#include "protocol/smtp_limits.h"
#include "protocol/smtp_mail.h"

#define SMTP_SERVER_INPUT_MIN 16384
#define SMTP_SERVER_OUTPUT_MIN 16384

/* Shared by sessions; kept, must outlive them. */
struct smtp_config {
	struct view servername; /* in the greeting and in EHLO */
	struct smtp_limits limits;
	bool etrn; /* is offered */
};

/* What the owner knows of the connection. */
struct smtp_facts {
	bool is_inside; /* an inside client, or a user's program: may give a loose HELO name */
	bool is_loopback; /* AUTH may be offered without TLS, unless that is required */
	bool tls_active; /* implicit TLS, or STARTTLS done */
	bool tls_offered; /* STARTTLS is possible (ignored when active) */
	bool tls_required; /* MAIL and AUTH need TLS: 530 5.7.0 */
	bool auth_required; /* MAIL needs a login (submission): 530 5.7.0 */
	bool senders_are_judged; /* but the owner may know somebody by his reverse-path: he is asked, and refuses
				    * whom he does not know */
	struct view mechanisms; /* "PLAIN SCRAM-SHA-256"; empty: no AUTH. Kept. Offered only when
				 * tls_active or is_loopback and not tls_required */
};

enum smtp_want {
	SMTP_WANT_INPUT,
	SMTP_WANT_OUTPUT,
	SMTP_WANT_ANSWER,
	SMTP_WANT_CONTENT,
	SMTP_WANT_DROP,
	SMTP_WANT_NOTE,
	SMTP_WANT_TLS,
	SMTP_WANT_CLOSE,
};

enum smtp_ask_kind {
	SMTP_ASK_NONE,
	SMTP_ASK_CONNECT, /* may this host speak? Refused: the reply instead of 220, then close */
	SMTP_ASK_HELO, /* `helo`, `is_ehlo`; the name is well-formed, and full for strangers. When
			   * accepted the machine says its own keywords */
	SMTP_ASK_MAIL, /* `mail`: reverse-path and parameters */
	SMTP_ASK_RCPT, /* `mail`, `recipient`: linked into the mail only when accepted */
	SMTP_ASK_CONTENT, /* `mail`: open a spool stream; accepted with `content` in the answer */
	SMTP_ASK_COMMIT, /* `mail`: the end of the content; accept once it is durable */
	SMTP_ASK_AUTH, /* `mechanism`, `has_response`, `response`: begins a login, and voids one
			   * that the client gave up ("*") */
	SMTP_ASK_AUTH_STEP, /* `response`: the client's next octets */
	SMTP_ASK_VRFY, /* `text`, `is_utf8`; no default sentence of acceptance but 252 */
	SMTP_ASK_ETRN, /* `domain`, `is_subdomains`; the answer has its reply (RFC 1985 §5.3) */
};
const char *smtp_ask_name(enum smtp_ask_kind kind);

/* The open ask. Views live until it is answered. */
struct smtp_ask {
	enum smtp_ask_kind kind;
	bool is_ehlo;
	bool is_utf8;
	bool has_response;
	struct helo_name helo;
	const struct smtp_mail *mail;
	const struct smtp_recipient *recipient;
	struct view text; /* VRFY's argument */
	struct domain domain; /* ETRN's argument */
	bool is_subdomains; /* and those that are in it, too */
	struct view mechanism; /* upper case, one of facts.mechanisms */
	struct view response; /* decoded; secret: it is wiped after the answer */
};

enum smtp_verdict {
	SMTP_ACCEPT, /* go on; `reply` replaces the machine's sentence if its code is not 0.
			 * For AUTH and AUTH_STEP: the login succeeded */
	SMTP_REFUSE, /* say `reply` (4xx or 5xx); for AUTH also code 0: 535 5.7.8 */
	SMTP_CHALLENGE, /* AUTH and AUTH_STEP only: say 334 with `challenge` (not encoded) */
};

struct smtp_answer {
	enum smtp_verdict verdict;
	struct reply reply; /* not kept: its text is copied */
	bool close; /* end the session after the reply */
	struct view challenge;
	struct buffer *content; /* CONTENT accepted: must be there, empty; kept, see above */
	uint64_t tag; /* RCPT accepted: kept in the recipient */
};

enum smtp_state {
	SMTP_STATE_NEW, /* before the greeting */
	SMTP_STATE_GREETED, /* 220 was said; no service before HELO (F-4) */
	SMTP_STATE_READY, /* introduced, no transaction */
	SMTP_STATE_MAIL, /* reverse-path, no recipient yet */
	SMTP_STATE_RCPT, /* at least one recipient */
	SMTP_STATE_DATA, /* content after 354 */
	SMTP_STATE_BDAT, /* between two chunks */
	SMTP_STATE_CHUNK, /* inside a chunk */
	SMTP_STATE_SKIP, /* inside a chunk that came out of order */
	SMTP_STATE_AUTH, /* a login wants the client's next line */
	SMTP_STATE_TLS, /* waits for the handshake */
	SMTP_STATE_CLOSED, /* the last reply was said */
};
const char *smtp_state_name(enum smtp_state state);

/* Why the owner ends a session. */
enum smtp_stop {
	SMTP_STOP_SHUTDOWN, /* the server stops: 421 4.3.2 */
	SMTP_STOP_TIMEOUT, /* smtp_server_deadline_ms has passed: 421 4.4.2 */
	SMTP_STOP_SLOW, /* what is under way takes too long altogether: 421 4.4.2 */
	SMTP_STOP_ROOM, /* it makes room for others: 421 4.7.0 */
	SMTP_STOP_TROUBLE, /* something of ours is gone: 421 4.3.0 */
};

/* One session. The fields are the machine's own; the owner uses the functions. */
struct smtp_server {
	const struct smtp_config *config;
	struct smtp_facts facts;
	enum smtp_state state;
	struct smtp_ask ask;
	bool is_answered;
	struct smtp_answer answer; /* texts are in `pending` */
	struct buffer pending; /* the answer's reply as it will be said */
	struct buffer secret; /* a decoded AUTH response */
	struct arena command; /* lives while one command is served */
	struct arena session; /* the HELO name */
	struct arena transaction; /* `mail` and all that hangs on it */
	struct smtp_mail *mail;
	struct smtp_receipt *receipt; /* how far the content is; in the transaction's arena */
	struct helo_name helo;
	bool has_helo;
	bool is_ehlo;
	bool is_authenticated;
	bool is_content_open; /* the owner has a stream that must be committed or dropped */
	bool wants_drop;
	bool wants_note;
	bool is_hello; /* the command that is being served is EHLO or HELO */
	bool is_stopping;
	enum smtp_stop stop;
	struct reply said;
	struct view line; /* the command that `said` answers, within the step that says it */
	uint32_t scanned; /* octets of an unfinished line that were looked at */
	uint32_t mails;
	uint32_t errors;
	uint32_t idle_commands;
	uint32_t refused_rcpts;
	uint32_t auth_failures;
	uint32_t excess_rcpts; /* past the limit, in this transaction */
	uint64_t skip_octets; /* still to come of a chunk that was refused */
	const struct reply *skip_reply; /* said behind it */
	enum smtp_state skip_back; /* and the state then */
};

/* A session before its greeting. `config` and facts.mechanisms are kept. */
struct smtp_server smtp_server_new(
	const struct smtp_config *config, const struct smtp_facts *facts);
/* Gives all memory back; the struct must not be stepped again. Drops no stream: see
 * smtp_server_is_content_open. */
void smtp_server_free(struct smtp_server *s);

/* Goes as far as it can. Each step either moves on or says what it lacks; see the example above. On
 * the first call after CONNECT was accepted octets in `in` are "before the greeting": an owner that
 * wants that check reads once before it. */
enum smtp_want smtp_server_step(struct smtp_server *s, struct cursor *in, struct buffer *out);
/* The open ask; kind SMTP_ASK_NONE when there is none. */
const struct smtp_ask *smtp_server_ask(const struct smtp_server *s);
/* Answers the open ask (there must be one); then step again. */
void smtp_server_answer(struct smtp_server *s, const struct smtp_answer *answer);
/* After SMTP_WANT_TLS, when the handshake is done. The session is as fresh as after the greeting
 * (RFC 3207 §4.2); facts.tls_active must be set. */
void smtp_server_tls_started(struct smtp_server *s, const struct smtp_facts *facts);
/* The refusal that SMTP_WANT_NOTE speaks of. Static text, valid for ever. */
const struct reply *smtp_server_said(const struct smtp_server *s);
/* The command that it answers, for the log; empty when it answers none, or one that is unknown or AUTH:
 * a line that comes at the wrong time may be a password. Valid until the next step. */
struct view smtp_server_said_line(const struct smtp_server *s);
/* Says 421 at the next step and closes; an open ask is void (do not answer it) unless it is COMMIT,
 * whose answer is still wanted first, since the mail may be durable. One that was answered is served
 * first. In state TLS nothing is said. */
void smtp_server_stop(struct smtp_server *s, enum smtp_stop why);

/* What may pass, in ms on the monotonic clock, before the owner calls smtp_server_stop(TIMEOUT):
 * measured from the last step that consumed input or from the start of the present wait. */
uint32_t smtp_server_deadline_ms(const struct smtp_server *s);
enum smtp_state smtp_server_state(const struct smtp_server *s);
/* The transaction, or null. */
const struct smtp_mail *smtp_server_mail(const struct smtp_server *s);
/* The accepted name, or null before HELO and after STARTTLS. */
const struct helo_name *smtp_server_helo(const struct smtp_server *s);
/* "SMTP", "ESMTP", "ESMTPS", "ESMTPSA", "UTF8SMTP…": the `with` of Received (RFC 3848, 6531 §4.3). */
const char *smtp_server_protocol(const struct smtp_server *s);
/* A stream was opened by CONTENT and neither committed nor dropped: whoever closes the session in
 * this state aborts it. */
bool smtp_server_is_content_open(const struct smtp_server *s);
/* Neither a transaction nor a login is going on: such a session may make room for others. */
bool smtp_server_is_idle(const struct smtp_server *s);

#endif
