/*
 * The inside of pop3_server.h, for the files that make it up and nobody else:
 * pop3_server.c (lines, steps, the table of verbs), pop3_login.c (verbs before the login),
 * pop3_mailbox.c (verbs after it), pop3_answer.c (what the owner answers).
 */
#ifndef PROTOCOL_POP3_SESSION_H
#define PROTOCOL_POP3_SESSION_H

#include "protocol/pop3_content.h"
#include "protocol/pop3_server.h"
#include "protocol/pop3_text.h"

/* What an ask for rows is for. */
enum pop3_purpose {
	POP3_PURPOSE_LIST, /* all */
	POP3_PURPOSE_UIDL,
	POP3_PURPOSE_LIST_ONE,
	POP3_PURPOSE_UIDL_ONE,
	POP3_PURPOSE_DELE,
};

struct pop3_server {
	const struct pop3_settings *settings;
	enum pop3_state state;
	enum pop3_language language;
	bool is_tls;
	bool is_loopback;
	bool is_utf8;
	bool is_draining;
	bool is_sending; /* content flows */
	bool after_cr; /* of the line that is being read */
	size_t line_octets; /* of it so far */
	struct buffer line; /* what came of it in earlier pieces */
	struct buffer user; /* said by USER */
	struct buffer secret; /* what the open ask views: password, decoded response */
	struct pop3_ask ask;
	enum pop3_purpose purpose;
	uint32_t list_next; /* the listing goes on at this number; 0: no listing */
	uint32_t top_lines;
	uint32_t early_commands;
	struct pop3_counts counts;
	/* The mailbox, after the login. */
	uint32_t count;
	uint64_t octets;
	uint32_t deleted_count;
	uint64_t deleted_octets;
	uint8_t *marks; /* a bit a message, as far as the highest deleted one asked for */
	size_t marks_size;
	struct pop3_content content;
};

/* --- pop3_server.c */
/* The one place where the state changes. */
void pop3_enter(struct pop3_server *s, enum pop3_state state);
/* `lead` ("+OK ", "-ERR [AUTH] "), the sentence, CRLF. */
void pop3_say_args(struct pop3_server *s, struct buffer *out, const char *lead, enum pop3_text text,
	const struct text_arg *args);
#define pop3_say(s, out, lead, text, ...)         \
	pop3_say_args((s), (out), (lead), (text), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})
#define POP3_OK "+OK "
#define POP3_ERR "-ERR "
#define POP3_ERR_TEMPORARY "-ERR [SYS/TEMP] "
#define POP3_ERR_PERMANENT "-ERR [SYS/PERM] "
#define POP3_ERR_AUTH "-ERR [AUTH] "
#define POP3_ERR_IN_USE "-ERR [IN-USE] "
/* No more is said; `why` is kept for the log. */
void pop3_close(struct pop3_server *s, const char *why);
/* Says -ERR to a command that made no sense, and counts it; at the limit the session ends instead. */
void pop3_refuse_args(struct pop3_server *s, struct buffer *out, enum pop3_text text,
	const struct text_arg *args);
#define pop3_refuse(s, out, text, ...)       \
	pop3_refuse_args((s), (out), (text), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})
/* The same with how the command is written. */
void pop3_bad_syntax(struct pop3_server *s, struct buffer *out, const char *usage);
/* Forgets the ask and wipes what it viewed. */
void pop3_ask_done(struct pop3_server *s);

/* --- handlers of verbs; `rest` is what stands behind the verb and one space */
void pop3_capa(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_user(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_pass(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_auth(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_stls(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_utf8(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_lang(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_stat(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_list(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_uidl(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_retr(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_top(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_dele(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_noop(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_rset(struct pop3_server *s, struct view rest, struct buffer *out);
void pop3_quit(struct pop3_server *s, struct view rest, struct buffer *out);

/* --- pop3_login.c */
/* Login may be spoken of on this connection: TLS, or loopback. */
bool pop3_may_login(const struct pop3_server *s);
/* A line of an AUTH exchange: a response, or "*". */
void pop3_sasl_line(struct pop3_server *s, struct view line, struct buffer *out);
/* The exchange ends with a word of ours that has been said; the owner is told. */
void pop3_sasl_break(struct pop3_server *s);
void pop3_forget_login(struct pop3_server *s);

/* --- pop3_mailbox.c */
bool pop3_is_deleted(const struct pop3_server *s, uint32_t number);
void pop3_mark_deleted(struct pop3_server *s, uint32_t number, uint64_t octets);
/* Opens the ask for the next page of a listing, or ends it. */
void pop3_list_on(struct pop3_server *s, struct buffer *out);

#endif
