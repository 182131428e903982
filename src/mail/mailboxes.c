#include "mail/mailboxes.h"

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

static bool add(struct mailboxes *m, struct view text, struct arena *a)
{
	return m->count < MAILBOXES_MAX &&
	       address_parse(text, true, a, &m->list[m->count]) == ADDRESS_OK && ++m->count;
}

/* `c` stands behind the "<". */
static bool take_angle(struct cursor *c, struct mailboxes *m, struct arena *a)
{
	skip_white(c);
	const struct view text = take_run(c).text;
	skip_white(c);
	return cursor_skip(c, '>') && add(m, text, a);
}

/* One element up to its separator, which stays. A group's name ends at its colon: what follows is the
 * next element, and the semicolon separates as a comma does. */
static bool take_element(struct cursor *c, struct mailboxes *m, struct arena *a)
{
	struct run run = {VIEW_NONE, false};
	size_t runs = 0;
	bool is_name = true;
	skip_white(c);
	for (struct run next; (next = take_run(c)).text.length; runs++) {
		run = next;
		is_name = is_name && !run.has_at;
		skip_white(c);
	}
	if (cursor_failed(c))
		return false;
	if (cursor_skip(c, '<')) {
		const bool ok = is_name && take_angle(c, m, a);
		skip_white(c);
		return ok;
	}
	if (cursor_peek(c) == ':')
		return is_name && runs > 0;
	/* nothing between two commas is an old form of a list */
	return runs == 0 || (runs == 1 && add(m, run.text, a));
}

bool mailboxes_parse(struct view value, struct arena *a, struct mailboxes *m)
{
	struct cursor c = cursor_of(value);
	bool in_group = false;
	m->count = 0;
	for (;;) {
		if (!take_element(&c, m, a) || cursor_failed(&c))
			return false;
		if (cursor_left(&c) == 0)
			return m->count > 0 && !in_group;
		const uint8_t separator = cursor_u8(&c);
		if (separator == ':' ? in_group : separator == ';' ? !in_group : separator != ',')
			return false;
		if (separator != ',')
			in_group = separator == ':';
	}
}
