/*
 * What the files of the SMTP server machine share among themselves: smtp_server.c (steps, lines,
 * states, answers), smtp_verbs.c (the table of verbs and the small ones), smtp_envelope.c (MAIL and
 * RCPT), smtp_login.c (AUTH, STARTTLS), smtp_receive.c (DATA and BDAT). Nobody else includes it.
 */
#ifndef PROTOCOL_SMTP_MACHINE_H
#define PROTOCOL_SMTP_MACHINE_H

#include "mail/header.h"
#include "protocol/smtp_content.h"
#include "protocol/smtp_server.h"

/* How far the content of a transaction is. */
struct smtp_receipt {
	struct smtp_content content;
	struct header_scan header;
	struct buffer *to; /* the owner's; null: what comes is thrown away */
	const struct reply *failed; /* why, when the machine itself refuses it */
	struct view failed_line; /* the owner's refusal, as it will be said after each chunk */
	uint64_t chunk_left;
	bool is_last;
};

/* Said in more than one place; they are in smtp_facts.c. */
extern const struct reply smtp_reply_helo_first;
extern const struct reply smtp_reply_rcpt_first;
extern const struct reply smtp_reply_no_recipient;
extern const struct reply smtp_reply_too_large;
extern const struct reply smtp_reply_no_memory;

/* Changes the state; the arrow must exist. */
void smtp_enter(struct smtp_server *s, enum smtp_state state);
/* Opens an ask; `s->ask` is filled in by the caller afterwards. */
struct smtp_ask *smtp_ask_open(struct smtp_server *s, enum smtp_ask_kind kind);
/* Says a reply that is no refusal. */
void smtp_say(struct smtp_server *s, struct buffer *out, const struct reply *reply);
/* Says the owner's reply if it gave one, else this one. */
void smtp_say_answer(struct smtp_server *s, struct buffer *out, const struct reply *otherwise);
/* Says a refusal that is nobody's mistake (a limit, a policy); the owner is told of it. */
void smtp_decline(struct smtp_server *s, struct buffer *out, const struct reply *reply);
/* Says a refusal of a wrong command; one too many ends the session with 421 instead. */
void smtp_refuse(struct smtp_server *s, struct buffer *out, const struct reply *reply);
/* Says a refusal and ends the session: the client is hostile, or its octets have lost their sense. */
void smtp_refuse_close(struct smtp_server *s, struct buffer *out, const struct reply *reply);
/* Ends the session; an open stream is dropped. */
void smtp_close(struct smtp_server *s);
/* Forgets the transaction; an open stream is dropped. */
void smtp_drop_transaction(struct smtp_server *s);
/* Counts a command that brings no mail forward; false when it was one too many (421 was said). */
must_use bool smtp_count_idle(struct smtp_server *s, struct buffer *out);

/* Serves one command line (without CRLF, not empty of sense). `in` stands behind it. */
void smtp_serve_command(
	struct smtp_server *s, struct view line, const struct cursor *in, struct buffer *out);
void smtp_serve_ehlo(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_helo(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_mail(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_rcpt(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_data(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_bdat(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_auth(struct smtp_server *s, struct view argument, struct buffer *out);
void smtp_serve_starttls(struct smtp_server *s, struct view argument, struct buffer *out);
/* The client's line in a login. */
void smtp_serve_auth_line(struct smtp_server *s, struct view line, struct buffer *out);

/* What becomes of an answered ask. */
void smtp_finish_helo(struct smtp_server *s, struct buffer *out);
void smtp_finish_mail(struct smtp_server *s, struct buffer *out);
void smtp_finish_rcpt(struct smtp_server *s, struct buffer *out);
void smtp_finish_content(struct smtp_server *s, const struct cursor *in, struct buffer *out);
void smtp_finish_commit(struct smtp_server *s, struct buffer *out);
void smtp_finish_auth(struct smtp_server *s, struct buffer *out);

/* Content in the states DATA, CHUNK, SKIP. True when it moved; else *want_out says what lacks. */
must_use bool smtp_receive(
	struct smtp_server *s, struct cursor *in, struct buffer *out, enum smtp_want *want_out);
/* STARTTLS is possible now: once, and not after a login. */
bool smtp_tls_is_offered(const struct smtp_server *s);
/* AUTH is possible here: mechanisms are known, and TLS or loopback hides the password. */
bool smtp_auth_is_offered(const struct smtp_server *s);

#endif
