#include "faces/smtpd/smtpd.h"

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

static void log_refusal(
	struct session *s, const char *at, const struct route_verdict *v, struct view what)
{
	struct buffer client = buffer_new(64);
	ip_add(&client, &s->facts.client);
	s->smtpd->counts.refused++;
	log_info("refused", fact_hex("session", s->id), fact_view("client", buffer_view(&client)),
		fact_text("at", at), fact_view("what", what), fact_number("code", v->code),
		fact_view("rule", v->rule), fact_text("class", route_class_name(v->class)));
	buffer_free(&client);
}

static bool give_verdict(struct session *s, const char *at, const struct route_verdict *v,
	struct view what, bool close)
{
	struct smtp_answer answer = {.verdict = v->accepted ? SMTP_ACCEPT : SMTP_REFUSE};
	if (!v->accepted || v->code == 252)
		answer.reply = (struct reply){.code = v->code,
			.enhanced = enhanced_of(v->enhanced),
			.text = v->text,
			.rule = at};
	if (!v->accepted) {
		log_refusal(s, at, v, what);
		answer.close = close;
	}
	session_answer(s, &answer);
	return true;
}

static bool refuse(struct session *s, struct reply reply, bool close)
{
	log_info("refused", fact_hex("session", s->id), fact_text("rule", reply.rule),
		fact_number("code", reply.code));
	s->smtpd->counts.refused++;
	session_answer(
		s, &(struct smtp_answer){.verdict = SMTP_REFUSE, .reply = reply, .close = close});
	return true;
}

static bool accept_it(struct session *s)
{
	session_answer(s, &(struct smtp_answer){.verdict = SMTP_ACCEPT});
	return true;
}

/* --- connect ------------------------------------------------------------------------------ */

/* The longest-idle stranger without a transaction gives its place (law 4); false: there is none. */
static bool make_room(struct smtpd *d, const struct session *newcomer)
{
	int looked = 0;
	for (struct session *s = d->oldest; s && looked < 256; s = s->newer, looked++)
		if (s != newcomer && s->facts.side == ROUTE_OUTSIDE && !s->waiting &&
			smtp_server_is_idle(&s->smtp)) {
			session_stop(s, SMTP_STOP_ROOM);
			return true;
		}
	return false;
}

static bool ask_connect(struct session *s, struct arena *a)
{
	struct smtpd *d = s->smtpd;
	const struct snapshot *snapshot = s->generation->snapshot;
	const struct route_verdict v = route_connect(snapshot, &s->facts, a);
	if (!v.accepted)
		return give_verdict(s, "connect", &v, VIEW_NONE, true);
	/* an inside client is not limited by itself: an office may sit behind one address */
	if (s->facts.side == ROUTE_OUTSIDE && census_count(d->census, s->facts.client.octets) >
						      snapshot->numbers[SETTING_CLIENTLIMIT])
		return refuse(s,
			(struct reply)REPLY(421, 4, 7, 0, "client-limit",
				"Too many connections from your address, please try again later"),
			true);
	if (census_total(d->census) > snapshot->numbers[SETTING_SESSIONLIMIT] && !make_room(d, s))
		return refuse(s,
			(struct reply)REPLY(421, 4, 3, 2, "session-limit",
				"Too many connections here just now, please try again later"),
			true);
	return accept_it(s);
}

/* --- mail --------------------------------------------------------------------------------- */

static bool ask_mail(struct session *s, const struct smtp_ask *ask, struct arena *a)
{
	const struct route_verdict v =
		route_mail(s->generation->snapshot, &s->facts, &ask->mail->reverse_path, a);
	if (!v.accepted)
		return give_verdict(s, "mail", &v, ask->mail->reverse_path.local_part, false);
	if (!spool_is_there(s->smtpd))
		return refuse(s,
			(struct reply)REPLY(451, 4, 3, 0, "spool-away",
				"The mail store is restarting, please try again in a moment"),
			false);
	transaction_abort(s); /* the machine has dropped what was before */
	s->transaction = transaction_new(s);
	return accept_it(s);
}

static bool ask_rcpt(struct session *s, const struct smtp_ask *ask, struct arena *a)
{
	struct transaction *t = s->transaction;
	const struct route_recipient recipient = {.forward_path = &ask->recipient->forward_path,
		.had_route = ask->recipient->had_route,
		.number = ask->mail->recipients};
	const struct route_verdict v =
		route_rcpt(t->generation->snapshot, &s->facts, &recipient, &t->mailboxes, a);
	struct buffer path = buffer_new(1024);
	address_add(&path, &ask->recipient->forward_path);
	if (v.accepted)
		t->class = v.class;
	const bool answered = give_verdict(s, "rcpt", &v, buffer_view(&path), false);
	buffer_free(&path);
	return answered;
}

static bool ask_content(struct session *s)
{
	if (!spool_is_there(s->smtpd))
		return refuse(s,
			(struct reply)REPLY(451, 4, 3, 0, "spool-away",
				"The mail store is restarting, please try again in a moment"),
			false);
	transaction_make_header(s);
	session_answer(s,
		&(struct smtp_answer){.verdict = SMTP_ACCEPT, .content = &s->transaction->content});
	return true;
}

/* False while spool has not got all, or has not answered yet. */
static bool ask_commit(struct session *s)
{
	struct transaction *t = s->transaction;
	s->wants_resume = !transaction_forward(s);
	if (s->wants_resume || transaction_commit(s))
		return false;
	const enum error error = t->stream && t->stream->refused ? t->stream->error : ERROR_CLOSED;
	if (error == ERROR_SPACE)
		return refuse(s,
			(struct reply)REPLY(452, 4, 3, 1, "no-space",
				"The disk here is full, please try again later"),
			false);
	return refuse(s,
		(struct reply)REPLY(451, 4, 3, 0, "spool-trouble",
			"This mail could not be stored just now, please try again later"),
		false);
}

/* --- login -------------------------------------------------------------------------------- */

static bool auth_away(struct session *s)
{
	return refuse(s,
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
	s->logging_in = true;
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
		s->facts.side =
			route_client(s->generation->snapshot, &s->facts.client, s->facts.login);
		reply = (struct smtp_answer){.verdict = SMTP_ACCEPT};
	} else if (answer->kind == AUTH_ANSWER_FAILURE) {
		reply = (struct smtp_answer){
			.verdict = SMTP_REFUSE, .reply = login_refusal(answer->failure)};
	}
	s->logging_in = answer->kind == AUTH_ANSWER_CHALLENGE;
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
	struct smtp_answer answer = {.verdict = v.accepted ? SMTP_ACCEPT : SMTP_REFUSE,
		.reply = {.code = v.code,
			.enhanced = enhanced_of(v.enhanced),
			.text = v.text,
			.rule = "vrfy"}};
	session_answer(s, &answer);
	return true;
}

bool ask_serve(struct session *s)
{
	const struct smtp_ask *ask = smtp_server_ask(&s->smtp);
	struct arena scratch = arena_new(1u << 20);
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
		answered = ask_rcpt(s, ask, &scratch);
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
	case SMTP_ASK_NONE:
		break;
	}
	arena_reset(&scratch);
	return answered;
}
