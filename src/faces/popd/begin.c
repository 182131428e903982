#include "faces/popd/popd.h"

#include <sys/socket.h>

/* What a client sent before it was greeted: seen without being taken. */
static struct view early_octets(int fd, uint8_t *room, size_t size)
{
	const ssize_t n = recv(fd, room, size, MSG_PEEK | MSG_DONTWAIT);
	return view_of(room, n > 0 ? (size_t)n : 0);
}

static bool is_inside(const struct session *s)
{
	return ip_is_loopback(&s->client) ||
	       snapshot_has_network(s->generation->snapshot, &s->client);
}

static void turn_away(struct session *s, const char *rule, struct view words)
{
	struct buffer client = buffer_new(IP_TEXT_MAX);
	s->popd->counts.turned_away++;
	log_info("connection refused", fact_hex("session", s->id), session_client_fact(s, &client),
		fact_text("rule", rule));
	buffer_free(&client);
	if (!s->handshake) { /* else there is nobody to read it yet */
		buffer_add(connection_out(s->connection), VIEW("-ERR [SYS/TEMP] "));
		buffer_add(connection_out(s->connection), words);
		buffer_add(connection_out(s->connection), VIEW("\r\n"));
	}
	session_end(s, rule, true);
}

/* The longest-idle client who has not logged in gives its place (law 4); false: there is none. */
static bool make_room(struct popd *d, const struct session *newcomer)
{
	int looked = 0;
	for (struct session *s = d->oldest; s && looked < 256; s = s->newer, looked++)
		if (s != newcomer && !s->waiting && !pop3_server_is_logged_in(s->pop3) &&
			!is_inside(s)) {
			turn_away(s, "session-limit",
				VIEW("Too many connections here just now, please try again later"));
			return true;
		}
	return false;
}

/* True when it was turned away. */
static bool is_too_many(struct session *s)
{
	struct popd *d = s->popd;
	const uint64_t *numbers = s->generation->snapshot->numbers;
	/* an inside client is not limited by itself: an office may sit behind one address */
	if (!is_inside(s) &&
		census_count(d->census, s->client.octets) > numbers[SETTING_CLIENTLIMIT]) {
		turn_away(s, "client-limit",
			VIEW("Too many connections from your address, please try again later"));
		return true;
	}
	if (census_total(d->census) > numbers[SETTING_SESSIONLIMIT] && !make_room(d, s)) {
		turn_away(s, "session-limit",
			VIEW("Too many connections here just now, please try again later"));
		return true;
	}
	return false;
}

/* Unique while in use; never 0. False at the bound. */
static bool take_number(struct session *s)
{
	struct popd *d = s->popd;
	if (streams_count(&d->numbers) >= SESSIONS_MAX)
		return false;
	do
		s->number = ++d->last_number;
	while (s->number == 0 || streams_put(&d->numbers, s->number, s) != ERROR_NONE);
	return true;
}

static struct session *new_session(struct popd *d, const struct arrival *arrival, bool tls)
{
	struct session *s = memory_new(1, sizeof *s);
	s->popd = d;
	s->generation = generation_hold(d->generation);
	s->client = arrival->client;
	s->client_port = arrival->client_port;
	s->mailbox_state = MAILBOX_STATE_IDLE;
	s->content = buffer_new(2 * MAILBOX_CREDIT_FIRST);
	s->handshake = tls;
	s->began_ms = loop_now_ms(d->program->loop);
	s->connection = connection_new(d->program->loop, arrival->fd, &session_handler, s);
	s->pop3 = pop3_server_new(&s->generation->settings,
		(tls ? POP3_FLAG_TLS : 0u) |
			(ip_is_loopback(&s->client) ? POP3_FLAG_LOOPBACK : 0u));
	session_link(s);
	session_touch(s);
	d->sessions++;
	d->counts.sessions++;
	census_enter(d->census, s->client.octets);
	return s;
}

void session_begin(struct popd *d, const struct arrival *arrival, bool tls)
{
	uint8_t room[64];
	struct cursor early = cursor_of(early_octets(arrival->fd, room, sizeof room));
	struct session *s = new_session(d, arrival, tls);
	if (!take_number(s)) {
		turn_away(s, "session-limit", VIEW("Too many connections here just now"));
		return;
	}
	s->id = d->run | s->number;
	if (is_too_many(s))
		return;
	if (tls) {
		if (session_start_tls(s))
			connection_flush(s->connection);
		return;
	}
	if (session_drive(s, &early))
		connection_resume(s->connection);
}
