#include "channels/watch.h"
#include "faces/popd/popd.h"

/* All times here are of the monotonic clock. */
#define DRAIN_EARLY_MS 5000u /* how long who has not logged in may stay when the server goes down */
#define DRAIN_MS 25000u /* and everybody else but who is in UPDATE */

void session_touch(struct session *s)
{
	s->active_ms = loop_now_ms(s->popd->program->loop);
}

/* --- those that go on after output has left ------------------------------------------------ */

static void set_ready(struct session *s)
{
	struct popd *d = s->popd;
	if (s->is_ready)
		return;
	s->is_ready = true;
	s->next_ready = d->ready;
	d->ready = s;
	timer_set(d->kick, 0);
}

static void unset_ready(struct session *s)
{
	struct session **at = &s->popd->ready;
	if (!s->is_ready)
		return;
	while (*at != s)
		at = &(*at)->next_ready;
	*at = s->next_ready;
	s->is_ready = false;
}

void session_go_on_ready(void *context)
{
	struct popd *d = context;
	while (d->ready) {
		struct session *s = d->ready;
		unset_ready(s);
		session_continue(s);
	}
}

/* --- the end ------------------------------------------------------------------------------ */

struct fact session_client_fact(const struct session *s, struct buffer *text)
{
	ip_add(text, &s->guest.client);
	return fact_view("client", buffer_view(text));
}

static void log_end(const struct session *s, const char *why)
{
	const struct pop3_counts counts = pop3_server_counts(s->pop3);
	struct buffer client = buffer_new(IP_TEXT_MAX);
	log_info("session over", fact_hex("session", s->id), session_client_fact(s, &client),
		fact_view("user", view_of(s->user, s->user_length)),
		fact_number("retrieved", counts.retrieved), fact_number("deleted", s->removed),
		fact_number("octets", counts.retrieved_octets),
		fact_text("why", counts.closed_by ? counts.closed_by : why));
	s->popd->counts.retrieved += counts.retrieved;
	buffer_free(&client);
}

void popd_check_drained(struct popd *d)
{
	static bool said;
	if (said || !d->program->draining || d->room.sessions)
		return;
	said = true;
	program_drained(d->program);
}

void session_end(struct session *s, const char *why, bool refused)
{
	struct popd *d = s->popd;
	log_end(s, why);
	mailbox_close(s);
	if (s->asked_auth) {
		auth_client_cancel(d->auth, s->number);
		auth_client_leave(d->auth, s->number);
	}
	keys_client_forget(d->keys, s->question);
	if (s->number)
		streams_take(&d->numbers, s->number);
	unset_ready(s);
	room_leave(&d->room, &s->guest);
	pop3_server_free(&s->pop3);
	connection_close(&s->connection, refused);
	generation_drop(&s->generation);
	buffer_free(&s->content);
	memory_free(s);
	popd_check_drained(d);
}

/* --- driving the machine ------------------------------------------------------------------ */

bool session_start_tls(struct session *s)
{
	s->handshake = true;
	if (s->popd->tls && connection_start_tls(s->connection, s->popd->tls))
		return true;
	session_end(s, "no certificate", false);
	return false;
}

enum drive { DRIVE_GONE, DRIVE_WAITS, DRIVE_READS };

/* While it waits for others nothing is read, and what was read stays where it is: also a QUIT of a
 * client that has closed its side already. */
static enum drive pause(struct session *s)
{
	connection_pause(s->connection);
	return DRIVE_WAITS;
}

static enum pop3_want step(struct session *s, struct cursor *in)
{
	struct buffer *out = connection_out(s->connection);
	return watch_is_on() ? trace_step(s, in, out) : pop3_server_step(s->pop3, in, out);
}

static enum drive drive(struct session *s, struct cursor *in)
{
	for (;;) {
		if (s->waiting)
			return pause(s);
		if (connection_unsent(s->connection) >= POPD_OUTPUT_HIGH) {
			s->wants_resume = true;
			return pause(s);
		}
		switch (step(s, in)) {
		case POP3_WANT_INPUT:
			return DRIVE_READS;
		case POP3_WANT_FLUSH:
			s->wants_resume = true;
			return pause(s);
		case POP3_WANT_ANSWER:
			s->waiting = true;
			if (!ask_serve(s))
				return pause(s);
			break;
		case POP3_WANT_CONTENT:
			if (!ask_feed_content(s))
				return pause(s);
			break;
		case POP3_WANT_TLS:
			return session_start_tls(s) ? DRIVE_READS : DRIVE_GONE;
		case POP3_WANT_CLOSE:
			session_end(s, "closed", true);
			return DRIVE_GONE;
		}
	}
}

/* What this turn has come to is told to those who count; `octets` that the client said or read. */
static void settle(struct session *s, size_t octets)
{
	const enum pop3_state state = pop3_server_state(s->pop3);
	const struct place_news news = {.is_busy = s->waiting || s->wants_resume ||
						   state == POP3_STATE_SASL ||
						   s->mailbox_state == MAILBOX_STATE_FETCHING,
		.is_held = s->waiting,
		.octets = octets};
	places_note(
		&s->popd->room.places, &s->guest.place, &news, loop_now_ms(s->popd->program->loop));
	s->owed = connection_unsent(s->connection);
}

bool session_drive(struct session *s, struct cursor *in)
{
	if (drive(s, in) == DRIVE_GONE)
		return false;
	settle(s, in->at);
	return true;
}

static size_t on_input(void *context, struct view octets)
{
	struct session *s = context;
	struct cursor in = cursor_of(octets);
	session_touch(s);
	if (!s->waiting)
		session_drive(s, &in);
	return in.at;
}

void session_answer(struct session *s, const struct pop3_answer *answer)
{
	must(s->waiting);
	s->waiting = false;
	struct buffer *out = connection_out(s->connection);
	const size_t said = out->length;
	const bool fits = pop3_server_answer(s->pop3, answer, out);
	if (watch_is_on())
		trace_output(s, view_from(buffer_view(out), said));
	if (!fits)
		log_error("an answer does not fit what the session asked",
			fact_hex("session", s->id));
}

void session_continue(struct session *s)
{
	struct cursor nothing = cursor_of(VIEW_NONE);
	const size_t unsent = connection_unsent(s->connection);
	const size_t read = s->owed > unsent ? s->owed - unsent : 0;
	s->wants_resume = false;
	session_touch(s);
	const enum drive what = drive(s, &nothing);
	if (what != DRIVE_GONE)
		settle(s, read);
	switch (what) {
	case DRIVE_GONE:
		return;
	case DRIVE_WAITS:
		connection_flush(s->connection);
		return;
	case DRIVE_READS:
		connection_resume(s->connection);
		return;
	}
}

/* --- the connection's events -------------------------------------------------------------- */

static void on_closed(void *context, const char *why)
{
	session_end(context, why ? why : "client gone", false);
}

static void on_drained(void *context)
{
	struct session *s = context;
	session_touch(s);
	if (s->wants_resume && !s->waiting)
		set_ready(s); /* not from inside: what was read before would not be offered again */
}

static bool on_sign(void *context, const struct tls_request *request)
{
	struct session *s = context;
	s->question = keys_client_sign(s->popd->keys, s->connection, request);
	return s->question != 0;
}

static void on_tls_done(void *context)
{
	struct session *s = context;
	s->handshake = false;
	s->question = 0;
	session_touch(s);
	if (pop3_server_state(s->pop3) == POP3_STATE_TLS) {
		pop3_server_tls_started(s->pop3);
		return;
	}
	struct cursor nothing = cursor_of(VIEW_NONE); /* TLS from the start: the greeting */
	if (session_drive(s, &nothing))
		connection_resume(s->connection);
}

const struct connection_handler session_handler = {
	on_input, on_closed, on_drained, on_sign, on_tls_done};

/* --- time --------------------------------------------------------------------------------- */

/* Why the session's time is over, or null. */
static const char *time_over(const struct session *s, uint64_t now_ms)
{
	const uint32_t login_ms = pop3_server_login_deadline_ms(s->pop3);
	if (login_ms && now_ms - s->began_ms > login_ms)
		return "login timeout";
	if (now_ms - s->active_ms > pop3_server_deadline_ms(s->pop3))
		return "timeout";
	if (!s->popd->program->draining)
		return NULL;
	const uint64_t draining_ms = now_ms - s->popd->draining_ms;
	if (draining_ms > DRAIN_EARLY_MS && login_ms)
		return "shutdown";
	if (draining_ms > DRAIN_MS && pop3_server_state(s->pop3) != POP3_STATE_UPDATE)
		return "shutdown";
	return NULL;
}

/* Whose time is over is closed without a word (RFC 1939 §3). */
static void check_time(struct session *s, uint64_t now_ms)
{
	const size_t unsent = connection_unsent(s->connection);
	if (unsent < s->unsent) /* slow, but not silent */
		s->active_ms = now_ms;
	s->unsent = unsent;
	const char *why = time_over(s, now_ms);
	if (why)
		session_end(s, why, false);
}

void session_sweep(struct popd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct place *next;
	for (struct place *p = places_first(&d->room.places); p; p = next) {
		next = places_after(&d->room.places, p);
		check_time(p->owner, now_ms);
	}
	room_sweep(&d->room, now_ms);
}
