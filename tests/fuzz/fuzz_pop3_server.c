/*
 * The POP3 server machine under a client and an owner that do anything. The input: an octet of flags
 * (TLS, loopback, STLS, and how the rest is cut), an octet that seeds the owner's answers, then what
 * the client says. Played once cut into pieces and once octet by octet, it must say the same. Held
 * throughout: a reply's line has at most 512 octets and ends in CRLF, no LF stands alone, nothing is
 * asked before the login that needs one, and an open ask takes no input.
 */
#include "protocol/pop3_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct play {
	struct pop3_server *s;
	struct buffer out;
	struct buffer said;
	uint32_t seed;
	uint32_t messages;
};

static uint32_t dice(struct play *p, uint32_t sides)
{
	p->seed = p->seed * 1664525u + 1013904223u;
	return (p->seed >> 16) % sides;
}

static void check_said(struct play *p, bool is_content)
{
	struct view rest = buffer_view(&p->out);
	while (rest.length) {
		const size_t lf = view_find(rest, '\n');
		if (lf == VIEW_NOT_FOUND) {
			must(is_content);
			break;
		}
		must(is_content || (lf && view_at(rest, lf - 1) == '\r'));
		/* A challenge may be as long as a response (RFC 5034 §4). */
		must(is_content || lf < POP3_REPLY_MAX || view_starts(rest, VIEW("+ ")));
		rest = view_from(rest, lf + 1);
	}
	must(!p->out.failed);
	buffer_add(&p->said, buffer_view(&p->out));
	buffer_clear(&p->out);
}

static struct pop3_answer login_answer(struct play *p, bool sasl)
{
	static uint8_t octets[POP3_SASL_MAX];
	switch (dice(p, sasl ? 5 : 3)) {
	case 0:
		return (struct pop3_answer){
			.kind = POP3_ANSWER_REFUSED, .refusal = (enum pop3_refusal)dice(p, 6)};
	case 1:
		return (struct pop3_answer){.kind = POP3_ANSWER_TROUBLE};
	case 2:
		p->messages = dice(p, 2) ? dice(p, 4) : dice(p, 1200);
		return (struct pop3_answer){
			.kind = POP3_ANSWER_OPENED, .count = p->messages, .octets = dice(p, 60000)};
	default:
		return (struct pop3_answer){.kind = POP3_ANSWER_CHALLENGE,
			.challenge = view_of(octets, dice(p, 2) ? dice(p, 20) : sizeof octets)};
	}
}

static void answer_rows(struct play *p, const struct pop3_ask *ask)
{
	static struct pop3_row rows[POP3_ROWS_PAGE];
	must(ask->count && ask->count <= POP3_ROWS_PAGE);
	must(ask->number && ask->number + ask->count - 1 <= p->messages);
	size_t count = 0;
	for (uint32_t i = 0; i < ask->count; i++)
		if (dice(p, 50))
			rows[count++] =
				(struct pop3_row){ask->number + i, dice(p, 100000), VIEW("unique")};
	struct pop3_answer a = {.kind = POP3_ANSWER_ROWS, .rows = rows, .row_count = count};
	if (!dice(p, 20))
		a.kind = POP3_ANSWER_TROUBLE;
	must(pop3_server_answer(p->s, &a, &p->out));
}

static struct pop3_answer remove_answer(struct play *p)
{
	uint32_t count = 0;
	uint32_t before = 0;
	for (uint32_t n = 0; (n = pop3_server_deleted(p->s, n));) {
		must(n > before && n <= p->messages);
		before = n;
		count++;
	}
	must(count == pop3_server_deleted_count(p->s) && count);
	return (struct pop3_answer){.kind = POP3_ANSWER_REMOVED, .count = dice(p, count + 1)};
}

static void answer(struct play *p)
{
	const struct pop3_ask *ask = pop3_server_ask(p->s);
	struct pop3_answer a = {.kind = POP3_ANSWER_TROUBLE};
	const bool in = pop3_server_is_logged_in(p->s);
	switch (ask->kind) {
	case POP3_ASK_NONE:
		must(!"an ask is open");
		break;
	case POP3_ASK_PASSWORD:
	case POP3_ASK_SASL_START:
	case POP3_ASK_SASL_STEP:
		must(!in && ask->initial.length <= POP3_SASL_MAX);
		must(view_is_utf8(ask->user) && view_is_utf8(ask->password));
		a = login_answer(p, ask->kind != POP3_ASK_PASSWORD);
		break;
	case POP3_ASK_CANCEL:
		a.kind = POP3_ANSWER_DONE;
		break;
	case POP3_ASK_ROWS:
		must(in);
		answer_rows(p, ask);
		return;
	case POP3_ASK_FETCH:
		must(in && ask->number && ask->number <= p->messages);
		a.kind = dice(p, 4) ? POP3_ANSWER_CONTENT : POP3_ANSWER_MISSING;
		a.octets = dice(p, 1000);
		break;
	case POP3_ASK_REMOVE:
		must(in);
		a = remove_answer(p);
		break;
	}
	must(pop3_server_answer(p->s, &a, &p->out));
}

static void give_content(struct play *p)
{
	static const struct view pieces[] = {VIEW("a: b\r\n"), VIEW("\r\n"), VIEW("."), VIEW("\n"),
		VIEW("\n.\n.."), VIEW("Subject: \xe6\x97\xa5\r\n"), VIEW("\r"), VIEW("text\r\n"),
		VIEW("From: <\xe6\x97\xa5@b>, \"x\r\n"), VIEW(" fold\r\n")};
	for (bool more = true; more;) {
		if (!dice(p, 200)) {
			pop3_server_content_failed(p->s);
			return;
		}
		const bool last = !dice(p, 12);
		struct cursor c = cursor_of(pieces[dice(p, sizeof pieces / sizeof *pieces)]);
		do {
			more = pop3_server_content(p->s, &c, last, &p->out);
			check_said(p, true);
		} while (more && cursor_left(&c));
		if (last)
			must(!more);
	}
}

static bool settle(struct play *p, struct cursor *in)
{
	for (;;) {
		const size_t before = cursor_left(in);
		const bool is_asked = pop3_server_ask(p->s)->kind != POP3_ASK_NONE;
		const enum pop3_want want = pop3_server_step(p->s, in, &p->out);
		must(!is_asked || cursor_left(in) == before);
		check_said(p, false);
		switch (want) {
		case POP3_WANT_INPUT:
			must(cursor_left(in) == 0);
			return true;
		case POP3_WANT_FLUSH:
			break;
		case POP3_WANT_ANSWER:
			answer(p);
			check_said(p, false);
			break;
		case POP3_WANT_CONTENT:
			give_content(p);
			break;
		case POP3_WANT_TLS:
			must(cursor_left(in) == 0);
			pop3_server_tls_started(p->s);
			break;
		case POP3_WANT_CLOSE:
			must(pop3_server_counts(p->s).closed_by != NULL);
			return false;
		}
	}
}

/* Plays all of it in pieces of `piece` octets. */
static void play(const uint8_t *data, size_t size, size_t piece, struct buffer *said)
{
	struct pop3_settings settings = pop3_settings_default(VIEW("mail.example.test"));
	settings.mechanisms = VIEW("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN");
	settings.offers_stls = data[0] & 4;
	settings.bad_commands_max = 30;
	struct play p = {.seed = data[1], .out = buffer_new(POP3_OUT_MIN), .said = *said};
	p.s = pop3_server_new(&settings, data[0] & 3);
	struct view rest = view_of(data + 2, size - 2);
	struct cursor none = cursor_of(VIEW_NONE);
	bool open = settle(&p, &none);
	while (open && rest.length) {
		struct cursor in = cursor_of(view_first(rest, piece));
		open = settle(&p, &in);
		rest = view_from(rest, piece);
	}
	pop3_server_free(&p.s);
	buffer_free(&p.out);
	*said = p.said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct buffer one = buffer_new(1u << 26);
	struct buffer other = buffer_new(1u << 26);
	play(data, size, 1, &one);
	/* Behind STLS a cut matters, as it should: the rest is then an injection. */
	play(data, size, (data[0] & 4) ? 1 : 2 + data[0] / 8u * 7u, &other);
	must(view_equal(buffer_view(&one), buffer_view(&other)));
	if (data[0] & 4) {
		buffer_clear(&other);
		play(data, size, size, &other);
	}
	buffer_free(&one);
	buffer_free(&other);
	return 0;
}
