/* What the owner may ask a session, and the names of things. Nothing here changes one. */
#include "protocol/smtp_machine.h"

const struct reply smtp_reply_helo_first = REPLY(503, 5, 5, 1, "helo-first",
	"Please introduce yourself first: EHLO and the full name of your host");
const struct reply smtp_reply_rcpt_first =
	REPLY(503, 5, 5, 1, "order", "Please say MAIL FROM and RCPT TO first");
const struct reply smtp_reply_no_recipient =
	REPLY(554, 5, 5, 1, "no-recipients", "The mail has no recipient that was accepted");
const struct reply smtp_reply_too_large = REPLY(552, 5, 3, 4, "sizelimit",
	"The mail is larger than this server takes; SIZE in its reply to EHLO says how much");
const struct reply smtp_reply_no_memory =
	REPLY(452, 4, 3, 1, "memory", "Too much was given for one mail; please try again later");

const char *smtp_ask_name(enum smtp_ask_kind kind)
{
	switch (kind) {
	case SMTP_ASK_NONE:
		return "none";
	case SMTP_ASK_CONNECT:
		return "connect";
	case SMTP_ASK_HELO:
		return "helo";
	case SMTP_ASK_MAIL:
		return "mail";
	case SMTP_ASK_RCPT:
		return "rcpt";
	case SMTP_ASK_CONTENT:
		return "content";
	case SMTP_ASK_COMMIT:
		return "commit";
	case SMTP_ASK_AUTH:
		return "auth";
	case SMTP_ASK_AUTH_STEP:
		return "auth-step";
	case SMTP_ASK_VRFY:
		return "vrfy";
	case SMTP_ASK_ETRN:
		return "etrn";
	}
	return "?";
}

const char *smtp_state_name(enum smtp_state state)
{
	switch (state) {
	case SMTP_STATE_NEW:
		return "new";
	case SMTP_STATE_GREETED:
		return "greeted";
	case SMTP_STATE_READY:
		return "ready";
	case SMTP_STATE_MAIL:
		return "mail";
	case SMTP_STATE_RCPT:
		return "rcpt";
	case SMTP_STATE_DATA:
		return "data";
	case SMTP_STATE_BDAT:
		return "bdat";
	case SMTP_STATE_CHUNK:
		return "chunk";
	case SMTP_STATE_SKIP:
		return "skip";
	case SMTP_STATE_AUTH:
		return "auth";
	case SMTP_STATE_TLS:
		return "tls";
	case SMTP_STATE_CLOSED:
		return "closed";
	}
	return "?";
}

/* RFC 5321 §4.5.3.2; the asks are timed by what the client on the other side waits. */
uint32_t smtp_server_deadline_ms(const struct smtp_server *s)
{
	const struct smtp_limits *limits = &s->config->limits;
	if (s->ask.kind == SMTP_ASK_CONTENT)
		return limits->data_initiation_ms;
	if (s->ask.kind == SMTP_ASK_COMMIT)
		return limits->data_termination_ms;
	if (s->ask.kind != SMTP_ASK_NONE)
		return limits->answer_ms;
	switch (s->state) {
	case SMTP_STATE_DATA:
	case SMTP_STATE_CHUNK:
	case SMTP_STATE_SKIP:
		return limits->data_block_ms;
	case SMTP_STATE_TLS:
		return limits->handshake_ms;
	case SMTP_STATE_NEW:
	case SMTP_STATE_GREETED:
	case SMTP_STATE_READY:
	case SMTP_STATE_MAIL:
	case SMTP_STATE_RCPT:
	case SMTP_STATE_BDAT:
	case SMTP_STATE_AUTH:
	case SMTP_STATE_CLOSED:
		break;
	}
	return limits->command_ms;
}

const struct smtp_ask *smtp_server_ask(const struct smtp_server *s)
{
	return &s->ask;
}

const struct reply *smtp_server_said(const struct smtp_server *s)
{
	return &s->said;
}

struct view smtp_server_said_line(const struct smtp_server *s)
{
	return s->line;
}

enum smtp_state smtp_server_state(const struct smtp_server *s)
{
	return s->state;
}

const struct smtp_mail *smtp_server_mail(const struct smtp_server *s)
{
	return s->mail;
}

const struct helo_name *smtp_server_helo(const struct smtp_server *s)
{
	return s->has_helo ? &s->helo : NULL;
}

const char *smtp_server_protocol(const struct smtp_server *s)
{
	static const char *const names[2][4] = {
		{"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
		{"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
	};
	const bool utf8 = s->mail && s->mail->smtputf8;
	if (!s->is_ehlo && !utf8)
		return "SMTP";
	return names[utf8][s->facts.tls_active + 2 * s->is_authenticated];
}

bool smtp_server_is_content_open(const struct smtp_server *s)
{
	return s->is_content_open;
}

bool smtp_server_is_idle(const struct smtp_server *s)
{
	return !s->mail && s->ask.kind == SMTP_ASK_NONE && s->state != SMTP_STATE_AUTH &&
	       s->state != SMTP_STATE_SKIP;
}
