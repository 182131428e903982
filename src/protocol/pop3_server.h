/*
 * POP3, the server's side: RFC 1939 without APOP (which needs passwords in the clear on disk), CAPA,
 * PIPELINING and response codes (RFC 2449, RFC 3206), STLS (RFC 2595), AUTH (RFC 5034), UTF8 and
 * LANG (RFC 6856). A pure machine: no input, no output, no clock. faces/popd drives it; transcripts
 * and a fuzzer drive it too.
 *
 *	struct pop3_server *s = pop3_server_new(&settings, POP3_FLAG_LOOPBACK);
 *	for (;;) {
 *		switch (pop3_server_step(s, &in, &out)) {	  first call: the greeting
 *		case POP3_WANT_INPUT:	 write `out`, read more, step again
 *		case POP3_WANT_FLUSH:	 write `out` (all, or until little is left of it), step again
 *		case POP3_WANT_ANSWER:	 write `out`, do what pop3_server_ask says, pop3_server_answer, step
 *		case POP3_WANT_CONTENT:	 write `out`, pop3_server_content with the next piece, step
 *		case POP3_WANT_TLS:	 write `out`, handshake, pop3_server_tls_started, step
 *		case POP3_WANT_CLOSE:	 write `out`, close
 *		}
 *	}
 *
 * What step has not taken out of `in` must be in `in` again at its next call (with what was read
 * since behind it): while an ask is open or content flows, nothing is taken, so pipelining needs no
 * special case. A partial line is taken and kept here. `in` must hold all that was read so far:
 * plaintext behind STLS in the same buffer is an injection and ends the session (RFC 2595 §4), and
 * so does anything sent before the greeting, if the owner shows it to the first step.
 *
 * Rules of ours, where the standards leave room:
 * - A line ends in CRLF. A bare LF, a bare CR or a NUL ends the session (as in SMTP, so that no two
 *   programs ever disagree about where a command ends).
 * - Without TLS there is no login, except from loopback (POP3_FLAG_LOOPBACK).
 * - Sizes in STAT, LIST and RETR are the owner's word, and exact (RFC 1939 §5) when he counts a line end
 *   as CRLF, also where another program wrote LF alone, and one behind a last line that has none. A
 *   mail sent through downgrade.h may be longer or shorter.
 * - To a client that did not say UTF8, header sections go through downgrade.h (RFC 6858).
 * - A reply that has begun (+OK and some rows or content) and cannot be finished is cut by closing,
 *   never ended by a "." that would say "that was all".
 * - A connection lost without QUIT removes nothing; neither does the autologout timer (RFC 1939 §3,
 *   which knows no shorter one for before the login): at pop3_server_deadline_ms the owner closes
 *   and says nothing.
 */
#ifndef PROTOCOL_POP3_SERVER_H
#define PROTOCOL_POP3_SERVER_H

#include "base/bytes.h"

#define POP3_LINE_MAX 255u /* octets with CRLF, RFC 2449 §4 */
#define POP3_AUTH_LINE_MAX 12288u /* octets with CRLF, of a response in AUTH, RFC 5034 §4 */
#define POP3_SASL_MAX 8192u /* octets of a decoded response, or of a challenge */
#define POP3_SKIP_MAX 65536u /* octets of a line too long that are skipped before we close */
#define POP3_REPLY_MAX 512u /* octets with CRLF of a reply's line, RFC 2449 §4 */
#define POP3_UNIQUE_ID_MAX 70u /* octets 0x21..0x7e, RFC 1939 §7 */
#define POP3_ROWS_PAGE 500u /* rows asked for at once */
#define POP3_MESSAGES_MAX 8000000u /* in one mailbox: the marks take 1 MB then */
#define POP3_OUT_ROOM 49152u /* octets that must be free in `out` before a command is taken */
#define POP3_OUT_MIN (65536u + 16u) /* `out` must be born with at least this maximum */

enum pop3_state {
	POP3_STATE_GREETING,
	POP3_STATE_AUTHORIZATION,
	POP3_STATE_SASL, /* in an AUTH exchange: the next line is a response */
	POP3_STATE_TLS, /* the handshake is the owner's */
	POP3_STATE_TRANSACTION,
	POP3_STATE_UPDATE, /* QUIT was said: removing */
	POP3_STATE_CLOSED,
};

enum pop3_want {
	POP3_WANT_INPUT,
	POP3_WANT_FLUSH,
	POP3_WANT_ANSWER,
	POP3_WANT_CONTENT,
	POP3_WANT_TLS,
	POP3_WANT_CLOSE,
};

/* What is asked, and which answers fit. POP3_ANSWER_TROUBLE fits all but CANCEL. */
enum pop3_ask_kind {
	POP3_ASK_NONE,
	POP3_ASK_PASSWORD, /* is `password` that of `user`? OPENED, REFUSED */
	POP3_ASK_SASL_START, /* `mechanism`, `initial` if has_initial: CHALLENGE, OPENED, REFUSED */
	POP3_ASK_SASL_STEP, /* `initial` is the client's response: CHALLENGE, OPENED, REFUSED */
	POP3_ASK_CANCEL, /* the exchange is off, forget it: DONE */
	POP3_ASK_ROWS, /* `count` rows from message `number` on: ROWS */
	POP3_ASK_FETCH, /* the content of message `number`: CONTENT, MISSING */
	POP3_ASK_REMOVE, /* remove what pop3_server_deleted walks over: REMOVED */
};
const char *pop3_ask_name(enum pop3_ask_kind kind);

/* Views live until the answer. `user` and `password` are UTF-8 without controls and at most
 * POP3_LINE_MAX octets; `mechanism` is one of the settings' list, spelled as there. */
struct pop3_ask {
	enum pop3_ask_kind kind;
	struct view user;
	struct view password; /* a secret */
	struct view mechanism;
	struct view initial; /* decoded, at most POP3_SASL_MAX; a secret */
	bool has_initial; /* false: no initial response, which differs from an empty one */
	bool whole; /* FETCH: all of it is wanted (RETR) rather than its top (TOP) */
	uint32_t number; /* 1 … count */
	uint32_t count; /* ROWS: 1 … POP3_ROWS_PAGE, never past the last message */
};

enum pop3_answer_kind {
	POP3_ANSWER_CHALLENGE, /* `challenge`, raw octets, at most POP3_SASL_MAX */
	POP3_ANSWER_OPENED, /* logged in, the mailbox is ours alone: `count`, `octets` */
	POP3_ANSWER_REFUSED, /* `refusal` */
	POP3_ANSWER_ROWS, /* `rows`, `row_count`: ascending, within what was asked; messages that
				* are known to be gone may be left out */
	POP3_ANSWER_CONTENT, /* content follows through pop3_server_content; `octets` is its size */
	POP3_ANSWER_MISSING, /* that message is not there any more */
	POP3_ANSWER_REMOVED, /* `count` is how many of the deleted are still there (0: all removed) */
	POP3_ANSWER_DONE,
	POP3_ANSWER_TROUBLE, /* cannot be done now: a peer is gone, a disk fails */
};

enum pop3_refusal {
	POP3_REFUSAL_BAD, /* wrong name or password, never which: [AUTH] */
	POP3_REFUSAL_SYNTAX, /* the SASL response does not parse: no response code */
	POP3_REFUSAL_IN_USE, /* another session has the mailbox: [IN-USE] */
	POP3_REFUSAL_TEMPORARY, /* [SYS/TEMP] */
	POP3_REFUSAL_PERMANENT, /* [SYS/PERM]: somebody must mend something */
	POP3_REFUSAL_DELAY, /* too many wrong guesses: wait. [SYS/TEMP], so that no client throws
				 * its stored password away */
};
const char *pop3_refusal_name(enum pop3_refusal refusal);

struct pop3_row {
	uint32_t number;
	uint64_t octets;
	struct view unique_id; /* 1 … POP3_UNIQUE_ID_MAX octets 0x21..0x7e */
};

struct pop3_answer {
	enum pop3_answer_kind kind;
	struct view challenge;
	enum pop3_refusal refusal;
	uint32_t count;
	uint64_t octets;
	const struct pop3_row *rows;
	size_t row_count;
};

/* Shared by all sessions of a snapshot; must outlive them. */
struct pop3_settings {
	struct view server_name; /* in the greeting; at most 255 octets */
	struct view mechanisms; /* "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN": one space between */
	bool offers_stls; /* there is a certificate */
	uint32_t bad_commands_max; /* senseless commands in a session, then -ERR and close */
	uint32_t login_attempts_max; /* failed logins in a session, then close */
	uint32_t early_commands_max; /* commands in a session before its login */
	/* monotonic */
	uint32_t handshake_ms; /* silence in a TLS handshake */
	uint32_t login_ms; /* from the start of the session to the login, however busy */
	uint32_t quiet_ms; /* silence; never below 10 minutes (RFC 1939 §3) */
};
#define POP3_BAD_COMMANDS_MAX 50u
#define POP3_LOGIN_ATTEMPTS_MAX 3u
#define POP3_EARLY_COMMANDS_MAX 50u
#define POP3_HANDSHAKE_MS 60000u
#define POP3_LOGIN_MS 1800000u
#define POP3_QUIET_MS 600000u
/* The defaults above, no mechanisms, no STLS. */
struct pop3_settings pop3_settings_default(struct view server_name);

enum pop3_flags {
	POP3_FLAG_TLS = 1, /* TLS stands already (implicit TLS) */
	POP3_FLAG_LOOPBACK = 2, /* the client's address is loopback: login without TLS is fine */
};

struct pop3_server;

/* `settings` is kept. Idle before login a session takes less than 1 KiB. */
struct pop3_server *pop3_server_new(const struct pop3_settings *settings, unsigned flags);
/* Wipes secrets. What was marked deleted stays where it is. */
void pop3_server_free(struct pop3_server **s);

/* Feeds on `in` and appends to `out` (a maximum of POP3_OUT_MIN at least); says what comes next. */
enum pop3_want pop3_server_step(struct pop3_server *s, struct cursor *in, struct buffer *out);

/* The open ask; kind POP3_ASK_NONE when there is none. */
const struct pop3_ask *pop3_server_ask(const struct pop3_server *s);
/* The answer to the open ask; nothing in it is kept. False when it does not fit the ask or passes a
 * limit (one of our own programs is broken, STYLE §5): the session is closed by the next step. */
bool pop3_server_answer(
	struct pop3_server *s, const struct pop3_answer *answer, struct buffer *out);

/* The next piece of the content, when CONTENT is wanted; `last` with the final piece (which may be
 * empty). Takes what `out` has room for: what is left in `content` comes again after `out` was
 * written. True while more is wanted; false when the reply is complete: the rest of a content whose
 * top was asked for need not be fetched. */
bool pop3_server_content(
	struct pop3_server *s, struct cursor *content, bool last, struct buffer *out);
/* The content cannot be had to its end: the session is closed by the next step. */
void pop3_server_content_failed(struct pop3_server *s);

/* TLS stands. All that was said before it is forgotten (RFC 2595 §4). */
void pop3_server_tls_started(struct pop3_server *s);

/* The next number above `after` that is marked deleted, 0 when there is none. Start with 0. */
uint32_t pop3_server_deleted(const struct pop3_server *s, uint32_t after);
uint32_t pop3_server_deleted_count(const struct pop3_server *s);

/* How long the client may be silent, in milliseconds of the monotonic clock, since the last octet
 * came from it or went to it. */
uint32_t pop3_server_deadline_ms(const struct pop3_server *s);
/* How long the session may last until it is logged in; 0 when it is. */
uint32_t pop3_server_login_deadline_ms(const struct pop3_server *s);

/* The server goes down: from now on a session that is not logged in is told so at its next command
 * and closed. Those in TRANSACTION go on; the owner bounds how long. */
void pop3_server_drain(struct pop3_server *s);

/* For logs and for the shell's decisions. */
enum pop3_state pop3_server_state(const struct pop3_server *s);
bool pop3_server_is_logged_in(const struct pop3_server *s);
struct pop3_counts {
	uint32_t bad_commands;
	uint32_t failed_logins;
	uint32_t retrieved; /* messages whose RETR was answered to its end */
	uint64_t retrieved_octets; /* as sent, dots and all */
	const char *closed_by; /* why the machine closed ("quit", "bare lf", …); null until then */
};
struct pop3_counts pop3_server_counts(const struct pop3_server *s);

#endif
