#include "mail/address_list.h"

static bool is_white(int octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

/* --- skipping ----------------------------------------------------------------------------- */

/* A comment with those inside it; `c` stands at its "(". */
static void skip_comment(struct cursor *c)
{
	size_t depth = 0;
	do {
		const uint8_t octet = cursor_u8(c);
		if (octet == '\\')
			(void)cursor_u8(c);
		else if (octet == '(')
			depth++;
		else if (octet == ')')
			depth--;
	} while (depth && !cursor_failed(c));
}

/* White space, folds and comments. */
static void skip_white(struct cursor *c)
{
	for (;;) {
		if (cursor_peek(c) == '(')
			skip_comment(c);
		else if (is_white(cursor_peek(c)))
			(void)cursor_u8(c);
		else
			return;
		if (cursor_failed(c))
			return;
	}
}

/* What begins with `c`'s next octet and ends with `end`, in which a backslash takes the next octet along. */
static void skip_quoted(struct cursor *c, uint8_t end)
{
	(void)cursor_u8(c);
	while (!cursor_failed(c)) {
		const uint8_t octet = cursor_u8(c);
		if (octet == end)
			return;
		if (octet == '\\')
			(void)cursor_u8(c);
	}
}

/* --- words -------------------------------------------------------------------------------- */

static bool is_special(int octet)
{
	return octet < 0 || octet == '<' || octet == '>' || octet == ',' || octet == ';' ||
	       octet == ':' || octet == '(' || octet == ')' || octet == ']' || octet == '\\' ||
	       is_white(octet);
}

/* Words, dots, "@", quoted strings and literals with no white space in between: an address, or a part of a
 * display name. */
struct run {
	struct view text; /* empty when there is none */
	bool has_at; /* outside quotes: no part of a display name */
};

static struct run take_run(struct cursor *c)
{
	const size_t from = c->at;
	struct run run = {VIEW_NONE, false};
	while (!cursor_failed(c) && !is_special(cursor_peek(c))) {
		if (cursor_peek(c) == '"')
			skip_quoted(c, '"');
		else if (cursor_peek(c) == '[')
			skip_quoted(c, ']');
		else
			run.has_at |= cursor_u8(c) == '@';
	}
	run.text = view_part(c->all, from, c->at - from);
	return run;
}

/* --- elements ----------------------------------------------------------------------------- */

/* `c` stands behind the "<". */
static bool take_angle(struct cursor *c, struct view *text_out)
{
	skip_white(c);
	*text_out = take_run(c).text;
	skip_white(c);
	return cursor_skip(c, '>');
}

/* One element up to its separator, which stays; empty text when it names nobody. A group's name ends at its
 * colon: what follows is the next element, and the semicolon separates as a comma does. */
static bool take_element(struct cursor *c, struct view *text_out)
{
	struct run run = {VIEW_NONE, false};
	size_t runs = 0;
	bool is_name = true;
	*text_out = VIEW_NONE;
	skip_white(c);
	for (struct run next; (next = take_run(c)).text.length; runs++) {
		run = next;
		is_name = is_name && !run.has_at;
		skip_white(c);
	}
	if (cursor_failed(c))
		return false;
	if (cursor_skip(c, '<')) {
		const bool ok = is_name && take_angle(c, text_out) && text_out->length;
		skip_white(c);
		return ok;
	}
	if (cursor_peek(c) == ':')
		return is_name && runs > 0;
	if (runs == 1)
		*text_out = run.text;
	return runs <= 1; /* nothing between two commas is an old form of a list */
}

struct address_list address_list_of(struct view value)
{
	return (struct address_list){.c = cursor_of(value)};
}

/* Behind an element: its separator, or the end. */
static void take_separator(struct address_list *l)
{
	if (cursor_left(&l->c) == 0) {
		l->is_over = true;
		l->is_bad = l->in_group;
		return;
	}
	const uint8_t separator = cursor_u8(&l->c);
	l->is_bad = separator == ':'   ? l->in_group
		    : separator == ';' ? !l->in_group
				       : separator != ',';
	if (separator != ',')
		l->in_group = separator == ':';
}

bool address_list_next(struct address_list *l, struct view *text_out)
{
	while (!l->is_over && !l->is_bad) {
		if (!take_element(&l->c, text_out) || cursor_failed(&l->c)) {
			l->is_bad = true;
			return false;
		}
		take_separator(l);
		if (text_out->length)
			return !l->is_bad;
	}
	return false;
}

bool address_list_is_good(const struct address_list *l)
{
	return l->is_over && !l->is_bad;
}
