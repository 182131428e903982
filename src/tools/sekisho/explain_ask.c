#include "tools/sekisho/explain.h"

#include "base/text.h"

const char *explain_stage_name(enum explain_stage stage)
{
	switch (stage) {
	case EXPLAIN_CONNECT:
		return "connect";
	case EXPLAIN_HELO:
		return "helo";
	case EXPLAIN_MAIL:
		return "mail";
	case EXPLAIN_SIZE:
		return "size";
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
};

static bool note(struct asking *ask, struct route_verdict verdict)
{
	struct explain_answer *e = ask->answer;
	must(e->stages < EXPLAIN_STAGES);
	e->verdicts[e->stages++] = verdict;
	return verdict.accepted;
}

/* What the protocol machine refuses before it asks anybody. */
static bool refuse(
	struct asking *ask, uint16_t code, const char *enhanced, const char *rule, const char *text)
{
	return note(ask, (struct route_verdict){.code = code,
				 .enhanced = enhanced,
				 .text = view_text(text),
				 .rule = view_text(rule)});
}

/* --- the envelope ------------------------------------------------------------------------- */

/* People leave the brackets out; the machine insists on them. */
static enum address_problem read_path(struct asking *ask, struct view given, unsigned flags,
	struct address *address_out, bool *had_route_out)
{
	struct buffer b = buffer_new(4 * ADDRESS_PATH_MAX);
	struct view path;
	if (!view_starts(given, VIEW("<")))
		text_add(&b, "<{}>", text_raw(given));
	else
		buffer_add(&b, given);
	const bool fits = !buffer_failed(&b);
	const bool copied = fits && arena_copy(ask->arena, buffer_view(&b), &path);
	buffer_free(&b);
	if (!copied)
		return fits ? ADDRESS_MEMORY : ADDRESS_PATH_LONG;
	struct cursor c = cursor_of(path);
	const enum address_problem problem =
		path_parse(&c, flags | PATH_UTF8, ask->arena, address_out, had_route_out);
	return problem == ADDRESS_OK && cursor_left(&c) ? ADDRESS_LOCAL_SYNTAX : problem;
}

/* --- stages ------------------------------------------------------------------------------- */

static bool ask_connect(struct asking *ask)
{
	return note(ask, route_connect(ask->snapshot, &ask->answer->facts, ask->arena));
}

static bool ask_helo(struct asking *ask)
{
	const struct view given = ask->question->helo;
	struct helo_name name;
	const enum address_problem problem =
		helo_parse(given.length ? given : EXPLAIN_HELO_NAME, ask->arena, &name);
	if (problem != ADDRESS_OK)
		return refuse(ask, 501, "5.5.4", "helo-syntax", address_problem_text(problem));
	return note(ask, route_helo(ask->snapshot, &ask->answer->facts, &name, ask->arena));
}

static bool ask_mail(struct asking *ask)
{
	struct address from;
	bool had_route;
	const enum address_problem problem =
		read_path(ask, ask->question->reverse_path, PATH_NULL_OK, &from, &had_route);
	if (problem != ADDRESS_OK)
		return refuse(ask, 501, "5.1.7", "mail-syntax", address_problem_text(problem));
	return note(ask, route_mail(ask->snapshot, &ask->answer->facts, &from, ask->arena));
}

static bool ask_size(struct asking *ask)
{
	uint64_t octets = 0; /* without SIZE= */
	if (ask->question->size.length)
		must(view_to_u64(ask->question->size, UINT64_MAX, &octets));
	if (octets > ask->snapshot->numbers[SETTING_SIZELIMIT])
		return refuse(ask, 552, "5.3.4", "sizelimit",
			"the mail is larger than this server takes");
	return note(ask, (struct route_verdict){.accepted = true,
				 .code = 250,
				 .enhanced = "2.1.0",
				 .text = VIEW("ok"),
				 .rule = VIEW("accepted")});
}

static bool ask_rcpt(struct asking *ask)
{
	struct explain_answer *e = ask->answer;
	bool had_route = false;
	const enum address_problem problem = read_path(
		ask, ask->question->forward_path, PATH_POSTMASTER_OK, &e->forward_path, &had_route);
	if (problem != ADDRESS_OK)
		return refuse(ask, 501, "5.1.3", "rcpt-syntax", address_problem_text(problem));
	const struct route_recipient recipient = {
		.forward_path = &e->forward_path, .had_route = had_route};
	return note(
		ask, route_rcpt(ask->snapshot, &e->facts, &recipient, &e->mailboxes, ask->arena));
}

static const char *take_facts(struct asking *ask)
{
	const struct explain_question *q = ask->question;
	struct route_facts *facts = &ask->answer->facts;
	if (!ip_parse(q->client.length ? q->client : EXPLAIN_CLIENT, &facts->client))
		return "--from takes the IP address of a client, such as 192.0.2.7";
	if (q->login.length && snapshot_find_login(ask->snapshot, q->login) == SNAPSHOT_NOT_FOUND)
		return "--login takes a user of this site; `sekisho user list` shows who there is";
	facts->login = q->login;
	facts->side = route_client(ask->snapshot, &facts->client, facts->login);
	return NULL;
}

const char *explain_envelope(const struct snapshot *s, const struct explain_question *question,
	struct arena *a, struct explain_answer *answer_out)
{
	static bool (*const stages[])(struct asking *) = {
		ask_connect, ask_helo, ask_mail, ask_size, ask_rcpt};
	struct asking ask = {s, question, a, answer_out};
	*answer_out = (struct explain_answer){.mailboxes = route_set_new(a)};
	uint64_t octets;
	const char *problem = take_facts(&ask);
	if (problem)
		return problem;
	if (question->size.length && !view_to_u64(question->size, UINT64_MAX, &octets))
		return "--size takes a number of octets";
	for (size_t i = 0; i < EXPLAIN_STAGES; i++)
		if (!stages[i](&ask))
			return NULL;
	answer_out->accepted = true;
	return NULL;
}
