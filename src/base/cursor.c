#include "base/bytes.h"

struct cursor cursor_of(struct view v)
{
	return (struct cursor){.all = v};
}

size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->all.length - c->at;
}

struct view cursor_rest(const struct cursor *c)
{
	return c->failed ? VIEW_NONE : view_from(c->all, c->at);
}

bool cursor_failed(const struct cursor *c)
{
	return c->failed;
}

bool cursor_done(const struct cursor *c)
{
	return !c->failed && c->at == c->all.length;
}

struct view cursor_take(struct cursor *c, size_t length)
{
	if (length > cursor_left(c)) {
		c->failed = true;
		return VIEW_NONE;
	}
	const struct view taken = view_part(c->all, c->at, length);
	c->at += length;
	return taken;
}

static uint64_t take_little(struct cursor *c, size_t octets)
{
	const struct view form = cursor_take(c, octets);
	uint64_t n = 0;
	for (size_t i = form.length; i > 0; i--)
		n = n << 8 | form.at[i - 1];
	return n;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)take_little(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)take_little(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)take_little(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
	return take_little(c, 8);
}

int cursor_peek(const struct cursor *c)
{
	return c->failed ? -1 : view_at(c->all, c->at);
}

bool cursor_skip(struct cursor *c, uint8_t octet)
{
	if (cursor_peek(c) != octet)
		return false;
	c->at++;
	return true;
}

struct view cursor_while(struct cursor *c, bool (*is)(int octet))
{
	const struct view rest = cursor_rest(c);
	size_t length = 0;
	while (length < rest.length && is(rest.at[length]))
		length++;
	return cursor_take(c, length);
}

struct view cursor_until(struct cursor *c, uint8_t octet)
{
	const struct view rest = cursor_rest(c);
	const size_t at = view_find(rest, octet);
	if (at == VIEW_NOT_FOUND) {
		c->failed = true;
		return VIEW_NONE;
	}
	c->at += at + 1;
	return view_first(rest, at);
}

void cursor_fail(struct cursor *c)
{
	c->failed = true;
}
