#include "channels/watch.h"
#include "faces/popd/popd.h"

static void trouble(struct session *s)
{
	session_answer(s, &(struct pop3_answer){.kind = POP3_ANSWER_TROUBLE});
}

/* --- login -------------------------------------------------------------------------------- */

static void log_refused(struct session *s, const char *rule)
{
	const struct pop3_ask *ask = pop3_server_ask(s->pop3);
	struct buffer client = buffer_new(IP_TEXT_MAX);
	s->popd->counts.refused++;
	log_info("login refused", fact_hex("session", s->id), session_client_fact(s, &client),
		fact_view("user", s->user_length ? view_of(s->user, s->user_length) : ask->user),
		fact_view("mechanism", view_of(s->mechanism, s->mechanism_length)),
		fact_text("rule", rule));
	buffer_free(&client);
}

static void refuse_login(struct session *s, enum pop3_refusal refusal, const char *rule)
{
	log_refused(s, rule);
	s->user_length = 0;
	session_answer(s, &(struct pop3_answer){.kind = POP3_ANSWER_REFUSED, .refusal = refusal});
}

/* auth said SUCCESS, and nothing came of it. */
static void give_grant_back(struct session *s)
{
	auth_client_leave(s->popd->auth, s->number);
}

static bool start_login(
	struct session *s, struct view mechanism, bool has_initial, struct view initial)
{
	const struct auth_request request = {.service = AUTH_SERVICE_POP,
		.mechanism = mechanism,
		.has_initial = has_initial,
		.initial = initial,
		.client = s->guest.client,
		.tls = connection_tls(s->connection),
		.session = s->id};
	if (!channel_is_open(s->popd->mailbox)) {
		refuse_login(s, POP3_REFUSAL_TEMPORARY, "mailbox-away");
		return true;
	}
	s->asked_auth = true;
	if (auth_client_start(s->popd->auth, s->number, s, &request))
		return false;
	refuse_login(s, POP3_REFUSAL_TEMPORARY, "auth-away");
	return true;
}

static void note_mechanism(struct session *s, struct view mechanism)
{
	const struct view name = view_first(mechanism, sizeof s->mechanism);
	must(view_copy(name, s->mechanism, sizeof s->mechanism));
	s->mechanism_length = name.length;
}

/* USER and PASS are PLAIN in another dress (RFC 4616 §2). */
static bool ask_password(struct session *s, const struct pop3_ask *ask)
{
	struct buffer initial = buffer_new(2 * POP3_LINE_MAX + 2);
	note_mechanism(s, VIEW("PASS"));
	/* in one piece, so that no copy stays where it grew */
	if (buffer_room(&initial, ask->user.length + ask->password.length + 2)) {
		buffer_add_octet(&initial, 0);
		buffer_add(&initial, ask->user);
		buffer_add_octet(&initial, 0);
		buffer_add(&initial, ask->password);
	}
	must(!buffer_failed(&initial));
	const bool answered = start_login(s, VIEW("PLAIN"), true, buffer_view(&initial));
	buffer_free_secret(&initial);
	return answered;
}

static bool ask_sasl(struct session *s, const struct pop3_ask *ask)
{
	note_mechanism(s, ask->mechanism);
	return start_login(s, ask->mechanism, ask->has_initial, ask->initial);
}

static bool ask_sasl_step(struct session *s, const struct pop3_ask *ask)
{
	if (auth_client_step(s->popd->auth, s->number, ask->initial))
		return false;
	refuse_login(s, POP3_REFUSAL_TEMPORARY, "auth-away");
	return true;
}

static void login_failed(struct session *s, enum auth_failure failure)
{
	switch (failure) {
	case AUTH_FAILURE_BAD:
		refuse_login(s, POP3_REFUSAL_BAD, "login-wrong");
		return;
	case AUTH_FAILURE_MECHANISM: /* not for this user: another one may do */
		refuse_login(s, POP3_REFUSAL_SYNTAX, "login-mechanism");
		return;
	case AUTH_FAILURE_SYNTAX:
		refuse_login(s, POP3_REFUSAL_SYNTAX, "login-syntax");
		return;
	case AUTH_FAILURE_SLOW:
		refuse_login(s, POP3_REFUSAL_DELAY, "login-slow");
		return;
	case AUTH_FAILURE_TEMPORARY:
		break;
	}
	refuse_login(s, POP3_REFUSAL_TEMPORARY, "login-later");
}

void ask_login_answered(void *session, const struct auth_answer *answer)
{
	struct session *s = session;
	switch (answer->kind) {
	case AUTH_ANSWER_CHALLENGE:
		if (s->waiting)
			session_answer(s, &(struct pop3_answer){.kind = POP3_ANSWER_CHALLENGE,
						  .challenge = answer->octets});
		break;
	case AUTH_ANSWER_SUCCESS:
		must(view_copy(answer->octets, s->user, sizeof s->user));
		s->user_length = answer->octets.length;
		if (mailbox_open(s))
			return;
		give_grant_back(s);
		refuse_login(s, POP3_REFUSAL_TEMPORARY, "mailbox-away");
		break;
	case AUTH_ANSWER_FAILURE:
		if (!s->waiting)
			return; /* auth went while the client was thinking: its next step will find out */
		login_failed(s, answer->failure);
		break;
	}
	session_continue(s);
}

void ask_opened(struct session *s, uint32_t count, uint64_t octets)
{
	const struct tls_session *tls = connection_tls(s->connection);
	struct buffer client = buffer_new(IP_TEXT_MAX);
	s->popd->counts.logins++;
	room_change_side(&s->popd->room, &s->guest, PLACE_INSIDE);
	log_info("login", fact_hex("session", s->id), session_client_fact(s, &client),
		fact_view("user", view_of(s->user, s->user_length)),
		fact_view("mechanism", view_of(s->mechanism, s->mechanism_length)),
		fact_text("tls", tls ? tls_session_facts(tls).version : "none"),
		fact_number("messages", count), fact_number("octets", octets));
	buffer_free(&client);
	session_answer(s, &(struct pop3_answer){
				  .kind = POP3_ANSWER_OPENED, .count = count, .octets = octets});
	session_continue(s);
}

void ask_open_failed(struct session *s, enum mailbox_failure why)
{
	give_grant_back(s);
	switch (why) {
	case MAILBOX_IN_USE:
		refuse_login(s, POP3_REFUSAL_IN_USE, "mailbox-in-use");
		break;
	case MAILBOX_NO_GRANT:
		refuse_login(s, POP3_REFUSAL_TEMPORARY, "mailbox-no-grant");
		break;
	case MAILBOX_TEMPORARY:
	default: /* a number from another program */
		refuse_login(s, POP3_REFUSAL_TEMPORARY, "mailbox-trouble");
		break;
	}
	session_continue(s);
}

/* --- rows --------------------------------------------------------------------------------- */

/* Reads packed rows; false when they do not hold together. */
static bool read_rows(struct view packed, struct pop3_row *rows, size_t *count_out)
{
	struct cursor c = cursor_of(packed);
	size_t count = 0;
	while (cursor_left(&c) && count < MAILBOX_PAGE_ROWS) {
		struct pop3_row *row = &rows[count++];
		row->number = cursor_u32(&c);
		row->octets = cursor_u64(&c);
		row->unique_id = cursor_take(&c, cursor_u8(&c));
	}
	*count_out = count;
	return cursor_done(&c);
}

void ask_page(struct session *s, struct view packed)
{
	static struct pop3_row rows[MAILBOX_PAGE_ROWS];
	size_t count;
	if (pop3_server_ask(s->pop3)->kind == POP3_ASK_FETCH) {
		session_answer(s, &(struct pop3_answer){.kind = POP3_ANSWER_MISSING});
	} else if (read_rows(packed, rows, &count)) {
		session_answer(
			s, &(struct pop3_answer){
				   .kind = POP3_ANSWER_ROWS, .rows = rows, .row_count = count});
	} else {
		log_error("mailbox sent rows that do not parse", fact_hex("session", s->id));
		trouble(s);
	}
	session_continue(s);
}

/* --- content ------------------------------------------------------------------------------ */

void ask_content(struct session *s)
{
	if (!s->answered && s->content_gone) {
		buffer_free(&s->content);
		session_answer(s, &(struct pop3_answer){.kind = POP3_ANSWER_MISSING});
		session_continue(s);
		return;
	}
	if (!s->answered) {
		s->answered = true;
		session_answer(s, &(struct pop3_answer){
					  .kind = POP3_ANSWER_CONTENT, .octets = s->size_octets});
	}
	if (s->content_gone) {
		log_warning("a message broke off", fact_hex("session", s->id));
		pop3_server_content_failed(s->pop3);
	}
	session_continue(s);
}

bool ask_feed_content(struct session *s)
{
	struct buffer *out = connection_out(s->connection);
	if (!s->content.length && !s->content_ended)
		return false; /* more comes */
	struct cursor c = cursor_of(buffer_view(&s->content));
	const bool more = pop3_server_content(s->pop3, &c, s->content_ended, out);
	const size_t taken = c.at;
	if (watch_is_on() && taken)
		trace_content(s, taken);
	buffer_drop(&s->content, taken);
	if (!more || !s->content.length)
		buffer_free(&s->content);
	if (!more) {
		mailbox_stop(s);
		return true;
	}
	mailbox_credit(s, taken);
	if (s->content.length || s->content_ended)
		s->wants_resume = true; /* the output is full */
	return false;
}

/* --- removing ----------------------------------------------------------------------------- */

void ask_removed(struct session *s, uint32_t removed, uint32_t failed)
{
	const uint32_t marked = pop3_server_deleted_count(s->pop3);
	s->removed = removed < marked ? removed : marked;
	s->popd->counts.removed += s->removed;
	if (failed)
		log_warning("messages stay, though they were deleted", fact_hex("session", s->id),
			fact_number("failed", failed));
	session_answer(s,
		&(struct pop3_answer){.kind = POP3_ANSWER_REMOVED, .count = marked - s->removed});
	session_continue(s);
}

/* ------------------------------------------------------------------------------------------ */

static bool serve_mailbox(struct session *s, const struct pop3_ask *ask)
{
	bool asked = false;
	if (s->mailbox_state == MAILBOX_STATE_STOPPING)
		return false; /* ask_mailbox_ready comes */
	if (ask->kind == POP3_ASK_ROWS)
		asked = mailbox_rows(s, ask->number, ask->count);
	else if (ask->kind == POP3_ASK_FETCH)
		asked = mailbox_rows(s, ask->number, 1);
	else
		asked = mailbox_remove(s);
	if (!asked)
		trouble(s);
	return !asked;
}

bool ask_serve(struct session *s)
{
	const struct pop3_ask *ask = pop3_server_ask(s->pop3);
	switch (ask->kind) {
	case POP3_ASK_PASSWORD:
		return ask_password(s, ask);
	case POP3_ASK_SASL_START:
		return ask_sasl(s, ask);
	case POP3_ASK_SASL_STEP:
		return ask_sasl_step(s, ask);
	case POP3_ASK_CANCEL:
		auth_client_cancel(s->popd->auth, s->number);
		session_answer(s, &(struct pop3_answer){.kind = POP3_ANSWER_DONE});
		return true;
	case POP3_ASK_ROWS:
	case POP3_ASK_FETCH:
	case POP3_ASK_REMOVE:
		return serve_mailbox(s, ask);
	case POP3_ASK_NONE:
		break;
	}
	must(ask->kind != POP3_ASK_NONE);
	return false;
}

static bool waits_for_mailbox(const struct session *s)
{
	const enum pop3_ask_kind kind = pop3_server_ask(s->pop3)->kind;
	return s->waiting &&
	       (kind == POP3_ASK_ROWS || kind == POP3_ASK_FETCH || kind == POP3_ASK_REMOVE);
}

void ask_mailbox_ready(struct session *s)
{
	if (waits_for_mailbox(s) && ask_serve(s))
		session_continue(s);
}

/* mailbox has been restarted: it knows this session no more, and nobody can log in twice. Every
 * further question gets [SYS/TEMP]. */
void ask_mailbox_lost(struct session *s)
{
	const bool opening = s->mailbox_state == MAILBOX_STATE_OPENING;
	const bool fetching = s->mailbox_state == MAILBOX_STATE_FETCHING;
	s->mailbox_state = MAILBOX_STATE_IDLE;
	if (opening) {
		ask_open_failed(s, MAILBOX_TEMPORARY);
		return;
	}
	if (waits_for_mailbox(s))
		trouble(s);
	else if (fetching)
		pop3_server_content_failed(s->pop3);
	else
		return;
	session_continue(s);
}
