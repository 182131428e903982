#include "faces/smtpd/smtpd.h"

#include "base/clock.h"

#include <sys/socket.h>

/* --- the list by last activity ------------------------------------------------------------ */

static void unlink_session(struct session *s)
{
	struct smtpd *d = s->smtpd;
	*(s->newer ? &s->newer->older : &d->newest) = s->older;
	*(s->older ? &s->older->newer : &d->oldest) = s->newer;
}

static void link_newest(struct session *s)
{
	struct smtpd *d = s->smtpd;
	s->older = d->newest;
	s->newer = NULL;
	*(d->newest ? &d->newest->newer : &d->oldest) = s;
	d->newest = s;
}

static void touch(struct session *s)
{
	s->active_ms = loop_now_ms(s->smtpd->program->loop);
	if (s->smtpd->newest == s)
		return;
	unlink_session(s);
	link_newest(s);
}

/* --- the end ------------------------------------------------------------------------------ */

void session_end(struct session *s, bool refused)
{
	struct smtpd *d = s->smtpd;
	transaction_abort(s);
	auth_client_cancel(d->auth, s->number);
	keys_client_forget(d->keys, s->question);
	unlink_session(s);
	d->sessions--;
	census_leave(d->census, s->facts.client.octets);
	smtp_server_free(&s->smtp);
	connection_close(&s->connection, refused);
	generation_drop(&s->generation);
	bytes_wipe(s->user, sizeof s->user);
	memory_free(s);
	if (d->program->draining && d->sessions == 0)
		program_drained(d->program);
}

/* --- driving the machine ------------------------------------------------------------------ */

static void log_said(struct session *s)
{
	const struct reply *said = smtp_server_said(&s->smtp);
	struct buffer client = buffer_new(64);
	ip_add(&client, &s->facts.client);
	s->smtpd->counts.refused++;
	log_info("refused", fact_hex("session", s->id), fact_view("client", buffer_view(&client)),
		fact_number("code", said->code), fact_text("rule", said->rule),
		fact_text("state", smtp_state_name(smtp_server_state(&s->smtp))));
	buffer_free(&client);
}

static bool start_tls(struct session *s)
{
	s->handshake_ms = loop_now_ms(s->smtpd->program->loop);
	if (s->smtpd->tls && connection_start_tls(s->connection, s->smtpd->tls))
		return true;
	session_end(s, true);
	return false;
}

/* Between two transactions a newer configuration takes over. */
static void renew_generation(struct session *s)
{
	if (s->generation == s->smtpd->generation || s->transaction || s->waiting)
		return;
	generation_drop(&s->generation);
	s->generation = generation_hold(s->smtpd->generation);
	s->smtp.config = &s->generation->config;
	s->facts.side = route_client(s->generation->snapshot, &s->facts.client, s->facts.login);
}

static enum smtp_want step(struct session *s, struct cursor *in)
{
	struct buffer *out = connection_out(s->connection);
	if (!trace_is_on(s))
		return smtp_server_step(&s->smtp, in, out);
	const enum smtp_state before = smtp_server_state(&s->smtp);
	const size_t consumed = in->at;
	const size_t said = out->length;
	const enum smtp_want want = smtp_server_step(&s->smtp, in, out);
	trace_input(s, before, view_part(in->all, consumed, in->at - consumed));
	trace_output(s, view_from(buffer_view(out), said));
	return want;
}

enum drive { DRIVE_WAITS, DRIVE_GONE };

/* Steps until the machine waits for something. The session may be gone afterwards. */
static enum drive drive(struct session *s, struct cursor *in)
{
	for (;;) {
		if (s->waiting)
			return DRIVE_WAITS;
		switch (step(s, in)) {
		case SMTP_WANT_INPUT:
			return DRIVE_WAITS;
		case SMTP_WANT_OUTPUT:
			s->wants_resume = true;
			connection_pause(s->connection);
			return DRIVE_WAITS;
		case SMTP_WANT_ANSWER:
			s->waiting = true;
			if (!ask_serve(s)) {
				connection_pause(s->connection);
				return DRIVE_WAITS;
			}
			break;
		case SMTP_WANT_CONTENT:
			if (!transaction_forward(s)) {
				s->wants_resume = true;
				connection_pause(s->connection);
				return DRIVE_WAITS;
			}
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

static size_t on_input(void *context, struct view octets)
{
	struct session *s = context;
	struct cursor in = cursor_of(octets);
	touch(s);
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

void session_continue(struct session *s)
{
	struct cursor nothing = cursor_of(VIEW_NONE);
	s->wants_resume = false;
	if (s->waiting) { /* a COMMIT whose content did not fit the credit */
		const struct stream *stream = s->transaction ? s->transaction->stream : NULL;
		if (smtp_server_ask(&s->smtp)->kind != SMTP_ASK_COMMIT ||
			(stream && stream->committed) || !ask_serve(s))
			return;
	}
	touch(s);
	if (drive(s, &nothing) == DRIVE_GONE)
		return;
	if (!s->waiting && !s->wants_resume)
		connection_resume(s->connection);
	else
		connection_flush(s->connection);
}

void session_stop(struct session *s, enum smtp_stop why)
{
	const struct smtp_ask *ask = smtp_server_ask(&s->smtp);
	if (s->waiting && ask->kind == SMTP_ASK_COMMIT)
		return; /* its answer is on the way */
	auth_client_cancel(s->smtpd->auth, s->number);
	s->waiting = false;
	smtp_server_stop(&s->smtp, why);
	struct cursor nothing = cursor_of(VIEW_NONE);
	if (drive(s, &nothing) == DRIVE_WAITS)
		session_end(s, true); /* in a handshake nothing can be said */
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
	if (s->wants_resume && !s->waiting)
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
	const bool tls = connection_tls(s->connection) != NULL;
	return (struct smtp_facts){.is_inside = s->facts.side == ROUTE_INSIDE,
		.is_loopback = ip_is_loopback(&s->facts.client),
		.tls_active = tls,
		.tls_offered = s->smtpd->tls != NULL,
		.mechanisms = tls ? VIEW("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN")
				  : VIEW("SCRAM-SHA-256 PLAIN")};
}

static void on_tls_done(void *context)
{
	struct session *s = context;
	s->handshake_ms = 0;
	s->question = 0;
	s->user_length = 0;
	s->facts.login = VIEW_NONE;
	s->facts.side = route_client(s->generation->snapshot, &s->facts.client, VIEW_NONE);
	const struct smtp_facts facts = machine_facts(s);
	smtp_server_tls_started(&s->smtp, &facts);
	touch(s);
}

static const struct connection_handler handler = {
	on_input, on_closed, on_drained, on_sign, on_tls_done};

/* --- the beginning ------------------------------------------------------------------------ */

/* What a client sent before it was greeted (RFC 5321 §4.3.1): seen without being taken. */
static struct view early_octets(int fd, uint8_t *room, size_t size)
{
	const ssize_t n = recv(fd, room, size, MSG_PEEK | MSG_DONTWAIT);
	return view_of(room, n > 0 ? (size_t)n : 0);
}

void session_begin(struct smtpd *d, const struct arrival *arrival)
{
	uint8_t room[64];
	struct cursor early = cursor_of(early_octets(arrival->fd, room, sizeof room));
	struct session *s = memory_new(1, sizeof *s);
	s->smtpd = d;
	s->generation = generation_hold(d->generation);
	s->number = ++d->last_number ? d->last_number : ++d->last_number;
	s->id = d->run | s->number;
	s->client_port = arrival->client_port;
	s->facts = (struct route_facts){.client = arrival->client, .local = arrival->local};
	s->facts.side = route_client(s->generation->snapshot, &s->facts.client, VIEW_NONE);
	s->connection = connection_new(d->program->loop, arrival->fd, &handler, s);
	link_newest(s);
	touch(s);
	d->sessions++;
	d->counts.sessions++;
	census_enter(d->census, s->facts.client.octets);
	const struct smtp_facts facts = machine_facts(s);
	s->smtp = smtp_server_new(&s->generation->config, &facts);
	if (drive(s, &early) == DRIVE_WAITS)
		connection_resume(s->connection);
}

/* About once a second: whoever has passed a time limit is told and goes (RFC 5321 §4.5.3.2). The
 * longest quiet ones are at the end, but limits differ by state, so all are looked at. */
void session_sweep(struct smtpd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct session *next;
	for (struct session *s = d->oldest; s; s = next) {
		next = s->newer;
		const uint64_t since = s->handshake_ms ? s->handshake_ms : s->active_ms;
		const uint64_t limit = s->handshake_ms ? s->generation->config.limits.handshake_ms
						       : smtp_server_deadline_ms(&s->smtp);
		if (now_ms - since <= limit)
			continue;
		log_info("timeout", fact_hex("session", s->id),
			fact_text("state", smtp_state_name(smtp_server_state(&s->smtp))));
		session_stop(s, SMTP_STOP_TIMEOUT);
	}
}
