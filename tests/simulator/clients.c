#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAILS_EACH 3
#define AGAIN_US 20000000u
#define GIVES_UP_US ((uint64_t)600 * 1000000)

enum step { STEP_GREETING, STEP_EHLO, STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_CONTENT, STEP_QUIT };

struct client {
	int fd;
	struct watch *watch; /* of `fd` */
	struct mail *mail; /* null: none any more */
	struct try *try; /* in place of mails */
	enum step step;
	unsigned next_rcpt; /* mailbox; then the one elsewhere */
	unsigned done; /* mails in this session */
	uint64_t since_us;
	struct buffer out;
	struct buffer in;
};

/* --- mails --------------------------------------------------------------------------------- */

static void write_content(const struct mail *m, struct buffer *b)
{
	uint64_t seed = m->seed;
	text_add(b,
		"From: <{}>\r\nTo: <hana@example.test>\r\nDate: Fri, 21 Nov 1997 09:55:06 "
		"+0900\r\nMessage-ID: "
		"<{}@remote.test>\r\nX-Number: {}\r\n\r\n",
		text_string(m->leaves ? "hana@example.test" : "sender@remote.test"),
		text_hex(m->seed), text_number(m->number));
	size_t octets = 0;
	while (octets < m->octets) {
		uint8_t line[70];
		const size_t length = 1 + script_draw(&seed) % sizeof line;
		uint64_t letters = 0;
		for (size_t i = 0; i < length; i++, letters >>= 5) {
			letters = letters ? letters : script_draw(&seed);
			line[i] = (uint8_t)('a' + letters % 26);
		}
		buffer_add(b, view_of(line, length));
		buffer_add(b, VIEW("\r\n"));
		octets += length + 2;
	}
}

struct view mail_octets(struct mail *m)
{
	if (m->content.length == 0)
		write_content(m, &m->content);
	return buffer_view(&m->content);
}

/* Of strangers, or of users. */
static struct mail *due_mail(struct world *w, bool leaves)
{
	for (unsigned i = 0; i < w->mail_count; i++)
		if (w->mails[i].state == MAIL_WAITING && w->mails[i].leaves == leaves &&
			w->mails[i].due_us <= w->script.monotonic_us)
			return &w->mails[i];
	return NULL;
}

static void try_again(struct world *w, struct mail *m)
{
	m->state = MAIL_WAITING;
	m->due_us = w->script.monotonic_us + 1000000 + world_draw(w, AGAIN_US);
}

/* --- a session ----------------------------------------------------------------------------- */

static void hang_up(struct world *w, size_t at)
{
	struct client *c = w->clients[at];
	if (c->mail)
		try_again(w, c->mail);
	if (c->try)
		c->try->state = TRY_OVER;
	watch_free(&c->watch);
	close(c->fd);
	buffer_free(&c->out);
	buffer_free(&c->in);
	free(c);
	w->clients[at] = NULL;
}

static void begin_mail(struct client *c)
{
	c->step = STEP_MAIL;
	c->next_rcpt = 0;
	if (c->mail->leaves)
		buffer_add(&c->out, VIEW("MAIL FROM:<hana@example.test>\r\n"));
	else
		text_add(&c->out, "MAIL FROM:<sender{}@remote.test>\r\n",
			text_number(c->mail->number));
}

static bool more_recipients(struct client *c)
{
	while (c->next_rcpt < MAILBOXES && !(c->mail->mailboxes & 1u << c->next_rcpt))
		c->next_rcpt++;
	if (c->next_rcpt == MAILBOXES && c->mail->leaves) {
		c->next_rcpt++;
		c->step = STEP_RCPT;
		text_add(
			&c->out, "RCPT TO:<friend{}@other.test>\r\n", text_number(c->mail->number));
		return true;
	}
	if (c->next_rcpt >= MAILBOXES)
		return false;
	c->step = STEP_RCPT;
	text_add(&c->out, "RCPT TO:<{}@example.test>\r\n",
		text_string(world_mailbox(c->next_rcpt++)));
	return true;
}

static void content(struct client *c)
{
	const struct view octets = mail_octets(c->mail);
	c->step = STEP_CONTENT;
	c->mail->attempts++;
	if (c->mail->bdat)
		text_add(&c->out, "BDAT {} LAST\r\n", text_number(octets.length));
	buffer_add(&c->out, octets); /* no line begins with a dot */
	if (!c->mail->bdat)
		buffer_add(&c->out, VIEW(".\r\n"));
}

static void quit(struct client *c)
{
	c->step = STEP_QUIT;
	buffer_add(&c->out, VIEW("QUIT\r\n"));
}

/* The mail has its answer; on with the next one. */
static void answered(struct world *w, struct client *c, unsigned code)
{
	struct mail *m = c->mail;
	world_say(w, "mail %u: %u", m->number, code);
	if (code == 250) {
		m->accepted++;
		m->state = MAIL_ACCEPTED;
	} else {
		try_again(w, m);
	}
	c->mail = ++c->done < MAILS_EACH ? due_mail(w, m->leaves) : NULL;
	if (c->mail) {
		c->mail->state = MAIL_SENDING;
		begin_mail(c);
	} else {
		quit(c);
	}
}

/* The same for a host that sends as a user: what it is told at RCPT is all there is to it. */
static void replied_try(struct world *w, struct client *c, unsigned code)
{
	if (c->step == STEP_RCPT)
		judge_rcpt(w, c->try, code);
	if (c->step == STEP_QUIT)
		return;
	if (code >= 400 || c->step == STEP_RCPT) {
		quit(c);
	} else if (c->step == STEP_GREETING) {
		c->step = STEP_EHLO;
		buffer_add(&c->out, VIEW("EHLO client.remote.test\r\n"));
	} else if (c->step == STEP_EHLO) {
		c->step = STEP_MAIL;
		text_add(&c->out, "MAIL FROM:<{}@example.test>\r\n",
			text_string(world_mailbox(c->try->user)));
	} else {
		c->step = STEP_RCPT;
		c->try->said_ms = w->script.monotonic_us / 1000;
		buffer_add(&c->out, VIEW("RCPT TO:<friend@other.test>\r\n"));
	}
}

/* What a final reply line leads to. */
static void replied(struct world *w, struct client *c, unsigned code)
{
	if (c->try) {
		replied_try(w, c, code);
		return;
	}
	if (code >= 500)
		world_trouble(w, "mail %u was refused for good: %u in step %d",
			c->mail ? c->mail->number : 0, code, (int)c->step);
	if (code >= 400 && c->mail) {
		if (c->step == STEP_CONTENT) {
			answered(w, c, code);
			return;
		}
		try_again(w, c->mail);
		c->mail = NULL;
		quit(c);
		return;
	}
	switch (c->step) {
	case STEP_GREETING:
		c->step = STEP_EHLO;
		buffer_add(&c->out, VIEW("EHLO client.remote.test\r\n"));
		return;
	case STEP_EHLO:
		begin_mail(c);
		return;
	case STEP_MAIL:
	case STEP_RCPT:
		if (more_recipients(c))
			return;
		if (c->mail->bdat) {
			content(c);
			return;
		}
		c->step = STEP_DATA;
		buffer_add(&c->out, VIEW("DATA\r\n"));
		return;
	case STEP_DATA:
		content(c);
		return;
	case STEP_CONTENT:
		answered(w, c, code);
		return;
	case STEP_QUIT:
		return;
	}
}

static void read_replies(struct world *w, struct client *c)
{
	struct view line, rest;
	while (view_split(buffer_view(&c->in), '\n', &line, &rest)) {
		unsigned code = 0;
		const bool is_last = view_at(line, 3) == ' ';
		for (size_t i = 0; i < 3; i++)
			code = code * 10 + (unsigned)(view_at(line, i) - '0');
		buffer_drop(&c->in, line.length + 1);
		if (is_last)
			replied(w, c, code);
	}
}

/* --- what can happen ----------------------------------------------------------------------- */

/* A client chooses itself what it does, when its turn has come. */
static void never(void *context, unsigned what)
{
	(void)context;
	(void)what;
}

static void begin(struct world *w, size_t at, int fd, struct mail *m, struct try *t)
{
	struct client *c = calloc(1, sizeof *c);
	*c = (struct client){.fd = fd,
		.watch = watch_new(w->client_loop, fd, never, NULL),
		.mail = m,
		.try = t,
		.since_us = w->script.monotonic_us,
		.out = buffer_new(4 << 20),
		.in = buffer_new(65536)};
	watch_want(c->watch, WATCH_READ);
	if (m)
		m->state = MAIL_SENDING;
	else
		t->state = TRY_SENDING;
	w->clients[at] = c;
}

void clients_begin(struct world *w)
{
	struct try *t = popkey_due_try(w);
	struct mail *m = t ? NULL : due_mail(w, false);
	if (!t && !m)
		m = due_mail(w, true);
	for (size_t i = 0; (t || m) && i < CLIENTS_MAX; i++) {
		if (w->clients[i])
			continue;
		const unsigned client = t	    ? t->client
					: m->leaves ? CLIENT_INSIDE
						    : (unsigned)world_draw(w, CLIENT_INSIDE);
		const int fd = world_dial(w, (uint32_t)world_draw(w, SMTPD_WORKERS), client);
		if (fd >= 0)
			begin(w, i, fd, m, t);
		else if (t)
			t->state = TRY_OVER;
		else
			try_again(w, m);
		return;
	}
}

/* Who has something to say can always try. */
static bool can_talk(const struct client *c)
{
	return c && (c->out.length || watch_script_is_ready(c->watch));
}

size_t clients_events(struct world *w)
{
	size_t count = 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (w->clients[i] && w->script.monotonic_us - w->clients[i]->since_us > GIVES_UP_US)
			hang_up(w, i);
	}
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		count += can_talk(w->clients[i]);
	return count;
}

static void talk(struct world *w, size_t at)
{
	struct client *c = w->clients[at];
	uint8_t octets[4096];
	if (!w->is_healing && !w->is_quiet && world_draw(w, 400) == 0) {
		hang_up(w, at);
		return;
	}
	const bool is_ready = watch_script_is_ready(c->watch);
	const ssize_t got = is_ready ? recv(c->fd, octets, sizeof octets, 0) : -1;
	if (got > 0) {
		buffer_add(&c->in, view_of(octets, (size_t)got));
		read_replies(w, c);
		return;
	}
	if (got == 0) {
		hang_up(w, at);
		return;
	}
	const size_t some = 1 + world_draw(w, c->out.length > 8192 ? 60000 : 2000);
	const struct view part = view_first(buffer_view(&c->out), some);
	const ssize_t sent = part.length ? send(c->fd, part.at, part.length, MSG_NOSIGNAL) : 0;
	if (sent > 0)
		buffer_drop(&c->out, (size_t)sent);
	else if (sent < 0)
		w->script.monotonic_us += 1000; /* the other side is slow, or gone */
}

void clients_happen(struct world *w, size_t n)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (can_talk(w->clients[i]) && n-- == 0) {
			talk(w, i);
			return;
		}
}

uint64_t clients_due_us(const struct world *w)
{
	uint64_t least = popkey_due_us(w);
	for (unsigned i = 0; i < w->mail_count; i++)
		if (w->mails[i].state == MAIL_WAITING && w->mails[i].due_us < least)
			least = w->mails[i].due_us;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (w->clients[i] && w->clients[i]->since_us + GIVES_UP_US + 1 < least)
			least = w->clients[i]->since_us + GIVES_UP_US + 1;
	return least;
}

void clients_end(struct world *w)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (w->clients[i])
			hang_up(w, i);
}
