#include "config/aliases.h"

#include "config/local.h"
#include "config/users.h"

#include <stdlib.h>

#define REMEDY "write name: user, user"

struct reader {
	struct view file;
	struct findings *findings;
	struct arena *arena;
	struct config_aliases all;
	uint32_t alias_room;
	uint32_t destination_room;
	struct config_alias *open; /* the one that indented lines go on with, or null */
	bool is_skipping; /* after a malformed name: its list is passed over */
};

static int compare_keys(const struct config_alias *a, const struct config_alias *b)
{
	const int order = view_compare(a->local, b->local);
	return order != 0 ? order : view_compare(a->domain.name, b->domain.name);
}

int alias_compare(const struct config_alias *a, const struct config_alias *b)
{
	return compare_keys(a, b);
}

static int compare_lines(const void *left, const void *right)
{
	const struct config_alias *a = left;
	const struct config_alias *b = right;
	const int order = compare_keys(a, b);
	if (order != 0)
		return order;
	return a->line < b->line ? -1 : a->line > b->line;
}

static void complain(struct reader *r, uint32_t line, const char *format, struct view what)
{
	findings_add(r->findings, FINDING_ERROR, r->file, line, REMEDY, format, text_view(what));
}

static bool parse_name(struct reader *r, struct view name, struct config_alias *alias)
{
	const size_t at = view_find_last(name, '@');
	const struct view local = view_first(name, at);
	if (user_alias_check(local) != USER_OK)
		return false;
	if (at != VIEW_NOT_FOUND &&
		domain_parse(view_from(name, at + 1), true, r->arena, &alias->domain) != ADDRESS_OK)
		return false;
	return local_fold(local, r->arena, &alias->local);
}

/* F-24: by name and always, however it is quoted. */
static bool runs_or_writes(struct view text)
{
	while (view_at(text, 0) == '"' || view_at(text, 0) == '\\' || view_at(text, 0) == ' ')
		text = view_from(text, 1);
	return view_at(text, 0) == '|' || view_at(text, 0) == '/' || view_at(text, 0) == '~' ||
	       view_starts_nocase(text, VIEW(":include:"));
}

static bool parse_destination(
	struct reader *r, struct view text, struct alias_destination *destination)
{
	struct address address;
	destination->text = text;
	if (view_find(text, '@') == VIEW_NOT_FOUND)
		return user_alias_check(text) == USER_OK &&
		       local_fold(text, r->arena, &destination->local);
	if (address_parse(text, true, r->arena, &address) != ADDRESS_OK || address.is_literal)
		return false;
	destination->local = address.local_plain;
	destination->domain = address.domain;
	return true;
}

static void take_destination(struct reader *r, uint32_t line, struct view text)
{
	struct alias_destination destination = {0};
	if (runs_or_writes(text)) {
		findings_add(r->findings, FINDING_ERROR, r->file, line,
			"name users and addresses only: no alias runs a program, writes a file or "
			"reads a list",
			"\"{}\" is refused", text_view(text));
	} else if (!parse_destination(r, text, &destination)) {
		complain(r, line, "\"{}\" is no local name and no address", text);
	} else if (r->all.destination_count >= r->destination_room) {
		complain(r, line, "\"{}\" is one destination too many in this file", text);
	} else {
		r->all.destinations[r->all.destination_count++] = destination;
		r->open->count++;
	}
}

/* The first comma outside quotes, or VIEW_NOT_FOUND. */
static size_t find_comma(struct view v)
{
	bool is_quoted = false;
	for (size_t i = 0; i < v.length; i++) {
		if (is_quoted && v.at[i] == '\\')
			i++;
		else if (v.at[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && v.at[i] == ',')
			return i;
	}
	return VIEW_NOT_FOUND;
}

static void take_list(struct reader *r, uint32_t line, struct view list)
{
	while (!view_is_empty(list)) {
		const size_t comma = find_comma(list);
		const struct view text = view_trim(view_first(list, comma));
		list = comma == VIEW_NOT_FOUND ? VIEW_NONE : view_from(list, comma + 1);
		if (!view_is_empty(text))
			take_destination(r, line, text);
	}
}

static void take_alias(struct reader *r, const struct line *line)
{
	struct view name;
	struct view list;
	struct config_alias alias = {.line = line->number, .first = r->all.destination_count};
	r->open = NULL;
	r->is_skipping = true;
	if (!view_split(line->text, ':', &name, &list)) {
		complain(r, line->number, "\"{}\" has no colon after its name", line->text);
	} else if (!parse_name(r, view_trim(name), &alias)) {
		complain(r, line->number, "\"{}\" is no name for an alias", view_trim(name));
	} else if (r->all.count >= r->alias_room) {
		complain(r, line->number, "\"{}\" is one alias too many", view_trim(name));
	} else {
		r->open = &r->all.aliases[r->all.count++];
		*r->open = alias;
		r->is_skipping = false;
		take_list(r, line->number, list);
	}
}

static void take_line(struct reader *r, const struct line *line)
{
	if (line->problem != LINES_OK)
		findings_add(r->findings, FINDING_ERROR, r->file, line->number, REMEDY, "{}",
			text_string(lines_problem_text(line->problem)));
	else if (!line->is_indented)
		take_alias(r, line);
	else if (r->open)
		take_list(r, line->number, line->text);
	else if (!r->is_skipping)
		complain(r, line->number, "\"{}\" is indented, but no alias stands before it",
			line->text);
}

/* Sorted, without those that have a name twice or no destination. */
static void finish(struct reader *r)
{
	struct config_alias *aliases = r->all.aliases;
	uint32_t kept = 0;
	if (r->all.count)
		qsort(aliases, r->all.count, sizeof *aliases, compare_lines);
	for (uint32_t i = 0; i < r->all.count; i++) {
		if (aliases[i].count == 0)
			complain(r, aliases[i].line, "the alias {} has no destination",
				aliases[i].local);
		else if (kept && compare_keys(&aliases[kept - 1], &aliases[i]) == 0)
			findings_add(r->findings, FINDING_ERROR, r->file, aliases[i].line,
				"put all destinations into one line",
				"the alias {} stands in line {} already",
				text_view(aliases[i].local), text_number(aliases[kept - 1].line));
		else
			aliases[kept++] = aliases[i];
	}
	r->all.count = kept;
}

static size_t count_octet(struct view v, uint8_t octet)
{
	size_t count = 0;
	for (size_t i = 0; i < v.length; i++)
		count += v.at[i] == octet;
	return count;
}

static uint32_t at_most(size_t n, uint32_t max)
{
	return n < max ? (uint32_t)n : max;
}

bool aliases_parse(struct view text, struct view file, struct findings *findings, struct arena *a,
	struct config_aliases *aliases_out)
{
	const uint32_t lines = lines_count(text);
	struct reader r = {.file = file, .findings = findings, .arena = a};
	r.alias_room = at_most(lines, ALIASES_MAX);
	r.destination_room = at_most(lines + count_octet(text, ','), ALIAS_DESTINATIONS_MAX);
	r.all.aliases = arena_get_array(a, r.alias_room, sizeof *r.all.aliases);
	r.all.destinations = arena_get_array(a, r.destination_room, sizeof *r.all.destinations);
	*aliases_out = (struct config_aliases){0};
	if (!r.all.aliases || !r.all.destinations)
		return false;
	struct lines lines_left = lines_of(text);
	struct line line;
	while (lines_next(&lines_left, &line))
		take_line(&r, &line);
	finish(&r);
	*aliases_out = r.all;
	return true;
}
