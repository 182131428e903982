#include "faces/smtpd/smtpd.h"

#include "config/forward.h"

#define SCRATCH_MAX ((size_t)1 << 20)

/* "5.7.1" of a verdict as numbers. */
static struct enhanced enhanced_of(const char *text)
{
	struct enhanced e = {0};
	struct view class, rest, subject, detail;
	uint32_t numbers[3] = {0};
	view_split(view_text(text), '.', &class, &rest);
	view_split(rest, '.', &subject, &detail);
	if (view_to_u32(class, 5, &numbers[0]) && view_to_u32(subject, 999, &numbers[1]) &&
		view_to_u32(detail, 999, &numbers[2]))
		e = (struct enhanced){
			(uint8_t)numbers[0], (uint16_t)numbers[1], (uint16_t)numbers[2]};
	return e;
}

static bool give_verdict(struct session *s, const char *at, const struct route_verdict *v,
	struct view what, bool close)
{
	const struct reply reply = {
		.code = v->code, .enhanced = enhanced_of(v->enhanced), .text = v->text, .rule = at};
	if (v->accepted) {
		struct smtp_answer answer = {.verdict = SMTP_ACCEPT};
		if (v->code == 252)
			answer.reply = reply;
		session_answer(s, &answer);
		return true;
	}
	const bool has_class = view_equal(view_text(at), VIEW("rcpt"));
	const struct refusal refusal = {.at = at,
		.what = what,
		.rule = v->rule,
		.class = has_class ? route_class_name(v->class) : NULL};
	session_refuse(s, &refusal, &reply, close);
	return true;
}

static bool refuse(struct session *s, const char *at, struct reply reply, bool close)
{
	session_refuse(s, &(struct refusal){.at = at}, &reply, close);
	return true;
}

static bool accept_it(struct session *s)
{
	session_answer(s, &(struct smtp_answer){.verdict = SMTP_ACCEPT});
	return true;
}

/* --- connect ------------------------------------------------------------------------------ */

const struct reply *session_hindrance(struct session *s)
{
	static const struct reply client = REPLY(421, 4, 7, 0, "client-limit",
		"Too many connections from your address, please try again later");
	static const struct reply house = REPLY(421, 4, 3, 2, "session-limit",
		"Too many connections here just now, please try again later");
	if (!room_for_address(&s->smtpd->room, &s->guest))
		return &client;
	return room_for(&s->smtpd->room, &s->guest) ? NULL : &house;
}

static bool ask_connect(struct session *s, struct arena *a)
{
	const struct route_verdict v = route_connect(s->generation->snapshot, &s->facts, a);
	if (!v.accepted && !s->facts.caller.length) /* who comes from no address */
		return give_verdict(s, "connect", &v, VIEW_NONE, true);
	if (s->is_name_sought) /* and there was room */
		return accept_it(s);
	const struct reply *hindrance = s->kind == LISTEN_SUBMISSIONS ? NULL : session_hindrance(s);
	if (hindrance)
		return refuse(s, "connect", *hindrance, true);
	return !name_seek(s) && accept_it(s);
}

/* --- mail --------------------------------------------------------------------------------- */

/* Null when a mail can be taken now: spool is there, and memory. */
static const struct reply *mail_hindrance(const struct session *s)
{
	static const struct reply away = REPLY(451, 4, 3, 0, "spool-away",
		"The mail store is restarting, please try again in a moment");
	static const struct reply memory = REPLY(452, 4, 3, 1, "memory-in-all",
		"Too many large mails are on their way here just now, please try again later");
	if (!spool_is_there(s->smtpd))
		return &away;
	return is_memory_left(s->smtpd) ? NULL : &memory;
}

static bool ask_mail(struct session *s, const struct smtp_ask *ask, struct arena *a)
{
	struct buffer path = buffer_new(1024);
	struct view what = VIEW("<>");
	if (!address_is_null(&ask->mail->reverse_path)) {
		address_add(&path, &ask->mail->reverse_path);
		what = buffer_view(&path);
	}
	const struct route_verdict v =
		route_mail(s->generation->snapshot, &s->facts, &ask->mail->reverse_path, a);
	const struct reply *hindrance = v.accepted ? mail_hindrance(s) : NULL;
	transaction_abort(s); /* the machine has dropped what was before */
	if (hindrance) {
		session_refuse(s, &(struct refusal){.at = "mail", .what = what}, hindrance, false);
	} else {
		if (v.accepted)
			s->transaction = transaction_new(s);
		give_verdict(s, "mail", &v, what, false);
	}
	buffer_free(&path);
	return true;
}

/* Whose mail it is was known for a recipient that was not taken: for the next one the gate is asked anew. */
static void close_again(struct session *s)
{
	struct transaction *t = s->transaction;
	if (t && t->facts.gate == ROUTE_GATE_OPEN && t->mailboxes.count == 0)
		t->facts = s->facts;
}

static void give_rcpt(struct session *s, const struct route_verdict *v)
{
	struct buffer path = buffer_new(1024);
	address_add(&path, &smtp_server_ask(&s->smtp)->recipient->forward_path);
	if (v->accepted && session_poster(s).length)
		allowance_use(s);
	give_verdict(s, "rcpt", v, buffer_view(&path), false);
	buffer_free(&path);
	if (!v->accepted)
		close_again(s);
}

/* False while `keys` is asked. */
static bool judge_rcpt(struct session *s, struct arena *a)
{
	struct route_verdict v;
	if (!seal_judge(s, &v, a))
		return false;
	give_rcpt(s, &v);
	return true;
}

void session_sealed(struct session *s, const struct route_verdict *verdict)
{
	give_rcpt(s, verdict);
	seal_forget(s);
	session_continue(s);
}

static bool put_off_rcpt(struct session *s, const struct reply *reply)
{
	struct buffer path = buffer_new(1024);
	address_add(&path, &smtp_server_ask(&s->smtp)->recipient->forward_path);
	session_refuse(
		s, &(struct refusal){.at = "rcpt", .what = buffer_view(&path)}, reply, false);
	buffer_free(&path);
	close_again(s);
	return true;
}

/* False while the gate is asked how much this user has written, or `keys`. */
static bool count_rcpt(struct session *s, struct arena *a)
{
	if (session_poster(s).length)
		return allowance_ask(s) ? false : put_off_rcpt(s, allowance_away());
	return judge_rcpt(s, a);
}

/* False while the gate is asked who this is, and how much he has written, or `keys`. */
static bool ask_rcpt(struct session *s, struct arena *a)
{
	const struct reply *hindrance = mail_hindrance(s);
	if (hindrance)
		return put_off_rcpt(s, hindrance);
	return opening_ask(s) == OPENING_KNOWN && count_rcpt(s, a);
}

void session_opening_known(struct session *s)
{
	struct arena scratch = arena_new(SCRATCH_MAX);
	const bool answered = count_rcpt(s, &scratch);
	arena_reset(&scratch);
	if (answered)
		session_continue(s);
}

void session_allowance_known(struct session *s)
{
	struct arena scratch = arena_new(SCRATCH_MAX);
	struct buffer text = buffer_new(512);
	struct reply reply;
	const bool answered = allowance_is_used_up(s, &text, &reply) ? put_off_rcpt(s, &reply)
								     : judge_rcpt(s, &scratch);
	buffer_free(&text);
	arena_reset(&scratch);
	if (answered)
		session_continue(s);
}

static bool ask_content(struct session *s)
{
	const struct reply *hindrance = mail_hindrance(s);
	if (hindrance) {
		session_refuse(s, &(struct refusal){.at = "content"}, hindrance, false);
		return true;
	}
	transaction_make_header(s);
	posting_begin(s);
	session_answer(s,
		&(struct smtp_answer){.verdict = SMTP_ACCEPT, .content = &s->transaction->content});
	return true;
}

/* It has been here before, again and again, and would be sent on once more. */
static const struct reply *loop_refusal(const struct session *s)
{
	static const struct reply loops = REPLY(554, 5, 4, 6, "forward-loop",
		"This mail was sent on from here several times already, and comes back");
	return s->transaction->goes_on && smtp_server_mail(&s->smtp)->passes >= FORWARD_PASSES_MAX
		       ? &loops
		       : NULL;
}

/* False while spool has not got all, or has not answered yet. */
static bool ask_commit(struct session *s)
{
	const struct transaction *t = s->transaction;
	struct view what;
	const struct reply *unfit = posting_end(s, &what);
	if (!unfit)
		unfit = loop_refusal(s);
	if (unfit) {
		session_refuse(s, &(struct refusal){.at = "content", .what = what}, unfit, false);
		return true;
	}
	s->wants_credit = !transaction_forward(s);
	if (s->wants_credit || transaction_commit(s))
		return false;
	const enum error error = t->stream && t->stream->refused ? t->stream->error : ERROR_CLOSED;
	const struct reply reply = spool_refusal(error);
	session_refuse(s, &(struct refusal){.at = "commit", .error = error}, &reply, false);
	return true;
}

/* --- login -------------------------------------------------------------------------------- */

static bool auth_away(struct session *s)
{
	return refuse(s, "auth",
		(struct reply)REPLY(454, 4, 7, 0, "auth-away",
			"Logging in is not possible just now, please try again in a moment"),
		false);
}

static bool ask_auth(struct session *s, const struct smtp_ask *ask)
{
	const struct auth_request request = {.service = AUTH_SERVICE_SMTP,
		.mechanism = ask->mechanism,
		.has_initial = ask->has_response,
		.initial = ask->response,
		.client = s->facts.client,
		.tls = connection_tls(s->connection),
		.session = s->id};
	if (!auth_client_start(s->smtpd->auth, s->number, s, &request))
		return auth_away(s);
	return false;
}

static bool ask_auth_step(struct session *s, const struct smtp_ask *ask)
{
	if (!auth_client_step(s->smtpd->auth, s->number, ask->response))
		return auth_away(s);
	return false;
}

static struct reply login_refusal(enum auth_failure failure)
{
	switch (failure) {
	case AUTH_FAILURE_BAD:
		return (struct reply)REPLY(
			535, 5, 7, 8, "login-wrong", "The user name or the password is wrong");
	case AUTH_FAILURE_MECHANISM:
		return (struct reply)REPLY(504, 5, 5, 4, "login-mechanism",
			"This way of logging in is not possible for this user");
	case AUTH_FAILURE_SYNTAX:
		return (struct reply)REPLY(
			501, 5, 5, 2, "login-syntax", "Your program's login data make no sense");
	case AUTH_FAILURE_SLOW:
		return (struct reply)REPLY(454, 4, 7, 0, "login-slow",
			"Too many wrong passwords from your address, please wait a few minutes");
	case AUTH_FAILURE_TEMPORARY:
		break;
	}
	return (struct reply)REPLY(454, 4, 7, 0, "login-later",
		"Logging in is not possible just now, please try again in a moment");
}

void session_login_answered(void *session, const struct auth_answer *answer)
{
	struct session *s = session;
	struct smtp_answer reply = {.verdict = SMTP_CHALLENGE, .challenge = answer->octets};
	if (answer->kind == AUTH_ANSWER_SUCCESS) {
		must(view_copy(answer->octets, s->user, sizeof s->user));
		s->user_length = answer->octets.length;
		s->facts.login = view_of(s->user, s->user_length);
		session_judge_side(s);
		reply = (struct smtp_answer){.verdict = SMTP_ACCEPT};
	} else if (answer->kind == AUTH_ANSWER_FAILURE) {
		reply = (struct smtp_answer){
			.verdict = SMTP_REFUSE, .reply = login_refusal(answer->failure)};
	}
	session_answer(s, &reply);
	session_continue(s);
}

/* ------------------------------------------------------------------------------------------ */

static bool ask_helo(struct session *s, const struct smtp_ask *ask, struct arena *a)
{
	const struct route_verdict v =
		route_helo(s->generation->snapshot, &s->facts, &ask->helo, a);
	return give_verdict(s, "helo", &v, ask->helo.given, true);
}

static bool ask_verify(struct session *s, const struct smtp_ask *ask, struct arena *a)
{
	const struct route_verdict v =
		route_verify(s->generation->snapshot, &s->facts, ask->text, a);
	const struct reply reply = {.code = v.code,
		.enhanced = enhanced_of(v.enhanced),
		.text = v.text,
		.rule = "vrfy"};
	if (v.accepted)
		session_answer(s, &(struct smtp_answer){.verdict = SMTP_ACCEPT, .reply = reply});
	else
		session_refuse(s,
			&(struct refusal){.at = "vrfy", .what = ask->text, .rule = v.rule}, &reply,
			false);
	return true;
}

bool ask_serve(struct session *s)
{
	const struct smtp_ask *ask = smtp_server_ask(&s->smtp);
	struct arena scratch = arena_new(SCRATCH_MAX);
	bool answered = true;
	switch (ask->kind) {
	case SMTP_ASK_CONNECT:
		answered = ask_connect(s, &scratch);
		break;
	case SMTP_ASK_HELO:
		answered = ask_helo(s, ask, &scratch);
		break;
	case SMTP_ASK_MAIL:
		answered = ask_mail(s, ask, &scratch);
		break;
	case SMTP_ASK_RCPT:
		answered = ask_rcpt(s, &scratch);
		break;
	case SMTP_ASK_CONTENT:
		answered = ask_content(s);
		break;
	case SMTP_ASK_COMMIT:
		answered = ask_commit(s);
		break;
	case SMTP_ASK_AUTH:
		answered = ask_auth(s, ask);
		break;
	case SMTP_ASK_AUTH_STEP:
		answered = ask_auth_step(s, ask);
		break;
	case SMTP_ASK_VRFY:
		answered = ask_verify(s, ask, &scratch);
		break;
	case SMTP_ASK_ETRN:
		answered = etrn_ask(s);
		break;
	case SMTP_ASK_NONE:
		break;
	}
	arena_reset(&scratch);
	return answered;
}
