#include "faces/resolve/question_parts.h"

/* What does not fit is left out; MTA-STS and SPF have one short record. */
static void pack(struct question *q, const struct dns_answer *answer)
{
	struct buffer packed = buffer_new(RESOLVE_TEXTS_OCTETS_MAX);
	for (uint32_t i = 0; i < answer->count && i < RESOLVE_TEXTS_MAX; i++) {
		const struct view text = answer->records[i].octets;
		if (buffer_left(&packed) < text.length + sizeof(uint32_t))
			continue;
		buffer_add_u32(&packed, (uint32_t)text.length);
		buffer_add(&packed, text);
	}
	if (!packed.length || !arena_copy(&q->arena, buffer_view(&packed), &q->result.texts))
		question_say(q, LOOKUP_TEMPORARY, "the texts are too large");
	buffer_free(&packed);
}

static void answered(struct query *query, const struct dns_answer *answer)
{
	struct question *q = query->context;
	q->result.is_secure = answer->is_secure;
	if (answer->status == DNS_FOUND)
		pack(q, answer);
	else
		question_trouble(q, answer, "the texts", q->name.name);
	question_settle(q);
}

void texts_start(struct question *q)
{
	if (host_name_is_sound(q->name.name))
		question_ask(q, &q->first, VIEW_NONE, q->name.name, DNS_TXT, answered, q);
	else
		question_say(q, LOOKUP_NO_DOMAIN, "this is no name that a domain can have");
}
