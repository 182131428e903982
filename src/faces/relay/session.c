#include "faces/relay/relay.h"

#define SMTP_PORT 25u
#define OUT_HIGH (256u << 10) /* octets not yet sent, above which no more content is taken */

static void free_session(struct session *s)
{
	struct relayd *d = s->relayd;
	destination_remove_idle(s->destination, s);
	if (s->all_before)
		s->all_before->all_next = s->all_next;
	else
		d->sessions = s->all_next;
	if (s->all_next)
		s->all_next->all_before = s->all_before;
	d->session_count--;
	dial_free(&s->dial);
	smtp_client_free(&s->client);
	snapshot_drop(&s->snapshot);
	destination_drop(&s->destination);
	arena_reset(&s->arena);
	memory_free(s);
	relayd_check_drained(d);
}

/* It ends before it was ready for the mail: the departure goes on to the next host. */
static void give_up(struct session *s, const struct smtp_client_said *said, const char *reason)
{
	struct departure *p = s->departure;
	if (s->connection)
		connection_close(&s->connection, false);
	if (p) {
		trouble_of_session(&p->trouble, s, said, reason);
		p->session = NULL;
		s->departure = NULL;
	}
	free_session(s);
	if (p)
		attempt_next(p);
}

static void touch(struct session *s)
{
	const uint32_t ms = s->is_idle ? IDLE_MS : smtp_client_deadline_ms(s->client);
	s->deadline_ms = loop_now_ms(s->relayd->program->loop) + ms;
}

/* --- what the machine wants --------------------------------------------------------------- */

static void give_mail(struct session *s)
{
	const struct departure *p = s->departure;
	if (s->mails++ == 0)
		session_log_testing(s);
	smtp_client_mail(s->client, &(struct smtp_client_mail){.reverse_path = p->reverse_path,
					    .size_octets = p->octets,
					    .is_8bitmime = p->flags & ENVELOPE_8BITMIME,
					    .smtputf8 = p->flags & ENVELOPE_SMTPUTF8,
					    .requiretls = p->flags & ENVELOPE_REQUIRETLS,
					    .ret = smtp_ret_of_flags(p->flags),
					    .envid = p->envid,
					    .recipients = p->recipients,
					    .recipient_count = p->count});
}

/* What may be given of it now. The last octet waits for END: only then is it sure that the mail is whole. */
static struct view content_at_hand(const struct departure *p)
{
	const struct view there = buffer_view(&p->content);
	if (p->ended || p->given + there.length < p->octets)
		return there;
	return view_first(there, there.length ? there.length - 1 : 0);
}

/* True: step again. */
static bool give_content(struct session *s)
{
	struct departure *p = s->departure;
	must(p != NULL); /* content is wanted of a mail only */
	const struct view there = content_at_hand(p);
	struct cursor c = cursor_of(there);
	spool_side_want(p);
	if (p->ended && (!p->whole || !there.length)) {
		smtp_client_content_failed(s->client, "the mail could not be read");
		return true;
	}
	if (!there.length || connection_unsent(s->connection) > OUT_HIGH)
		return false; /* until spool has sent more, or the connection has drained */
	(void)smtp_client_content(s->client, &c, connection_out(s->connection));
	const size_t used = there.length - cursor_left(&c);
	p->given += used;
	buffer_drop(&p->content, used);
	spool_side_passed(p, used);
	return used > 0;
}

/* The host does not promise what the mail needs: another may. */
static void pass_over(struct session *s)
{
	struct departure *p = s->departure;
	trouble_of_requiretls(&p->trouble, s);
	p->session = NULL;
	s->departure = NULL;
	smtp_client_quit(s->client);
	attempt_next(p);
}

/* Ready for a mail: one is given, or it waits for one. True: step again. */
static bool want_mail(struct session *s)
{
	const struct relayd *d = s->relayd;
	if (s->departure && s->security.needs_requiretls &&
		!smtp_client_facts(s->client)->has_requiretls) {
		pass_over(s);
		return true;
	}
	if (s->departure) {
		give_mail(s);
		return true;
	}
	if (d->program->draining || s->mails >= SESSION_MAILS_MAX ||
		s->destination->idle_count >= IDLE_MAX) {
		smtp_client_quit(s->client);
		return true;
	}
	if (!s->is_idle)
		destination_add_idle(s->destination, s);
	return false;
}

/* Goes as far as it can; what is to be said is in connection_out afterwards. False: the session is gone. */
static bool run(struct session *s, struct cursor *in)
{
	for (;;) {
		bool again = true;
		switch (smtp_client_step(s->client, in, connection_out(s->connection))) {
		case SMTP_CLIENT_WANT_INPUT:
			again = false;
			break;
		case SMTP_CLIENT_WANT_OUTPUT:
			again = connection_unsent(s->connection) <= OUT_HIGH;
			break;
		case SMTP_CLIENT_WANT_TLS:
			if (!session_start_tls(s)) {
				give_up(s, NULL, "there is no memory for TLS");
				return false;
			}
			again = false;
			break;
		case SMTP_CLIENT_WANT_MAIL:
			again = want_mail(s);
			break;
		case SMTP_CLIENT_WANT_CONTENT:
			again = give_content(s);
			break;
		case SMTP_CLIENT_WANT_RESULTS:
			results_take(s);
			break;
		case SMTP_CLIENT_WANT_CLOSE:
			give_up(s, &smtp_client_end(s->client)->said, NULL);
			return false;
		}
		if (!again) {
			touch(s);
			return true;
		}
	}
}

/* For what has not come from the host. */
static void go_on(struct session *s)
{
	struct cursor none = cursor_of(VIEW_NONE);
	if (s->connection && run(s, &none))
		connection_flush(s->connection);
}

/* --- the connection's events -------------------------------------------------------------- */

static size_t on_input(void *context, struct view octets)
{
	struct cursor in = cursor_of(octets);
	(void)run(context, &in);
	return in.at;
}

static void end(struct session *s, const char *why)
{
	struct cursor none = cursor_of(VIEW_NONE);
	smtp_client_gone(s->client, why, connection_unsent(s->connection));
	(void)run(s, &none);
}

static const char *why_it_ended(const struct session *s)
{
	return s->tls_begun && !s->tls_done
		       ? "TLS could not be agreed on, or its certificate is not the "
			 "right one"
		       : "the connection was closed";
}

/* A host that offers TLS and cannot do it gets the mail in clear, where nothing forbids that: no worse
 * than if it had not offered it (RFC 7435). */
static bool goes_on_in_clear(struct session *s)
{
	struct departure *p = s->departure;
	if (!p || !s->tls_begun || s->tls_done || s->security.tls != SMTP_CLIENT_TLS_MAY)
		return false;
	struct security_facts facts = s->facts;
	facts.in_clear = true;
	p->session = NULL;
	s->departure = NULL;
	session_open(p, &s->host, &facts);
	return true;
}

static void on_closed(void *context, const char *why)
{
	struct session *s = context;
	s->tls_failed = s->tls_begun && !s->tls_done;
	if (s->tls_failed)
		log_info("TLS failed", fact_view("host", s->host.name.name),
			fact_text("why", why ? why : "the host has closed the connection"));
	if (goes_on_in_clear(s))
		give_up(s, NULL, NULL);
	else
		end(s, why_it_ended(s));
}

static void on_tls_done(void *context)
{
	struct session *s = context;
	struct cursor none = cursor_of(VIEW_NONE);
	s->tls_done = true;
	if (s->client && smtp_client_state(s->client) == SMTP_CLIENT_STATE_TLS) {
		smtp_client_tls_started(s->client);
		(void)run(s, &none);
	}
}

static void on_drained(void *context)
{
	struct session *s = context;
	struct cursor none = cursor_of(VIEW_NONE);
	if (smtp_client_state(s->client) == SMTP_CLIENT_STATE_CONTENT)
		(void)run(s, &none);
}

static const struct connection_handler handler = {
	on_input, on_closed, on_drained, NULL, on_tls_done};

/* --- its beginning ------------------------------------------------------------------------ */

static void connected(void *context, int fd, const struct dial_address *address, const char *why)
{
	struct session *s = context;
	dial_free(&s->dial);
	if (fd < 0) {
		give_up(s, NULL, why);
		return;
	}
	must(view_copy(view_of(address->octets, 16), s->address.octets, 16));
	s->has_address = true;
	session_secure(s);
	s->connection = connection_new(s->relayd->program->loop, fd, &handler, s);
	const struct smarthost *next = destination_next_host(s->snapshot, s->destination);
	s->client =
		smtp_client_new(&(struct smtp_client_settings){.name = s->snapshot->servername.name,
			.tls = s->security.tls,
			.user = next ? next->user : VIEW_NONE,
			.password = next ? next->password : VIEW_NONE,
			.login_in_clear = ip_is_loopback(&s->address)});
	touch(s);
	if (s->security.tls != SMTP_CLIENT_TLS_ACTIVE || session_start_tls(s))
		connection_resume(s->connection);
	else
		give_up(s, NULL, "there is no memory for TLS");
}

static uint16_t port_of(const struct session *s)
{
	const struct smarthost *next = destination_next_host(s->snapshot, s->destination);
	return next ? next->port : SMTP_PORT;
}

static bool copy_host(struct session *s, const struct host *host)
{
	const struct hosts one = {
		.hosts = host, .count = 1, .canonical = s->departure->hosts.canonical};
	struct hosts copy;
	if (!hosts_copy(&one, &s->arena, &copy))
		return false;
	s->host = copy.hosts[0];
	s->canonical = copy.canonical;
	return true;
}

static void start_dialling(struct session *s)
{
	struct dial_address addresses[DIAL_ADDRESSES_MAX];
	size_t count = 0;
	for (; count < s->host.address_count && count < DIAL_ADDRESSES_MAX; count++)
		must(view_copy(
			view_of(s->host.addresses[count].octets, 16), addresses[count].octets, 16));
	s->dial = dial_new(
		s->relayd->program->loop, addresses, count, port_of(s), DIAL_MS, connected, s);
}

void session_open(struct departure *p, const struct host *host, const struct security_facts *facts)
{
	struct relayd *d = p->relayd;
	struct session *s = memory_new(1, sizeof *s);
	*s = (struct session){.relayd = d,
		.destination = destination_hold(p->destination),
		.departure = p,
		.snapshot = snapshot_hold(d->snapshot),
		.arena = arena_new(DEPARTURE_MEMORY_MAX),
		.facts = *facts,
		.security = security_choose(facts),
		.all_next = d->sessions};
	p->session = s;
	if (d->sessions)
		d->sessions->all_before = s;
	d->sessions = s;
	d->session_count++;
	d->counts.sessions++;
	if (copy_host(s, host))
		start_dialling(s);
	else
		give_up(s, NULL, "there is no memory for another connection");
}

void session_take(struct session *s, struct departure *p)
{
	must(!s->departure);
	s->departure = p;
	p->session = s;
	go_on(s);
}

void session_content(struct session *s)
{
	if (s->client && smtp_client_state(s->client) == SMTP_CLIENT_STATE_CONTENT)
		go_on(s);
}

void session_drop(struct session *s)
{
	if (s->departure)
		s->departure->session = NULL;
	s->departure = NULL;
	give_up(s, NULL, NULL);
}

void session_tick(struct session *s, uint64_t now_ms)
{
	if (!s->connection || now_ms < s->deadline_ms)
		return;
	if (s->is_idle) {
		session_quit(s);
		return;
	}
	end(s, "the host did not answer in time");
}

void session_quit(struct session *s)
{
	destination_remove_idle(s->destination, s);
	smtp_client_quit(s->client);
	go_on(s);
}
