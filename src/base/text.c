#include "base/text.h"

struct text_arg text_view(struct view v)
{
	return (struct text_arg){.kind = TEXT_VIEW, .view = v};
}

struct text_arg text_string(const char *s)
{
	return text_view(view_text(s));
}

struct text_arg text_raw(struct view v)
{
	return (struct text_arg){.kind = TEXT_RAW, .view = v};
}

struct text_arg text_number(uint64_t n)
{
	return (struct text_arg){.kind = TEXT_NUMBER, .number = n};
}

struct text_arg text_signed(int64_t n)
{
	return (struct text_arg){.kind = TEXT_SIGNED, .number = (uint64_t)n};
}

struct text_arg text_hex(uint64_t n)
{
	return (struct text_arg){.kind = TEXT_HEX, .number = n};
}

static void add_number(struct buffer *b, uint64_t n)
{
	uint8_t digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n);
	buffer_add(b, view_of(digits + at, sizeof digits - at));
}

static void add_signed(struct buffer *b, int64_t n)
{
	if (n < 0)
		buffer_add_octet(b, '-');
	add_number(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static void add_hex(struct buffer *b, uint64_t n)
{
	for (int shift = 56; shift >= 0; shift -= 8) {
		const uint8_t octet = (uint8_t)(n >> shift);
		buffer_add_hex(b, view_of(&octet, 1));
	}
}

static bool is_plain(uint8_t octet)
{
	return octet >= 0x20 && octet <= 0x7e && octet != '\\';
}

/* Octets of `v` at `i` that form one multi-octet UTF-8 character which is no C1 control, or 0. */
static size_t utf8_run(struct view v, size_t i)
{
	for (size_t n = 2; n <= 4; n++) {
		const struct view part = view_part(v, i, n);
		if (part.length == n && part.at[0] >= 0xc2 && view_is_utf8(part))
			return part.at[0] == 0xc2 && part.at[1] < 0xa0 ? 0 : n;
	}
	return 0;
}

void text_add_escaped(struct buffer *b, struct view v)
{
	size_t i = 0;
	while (i < v.length) {
		size_t run = 0;
		while (i + run < v.length && is_plain(v.at[i + run]))
			run++;
		if (run == 0 && v.at[i] >= 0x80)
			run = utf8_run(v, i);
		if (run) {
			buffer_add(b, view_part(v, i, run));
			i += run;
			continue;
		}
		buffer_add(b, VIEW("\\x"));
		buffer_add_hex(b, view_part(v, i, 1));
		i++;
	}
}

void text_add_json(struct buffer *b, struct view v)
{
	buffer_add_octet(b, '"');
	for (size_t i = 0; i < v.length; i++) {
		const uint8_t octet = v.at[i];
		const size_t run = octet >= 0x80 ? utf8_run(v, i) : 0;
		if (run) {
			buffer_add(b, view_part(v, i, run));
			i += run - 1;
		} else if (octet >= 0x80) {
			buffer_add(b, VIEW("\\ufffd"));
		} else if (octet < 0x20 || octet == 0x7f) {
			buffer_add(b, VIEW("\\u00"));
			buffer_add_hex(b, view_of(&octet, 1));
		} else {
			if (octet == '"' || octet == '\\')
				buffer_add_octet(b, '\\');
			buffer_add_octet(b, octet);
		}
	}
	buffer_add_octet(b, '"');
}

static void add_arg(struct buffer *b, const struct text_arg *arg)
{
	switch (arg->kind) {
	case TEXT_VIEW:
		text_add_escaped(b, arg->view);
		return;
	case TEXT_RAW:
		buffer_add(b, arg->view);
		return;
	case TEXT_NUMBER:
		add_number(b, arg->number);
		return;
	case TEXT_SIGNED:
		add_signed(b, (int64_t)arg->number);
		return;
	case TEXT_HEX:
		add_hex(b, arg->number);
		return;
	case TEXT_END:
		must(!"a {} without its argument");
	}
}

void text_add_args(struct buffer *b, const char *format, const struct text_arg *args)
{
	struct view rest = view_text(format);
	size_t at;
	while ((at = view_search(rest, VIEW("{}"))) != VIEW_NOT_FOUND) {
		buffer_add(b, view_first(rest, at));
		add_arg(b, args++);
		rest = view_from(rest, at + 2);
	}
	buffer_add(b, rest);
	must(args->kind == TEXT_END);
}
