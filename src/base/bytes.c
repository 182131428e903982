#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- view --------------------------------------------------------------------------------- */

struct view view_text(const char *text)
{
	return view_of(text, text ? strlen(text) : 0);
}

struct view view_of(const void *at, size_t length)
{
	return (struct view){at, length};
}

int view_at(struct view v, size_t i)
{
	return i < v.length ? v.at[i] : -1;
}

struct view view_from(struct view v, size_t from)
{
	if (from >= v.length)
		return VIEW_NONE;
	return (struct view){v.at + from, v.length - from};
}

struct view view_first(struct view v, size_t length)
{
	if (length < v.length)
		v.length = length;
	return v;
}

struct view view_part(struct view v, size_t from, size_t length)
{
	return view_first(view_from(v, from), length);
}

bool view_is_empty(struct view v)
{
	return v.length == 0;
}

bool view_equal(struct view a, struct view b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

uint64_t view_hash(struct view v)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < v.length; i++)
		h = (h ^ v.at[i]) * 1099511628211u;
	return h;
}

bool view_equal_nocase(struct view a, struct view b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if (octet_lower(a.at[i]) != octet_lower(b.at[i]))
			return false;
	return true;
}

bool view_equal_secret(struct view a, struct view b)
{
	if (a.length != b.length)
		return false;
	volatile uint8_t difference = 0;
	for (size_t i = 0; i < a.length; i++)
		difference |= a.at[i] ^ b.at[i];
	return difference == 0;
}

int view_compare(struct view a, struct view b)
{
	const size_t common = a.length < b.length ? a.length : b.length;
	const int order = common ? memcmp(a.at, b.at, common) : 0;
	if (order != 0)
		return order;
	return a.length < b.length ? -1 : a.length > b.length;
}

bool view_starts(struct view v, struct view prefix)
{
	return v.length >= prefix.length && view_equal(view_first(v, prefix.length), prefix);
}

bool view_starts_nocase(struct view v, struct view prefix)
{
	return v.length >= prefix.length && view_equal_nocase(view_first(v, prefix.length), prefix);
}

bool view_ends(struct view v, struct view suffix)
{
	return v.length >= suffix.length &&
	       (suffix.length == 0 || view_equal(view_from(v, v.length - suffix.length), suffix));
}

bool view_ends_nocase(struct view v, struct view suffix)
{
	return v.length >= suffix.length &&
	       (suffix.length == 0 ||
		       view_equal_nocase(view_from(v, v.length - suffix.length), suffix));
}

size_t view_find(struct view v, uint8_t octet)
{
	const uint8_t *hit = v.length ? memchr(v.at, octet, v.length) : NULL;
	return hit ? (size_t)(hit - v.at) : VIEW_NOT_FOUND;
}

size_t view_find_last(struct view v, uint8_t octet)
{
	const uint8_t *hit = v.length ? memrchr(v.at, octet, v.length) : NULL;
	return hit ? (size_t)(hit - v.at) : VIEW_NOT_FOUND;
}

size_t view_search(struct view v, struct view needle)
{
	if (v.length == 0 || needle.length == 0)
		return VIEW_NOT_FOUND;
	const uint8_t *hit = memmem(v.at, v.length, needle.at, needle.length);
	return hit ? (size_t)(hit - v.at) : VIEW_NOT_FOUND;
}

static bool is_blank(int octet)
{
	return octet == ' ' || octet == '\t';
}

struct view view_trim(struct view v)
{
	while (v.length && is_blank(v.at[0]))
		v = view_from(v, 1);
	while (v.length && is_blank(v.at[v.length - 1]))
		v.length--;
	return v;
}

bool view_split(struct view v, uint8_t octet, struct view *head_out, struct view *tail_out)
{
	const size_t at = view_find(v, octet);
	*head_out = view_first(v, at);
	*tail_out = at == VIEW_NOT_FOUND ? VIEW_NONE : view_from(v, at + 1);
	return at != VIEW_NOT_FOUND;
}

struct view view_value_of(struct view words, uint8_t between, struct view key)
{
	struct view word;
	while (words.length) {
		view_split(words, between, &word, &words);
		if (view_starts(word, key))
			return view_from(word, key.length);
	}
	return VIEW_NONE;
}

bool view_is_printable(struct view v, bool space)
{
	for (size_t i = 0; i < v.length; i++)
		if (v.at[i] > 0x7e || v.at[i] < (space ? 0x20 : 0x21))
			return false;
	return true;
}

/* Length of the well-formed sequence that starts `v`, or 0 (RFC 3629 §4). */
static size_t utf8_length(struct view v)
{
	const int a = view_at(v, 0);
	const int b = view_at(v, 1);
	if (a < 0x80)
		return a >= 0 ? 1 : 0;
	if (a < 0xc2 || a > 0xf4)
		return 0;
	const size_t need = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
	if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) || (a == 0xf0 && b < 0x90) ||
		(a == 0xf4 && b > 0x8f))
		return 0;
	for (size_t i = 1; i < need; i++)
		if (view_at(v, i) < 0x80 || view_at(v, i) > 0xbf)
			return 0;
	return need;
}

bool view_is_utf8(struct view v)
{
	while (v.length) {
		const size_t step = utf8_length(v);
		if (step == 0)
			return false;
		v = view_from(v, step);
	}
	return true;
}

bool view_is_ascii(struct view v)
{
	for (size_t i = 0; i < v.length; i++)
		if (v.at[i] > 0x7f)
			return false;
	return true;
}

bool view_to_u64(struct view v, uint64_t max, uint64_t *n_out)
{
	uint64_t n = 0;
	*n_out = 0;
	if (v.length == 0)
		return false;
	for (size_t i = 0; i < v.length; i++) {
		if (!octet_is_digit(v.at[i]))
			return false;
		const uint64_t digit = v.at[i] - '0';
		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (n > max)
		return false;
	*n_out = n;
	return true;
}

bool view_to_u32(struct view v, uint32_t max, uint32_t *n_out)
{
	uint64_t n;
	const bool ok = view_to_u64(v, max, &n);
	*n_out = (uint32_t)n;
	return ok;
}

static int hex_value(int octet)
{
	if (octet_is_digit(octet))
		return octet - '0';
	if (octet >= 'a' && octet <= 'f')
		return octet - 'a' + 10;
	if (octet >= 'A' && octet <= 'F')
		return octet - 'A' + 10;
	return -1;
}

bool view_to_hex64(struct view v, uint64_t *n_out)
{
	*n_out = 0;
	if (v.length == 0 || v.length > 16)
		return false;
	uint64_t n = 0;
	for (size_t i = 0; i < v.length; i++) {
		const int value = hex_value(v.at[i]);
		if (value < 0)
			return false;
		n = n << 4 | (uint64_t)value;
	}
	*n_out = n;
	return true;
}

bool size_add(size_t a, size_t b, size_t *sum_out)
{
	return !__builtin_add_overflow(a, b, sum_out);
}

bool size_multiply(size_t a, size_t b, size_t *product_out)
{
	return !__builtin_mul_overflow(a, b, product_out);
}

bool octet_is_digit(int octet)
{
	return octet >= '0' && octet <= '9';
}

bool octet_is_alpha(int octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

bool octet_is_alnum(int octet)
{
	return octet_is_digit(octet) || octet_is_alpha(octet);
}

uint8_t octet_lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + 32) : octet;
}

bool view_copy(struct view v, void *to, size_t room)
{
	if (v.length > room)
		return false;
	if (v.length)
		memcpy(to, v.at, v.length);
	return true;
}

bool view_to_text(struct view v, char *to, size_t room)
{
	if (room == 0 || v.length >= room || view_find(v, 0) != VIEW_NOT_FOUND)
		return false;
	if (v.length)
		memcpy(to, v.at, v.length);
	to[v.length] = 0;
	return true;
}

void bytes_zero(void *at, size_t length)
{
	if (length)
		memset(at, 0, length);
}

void bytes_wipe(void *at, size_t length)
{
	if (length)
		explicit_bzero(at, length);
}

/* --- buffer ------------------------------------------------------------------------------- */

struct buffer buffer_new(size_t max)
{
	return (struct buffer){.max = max};
}

struct buffer buffer_new_secret(size_t max)
{
	return (struct buffer){.max = max, .is_secret = true};
}

static void leave_without_memory(struct buffer *b)
{
	*b = (struct buffer){.max = b->max, .is_secret = b->is_secret};
}

void buffer_free(struct buffer *b)
{
	if (b->is_secret)
		bytes_wipe(b->data, b->capacity);
	free(b->data);
	leave_without_memory(b);
}

void buffer_free_secret(struct buffer *b)
{
	bytes_wipe(b->data, b->capacity);
	buffer_free(b);
}

/* Cuts to `length` octets, which are there. */
static void cut(struct buffer *b, size_t length)
{
	if (b->is_secret && b->length > length)
		bytes_wipe(b->data + length, b->length - length);
	b->length = length;
}

void buffer_clear(struct buffer *b)
{
	cut(b, 0);
	b->failed = false;
}

struct view buffer_view(const struct buffer *b)
{
	return (struct view){b->data, b->length};
}

bool buffer_failed(const struct buffer *b)
{
	return b->failed;
}

/* Moves to memory of another size; false without memory. */
static bool resize(struct buffer *b, size_t capacity)
{
	uint8_t *data = b->is_secret ? malloc(capacity) : realloc(b->data, capacity);
	if (!data)
		return false;
	if (b->is_secret) {
		if (b->length)
			memcpy(data, b->data, b->length);
		bytes_wipe(b->data, b->length);
		free(b->data);
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

/* Makes room for `length` more octets; false at the maximum or without memory. */
static bool reserve(struct buffer *b, size_t length)
{
	size_t need;
	if (b->failed || !size_add(b->length, length, &need) || need > b->max)
		return false;
	if (need <= b->capacity)
		return true;
	size_t capacity = b->capacity ? b->capacity : 64;
	while (capacity < need)
		capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
	if (capacity > b->max)
		capacity = b->max;
	return resize(b, capacity);
}

void buffer_add(struct buffer *b, struct view v)
{
	if (!reserve(b, v.length)) {
		b->failed = true;
		return;
	}
	if (v.length)
		memcpy(b->data + b->length, v.at, v.length);
	b->length += v.length;
}

void buffer_add_octet(struct buffer *b, uint8_t octet)
{
	buffer_add(b, view_of(&octet, 1));
}

static void put_little(uint8_t *to, uint64_t n, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		to[i] = (uint8_t)(n >> (8 * i));
}

static void add_little(struct buffer *b, uint64_t n, size_t octets)
{
	uint8_t form[8];
	put_little(form, n, octets);
	buffer_add(b, view_of(form, octets));
}

void buffer_add_u16(struct buffer *b, uint16_t n)
{
	add_little(b, n, 2);
}

void buffer_add_u32(struct buffer *b, uint32_t n)
{
	add_little(b, n, 4);
}

void buffer_add_u64(struct buffer *b, uint64_t n)
{
	add_little(b, n, 8);
}

void buffer_add_zeros(struct buffer *b, size_t count)
{
	if (!reserve(b, count)) {
		b->failed = true;
		return;
	}
	if (count)
		bytes_zero(b->data + b->length, count);
	b->length += count;
}

void buffer_add_hex(struct buffer *b, struct view v)
{
	static const char digits[] = "0123456789abcdef";
	const size_t before = b->length;
	for (size_t i = 0; i < v.length; i++) {
		const uint8_t pair[2] = {
			(uint8_t)digits[v.at[i] >> 4], (uint8_t)digits[v.at[i] & 15]};
		buffer_add(b, view_of(pair, 2));
	}
	if (b->failed) /* all or nothing */
		buffer_truncate(b, before);
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buffer_add_base64(struct buffer *b, struct view v)
{
	const size_t before = b->length;
	for (size_t i = 0; i < v.length; i += 3) {
		const struct view group = view_part(v, i, 3);
		const uint32_t bits = (uint32_t)group.at[0] << 16 |
				      (group.length > 1 ? (uint32_t)group.at[1] << 8 : 0) |
				      (group.length > 2 ? group.at[2] : 0);
		uint8_t out[4] = {(uint8_t)base64_digits[bits >> 18],
			(uint8_t)base64_digits[bits >> 12 & 63], '=', '='};
		if (group.length > 1)
			out[2] = (uint8_t)base64_digits[bits >> 6 & 63];
		if (group.length > 2)
			out[3] = (uint8_t)base64_digits[bits & 63];
		buffer_add(b, view_of(out, 4));
	}
	if (b->failed)
		buffer_truncate(b, before);
}

static int base64_value(uint8_t octet)
{
	if (octet == 0)
		return -1;
	const char *hit = strchr(base64_digits, octet);
	return hit ? (int)(hit - base64_digits) : -1;
}

bool buffer_add_unbase64(struct buffer *b, struct view text)
{
	const size_t before = b->length;
	if (text.length % 4)
		return false;
	for (size_t i = 0; i < text.length; i += 4) {
		const uint8_t *q = text.at + i;
		const bool last = i + 4 == text.length;
		const size_t pad = last && q[3] == '=' ? (q[2] == '=' ? 2 : 1) : 0;
		uint32_t bits = 0;
		for (size_t k = 0; k < 4; k++) {
			const int value = k >= 4 - pad ? 0 : base64_value(q[k]);
			if (value < 0)
				goto bad;
			bits = bits << 6 | (uint32_t)value;
		}
		/* the unused bits must be zero, or two texts would mean one thing */
		if ((pad == 1 && bits & 0xff) || (pad == 2 && bits & 0xffff))
			goto bad;
		const uint8_t out[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
		buffer_add(b, view_of(out, 3 - pad));
	}
	if (!b->failed)
		return true;
bad:
	buffer_truncate(b, before);
	return false;
}

bool buffer_add_unhex(struct buffer *b, struct view text)
{
	const size_t before = b->length;
	if (text.length % 2)
		return false;
	for (size_t i = 0; i < text.length; i += 2) {
		const int high = hex_value(text.at[i]);
		const int low = hex_value(text.at[i + 1]);
		if (high < 0 || low < 0) {
			buffer_truncate(b, before);
			return false;
		}
		buffer_add_octet(b, (uint8_t)(high << 4 | low));
	}
	if (b->failed)
		buffer_truncate(b, before);
	return !b->failed;
}

uint8_t *buffer_room(struct buffer *b, size_t length)
{
	return reserve(b, length) && b->data ? b->data + b->length : NULL;
}

void buffer_grown(struct buffer *b, size_t length)
{
	must(length <= b->capacity - b->length);
	b->length += length;
}

size_t buffer_left(const struct buffer *b)
{
	return b->max - b->length;
}

void buffer_drop(struct buffer *b, size_t length)
{
	const size_t left = length < b->length ? b->length - length : 0;
	if (length && left)
		memmove(b->data, b->data + length, left);
	cut(b, left);
}

void buffer_truncate(struct buffer *b, size_t length)
{
	if (length < b->length)
		cut(b, length);
}

void buffer_patch_u32(struct buffer *b, size_t offset, uint32_t n)
{
	must(b->length >= 4 && offset <= b->length - 4);
	put_little(b->data + offset, n, 4);
}

void buffer_patch_u64(struct buffer *b, size_t offset, uint64_t n)
{
	must(b->length >= 8 && offset <= b->length - 8);
	put_little(b->data + offset, n, 8);
}

void buffer_move(struct buffer *to, struct buffer *from)
{
	buffer_free(to);
	*to = *from;
	leave_without_memory(from);
}

/* --- invariants --------------------------------------------------------------------------- */

static void (*before_end)(void);

void must_hook(void (*hook)(void))
{
	before_end = hook;
}

_Noreturn void must_failed(const char *condition, const char *file, int line)
{
	if (before_end)
		before_end();
	dprintf(STDERR_FILENO, "level=fatal event=\"broken invariant\" condition=\"%s\" at=%s:%d\n",
		condition, file, line);
	abort();
}

void *memory_new(size_t count, size_t size)
{
	void *at = calloc(count ? count : 1, size ? size : 1);
	must(at != NULL);
	return at;
}

void *memory_resize(void *old, size_t old_count, size_t count, size_t size)
{
	void *at = reallocarray(old, count ? count : 1, size);
	must(at != NULL);
	if (count > old_count)
		bytes_zero((uint8_t *)at + old_count * size, (count - old_count) * size);
	return at;
}

void memory_free(void *at)
{
	free(at);
}

void *memory_try(size_t size)
{
	return malloc(size ? size : 1);
}
