#include "mail/address.h"
#include "mail/encoded_word.h"
#include "protocol/downgrade.h"
#include "protocol/downgrade_field.h"

#define INVALID_ADDRESS VIEW("invalid@internationalized-address.invalid")
#define ENCODED_LEAST 28u /* octets of an encoded word worth beginning in a line */

static size_t quoted_length(struct view v, int end)
{
	for (size_t i = 1; i < v.length; i++) {
		if (view_at(v, i) == '\\')
			i++;
		else if (view_at(v, i) == end)
			return i + 1;
	}
	return 0;
}

static size_t comment_length(struct view v)
{
	size_t depth = 0;
	for (size_t i = 0; i < v.length; i++) {
		const int octet = view_at(v, i);
		if (octet == '\\')
			i++;
		else if (octet == '(')
			depth++;
		else if (octet == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

static size_t angle_length(struct view v)
{
	size_t i = 1;
	while (i < v.length && view_at(v, i) != '>') {
		const size_t quoted =
			view_at(v, i) == '"' ? quoted_length(view_from(v, i), '"') : 1;
		if (!quoted)
			return 0;
		i += quoted;
	}
	return i < v.length ? i + 1 : 0;
}

size_t downgrade_token(struct view v)
{
	switch (view_at(v, 0)) {
	case '"':
		return quoted_length(v, '"');
	case '[':
		return quoted_length(v, ']');
	case '(':
		return comment_length(v);
	case '<':
		return angle_length(v);
	default:
		return 1;
	}
}

static bool is_space(int octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

static struct view trim(struct view v)
{
	while (is_space(view_at(v, 0)))
		v = view_from(v, 1);
	while (v.length && is_space(view_at(v, v.length - 1)))
		v = view_first(v, v.length - 1);
	return v;
}

bool downgrade_add_address(struct buffer *out, struct view given)
{
	const size_t at = view_find_last(given, '@');
	const struct view local_part = at == VIEW_NOT_FOUND ? given : view_first(given, at);
	bool same = view_is_ascii(given);
	if (same) {
		buffer_add(out, given);
	} else if (at != VIEW_NOT_FOUND && view_is_ascii(local_part)) {
		struct arena arena = arena_new(4096);
		struct domain domain;
		same = domain_parse(trim(view_from(given, at + 1)), true, &arena, &domain) ==
		       ADDRESS_OK;
		if (same) {
			buffer_add(out, view_first(given, at + 1));
			buffer_add(out, domain.name);
		}
		arena_reset(&arena);
	}
	if (!same)
		buffer_add(out, INVALID_ADDRESS);
	return same;
}

/* Words as people read them: without quotes and parentheses, one space between. */
static void add_plain(struct buffer *b, struct view v)
{
	bool gap = false;
	for (size_t i = 0; i < v.length; i++) {
		int octet = view_at(v, i);
		if (is_space(octet) || octet == '(' || octet == ')' || octet == '"') {
			gap = true;
			continue;
		}
		if (octet == '\\' && i + 1 < v.length)
			octet = view_at(v, ++i);
		if (gap && b->length)
			buffer_add_octet(b, ' ');
		gap = false;
		buffer_add_octet(b, (uint8_t)octet);
	}
}

/* An element of a list, taken apart. */
struct element {
	struct view display; /* in front of "<", as it stands */
	struct view address; /* between "<" and ">", or all that is no comment */
	struct buffer comment; /* comments, as they stand */
	struct buffer bare; /* what `address` views when there is no "<" */
};

static struct element element_new(struct view v)
{
	struct element e = {.comment = buffer_new(2 * DOWNGRADE_FIELD_MAX),
		.bare = buffer_new(2 * DOWNGRADE_FIELD_MAX)};
	bool has_angle = false;
	for (size_t at = 0; at < v.length;) {
		const size_t length = downgrade_token(view_from(v, at));
		must(length != 0); /* the list was taken apart by the same tokens */
		const struct view token = view_part(v, at, length);
		if (view_at(token, 0) == '(') {
			buffer_add_octet(&e.comment, ' ');
			buffer_add(&e.comment, token);
		} else if (view_at(token, 0) == '<' && !has_angle) {
			has_angle = true;
			e.display = trim(view_first(v, at));
			e.address = trim(view_part(token, 1, token.length - 2));
		} else if (!has_angle) {
			buffer_add(&e.bare, token);
		}
		at += length;
	}
	if (!has_angle)
		e.address = trim(buffer_view(&e.bare));
	return e;
}

static void element_free(struct element *e)
{
	buffer_free(&e->comment);
	buffer_free(&e->bare);
}

/* A display name in ASCII stays as it stands; one in UTF-8, comments, and the true address when it
 * cannot be given become encoded words. */
static void add_mailbox(struct buffer *out, size_t *column, struct view v)
{
	struct element e = element_new(v);
	struct buffer said = buffer_new(4 * DOWNGRADE_FIELD_MAX);
	struct buffer address = buffer_new(DOWNGRADE_FIELD_MAX);
	const bool same = downgrade_add_address(&address, e.address);
	const bool plain_display = view_is_ascii(e.display) && e.display.length;
	if (plain_display) {
		buffer_add(out, e.display);
		*column += e.display.length;
	} else {
		add_plain(&said, e.display);
	}
	add_plain(&said, buffer_view(&e.comment));
	if (!same) {
		if (said.length)
			buffer_add_octet(&said, ' ');
		buffer_add_octet(&said, '(');
		add_plain(&said, e.address);
		buffer_add_octet(&said, ')');
	}
	if (said.length && plain_display)
		downgrade_add_space(out, column, ENCODED_LEAST);
	if (said.length)
		encoded_word_add(out, column, buffer_view(&said));
	if (said.length || plain_display)
		downgrade_add_space(out, column, address.length + 3);
	buffer_add_octet(out, '<');
	buffer_add(out, buffer_view(&address));
	buffer_add_octet(out, '>');
	*column += address.length + 2;
	if (said.failed || address.failed || e.comment.failed || e.bare.failed)
		out->failed = true; /* memory: the field is left out */
	buffer_free(&said);
	buffer_free(&address);
	element_free(&e);
}

static void add_element(struct buffer *out, size_t *column, struct view element, int separator)
{
	if (view_is_ascii(element)) {
		buffer_add(out, element);
		*column += element.length;
	} else if (separator == ':') {
		struct buffer plain = buffer_new(2 * DOWNGRADE_FIELD_MAX);
		add_plain(&plain, element);
		encoded_word_add(out, column, buffer_view(&plain));
		buffer_free(&plain);
	} else {
		add_mailbox(out, column, element);
	}
	if (separator >= 0) {
		buffer_add_octet(out, (uint8_t)separator);
		++*column;
	}
}

/* Quotes or brackets that do not end: no list. People still see what stood there. */
static void add_broken_list(struct buffer *out, size_t column, struct view value)
{
	struct buffer plain = buffer_new(2 * DOWNGRADE_FIELD_MAX);
	add_plain(&plain, value);
	downgrade_add_space(out, &column, ENCODED_LEAST);
	encoded_word_add(out, &column, buffer_view(&plain));
	downgrade_add_space(out, &column, INVALID_ADDRESS.length + 2);
	buffer_add_octet(out, '<');
	buffer_add(out, INVALID_ADDRESS);
	buffer_add(out, VIEW(">\r\n"));
	buffer_free(&plain);
}

void downgrade_add_addresses(struct buffer *out, size_t column, struct view given)
{
	const struct view value = trim(given);
	const size_t first_column = column;
	const size_t before = out->length;
	size_t from = 0;
	size_t at = 0;
	while (from < value.length) {
		const int octet = view_at(value, at);
		const size_t token = octet < 0 ? 1 : downgrade_token(view_from(value, at));
		if (!token) {
			buffer_truncate(out, before);
			add_broken_list(out, first_column, value);
			return;
		}
		if (octet < 0 || octet == ',' || octet == ';' || octet == ':') {
			const struct view element = trim(view_part(value, from, at - from));
			downgrade_add_space(out, &column,
				view_is_ascii(element) ? element.length + 1 : ENCODED_LEAST);
			add_element(out, &column, element, octet);
			from = at + 1;
		}
		at += token;
	}
	buffer_add(out, VIEW("\r\n"));
}
