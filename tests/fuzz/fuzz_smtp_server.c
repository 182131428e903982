/*
 * The SMTP server machine against any client: the input is a seed for the owner (8 octets) and what
 * the client sends. The seed decides how input is cut, how small the content buffer is, and what the
 * owner answers. Held to: replies are lines of at most 512 octets; content has no bare CR, LF or NUL;
 * what is committed is what a plain reference decoder reads; every step moves on or says what lacks.
 */
#include "protocol/smtp_server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct fuzz {
	struct smtp_server server;
	struct buffer out;
	struct buffer part;
	struct buffer content;
	struct view input; /* all of it */
	size_t at; /* consumed */
	size_t content_at; /* consumed when CONTENT was asked */
	uint64_t random;
	bool is_open; /* the stream */
};

static unsigned roll(struct fuzz *f, unsigned sides)
{
	f->random = f->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(f->random >> 33) % sides;
}

static void check_replies(struct fuzz *f)
{
	struct view rest = buffer_view(&f->out);
	must(!buffer_failed(&f->out));
	while (rest.length) {
		const size_t end = view_search(rest, VIEW("\r\n"));
		must(end != VIEW_NOT_FOUND);
		const struct view line = view_first(rest, end);
		/* a 334 may be long (RFC 4954 §4); all else obeys RFC 5321 §4.5.3.1.5 */
		must(end + 2 <= REPLY_LINE_MAX || view_starts(line, VIEW("334 ")));
		must(end >= 4 && (line.at[3] == ' ' || line.at[3] == '-'));
		for (size_t i = 0; i < line.length; i++)
			must(line.at[i] >= 0x20 && line.at[i] != 0x7f);
		rest = view_from(rest, end + 2);
	}
	buffer_clear(&f->out);
}

static void drain(struct fuzz *f)
{
	must(f->part.length == 0 || f->is_open);
	buffer_add(&f->content, buffer_view(&f->part));
	buffer_clear(&f->part);
}

static void check_lines(struct view v)
{
	for (size_t i = 0; i < v.length; i++) {
		must(v.at[i] != 0);
		must(v.at[i] != '\r' || view_at(v, i + 1) == '\n');
		must(v.at[i] != '\n' || (i && v.at[i - 1] == '\r'));
	}
	must(v.length == 0 || view_ends(v, VIEW("\r\n")));
}

/* RFC 5321 §4.5.2, line by line, on what stood between 354 and here. */
static void reference_data(struct view raw, struct buffer *b)
{
	for (;;) {
		const size_t end = view_search(raw, VIEW("\r\n"));
		must(end != VIEW_NOT_FOUND);
		struct view line = view_first(raw, end);
		raw = view_from(raw, end + 2);
		if (view_equal(line, VIEW(".")))
			break;
		buffer_add(b, view_at(line, 0) == '.' ? view_from(line, 1) : line);
		buffer_add(b, VIEW("\r\n"));
	}
	must(raw.length == 0);
}

/* RFC 3030: the chunks of every BDAT in `raw`, which begins with the first. */
static void reference_bdat(struct view raw, struct buffer *b)
{
	while (raw.length) {
		const size_t end = view_search(raw, VIEW("\r\n"));
		must(end != VIEW_NOT_FOUND);
		const struct view line = view_first(raw, end);
		raw = view_from(raw, end + 2);
		if (!view_starts_nocase(line, VIEW("BDAT ")))
			continue;
		uint64_t n = 0;
		for (size_t i = 5; octet_is_digit(view_at(line, i)); i++)
			n = n * 10 + (line.at[i] - '0');
		must(n <= raw.length);
		buffer_add(b, view_first(raw, n));
		raw = view_from(raw, n);
	}
	if (b->length && !view_ends(buffer_view(b), VIEW("\r\n")))
		buffer_add(b, VIEW("\r\n"));
}

static void check_commit(struct fuzz *f, const struct smtp_mail *mail)
{
	struct buffer want = buffer_new(1u << 22);
	size_t from = f->content_at;
	if (mail->is_bdat) { /* back to the start of the BDAT line that was just consumed */
		const struct view before = view_first(f->input, from - 2);
		from = view_find_last(before, '\n') + 1;
	}
	const struct view raw = view_part(f->input, from, f->at - from);
	must(f->is_open && mail->recipients > 0);
	if (mail->is_bdat)
		reference_bdat(raw, &want);
	else
		reference_data(raw, &want);
	must(view_equal(buffer_view(&want), buffer_view(&f->content)));
	must(mail->content_octets == f->content.length);
	check_lines(buffer_view(&f->content));
	buffer_free(&want);
}

static void answer(struct fuzz *f)
{
	static const struct reply refusals[] = {
		REPLY(550, 5, 7, 1, "fuzz", "No\r\n250 smuggled"),
		REPLY(451, 4, 3, 0, "fuzz", "Later"),
		REPLY(421, 4, 3, 2, "fuzz", "Gone"),
		{.code = 0},
	};
	const struct smtp_ask *ask = smtp_server_ask(&f->server);
	struct smtp_answer a = {.verdict = SMTP_ACCEPT, .content = &f->part};
	const bool is_auth = ask->kind == SMTP_ASK_AUTH || ask->kind == SMTP_ASK_AUTH_STEP;
	if (is_auth && roll(f, 2)) {
		a.verdict = SMTP_CHALLENGE;
		a.challenge = view_first(f->input, roll(f, 20000));
	} else if (roll(f, 12) == 0) {
		a.verdict = SMTP_REFUSE;
		a.reply = refusals[roll(f, 4)];
		a.close = roll(f, 8) == 0;
	}
	if (ask->kind == SMTP_ASK_COMMIT) {
		check_commit(f, ask->mail);
		f->is_open = false;
	}
	if (ask->kind == SMTP_ASK_CONTENT) {
		must(!f->is_open);
		f->is_open = a.verdict == SMTP_ACCEPT;
		f->content_at = f->at;
		buffer_clear(&f->content);
	}
	smtp_server_answer(&f->server, &a);
}

/* Shows a piece of any size, or, as a client that waits for replies does, one line: else nothing
 * would ever follow DATA in time. */
static size_t more_input(struct fuzz *f, size_t seen)
{
	const size_t line = view_find(view_from(f->input, seen), '\n');
	if (line != VIEW_NOT_FOUND && roll(f, 8))
		return seen + line + 1;
	seen += 1 + roll(f, roll(f, 2) ? 4 : 400);
	return seen < f->input.length ? seen : f->input.length;
}

/* Runs to the end of the input or of the session; every step must move. */
static void run(struct fuzz *f)
{
	size_t seen = 0;
	unsigned idle = 0;
	for (;;) {
		struct cursor c = cursor_of(view_part(f->input, f->at, seen - f->at));
		const enum smtp_want want = smtp_server_step(&f->server, &c, &f->out);
		idle = c.at ? 0 : idle + 1;
		must(idle < 64);
		f->at += c.at;
		drain(f);
		check_replies(f);
		switch (want) {
		case SMTP_WANT_INPUT:
			must(seen - f->at < SMTP_SERVER_INPUT_MIN);
			if (seen == f->input.length)
				return;
			seen = more_input(f, seen);
			idle = 0;
			break;
		case SMTP_WANT_ANSWER:
			answer(f);
			break;
		case SMTP_WANT_DROP:
			must(f->is_open);
			f->is_open = false;
			break;
		case SMTP_WANT_TLS: {
			struct smtp_facts facts = f->server.facts;
			facts.tls_active = true;
			smtp_server_tls_started(&f->server, &facts);
			break;
		}
		case SMTP_WANT_CLOSE:
			must(!f->is_open);
			return;
		case SMTP_WANT_OUTPUT:
		case SMTP_WANT_CONTENT:
		case SMTP_WANT_NOTE:
			break;
		}
		if (roll(f, 5000) == 0)
			smtp_server_stop(&f->server, SMTP_STOP_TIMEOUT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8 || size > 1u << 20)
		return 0;
	struct fuzz *f = calloc(1, sizeof *f);
	struct smtp_config config = {
		.servername = VIEW("mail.example.test"), .limits = smtp_limits_default()};
	for (size_t i = 0; i < 8; i++)
		f->random = f->random << 8 | data[i];
	const struct smtp_facts facts = {.is_inside = roll(f, 2),
		.is_loopback = roll(f, 2),
		.tls_offered = roll(f, 4) != 0,
		.mechanisms = VIEW("PLAIN SCRAM-SHA-256")};
	const size_t rooms[] = {2, 3, 100, 65536};
	if (roll(f, 2)) {
		config.limits.size_octets = 1 + roll(f, 200);
		config.limits.text_line_octets = 20 + roll(f, 100);
		config.limits.received_fields = roll(f, 3);
		config.limits.header_octets = 1 + roll(f, 200);
		config.limits.recipients = 1 + roll(f, 4);
	}
	f->input = view_of(data + 8, size - 8);
	f->out = buffer_new(SMTP_SERVER_OUTPUT_MIN);
	f->part = buffer_new(rooms[roll(f, 4)]);
	f->content = buffer_new(1u << 22);
	f->server = smtp_server_new(&config, &facts);
	run(f);
	must(f->is_open == smtp_server_is_content_open(&f->server));
	smtp_server_free(&f->server);
	buffer_free(&f->out);
	buffer_free(&f->part);
	buffer_free(&f->content);
	free(f);
	return 0;
}
