#include "faces/resolve/question_parts.h"

/* Forward-confirmed reverse DNS (RFC 8601 §2.7.3): a name counts when its addresses name the client. Anybody can
 * write any name into the reverse zone of his addresses. */

static bool is_trouble(const struct dns_answer *answer)
{
	return answer->status == DNS_FAILED || answer->status == DNS_BOGUS;
}

static void name_answered(struct query *query, const struct dns_answer *answer)
{
	struct client_name *n = query->context;
	n->is_confirmed = answer_has_address(answer, &n->question->client);
	n->is_temporary = is_trouble(answer);
	question_settle(n->question);
}

static void take_names(struct question *q, const struct dns_answer *answer)
{
	q->names = arena_get_array(&q->arena, CLIENT_NAMES_MAX, sizeof *q->names);
	for (uint32_t i = 0; q->names && i < answer->count && q->name_count < CLIENT_NAMES_MAX;
		i++) {
		const struct view name = answer->records[i].name;
		struct client_name *n = &q->names[q->name_count];
		if (!host_name_is_sound(name) || !arena_copy(&q->arena, name, &n->name.name))
			continue;
		n->question = q;
		q->name_count++;
	}
}

static void reverse_answered(struct query *query, const struct dns_answer *answer)
{
	struct question *q = query->context;
	const enum dns_type type = ip_is_v4(&q->client) ? DNS_A : DNS_AAAA;
	if (answer->status == DNS_FOUND)
		take_names(q, answer);
	else if (is_trouble(answer))
		q->result.outcome = LOOKUP_TEMPORARY;
	for (uint32_t i = 0; i < q->name_count; i++)
		question_ask(q, &q->names[i].query, VIEW_NONE, q->names[i].name.name, type,
			name_answered, &q->names[i]);
	question_settle(q);
}

void client_start(struct question *q)
{
	struct buffer name = buffer_new(QUERY_NAME_MAX);
	dns_add_reverse(&name, &q->client);
	question_ask(q, &q->first, VIEW_NONE, buffer_view(&name), DNS_PTR, reverse_answered, q);
	buffer_free(&name);
}

void client_finish(struct question *q)
{
	bool is_temporary = q->result.outcome == LOOKUP_TEMPORARY;
	for (uint32_t i = 0; i < q->name_count; i++) {
		if (q->names[i].is_confirmed) {
			q->result = (struct question_result){.name = q->names[i].name.name};
			return;
		}
		is_temporary = is_temporary || q->names[i].is_temporary;
	}
	q->result.outcome = is_temporary ? LOOKUP_TEMPORARY : LOOKUP_NOTHING;
}
