/*
 * What the files of the SMTP client machine share among themselves: smtp_client.c (life, steps, states,
 * ends), smtp_client_hello.c (from the greeting to the login), smtp_client_mail.c (the envelope and its
 * replies), smtp_client_content.c, smtp_client_names.c. Nobody else includes it.
 */
#ifndef PROTOCOL_SMTP_CLIENT_MACHINE_H
#define PROTOCOL_SMTP_CLIENT_MACHINE_H

#include "protocol/smtp_client.h"

#define CLIENT_COMMANDS (SMTP_CLIENT_NOTHING + 1)
/* Room for the longest command: RCPT with a path of 1024, ORCPT of 500, NOTIFY (RFC 5321 §4.5.3.1.4). */
#define CLIENT_COMMAND_ROOM 2560u

/* One recipient. */
struct client_attempt {
	struct smtp_client_result result;
	bool is_asked; /* its RCPT was said, or will be */
	bool is_accepted; /* 2xx to RCPT */
};

/* What comes next on the way out. */
enum client_stage {
	CLIENT_SAYS_RSET,
	CLIENT_SAYS_MAIL,
	CLIENT_SAYS_RCPT,
	CLIENT_SAYS_DATA,
	CLIENT_SAYS_ALL
};

struct client_transaction {
	const struct smtp_client_mail *mail; /* null: none, else `kept` */
	struct smtp_client_mail kept; /* what it points to is the owner's */
	struct client_attempt *attempts;
	uint32_t count;
	struct arena texts; /* of the results */
	enum client_stage stage;
	uint32_t next_said; /* recipient to ask next */
	uint32_t next_answered; /* recipient whose reply comes next */
	uint32_t accepted;
	bool is_mail_accepted;
	bool is_mail_refused;
	bool is_chunk; /* BDAT */
	bool is_ended; /* the end of the content was written */
	bool is_void; /* DATA was let in, but nobody accepts: a lone dot */
	bool is_line_start; /* of the content */
	uint64_t left_octets;
};

enum client_login {
	CLIENT_LOGIN_COMMAND,
	CLIENT_LOGIN_USER,
	CLIENT_LOGIN_PASSWORD,
	CLIENT_LOGIN_BOTH,
	CLIENT_LOGIN_SAID
};

struct smtp_client {
	struct smtp_client_settings settings;
	enum smtp_client_state state;
	struct smtp_client_facts facts;
	struct smtp_client_end end;
	struct smtp_reply reply;
	struct arena session; /* the server's name, the words of the end */
	uint32_t waits[CLIENT_COMMANDS]; /* replies to come; in this order */
	enum client_login login; /* what is said next */
	bool wants_quit;
	bool needs_reset; /* the server has a transaction that was given up */
	bool says_quit; /* a last word, whose reply nobody waits for */
	bool has_results;
	uint32_t mails;
	struct client_transaction t;
};

/* Changes the state; the arrow must exist. */
void client_enter(struct smtp_client *c, enum smtp_client_state state);
/* A command was written: its reply is waited for. */
void client_said(struct smtp_client *c, enum smtp_client_command command);
/* Replies that are to come. */
uint32_t client_waits(const struct smtp_client *c);

/* What the server just said, to `command`; words in the arena. */
struct smtp_client_said client_reply(
	const struct smtp_client *c, enum smtp_client_command command, struct arena *a);
/* The end of the connection with the reply just read, or with a reason of ours (static). A
 * transaction is settled accordingly. */
void client_end_reply(
	struct smtp_client *c, enum smtp_client_end_kind kind, enum smtp_client_command command);
void client_end_why(struct smtp_client *c, enum smtp_client_end_kind kind, const char *why);
/* A reply that does not belong to its command. */
void client_end_misplaced(struct smtp_client *c);

/* Replies. `in` stands behind them. */
void client_on_greeting(struct smtp_client *c, const struct cursor *in);
void client_on_ehlo(struct smtp_client *c, const struct cursor *in);
void client_on_helo(struct smtp_client *c, const struct cursor *in);
void client_on_starttls(struct smtp_client *c, const struct cursor *in);
void client_on_auth(struct smtp_client *c, const struct cursor *in);
void client_on_rset(struct smtp_client *c, const struct cursor *in);
void client_on_mail(struct smtp_client *c, const struct cursor *in);
void client_on_rcpt(struct smtp_client *c, const struct cursor *in);
void client_on_data(struct smtp_client *c, const struct cursor *in);
void client_on_content(struct smtp_client *c, const struct cursor *in);
/* A line of the reply to EHLO. */
void client_read_keyword(struct smtp_client *c, struct view line);

/* Say what is due; `out` has room for one command. */
void client_write_ehlo(struct smtp_client *c, struct buffer *out);
void client_write_helo(struct smtp_client *c, struct buffer *out);
void client_write_starttls(struct smtp_client *c, struct buffer *out);
void client_write_auth(struct smtp_client *c, struct buffer *out);
/* The same for the envelope; false when nothing is due. */
must_use bool client_write_envelope(struct smtp_client *c, struct buffer *out);
/* Content is due: the owner's, or the mail has none. */
bool client_wants_content(const struct smtp_client *c);
/* BDAT. */
void client_write_chunk(struct smtp_client *c, struct buffer *out);
/* The end of the content, when all of it was written. */
void client_write_content_end(struct smtp_client *c, struct buffer *out);

/* Of those that are not decided. */
enum client_whom { CLIENT_ALL, CLIENT_ASKED, CLIENT_ACCEPTED };
void client_settle(
	struct smtp_client *c, enum client_whom whom, const struct smtp_client_result *result);
/* The connection is at its end: what that means for those that are not decided. */
void client_settle_end(struct smtp_client *c);
/* Every recipient is decided, or left for another transaction: tells the owner. */
void client_finish(struct smtp_client *c);
void client_transaction_free(struct client_transaction *t);

#endif
