/*
 * SMTP client, RFC 5321 with PIPELINING (2920), SIZE (1870), 8BITMIME (6152), CHUNKING (3030),
 * SMTPUTF8 (6531), ENHANCEDSTATUSCODES (2034), DSN (3461), STARTTLS (3207), AUTH PLAIN and LOGIN
 * (4954), LIMITS (9422) and REQUIRETLS (8689). A pure machine (STYLE §6): no socket, no clock, no name
 * is looked up. It is fed what the server says, writes commands, and says what it wants next. Which
 * host, which mail, whether TLS must be verified, and when to try again is its owner's business
 * (faces/relay).
 *
 *	for (;;) switch (smtp_client_step(c, &in, out)) {
 *	case SMTP_CLIENT_WANT_INPUT:   flush(out); wait for octets; append them behind what is left of `in`
 *	case SMTP_CLIENT_WANT_OUTPUT:  flush(out) until it has room; step again
 *	case SMTP_CLIENT_WANT_TLS:     flush(out), empty the input buffer, handshake, smtp_client_tls_started
 *	case SMTP_CLIENT_WANT_MAIL:    smtp_client_mail, or smtp_client_quit, or wait: octets may come
 *	case SMTP_CLIENT_WANT_CONTENT: flush(out); smtp_client_content with what is at hand, step again;
 *	                               else wait for content or octets, whichever comes first
 *	case SMTP_CLIENT_WANT_RESULTS: smtp_client_result for each recipient; step again
 *	case SMTP_CLIENT_WANT_CLOSE:   smtp_client_end says why; flush(out), close
 *	}
 *
 * Input. The cursor covers what the owner has read and the machine has not consumed. A line is
 * consumed whole: until its CRLF is there the machine leaves it, so the owner's buffer must hold
 * SMTP_REPLY_LINE_MAX octets. Octets are looked at in every state, as a server may say 421 whenever it
 * likes. `out` must be able to hold SMTP_CLIENT_OUTPUT_MIN octets, and may be flushed after any step.
 *
 * A life: greeting → EHLO → (STARTTLS → EHLO) → (AUTH) → WANT_MAIL → MAIL, RCPT … and DATA, or BDAT
 * with the content, in one piece where the server pipelines → WANT_CONTENT → final reply →
 * WANT_RESULTS → WANT_MAIL → QUIT. RSET goes out by itself where it is needed. A server whose EHLO is
 * refused is greeted with HELO. After MAILMAX mails (RFC 9422) the machine says QUIT by itself.
 *
 * Content. Its size is known beforehand (`size_octets`); smtp_client_content takes exactly so many
 * octets, in pieces of any size. They are lines that end in CRLF; dots and chunks are added here. BDAT
 * is used when it is offered, one chunk for all of it. Of a mail which nobody accepts no content is
 * wanted: WANT_RESULTS comes instead.
 *
 * Results. Each recipient has one, whatever happens; it is final for this attempt:
 *
 *	sent       the server took it: final reply 2xx
 *	refused    5xx, or a reason of ours that no retry mends (8-bit content for a 7-bit server,
 *	           5.6.3; SMTPUTF8, 5.6.7; SIZE, 5.3.4; REQUIRETLS, 5.7.30; a path that is none, 5.1.3)
 *	later      4xx, 421 included
 *	again      was not asked, or one too many for a transaction (452, RFC 5321 §4.5.3.1.10): ask in
 *	           another transaction, which need not wait; at least one of this mail had another outcome
 *	lost       the connection ended, or made no sense, before the end of the content was said
 *	uncertain  it ended behind that: the server may have the mail (RFC 1047)
 *
 * Trouble with the connection itself is told by smtp_client_end. When it comes before WANT_MAIL (a
 * refused greeting, no STARTTLS where it must be) no mail was given yet, and the owner says what it
 * means for those that wait. What makes no sense ends the connection at once: other than reply lines,
 * NUL, bare CR or LF, endless replies, codes that differ within a reply or do not belong to the command,
 * a reply before its command, octets behind the 220 of STARTTLS.
 */
#ifndef PROTOCOL_SMTP_CLIENT_H
#define PROTOCOL_SMTP_CLIENT_H

#include "protocol/smtp_mail.h"
#include "protocol/smtp_reply.h"

#define SMTP_CLIENT_OUTPUT_MIN 16384
#define SMTP_CLIENT_NAME_MAX 255u
#define SMTP_CLIENT_SECRET_MAX 255u /* octets of a login's name and password, each */
/* A content up to this size follows its BDAT without waiting for the replies to the envelope. */
#define SMTP_CLIENT_EAGER_MAX 65536u

enum smtp_client_tls {
	SMTP_CLIENT_TLS_NEVER, /* STARTTLS is not said */
	SMTP_CLIENT_TLS_MAY, /* said when offered; when refused the session goes on in clear */
	SMTP_CLIENT_TLS_MUST, /* not offered or refused: SMTP_CLIENT_END_TLS */
	SMTP_CLIENT_TLS_ACTIVE, /* from the first octet (port 465) */
};

struct smtp_client_settings {
	struct view name; /* said in EHLO; F-25 */
	enum smtp_client_tls tls;
	struct view user; /* the login at a smarthost; empty: none. Secret */
	struct view password;
	bool login_in_clear; /* log in without TLS (loopback) */
};

enum smtp_client_want {
	SMTP_CLIENT_WANT_INPUT,
	SMTP_CLIENT_WANT_OUTPUT,
	SMTP_CLIENT_WANT_TLS,
	SMTP_CLIENT_WANT_MAIL,
	SMTP_CLIENT_WANT_CONTENT,
	SMTP_CLIENT_WANT_RESULTS, /* told once for each mail */
	SMTP_CLIENT_WANT_CLOSE,
};

/* What a reply answers. */
enum smtp_client_command {
	SMTP_CLIENT_CONNECT, /* the greeting */
	SMTP_CLIENT_EHLO,
	SMTP_CLIENT_HELO,
	SMTP_CLIENT_STARTTLS,
	SMTP_CLIENT_AUTH,
	SMTP_CLIENT_RSET,
	SMTP_CLIENT_MAIL,
	SMTP_CLIENT_RCPT,
	SMTP_CLIENT_DATA,
	SMTP_CLIENT_CONTENT, /* the end of the content: the dot, or BDAT … LAST */
	SMTP_CLIENT_QUIT,
	SMTP_CLIENT_NOTHING, /* no command: 421 between two, or a reason of ours */
};
/* "greeting", "EHLO", …, "end of content", "". */
const char *smtp_client_command_name(enum smtp_client_command command);

enum smtp_client_outcome {
	SMTP_CLIENT_PENDING, /* not decided; never in WANT_RESULTS */
	SMTP_CLIENT_SENT,
	SMTP_CLIENT_REFUSED,
	SMTP_CLIENT_LATER, /* 4xx; all that are not decided, when 421 does not answer RCPT */
	SMTP_CLIENT_AGAIN, /* without those that were decided: 452, or 421 to one of them */
	SMTP_CLIENT_LOST, /* the connection ended before it was decided */
	SMTP_CLIENT_UNCERTAIN,
};
const char *smtp_client_outcome_name(enum smtp_client_outcome outcome);

/* What the server said, or what we say in its place. */
struct smtp_client_said {
	enum smtp_client_command command;
	uint16_t code; /* 0: no reply of the server; `text` is ours */
	struct enhanced enhanced; /* class 0: the server gave none */
	struct view text; /* printable, at most SMTP_REPLY_WORDS_MAX octets, lines joined */
};

struct smtp_client_result {
	enum smtp_client_outcome outcome;
	struct smtp_client_said said;
};

struct smtp_client_recipient {
	struct view forward_path; /* "local@domain" */
	unsigned notify; /* enum envelope_notify, or-ed; 0: not said */
	struct view orcpt; /* "rfc822;xtext" as it goes out, or empty */
};

/* A mail. What it points to is kept until WANT_RESULTS. */
struct smtp_client_mail {
	struct view reverse_path; /* "local@domain"; empty: the null path */
	uint64_t size_octets; /* of the content, exactly */
	bool is_8bitmime; /* BODY=8BITMIME is said where it is offered. Where it is not, the content is
			   * looked at as it passes, and the first octet above 0x7f ends the attempt */
	bool smtputf8; /* the mail needs SMTPUTF8 */
	bool requiretls; /* the mail needs REQUIRETLS, and TLS here */
	bool all_or_none; /* when one recipient is not accepted, no content is given: those that were are
			   * "again" */
	enum smtp_ret ret;
	struct view envid; /* xtext as it goes out, or empty */
	const struct smtp_client_recipient *recipients;
	uint32_t recipient_count; /* at least 1 */
};

/* Why the connection is over. */
enum smtp_client_end_kind {
	SMTP_CLIENT_END_NONE, /* it is not */
	SMTP_CLIENT_END_QUIT, /* in good order */
	SMTP_CLIENT_END_REFUSED, /* greeting, EHLO and HELO, or RSET: `said` is 4xx or 5xx */
	SMTP_CLIENT_END_CLOSING, /* 421 */
	SMTP_CLIENT_END_TLS, /* it must be and is not; `said.code` when STARTTLS was refused */
	SMTP_CLIENT_END_LOGIN, /* refused, or no way to log in is offered */
	SMTP_CLIENT_END_GONE, /* the owner said so: smtp_client_gone */
	SMTP_CLIENT_END_NONSENSE, /* what came is no reply, or none that belongs here */
	SMTP_CLIENT_END_CONTENT, /* the content could not be given, or must not go to this host */
};
const char *smtp_client_end_kind_name(enum smtp_client_end_kind kind);

struct smtp_client_end {
	enum smtp_client_end_kind kind;
	struct smtp_client_said said; /* with text in any case but QUIT; lives as the machine */
};

/* What the server said of itself in greeting and the last EHLO; `name` lives as the machine. */
struct smtp_client_facts {
	struct view name; /* first word of the greeting, printable */
	bool is_esmtp; /* EHLO was accepted */
	bool has_pipelining;
	bool has_chunking;
	bool has_8bitmime;
	bool has_smtputf8;
	bool has_dsn; /* else what is sent here is "relayed", RFC 3461 §5.2.2 */
	bool has_enhanced;
	bool has_starttls;
	bool has_requiretls;
	bool has_size;
	bool has_plain; /* AUTH */
	bool has_login;
	bool is_logged_in;
	bool tls_active;
	bool tls_refused; /* offered, and then not done (SMTP_CLIENT_TLS_MAY) */
	uint64_t size_octets; /* SIZE; 0: no limit said */
	uint32_t rcpt_max; /* RCPTMAX; 0: not said */
	uint32_t mail_max; /* MAILMAX; 0: not said */
};

enum smtp_client_state {
	SMTP_CLIENT_STATE_GREETING, /* waits for 220 */
	SMTP_CLIENT_STATE_EHLO,
	SMTP_CLIENT_STATE_HELO,
	SMTP_CLIENT_STATE_STARTTLS, /* waits for its 220 */
	SMTP_CLIENT_STATE_TLS, /* the handshake */
	SMTP_CLIENT_STATE_AUTH,
	SMTP_CLIENT_STATE_READY,
	SMTP_CLIENT_STATE_ENVELOPE, /* MAIL, RCPT, DATA */
	SMTP_CLIENT_STATE_CONTENT,
	SMTP_CLIENT_STATE_FINAL, /* waits for the reply to the content */
	SMTP_CLIENT_STATE_RESULTS,
	SMTP_CLIENT_STATE_QUIT,
	SMTP_CLIENT_STATE_CLOSED,
};

struct smtp_client;

/* A session that waits for the greeting. `name`, `user` and `password` are kept: they must outlive it. */
struct smtp_client *smtp_client_new(const struct smtp_client_settings *settings);
void smtp_client_free(struct smtp_client **c);

/* Goes as far as it can. */
enum smtp_client_want smtp_client_step(
	struct smtp_client *c, struct cursor *in, struct buffer *out);
/* Begins a mail; only after WANT_MAIL, before anything else was stepped. Then step.
 * `mail` itself is copied. */
void smtp_client_mail(struct smtp_client *c, const struct smtp_client_mail *mail);
/* After WANT_CONTENT: consumes of `content` what `out` has room for, never more than the mail's size.
 * What is left belongs to the next call. True while more is wanted; then step either way. */
bool smtp_client_content(struct smtp_client *c, struct cursor *content, struct buffer *out);
/* The content cannot be had (`why`: static, for the results). Recipients that are not decided are
 * lost; the connection is at its end, as half a mail cannot be taken back otherwise. Nothing happens
 * when none is being sent. */
void smtp_client_content_failed(struct smtp_client *c, const char *why);
/* Says QUIT at the next step, or behind the mail that is under way. */
void smtp_client_quit(struct smtp_client *c);
/* After WANT_TLS, when the handshake is done. */
void smtp_client_tls_started(struct smtp_client *c);
/* The connection is over in whatever state: closed by the server, too slow (smtp_client_deadline_ms),
 * TLS failed, or the owner stops. `why` is static. `unsent`: octets of `out` that never left, so that an
 * end of content which lies among them is lost and not uncertain. Then step: results, if any, and CLOSE. */
void smtp_client_gone(struct smtp_client *c, const char *why, size_t unsent);

/* What became of recipient `index` of the mail; from WANT_RESULTS to the next smtp_client_mail or free. */
const struct smtp_client_result *smtp_client_result(const struct smtp_client *c, uint32_t index);
const struct smtp_client_end *smtp_client_end(const struct smtp_client *c);
const struct smtp_client_facts *smtp_client_facts(const struct smtp_client *c);
enum smtp_client_state smtp_client_state(const struct smtp_client *c);
/* How often MAIL was said. */
uint32_t smtp_client_mails(const struct smtp_client *c);
/* What may pass, in ms on the monotonic clock, before the owner calls smtp_client_gone (RFC 5321
 * §4.5.3.2): measured from the last octet that came or left, or from the start of the present wait. While
 * the machine wants mail, or content from its owner, that is the owner's to bound. */
uint32_t smtp_client_deadline_ms(const struct smtp_client *c);

#endif
