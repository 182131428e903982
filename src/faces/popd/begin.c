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
	return ip_is_loopback(&s->guest.client) ||
	       snapshot_has_network(s->generation->snapshot, &s->guest.client);
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

static void turn_away_when_full(struct session *s)
{
	turn_away(s, "session-limit",
		VIEW("Too many connections here just now, please try again later"));
}

void session_gives_up(void *session)
{
	turn_away_when_full(session);
}

/* True when it was turned away. */
static bool is_too_many(struct session *s)
{
	struct room *room = &s->popd->room;
	const bool has_room = room_for_address(room, &s->guest);
	if (!has_room)
		turn_away(s, "client-limit",
			VIEW("Too many connections from your address, please try again later"));
	else if (!room_for(room, &s->guest))
		turn_away_when_full(s);
	else
		return false;
	return true;
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
	s->client_port = arrival->client_port;
	s->mailbox_state = MAILBOX_STATE_IDLE;
	s->content = buffer_new(2 * MAILBOX_CREDIT_FIRST);
	s->handshake = tls;
	s->began_ms = loop_now_ms(d->program->loop);
	s->connection = connection_new(d->program->loop, arrival->fd, &session_handler, s);
	s->pop3 = pop3_server_new(&s->generation->settings,
		(tls ? POP3_FLAG_TLS : 0u) |
			(ip_is_loopback(&arrival->client) ? POP3_FLAG_LOOPBACK : 0u));
	s->guest = (struct guest){.place = {.owner = s}, .client = arrival->client};
	room_enter(&d->room, &s->guest, is_inside(s) ? PLACE_INSIDE : PLACE_OUTSIDE, s->began_ms);
	session_touch(s);
	d->counts.sessions++;
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
