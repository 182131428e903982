#include "channels/watch.h"
#include "faces/smtpd/smtpd.h"

#include "base/clock.h"

/* Replies that a client has not read yet; beyond this it is served again when it has. */
#define UNREAD_MAX (64u << 10)

/* A wait of the RFC's begins. */
static void touch(struct session *s)
{
	s->active_ms = loop_now_ms(s->smtpd->program->loop);
}

static enum place_side side_of(const struct session *s)
{
	return s->facts.side == ROUTE_INSIDE ? PLACE_INSIDE : PLACE_OUTSIDE;
}

static void judge_side(struct session *s)
{
	caller_judge(s);
	s->facts.side = route_client(s->generation->snapshot, &s->facts.client, s->facts.login);
}

void session_judge_side(struct session *s)
{
	judge_side(s);
	room_change_side(&s->smtpd->room, &s->guest, side_of(s));
}

static void count_memory(struct session *s)
{
	const struct transaction *t = s->transaction;
	const size_t now =
		s->smtp.transaction.used + connection_memory(s->connection) +
		(t ? t->arena.used + t->content.capacity + posting_memory(t->posting) : 0);
	s->smtpd->memory += now;
	s->smtpd->memory -= s->memory;
	s->memory = now;
}

/* --- the end ------------------------------------------------------------------------------ */

void session_end(struct session *s, bool refused)
{
	struct smtpd *d = s->smtpd;
	transaction_abort(s);
	auth_client_cancel(d->auth, s->number);
	opening_forget(s);
	allowance_free(s);
	seal_forget(s);
	spool_forget_start(s);
	name_forget(s);
	keys_client_forget(d->keys, s->question);
	room_leave(&d->room, &s->guest);
	d->memory -= s->memory;
	smtp_server_free(&s->smtp);
	connection_close(&s->connection, refused);
	generation_drop(&s->generation);
	bytes_wipe(s->user, sizeof s->user);
	memory_free(s);
	if (d->program->draining && d->room.sessions == 0)
		program_drained(d->program);
}

/* --- driving the machine ------------------------------------------------------------------ */

static void log_said(struct session *s)
{
	const struct reply *said = smtp_server_said(&s->smtp);
	session_refused(s, &(struct refusal){.at = smtp_state_name(smtp_server_state(&s->smtp)),
				   .what = smtp_server_said_line(&s->smtp),
				   .code = said->code,
				   .rule = view_text(said->rule)});
}

static bool start_tls(struct session *s)
{
	if (s->smtpd->tls && connection_start_tls(s->connection, s->smtpd->tls))
		return true;
	session_end(s, true);
	return false;
}

/* Between two transactions a newer configuration takes over. */
static void renew_generation(struct session *s)
{
	if (s->generation == s->smtpd->generation || smtp_server_mail(&s->smtp) || s->waiting)
		return;
	transaction_abort(s); /* the machine has dropped what was before */
	generation_drop(&s->generation);
	s->generation = generation_hold(s->smtpd->generation);
	s->smtp.config = &s->generation->config;
	session_judge_side(s);
}

static enum smtp_want step(struct session *s, struct cursor *in)
{
	struct buffer *out = connection_out(s->connection);
	return watch_is_on() ? trace_step(s, in, out) : smtp_server_step(&s->smtp, in, out);
}

enum drive { DRIVE_WAITS, DRIVE_GONE };

/* Steps until the machine waits for something. The session may be gone afterwards. */
static enum drive run_machine(struct session *s, struct cursor *in)
{
	for (;;) {
		if (s->waiting)
			return DRIVE_WAITS;
		s->wants_credit = false;
		s->wants_output = connection_unsent(s->connection) > UNREAD_MAX;
		if (s->wants_output)
			return DRIVE_WAITS;
		switch (step(s, in)) {
		case SMTP_WANT_INPUT:
			return DRIVE_WAITS;
		case SMTP_WANT_OUTPUT:
			s->wants_output = true;
			return DRIVE_WAITS;
		case SMTP_WANT_ANSWER:
			s->waiting = true;
			if (!ask_serve(s))
				return DRIVE_WAITS;
			break;
		case SMTP_WANT_CONTENT:
			s->wants_credit = !transaction_forward(s);
			if (s->wants_credit)
				return DRIVE_WAITS;
			break;
		case SMTP_WANT_DROP:
			transaction_abort(s);
			break;
		case SMTP_WANT_NOTE:
			log_said(s);
			break;
		case SMTP_WANT_TLS:
			return start_tls(s) ? DRIVE_WAITS : DRIVE_GONE;
		case SMTP_WANT_CLOSE:
			session_end(s, true);
			return DRIVE_GONE;
		}
	}
}

/* What this turn has come to is told to those who count. */
static void settle(struct session *s, size_t consumed)
{
	const struct place_news news = {.is_busy = !smtp_server_is_idle(&s->smtp),
		.is_held = s->waiting || s->wants_credit,
		.octets = consumed};
	if (consumed)
		touch(s);
	places_note(&s->smtpd->room.places, &s->guest.place, &news,
		loop_now_ms(s->smtpd->program->loop));
	count_memory(s);
}

static enum drive drive(struct session *s, struct cursor *in)
{
	if (run_machine(s, in) == DRIVE_GONE)
		return DRIVE_GONE;
	if (s->waiting || s->wants_credit || s->wants_output)
		connection_pause(s->connection);
	settle(s, in->at);
	if (!s->smtpd->program->draining || s->waiting || !smtp_server_is_idle(&s->smtp))
		return DRIVE_WAITS;
	session_stop(s, SMTP_STOP_SHUTDOWN);
	return DRIVE_GONE;
}

static size_t on_input(void *context, struct view octets)
{
	struct session *s = context;
	struct cursor in = cursor_of(octets);
	if (s->waiting)
		return 0;
	renew_generation(s);
	drive(s, &in);
	return in.at;
}

void session_answer(struct session *s, const struct smtp_answer *answer)
{
	const struct smtp_ask *ask = smtp_server_ask(&s->smtp);
	const bool content_over = ask->kind == SMTP_ASK_COMMIT;
	s->waiting = false;
	smtp_server_answer(&s->smtp, answer);
	if (content_over)
		transaction_abort(s);
}

/* An ask is open: true when it is answered now. COMMIT may have waited for credit. */
static bool is_answered_now(struct session *s)
{
	return smtp_server_ask(&s->smtp)->kind == SMTP_ASK_COMMIT && s->wants_credit &&
	       ask_serve(s);
}

static void go_on(struct session *s, struct cursor *in)
{
	touch(s);
	if (drive(s, in) == DRIVE_GONE)
		return;
	if (s->waiting || s->wants_credit || s->wants_output)
		connection_flush(s->connection);
	else
		connection_resume(s->connection);
}

void session_continue(struct session *s)
{
	struct cursor nothing = cursor_of(VIEW_NONE);
	if (!s->waiting || is_answered_now(s))
		go_on(s, &nothing);
}

void session_stop(struct session *s, enum smtp_stop why)
{
	if (s->handshake) { /* nobody would understand it */
		session_end(s, true);
		return;
	}
	smtp_server_stop(&s->smtp, why);
	if (s->waiting && smtp_server_ask(&s->smtp)->kind == SMTP_ASK_COMMIT)
		return; /* its answer is on the way, and is said first */
	auth_client_cancel(s->smtpd->auth, s->number);
	opening_forget(s);
	allowance_forget(s);
	seal_forget(s);
	spool_forget_start(s);
	s->waiting = false;
	struct cursor nothing = cursor_of(VIEW_NONE);
	if (run_machine(s, &nothing) == DRIVE_WAITS)
		session_end(
			s, true); /* nothing can be said: a handshake, or replies are not read */
}

void session_gives_up(void *session)
{
	session_stop(session, SMTP_STOP_ROOM);
}

/* --- the connection's events -------------------------------------------------------------- */

static void on_closed(void *context, const char *why)
{
	struct session *s = context;
	if (why)
		log_info("TLS failed", fact_hex("session", s->id), fact_text("why", why));
	session_end(s, false);
}

static void on_drained(void *context)
{
	struct session *s = context;
	if (s->wants_output && !s->waiting)
		session_continue(s);
}

static bool on_sign(void *context, const struct tls_request *request)
{
	struct session *s = context;
	s->question = keys_client_sign(s->smtpd->keys, s->connection, request);
	return s->question != 0;
}

static struct smtp_facts machine_facts(struct session *s)
{
	const bool tls = s->handshake || connection_tls(s->connection) != NULL;
	const bool submission = s->facts.is_submission;
	const bool is_caller = s->facts.caller.length > 0; /* who knows nothing of either */
	return (struct smtp_facts){.is_inside = submission || s->facts.side == ROUTE_INSIDE,
		.is_loopback = ip_is_loopback(&s->facts.client),
		.tls_active = tls,
		.tls_offered = s->smtpd->tls != NULL && !is_caller,
		.tls_required = submission,
		.auth_required = submission,
		.senders_are_judged = popkey_is_on(&s->generation->snapshot->popkey),
		.mechanisms = is_caller ? VIEW_NONE
			      : tls	? VIEW("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN")
					: VIEW("SCRAM-SHA-256 PLAIN LOGIN")};
}

/* TLS from the first octet: the session begins now. */
static void greet(struct session *s)
{
	struct cursor nothing = cursor_of(VIEW_NONE);
	s->handshake = false;
	touch(s);
	if (drive(s, &nothing) == DRIVE_WAITS)
		connection_resume(s->connection);
}

static void on_tls_done(void *context)
{
	struct session *s = context;
	s->question = 0;
	if (s->handshake) {
		greet(s);
		return;
	}
	s->user_length = 0;
	s->facts.login = VIEW_NONE;
	session_judge_side(s);
	const struct smtp_facts facts = machine_facts(s);
	smtp_server_tls_started(&s->smtp, &facts);
	touch(s);
}

static const struct connection_handler handler = {
	on_input, on_closed, on_drained, on_sign, on_tls_done};

/* --- the beginning ------------------------------------------------------------------------ */

/* What a client sends before it is greeted (RFC 5321 §4.3.1) is seen without being taken. */
#define EARLY_OCTETS 64

void session_greet(struct session *s)
{
	uint8_t room[EARLY_OCTETS];
	struct cursor early = cursor_of(connection_peek(s->connection, room, sizeof room));
	if (ask_serve(s))
		go_on(s, &early);
}

static struct session *session_new(
	struct smtpd *d, const struct arrival *arrival, enum parent_listen kind)
{
	struct session *s = memory_new(1, sizeof *s);
	s->smtpd = d;
	s->kind = kind;
	s->handshake = kind == LISTEN_SUBMISSIONS;
	s->generation = generation_hold(d->generation);
	s->number = ++d->last_number ? d->last_number : ++d->last_number;
	s->id = d->run | s->number;
	s->client_port = arrival->client_port;
	s->facts = (struct route_facts){.client = arrival->client,
		.local = arrival->local,
		.is_submission = kind != LISTEN_SMTP};
	must(view_copy(arrival->caller, s->caller, sizeof s->caller));
	s->facts.caller = view_of(s->caller, arrival->caller.length);
	s->facts.caller_uid = arrival->caller_uid;
	s->connection = connection_new(d->program->loop, arrival->fd, &handler, s);
	s->guest = (struct guest){.place = {.owner = s}, .client = arrival->client};
	judge_side(s);
	room_enter(&d->room, &s->guest, side_of(s), loop_now_ms(d->program->loop));
	touch(s);
	d->counts.sessions++;
	const struct smtp_facts facts = machine_facts(s);
	s->smtp = smtp_server_new(&s->generation->config, &facts);
	return s;
}

/* A handshake is work: who would be turned away behind it does not get one. */
static void begin_handshake(struct session *s)
{
	const struct reply *hindrance = session_hindrance(s);
	if (hindrance) {
		session_refused(s, &(struct refusal){.at = "connect",
					   .code = hindrance->code,
					   .rule = view_text(hindrance->rule)});
		session_end(s, false);
	} else if (start_tls(s)) {
		connection_resume(s->connection);
	}
}

void session_begin(struct smtpd *d, const struct arrival *arrival, enum parent_listen kind)
{
	uint8_t room[EARLY_OCTETS];
	struct session *s = session_new(d, arrival, kind);
	struct cursor early = cursor_of(connection_peek(s->connection, room, sizeof room));
	if (s->handshake)
		begin_handshake(s);
	else if (drive(s, &early) == DRIVE_WAITS && !s->waiting)
		connection_resume(s->connection);
}
