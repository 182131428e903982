/*
 * The SMTP client machine against any server: the input is a seed for the owner (8 octets) and what the
 * server sends; of most inputs it sends only every other reply, and sensible ones between, so that mails
 * come to their end, too. The seed decides how input is cut, how small the buffers are, what mails there are and
 * when the owner gives up. Held to: what is said are commands, one a line; content goes out as it is,
 * dots aside; every recipient has one result, which agrees with the code; "again" never stands alone;
 * nothing is said after the end; every step moves on or says what lacks.
 */
#include "protocol/smtp_client.h"

#include <stdlib.h>

#define RECIPIENTS 5
#define COMMANDS 64

struct fuzz {
	struct smtp_client *client;
	struct buffer out;
	struct buffer content;
	size_t content_at;
	struct view input; /* what was not sent yet */
	struct buffer shown; /* what was sent and not consumed */
	unsigned helps; /* of so many replies one is the input's; 1: all */
	char commands[COMMANDS]; /* their first letters, that wait for sensible replies */
	size_t commands_count;
	uint64_t random;
	struct smtp_client_mail mail;
	struct smtp_client_recipient recipients[RECIPIENTS];
	bool is_open; /* a mail was given and has no results yet */
	bool is_gone;
};

static unsigned roll(struct fuzz *f, unsigned sides)
{
	f->random = f->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(f->random >> 33) % sides;
}

/* --- what is said ---------------------------------------------------------------------------- */

static bool is_command(struct view line)
{
	static const struct view verbs[] = {VIEW("EHLO "), VIEW("HELO "), VIEW("AUTH "),
		VIEW("MAIL FROM:<"), VIEW("RCPT TO:<"), VIEW("BDAT ")};
	static const struct view whole[] = {
		VIEW("STARTTLS"), VIEW("RSET"), VIEW("DATA"), VIEW("QUIT"), VIEW("."), VIEW("")};
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (view_starts(line, verbs[i]))
			return true;
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		if (view_equal(line, whole[i]))
			return true;
	return false;
}

static void remember(struct fuzz *f, char letter)
{
	if (f->commands_count < COMMANDS)
		f->commands[f->commands_count++] = letter;
}

static void check_commands(struct fuzz *f, enum smtp_client_state before)
{
	struct view rest = buffer_view(&f->out);
	must(!buffer_failed(&f->out));
	while (rest.length) {
		const size_t end = view_search(rest, VIEW("\r\n"));
		must(end != VIEW_NOT_FOUND && end < 2560);
		const struct view line = view_first(rest, end);
		for (size_t i = 0; i < line.length; i++)
			must(line.at[i] >= 0x20 && line.at[i] != 0x7f);
		must(before == SMTP_CLIENT_STATE_AUTH || is_command(line));
		if (line.length)
			remember(f, (char)line.at[0]);
		rest = view_from(rest, end + 2);
	}
	buffer_clear(&f->out);
}

/* What one call gave: behind a BDAT as it is, else with dots. */
static void check_content(struct fuzz *f, struct view given, bool is_chunk, bool is_first)
{
	struct view sent = buffer_view(&f->out);
	if (is_chunk && is_first && sent.length)
		remember(f, 'B');
	if (is_chunk && is_first)
		sent = view_from(sent, view_search(sent, VIEW("\r\n")) + 2);
	size_t to = 0;
	for (size_t i = 0; i < given.length; i++) {
		const size_t at = f->content_at + i;
		const bool starts = at == 0 || view_at(buffer_view(&f->content), at - 1) == '\n';
		if (!is_chunk && starts && given.at[i] == '.')
			must(view_at(sent, to++) == '.');
		must(view_at(sent, to++) == given.at[i]);
	}
	must(to == sent.length);
	buffer_clear(&f->out);
}

static void check_results(struct fuzz *f)
{
	bool has_other = false;
	bool has_again = false;
	must(f->is_open);
	f->is_open = false;
	for (uint32_t i = 0; i < f->mail.recipient_count; i++) {
		const struct smtp_client_result *r = smtp_client_result(f->client, i);
		const unsigned class = r->said.code / 100;
		has_again |= r->outcome == SMTP_CLIENT_AGAIN;
		has_other |= r->outcome != SMTP_CLIENT_AGAIN;
		must(r->outcome != SMTP_CLIENT_PENDING);
		must(r->outcome != SMTP_CLIENT_SENT || class == 2);
		must(r->outcome != SMTP_CLIENT_REFUSED || class == 5 || class == 0);
		must(class != 2 || r->outcome == SMTP_CLIENT_SENT);
		must(r->said.enhanced.class == 0 || class == 0 || r->said.enhanced.class == class);
		must(r->said.text.length <= SMTP_REPLY_WORDS_MAX);
		for (size_t k = 0; k < r->said.text.length; k++)
			must(r->said.text.at[k] >= 0x20 && r->said.text.at[k] != 0x7f);
	}
	must(has_other || !has_again);
}

/* --- the owner ------------------------------------------------------------------------------- */

static void make_content(struct fuzz *f)
{
	static const struct view parts[] = {VIEW("."), VIEW("\r\n"), VIEW("x"), VIEW("\r\n.\r\n"),
		VIEW("Subject: a line of some length, as they are\r\n"), VIEW("\xc3\xa9")};
	const bool is_ascii = roll(f, 4) != 0;
	buffer_clear(&f->content);
	f->content_at = 0;
	for (unsigned n = roll(f, 2) ? roll(f, 8) : roll(f, 4000); n; n--)
		buffer_add(&f->content, parts[roll(f, is_ascii ? 5 : 6)]);
	if (f->content.length)
		buffer_add(&f->content, VIEW("\r\n"));
}

static void give_mail(struct fuzz *f)
{
	static const struct view paths[] = {VIEW("hana@mx.example"), VIEW("\"a b\"@mx.example"),
		VIEW("taro@[192.0.2.1]"), VIEW("\xe5\xa4\xaa@mx.example"), VIEW("x\r\nRSET")};
	static const struct view values[] = {VIEW("rfc822;hana@mx.example"), VIEW(""), VIEW("a b"),
		VIEW("utf-8;\xe5\xa4\xaa@x")};
	make_content(f);
	f->mail = (struct smtp_client_mail){.reverse_path = roll(f, 4) ? paths[0] : VIEW_NONE,
		.size_octets = f->content.length,
		.is_8bitmime = roll(f, 2),
		.smtputf8 = roll(f, 4) == 0,
		.requiretls = roll(f, 16) == 0,
		.ret = (enum smtp_ret)roll(f, 3),
		.envid = values[roll(f, 4)],
		.recipients = f->recipients,
		.recipient_count = 1 + roll(f, RECIPIENTS)};
	for (uint32_t i = 0; i < f->mail.recipient_count; i++)
		f->recipients[i] = (struct smtp_client_recipient){.forward_path = paths[roll(f, 5)],
			.notify = roll(f, 16),
			.orcpt = values[roll(f, 4)]};
	f->is_open = true;
	smtp_client_mail(f->client, &f->mail);
}

static void give_content(struct fuzz *f)
{
	struct view rest = view_from(buffer_view(&f->content), f->content_at);
	if (roll(f, 4) == 0)
		rest = view_first(rest, 1 + roll(f, 9));
	struct cursor c = cursor_of(rest);
	const bool is_first = smtp_client_state(f->client) == SMTP_CLIENT_STATE_ENVELOPE;
	smtp_client_content(f->client, &c, &f->out);
	check_content(
		f, view_first(rest, c.at), smtp_client_facts(f->client)->has_chunking, is_first);
	f->content_at += c.at;
}

static void be_gone(struct fuzz *f)
{
	f->is_gone = true;
	smtp_client_gone(f->client, "cut", roll(f, 2));
}

/* What a server might well say to the command. */
static struct view sensible(struct fuzz *f, char command)
{
	static const struct view hellos[] = {VIEW("250 mx\r\n"),
		VIEW("250-mx\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
		VIEW("250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 SIZE 9999\r\n"),
		VIEW("250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"),
		VIEW("250-mx\r\n250-CHUNKING\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n"),
		VIEW("250-mx\r\n250-AUTH PLAIN\r\n250 LIMITS RCPTMAX=2 MAILMAX=3\r\n")};
	static const struct view rcpts[] = {VIEW("250 ok\r\n"), VIEW("250 ok\r\n"),
		VIEW("250 2.1.5 ok\r\n"), VIEW("550 5.1.1 no\r\n"), VIEW("452 4.5.3 many\r\n"),
		VIEW("552 many\r\n")};
	switch (command) {
	case 'E':
		return hellos[roll(f, 6)];
	case 'R': /* and RSET */
		return rcpts[roll(f, 6)];
	case 'D':
		return VIEW("354 go\r\n");
	case 'S':
		return VIEW("220 go\r\n");
	case 'A':
		return VIEW("235 in\r\n");
	default:
		return VIEW("250 ok\r\n");
	}
}

static void show_sensible(struct fuzz *f)
{
	buffer_add(&f->shown, sensible(f, f->commands[0]));
	f->commands_count--;
	for (size_t i = 0; i < f->commands_count; i++)
		f->commands[i] = f->commands[i + 1];
}

/* Shows a piece of any size, or, as a server that waits for commands does, one line. */
static void show(struct fuzz *f)
{
	const size_t line = view_find(f->input, '\n');
	if (f->commands_count && roll(f, f->helps)) {
		show_sensible(f);
		return;
	}
	if (f->input.length == 0) {
		be_gone(f);
		return;
	}
	const size_t n = line != VIEW_NOT_FOUND && roll(f, 8) ? line + 1 : 1 + roll(f, 40);
	buffer_add(&f->shown, view_first(f->input, n));
	f->input = view_from(f->input, n);
}

static void handle(struct fuzz *f, enum smtp_client_want want)
{
	switch (want) {
	case SMTP_CLIENT_WANT_INPUT:
		show(f);
		break;
	case SMTP_CLIENT_WANT_TLS:
		smtp_client_tls_started(f->client);
		break;
	case SMTP_CLIENT_WANT_MAIL:
		must(!f->is_open);
		if (roll(f, 8) == 0)
			show(f);
		else if (roll(f, 16) == 0)
			smtp_client_quit(f->client);
		else
			give_mail(f);
		break;
	case SMTP_CLIENT_WANT_CONTENT:
		must(f->is_open);
		if (roll(f, 3) == 0)
			show(f);
		else if (roll(f, 64) == 0)
			smtp_client_content_failed(f->client, "broken");
		else
			give_content(f);
		break;
	case SMTP_CLIENT_WANT_RESULTS:
		check_results(f);
		break;
	case SMTP_CLIENT_WANT_OUTPUT:
	case SMTP_CLIENT_WANT_CLOSE:
		break;
	}
}

/* Runs to the end; the input is finite, and so are the mails without any. */
static void run(struct fuzz *f)
{
	enum smtp_client_want want = SMTP_CLIENT_WANT_INPUT;
	for (unsigned turns = 0; want != SMTP_CLIENT_WANT_CLOSE; turns++) {
		const enum smtp_client_state before = smtp_client_state(f->client);
		struct cursor c = cursor_of(buffer_view(&f->shown));
		want = smtp_client_step(f->client, &c, &f->out);
		buffer_drop(&f->shown, c.at);
		check_commands(f, before);
		must(smtp_client_deadline_ms(f->client) > 0);
		handle(f, want);
		if (turns > 100000 || roll(f, 5000) == 0)
			be_gone(f);
		must(turns < 100100);
	}
	must(!f->is_open && smtp_client_end(f->client)->kind != SMTP_CLIENT_END_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8 || size > 1u << 18)
		return 0;
	struct fuzz *f = calloc(1, sizeof *f);
	for (size_t i = 0; i < 8; i++)
		f->random = f->random << 8 | data[i];
	struct smtp_client_settings settings = {
		.name = VIEW("mail.example.test"), .tls = (enum smtp_client_tls)roll(f, 4)};
	if (roll(f, 4) == 0) {
		settings.user = VIEW("hana");
		settings.password = VIEW("secret");
		settings.login_in_clear = roll(f, 2);
	}
	f->input = view_of(data + 8, size - 8);
	f->shown = buffer_new(1u << 20);
	f->helps = roll(f, 4) ? 2 + roll(f, 30) : 1;
	remember(f, 'S'); /* its greeting */
	f->out = buffer_new(SMTP_CLIENT_OUTPUT_MIN << (roll(f, 2) * 4));
	f->content = buffer_new(1u << 22);
	f->client = smtp_client_new(&settings);
	run(f);
	smtp_client_free(&f->client);
	buffer_free(&f->out);
	buffer_free(&f->content);
	buffer_free(&f->shown);
	free(f);
	return 0;
}
