#include "post/dialogue.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_STEP 16384u
#define CONTENT_STEP 65536u
#define OUT_MAX (256u << 10)
#define OUT_HIGH 131072u /* octets that wait to leave, above which nothing is added */

struct run {
	struct dialogue *d;
	const struct smtp_client_mail *mail;
	struct smtp_client *client;
	struct buffer in;
	struct buffer out;
	struct buffer content;
	uint64_t read; /* octets of the content, from the file */
	uint64_t active_ms;
	bool has_results;
};

static void show(const struct run *r, const char *who, struct view octets)
{
	struct buffer line = buffer_new(8192);
	struct view one, rest = view_first(octets, 4096);
	while (r->d->is_shown && rest.length) {
		view_split(rest, '\n', &one, &rest);
		buffer_clear(&line);
		buffer_add(&line, view_text(who));
		buffer_add(&line, one);
		buffer_add(&line, VIEW("\n"));
		if (write(STDERR_FILENO, line.data, line.length) < 0)
			break;
	}
	buffer_free(&line);
}

/* --- the socket --------------------------------------------------------------------------- */

static bool is_content(const struct run *r)
{
	return smtp_client_state(r->client) == SMTP_CLIENT_STATE_CONTENT;
}

static void gone(struct run *r, const char *why)
{
	smtp_client_gone(r->client, why, r->out.length);
	buffer_clear(&r->out);
}

static void send_some(struct run *r)
{
	const ssize_t n = send(r->d->socket, r->out.data, r->out.length, MSG_NOSIGNAL);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		gone(r, "the server has closed the connection");
	if (n <= 0)
		return;
	buffer_drop(&r->out, (size_t)n);
	r->active_ms = clock_monotonic_ms();
}

static void receive_some(struct run *r)
{
	uint8_t *room = buffer_room(&r->in, READ_STEP);
	const ssize_t n = room ? recv(r->d->socket, room, READ_STEP, 0) : 0;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		gone(r, "the server has closed the connection");
		return;
	}
	buffer_grown(&r->in, (size_t)n);
	show(r, "<<< ", view_from(buffer_view(&r->in), r->in.length - (size_t)n));
	r->d->was_greeted = true;
	r->active_ms = clock_monotonic_ms();
}

/* Until something can be read, or written when there is something to write. */
static void wait_for(struct run *r)
{
	struct pollfd p = {
		.fd = r->d->socket, .events = (short)(POLLIN | (r->out.length ? POLLOUT : 0))};
	const uint64_t end_ms = r->active_ms + smtp_client_deadline_ms(r->client);
	const uint64_t now_ms = clock_monotonic_ms();
	const int ready = now_ms < end_ms ? poll(&p, 1, (int)(end_ms - now_ms)) : 0;
	if (ready < 0)
		return; /* a signal */
	if (ready == 0)
		gone(r, "the server does not answer");
	else if (p.revents & (POLLIN | POLLHUP | POLLERR))
		receive_some(r);
	else
		send_some(r);
}

/* --- the content -------------------------------------------------------------------------- */

static void fill(struct run *r)
{
	if (r->d->content < 0) {
		const struct view piece =
			view_first(view_from(r->d->text, (size_t)r->read), CONTENT_STEP);
		buffer_add(&r->content, piece);
		r->read += piece.length;
		return;
	}
	uint8_t *room = buffer_room(&r->content, CONTENT_STEP);
	const uint64_t left = r->mail->size_octets - r->read;
	const size_t want = left < CONTENT_STEP ? (size_t)left : CONTENT_STEP;
	ssize_t n;
	do
		n = pread(r->d->content, room, want, (off_t)(r->d->content_at + r->read));
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		smtp_client_content_failed(r->client, "the mail cannot be read");
		return;
	}
	buffer_grown(&r->content, (size_t)n);
	r->read += (uint64_t)n;
}

static void give_content(struct run *r)
{
	if (r->out.length > OUT_HIGH) {
		wait_for(r);
		return;
	}
	if (!r->content.length && r->read < r->mail->size_octets)
		fill(r);
	struct cursor c = cursor_of(buffer_view(&r->content));
	if (!r->content.length)
		return;
	(void)smtp_client_content(r->client, &c, &r->out);
	if (c.at == 0)
		wait_for(r);
	buffer_drop(&r->content, c.at);
}

/* --- what came of it ---------------------------------------------------------------------- */

static void keep_said(struct arena *a, struct smtp_client_said *said)
{
	if (!arena_copy(a, said->text, &said->text))
		said->text = VIEW_NONE;
}

static void keep_results(struct run *r)
{
	struct dialogue *d = r->d;
	d->results = arena_get_array(d->arena, r->mail->recipient_count, sizeof *d->results);
	for (uint32_t i = 0; d->results && i < r->mail->recipient_count; i++) {
		d->results[i] = *smtp_client_result(r->client, i);
		keep_said(d->arena, &d->results[i].said);
	}
	r->has_results = d->results != NULL;
}

static void want_mail(struct run *r)
{
	if (r->has_results)
		smtp_client_quit(r->client);
	else
		smtp_client_mail(r->client, r->mail);
}

/* One step of the machine; false at its end. */
static bool step(struct run *r)
{
	struct cursor in = cursor_of(buffer_view(&r->in));
	const size_t said = r->out.length;
	const bool was_content = is_content(r);
	const enum smtp_client_want want = smtp_client_step(r->client, &in, &r->out);
	buffer_drop(&r->in, in.at);
	if (!was_content)
		show(r, ">>> ", view_from(buffer_view(&r->out), said));
	switch (want) {
	case SMTP_CLIENT_WANT_INPUT:
	case SMTP_CLIENT_WANT_OUTPUT:
		wait_for(r);
		return true;
	case SMTP_CLIENT_WANT_MAIL:
		want_mail(r);
		return true;
	case SMTP_CLIENT_WANT_CONTENT:
		give_content(r);
		return true;
	case SMTP_CLIENT_WANT_RESULTS:
		keep_results(r);
		return true;
	case SMTP_CLIENT_WANT_TLS: /* never asked for */
	case SMTP_CLIENT_WANT_CLOSE:
		break;
	}
	return false;
}

bool dialogue_run(struct dialogue *d, const struct smtp_client_mail *mail)
{
	const struct smtp_client_settings settings = {
		.name = d->name, .tls = SMTP_CLIENT_TLS_NEVER};
	struct run r = {.d = d,
		.mail = mail,
		.client = smtp_client_new(&settings),
		.in = buffer_new(SMTP_REPLY_LINE_MAX + READ_STEP),
		.out = buffer_new(OUT_MAX),
		.content = buffer_new(CONTENT_STEP),
		.active_ms = clock_monotonic_ms()};
	while (step(&r))
		;
	d->end = *smtp_client_end(r.client);
	keep_said(d->arena, &d->end.said);
	if (r.out.length) /* QUIT, whose answer nobody waits for */
		send_some(&r);
	smtp_client_free(&r.client);
	buffer_free(&r.in);
	buffer_free(&r.out);
	buffer_free(&r.content);
	return r.has_results;
}
