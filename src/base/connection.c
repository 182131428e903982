#include "base/connection.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_STEP (64u << 10)
#define CIPHER_MAX (96u << 10)
#define TURN_RETRY_MS 20u

struct connection {
	struct loop *loop;
	struct watch *watch;
	int fd;
	const struct connection_handler *handler; /* null once the owner has let go */
	void *context;
	struct buffer in;
	struct buffer out;
	struct buffer cipher_in;
	struct buffer cipher_out;
	struct tls_session *tls;
	struct timer *timer; /* lingering, or a handshake that waits for its turn */
	size_t lingered;
	bool paused;
	bool resumed; /* what was left is to be offered again */
	bool waits_signature;
	bool peer_ended;
	bool failed;
	bool refused;
	bool said_close;
	bool shut;
	bool pumping;
};

static uint8_t scratch[READ_STEP];
static unsigned lingering; /* connections without an owner */

static void pump(struct connection *c);

static void free_connection(struct connection *c)
{
	must(c->handler == NULL && lingering > 0);
	lingering--;
	watch_free(&c->watch);
	timer_free(&c->timer);
	tls_session_free(&c->tls);
	close(c->fd);
	buffer_free(&c->in);
	buffer_free(&c->out);
	buffer_free(&c->cipher_in);
	buffer_free(&c->cipher_out);
	memory_free(c);
}

/* --- sending ------------------------------------------------------------------------------ */

/* Sends from the front of `b`; false when the socket is full or dead. */
static bool send_buffer(struct connection *c, struct buffer *b)
{
	size_t at = 0;
	while (at < b->length) {
		const ssize_t n = send(c->fd, b->data + at, b->length - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->failed = errno != EAGAIN;
			break;
		}
		at += (size_t)n;
	}
	buffer_drop(b, at);
	if (c->failed)
		buffer_clear(b);
	if (b->length == 0)
		buffer_free(b);
	return b->length == 0;
}

static bool send_all(struct connection *c)
{
	if (!c->tls)
		return send_buffer(c, &c->out);
	return send_buffer(c, &c->cipher_out) && c->out.length == 0;
}

/* --- receiving ---------------------------------------------------------------------------- */

/* Offers `octets` (which may be the buffer itself) and keeps what is left. */
static void offer(struct connection *c, struct view octets, bool is_buffer)
{
	if (!c->handler || octets.length == 0)
		return;
	const size_t used = c->handler->input(c->context, octets);
	if (is_buffer)
		buffer_drop(&c->in, used);
	else
		buffer_add(&c->in, view_from(octets, used));
	if (c->in.length == 0)
		buffer_free(&c->in);
}

static void offer_buffer(struct connection *c)
{
	if (!c->paused && c->in.length)
		offer(c, buffer_view(&c->in), true);
}

/* One read; the octets lie in the scratch area. Empty: nothing there, or the end (peer_ended). */
static struct view read_scratch(struct connection *c, size_t room)
{
	if (room > READ_STEP)
		room = READ_STEP;
	if (room == 0)
		return VIEW_NONE;
	const ssize_t n = recv(c->fd, scratch, room, 0);
	if (n > 0)
		return view_of(scratch, (size_t)n);
	if (n == 0)
		c->peer_ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		c->failed = true;
	return VIEW_NONE;
}

static void receive_plain(struct connection *c)
{
	const struct view octets = read_scratch(c, buffer_left(&c->in));
	if (octets.length == 0)
		return;
	if (c->in.length == 0) {
		offer(c, octets, false);
	} else {
		buffer_add(&c->in, octets);
		offer_buffer(c);
	}
	bytes_wipe(scratch, octets.length);
}

/* --- TLS ---------------------------------------------------------------------------------- */

static void retry_turn(void *context)
{
	pump(context);
}

static void want_turn(struct connection *c)
{
	if (!c->timer)
		c->timer = timer_new(c->loop, retry_turn, c);
	timer_set(c->timer, TURN_RETRY_MS);
}

/* True when there is an answer already: nobody can sign. */
static bool want_signature(struct connection *c)
{
	if (c->waits_signature || !c->handler)
		return false;
	const struct tls_request request = tls_session_request(c->tls);
	c->waits_signature = c->handler->sign(c->context, &request);
	if (c->waits_signature)
		return false;
	tls_session_unsigned(c->tls);
	return true;
}

/* Handles what a step wants; true when another step makes sense now. */
static bool tls_wants(struct connection *c, enum tls_want want)
{
	switch (want) {
	case TLS_WANT_INPUT:
		return false;
	case TLS_WANT_OUTPUT:
		return send_buffer(c, &c->cipher_out) && !c->failed;
	case TLS_WANT_ROOM: {
		const size_t before = c->in.length;
		offer_buffer(c);
		return c->in.length < before;
	}
	case TLS_WANT_SIGNATURE:
		return want_signature(c);
	case TLS_WANT_TURN:
		want_turn(c);
		return false;
	case TLS_DONE:
		if (c->handler)
			c->handler->tls_done(c->context);
		return true;
	case TLS_CLOSED:
		c->peer_ended = true;
		return false;
	case TLS_FAILED:
		send_buffer(c, &c->cipher_out);
		c->failed = true;
		return false;
	}
	return false;
}

/* One step. True when another makes sense now: each must have moved something, or a session that
 * takes no more output would be stepped for ever. */
static bool step_tls_once(struct connection *c)
{
	struct cursor from = cursor_of(buffer_view(&c->cipher_in));
	struct cursor to = cursor_of(buffer_view(&c->out));
	const struct tls_io io = {&from, &c->cipher_out, &c->in, &to};
	const enum tls_want want = tls_session_step(c->tls, &io);
	buffer_drop(&c->cipher_in, from.at);
	buffer_drop(&c->out, to.at);
	const size_t before = c->out.length;
	bool again = tls_wants(c, want);
	if (c->waits_signature)
		return false;
	offer_buffer(c);
	again = again || c->out.length > before || (c->out.length > 0 && to.at > 0);
	return again && (c->out.length == 0 || send_buffer(c, &c->cipher_out));
}

static void step_tls(struct connection *c)
{
	while (!c->failed && step_tls_once(c))
		;
	if (c->cipher_in.length == 0)
		buffer_free(&c->cipher_in);
	if (c->out.length == 0)
		buffer_free(&c->out);
}

static void receive_tls(struct connection *c)
{
	buffer_add(&c->cipher_in, read_scratch(c, buffer_left(&c->cipher_in)));
}

/* --- the pump ----------------------------------------------------------------------------- */

static bool may_read(const struct connection *c)
{
	if (c->peer_ended || c->failed)
		return false;
	if (!c->handler)
		return c->refused;
	if (c->tls)
		return buffer_left(&c->cipher_in) > 0 &&
		       (!c->paused || !tls_session_is_done(c->tls)) && buffer_left(&c->in) > 0;
	return !c->paused && buffer_left(&c->in) > 0;
}

static void linger_over(void *context)
{
	free_connection(context);
}

/* The owner has let go: send the rest, then close, or wait for a refused client to hear it. True
 * when the connection is gone. A peer that has ended its side may still be reading. */
static bool finish(struct connection *c)
{
	if (c->tls && !c->said_close && c->out.length == 0 && !c->failed) {
		c->said_close = true;
		tls_session_close(c->tls, &c->cipher_out);
	}
	const bool all_sent = send_all(c);
	if (all_sent && !c->shut && !c->failed && c->refused) {
		c->shut = true;
		shutdown(c->fd, SHUT_WR);
		timer_set(c->timer, CONNECTION_LINGER_MS);
	}
	if (c->failed || (all_sent && (c->peer_ended || !c->refused)) ||
		c->lingered > CONNECTION_LINGER_OCTETS || lingering > CONNECTION_LINGERING_MAX) {
		free_connection(c);
		return true;
	}
	return false;
}

static void discard(struct connection *c)
{
	c->lingered += read_scratch(c, READ_STEP).length;
}

/* A peer that has ended its side has its last commands served, and is told of at the end of them. Who
 * cannot be spoken to any more has not: a QUIT behind a RETR that never arrived removes nothing. */
static void tell_end(struct connection *c)
{
	if (!c->handler || !(c->failed || (c->peer_ended && c->in.length == 0 && !c->paused)))
		return;
	const char *why = NULL;
	if (c->tls && tls_session_ended(c->tls) == TLS_FAILED)
		why = tls_session_reason(c->tls);
	c->handler->closed(c->context, why);
}

/* What is left unconsumed when the peer has ended will never be completed. */
static void drop_stale(struct connection *c)
{
	if (c->peer_ended && !c->paused && c->in.length)
		buffer_free(&c->in);
}

static void move_octets(struct connection *c)
{
	const bool again = c->resumed;
	c->resumed = false;
	if (again && !c->failed)
		offer_buffer(c);
	if (c->tls && !c->failed)
		step_tls(c);
	const bool had_output = connection_unsent(c) > 0;
	const bool sent = send_all(c);
	if (sent && had_output && !c->failed && c->handler && c->handler->drained)
		c->handler->drained(c->context);
}

static void pump(struct connection *c)
{
	if (c->pumping)
		return;
	c->pumping = true;
	do
		move_octets(c);
	while (c->resumed && !c->failed); /* from inside, where `drained` found that it can go on */
	drop_stale(c);
	tell_end(c);
	c->pumping = false;
	if (!c->handler && finish(c))
		return;
	watch_want(
		c->watch, (may_read(c) ? WATCH_READ : 0u) |
				  (connection_unsent(c) && !c->waits_signature ? WATCH_WRITE : 0u));
}

static void on_ready(void *context, unsigned what)
{
	struct connection *c = context;
	if (what & WATCH_READ) {
		c->pumping = true;
		if (!c->handler)
			discard(c);
		else if (c->tls)
			receive_tls(c);
		else
			receive_plain(c);
		c->pumping = false;
	}
	pump(c);
}

/* --- the owner's side --------------------------------------------------------------------- */

struct connection *connection_new(
	struct loop *loop, int fd, const struct connection_handler *handler, void *context)
{
	struct connection *c = memory_new(1, sizeof *c);
	*c = (struct connection){.loop = loop,
		.fd = fd,
		.handler = handler,
		.context = context,
		.in = buffer_new_secret(CONNECTION_INPUT_MAX), /* passwords, too, come in here */
		.out = buffer_new(CONNECTION_OUTPUT_MAX),
		.cipher_in = buffer_new(CIPHER_MAX),
		.cipher_out = buffer_new(CIPHER_MAX),
		.paused = true};
	c->watch = watch_new(loop, fd, on_ready, c);
	return c;
}

void connection_close(struct connection **at, bool refused)
{
	struct connection *c = *at;
	*at = NULL;
	if (!c)
		return;
	c->handler = NULL;
	lingering++;
	c->refused = refused;
	c->waits_signature = false;
	if (c->tls && !tls_session_is_done(c->tls))
		buffer_clear(&c->out); /* cannot be said any more */
	timer_free(&c->timer);
	c->timer = timer_new(c->loop, linger_over, c);
	timer_set(c->timer, CONNECTION_DRAIN_MS);
	pump(c);
}

struct buffer *connection_out(struct connection *c)
{
	return &c->out;
}

void connection_flush(struct connection *c)
{
	pump(c);
}

size_t connection_unsent(const struct connection *c)
{
	return c->out.length + c->cipher_out.length;
}

size_t connection_memory(const struct connection *c)
{
	return c->in.capacity + c->out.capacity + c->cipher_in.capacity + c->cipher_out.capacity;
}

void connection_pause(struct connection *c)
{
	c->paused = true;
}

struct view connection_peek(const struct connection *c, uint8_t *room, size_t size)
{
	const ssize_t n = recv(c->fd, room, size, MSG_PEEK | MSG_DONTWAIT);
	return view_of(room, n > 0 ? (size_t)n : 0);
}

void connection_resume(struct connection *c)
{
	c->paused = false;
	c->resumed = true;
	pump(c);
}

static bool start_tls(struct connection *c, struct tls_session *session)
{
	must(c->tls == NULL);
	c->tls = session;
	if (!session)
		return false;
	/* what was said before goes out in clear, ahead of the handshake */
	buffer_add(&c->cipher_out, buffer_view(&c->out));
	buffer_free(&c->out);
	send_buffer(c, &c->cipher_out);
	return true;
}

bool connection_start_tls(struct connection *c, struct tls_context *context)
{
	return start_tls(c, tls_session_new(context));
}

bool connection_start_tls_client(
	struct connection *c, struct tls_client *client, const struct tls_spec *spec)
{
	return start_tls(c, tls_client_session(client, spec));
}

const struct tls_session *connection_tls(const struct connection *c)
{
	return c->tls;
}

void connection_signed(struct connection *c, struct view signature)
{
	c->waits_signature = false;
	tls_session_signed(c->tls, signature);
	pump(c);
}

void connection_unsigned(struct connection *c)
{
	c->waits_signature = false;
	tls_session_unsigned(c->tls);
	pump(c);
}
