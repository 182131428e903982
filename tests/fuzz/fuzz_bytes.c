/*
 * The checked byte layer against a model: the input is a list of operations on a buffer, a cursor
 * and the formatter; after each one what the headers promise must hold. Decoders are checked by
 * going round: what decodes must encode to the same text.
 */
#include "base/arena.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define MODEL_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
	uint8_t octets[MODEL_MAX];
	size_t length;
	bool failed;
};

static void model_add(struct model *m, size_t max, struct view v)
{
	if (m->failed || v.length > max - m->length) {
		m->failed = true;
		return;
	}
	if (v.length)
		memcpy(m->octets + m->length, v.at, v.length);
	m->length += v.length;
}

static void check_codec(struct view v)
{
	struct buffer plain = buffer_new(4096);
	struct buffer coded = buffer_new(8192);
	if (buffer_add_unbase64(&plain, v)) {
		buffer_add_base64(&coded, buffer_view(&plain));
		CHECK(view_equal(buffer_view(&coded), v));
	} else {
		CHECK(plain.length == 0);
	}
	buffer_clear(&plain);
	buffer_clear(&coded);
	buffer_add_base64(&coded, v);
	CHECK(buffer_add_unbase64(&plain, buffer_view(&coded)));
	CHECK(view_equal(buffer_view(&plain), v));
	buffer_clear(&plain);
	buffer_clear(&coded);
	buffer_add_hex(&coded, v);
	CHECK(buffer_add_unhex(&plain, buffer_view(&coded)));
	CHECK(view_equal(buffer_view(&plain), v));
	buffer_free(&plain);
	buffer_free(&coded);
}

static void check_text(struct view v)
{
	struct buffer out = buffer_new(16384);
	text_add_escaped(&out, v);
	CHECK(!buffer_failed(&out) && view_is_utf8(buffer_view(&out)));
	for (size_t i = 0; i < out.length; i++)
		CHECK(out.data[i] >= 0x20 && out.data[i] != 0x7f);
	buffer_clear(&out);
	text_add_json(&out, v);
	CHECK(!buffer_failed(&out) && view_is_utf8(buffer_view(&out)));
	for (size_t i = 0; i < out.length; i++)
		CHECK(out.data[i] >= 0x20 && out.data[i] != 0x7f);
	buffer_free(&out);
}

static void check_numbers(struct view v)
{
	uint64_t n;
	uint32_t small;
	if (view_to_u64(v, UINT64_MAX, &n)) {
		struct buffer out = buffer_new(32);
		text_add(&out, "{}", text_number(n));
		struct view digits = v;
		while (digits.length > 1 && view_at(digits, 0) == '0')
			digits = view_from(digits, 1);
		CHECK(view_equal(buffer_view(&out), digits));
		CHECK(view_to_u32(v, UINT32_MAX, &small) == (n <= UINT32_MAX));
		buffer_free(&out);
	}
	(void)!view_to_hex64(v, &n);
}

static void check_views(struct view a, struct view b)
{
	struct view head;
	struct view tail;
	CHECK(view_equal(a, b) == (view_compare(a, b) == 0));
	CHECK(view_equal(a, b) == view_equal_secret(a, b));
	CHECK(!view_equal(a, b) || view_equal_nocase(a, b));
	if (view_starts(a, b) && b.length)
		CHECK(view_search(a, b) == 0);
	if (view_split(a, ';', &head, &tail))
		CHECK(head.length + 1 + tail.length == a.length);
	CHECK(view_trim(a).length <= a.length);
}

/* One operation on buffer and model alike. */
static void step(struct cursor *c, struct buffer *b, struct model *m)
{
	const uint8_t operation = cursor_u8(c);
	const struct view v = cursor_take(c, cursor_u8(c) % (cursor_left(c) + 1));
	switch (operation % 6) {
	case 0:
		buffer_add(b, v);
		model_add(m, b->max, v);
		break;
	case 1:
		buffer_drop(b, v.length);
		m->length -= v.length < m->length ? v.length : m->length;
		memmove(m->octets, m->octets + v.length % (MODEL_MAX + 1),
			v.length < MODEL_MAX ? m->length : 0);
		break;
	case 2:
		buffer_truncate(b, v.length);
		m->length = v.length < m->length ? v.length : m->length;
		break;
	case 3:
		buffer_clear(b);
		m->length = 0;
		m->failed = false;
		break;
	case 4:
		buffer_add_hex(b, v);
		for (size_t i = 0; i < 2 * v.length; i++)
			if (i == 0 && 2 * v.length > b->max - m->length)
				m->failed = true;
		for (size_t i = 0; i < v.length && !m->failed; i++) {
			static const char digits[] = "0123456789abcdef";
			model_add(m, b->max, view_of(&digits[v.at[i] >> 4], 1));
			model_add(m, b->max, view_of(&digits[v.at[i] & 15], 1));
		}
		break;
	case 5: {
		uint8_t *room = buffer_room(b, v.length);
		CHECK(v.length == 0 ||
			(room != NULL) == (!m->failed && v.length <= b->max - m->length));
		if (room && v.length) {
			memcpy(room, v.at, v.length);
			buffer_grown(b, v.length);
			model_add(m, b->max, v);
		}
		break;
	}
	}
	CHECK(b->failed == m->failed && b->length == m->length && b->length <= b->max);
	CHECK(m->length == 0 || memcmp(b->data, m->octets, m->length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view all = view_of(data, size < 2000 ? size : 2000);
	check_codec(all);
	check_text(all);
	check_numbers(all);
	check_views(view_first(all, all.length / 2), view_from(all, all.length / 2));

	struct cursor c = cursor_of(all);
	struct buffer b = buffer_new(cursor_u8(&c));
	struct model m = {.length = 0};
	struct arena a = arena_new(1024);
	while (cursor_left(&c)) {
		const size_t before = cursor_left(&c);
		struct view copy;
		const struct view rest = cursor_rest(&c);
		if (arena_copy(&a, rest, &copy))
			CHECK(view_equal(copy, rest));
		CHECK(a.used <= a.max);
		step(&c, &b, &m);
		CHECK(cursor_left(&c) < before);
	}
	arena_reset(&a);
	buffer_free(&b);
	return 0;
}
