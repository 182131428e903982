/*
 * Replays dialogues against the SMTP client machine: run_smtp_client FILE... Each file is played line by
 * line, octet by octet, and in pieces as large as may be; the machine must say and tell the same each
 * time. The items of a file happen in their order. Keys (transcript.h has the text form):
 *
 *	set: tls never | may | must | active, login USER PASSWORD, clear, out N, no octets
 *	                 before the session, or how it is played
 *	S: line          the server says it, CRLF is added;  S-raw: octets as they are
 *	S-many: N text   the server says the line N times
 *	C: line          the client must say this, CRLF is added
 *	mail: <path> …   the owner gives a mail: 8bit, utf8, requiretls, all, ret=full, ret=hdrs, envid=X,
 *	                 size=N (else that of its M lines)
 *	rcpt: <path> …   and its recipients: notify=N, orcpt=X
 *	M: line          and its content, CRLF is added;  M-raw: octets. Its place says when it comes
 *	fail: why        the content cannot be had
 *	R: result        of each recipient: outcome, command, code, enhanced code, words
 *	F: facts         what the server offers (at any time)
 *	quit:            the owner wants no more;  quit-soon:  the same, while a mail is under way
 *	TLS:             the handshake is done
 *	gone: N why      the connection is over, with N octets unsent
 *	deadline: N      seconds that may pass now
 *	E: end           the machine closes: kind, command, code, enhanced code, words
 */
#include "base/text.h"
#include "protocol/smtp_client.h"
#include "transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_LINES, MODE_OCTETS, MODE_WHOLE, MODES };
static const char *const mode_names[] = {"line by line", "octet by octet", "in one piece"};

#define RECIPIENTS_MAX 64

struct player {
	const struct transcript *t;
	enum mode mode;
	size_t at; /* the next item */
	size_t fed; /* octets of it that were fed */
	struct smtp_client_settings settings;
	size_t out_max;
	struct smtp_client *c;
	struct smtp_client_mail mail;
	struct smtp_client_recipient recipients[RECIPIENTS_MAX];
	struct buffer in;
	struct buffer out;
	struct buffer said;
	struct buffer content;
	bool skips_octets;
	bool failed;
	bool is_over;
};

static void fail(struct player *p, const char *what, const char *detail)
{
	const unsigned number = p->at < p->t->count ? p->t->lines[p->at].number : 0;
	if (!p->failed)
		transcript_fail(p->t, number, "(%s) %s: %s", mode_names[p->mode], what, detail);
	p->failed = true;
}

static const struct transcript_line *item(const struct player *p)
{
	return p->at < p->t->count ? &p->t->lines[p->at] : NULL;
}

static bool is(const struct player *p, const char *key)
{
	return item(p) && transcript_is(item(p), key);
}

static struct view item_view(const struct player *p)
{
	return view_of(item(p)->text, item(p)->length);
}

/* --- what is said ---------------------------------------------------------------------------- */

static void match_line(struct player *p)
{
	const struct view said = buffer_view(&p->said);
	const size_t end = view_search(said, VIEW("\r\n"));
	if (end == VIEW_NOT_FOUND) {
		fail(p, "not said", item(p)->text);
		return;
	}
	if (!view_equal(view_first(said, end), item_view(p))) {
		char text[400];
		snprintf(text, sizeof text, "`%.*s`", (int)(end > 300 ? 300 : end),
			(const char *)said.at);
		fail(p, "said another line", text);
	}
	buffer_drop(&p->said, end + 2);
}

static void match(struct player *p)
{
	for (; is(p, "C") && !p->failed; p->at++)
		match_line(p);
	if (p->said.length && !p->failed) {
		buffer_add_octet(&p->said, 0);
		fail(p, "said more", (const char *)p->said.data);
	}
}

static void expect(struct player *p, const char *key, struct buffer *told)
{
	match(p);
	buffer_add_octet(told, 0);
	if (!p->failed && (!is(p, key) || strcmp(item(p)->text, (const char *)told->data) != 0))
		fail(p, key, (const char *)told->data);
	p->at++;
	buffer_free(told);
}

static void add_said(struct buffer *b, const struct smtp_client_said *said)
{
	if (said->command != SMTP_CLIENT_NOTHING)
		text_add(b, " {}", text_string(smtp_client_command_name(said->command)));
	if (said->code)
		text_add(b, " {}", text_number(said->code));
	if (said->enhanced.class)
		text_add(b, " {}.{}.{}", text_number(said->enhanced.class),
			text_number(said->enhanced.subject), text_number(said->enhanced.detail));
	if (said->text.length)
		text_add(b, " {}", text_raw(said->text));
}

static void tell_results(struct player *p)
{
	for (uint32_t i = 0; i < p->mail.recipient_count; i++) {
		const struct smtp_client_result *r = smtp_client_result(p->c, i);
		struct buffer told = buffer_new(2000);
		text_add(&told, "{}", text_string(smtp_client_outcome_name(r->outcome)));
		add_said(&told, &r->said);
		expect(p, "R", &told);
	}
}

static void tell_end(struct player *p)
{
	const struct smtp_client_end *end = smtp_client_end(p->c);
	struct buffer told = buffer_new(2000);
	text_add(&told, "{}", text_string(smtp_client_end_kind_name(end->kind)));
	add_said(&told, &end->said);
	expect(p, "E", &told);
	if (!p->failed && item(p))
		fail(p, "the end comes", "too early");
	p->is_over = true;
}

static void tell_facts(struct player *p)
{
	const struct smtp_client_facts *f = smtp_client_facts(p->c);
	const struct {
		const char *name;
		bool is;
	} flags[] = {{"esmtp", f->is_esmtp}, {"pipelining", f->has_pipelining},
		{"chunking", f->has_chunking}, {"8bitmime", f->has_8bitmime},
		{"smtputf8", f->has_smtputf8}, {"dsn", f->has_dsn}, {"enhanced", f->has_enhanced},
		{"starttls", f->has_starttls}, {"requiretls", f->has_requiretls},
		{"plain", f->has_plain}, {"login", f->has_login}, {"logged-in", f->is_logged_in},
		{"tls", f->tls_active}, {"tls-refused", f->tls_refused}, {"size", f->has_size}};
	struct buffer told = buffer_new(2000);
	text_add(&told, "{}", text_view(f->name));
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (flags[i].is)
			text_add(&told, " {}", text_string(flags[i].name));
	if (f->size_octets)
		text_add(&told, "={}", text_number(f->size_octets));
	if (f->rcpt_max)
		text_add(&told, " rcptmax={}", text_number(f->rcpt_max));
	if (f->mail_max)
		text_add(&told, " mailmax={}", text_number(f->mail_max));
	expect(p, "F", &told);
}

/* --- what the owner does --------------------------------------------------------------------- */

static struct view take_path(struct view *text)
{
	struct view path;
	if (view_split(*text, '>', &path, text))
		path = view_from(path, 1);
	return path;
}

static struct view take_word(struct view *text)
{
	struct view word = VIEW_NONE;
	while (text->length && view_is_empty(word))
		view_split(*text, ' ', &word, text);
	return word;
}

static void read_mail_word(struct smtp_client_mail *mail, struct view word)
{
	if (view_equal(word, VIEW("8bit")))
		mail->is_8bitmime = true;
	else if (view_equal(word, VIEW("utf8")))
		mail->smtputf8 = true;
	else if (view_equal(word, VIEW("requiretls")))
		mail->requiretls = true;
	else if (view_equal(word, VIEW("all")))
		mail->all_or_none = true;
	else if (view_equal(word, VIEW("ret=full")))
		mail->ret = SMTP_RET_FULL;
	else if (view_equal(word, VIEW("ret=hdrs")))
		mail->ret = SMTP_RET_HDRS;
	else if (view_starts(word, VIEW("size=")))
		(void)!view_to_u64(view_from(word, 5), UINT64_MAX, &mail->size_octets);
	else if (view_starts(word, VIEW("envid=")))
		mail->envid = view_from(word, 6);
}

static void read_recipient(struct player *p, struct smtp_client_recipient *r)
{
	struct view text = item_view(p);
	*r = (struct smtp_client_recipient){.forward_path = take_path(&text)};
	for (struct view word; (word = take_word(&text)).length;) {
		uint32_t n = 0;
		if (view_starts(word, VIEW("notify=")) && view_to_u32(view_from(word, 7), 15, &n))
			r->notify = n;
		if (view_starts(word, VIEW("orcpt=")))
			r->orcpt = view_from(word, 6);
	}
}

static size_t content_octets(const struct player *p)
{
	size_t octets = 0;
	for (size_t i = p->at + 1; i < p->t->count && !transcript_is(&p->t->lines[i], "mail");
		i++) {
		if (transcript_is(&p->t->lines[i], "M"))
			octets += p->t->lines[i].length + 2;
		if (transcript_is(&p->t->lines[i], "M-raw"))
			octets += p->t->lines[i].length;
	}
	return octets;
}

static void give_mail(struct player *p)
{
	struct view text = item_view(p);
	p->mail = (struct smtp_client_mail){.reverse_path = take_path(&text),
		.recipients = p->recipients,
		.size_octets = content_octets(p)};
	for (struct view word; (word = take_word(&text)).length;)
		read_mail_word(&p->mail, word);
	for (p->at++; is(p, "rcpt") && p->mail.recipient_count < RECIPIENTS_MAX; p->at++)
		read_recipient(p, &p->recipients[p->mail.recipient_count++]);
	smtp_client_mail(p->c, &p->mail);
}

/* All M items that stand here: as they are, octet by octet, or as one. */
static void give_content(struct player *p)
{
	buffer_clear(&p->content);
	for (; is(p, "M") || is(p, "M-raw"); p->at++) {
		buffer_add(&p->content, item_view(p));
		if (is(p, "M"))
			buffer_add(&p->content, VIEW("\r\n"));
		if (p->mode == MODE_LINES) {
			p->at++;
			break;
		}
	}
	size_t used = 0;
	bool more = true;
	while (used < p->content.length && more) {
		const struct view rest = view_from(buffer_view(&p->content), used);
		struct cursor c = cursor_of(p->mode == MODE_OCTETS ? view_first(rest, 1) : rest);
		more = smtp_client_content(p->c, &c, &p->out);
		used += c.at;
		buffer_add(&p->said, buffer_view(&p->out));
		buffer_clear(&p->out);
	}
	if (used < p->content.length && smtp_client_end(p->c)->kind == SMTP_CLIENT_END_NONE)
		fail(p, "content", "not taken");
}

/* What can happen in any state. False: nothing of it stands here. */
static bool happens(struct player *p)
{
	if (is(p, "gone")) {
		unsigned n = 0;
		int used = 0;
		sscanf(item(p)->text, "%u %n", &n, &used);
		smtp_client_gone(p->c, item(p)->text + used, n);
	} else if (is(p, "quit-soon")) {
		smtp_client_quit(p->c);
	} else if (is(p, "fail")) {
		smtp_client_content_failed(p->c, item(p)->text);
	} else if (is(p, "deadline")) {
		const unsigned ms = smtp_client_deadline_ms(p->c);
		if (ms != (unsigned)atoi(item(p)->text) * 1000)
			fail(p, "deadline", "another");
	} else {
		return false;
	}
	p->at++;
	return true;
}

/* --- what the server does -------------------------------------------------------------------- */

static bool is_server(const struct player *p)
{
	return is(p, "S") || is(p, "S-raw") || is(p, "S-many");
}

static void feed_item(struct player *p)
{
	unsigned times = 1;
	int used = 0;
	if (is(p, "S-many"))
		sscanf(item(p)->text, "%u %n", &times, &used);
	for (unsigned i = 0; i < times; i++) {
		buffer_add(&p->in, view_from(item_view(p), (size_t)used));
		if (!is(p, "S-raw"))
			buffer_add(&p->in, VIEW("\r\n"));
	}
	p->at++;
}

static void feed_octet(struct player *p)
{
	const struct view v = item_view(p);
	buffer_add(&p->in, view_first(p->fed < v.length	   ? view_from(v, p->fed)
				      : p->fed == v.length ? VIEW("\r")
							   : VIEW("\n"),
				   1));
	p->fed++;
	if (p->fed == v.length + (is(p, "S-raw") ? 0 : 2)) {
		p->fed = 0;
		p->at++;
	}
}

static void feed(struct player *p)
{
	if (p->mode == MODE_OCTETS && !is(p, "S-many")) {
		feed_octet(p);
		return;
	}
	do
		feed_item(p);
	while (p->mode == MODE_WHOLE && is_server(p) && !p->failed);
}

/* --- play ------------------------------------------------------------------------------------ */

static void wait(struct player *p)
{
	if (is_server(p))
		feed(p);
	else if (!happens(p))
		fail(p, "the client waits for the server", item(p) ? item(p)->text : "end of file");
}

static void wait_mail(struct player *p)
{
	if (!item(p)) {
		p->is_over = true;
	} else if (is(p, "mail")) {
		give_mail(p);
	} else if (is(p, "quit")) {
		smtp_client_quit(p->c);
		p->at++;
	} else {
		wait(p);
	}
}

static void wait_tls(struct player *p)
{
	if (is(p, "TLS")) {
		smtp_client_tls_started(p->c);
		p->at++;
	} else if (!happens(p)) {
		fail(p, "the client wants TLS", "");
	}
}

static void turn(struct player *p)
{
	struct cursor in = cursor_of(buffer_view(&p->in));
	const enum smtp_client_want want = smtp_client_step(p->c, &in, &p->out);
	buffer_drop(&p->in, in.at);
	buffer_add(&p->said, buffer_view(&p->out));
	buffer_clear(&p->out);
	if (want == SMTP_CLIENT_WANT_OUTPUT)
		return;
	if (want == SMTP_CLIENT_WANT_CONTENT && (is(p, "M") || is(p, "M-raw"))) {
		give_content(p);
		return;
	}
	match(p);
	if (p->failed)
		return;
	if (is(p, "F")) {
		tell_facts(p);
		return;
	}
	switch (want) {
	case SMTP_CLIENT_WANT_INPUT:
	case SMTP_CLIENT_WANT_CONTENT:
		wait(p);
		break;
	case SMTP_CLIENT_WANT_MAIL:
		wait_mail(p);
		break;
	case SMTP_CLIENT_WANT_TLS:
		wait_tls(p);
		break;
	case SMTP_CLIENT_WANT_RESULTS:
		tell_results(p);
		break;
	case SMTP_CLIENT_WANT_CLOSE:
		tell_end(p);
		break;
	case SMTP_CLIENT_WANT_OUTPUT:
		break;
	}
}

static void set(struct player *p)
{
	static const char *const tls[] = {"tls never", "tls may", "tls must", "tls active"};
	const char *text = item(p)->text;
	unsigned n;
	int user;
	int password;
	for (size_t i = 0; i < sizeof tls / sizeof tls[0]; i++)
		if (strcmp(text, tls[i]) == 0) {
			p->settings.tls = (enum smtp_client_tls)i;
			return;
		}
	if (sscanf(text, "login %*s%n %n", &user, &password) == 0 &&
		strncmp(text, "login ", 6) == 0) {
		p->settings.user = view_of(text + 6, (size_t)user - 6);
		p->settings.password = view_text(text + password);
	} else if (strcmp(text, "no octets") == 0) {
		p->skips_octets = true;
	} else if (strcmp(text, "clear") == 0) {
		p->settings.login_in_clear = true;
	} else if (sscanf(text, "out %u", &n) == 1) {
		p->out_max = n;
	} else {
		fail(p, "no such setting", text);
	}
}

static bool play(const struct transcript *t, enum mode mode)
{
	struct player *p = calloc(1, sizeof *p);
	*p = (struct player){.t = t,
		.mode = mode,
		.settings = {.name = VIEW("mail.example.test")},
		.out_max = SMTP_CLIENT_OUTPUT_MIN,
		.in = buffer_new(1u << 22),
		.said = buffer_new(1u << 22),
		.content = buffer_new(1u << 22)};
	for (; is(p, "set"); p->at++)
		set(p);
	p->out = buffer_new(p->out_max);
	p->c = smtp_client_new(&p->settings);
	p->is_over = p->skips_octets && mode == MODE_OCTETS;
	while (!p->failed && !p->is_over)
		turn(p);
	const bool ok = !p->failed;
	smtp_client_free(&p->c);
	buffer_free(&p->in);
	buffer_free(&p->out);
	buffer_free(&p->said);
	buffer_free(&p->content);
	free(p);
	return ok;
}

int main(int argc, char **argv)
{
	unsigned failed = 0;
	for (int i = 1; i < argc; i++) {
		struct transcript t = transcript_read(argv[i]);
		for (enum mode mode = MODE_LINES; mode < MODES; mode++)
			failed += !play(&t, mode);
		transcript_free(&t);
	}
	printf("%d transcripts, %u failures\n", argc - 1, failed);
	return failed || argc < 2;
}
