/* Steps, command lines, states, asks. */
#include "protocol/smtp_machine.h"

#include "base/text.h"

/* Room for whatever one step of ours may say at once: the EHLO reply is the longest. */
#define OUTPUT_ROOM 4096
#define SESSION_MEMORY 2048
#define COMMAND_MEMORY 4096

static const struct reply too_many_errors = REPLY(421, 4, 7, 0, "errors",
	"Too many commands went wrong; please check the client's settings and come back");
static const struct reply too_many_idle = REPLY(421, 4, 7, 0, "idle-commands",
	"Too many commands without a mail; please come back when there is one");
static const struct reply early_talker = REPLY(
	554, 5, 5, 0, "smuggling-greeting", "Something was sent before this server had greeted");
static const struct reply bare_lf = REPLY(500, 5, 5, 2, "smuggling-bare-lf",
	"A command ends in a lone LF; lines end in CR LF in SMTP");
static const struct reply bare_cr = REPLY(
	500, 5, 5, 2, "smuggling-bare-cr", "A command has a lone CR; lines end in CR LF in SMTP");
static const struct reply nul =
	REPLY(500, 5, 5, 2, "smuggling-nul", "A command has a NUL octet in it");
static const struct reply long_line =
	REPLY(500, 5, 5, 2, "line-length", "A command is longer than SMTP allows");
static const struct reply long_auth_line = REPLY(500, 5, 5, 6, "line-length",
	"A line of the login is longer than SMTP allows"); /* RFC 4954 §6 */
static const struct reply trouble = REPLY(451, 4, 3, 0, "trouble",
	"Something here is out of order at the moment; please try again later");
static const struct reply unwelcome =
	REPLY(554, 5, 7, 1, "connect", "This server does not talk to your host");
static const struct reply vrfy_unsaid = REPLY(252, 2, 0, 0, NULL,
	"This server does not say who is here; send a mail and see whether it is taken");

static const struct reply etrn_unsaid =
	REPLY(250, 2, 0, 0, NULL, "What waits for that domain is tried now");

static const struct reply stops[] = {
	[SMTP_STOP_SHUTDOWN] = REPLY(421, 4, 3, 2, "shutdown",
		"This server stops now; please come back in a few minutes"),
	[SMTP_STOP_TIMEOUT] =
		REPLY(421, 4, 4, 2, "timeout", "Nothing came for too long; closing the session"),
	[SMTP_STOP_SLOW] = REPLY(421, 4, 4, 2, "too-slow",
		"This takes too long; please connect again over a faster line"),
	[SMTP_STOP_ROOM] = REPLY(421, 4, 7, 0, "room",
		"This server is busy and needs the place; please come back later"),
	[SMTP_STOP_TROUBLE] = REPLY(421, 4, 3, 0, "trouble",
		"Something here is out of order at the moment; please come back later"),
};

/* --- states ------------------------------------------------------------------------------------ */

#define TO(state) (1u << SMTP_STATE_##state)

/* From each state, the states that may follow. */
static const unsigned arrows[] = {
	[SMTP_STATE_NEW] = TO(GREETED) | TO(CLOSED),
	[SMTP_STATE_GREETED] = TO(READY) | TO(SKIP) | TO(CLOSED),
	[SMTP_STATE_READY] = TO(READY) | TO(MAIL) | TO(AUTH) | TO(TLS) | TO(SKIP) | TO(CLOSED),
	[SMTP_STATE_MAIL] = TO(RCPT) | TO(READY) | TO(SKIP) | TO(CLOSED),
	[SMTP_STATE_RCPT] = TO(RCPT) | TO(DATA) | TO(CHUNK) | TO(READY) | TO(CLOSED),
	[SMTP_STATE_DATA] = TO(READY) | TO(CLOSED),
	[SMTP_STATE_BDAT] = TO(CHUNK) | TO(READY) | TO(CLOSED),
	[SMTP_STATE_CHUNK] = TO(BDAT) | TO(READY) | TO(CLOSED),
	[SMTP_STATE_SKIP] = TO(GREETED) | TO(READY) | TO(MAIL) | TO(CLOSED),
	[SMTP_STATE_AUTH] = TO(AUTH) | TO(READY) | TO(CLOSED),
	[SMTP_STATE_TLS] = TO(GREETED) | TO(CLOSED),
	[SMTP_STATE_CLOSED] = TO(CLOSED),
};

void smtp_enter(struct smtp_server *s, enum smtp_state state)
{
	must(arrows[s->state] & 1u << state);
	s->state = state;
}

void smtp_drop_transaction(struct smtp_server *s)
{
	if (s->is_content_open)
		s->wants_drop = true;
	s->is_content_open = false;
	s->mail = NULL;
	s->receipt = NULL;
	s->excess_rcpts = 0;
	arena_reset(&s->transaction);
	buffer_free(&s->pending);
}

void smtp_close(struct smtp_server *s)
{
	smtp_drop_transaction(s);
	smtp_enter(s, SMTP_STATE_CLOSED);
}

/* --- replies ----------------------------------------------------------------------------------- */

/* RFC 2034 §4: no enhanced code in the greeting, which a refusal may stand for, nor in what answers
 * EHLO or HELO. */
static void add_reply(
	const struct smtp_server *s, struct buffer *out, const struct reply *reply, bool utf8)
{
	struct reply said = *reply;
	if (s->is_hello || s->state == SMTP_STATE_NEW)
		said.enhanced = (struct enhanced){0};
	reply_add(out, &said, utf8);
}

void smtp_say(struct smtp_server *s, struct buffer *out, const struct reply *reply)
{
	add_reply(s, out, reply, false);
}

void smtp_decline(struct smtp_server *s, struct buffer *out, const struct reply *reply)
{
	add_reply(s, out, reply, false);
	s->said = *reply;
	s->wants_note = true;
	if (reply->code == 421)
		smtp_close(s);
}

void smtp_refuse(struct smtp_server *s, struct buffer *out, const struct reply *reply)
{
	s->errors++;
	smtp_decline(s, out, s->errors < s->config->limits.errors ? reply : &too_many_errors);
}

void smtp_refuse_close(struct smtp_server *s, struct buffer *out, const struct reply *reply)
{
	smtp_decline(s, out, reply);
	smtp_close(s);
}

bool smtp_count_idle(struct smtp_server *s, struct buffer *out)
{
	if (s->idle_commands++ < s->config->limits.idle_commands)
		return true;
	smtp_decline(s, out, &too_many_idle);
	return false;
}

/* --- asks -------------------------------------------------------------------------------------- */

struct smtp_ask *smtp_ask_open(struct smtp_server *s, enum smtp_ask_kind kind)
{
	must(s->ask.kind == SMTP_ASK_NONE);
	s->ask = (struct smtp_ask){.kind = kind, .mail = s->mail};
	s->is_answered = false;
	return &s->ask;
}

/* The answer's reply as it will be said; checked here, where a mistake of the owner is found. */
static void keep_reply(struct smtp_server *s, const struct smtp_answer *answer)
{
	const struct reply *reply = &answer->reply;
	const bool utf8 = (s->mail && s->mail->smtputf8) || s->ask.is_utf8;
	if (reply_is_none(reply))
		return;
	if (answer->verdict == SMTP_REFUSE)
		must(reply->code >= 400 && reply->code < 600);
	else
		must(reply->code >= 200 && reply->code < 300);
	add_reply(s, &s->pending, reply, utf8);
}

static void keep_challenge(struct smtp_server *s, struct view challenge)
{
	must(s->ask.kind == SMTP_ASK_AUTH || s->ask.kind == SMTP_ASK_AUTH_STEP);
	buffer_add(&s->pending, VIEW("334 "));
	buffer_add_base64(&s->pending, challenge);
	buffer_add(&s->pending, VIEW("\r\n"));
}

void smtp_server_answer(struct smtp_server *s, const struct smtp_answer *answer)
{
	must(s->ask.kind != SMTP_ASK_NONE && !s->is_answered);
	s->answer = *answer;
	s->answer.reply.text = VIEW_NONE;
	s->answer.challenge = VIEW_NONE;
	s->is_answered = true;
	buffer_clear(&s->pending);
	if (answer->verdict == SMTP_CHALLENGE)
		keep_challenge(s, answer->challenge);
	else
		keep_reply(s, answer);
	if (buffer_failed(&s->pending)) { /* a challenge that no line can hold */
		s->answer.verdict = SMTP_REFUSE;
		buffer_clear(&s->pending);
	}
}

void smtp_say_answer(struct smtp_server *s, struct buffer *out, const struct reply *otherwise)
{
	if (s->pending.length)
		buffer_add(out, buffer_view(&s->pending));
	else
		smtp_say(s, out, otherwise);
	buffer_clear(&s->pending);
}

static void finish_connect(struct smtp_server *s, const struct cursor *in, struct buffer *out)
{
	if (s->answer.verdict == SMTP_REFUSE) {
		smtp_say_answer(s, out, &unwelcome);
		smtp_close(s);
		return;
	}
	if (cursor_left(in)) {
		smtp_refuse_close(s, out, &early_talker);
		return;
	}
	text_add(out, "220 {} ESMTP Sekisho is at your service\r\n",
		text_view(s->config->servername));
	smtp_enter(s, SMTP_STATE_GREETED);
}

static void finish(
	struct smtp_server *s, enum smtp_ask_kind kind, const struct cursor *in, struct buffer *out)
{
	const bool refused = s->answer.verdict == SMTP_REFUSE;
	switch (kind) {
	case SMTP_ASK_NONE:
		return;
	case SMTP_ASK_CONNECT:
		finish_connect(s, in, out);
		return;
	case SMTP_ASK_HELO:
		smtp_finish_helo(s, out);
		return;
	case SMTP_ASK_MAIL:
		smtp_finish_mail(s, out);
		return;
	case SMTP_ASK_RCPT:
		smtp_finish_rcpt(s, out);
		return;
	case SMTP_ASK_CONTENT:
		smtp_finish_content(s, in, out);
		return;
	case SMTP_ASK_COMMIT:
		smtp_finish_commit(s, out);
		return;
	case SMTP_ASK_AUTH:
	case SMTP_ASK_AUTH_STEP:
		smtp_finish_auth(s, out);
		return;
	case SMTP_ASK_VRFY:
		smtp_say_answer(s, out, refused ? &trouble : &vrfy_unsaid);
		return;
	case SMTP_ASK_ETRN:
		smtp_say_answer(s, out, refused ? &trouble : &etrn_unsaid);
		return;
	}
}

static void end_command(struct smtp_server *s)
{
	s->is_hello = false;
	arena_reset(&s->command);
}

static void finish_ask(struct smtp_server *s, const struct cursor *in, struct buffer *out)
{
	const enum smtp_ask_kind kind = s->ask.kind;
	/* 421 always ends the session, RFC 5321 §4.2.3 */
	const bool close = s->answer.close || s->answer.reply.code == 421;
	s->ask.kind = SMTP_ASK_NONE;
	finish(s, kind, in, out);
	s->ask = (struct smtp_ask){.kind = SMTP_ASK_NONE};
	buffer_free_secret(&s->secret);
	end_command(s);
	if (close && s->state != SMTP_STATE_CLOSED)
		smtp_close(s);
}

/* --- lines ------------------------------------------------------------------------------------- */

/* The longest line that may stand here, with its CRLF, and what is said to a longer one. */
struct line_bound {
	size_t octets;
	const struct reply *beyond;
};

static struct line_bound line_bound(const struct smtp_server *s, struct view input)
{
	const struct smtp_limits *limits = &s->config->limits;
	if (s->state == SMTP_STATE_AUTH || view_starts_nocase(input, VIEW("AUTH ")))
		return (struct line_bound){limits->auth_line_octets, &long_auth_line};
	return (struct line_bound){limits->command_line_octets, &long_line};
}

/* What is wrong with the octet at `i` of a line that is not over yet; null when nothing is. */
static const struct reply *octet_problem(
	struct view input, size_t i, const struct line_bound *bound)
{
	const int octet = view_at(input, i);
	if (octet == '\n')
		return &bare_lf;
	if (octet == 0)
		return &nul;
	if (octet == '\r')
		return view_at(input, i + 1) >= 0 ? &bare_cr : NULL;
	return i + 3 > bound->octets ? bound->beyond : NULL;
}

/* Takes a line, without its CRLF, off `in`. False when it is not whole yet or hostile. */
static bool take_line(struct smtp_server *s, struct cursor *in, struct view *line_out,
	const struct reply **wrong_out)
{
	const struct view input = cursor_rest(in);
	const struct line_bound bound = line_bound(s, input);
	size_t i = s->scanned;
	*wrong_out = NULL;
	for (; i < input.length; i++) {
		if (input.at[i] == '\r' && view_at(input, i + 1) == '\n')
			break;
		*wrong_out = octet_problem(input, i, &bound);
		if (*wrong_out || input.at[i] == '\r')
			break;
	}
	if (*wrong_out || view_at(input, i + 1) < 0) {
		s->scanned = (uint32_t)i;
		return false;
	}
	*line_out = cursor_take(in, i);
	cursor_take(in, 2);
	s->scanned = 0;
	return true;
}

/* One command, if it is there. */
static bool command_step(struct smtp_server *s, struct cursor *in, struct buffer *out)
{
	struct view line;
	const struct reply *wrong;
	if (!take_line(s, in, &line, &wrong)) {
		if (wrong)
			smtp_refuse_close(s, out, wrong);
		return wrong != NULL;
	}
	if (s->state == SMTP_STATE_AUTH)
		smtp_serve_auth_line(s, line, out);
	else
		smtp_serve_command(s, line, in, out);
	if (s->ask.kind == SMTP_ASK_NONE)
		end_command(s);
	return true;
}

/* --- steps ------------------------------------------------------------------------------------- */

/* An answer that was given counts, as a stream may hang on it; so does that to COMMIT. */
static bool may_stop(const struct smtp_server *s)
{
	const bool is_void = !s->is_answered && s->ask.kind != SMTP_ASK_COMMIT;
	return s->is_stopping && (s->ask.kind == SMTP_ASK_NONE || is_void);
}

static void stop_now(struct smtp_server *s, struct buffer *out)
{
	s->is_stopping = false;
	s->ask.kind = SMTP_ASK_NONE;
	buffer_free_secret(&s->secret);
	if (s->state == SMTP_STATE_CLOSED)
		return;
	if (s->state == SMTP_STATE_TLS)
		smtp_close(s);
	else
		smtp_decline(s, out, &stops[s->stop]);
}

/* One move by state. False: nothing can be done, *want_out says what lacks. */
static bool move(
	struct smtp_server *s, struct cursor *in, struct buffer *out, enum smtp_want *want_out)
{
	*want_out = SMTP_WANT_INPUT;
	switch (s->state) {
	case SMTP_STATE_NEW:
		smtp_ask_open(s, SMTP_ASK_CONNECT);
		return true;
	case SMTP_STATE_GREETED:
	case SMTP_STATE_READY:
	case SMTP_STATE_MAIL:
	case SMTP_STATE_RCPT:
	case SMTP_STATE_BDAT:
	case SMTP_STATE_AUTH:
		return command_step(s, in, out);
	case SMTP_STATE_DATA:
	case SMTP_STATE_CHUNK:
	case SMTP_STATE_SKIP:
		return smtp_receive(s, in, out, want_out);
	case SMTP_STATE_TLS:
		*want_out = SMTP_WANT_TLS;
		return false;
	case SMTP_STATE_CLOSED:
		*want_out = SMTP_WANT_CLOSE;
		return false;
	}
	return false;
}

static bool take_flag(bool *flag)
{
	const bool was = *flag;
	*flag = false;
	return was;
}

enum smtp_want smtp_server_step(struct smtp_server *s, struct cursor *in, struct buffer *out)
{
	enum smtp_want want = SMTP_WANT_INPUT;
	must(out->max >= SMTP_SERVER_OUTPUT_MIN);
	s->line = VIEW_NONE;
	for (;;) {
		if (take_flag(&s->wants_drop))
			return SMTP_WANT_DROP;
		if (take_flag(&s->wants_note))
			return SMTP_WANT_NOTE;
		if (buffer_left(out) < s->pending.length + OUTPUT_ROOM)
			return SMTP_WANT_OUTPUT;
		if (may_stop(s)) {
			stop_now(s, out);
		} else if (s->ask.kind != SMTP_ASK_NONE) {
			if (!s->is_answered)
				return SMTP_WANT_ANSWER;
			finish_ask(s, in, out);
		} else if (!move(s, in, out, &want)) {
			return want;
		}
	}
}

struct smtp_server smtp_server_new(const struct smtp_config *config, const struct smtp_facts *facts)
{
	return (struct smtp_server){
		.config = config,
		.facts = *facts,
		.pending = buffer_new(SMTP_SERVER_OUTPUT_MIN - OUTPUT_ROOM),
		.secret = buffer_new(config->limits.auth_line_octets),
		.command = arena_new(COMMAND_MEMORY),
		.session = arena_new(SESSION_MEMORY),
		.transaction = arena_new(config->limits.memory_octets),
	};
}

void smtp_server_free(struct smtp_server *s)
{
	arena_reset(&s->command);
	arena_reset(&s->session);
	arena_reset(&s->transaction);
	buffer_free(&s->pending);
	buffer_free_secret(&s->secret);
	s->mail = NULL;
	s->receipt = NULL;
	s->ask.kind = SMTP_ASK_NONE;
	s->state = SMTP_STATE_CLOSED;
}

void smtp_server_stop(struct smtp_server *s, enum smtp_stop why)
{
	s->is_stopping = true;
	s->stop = why;
}
