/* Drives one SMTP server session for unit tests: an owner that says yes, and remembers. */
#ifndef TESTS_SMTP_DRIVE_H
#define TESTS_SMTP_DRIVE_H

#include "protocol/smtp_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct drive {
	struct smtp_config config;
	struct smtp_facts facts;
	struct smtp_server server;
	struct buffer in;
	struct buffer out; /* all replies so far */
	struct buffer part; /* content buffer */
	struct buffer content; /* of the mail that comes or came last */
	unsigned commits;
	unsigned drops;
	bool closed;
	const char *rule; /* of the last note */
};

static inline struct drive *drive_new(const struct smtp_limits *limits)
{
	struct drive *d = calloc(1, sizeof *d);
	d->config.servername = VIEW("mail.example.test");
	d->config.limits = limits ? *limits : smtp_limits_default();
	d->facts.tls_offered = true;
	d->in = buffer_new(64u << 20);
	d->out = buffer_new(64u << 20);
	d->part = buffer_new(65536);
	d->content = buffer_new(64u << 20);
	d->server = smtp_server_new(&d->config, &d->facts);
	return d;
}

static inline void drive_free(struct drive *d)
{
	smtp_server_free(&d->server);
	buffer_free(&d->in);
	buffer_free(&d->out);
	buffer_free(&d->part);
	buffer_free(&d->content);
	free(d);
}

static inline void drive_answer(struct drive *d)
{
	const struct smtp_ask *ask = smtp_server_ask(&d->server);
	const struct smtp_answer yes = {.verdict = SMTP_ACCEPT, .content = &d->part, .tag = 7};
	if (ask->kind == SMTP_ASK_CONTENT)
		buffer_clear(&d->content);
	d->commits += ask->kind == SMTP_ASK_COMMIT;
	smtp_server_answer(&d->server, &yes);
}

/* Steps until the machine waits for the client, for TLS, or has closed. */
static inline void drive_run(struct drive *d)
{
	for (;;) {
		struct cursor c = cursor_of(buffer_view(&d->in));
		const enum smtp_want want = smtp_server_step(&d->server, &c, &d->out);
		buffer_drop(&d->in, c.at);
		buffer_add(&d->content, buffer_view(&d->part));
		buffer_clear(&d->part);
		d->drops += want == SMTP_WANT_DROP;
		if (want == SMTP_WANT_NOTE)
			d->rule = smtp_server_said(&d->server)->rule;
		if (want == SMTP_WANT_ANSWER)
			drive_answer(d);
		d->closed = want == SMTP_WANT_CLOSE;
		if (want == SMTP_WANT_INPUT || want == SMTP_WANT_TLS || d->closed)
			return;
	}
}

static inline void drive_view(struct drive *d, struct view v)
{
	buffer_add(&d->in, v);
	drive_run(d);
}

static inline void drive_say(struct drive *d, const char *text)
{
	drive_view(d, view_text(text));
}

/* The same, octet by octet. */
static inline void drive_slowly(struct drive *d, struct view v)
{
	for (size_t i = 0; i < v.length && !d->closed; i++)
		drive_view(d, view_part(v, i, 1));
}

/* The first three digits of the last reply. */
static inline int drive_code(const struct drive *d)
{
	const struct view all = view_first(buffer_view(&d->out), d->out.length - 2);
	const size_t at = view_find_last(all, '\n');
	uint32_t code = 0;
	const size_t from = at == VIEW_NOT_FOUND ? 0 : at + 1;
	return view_to_u32(view_part(all, from, 3), 999, &code) ? (int)code : -1;
}

/* Up to the 354. */
static inline void drive_to_data(struct drive *d)
{
	drive_run(d);
	drive_say(d, "EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\n"
		     "RCPT TO:<hana@example.test>\r\nDATA\r\n");
	assert_int_equal(drive_code(d), 354);
}

#endif
