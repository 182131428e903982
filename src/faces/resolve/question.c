#include "faces/resolve/question_parts.h"

#include "base/text.h"

/* --- look-ups ----------------------------------------------------------------------------- */

void question_ask(struct question *q, struct query *query, struct view prefix, struct view name,
	enum dns_type type, void (*answered)(struct query *query, const struct dns_answer *answer),
	void *context)
{
	const uint64_t soon_ms = q->asker.now_ms(q->asker.context) + QUERY_MS;
	struct buffer text = buffer_new(QUERY_NAME_MAX);
	buffer_add(&text, prefix);
	buffer_add(&text, name);
	must(!buffer_failed(&text) &&
		view_to_text(buffer_view(&text), query->name, sizeof query->name));
	buffer_free(&text);
	query->type = type;
	query->answered = answered;
	query->context = context;
	query->deadline_ms = soon_ms < q->deadline_ms ? soon_ms : q->deadline_ms;
	q->open++;
	q->asker.ask(q->asker.context, query);
}

static void finish(struct question *q)
{
	switch (q->code) {
	case RESOLVE_HOSTS:
	case RESOLVE_ADDRESSES:
		hosts_finish(q);
		return;
	case RESOLVE_CLIENT:
		client_finish(q);
		return;
	case RESOLVE_TEXTS:
	case RESOLVE_HOSTS_ARE:
	case RESOLVE_CLIENT_IS:
	case RESOLVE_TEXTS_ARE:
	case RESOLVE_CODES:
		return;
	}
}

void question_settle(struct question *q)
{
	must(q->open > 0);
	if (--q->open)
		return;
	finish(q);
	q->done(q->context, q, &q->result);
}

/* --- results ------------------------------------------------------------------------------ */

void question_say(struct question *q, enum lookup_outcome outcome, const char *why)
{
	q->result.outcome = outcome;
	q->result.why = view_text(why);
}

static enum lookup_outcome outcome_of(enum dns_status status)
{
	switch (status) {
	case DNS_FOUND:
		return LOOKUP_OK;
	case DNS_NO_DATA:
		return LOOKUP_NOTHING;
	case DNS_NO_DOMAIN:
		return LOOKUP_NO_DOMAIN;
	case DNS_FAILED:
		return LOOKUP_TEMPORARY;
	case DNS_BOGUS:
		return LOOKUP_BOGUS;
	}
	return LOOKUP_TEMPORARY;
}

static const char *sentence_of(enum dns_status status)
{
	switch (status) {
	case DNS_FOUND:
	case DNS_NO_DATA:
		return "there is no such record";
	case DNS_NO_DOMAIN:
		return "the name does not exist";
	case DNS_FAILED:
		return "it cannot be looked up just now";
	case DNS_BOGUS:
		return "its DNSSEC signatures do not hold";
	}
	return "";
}

void question_trouble(
	struct question *q, const struct dns_answer *answer, const char *what, struct view name)
{
	struct buffer why = buffer_new(4096);
	q->result.outcome = outcome_of(answer->status);
	text_add(&why, "{} of {}: {}", text_string(what), text_view(name),
		text_string(sentence_of(answer->status)));
	if (!view_is_empty(answer->why))
		text_add(&why, ": {}", text_view(view_first(answer->why, 160)));
	const struct view text = view_first(buffer_view(&why), RESOLVE_WHY_MAX);
	if (!view_is_printable(text, true) || !arena_copy(&q->arena, text, &q->result.why))
		q->result.why = VIEW_NONE;
	buffer_free(&why);
}

/* --- its life ----------------------------------------------------------------------------- */

struct question *question_new(const struct asker *asker, const struct question_given *given,
	question_done *done, void *context)
{
	struct question *q = memory_new(1, sizeof *q);
	*q = (struct question){.asker = *asker,
		.arena = arena_new(QUESTION_MEMORY_MAX),
		.done = done,
		.context = context,
		.code = given->code,
		.port = given->port,
		.client = given->client,
		.self = given->self,
		.seed = given->seed,
		.deadline_ms = asker->now_ms(asker->context) + QUESTION_MS};
	must(arena_copy(&q->arena, given->name, &q->text));
	q->name.name = q->text;
	return q;
}

void question_start(struct question *q)
{
	q->open = 1;
	switch (q->code) {
	case RESOLVE_HOSTS:
	case RESOLVE_ADDRESSES:
		hosts_start(q);
		break;
	case RESOLVE_CLIENT:
		client_start(q);
		break;
	case RESOLVE_TEXTS:
		texts_start(q);
		break;
	case RESOLVE_HOSTS_ARE:
	case RESOLVE_CLIENT_IS:
	case RESOLVE_TEXTS_ARE:
	case RESOLVE_CODES:
		must(!"an answer is no question");
	}
	question_settle(q);
}

static void forget(struct question *q, struct query *query)
{
	q->asker.forget(q->asker.context, query);
}

void question_free(struct question **at)
{
	struct question *q = *at;
	*at = NULL;
	if (!q)
		return;
	forget(q, &q->first);
	for (uint32_t i = 0; i < q->candidate_count; i++) {
		forget(q, &q->candidates[i].queries[0]);
		forget(q, &q->candidates[i].queries[1]);
	}
	for (uint32_t i = 0; i < q->name_count; i++)
		forget(q, &q->names[i].query);
	arena_reset(&q->arena);
	memory_free(q);
}
