#include "popkey/asked.h"

#include "base/text.h"

#define DIGITS_MAX 9u /* of a netstring's length */

static void take(struct policy_request *r, uint32_t *seen, struct view line)
{
	const struct {
		struct view name;
		struct view *to;
	} rows[] = {
		{VIEW("client_address"), &r->client_address},
		{VIEW("sender"), &r->sender},
	};
	struct view name, value;
	if (!view_split(line, '=', &name, &value))
		return;
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (view_equal(name, rows[i].name) && !(*seen & 1u << i)) {
			*rows[i].to = value;
			*seen |= 1u << i;
		}
}

enum asked asked_policy(struct view octets, struct policy_request *request, size_t *taken)
{
	const struct view all = view_first(octets, ASKED_MAX);
	uint32_t seen = 0;
	*request = (struct policy_request){.sender = VIEW_NONE};
	for (size_t at = 0;;) {
		const struct view rest = view_from(all, at);
		const size_t length = view_find(rest, '\n');
		if (length == VIEW_NOT_FOUND)
			return octets.length >= ASKED_MAX ? ASKED_BROKEN : ASKED_PART;
		at += length + 1;
		if (length == 0) {
			*taken = at;
			return ASKED_WHOLE;
		}
		take(request, &seen, view_first(rest, length));
	}
}

enum asked asked_map(struct view octets, struct view *map, struct view *key, size_t *taken)
{
	struct view digits, rest;
	uint32_t length;
	if (!view_split(view_first(octets, DIGITS_MAX + 1), ':', &digits, &rest))
		return octets.length > DIGITS_MAX ? ASKED_BROKEN : ASKED_PART;
	if (!view_to_u32(digits, ASKED_MAX - DIGITS_MAX - 2, &length) ||
		(digits.length > 1 && digits.at[0] == '0'))
		return ASKED_BROKEN;
	rest = view_from(octets, digits.length + 1);
	if (rest.length <= length)
		return ASKED_PART;
	if (view_at(rest, length) != ',' || !view_split(view_first(rest, length), ' ', map, key))
		return ASKED_BROKEN;
	*taken = digits.length + 1 + length + 1;
	return ASKED_WHOLE;
}

void asked_map_answer(struct buffer *b, struct view word, struct view value)
{
	text_add(b, "{}:{} {},", text_number(word.length + 1 + value.length), text_raw(word),
		text_raw(value));
}
