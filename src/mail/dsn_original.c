#include "mail/dsn_draft.h"
#include "mail/encoded_word.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/transfer.h"

#define MESSAGE_ID_MAX 250 /* octets with brackets; RFC 5322 §2.1.1 wants short lines */
#define WORD_MAX 1024 /* octets of a decoded word */

/* --- the header section ------------------------------------------------------------------- */

/* Without the field in which the front breaks off. */
static struct view header_section(struct view content, bool is_whole)
{
	struct cursor c = cursor_of(content);
	struct header_field field;
	size_t last = 0;
	size_t end = 0;
	while (header_next(&c, &field)) {
		last = end;
		end = c.at;
	}
	const bool is_cut = !is_whole && end == content.length;
	return view_first(content, is_cut ? last : end);
}

struct view dsn_original_message_id(struct view header)
{
	struct header_field field;
	if (!header_find(header, VIEW("Message-ID"), &field))
		return VIEW_NONE;
	const size_t from = view_find(field.value, '<');
	const size_t to = view_find(field.value, '>');
	if (from == VIEW_NOT_FOUND || to == VIEW_NOT_FOUND || to < from)
		return VIEW_NONE;
	const struct view id = view_part(field.value, from, to + 1 - from);
	const struct view inner = view_part(id, 1, id.length - 2);
	if (id.length > MESSAGE_ID_MAX || !view_is_printable(inner, false) ||
		view_find(inner, '<') != VIEW_NOT_FOUND || view_find(inner, '@') == VIEW_NOT_FOUND)
		return VIEW_NONE;
	return id;
}

/* --- language ----------------------------------------------------------------------------- */

static bool is_japanese_charset(struct view charset)
{
	static const struct view fronts[] = {VIEW("iso-2022-jp"), VIEW("shift_jis"),
		VIEW("shift-jis"), VIEW("sjis"), VIEW("x-sjis"), VIEW("windows-31j"), VIEW("cp932"),
		VIEW("euc-jp"), VIEW("x-euc-jp")};
	for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++)
		if (view_starts_nocase(charset, fronts[i]))
			return true;
	return false;
}

/* Hiragana and katakana (U+3041 to U+30FF), and the halfwidth ones of old mobile phones (U+FF66 to
 * U+FF9F). Kanji prove nothing: Chinese has them, too. */
static bool has_kana(struct view text)
{
	for (size_t i = 0; i + 2 < text.length; i++) {
		const uint8_t second = text.at[i + 1];
		if (text.at[i] == 0xe3 && second >= 0x81 && second <= 0x83)
			return true;
		if (text.at[i] == 0xef && ((second == 0xbd && text.at[i + 2] >= 0xa6) ||
						  (second == 0xbe && text.at[i + 2] <= 0x9f)))
			return true;
	}
	return false;
}

static bool word_is_japanese(const struct encoded_word *word)
{
	struct buffer decoded = buffer_new(WORD_MAX);
	const bool is = is_japanese_charset(word->charset) ||
			view_starts_nocase(word->language, VIEW("ja")) ||
			(encoded_word_decode(&decoded, word) && has_kana(buffer_view(&decoded)));
	buffer_free(&decoded);
	return is;
}

static bool words_are_japanese(struct view value)
{
	struct cursor c = cursor_of(value);
	struct encoded_word word;
	while (cursor_left(&c))
		if (encoded_word_read(&c, &word)) {
			if (word_is_japanese(&word))
				return true;
		} else {
			cursor_u8(&c);
		}
	return false;
}

/* The charset of Content-Type, wherever its parameter stands. */
static bool parameter_is_japanese(struct view value)
{
	static const struct view name = VIEW("charset=");
	for (size_t i = 0; i + name.length < value.length; i++) {
		struct view rest = view_from(value, i);
		if (!view_starts_nocase(rest, name))
			continue;
		rest = view_from(rest, name.length);
		return is_japanese_charset(view_from(rest, view_at(rest, 0) == '"'));
	}
	return false;
}

static bool shows_japanese(struct view header)
{
	struct cursor c = cursor_of(header);
	struct header_field field;
	while (header_next(&c, &field)) {
		if (has_kana(field.value) || words_are_japanese(field.value))
			return true;
		if (view_equal_nocase(field.name, VIEW("Content-Language")) &&
			view_starts_nocase(view_trim(field.value), VIEW("ja")))
			return true;
		if (view_equal_nocase(field.name, VIEW("Content-Type")) &&
			parameter_is_japanese(field.value))
			return true;
	}
	return false;
}

/* The first of ours in Accept-Language, whose list is mostly in order of preference (RFC 3282 §3). */
static bool says_language(struct view header, enum dsn_tongue *tongue_out)
{
	struct header_field field;
	struct view list = VIEW_NONE;
	if (header_find(header, VIEW("Accept-Language"), &field))
		list = field.value;
	while (list.length) {
		struct view one;
		(void)view_split(list, ',', &one, &list);
		one = view_trim(one);
		*tongue_out = view_starts_nocase(one, VIEW("ja")) ? DSN_JAPANESE : DSN_ENGLISH;
		if (*tongue_out == DSN_JAPANESE || view_starts_nocase(one, VIEW("en")))
			return true;
	}
	return false;
}

void dsn_read_original(struct dsn_draft *draft)
{
	enum dsn_tongue tongue;
	draft->header = header_section(draft->dsn->content, draft->dsn->is_whole);
	if (says_language(draft->header, &tongue)) {
		draft->speaks[tongue] = true;
		return;
	}
	draft->speaks[DSN_ENGLISH] = true;
	draft->speaks[DSN_JAPANESE] = shows_japanese(draft->header);
}

/* --- what goes back ----------------------------------------------------------------------- */

/* Internationalised (RFC 6532), and not just broken. */
static bool is_global(struct view header)
{
	return !view_is_ascii(header) && view_is_utf8(header);
}

bool dsn_wants_whole(uint16_t flags, bool has_failed)
{
	/* RFC 3461 §4.3; RFC 8689 §5 */
	return flags & ENVELOPE_RET_FULL && !(flags & ENVELOPE_REQUIRETLS) && has_failed;
}

/* A message/rfc822 may not be encoded (RFC 2046 §5.2.1), a message/global may (RFC 6532 §3.7). */
static bool can_return_whole(const struct dsn_draft *draft)
{
	const enum transfer least = transfer_least(draft->dsn->content);
	return is_global(draft->header) || least == TRANSFER_7BIT || least == TRANSFER_8BIT;
}

enum dsn_returned dsn_returns(const struct dsn_draft *draft)
{
	const struct dsn *d = draft->dsn;
	if (draft->level >= DSN_LEVEL_NOTHING || view_is_empty(draft->header))
		return DSN_RETURNS_NOTHING;
	if (draft->level == DSN_LEVEL_WHOLE && d->is_whole &&
		dsn_wants_whole(d->flags, draft->counts[DSN_FAILED] > 0) && can_return_whole(draft))
		return DSN_RETURNS_CONTENT;
	return DSN_RETURNS_HEADER;
}

bool dsn_add_returned(const struct dsn_draft *draft, struct buffer *b)
{
	const bool whole = draft->returns == DSN_RETURNS_CONTENT;
	const bool global = is_global(draft->header);
	const struct view octets = whole ? draft->dsn->content : draft->header;
	const enum transfer transfer =
		whole && !global ? transfer_least(octets) : transfer_safe(octets);
	const char *type = global ? "message/global-headers" : "text/rfc822-headers";
	if (whole)
		type = global ? "message/global" : "message/rfc822";
	text_add(b, "Content-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n", text_string(type),
		text_string(transfer_name(transfer)));
	transfer_add(b, transfer, octets);
	return transfer == TRANSFER_8BIT;
}
