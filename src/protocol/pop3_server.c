#include "protocol/pop3_session.h"

#define BIT(state) (1u << (state))
#define BEFORE BIT(POP3_STATE_AUTHORIZATION)
#define AFTER BIT(POP3_STATE_TRANSACTION)

/* The verbs and where they are legal (RFC 1939 §4, §5, §6). */
struct verb {
	struct view name;
	unsigned states;
	bool needs_encryption; /* or loopback */
	bool keeps_spaces; /* a password may end in one */
	void (*run)(struct pop3_server *s, struct view rest, struct buffer *out);
};

static const struct verb verbs[] = {
	{VIEW("CAPA"), BEFORE | AFTER, false, false, pop3_capa},
	{VIEW("STLS"), BEFORE, false, false, pop3_stls},
	{VIEW("AUTH"), BEFORE, true, false, pop3_auth},
	{VIEW("USER"), BEFORE, true, false, pop3_user},
	{VIEW("PASS"), BEFORE, true, true, pop3_pass},
	{VIEW("UTF8"), BEFORE, false, false, pop3_utf8},
	{VIEW("LANG"), BEFORE | AFTER, false, false, pop3_lang},
	{VIEW("STAT"), AFTER, false, false, pop3_stat},
	{VIEW("LIST"), AFTER, false, false, pop3_list},
	{VIEW("UIDL"), AFTER, false, false, pop3_uidl},
	{VIEW("RETR"), AFTER, false, false, pop3_retr},
	{VIEW("TOP"), AFTER, false, false, pop3_top},
	{VIEW("DELE"), AFTER, false, false, pop3_dele},
	{VIEW("NOOP"), AFTER, false, false, pop3_noop},
	{VIEW("RSET"), AFTER, false, false, pop3_rset},
	{VIEW("QUIT"), BEFORE | AFTER, false, false, pop3_quit},
};

/* Which states follow which. */
static const unsigned arrows[] = {
	[POP3_STATE_GREETING] = BIT(POP3_STATE_AUTHORIZATION) | BIT(POP3_STATE_CLOSED),
	[POP3_STATE_AUTHORIZATION] = BIT(POP3_STATE_SASL) | BIT(POP3_STATE_TLS) |
				     BIT(POP3_STATE_TRANSACTION) | BIT(POP3_STATE_CLOSED),
	[POP3_STATE_SASL] = BIT(POP3_STATE_AUTHORIZATION) | BIT(POP3_STATE_TRANSACTION) |
			    BIT(POP3_STATE_CLOSED),
	[POP3_STATE_TLS] = BIT(POP3_STATE_AUTHORIZATION) | BIT(POP3_STATE_CLOSED),
	[POP3_STATE_TRANSACTION] = BIT(POP3_STATE_UPDATE) | BIT(POP3_STATE_CLOSED),
	[POP3_STATE_UPDATE] = BIT(POP3_STATE_CLOSED),
	[POP3_STATE_CLOSED] = 0,
};

struct pop3_settings pop3_settings_default(struct view server_name)
{
	return (struct pop3_settings){
		.server_name = server_name,
		.bad_commands_max = POP3_BAD_COMMANDS_MAX,
		.login_attempts_max = POP3_LOGIN_ATTEMPTS_MAX,
		.early_commands_max = POP3_EARLY_COMMANDS_MAX,
		.handshake_ms = POP3_HANDSHAKE_MS,
		.login_ms = POP3_LOGIN_MS,
		.quiet_ms = POP3_QUIET_MS,
	};
}

struct pop3_server *pop3_server_new(const struct pop3_settings *settings, unsigned flags)
{
	struct pop3_server *s = memory_new(1, sizeof *s);
	_Static_assert(sizeof *s < 1024, "an idle session stays small");
	s->settings = settings;
	s->is_tls = flags & POP3_FLAG_TLS;
	s->is_loopback = flags & POP3_FLAG_LOOPBACK;
	s->line = buffer_new(POP3_AUTH_LINE_MAX);
	s->user = buffer_new(POP3_LINE_MAX);
	s->secret = buffer_new(POP3_AUTH_LINE_MAX);
	return s;
}

void pop3_server_free(struct pop3_server **server)
{
	struct pop3_server *s = *server;
	*server = NULL;
	if (!s)
		return;
	if (s->is_sending)
		pop3_content_end(&s->content);
	buffer_free_secret(&s->line);
	buffer_free_secret(&s->secret);
	buffer_free(&s->user);
	memory_free(s->marks);
	memory_free(s);
}

void pop3_enter(struct pop3_server *s, enum pop3_state state)
{
	must(arrows[s->state] & BIT(state));
	s->state = state;
}

void pop3_say_args(struct pop3_server *s, struct buffer *out, const char *lead, enum pop3_text text,
	const struct text_arg *args)
{
	buffer_add(out, view_text(lead));
	text_add_args(out, pop3_text_format(s->language, text), args);
	buffer_add(out, VIEW("\r\n"));
}

void pop3_close(struct pop3_server *s, const char *why)
{
	if (s->state == POP3_STATE_CLOSED)
		return;
	pop3_enter(s, POP3_STATE_CLOSED);
	pop3_ask_done(s);
	s->list_next = 0;
	if (s->is_sending)
		pop3_content_end(&s->content);
	s->is_sending = false;
	s->counts.closed_by = why;
}

void pop3_ask_done(struct pop3_server *s)
{
	buffer_free_secret(&s->secret);
	s->ask = (struct pop3_ask){.kind = POP3_ASK_NONE};
}

void pop3_refuse_args(
	struct pop3_server *s, struct buffer *out, enum pop3_text text, const struct text_arg *args)
{
	if (++s->counts.bad_commands < s->settings->bad_commands_max) {
		pop3_say_args(s, out, POP3_ERR, text, args);
		return;
	}
	pop3_say(s, out, POP3_ERR, POP3_TEXT_TOO_MANY_BAD);
	pop3_close(s, "too many bad commands");
}

void pop3_bad_syntax(struct pop3_server *s, struct buffer *out, const char *usage)
{
	pop3_refuse(s, out, POP3_TEXT_SYNTAX, text_string(usage));
}

/* --- commands */

static const struct verb *verb_find(struct view name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (view_equal_nocase(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* Too many commands before the login, or the server goes down: then the session ends here. */
static bool may_go_on(struct pop3_server *s, const struct verb *verb, struct buffer *out)
{
	if (s->state != POP3_STATE_AUTHORIZATION || (verb && verb->run == pop3_quit))
		return true;
	if (s->is_draining) {
		pop3_say(s, out, POP3_ERR_TEMPORARY, POP3_TEXT_DRAINING);
		pop3_close(s, "draining");
		return false;
	}
	if (++s->early_commands <= s->settings->early_commands_max)
		return true;
	pop3_say(s, out, POP3_ERR, POP3_TEXT_TOO_MANY_EARLY);
	pop3_close(s, "too many commands before login");
	return false;
}

static void run_command(struct pop3_server *s, struct view line, struct buffer *out)
{
	struct view name;
	struct view rest;
	view_split(line, ' ', &name, &rest);
	const struct verb *verb = verb_find(name);
	if (!may_go_on(s, verb, out))
		return;
	if (!verb) {
		pop3_refuse(s, out, POP3_TEXT_UNKNOWN);
	} else if (!(verb->states & BIT(s->state))) {
		pop3_refuse(
			s, out, verb->states & AFTER ? POP3_TEXT_LOGIN_FIRST : POP3_TEXT_LOGGED_IN);
	} else if (verb->needs_encryption && !pop3_may_login(s)) {
		pop3_refuse(s, out,
			s->settings->offers_stls ? POP3_TEXT_ENCRYPT_STLS : POP3_TEXT_ENCRYPT_NONE);
	} else {
		verb->run(s, verb->keeps_spaces ? rest : view_trim(rest), out);
	}
}

/* --- lines */

enum line_end { LINE_PARTIAL, LINE_WHOLE, LINE_BROKEN, LINE_ENDLESS };

/* Walks over the octets of `rest` that belong to the line; *length_out counts them. */
static enum line_end scan_line(struct pop3_server *s, struct view rest, size_t *length_out)
{
	size_t i = 0;
	enum line_end end = LINE_PARTIAL;
	while (i < rest.length && end == LINE_PARTIAL) {
		const int octet = view_at(rest, i++);
		if (octet == '\0' || (octet == '\n') != s->after_cr)
			end = LINE_BROKEN;
		else if (octet == '\n')
			end = LINE_WHOLE;
		else if (++s->line_octets > POP3_SKIP_MAX)
			end = LINE_ENDLESS;
		s->after_cr = octet == '\r';
	}
	*length_out = i;
	return end;
}

/* Keeps a piece of a line, as far as the limit goes. The memory is had once, so that no copy of a
 * password stays behind where it grew. */
static void keep_piece(struct pop3_server *s, struct view piece, size_t max)
{
	if (s->line.length + piece.length > max)
		return;
	if (!s->line.length && !buffer_room(&s->line, max))
		return;
	buffer_add(&s->line, piece);
}

static void run_line(struct pop3_server *s, struct view line, struct buffer *out)
{
	if (s->state == POP3_STATE_SASL)
		pop3_sasl_line(s, line, out);
	else
		run_command(s, line, out);
}

static void refuse_long(struct pop3_server *s, size_t max, struct buffer *out)
{
	if (s->state == POP3_STATE_SASL)
		pop3_sasl_break(s);
	pop3_refuse(s, out, POP3_TEXT_LINE_LONG, text_number(max));
}

/* Takes one line and does what it says; false when there is no whole one. */
static bool take_line(struct pop3_server *s, struct cursor *in, struct buffer *out)
{
	const size_t max = s->state == POP3_STATE_SASL ? POP3_AUTH_LINE_MAX : POP3_LINE_MAX;
	size_t length;
	const enum line_end end = scan_line(s, cursor_rest(in), &length);
	const struct view piece = cursor_take(in, length);
	if (end == LINE_BROKEN || end == LINE_ENDLESS) {
		if (end == LINE_BROKEN)
			pop3_say(s, out, POP3_ERR, POP3_TEXT_LINE_END);
		else
			pop3_say(s, out, POP3_ERR, POP3_TEXT_LINE_LONG, text_number(max));
		pop3_close(s, end == LINE_BROKEN ? "line end" : "endless line");
		return true;
	}
	if (s->line.length || end == LINE_PARTIAL)
		keep_piece(s, piece, max);
	if (end == LINE_PARTIAL)
		return false;
	const bool is_long = s->line_octets + 1 > max; /* the LF was not counted */
	const struct view line = s->line.length ? buffer_view(&s->line) : piece;
	s->line_octets = 0;
	s->after_cr = false;
	if (s->line.failed)
		pop3_close(s, "memory");
	else if (is_long)
		refuse_long(s, max, out);
	else
		run_line(s, view_first(line, line.length - 2), out);
	buffer_free_secret(&s->line);
	if (s->state == POP3_STATE_TLS && cursor_left(in)) {
		/* RFC 2595 §4, and CVE-2011-0411 for what happens otherwise. */
		pop3_say(s, out, POP3_ERR, POP3_TEXT_INJECTION);
		pop3_close(s, "plaintext after STLS");
	} else if (s->state == POP3_STATE_TLS) {
		pop3_say(s, out, POP3_OK, POP3_TEXT_STLS);
	}
	return true;
}

static void greet(struct pop3_server *s, const struct cursor *in, struct buffer *out)
{
	if (cursor_left(in)) {
		pop3_say(s, out, POP3_ERR, POP3_TEXT_EARLY_INPUT);
		pop3_close(s, "input before the greeting");
		return;
	}
	pop3_say(s, out, POP3_OK, POP3_TEXT_GREETING,
		text_view(view_first(s->settings->server_name, 255)));
	pop3_enter(s, POP3_STATE_AUTHORIZATION);
}

enum pop3_want pop3_server_step(struct pop3_server *s, struct cursor *in, struct buffer *out)
{
	must(out->max >= POP3_OUT_MIN);
	if (buffer_failed(out))
		pop3_close(s, "memory");
	if (s->state == POP3_STATE_GREETING)
		greet(s, in, out);
	for (;;) {
		if (s->state == POP3_STATE_CLOSED) {
			cursor_take(in, cursor_left(in));
			return POP3_WANT_CLOSE;
		}
		if (s->state == POP3_STATE_TLS)
			return POP3_WANT_TLS;
		if (s->ask.kind != POP3_ASK_NONE)
			return POP3_WANT_ANSWER;
		if (buffer_left(out) < POP3_OUT_ROOM)
			return POP3_WANT_FLUSH;
		if (s->is_sending)
			return POP3_WANT_CONTENT;
		if (s->list_next)
			pop3_list_on(s, out);
		else if (!take_line(s, in, out))
			return POP3_WANT_INPUT;
	}
}

/* --- what the owner looks at */

const struct pop3_ask *pop3_server_ask(const struct pop3_server *s)
{
	return &s->ask;
}

void pop3_server_tls_started(struct pop3_server *s)
{
	must(s->state == POP3_STATE_TLS);
	pop3_forget_login(s);
	s->is_tls = true;
	s->is_utf8 = false;
	s->language = POP3_LANGUAGE_EN;
	pop3_enter(s, POP3_STATE_AUTHORIZATION);
}

uint32_t pop3_server_deadline_ms(const struct pop3_server *s)
{
	if (s->state == POP3_STATE_TLS || s->state == POP3_STATE_GREETING)
		return s->settings->handshake_ms;
	/* RFC 1939 §3: "at least 10 minutes". */
	return s->settings->quiet_ms > POP3_QUIET_MS ? s->settings->quiet_ms : POP3_QUIET_MS;
}

uint32_t pop3_server_login_deadline_ms(const struct pop3_server *s)
{
	return pop3_server_is_logged_in(s) ? 0 : s->settings->login_ms;
}

void pop3_server_drain(struct pop3_server *s)
{
	s->is_draining = true;
}

enum pop3_state pop3_server_state(const struct pop3_server *s)
{
	return s->state;
}

bool pop3_server_is_logged_in(const struct pop3_server *s)
{
	return s->state == POP3_STATE_TRANSACTION || s->state == POP3_STATE_UPDATE;
}

struct pop3_counts pop3_server_counts(const struct pop3_server *s)
{
	return s->counts;
}
