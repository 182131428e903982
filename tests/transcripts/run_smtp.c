/*
 * Replays dialogues against the SMTP server machine; README.md beside this file says how they are
 * written. Each file runs three times: as the client lines stand (a piece ends where the server is
 * expected to speak), octet by octet, and in pieces as large as RFC 2920 allows. What the server
 * says and asks must be the same each time.
 *
 *	run_smtp FILE…            dialogues of ours
 *	run_smtp --james DIR      the suite smtp-dialogs: reply codes only
 */
#include "base/text.h"
#include "smtp_script.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_LINES, MODE_OCTETS, MODE_WHOLE };
static const char *const mode_names[] = {"lines", "octets", "whole"};

struct run {
	struct script *script;
	enum mode mode;
	size_t at;
	struct smtp_server server;
	struct buffer in;
	struct buffer out;
	struct buffer part; /* what the machine writes content to */
	struct buffer content; /* all of it */
	unsigned auth_steps;
	bool failed;
};

static void fail(struct run *r, const char *what, const char *seen)
{
	const struct item *item = r->at < r->script->count ? &r->script->items[r->at] : NULL;
	if (!r->failed)
		printf("%s:%d (%s): %s: \"%s\", the file has \"%c: %s\"\n", r->script->name,
			item ? item->line : 0, mode_names[r->mode], what, seen,
			item ? (char)item->kind : '-', item ? item->text : "end of file");
	r->failed = true;
}

/* --- replaying ----------------------------------------------------------------------------------- */

/* The next item that is not a client's line already fed. Octet by octet the server speaks before the
 * rest of a group is there: then client's lines are passed over in any case. */
static struct item *next(struct run *r)
{
	while (r->at < r->script->count && r->script->items[r->at].kind == ITEM_CLIENT &&
		(r->script->items[r->at].is_fed || r->mode == MODE_OCTETS))
		r->at++;
	return r->at < r->script->count ? &r->script->items[r->at] : NULL;
}

static struct item *next_client(struct run *r)
{
	for (size_t i = 0; i < r->script->count; i++)
		if (r->script->items[i].kind == ITEM_CLIENT && !r->script->items[i].is_fed)
			return &r->script->items[i];
	return NULL;
}

static struct item *next_is(struct run *r, enum item_kind kind)
{
	struct item *item = next(r);
	return item && item->kind == kind ? item : NULL;
}

/* "250 2.1.0 ..." matches whatever follows. */
static bool text_matches(const char *want, const char *seen)
{
	const size_t n = strlen(want);
	if (n >= 3 && strcmp(want + n - 3, "...") == 0)
		return strncmp(want, seen, n - 3) == 0;
	return strcmp(want, seen) == 0;
}

static void expect(struct run *r, enum item_kind kind, const char *seen)
{
	const struct item *item = next_is(r, kind);
	if (!item || !text_matches(item->text, seen))
		fail(r, "came", seen);
	r->at++;
}

static void server_line(struct run *r, const char *line)
{
	const struct item *item = next_is(r, ITEM_CODE);
	if (!item) {
		expect(r, ITEM_SERVER, line);
		return;
	}
	if (strlen(line) < 4 || line[3] == '-')
		return;
	if (strncmp(item->text, line, 3) != 0)
		fail(r, "came", line);
	r->at++;
}

static void read_out(struct run *r)
{
	struct cursor c = cursor_of(buffer_view(&r->out));
	while (cursor_left(&c) && !r->failed) {
		char line[REPLY_LINE_MAX];
		const size_t end = view_search(cursor_rest(&c), VIEW("\r\n"));
		const struct view v = cursor_take(&c, end);
		cursor_take(&c, 2);
		if (cursor_failed(&c) || !view_to_text(v, line, sizeof line))
			fail(r, "came", "a reply that is no line");
		else
			server_line(r, line);
	}
	buffer_clear(&r->out);
}

static bool is_sync(const struct item *item)
{
	return strncasecmp(item->text, "DATA\r", 5) == 0 ||
	       strncasecmp(item->text, "STARTTLS", 8) == 0;
}

/* Gives the machine the next piece. */
static void feed(struct run *r)
{
	struct item *item = next_client(r);
	for (; item < r->script->items + r->script->count; item++) {
		if (item->kind != ITEM_CLIENT && r->mode != MODE_WHOLE)
			break;
		if (item->kind == ITEM_TLS || item->kind == ITEM_STOP)
			break;
		if (item->kind != ITEM_CLIENT)
			continue;
		const char *from = item->text;
		if (r->mode == MODE_OCTETS) {
			buffer_add(&r->in, view_of(from, 1));
			memmove(item->text, item->text + 1, item->length--);
			item->is_fed = item->length == 0;
			return;
		}
		buffer_add(&r->in, view_of(from, item->length));
		item->is_fed = true;
		if (is_sync(item) && r->mode == MODE_WHOLE)
			return;
	}
}

static void add_mail(struct buffer *b, const struct smtp_mail *mail)
{
	buffer_add(b, VIEW("<"));
	if (!address_is_null(&mail->reverse_path))
		address_add(b, &mail->reverse_path);
	buffer_add(b, VIEW(">"));
	if (mail->had_route)
		text_add(b, " route");
	if (mail->has_size)
		text_add(b, " size={}", text_number(mail->size_octets));
	if (mail->body == SMTP_BODY_8BITMIME)
		text_add(b, " 8bitmime");
	if (mail->smtputf8)
		text_add(b, " smtputf8");
	if (mail->requiretls)
		text_add(b, " requiretls");
	if (mail->ret != SMTP_RET_NONE)
		text_add(b, " ret={}", text_string(mail->ret == SMTP_RET_FULL ? "full" : "hdrs"));
	if (mail->envid.length)
		text_add(b, " envid={}", text_view(mail->envid));
	if (mail->has_auth)
		text_add(b, " auth={}", text_view(mail->auth));
}

static void add_recipient(struct buffer *b, const struct smtp_recipient *recipient)
{
	buffer_add(b, VIEW("<"));
	buffer_add(b, recipient->forward_path.local_part);
	if (recipient->forward_path.domain_given.length)
		text_add(b, "@{}", text_view(recipient->forward_path.domain_given));
	buffer_add(b, VIEW(">"));
	if (recipient->had_route)
		text_add(b, " route");
	if (recipient->notify)
		text_add(b, " notify={}", text_number(recipient->notify));
	if (recipient->orcpt.length)
		text_add(b, " orcpt={};{}", text_view(recipient->orcpt_type),
			text_view(recipient->orcpt_address));
}

static void add_ask(struct buffer *b, const struct smtp_ask *ask)
{
	const bool is_helo = ask->kind == SMTP_ASK_HELO && ask->is_ehlo;
	text_add(b, "{}", text_string(is_helo ? "ehlo" : smtp_ask_name(ask->kind)));
	if (ask->kind == SMTP_ASK_HELO)
		text_add(b, " {}", text_view(ask->helo.given));
	if (ask->kind == SMTP_ASK_MAIL || ask->kind == SMTP_ASK_RCPT)
		buffer_add(b, VIEW(" "));
	if (ask->kind == SMTP_ASK_MAIL)
		add_mail(b, ask->mail);
	if (ask->kind == SMTP_ASK_RCPT)
		add_recipient(b, ask->recipient);
	if (ask->kind == SMTP_ASK_COMMIT)
		text_add(b, " {} octets for {}", text_number(ask->mail->content_octets),
			text_number(ask->mail->recipients));
	if (ask->kind == SMTP_ASK_COMMIT && ask->mail->tls_not_required)
		text_add(b, " tls-not-required");
	if (ask->kind == SMTP_ASK_AUTH)
		text_add(b, " {}", text_view(ask->mechanism));
	if (ask->has_response)
		text_add(b, " \"{}\"", text_view(ask->response));
	if (ask->kind == SMTP_ASK_VRFY)
		text_add(
			b, " {}{}", text_view(ask->text), text_string(ask->is_utf8 ? " utf8" : ""));
	if (ask->kind == SMTP_ASK_ETRN)
		text_add(b, " {}{}", text_string(ask->is_subdomains ? "@" : ""),
			text_view(ask->domain.name));
}

/* What an owner says whom the file says nothing about: yes. */
static struct smtp_answer answer_yes(struct run *r, const struct smtp_ask *ask)
{
	struct smtp_answer answer = {.verdict = SMTP_ACCEPT, .content = &r->part};
	r->auth_steps = ask->kind == SMTP_ASK_AUTH_STEP ? r->auth_steps + 1 : 0;
	const bool is_login =
		ask->kind == SMTP_ASK_AUTH && view_equal(ask->mechanism, VIEW("LOGIN"));
	if (is_login || (ask->kind == SMTP_ASK_AUTH_STEP && r->auth_steps == 1))
		answer.verdict = SMTP_CHALLENGE;
	if (ask->kind == SMTP_ASK_CONTENT)
		buffer_clear(&r->content);
	return answer;
}

/* "ok", "no", "challenge TEXT"; "ok 250 2.1.5 text", "no 550 5.7.1 text"; "+close" first. */
static struct smtp_answer answer_read(struct run *r, const char *text, const struct smtp_ask *ask)
{
	struct smtp_answer answer = answer_yes(r, ask);
	unsigned code = 0;
	unsigned class = 0;
	unsigned subject = 0;
	unsigned detail = 0;
	int used = 0;
	answer.verdict = SMTP_ACCEPT;
	if (strncmp(text, "+close ", 7) == 0) {
		answer.close = true;
		text += 7;
	}
	if (strncmp(text, "challenge", 9) == 0) {
		answer.verdict = SMTP_CHALLENGE;
		answer.challenge = view_text(text[9] ? text + 10 : "");
		return answer;
	}
	if (strncmp(text, "no", 2) == 0)
		answer.verdict = SMTP_REFUSE;
	if (sscanf(text + 2, " %u %u.%u.%u %n", &code, &class, &subject, &detail, &used) >= 4)
		answer.reply = (struct reply){.code = (uint16_t)code,
			.enhanced = {(uint8_t) class, (uint16_t)subject, (uint16_t)detail},
			.text = view_text(text + 2 + used),
			.rule = "owner"};
	return answer;
}

static void check_content(struct run *r)
{
	struct cursor c = cursor_of(buffer_view(&r->content));
	const struct item *item;
	while ((item = next_is(r, ITEM_CONTENT)) && !r->failed) {
		char octets[1 << 16];
		const size_t length = script_unescape(item->text, octets);
		const size_t end = view_search(cursor_rest(&c), VIEW("\r\n"));
		const struct view line = cursor_take(&c, end);
		cursor_take(&c, 2);
		if (cursor_failed(&c) || !view_equal(line, view_of(octets, length)))
			fail(r, "content", "another line");
		r->at++;
		if (!next_is(r, ITEM_CONTENT) && !cursor_done(&c))
			fail(r, "content", "more lines");
	}
}

static void answer(struct run *r)
{
	const struct smtp_ask *ask = smtp_server_ask(&r->server);
	struct smtp_answer reply = answer_yes(r, ask);
	if (ask->kind == SMTP_ASK_COMMIT)
		check_content(r);
	if (next_is(r, ITEM_ASK)) {
		struct buffer b = buffer_new(8192);
		buffer_add(&b, VIEW_NONE);
		add_ask(&b, ask);
		buffer_add_octet(&b, 0);
		expect(r, ITEM_ASK, (const char *)b.data);
		buffer_free(&b);
	}
	if (next_is(r, ITEM_ANSWER))
		reply = answer_read(r, r->script->items[r->at++].text, ask);
	smtp_server_answer(&r->server, &reply);
}

static void begin_tls(struct run *r)
{
	expect(r, ITEM_TLS, "");
	struct smtp_facts facts = r->script->facts;
	facts.tls_active = true;
	buffer_clear(&r->in);
	if (r->server.state == SMTP_STATE_TLS)
		smtp_server_tls_started(&r->server, &facts);
}

static void stop(struct run *r)
{
	static const char *const names[] = {[SMTP_STOP_SHUTDOWN] = "shutdown",
		[SMTP_STOP_TIMEOUT] = "timeout",
		[SMTP_STOP_SLOW] = "slow",
		[SMTP_STOP_ROOM] = "room",
		[SMTP_STOP_TROUBLE] = "trouble"};
	const char *text = r->script->items[r->at++].text;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(text, names[i]) == 0)
			smtp_server_stop(&r->server, (enum smtp_stop)i);
}

/* The machine waits for the client. False when the file is at its end, or nothing fits. */
static bool give(struct run *r)
{
	const struct item *item = next(r);
	const struct item *client = next_client(r);
	if (!item && !client)
		return false;
	if (client && (!item || client <= item))
		feed(r);
	else if (item->kind == ITEM_STOP)
		stop(r);
	else
		fail(r, "came", "nothing: the server waits for the client");
	return true;
}

static void drain(struct run *r)
{
	buffer_add(&r->content, buffer_view(&r->part));
	buffer_clear(&r->part);
}

/* One step and what follows from it; false at the end. */
static bool turn(struct run *r)
{
	struct cursor c = cursor_of(buffer_view(&r->in));
	const enum smtp_want want = smtp_server_step(&r->server, &c, &r->out);
	buffer_drop(&r->in, c.at);
	drain(r);
	read_out(r);
	switch (want) {
	case SMTP_WANT_INPUT:
		return give(r);
	case SMTP_WANT_ANSWER:
		answer(r);
		return true;
	case SMTP_WANT_NOTE:
		if (next_is(r, ITEM_NOTE))
			expect(r, ITEM_NOTE, smtp_server_said(&r->server)->rule);
		return true;
	case SMTP_WANT_DROP:
		if (next_is(r, ITEM_DROP))
			r->at++;
		return true;
	case SMTP_WANT_OUTPUT:
	case SMTP_WANT_CONTENT:
		return true;
	case SMTP_WANT_TLS:
		begin_tls(r);
		return true;
	case SMTP_WANT_CLOSE:
		if (next_is(r, ITEM_CLOSE))
			r->at++;
		else
			fail(r, "came", "the end of the session");
		if (next(r))
			fail(r, "came", "the end of the session");
		return false;
	}
	return false;
}

static bool replay(struct script *script, enum mode mode)
{
	struct run *r = calloc(1, sizeof *r);
	script->facts.mechanisms = view_text(script->mechanisms);
	*r = (struct run){.script = script,
		.mode = mode,
		.in = buffer_new(8u << 20),
		.out = buffer_new(SMTP_SERVER_OUTPUT_MIN),
		.part = buffer_new(script->content_room),
		.content = buffer_new(8u << 20)};
	r->server = smtp_server_new(&script->config, &script->facts);
	/* octets before the greeting are there from the start */
	if (next_is(r, ITEM_CLIENT) && mode == MODE_LINES)
		feed(r);
	while (!r->failed && turn(r))
		;
	if (!r->failed && next(r))
		fail(r, "the session ended", "");
	const bool ok = !r->failed;
	smtp_server_free(&r->server);
	buffer_free(&r->in);
	buffer_free(&r->out);
	buffer_free(&r->part);
	buffer_free(&r->content);
	free(r);
	return ok;
}

static bool run_file(const char *name)
{
	bool ok = true;
	for (int mode = MODE_LINES; mode <= MODE_WHOLE; mode++) {
		struct script *s = script_read(name);
		if (!s)
			return false;
		if (mode == MODE_LINES || !s->only_lines)
			ok = replay(s, (enum mode)mode) && ok;
		script_free(s);
	}
	printf("%s %s\n", ok ? "ok    " : "FAILED", name);
	return ok;
}

static bool run_james(const char *folder)
{
	bool all = true;
	DIR *d = opendir(folder);
	unsigned count = 0;
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[4096];
		if (!strstr(e->d_name, ".test"))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		struct script *s = script_read_james(path, e->d_name);
		snprintf(s->mechanisms, sizeof s->mechanisms, "LOGIN PLAIN");
		s->facts.is_loopback = true;
		const bool is_end = strstr(e->d_name, "injection") != NULL;
		if (is_end)
			script_add(s, ITEM_CLOSE, 0, "", false);
		if (strcmp(e->d_name, "starttls.test") == 0)
			script_add(s, ITEM_TLS, 0, "", false);
		const bool ok = replay(s, MODE_LINES);
		printf("%s %s\n", ok ? "ok    " : "FAILED", e->d_name);
		all = all && ok;
		count++;
		script_free(s);
	}
	if (d)
		closedir(d);
	return all && count == 8;
}

int main(int argc, char **argv)
{
	bool ok = argc > 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "--james") == 0)
		return run_james(argv[2]) ? 0 : 1;
	for (int i = 1; i < argc; i++)
		ok = run_file(argv[i]) && ok;
	return ok ? 0 : 1;
}
