#include "tools/sekisho/status.h"

/* --- programs ----------------------------------------------------------------------------- */

static bool take_number(struct view *rest, uint64_t *number_out)
{
	struct view field;
	const struct view whole = *rest;
	view_split(whole, '\t', &field, rest);
	return view_to_u64(field, UINT64_MAX, number_out);
}

bool status_take_program(struct view *text, struct status_program *p)
{
	struct view line, rest;
	const struct view whole = *text;
	view_split(whole, '\n', &line, text);
	if (!view_split(line, '\t', &p->name, &rest) || view_is_empty(p->name))
		return false;
	line = rest;
	return view_split(line, '\t', &p->state, &rest) && take_number(&rest, &p->pid) &&
	       take_number(&rest, &p->restarts) && take_number(&rest, &p->broken) &&
	       take_number(&rest, &p->seconds) && view_is_empty(rest);
}

struct view status_program_of(struct view name)
{
	struct view program, worker;
	view_split(name, '.', &program, &worker);
	return program;
}

void status_add_age(struct buffer *b, uint64_t seconds)
{
	const uint64_t minutes = seconds / 60;
	const uint64_t hours = minutes / 60;
	if (minutes == 0)
		text_add(b, "{} s", text_number(seconds));
	else if (hours == 0)
		text_add(b, "{} min", text_number(minutes));
	else if (hours < 24)
		text_add(b, "{} h {} min", text_number(hours), text_number(minutes % 60));
	else
		text_add(b, "{} d {} h", text_number(hours / 24), text_number(hours % 24));
}

/* --- key=value ---------------------------------------------------------------------------- */

static bool is_word(int octet)
{
	return octet > ' ';
}

static bool is_space(int octet)
{
	return octet >= 0 && octet <= ' ';
}

static void merge(struct status_pair *old, const struct status_pair *new)
{
	if (!old->is_number || !new->is_number)
		*old = *new;
	else if (view_equal(old->key, VIEW("generation")))
		old->number = new->number < old->number ? new->number : old->number;
	else if (view_ends(old->key, VIEW("_all_workers")))
		old->number = new->number > old->number ? new->number : old->number;
	else if (UINT64_MAX - old->number < new->number)
		old->number = UINT64_MAX;
	else
		old->number += new->number;
}

static void take_pair(struct status_pairs *p, struct view word)
{
	struct status_pair pair = {.number = 0};
	if (!view_split(word, '=', &pair.key, &pair.word) || view_is_empty(pair.key) ||
		view_equal(pair.key, VIEW("worker")))
		return;
	pair.is_number = view_to_u64(pair.word, UINT64_MAX, &pair.number);
	for (unsigned i = 0; i < p->count; i++)
		if (view_equal(p->pairs[i].key, pair.key)) {
			merge(&p->pairs[i], &pair);
			return;
		}
	if (p->count < STATUS_PAIRS_MAX)
		p->pairs[p->count++] = pair;
}

void status_read_pairs(struct view text, struct status_pairs *pairs_out)
{
	struct cursor c = cursor_of(text);
	pairs_out->count = 0;
	while (cursor_left(&c)) {
		take_pair(pairs_out, cursor_while(&c, is_word));
		cursor_while(&c, is_space);
	}
}

static void add_value(struct buffer *b, const struct status_pair *pair)
{
	if (pair->is_number)
		text_add(b, "{}", text_number(pair->number));
	else
		text_add(b, "{}", text_view(pair->word));
}

void status_add_pairs(struct buffer *b, const struct status_pairs *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		const struct view key = p->pairs[i].key;
		if (i)
			buffer_add(b, VIEW(", "));
		for (size_t k = 0; k < key.length; k++)
			buffer_add_octet(b, key.at[k] == '_' ? ' ' : key.at[k]);
		buffer_add_octet(b, ' ');
		add_value(b, &p->pairs[i]);
	}
}

void status_add_pairs_json(struct buffer *b, const struct status_pairs *p)
{
	buffer_add_octet(b, '{');
	for (unsigned i = 0; i < p->count; i++) {
		if (i)
			buffer_add_octet(b, ',');
		text_add_json(b, p->pairs[i].key);
		buffer_add_octet(b, ':');
		if (p->pairs[i].is_number)
			text_add(b, "{}", text_number(p->pairs[i].number));
		else
			text_add_json(b, p->pairs[i].word);
	}
	buffer_add_octet(b, '}');
}
