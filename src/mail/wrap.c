#include "mail/wrap.h"

/* Wide characters before which no line may begin, and after which none may end. */
static const struct view no_start[] = {VIEW("。"), VIEW("、"), VIEW("」"), VIEW("』"), VIEW("）"),
	VIEW("！"), VIEW("？"), VIEW("：")};
static const struct view no_end[] = {VIEW("「"), VIEW("『"), VIEW("（")};

static size_t character_length(uint8_t lead)
{
	if (lead < 0xc0)
		return 1;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Near enough: what takes three octets or more is wide. */
static bool is_wide(uint8_t lead)
{
	return lead >= 0xe0;
}

static bool starts_with_any(struct view text, const struct view *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (view_starts(text, list[i]))
			return true;
	return false;
}

/* Between the characters at `before` and at `at`, which is inside `text`. */
static bool may_break(struct view text, size_t before, size_t at)
{
	if (text.at[before] == ' ')
		return text.at[at] != ' ';
	if (text.at[at] == ' ')
		return false; /* behind it */
	if (!is_wide(text.at[before]) && !is_wide(text.at[at]))
		return false;
	return !starts_with_any(
		       view_from(text, at), no_start, sizeof no_start / sizeof *no_start) &&
	       !starts_with_any(view_from(text, before), no_end, sizeof no_end / sizeof *no_end);
}

/* Octets of `text` that go into one line. */
static size_t fit(struct view text, size_t columns)
{
	size_t at = 0;
	size_t column = 0;
	size_t good = 0; /* the last place to break at */
	while (at < text.length) {
		const size_t before = at;
		const size_t width = is_wide(text.at[at]) ? 2 : 1;
		if (good && column + width > columns && text.at[at] != ' ')
			return good;
		column += width;
		at += character_length(text.at[at]);
		if (at < text.length && may_break(text, before, at))
			good = at;
	}
	return text.length;
}

static void add_paragraph(struct buffer *b, size_t indent, struct view text)
{
	while (text.length) {
		const size_t length = fit(text, WRAP_COLUMNS - indent);
		struct view line = view_first(text, length);
		while (view_at(line, line.length - 1) == ' ')
			line.length--;
		for (size_t i = 0; i < indent && line.length; i++)
			buffer_add_octet(b, ' ');
		buffer_add(b, line);
		buffer_add(b, VIEW("\r\n"));
		text = view_from(text, length);
	}
}

void wrap_add(struct buffer *b, size_t indent, struct view text)
{
	must(indent < WRAP_COLUMNS / 2);
	bool more = true;
	while (more) {
		struct view paragraph;
		more = view_split(text, '\n', &paragraph, &text);
		add_paragraph(b, indent, paragraph);
	}
}
