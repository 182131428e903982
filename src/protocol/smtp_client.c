/* Life, steps, states, ends. */
#include "protocol/smtp_client_machine.h"

#define SESSION_MEMORY 4096u
#define SECOND_MS 1000u
#define MINUTE_MS (60u * SECOND_MS)

/* --- states ------------------------------------------------------------------------------------ */

#define TO(state) (1u << SMTP_CLIENT_STATE_##state)

/* From each state, the states that may follow. */
static const unsigned arrows[] = {
	[SMTP_CLIENT_STATE_GREETING] = TO(EHLO) | TO(CLOSED),
	[SMTP_CLIENT_STATE_EHLO] = TO(HELO) | TO(STARTTLS) | TO(AUTH) | TO(READY) | TO(CLOSED),
	[SMTP_CLIENT_STATE_HELO] = TO(READY) | TO(CLOSED),
	[SMTP_CLIENT_STATE_STARTTLS] = TO(TLS) | TO(AUTH) | TO(READY) | TO(CLOSED),
	[SMTP_CLIENT_STATE_TLS] = TO(EHLO) | TO(CLOSED),
	[SMTP_CLIENT_STATE_AUTH] = TO(READY) | TO(CLOSED),
	[SMTP_CLIENT_STATE_READY] = TO(ENVELOPE) | TO(QUIT) | TO(CLOSED),
	[SMTP_CLIENT_STATE_ENVELOPE] = TO(CONTENT) | TO(RESULTS),
	[SMTP_CLIENT_STATE_CONTENT] = TO(FINAL) | TO(RESULTS),
	[SMTP_CLIENT_STATE_FINAL] = TO(RESULTS),
	[SMTP_CLIENT_STATE_RESULTS] = TO(READY) | TO(CLOSED),
	[SMTP_CLIENT_STATE_QUIT] = TO(CLOSED),
	[SMTP_CLIENT_STATE_CLOSED] = 0,
};

void client_enter(struct smtp_client *c, enum smtp_client_state state)
{
	must(arrows[c->state] & 1u << state);
	c->state = state;
}

void client_said(struct smtp_client *c, enum smtp_client_command command)
{
	c->waits[command]++;
}

uint32_t client_waits(const struct smtp_client *c)
{
	uint32_t n = 0;
	for (size_t i = 0; i < CLIENT_COMMANDS; i++)
		n += c->waits[i];
	return n;
}

/* What the next reply answers: replies come in the order of the commands, which is that of the enum
 * within whatever is under way at one time. */
static enum smtp_client_command awaited(const struct smtp_client *c)
{
	size_t i = 0;
	while (i < SMTP_CLIENT_NOTHING && c->waits[i] == 0)
		i++;
	return (enum smtp_client_command)i;
}

/* --- life -------------------------------------------------------------------------------------- */

struct smtp_client *smtp_client_new(const struct smtp_client_settings *settings)
{
	must(settings->name.length > 0 && settings->name.length <= SMTP_CLIENT_NAME_MAX);
	must(settings->user.length <= SMTP_CLIENT_SECRET_MAX);
	must(settings->password.length <= SMTP_CLIENT_SECRET_MAX);
	struct smtp_client *c = memory_new(1, sizeof *c);
	*c = (struct smtp_client){.settings = *settings,
		.facts.tls_active = settings->tls == SMTP_CLIENT_TLS_ACTIVE,
		.reply = smtp_reply_new(),
		.session = arena_new(SESSION_MEMORY)};
	c->waits[SMTP_CLIENT_CONNECT] = 1;
	return c;
}

void smtp_client_free(struct smtp_client **at)
{
	struct smtp_client *c = *at;
	*at = NULL;
	if (!c)
		return;
	client_transaction_free(&c->t);
	smtp_reply_free(&c->reply);
	arena_reset(&c->session);
	memory_free(c);
}

/* --- ends -------------------------------------------------------------------------------------- */

struct smtp_client_said client_reply(
	const struct smtp_client *c, enum smtp_client_command command, struct arena *a)
{
	struct smtp_client_said said = {
		.command = command, .code = c->reply.code, .enhanced = c->reply.enhanced};
	if (!arena_copy(a, smtp_reply_words(&c->reply), &said.text))
		said.text = VIEW_NONE;
	return said;
}

static void end(struct smtp_client *c, enum smtp_client_end_kind kind, struct smtp_client_said said)
{
	const bool is_idle = client_waits(c) == 0;
	const bool has_mail = c->t.mail != NULL;
	c->end = (struct smtp_client_end){.kind = kind, .said = said};
	bytes_zero(c->waits, sizeof c->waits);
	if (has_mail) {
		client_settle_end(c);
		client_finish(c);
	} else if (c->state != SMTP_CLIENT_STATE_RESULTS) {
		client_enter(c, SMTP_CLIENT_STATE_CLOSED);
	}
	/* RFC 5321 §4.1.1.10, to a server that has refused us and still listens */
	c->says_quit = is_idle && !has_mail &&
		       (kind == SMTP_CLIENT_END_REFUSED || kind == SMTP_CLIENT_END_TLS ||
			       kind == SMTP_CLIENT_END_LOGIN);
}

void client_end_reply(
	struct smtp_client *c, enum smtp_client_end_kind kind, enum smtp_client_command command)
{
	end(c, kind, client_reply(c, command, &c->session));
}

void client_end_why(struct smtp_client *c, enum smtp_client_end_kind kind, const char *why)
{
	end(c, kind,
		(struct smtp_client_said){.command = SMTP_CLIENT_NOTHING, .text = view_text(why)});
}

void client_end_misplaced(struct smtp_client *c)
{
	client_end_why(c, SMTP_CLIENT_END_NONSENSE,
		"a reply has a code that does not belong to its command");
}

/* --- replies ----------------------------------------------------------------------------------- */

static void on_quit(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	client_end_reply(c, SMTP_CLIENT_END_QUIT, SMTP_CLIENT_QUIT);
}

static void on_unasked(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	client_end_why(c, SMTP_CLIENT_END_NONSENSE, "a reply came before its command");
}

static void (*const handlers[CLIENT_COMMANDS])(struct smtp_client *c, const struct cursor *in) = {
	[SMTP_CLIENT_CONNECT] = client_on_greeting,
	[SMTP_CLIENT_EHLO] = client_on_ehlo,
	[SMTP_CLIENT_HELO] = client_on_helo,
	[SMTP_CLIENT_STARTTLS] = client_on_starttls,
	[SMTP_CLIENT_AUTH] = client_on_auth,
	[SMTP_CLIENT_RSET] = client_on_rset,
	[SMTP_CLIENT_MAIL] = client_on_mail,
	[SMTP_CLIENT_RCPT] = client_on_rcpt,
	[SMTP_CLIENT_DATA] = client_on_data,
	[SMTP_CLIENT_CONTENT] = client_on_content,
	[SMTP_CLIENT_QUIT] = on_quit,
	[SMTP_CLIENT_NOTHING] = on_unasked,
};

static void serve_reply(struct smtp_client *c, const struct cursor *in)
{
	const enum smtp_client_command command = awaited(c);
	if (command != SMTP_CLIENT_NOTHING)
		c->waits[command]--;
	const bool is_closing = c->reply.code == 421 && command != SMTP_CLIENT_QUIT;
	if (!is_closing || command == SMTP_CLIENT_RCPT)
		handlers[command](c, in);
	if (is_closing)
		client_end_reply(c, SMTP_CLIENT_END_CLOSING, command);
	smtp_reply_begin(&c->reply, c->t.mail && c->t.mail->smtputf8);
}

/* Reads as far as lines go; what is left over is the beginning of one. */
static void read_replies(struct smtp_client *c, struct cursor *in)
{
	while (c->end.kind == SMTP_CLIENT_END_NONE && c->state != SMTP_CLIENT_STATE_TLS) {
		const enum smtp_reply_event event = smtp_reply_read(&c->reply, in);
		if (event == SMTP_REPLY_MORE)
			return;
		if (event == SMTP_REPLY_BAD) {
			client_end_why(c, SMTP_CLIENT_END_NONSENSE, c->reply.problem);
			return;
		}
		if (c->state == SMTP_CLIENT_STATE_EHLO)
			client_read_keyword(c, c->reply.line);
		if (event == SMTP_REPLY_DONE)
			serve_reply(c, in);
	}
}

/* --- steps ------------------------------------------------------------------------------------- */

static bool has_room(const struct buffer *out)
{
	return buffer_left(out) > CLIENT_COMMAND_ROOM; /* so that content finds some, too */
}

static void write_quit(struct smtp_client *c, struct buffer *out)
{
	if (c->state == SMTP_CLIENT_STATE_READY)
		client_enter(c, SMTP_CLIENT_STATE_QUIT);
	buffer_add(out, VIEW("QUIT\r\n"));
}

static bool is_used_up(const struct smtp_client *c)
{
	return c->facts.mail_max && c->mails >= c->facts.mail_max;
}

/* Between two mails. */
static enum smtp_client_want step_ready(struct smtp_client *c, struct buffer *out)
{
	if (!c->wants_quit && !is_used_up(c))
		return SMTP_CLIENT_WANT_MAIL;
	write_quit(c, out);
	client_said(c, SMTP_CLIENT_QUIT);
	return SMTP_CLIENT_WANT_INPUT;
}

static enum smtp_client_want step_results(struct smtp_client *c)
{
	client_enter(c, c->end.kind == SMTP_CLIENT_END_NONE ? SMTP_CLIENT_STATE_READY
							    : SMTP_CLIENT_STATE_CLOSED);
	return SMTP_CLIENT_WANT_RESULTS;
}

static enum smtp_client_want step_closed(struct smtp_client *c, struct buffer *out)
{
	if (c->says_quit && has_room(out))
		write_quit(c, out);
	c->says_quit = false;
	return SMTP_CLIENT_WANT_CLOSE;
}

static enum smtp_client_want step_content(struct smtp_client *c, struct buffer *out)
{
	client_write_content_end(c, out);
	return c->state == SMTP_CLIENT_STATE_CONTENT ? SMTP_CLIENT_WANT_CONTENT
						     : SMTP_CLIENT_WANT_INPUT;
}

static enum smtp_client_want step_envelope(struct smtp_client *c, struct buffer *out)
{
	while (has_room(out) && client_write_envelope(c, out))
		;
	if (c->state == SMTP_CLIENT_STATE_RESULTS)
		return step_results(c);
	if (!has_room(out))
		return SMTP_CLIENT_WANT_OUTPUT;
	if (!client_wants_content(c))
		return SMTP_CLIENT_WANT_INPUT;
	if (c->t.left_octets > 0)
		return SMTP_CLIENT_WANT_CONTENT;
	client_write_chunk(c, out);
	return step_content(c, out);
}

/* While no reply is waited for and yet one has begun, nothing is said: else it would be taken for the
 * answer. */
static bool may_write(const struct smtp_client *c, const struct cursor *in)
{
	return client_waits(c) > 0 || cursor_left(in) == 0 ||
	       (c->wants_quit && c->state == SMTP_CLIENT_STATE_READY);
}

static enum smtp_client_want step_command(struct smtp_client *c, struct buffer *out,
	void (*write)(struct smtp_client *c, struct buffer *out))
{
	if (client_waits(c) == 0)
		write(c, out);
	return SMTP_CLIENT_WANT_INPUT;
}

static enum smtp_client_want write_due(struct smtp_client *c, struct buffer *out)
{
	switch (c->state) {
	case SMTP_CLIENT_STATE_EHLO:
		return step_command(c, out, client_write_ehlo);
	case SMTP_CLIENT_STATE_HELO:
		return step_command(c, out, client_write_helo);
	case SMTP_CLIENT_STATE_STARTTLS:
		return step_command(c, out, client_write_starttls);
	case SMTP_CLIENT_STATE_AUTH:
		return step_command(c, out, client_write_auth);
	case SMTP_CLIENT_STATE_READY:
		return step_ready(c, out);
	case SMTP_CLIENT_STATE_ENVELOPE:
		return step_envelope(c, out);
	case SMTP_CLIENT_STATE_CONTENT:
		return step_content(c, out);
	case SMTP_CLIENT_STATE_TLS:
	case SMTP_CLIENT_STATE_RESULTS:
	case SMTP_CLIENT_STATE_CLOSED:
	case SMTP_CLIENT_STATE_GREETING:
	case SMTP_CLIENT_STATE_FINAL:
	case SMTP_CLIENT_STATE_QUIT:
		return SMTP_CLIENT_WANT_INPUT;
	}
	return SMTP_CLIENT_WANT_CLOSE;
}

enum smtp_client_want smtp_client_step(struct smtp_client *c, struct cursor *in, struct buffer *out)
{
	must(out->max >= SMTP_CLIENT_OUTPUT_MIN);
	read_replies(c, in);
	if (c->state == SMTP_CLIENT_STATE_RESULTS)
		return step_results(c);
	if (c->state == SMTP_CLIENT_STATE_CLOSED)
		return step_closed(c, out);
	if (c->state == SMTP_CLIENT_STATE_TLS)
		return SMTP_CLIENT_WANT_TLS;
	if (!has_room(out))
		return SMTP_CLIENT_WANT_OUTPUT;
	if (may_write(c, in))
		return write_due(c, out);
	return c->state == SMTP_CLIENT_STATE_READY ? SMTP_CLIENT_WANT_MAIL : SMTP_CLIENT_WANT_INPUT;
}

/* --- the owner's side -------------------------------------------------------------------------- */

void smtp_client_quit(struct smtp_client *c)
{
	c->wants_quit = true;
}

void smtp_client_tls_started(struct smtp_client *c)
{
	must(c->state == SMTP_CLIENT_STATE_TLS);
	c->facts.tls_active = true;
	client_enter(c, SMTP_CLIENT_STATE_EHLO);
}

void smtp_client_gone(struct smtp_client *c, const char *why, size_t unsent)
{
	if (c->end.kind != SMTP_CLIENT_END_NONE)
		return;
	if (unsent)
		c->t.is_ended = false;
	client_end_why(c,
		c->state == SMTP_CLIENT_STATE_QUIT ? SMTP_CLIENT_END_QUIT : SMTP_CLIENT_END_GONE,
		why);
}

const struct smtp_client_end *smtp_client_end(const struct smtp_client *c)
{
	return &c->end;
}

const struct smtp_client_facts *smtp_client_facts(const struct smtp_client *c)
{
	return &c->facts;
}

enum smtp_client_state smtp_client_state(const struct smtp_client *c)
{
	return c->state;
}

uint32_t smtp_client_mails(const struct smtp_client *c)
{
	return c->mails;
}

uint32_t smtp_client_deadline_ms(const struct smtp_client *c)
{
	switch (c->state) {
	case SMTP_CLIENT_STATE_GREETING: /* RFC 5321 §4.5.3.2.1 */
	case SMTP_CLIENT_STATE_EHLO:
	case SMTP_CLIENT_STATE_HELO:
	case SMTP_CLIENT_STATE_STARTTLS:
	case SMTP_CLIENT_STATE_AUTH:
	case SMTP_CLIENT_STATE_READY:
	case SMTP_CLIENT_STATE_RESULTS:
		return 5 * MINUTE_MS;
	case SMTP_CLIENT_STATE_TLS:
		return MINUTE_MS;
	case SMTP_CLIENT_STATE_ENVELOPE: /* §4.5.3.2.2 to .4 */
		return awaited(c) == SMTP_CLIENT_DATA ? 2 * MINUTE_MS : 5 * MINUTE_MS;
	case SMTP_CLIENT_STATE_CONTENT: /* §4.5.3.2.5 */
		return 3 * MINUTE_MS;
	case SMTP_CLIENT_STATE_FINAL: /* §4.5.3.2.6 */
		return 10 * MINUTE_MS;
	case SMTP_CLIENT_STATE_QUIT:
	case SMTP_CLIENT_STATE_CLOSED:
		return 10 * SECOND_MS;
	}
	return 0;
}
