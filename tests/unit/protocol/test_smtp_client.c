/*
 * The SMTP client machine against a server that answers well but at one place: every step with every kind
 * of answer, with and without PIPELINING and CHUNKING, in one piece and octet by octet; and what
 * transcripts cannot say well: ten thousand recipients, contents of many sizes, small buffers.
 */
#include "base/text.h"
#include "protocol/smtp_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- a server ---------------------------------------------------------------------------------- */

struct host {
	const char *offers; /* lines of EHLO, each with its CRLF, the last one begins "250 " */
	const char *step; /* the command that gets `answer`; "" for none */
	const char *answer; /* null: the connection is cut */
	bool is_cut;
	bool said_step;
	struct buffer heard; /* commands not yet served */
	struct buffer says;
	struct buffer content; /* of the last mail, as it came (DATA: with dots) */
	uint64_t chunk_left;
	bool in_data;
	bool refuses_ehlo;
	bool refuses_first; /* the recipients of the first mail */
	unsigned mails;
	unsigned rcpts;
};

static void answer(struct host *h, const char *step, const char *good)
{
	if (h->said_step || strcmp(step, h->step) != 0) {
		buffer_add(&h->says, view_text(good));
		return;
	}
	h->said_step = true;
	h->is_cut = h->answer == NULL;
	buffer_add(&h->says, view_text(h->answer));
}

static void hear_command(struct host *h, struct view line)
{
	uint32_t n = 0;
	if (view_starts(line, VIEW("EHLO")) && h->refuses_ehlo) {
		buffer_add(&h->says, VIEW("502 what?\r\n"));
	} else if (view_starts(line, VIEW("EHLO"))) {
		answer(h, "EHLO", h->offers);
	} else if (view_starts(line, VIEW("HELO"))) {
		answer(h, "HELO", "250 mx.example\r\n");
	} else if (view_equal(line, VIEW("STARTTLS"))) {
		answer(h, "STARTTLS", "220 go\r\n");
	} else if (view_starts(line, VIEW("AUTH"))) {
		answer(h, "AUTH", "235 welcome\r\n");
	} else if (view_equal(line, VIEW("RSET"))) {
		answer(h, "RSET", "250 ok\r\n");
	} else if (view_starts(line, VIEW("MAIL FROM:<"))) {
		h->mails++;
		buffer_clear(&h->content);
		answer(h, "MAIL", "250 ok\r\n");
	} else if (view_starts(line, VIEW("RCPT TO:<"))) {
		h->rcpts++;
		if (h->refuses_first && h->mails == 1)
			buffer_add(&h->says, VIEW("550 no\r\n"));
		else
			answer(h, "RCPT", "250 ok\r\n");
	} else if (view_equal(line, VIEW("DATA"))) {
		const size_t before = h->says.length;
		answer(h, "DATA", h->refuses_first && h->mails == 1 ? "503 no\r\n" : "354 go\r\n");
		h->in_data = view_starts(view_from(buffer_view(&h->says), before), VIEW("354 "));
	} else if (view_starts(line, VIEW("BDAT ")) && view_ends(line, VIEW(" LAST")) &&
		   view_to_u32(view_part(line, 5, line.length - 10), UINT32_MAX, &n)) {
		h->chunk_left = n;
		if (n == 0)
			answer(h, "CONTENT", "250 taken\r\n");
	} else if (view_equal(line, VIEW("QUIT"))) {
		answer(h, "QUIT", "221 bye\r\n");
	} else {
		fail_msg("the client said: %.*s", (int)line.length, (const char *)line.at);
	}
}

/* Takes one thing off what was heard; false when there is none whole. */
static bool hear(struct host *h)
{
	const struct view v = buffer_view(&h->heard);
	if (h->chunk_left && v.length) {
		const size_t n = v.length < h->chunk_left ? v.length : (size_t)h->chunk_left;
		buffer_add(&h->content, view_first(v, n));
		h->chunk_left -= n;
		if (h->chunk_left == 0)
			answer(h, "CONTENT", "250 taken\r\n");
		buffer_drop(&h->heard, n);
		return true;
	}
	const size_t end = view_search(v, VIEW("\r\n"));
	if (end == VIEW_NOT_FOUND)
		return false;
	const struct view line = view_first(v, end);
	if (h->in_data && view_equal(line, VIEW("."))) {
		h->in_data = false;
		answer(h, "CONTENT", "250 taken\r\n");
	} else if (h->in_data) {
		buffer_add(&h->content, view_first(v, end + 2));
	} else {
		hear_command(h, line);
	}
	buffer_drop(&h->heard, end + 2);
	return true;
}

/* --- an owner ---------------------------------------------------------------------------------- */

struct drive {
	struct host host;
	struct smtp_client *client;
	struct smtp_client_mail mails[2];
	unsigned given;
	unsigned count;
	struct buffer in;
	struct buffer out;
	struct view content;
	size_t content_at;
	size_t piece; /* octets fed at once; 0: all */
	enum smtp_client_outcome outcome; /* of the first recipient of the last mail */
	enum smtp_client_outcome second;
};

static void send_out(struct drive *d)
{
	buffer_add(&d->host.heard, buffer_view(&d->out));
	buffer_clear(&d->out);
	while (!d->host.is_cut && hear(&d->host))
		;
}

static void feed(struct drive *d)
{
	if (d->host.says.length == 0 && d->host.is_cut) {
		smtp_client_gone(d->client, "cut", 0);
		return;
	}
	assert_true(d->host.says.length > 0);
	const size_t n = d->piece ? d->piece : d->host.says.length;
	buffer_add(&d->in, view_first(buffer_view(&d->host.says), n));
	buffer_drop(&d->host.says, n);
}

static void give_content(struct drive *d)
{
	const struct view rest = view_from(d->content, d->content_at);
	struct cursor c = cursor_of(rest);
	smtp_client_content(d->client, &c, &d->out);
	d->content_at += c.at;
	send_out(d);
}

static void give_mail(struct drive *d)
{
	d->content_at = 0;
	if (d->given < d->count) {
		struct smtp_client_mail *gone_soon = memory_new(1, sizeof *gone_soon);
		*gone_soon = d->mails[d->given++];
		smtp_client_mail(d->client, gone_soon);
		memory_free(gone_soon);
	} else {
		smtp_client_quit(d->client);
	}
}

static void take_results(struct drive *d)
{
	const struct smtp_client_mail *mail = &d->mails[d->given - 1];
	d->outcome = smtp_client_result(d->client, 0)->outcome;
	if (mail->recipient_count > 1)
		d->second = smtp_client_result(d->client, 1)->outcome;
	for (uint32_t i = 0; i < mail->recipient_count; i++)
		assert_true(smtp_client_result(d->client, i)->outcome != SMTP_CLIENT_PENDING);
}

/* False at the end. */
static bool turn(struct drive *d)
{
	struct cursor in = cursor_of(buffer_view(&d->in));
	const enum smtp_client_want want = smtp_client_step(d->client, &in, &d->out);
	buffer_drop(&d->in, in.at);
	send_out(d);
	switch (want) {
	case SMTP_CLIENT_WANT_INPUT:
		feed(d);
		break;
	case SMTP_CLIENT_WANT_OUTPUT:
		break;
	case SMTP_CLIENT_WANT_TLS:
		smtp_client_tls_started(d->client);
		break;
	case SMTP_CLIENT_WANT_MAIL:
		give_mail(d);
		break;
	case SMTP_CLIENT_WANT_CONTENT:
		give_content(d);
		break;
	case SMTP_CLIENT_WANT_RESULTS:
		take_results(d);
		break;
	case SMTP_CLIENT_WANT_CLOSE:
		return false;
	}
	return true;
}

static void run(struct drive *d)
{
	unsigned turns = 0;
	while (turn(d))
		assert_true(turns++ < 1000000);
}

static const struct smtp_client_recipient two[] = {
	{.forward_path = VIEW("r1@mx.example")}, {.forward_path = VIEW("r2@mx.example")}};

static void start(struct drive *d, const struct smtp_client_settings *settings, struct view content)
{
	d->content = content;
	d->in = buffer_new(1u << 20);
	d->out = buffer_new(SMTP_CLIENT_OUTPUT_MIN);
	d->host.heard = buffer_new(1u << 24);
	d->host.says = buffer_new(1u << 24);
	d->host.content = buffer_new(1u << 24);
	d->client = smtp_client_new(settings);
	answer(&d->host, "CONNECT", "220 mx.example ESMTP\r\n");
	for (unsigned i = 0; i < 2; i++)
		if (d->mails[i].recipient_count == 0)
			d->mails[i] =
				(struct smtp_client_mail){.reverse_path = VIEW("a@example.test"),
					.size_octets = content.length,
					.recipients = two,
					.recipient_count = 2};
	if (d->count == 0)
		d->count = 1;
}

static void stop(struct drive *d)
{
	smtp_client_free(&d->client);
	buffer_free(&d->in);
	buffer_free(&d->out);
	buffer_free(&d->host.heard);
	buffer_free(&d->host.says);
	buffer_free(&d->host.content);
}

/* --- every step, every answer ------------------------------------------------------------------ */

static const char *const answers[] = {"250 ok\r\n", "250-2.0.0 it\r\n250 2.0.0 is\r\n",
	"354 go\r\n", "450 4.1.1 not now\r\n", "550-5.1.1 not\r\n550 5.1.1 ever\r\n",
	"421 4.3.2 going\r\n", "hello\r\n", "250-a\r\n550 b\r\n", "250 a\nb\r\n", "\r\n", NULL};
#define ANSWERS (sizeof answers / sizeof answers[0])

/* Per answer: what becomes of the first recipient (Sent, Refused, Later, X lost, Uncertain, - no mail was
 * given), and how the connection ends (Quit, Refused, Closing, Tls, A login, Gone, Nonsense). */
static const struct {
	const char *step;
	const char *expected[ANSWERS];
} table[] = {
	{"CONNECT", {"SQ", "SQ", "-N", "-R", "-R", "-C", "-N", "-N", "-N", "-N", "-G"}},
	{"EHLO", {"SQ", "SQ", "-N", "-R", "SQ", "-C", "-N", "-N", "-N", "-N", "-G"}},
	{"HELO", {"SQ", "SQ", "-N", "-R", "-R", "-C", "-N", "-N", "-N", "-N", "-G"}},
	{"STARTTLS", {"SQ", "SQ", "-N", "SQ", "SQ", "-C", "-N", "-N", "-N", "-N", "-G"}},
	{"AUTH", {"-N", "-N", "-N", "-A", "-A", "-C", "-N", "-N", "-N", "-N", "-G"}},
	{"RSET", {"SQ", "SQ", "XN", "XR", "XR", "LC", "XN", "XN", "XN", "XN", "XG"}},
	{"MAIL", {"SQ", "SQ", "XN", "LQ", "RQ", "LC", "XN", "XN", "XN", "XN", "XG"}},
	{"RCPT", {"SQ", "SQ", "XN", "LQ", "RQ", "LC", "XN", "XN", "XN", "XN", "XG"}},
	{"DATA", {"XN", "XN", "SQ", "LQ", "RQ", "LC", "XN", "XN", "XN", "XN", "XG"}},
	{"CONTENT", {"SQ", "SQ", "UN", "LQ", "RQ", "LC", "UN", "UN", "UN", "UN", "UG"}},
	{"QUIT", {"SQ", "SQ", "SQ", "SQ", "SQ", "SQ", "SN", "SN", "SN", "SN", "SQ"}},
};

static char outcome_letter(const struct drive *d)
{
	static const char letters[] = "?SRLAXU";
	return d->given < d->count ? '-' : letters[d->outcome];
}

static char end_letter(const struct drive *d)
{
	static const char letters[] = "?QRCTAGNX";
	return letters[smtp_client_end(d->client)->kind];
}

/* The expected letters, where the content had left together with the envelope: then nobody knows. */
static char expected_outcome(const char *step, const char *expected, bool is_eager)
{
	const bool is_envelope =
		strcmp(step, "RSET") == 0 || strcmp(step, "MAIL") == 0 || strcmp(step, "RCPT") == 0;
	return is_eager && is_envelope && expected[0] == 'X' ? 'U' : expected[0];
}

static void check_one(size_t step, size_t which, unsigned offers, size_t piece)
{
	const char *name = table[step].step;
	char text[400];
	snprintf(text, sizeof text,
		"250-mx.example\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n%s%s250 SIZE\r\n",
		offers & 1 ? "250-PIPELINING\r\n" : "", offers & 2 ? "250-CHUNKING\r\n" : "");
	struct drive d = {.host = {.offers = text,
				  .step = name,
				  .answer = answers[which],
				  .refuses_ehlo = strcmp(name, "HELO") == 0,
				  .refuses_first = strcmp(name, "RSET") == 0},
		.count = strcmp(name, "RSET") == 0 ? 2 : 1,
		.piece = piece};
	struct smtp_client_settings settings = {.name = VIEW("mail.example.test")};
	if (strcmp(name, "STARTTLS") == 0)
		settings.tls = SMTP_CLIENT_TLS_MAY;
	if (strcmp(name, "AUTH") == 0) {
		settings.user = VIEW("hana");
		settings.password = VIEW("secret");
		settings.login_in_clear = true;
	}
	start(&d, &settings, VIEW("Subject: x\r\n\r\n.x\r\n"));
	run(&d);
	const char *expected = table[step].expected[which];
	const char outcome = expected_outcome(name, expected, offers == 3);
	if (outcome_letter(&d) != outcome || end_letter(&d) != expected[1])
		fail_msg("%s answered `%s` (offers %u, %zu at once): %c%c, not %c%c: %s", name,
			answers[which] ? answers[which] : "cut", offers, piece, outcome_letter(&d),
			end_letter(&d), outcome, expected[1],
			(const char *)smtp_client_end(d.client)->said.text.at);
	/* only the first RCPT was answered so */
	if (strcmp(name, "RCPT") == 0 && strchr("LR", outcome) && expected[1] == 'Q')
		assert_int_equal(d.second, SMTP_CLIENT_SENT);
	stop(&d);
}

static void test_every_answer(void **state)
{
	/* protects: no answer of a server at any step is misread, and each recipient has its result */
	(void)state;
	for (size_t step = 0; step < sizeof table / sizeof table[0]; step++)
		for (size_t which = 0; which < ANSWERS; which++)
			for (unsigned offers = 0; offers < 4; offers++)
				for (size_t piece = 0; piece < 2; piece++)
					if (!(offers & 2) || strcmp(table[step].step, "DATA") != 0)
						check_one(step, which, offers, piece);
}

/* --- much of it -------------------------------------------------------------------------------- */

static void test_many_recipients(void **state)
{
	/* protects: ten thousand recipients go through a small output buffer, each asked once */
	(void)state;
	static char names[10000][24];
	static struct smtp_client_recipient many[10000];
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(names[i], sizeof names[i], "r%u@mx.example", i);
		many[i] = (struct smtp_client_recipient){.forward_path = view_text(names[i])};
	}
	const struct smtp_client_settings settings = {.name = VIEW("mail.example.test")};
	struct drive d = {.host = {.offers = "250-mx.example\r\n250 PIPELINING\r\n", .step = ""},
		.mails[0] = {.recipients = many, .recipient_count = 10000, .size_octets = 3}};
	start(&d, &settings, VIEW("x\r\n"));
	run(&d);
	assert_int_equal(d.host.rcpts, 10000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(smtp_client_result(d.client, i)->outcome, SMTP_CLIENT_SENT);
	stop(&d);
}

static struct view made_content(struct buffer *b, size_t octets)
{
	uint32_t seed = 7;
	while (b->length + 2 < octets) {
		seed = seed * 1664525u + 1013904223u;
		const unsigned kind = seed >> 29;
		buffer_add(b, kind == 0 && b->length + 4 < octets ? VIEW("\r\n")
			      : kind < 3			  ? VIEW(".")
								  : VIEW("x"));
	}
	buffer_add(b, VIEW("\r\n"));
	return buffer_view(b);
}

/* RFC 5321 §4.5.2 backwards. */
static void unstuff(struct view v, struct buffer *to)
{
	while (v.length) {
		const size_t end = view_find(v, '\n') + 1;
		const struct view line = view_first(v, end);
		buffer_add(to, view_at(line, 0) == '.' ? view_from(line, 1) : line);
		v = view_from(v, end);
	}
}

static void check_content(size_t octets, const char *offers, bool has_dots)
{
	const struct smtp_client_settings settings = {.name = VIEW("mail.example.test")};
	struct drive d = {.host = {.offers = offers, .step = ""}};
	struct buffer made = buffer_new(octets + 16);
	struct buffer read = buffer_new(octets + 16);
	start(&d, &settings, made_content(&made, octets));
	run(&d);
	assert_int_equal(d.outcome, SMTP_CLIENT_SENT);
	if (has_dots)
		unstuff(buffer_view(&d.host.content), &read);
	else
		buffer_add(&read, buffer_view(&d.host.content));
	assert_true(view_equal(buffer_view(&read), buffer_view(&made)));
	buffer_free(&made);
	buffer_free(&read);
	stop(&d);
}

static void test_content(void **state)
{
	/* protects: contents of all sizes arrive as they were, by DATA and by BDAT, eager or not */
	(void)state;
	const size_t sizes[] = {2, 3, 100, SMTP_CLIENT_EAGER_MAX - 1, SMTP_CLIENT_EAGER_MAX,
		SMTP_CLIENT_EAGER_MAX + 1, 3000000};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		check_content(sizes[i], "250-mx.example\r\n250 PIPELINING\r\n", true);
		check_content(sizes[i], "250 mx.example\r\n", true);
		check_content(
			sizes[i], "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n", false);
		check_content(sizes[i], "250-mx.example\r\n250 CHUNKING\r\n", false);
	}
}

static void test_gone_full(void **state)
{
	/* protects: a connection that dies with a full buffer ends, though nothing leaves it any more */
	(void)state;
	const struct smtp_client_settings settings = {.name = VIEW("mail.example.test")};
	struct drive d = {.host = {.offers = "250-mx.example\r\n250 CHUNKING\r\n", .step = ""}};
	struct buffer made = buffer_new(100016);
	struct cursor none = cursor_of(VIEW_NONE);
	start(&d, &settings, made_content(&made, 100000));
	while (smtp_client_state(d.client) != SMTP_CLIENT_STATE_CONTENT)
		turn(&d);
	/* octets pile up: nobody takes them */
	struct cursor content = cursor_of(d.content);
	for (unsigned i = 0; smtp_client_step(d.client, &none, &d.out) != SMTP_CLIENT_WANT_OUTPUT;
		i++) {
		assert_true(i < 100);
		smtp_client_content(d.client, &content, &d.out);
	}
	smtp_client_gone(d.client, "cut", d.out.length);
	assert_int_equal(smtp_client_step(d.client, &none, &d.out), SMTP_CLIENT_WANT_RESULTS);
	assert_int_equal(smtp_client_result(d.client, 0)->outcome, SMTP_CLIENT_LOST);
	assert_int_equal(smtp_client_step(d.client, &none, &d.out), SMTP_CLIENT_WANT_CLOSE);
	buffer_free(&made);
	stop(&d);
}

static void test_size(void **state)
{
	/* protects: an idle session is small, and holds nothing of the mails before */
	(void)state;
	const struct smtp_client_settings settings = {.name = VIEW("mail.example.test")};
	struct smtp_client *c = smtp_client_new(&settings);
	struct buffer out = buffer_new(SMTP_CLIENT_OUTPUT_MIN);
	struct cursor in = cursor_of(VIEW("220 mx.example\r\n"));
	assert_int_equal(smtp_client_step(c, &in, &out), SMTP_CLIENT_WANT_INPUT);
	assert_true(view_equal(smtp_client_facts(c)->name, VIEW("mx.example")));
	assert_int_equal(smtp_client_mails(c), 0);
	assert_int_equal(smtp_client_state(c), SMTP_CLIENT_STATE_EHLO);
	smtp_client_free(&c);
	assert_null(c);
	smtp_client_free(&c);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_answer),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_gone_full),
		cmocka_unit_test(test_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
