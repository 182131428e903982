/*
 * Replays POP3 dialogues against the server machine: run_pop3 FILE... Each file is played line by
 * line, then octet by octet, then with all that the client says in one piece; the machine must say
 * the same each time. Keys (transcript.h has the text form):
 *
 *	set: flag tls | flag loopback | stls | mechanisms LIST | bad N | logins N | early N
 *	     | drain | only lines | no octets | no whole     before the session, or how it is played
 *	early: octets           shown to the first step, before the greeting
 *	C: line                 the client says it, CRLF is added;  C-raw: octets as they are
 *	S: line                 the server says exactly this;  S-begin: it begins so
 *	S-made: uidl FROM TO [SKIP]  | list FROM TO [SKIP]     rows as `set: rows` makes them
 *	A: ask                  password USER PASSWORD | sasl-start MECHANISM INITIAL | sasl-step RESPONSE
 *	                        | cancel | rows FROM COUNT | fetch N whole/top | remove N...
 *	                        (octets as text; a missing initial response is `-`, an empty one `=`)
 *	R: answer               opened COUNT OCTETS | refused NAME | challenge TEXT | rows N:OCTETS:UID...
 *	                        | content OCTETS | missing | removed LEFT | done | trouble
 *	set: rows               asks for rows are answered by the runner: N:100:uid-N
 *	M: line                 content, CRLF is added;  M-raw: octets;  M-end:  M-fail:
 *	TLS:                    the handshake is done
 *	drain:                  the server goes down from here (line by line only)
 *	close:                  the machine must have closed
 */
#include "protocol/pop3_server.h"
#include "transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_LINES, MODE_OCTETS, MODE_WHOLE, MODES };
static const char *const mode_names[] = {"line by line", "octet by octet", "in one piece"};

struct player {
	const struct transcript *t;
	enum mode mode;
	struct pop3_settings settings;
	unsigned flags;
	bool makes_rows;
	bool skips[MODES];
	struct pop3_server *s;
	struct buffer out; /* of the machine */
	struct buffer said; /* all that the machine said and no S line has matched */
	struct buffer unread;
	size_t next_said; /* index of the next S line */
	size_t next_owner; /* of the next A, R, M, TLS line */
	enum pop3_want want;
	bool failed;
};

static void fail(struct player *p, size_t at, const char *what, const char *detail)
{
	const unsigned number = at < p->t->count ? p->t->lines[at].number : 0;
	if (!p->failed)
		transcript_fail(p->t, number, "(%s) %s: %s", mode_names[p->mode], what, detail);
	p->failed = true;
}

static bool is_said(const struct transcript_line *l)
{
	return transcript_is(l, "S") || transcript_is(l, "S-begin") || transcript_is(l, "S-made");
}

/* Takes one line off what was said; false when there is none. */
static bool take_said(struct player *p, size_t at, const char *wanted, size_t length, bool begin)
{
	const struct view said = buffer_view(&p->said);
	const size_t lf = view_find(said, '\n');
	if (lf == VIEW_NOT_FOUND) {
		fail(p, at, "not said", wanted);
		return false;
	}
	const struct view line = view_first(said, lf + 1);
	const bool ends = view_ends(line, VIEW("\r\n"));
	const struct view body = view_first(line, lf ? lf - 1 : 0);
	const struct view want = view_of(wanted, length);
	if (!ends || !(begin ? view_starts(body, want) : view_equal(body, want))) {
		char text[400];
		snprintf(text, sizeof text, "wanted `%s`, got `%.*s`", wanted, (int)body.length,
			(const char *)body.at);
		fail(p, at, "wrong line", text);
		return false;
	}
	buffer_drop(&p->said, lf + 1);
	return true;
}

static void match_made(struct player *p, size_t at, const char *text)
{
	char kind[16];
	unsigned from;
	unsigned to;
	unsigned skip = 0;
	if (sscanf(text, "%15s %u %u %u", kind, &from, &to, &skip) < 3) {
		fail(p, at, "cannot read", text);
		return;
	}
	const bool uidl = strcmp(kind, "uidl") == 0;
	/* One drop for all, since a hundred thousand of them would take their time. */
	char row[64];
	size_t used = 0;
	const struct view said = buffer_view(&p->said);
	for (unsigned n = from; n <= to; n++) {
		if (n == skip)
			continue;
		const int length = uidl ? snprintf(row, sizeof row, "%u uid-%u\r\n", n, n)
					: snprintf(row, sizeof row, "%u 100\r\n", n);
		if (!view_equal(
			    view_part(said, used, (size_t)length), view_of(row, (size_t)length))) {
			fail(p, at, "row not said", row);
			return;
		}
		used += (size_t)length;
	}
	buffer_drop(&p->said, used);
}

/* Matches the S lines before index `end` against what was said. */
static void match(struct player *p, size_t end)
{
	for (; p->next_said < end && !p->failed; p->next_said++) {
		const struct transcript_line *l = &p->t->lines[p->next_said];
		if (transcript_is(l, "S-made"))
			match_made(p, p->next_said, l->text);
		else if (is_said(l))
			take_said(p, p->next_said, l->text, l->length, transcript_is(l, "S-begin"));
	}
}

static const struct transcript_line *next_owner(struct player *p)
{
	static const char *const keys[] = {"A", "R", "M", "M-raw", "M-end", "M-fail", "TLS"};
	for (; p->next_owner < p->t->count; p->next_owner++)
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			if (transcript_is(&p->t->lines[p->next_owner], keys[k]))
				return &p->t->lines[p->next_owner++];
	return NULL;
}

static void put(struct buffer *b, struct view v)
{
	buffer_add_octet(b, ' ');
	buffer_add(b, v);
}

static void put_number(struct buffer *b, unsigned n)
{
	char text[16];
	snprintf(text, sizeof text, "%u", n);
	put(b, view_text(text));
}

static void describe(struct player *p, const struct pop3_ask *ask, struct buffer *b)
{
	buffer_add(b, view_text(pop3_ask_name(ask->kind)));
	switch (ask->kind) {
	case POP3_ASK_PASSWORD:
		put(b, ask->user);
		put(b, ask->password);
		break;
	case POP3_ASK_SASL_START:
		put(b, ask->mechanism);
		__attribute__((fallthrough));
	case POP3_ASK_SASL_STEP:
		put(b, !ask->has_initial      ? VIEW("-")
			: ask->initial.length ? ask->initial
					      : VIEW("="));
		break;
	case POP3_ASK_ROWS:
		put_number(b, ask->number);
		put_number(b, ask->count);
		break;
	case POP3_ASK_FETCH:
		put_number(b, ask->number);
		put(b, ask->whole ? VIEW("whole") : VIEW("top"));
		break;
	case POP3_ASK_REMOVE:
		for (uint32_t n = pop3_server_deleted(p->s, 0); n; n = pop3_server_deleted(p->s, n))
			put_number(b, n);
		break;
	case POP3_ASK_NONE:
	case POP3_ASK_CANCEL:
		break;
	}
}

static size_t read_rows(const char *text, struct pop3_row *rows)
{
	size_t count = 0;
	unsigned number;
	unsigned long octets;
	int at;
	int to;
	while (sscanf(text, " %u:%lu:%n%*s%n", &number, &octets, &at, &to) == 2) {
		rows[count++] =
			(struct pop3_row){number, octets, view_of(text + at, (size_t)(to - at))};
		text += to;
	}
	return count;
}

static struct pop3_answer read_answer(
	struct player *p, const struct transcript_line *l, struct pop3_row *rows)
{
	struct pop3_answer a = {.kind = POP3_ANSWER_TROUBLE};
	char word[32] = "";
	char name[32] = "";
	unsigned long n1 = 0;
	unsigned long n2 = 0;
	sscanf(l->text, "%31s", word);
	const char *rest = l->text + strlen(word) + (l->text[strlen(word)] == ' ');
	sscanf(rest, "%lu %lu", &n1, &n2);
	sscanf(rest, "%31s", name);
	if (strcmp(word, "opened") == 0) {
		a = (struct pop3_answer){
			.kind = POP3_ANSWER_OPENED, .count = (uint32_t)n1, .octets = n2};
	} else if (strcmp(word, "refused") == 0) {
		a.kind = POP3_ANSWER_REFUSED;
		while (strcmp(pop3_refusal_name(a.refusal), name) != 0 && a.refusal < 6)
			a.refusal++;
	} else if (strcmp(word, "challenge") == 0) {
		a.kind = POP3_ANSWER_CHALLENGE;
		a.challenge = view_text(rest);
	} else if (strcmp(word, "rows") == 0) {
		a.kind = POP3_ANSWER_ROWS;
		a.rows = rows;
		a.row_count = read_rows(rest, rows);
	} else if (strcmp(word, "content") == 0) {
		a.kind = POP3_ANSWER_CONTENT;
		a.octets = n1;
	} else if (strcmp(word, "missing") == 0) {
		a.kind = POP3_ANSWER_MISSING;
	} else if (strcmp(word, "removed") == 0) {
		a.kind = POP3_ANSWER_REMOVED;
		a.count = (uint32_t)n1;
	} else if (strcmp(word, "done") == 0) {
		a.kind = POP3_ANSWER_DONE;
	} else if (strcmp(word, "trouble") != 0) {
		fail(p, p->next_owner - 1, "no such answer", l->text);
	}
	return a;
}

static void make_rows(struct player *p, const struct pop3_ask *ask)
{
	static struct pop3_row rows[POP3_ROWS_PAGE];
	static char ids[POP3_ROWS_PAGE][24];
	for (uint32_t i = 0; i < ask->count; i++) {
		snprintf(ids[i], sizeof ids[i], "uid-%u", ask->number + i);
		rows[i] = (struct pop3_row){ask->number + i, 100, view_text(ids[i])};
	}
	pop3_server_answer(p->s,
		&(struct pop3_answer){
			.kind = POP3_ANSWER_ROWS, .rows = rows, .row_count = ask->count},
		&p->out);
}

static void answer(struct player *p)
{
	const struct pop3_ask *ask = pop3_server_ask(p->s);
	if (p->makes_rows && ask->kind == POP3_ASK_ROWS) {
		make_rows(p, ask);
		return;
	}
	struct buffer text = buffer_new(100000);
	describe(p, ask, &text);
	const struct transcript_line *l = next_owner(p);
	buffer_add_octet(&text, '\0');
	if (!l || !transcript_is(l, "A") ||
		!view_equal(view_of(l->text, l->length),
			view_first(buffer_view(&text), text.length - 1)))
		fail(p, p->next_owner - 1, "another ask", (const char *)text.data);
	buffer_free(&text);
	l = next_owner(p);
	if (!l || !transcript_is(l, "R")) {
		fail(p, p->next_owner - 1, "no answer to the ask", "R: is missing");
		return;
	}
	struct pop3_row rows[16];
	const struct pop3_answer a = read_answer(p, l, rows);
	pop3_server_answer(p->s, &a, &p->out);
}

static void keep_out(struct player *p)
{
	buffer_add(&p->said, buffer_view(&p->out));
	buffer_clear(&p->out);
}

/* Feeds all M lines of this content. */
static void give_content(struct player *p)
{
	struct buffer content = buffer_new(1u << 24);
	const struct transcript_line *l;
	while ((l = next_owner(p)) && (transcript_is(l, "M") || transcript_is(l, "M-raw"))) {
		buffer_add(&content, view_of(l->text, l->length));
		if (transcript_is(l, "M"))
			buffer_add(&content, VIEW("\r\n"));
	}
	const bool breaks = l && transcript_is(l, "M-fail");
	if (!breaks && (!l || !transcript_is(l, "M-end")))
		fail(p, p->next_owner - 1, "content without end", "M-end: is missing");
	struct view left = buffer_view(&content);
	bool more = true;
	while (more && (left.length || !breaks)) {
		const size_t piece = p->mode == MODE_OCTETS && left.length ? 1 : left.length;
		struct cursor c = cursor_of(view_first(left, piece));
		more = pop3_server_content(p->s, &c, !breaks && piece == left.length, &p->out);
		left = view_from(left, c.at);
		keep_out(p);
	}
	if (breaks)
		pop3_server_content_failed(p->s);
	buffer_free(&content);
}

static void settle(struct player *p)
{
	while (!p->failed) {
		struct cursor in = cursor_of(buffer_view(&p->unread));
		p->want = pop3_server_step(p->s, &in, &p->out);
		buffer_drop(&p->unread, in.at);
		keep_out(p);
		switch (p->want) {
		case POP3_WANT_INPUT:
			if (p->unread.length)
				fail(p, p->next_said, "input not taken", "");
			return;
		case POP3_WANT_FLUSH:
			break;
		case POP3_WANT_ANSWER:
			answer(p);
			keep_out(p);
			break;
		case POP3_WANT_CONTENT:
			give_content(p);
			break;
		case POP3_WANT_TLS:
		case POP3_WANT_CLOSE:
			return;
		}
	}
}

static void feed(struct player *p, const char *octets, size_t length)
{
	if (p->want == POP3_WANT_CLOSE)
		return; /* what comes behind a close is not read by anybody */
	const size_t piece = p->mode == MODE_OCTETS ? 1 : length;
	for (size_t i = 0; i < length && !p->failed; i += piece) {
		buffer_add(&p->unread, view_of(octets + i, piece));
		if (p->mode != MODE_WHOLE)
			settle(p);
	}
}

static void end_tls(struct player *p, size_t at)
{
	settle(p);
	const struct transcript_line *l = next_owner(p);
	if (p->want != POP3_WANT_TLS || !l || !transcript_is(l, "TLS"))
		fail(p, at, "TLS is not wanted here", "");
	else
		pop3_server_tls_started(p->s);
}

static void play_line(struct player *p, size_t at)
{
	const struct transcript_line *l = &p->t->lines[at];
	const bool client = transcript_is(l, "C") || transcript_is(l, "C-raw");
	if (client && p->mode == MODE_LINES) {
		match(p, at);
		if (p->said.length)
			fail(p, at, "said too much before this", (const char *)p->said.data);
	}
	if (client) {
		feed(p, l->text, l->length);
		if (transcript_is(l, "C"))
			feed(p, "\r\n", 2);
	} else if (transcript_is(l, "TLS")) {
		end_tls(p, at);
	} else if (transcript_is(l, "drain")) {
		pop3_server_drain(p->s);
	} else if (transcript_is(l, "close")) {
		settle(p);
		if (p->want != POP3_WANT_CLOSE)
			fail(p, at, "not closed", "");
	}
}

static void set(struct player *p, const struct transcript_line *l)
{
	unsigned n = 0;
	if (strcmp(l->text, "flag tls") == 0)
		p->flags |= POP3_FLAG_TLS;
	else if (strcmp(l->text, "flag loopback") == 0)
		p->flags |= POP3_FLAG_LOOPBACK;
	else if (strcmp(l->text, "stls") == 0)
		p->settings.offers_stls = true;
	else if (strncmp(l->text, "mechanisms ", 11) == 0)
		p->settings.mechanisms = view_text(l->text + 11);
	else if (sscanf(l->text, "bad %u", &n) == 1)
		p->settings.bad_commands_max = n;
	else if (sscanf(l->text, "logins %u", &n) == 1)
		p->settings.login_attempts_max = n;
	else if (sscanf(l->text, "early %u", &n) == 1)
		p->settings.early_commands_max = n;
	else if (strcmp(l->text, "rows") == 0)
		p->makes_rows = true;
	else if (strcmp(l->text, "only lines") == 0)
		p->skips[MODE_OCTETS] = p->skips[MODE_WHOLE] = true;
	else if (strcmp(l->text, "no octets") == 0)
		p->skips[MODE_OCTETS] = true;
	else if (strcmp(l->text, "no whole") == 0)
		p->skips[MODE_WHOLE] = true;
	else
		transcript_fail(p->t, l->number, "no such setting: %s", l->text), p->failed = true;
}

static bool play(const struct transcript *t, enum mode mode)
{
	struct player p = {.t = t,
		.mode = mode,
		.out = buffer_new(POP3_OUT_MIN),
		.said = buffer_new(1u << 26),
		.unread = buffer_new(1u << 26),
		.settings = pop3_settings_default(VIEW("mail.example.test"))};
	for (size_t i = 0; i < t->count; i++)
		if (transcript_is(&t->lines[i], "set"))
			set(&p, &t->lines[i]);
	if (p.failed || p.skips[mode])
		return !p.failed;
	p.s = pop3_server_new(&p.settings, p.flags);
	for (size_t i = 0; i < t->count; i++)
		if (transcript_is(&t->lines[i], "early"))
			buffer_add(&p.unread, view_of(t->lines[i].text, t->lines[i].length));
	settle(&p);
	for (size_t i = 0; i < t->count && !p.failed; i++)
		play_line(&p, i);
	if (!p.failed)
		settle(&p);
	match(&p, t->count);
	if (p.said.length)
		buffer_add_octet(&p.said, '\0');
	if (p.said.length)
		fail(&p, t->count - 1, "said too much", (const char *)p.said.data);
	if (!p.failed && next_owner(&p))
		fail(&p, p.next_owner - 1, "never asked", "");
	pop3_server_free(&p.s);
	buffer_free(&p.out);
	buffer_free(&p.said);
	buffer_free(&p.unread);
	return !p.failed;
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
