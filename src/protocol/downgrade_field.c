#include "protocol/downgrade_field.h"

#include "mail/encoded_word.h"
#include "protocol/downgrade.h"

enum field_kind { FIELD_TEXT, FIELD_ADDRESSES, FIELD_RETURN_PATH, FIELD_PARAMETERS, FIELD_DROP };

/* Fields whose body is more than text; a name that ends in "*" stands for all that begin so. */
static const struct {
	struct view name;
	enum field_kind kind;
} kinds[] = {
	{VIEW("bcc"), FIELD_ADDRESSES},
	{VIEW("cc"), FIELD_ADDRESSES},
	{VIEW("from"), FIELD_ADDRESSES},
	{VIEW("reply-to"), FIELD_ADDRESSES},
	{VIEW("resent-bcc"), FIELD_ADDRESSES},
	{VIEW("resent-cc"), FIELD_ADDRESSES},
	{VIEW("resent-from"), FIELD_ADDRESSES},
	{VIEW("resent-reply-to"), FIELD_ADDRESSES},
	{VIEW("resent-sender"), FIELD_ADDRESSES},
	{VIEW("resent-to"), FIELD_ADDRESSES},
	{VIEW("sender"), FIELD_ADDRESSES},
	{VIEW("to"), FIELD_ADDRESSES},
	{VIEW("return-path"), FIELD_RETURN_PATH},
	{VIEW("content-type"), FIELD_PARAMETERS},
	{VIEW("content-disposition"), FIELD_PARAMETERS},
	{VIEW("arc-*"), FIELD_DROP},
	{VIEW("authentication-results"), FIELD_DROP},
	{VIEW("content-id"), FIELD_DROP},
	{VIEW("content-language"), FIELD_DROP},
	{VIEW("content-location"), FIELD_DROP},
	{VIEW("content-transfer-encoding"), FIELD_DROP},
	{VIEW("date"), FIELD_DROP},
	{VIEW("delivered-to"), FIELD_DROP},
	{VIEW("disposition-notification-*"), FIELD_DROP},
	{VIEW("dkim-signature"), FIELD_DROP},
	{VIEW("dkim2-*"), FIELD_DROP},
	{VIEW("in-reply-to"), FIELD_DROP},
	{VIEW("list-*"), FIELD_DROP},
	{VIEW("mail-followup-to"), FIELD_DROP},
	{VIEW("mail-reply-to"), FIELD_DROP},
	{VIEW("message-id"), FIELD_DROP},
	{VIEW("mime-version"), FIELD_DROP},
	{VIEW("received"), FIELD_DROP},
	{VIEW("received-spf"), FIELD_DROP},
	{VIEW("references"), FIELD_DROP},
	{VIEW("resent-date"), FIELD_DROP},
	{VIEW("resent-message-id"), FIELD_DROP},
};

static enum field_kind kind_of(struct view name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct view row = kinds[i].name;
		const struct view front = view_first(row, row.length - 1);
		const bool is_front = view_at(row, row.length - 1) == '*';
		if (is_front ? view_starts_nocase(name, front) : view_equal_nocase(name, row))
			return kinds[i].kind;
	}
	return FIELD_TEXT;
}

size_t downgrade_field_name(struct view field)
{
	size_t length = 0;
	while (view_at(field, length) > ' ' && view_at(field, length) < 0x7f &&
		view_at(field, length) != ':')
		length++;
	size_t colon = length;
	while (view_at(field, colon) == ' ' || view_at(field, colon) == '\t')
		colon++;
	return view_at(field, colon) == ':' ? length : 0;
}

#define ENCODED_FRAME 12u /* "=?utf-8?B?" and "?=" */
#define LINE_LENGTH 76u /* of a line that holds an encoded word, RFC 2047 §2 */

static bool is_space(int octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

static bool is_word(int octet)
{
	return octet >= 0 && !is_space(octet);
}

static bool is_encoded_word(struct view word)
{
	return view_starts(word, VIEW("=?")) && view_ends(word, VIEW("?="));
}

/* Collects the words that are not ASCII from `word` on, with one space between them. */
static void take_run(struct cursor *c, struct view word, struct buffer *run)
{
	buffer_add(run, word);
	for (;;) {
		struct cursor ahead = *c;
		cursor_while(&ahead, is_space);
		word = cursor_while(&ahead, is_word);
		if (is_encoded_word(word))
			buffer_add_octet(run, ' ');
		if (!word.length || view_is_ascii(word))
			return;
		buffer_add_octet(run, ' ');
		buffer_add(run, word);
		*c = ahead;
	}
}

void downgrade_add_space(struct buffer *out, size_t *column, size_t length)
{
	const bool fold = *column > 1 && *column + 1 + length > LINE_LENGTH;
	buffer_add(out, fold ? VIEW("\r\n ") : VIEW(" "));
	*column = fold ? 1 : *column + 1;
}

/* Words in ASCII stay; each run of others becomes encoded words. White space between two encoded
 * words does not show (RFC 2047 §6.2), so next to one that was there already it goes inside ours. */
static bool add_text(struct buffer *out, size_t column, struct view value)
{
	struct buffer run = buffer_new(2 * DOWNGRADE_FIELD_MAX);
	struct cursor c = cursor_of(value);
	bool after_encoded = false;
	bool had_memory = true;
	for (;;) {
		cursor_while(&c, is_space);
		const struct view word = cursor_while(&c, is_word);
		if (!word.length)
			break;
		if (view_is_ascii(word)) {
			downgrade_add_space(out, &column, word.length);
			buffer_add(out, word);
			column += word.length;
			after_encoded = is_encoded_word(word);
			continue;
		}
		buffer_clear(&run);
		if (after_encoded)
			buffer_add_octet(&run, ' ');
		take_run(&c, word, &run);
		had_memory = had_memory && !run.failed;
		downgrade_add_space(out, &column, ENCODED_FRAME + 16);
		encoded_word_add(out, &column, buffer_view(&run));
		after_encoded = false;
	}
	buffer_free(&run);
	buffer_add(out, VIEW("\r\n"));
	return had_memory;
}

/* RFC 6858 §2.2. False when the value itself is not ASCII. */
static bool add_parameters(struct buffer *out, struct view value)
{
	bool first = true;
	while (value.length) {
		size_t at = 0;
		while (at < value.length && view_at(value, at) != ';') {
			const size_t token = downgrade_token(view_from(value, at));
			at = token ? at + token : value.length;
		}
		const struct view part = view_trim(view_first(value, at));
		value = view_from(value, at + 1);
		if (view_is_ascii(part)) {
			buffer_add(out, first ? VIEW(" ") : VIEW(";\r\n "));
			struct cursor c = cursor_of(part);
			cursor_while(&c, is_space);
			struct view rest = cursor_rest(&c);
			while (is_space(view_at(rest, rest.length - 1)))
				rest = view_first(rest, rest.length - 1);
			buffer_add(out, rest);
		} else if (first) {
			return false;
		}
		first = false;
	}
	buffer_add(out, VIEW("\r\n"));
	return true;
}

static bool add_return_path(struct buffer *out, struct view value)
{
	const size_t from = view_find(value, '<');
	const size_t to = view_find_last(value, '>');
	if (from == VIEW_NOT_FOUND || to == VIEW_NOT_FOUND || to < from)
		return false;
	buffer_add(out, VIEW(" <"));
	downgrade_add_address(out, view_part(value, from + 1, to - from - 1));
	buffer_add(out, VIEW(">\r\n"));
	return true;
}

bool downgrade_field(struct view field, struct buffer *out)
{
	const struct view name = view_first(field, downgrade_field_name(field));
	const struct view value = view_from(field, view_find(field, ':') + 1);
	const enum field_kind kind = kind_of(name);
	if (kind == FIELD_DROP)
		return false;
	buffer_add(out, name);
	buffer_add_octet(out, ':');
	switch (kind) {
	case FIELD_ADDRESSES:
		downgrade_add_addresses(out, name.length + 1, value);
		return true;
	case FIELD_RETURN_PATH:
		return add_return_path(out, value);
	case FIELD_PARAMETERS:
		return add_parameters(out, value);
	case FIELD_TEXT:
		return add_text(out, name.length + 1, value);
	case FIELD_DROP:
		break;
	}
	return false;
}
