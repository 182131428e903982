#include "tools/sekisho/explain.h"

#include "base/text.h"

#define LINE_ROOM 8192u

const char *explain_stage_name(enum explain_stage stage)
{
	switch (stage) {
	case EXPLAIN_CONNECT:
		return "connect";
	case EXPLAIN_HELO:
		return "helo";
	case EXPLAIN_MAIL:
		return "mail";
	case EXPLAIN_RCPT:
		return "rcpt";
	}
	return "unknown";
}

struct asking {
	const struct snapshot *snapshot;
	const struct explain_question *question;
	struct arena *arena;
	struct explain_answer *answer;
	struct buffer out; /* what the server would say; nobody reads it */
};

/* --- what was decided --------------------------------------------------------------------- */

static void note(struct asking *ask, struct route_verdict verdict)
{
	struct explain_answer *e = ask->answer;
	must(e->stages < EXPLAIN_STAGES);
	if (e->stages < EXPLAIN_MAIL)
		verdict.enhanced = ""; /* none is said there, RFC 2034 §4 */
	e->verdicts[e->stages++] = verdict;
}

/* The machine refuses some things before it asks anybody. */
static void note_own(struct asking *ask, const struct reply *reply)
{
	struct buffer b = buffer_new(16);
	struct view enhanced;
	text_add(&b, "{}.{}.{}", text_number(reply->enhanced.class),
		text_number(reply->enhanced.subject), text_number(reply->enhanced.detail));
	buffer_add_octet(&b, 0);
	must(!buffer_failed(&b) && arena_copy(ask->arena, buffer_view(&b), &enhanced));
	buffer_free(&b);
	note(ask, (struct route_verdict){.code = reply->code,
			  .enhanced = (const char *)enhanced.at,
			  .text = reply->text,
			  .rule = view_text(reply->rule)});
}

/* As faces/smtpd asks. */
static struct route_verdict judge(struct asking *ask, const struct smtp_ask *asked)
{
	const struct snapshot *s = ask->snapshot;
	struct explain_answer *e = ask->answer;
	if (asked->kind == SMTP_ASK_CONNECT)
		return route_connect(s, &e->facts, ask->arena);
	if (asked->kind == SMTP_ASK_HELO)
		return route_helo(s, &e->facts, &asked->helo, ask->arena);
	if (asked->kind == SMTP_ASK_MAIL)
		return route_mail(s, &e->facts, &asked->mail->reverse_path, ask->arena);
	must(asked->kind == SMTP_ASK_RCPT);
	e->forward_path = asked->recipient->forward_path;
	const struct route_recipient recipient = {.forward_path = &e->forward_path,
		.had_route = asked->recipient->had_route,
		.reverse_path = &asked->mail->reverse_path};
	struct sender_owners owners;
	if (route_asks_gate(s, &e->facts, &recipient, &owners))
		explain_pass_gate(s, ask->question, &owners, e);
	const struct route_verdict v =
		route_rcpt(s, &e->facts, &recipient, &e->mailboxes, ask->arena);
	struct srs srs;
	for (uint32_t i = 0; i < e->mailboxes.count; i++)
		e->forwards |= e->mailboxes.mailboxes[i].is_forwarded;
	e->sender = forward_sender(s, recipient.reverse_path, 0, ask->arena, &srs);
	return v;
}

static void serve_ask(struct asking *ask)
{
	struct smtp_server *m = &ask->answer->machine;
	const struct route_verdict v = judge(ask, smtp_server_ask(m));
	const struct reply refusal = {.code = v.code, .text = v.text, .rule = "explained"};
	const struct smtp_answer accepted = {.verdict = SMTP_ACCEPT};
	const struct smtp_answer refused = {.verdict = SMTP_REFUSE, .reply = refusal};
	note(ask, v);
	smtp_server_answer(m, v.accepted ? &accepted : &refused);
}

/* --- the dialogue ------------------------------------------------------------------------- */

/* Feeds the machine until it wants more; whether the stage was accepted. */
static bool feed(struct asking *ask, struct view octets)
{
	struct explain_answer *e = ask->answer;
	struct cursor in = cursor_of(octets);
	const unsigned before = e->stages;
	for (;;) {
		buffer_clear(&ask->out);
		switch (smtp_server_step(&e->machine, &in, &ask->out)) {
		case SMTP_WANT_ANSWER:
			serve_ask(ask);
			continue;
		case SMTP_WANT_NOTE:
			if (e->stages == before)
				note_own(ask, smtp_server_said(&e->machine));
			continue;
		case SMTP_WANT_OUTPUT:
			continue;
		case SMTP_WANT_INPUT:
		case SMTP_WANT_CLOSE:
		case SMTP_WANT_CONTENT:
		case SMTP_WANT_DROP:
		case SMTP_WANT_TLS:
			return e->stages > before && e->verdicts[e->stages - 1].accepted;
		}
	}
}

static bool say_line(struct asking *ask, struct buffer *line)
{
	buffer_add(line, VIEW("\r\n"));
	must(!buffer_failed(line));
	const bool accepted = feed(ask, buffer_view(line));
	buffer_free(line);
	return accepted;
}

/* People leave the brackets out; the machine insists on them. */
static void add_path(struct buffer *line, struct view given)
{
	const bool is_bare = !view_starts(given, VIEW("<"));
	text_add(line, "{}{}{}", text_string(is_bare ? "<" : ""), text_raw(given),
		text_string(is_bare ? ">" : ""));
}

static bool say_helo(struct asking *ask)
{
	const struct view given = ask->question->helo;
	struct buffer line = buffer_new(LINE_ROOM);
	text_add(&line, "EHLO {}", text_raw(given.length ? given : EXPLAIN_HELO_NAME));
	return say_line(ask, &line);
}

static bool say_mail(struct asking *ask)
{
	const struct explain_question *q = ask->question;
	struct buffer line = buffer_new(LINE_ROOM);
	buffer_add(&line, VIEW("MAIL FROM:"));
	add_path(&line, q->reverse_path);
	if (q->size.length)
		text_add(&line, " SIZE={}", text_raw(q->size));
	if (!view_is_ascii(q->reverse_path) || !view_is_ascii(q->forward_path))
		buffer_add(&line, VIEW(" SMTPUTF8"));
	return say_line(ask, &line);
}

static bool say_rcpt(struct asking *ask)
{
	struct buffer line = buffer_new(LINE_ROOM);
	buffer_add(&line, VIEW("RCPT TO:"));
	add_path(&line, ask->question->forward_path);
	return say_line(ask, &line);
}

/* The login comes after EHLO: what was judged before it, was judged without. */
static void log_in(struct asking *ask)
{
	struct route_facts *facts = &ask->answer->facts;
	facts->login = ask->question->login;
	facts->side = route_client(ask->snapshot, &facts->client, facts->login);
}

static void begin(struct asking *ask)
{
	struct explain_answer *e = ask->answer;
	const struct snapshot *s = ask->snapshot;
	e->config = (struct smtp_config){
		.servername = s->servername.name, .limits = smtp_limits_default()};
	e->config.limits.size_octets = s->numbers[SETTING_SIZELIMIT];
	e->config.limits.recipients = (uint32_t)s->numbers[SETTING_RECIPIENTLIMIT];
	e->facts.side = route_client(s, &e->facts.client, VIEW_NONE);
	e->machine = smtp_server_new(
		&e->config, &(struct smtp_facts){.is_inside = e->facts.side == ROUTE_INSIDE,
				    .is_loopback = ip_is_loopback(&e->facts.client)});
}

static bool has_line_end(struct view v)
{
	return view_find(v, '\r') != VIEW_NOT_FOUND || view_find(v, '\n') != VIEW_NOT_FOUND;
}

static const char *problem_of(const struct asking *ask, struct ip *client_out)
{
	const struct explain_question *q = ask->question;
	uint64_t octets;
	if (!ip_parse(q->client.length ? q->client : EXPLAIN_CLIENT, client_out))
		return "--from takes the IP address of a client, such as 192.0.2.7";
	if (q->login.length && snapshot_find_login(ask->snapshot, q->login) == SNAPSHOT_NOT_FOUND)
		return "--login takes a user of this site; `sekisho user list` shows who there is";
	if (q->size.length && !view_to_u64(q->size, UINT64_MAX, &octets))
		return "--size takes a number of octets";
	if (has_line_end(q->reverse_path) || has_line_end(q->forward_path) ||
		has_line_end(q->helo) ||
		q->reverse_path.length + q->forward_path.length + q->helo.length > LINE_ROOM / 2)
		return "an address, or a name, is one short line";
	return NULL;
}

const char *explain_envelope(const struct snapshot *s, const struct explain_question *question,
	struct arena *a, struct explain_answer *e)
{
	struct asking ask = {s, question, a, e, buffer_new(SMTP_SERVER_OUTPUT_MIN)};
	*e = (struct explain_answer){.mailboxes = route_set_new(a), .now_s = question->now_s};
	const char *problem = problem_of(&ask, &e->facts.client);
	if (problem)
		return problem;
	begin(&ask);
	if (feed(&ask, VIEW_NONE) && say_helo(&ask)) {
		log_in(&ask);
		e->accepted = say_mail(&ask) && say_rcpt(&ask);
	}
	buffer_free(&ask.out);
	return NULL;
}
