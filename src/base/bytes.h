/*
 * Checked bytes: the one module that may touch raw memory (N-25, DESIGN §4).
 *
 * A `view` borrows octets: pointer and length, never freed, never relying on a NUL. A `buffer` owns
 * octets and grows up to a maximum that it was born with; past it the append fails, and so does
 * every later one until `buffer_clear` (failure is sticky, so a writer checks once at the end). A
 * `cursor` reads a view from front to back; it can fail but not overrun, and its failure is sticky
 * too. Everything else in the tree is forbidden memcpy, strlen and their kin by tests/checks/banned.
 *
 *	struct cursor c = cursor_of(frame);
 *	uint32_t type = cursor_u32(&c);
 *	struct view name = cursor_take(&c, cursor_u16(&c));
 *	if (!cursor_done(&c))
 *		return ERROR_PROTOCOL;
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_use __attribute__((warn_unused_result))

/* Octets that belong to somebody else. `at` may be null when `length` is 0. */
struct view {
	const uint8_t *at;
	size_t length;
};

#define VIEW_NONE ((struct view){NULL, 0})
/* A view of a string literal, usable in static initialisers. */
#define VIEW(literal) ((struct view){(const uint8_t *)("" literal), sizeof(literal) - 1})

/* A view of a NUL-terminated string; null gives the empty view. */
struct view view_text(const char *text);
struct view view_of(const void *at, size_t length);

/* The octet at `i`, or -1 when `i` lies outside. */
int view_at(struct view v, size_t i);
/* Octets from `from` on; empty when `from` lies outside. */
struct view view_from(struct view v, size_t from);
/* At most `length` octets from the front. */
struct view view_first(struct view v, size_t length);
/* `view_first(view_from(v, from), length)`. */
struct view view_part(struct view v, size_t from, size_t length);
bool view_is_empty(struct view v);

/* Octet by octet. Not constant time: see view_equal_secret. */
bool view_equal(struct view a, struct view b);
/* ASCII letters compare without case; all other octets as they are. */
bool view_equal_nocase(struct view a, struct view b);
/* FNV-1a, 64 bits: for tables, and against accidents. Whoever chooses the octets can make them collide. */
uint64_t view_hash(struct view v);
/* In time that depends on the lengths only. */
bool view_equal_secret(struct view a, struct view b);
/* <0, 0, >0 as by octets, shorter first. */
int view_compare(struct view a, struct view b);
bool view_starts(struct view v, struct view prefix);
bool view_starts_nocase(struct view v, struct view prefix);
bool view_ends(struct view v, struct view suffix);
bool view_ends_nocase(struct view v, struct view suffix);

#define VIEW_NOT_FOUND SIZE_MAX
/* Index of the first (last) `octet`, or VIEW_NOT_FOUND. */
size_t view_find(struct view v, uint8_t octet);
size_t view_find_last(struct view v, uint8_t octet);
/* Index of the first occurrence of `needle` (not empty), or VIEW_NOT_FOUND. */
size_t view_search(struct view v, struct view needle);
/* Without the spaces and tabs at both ends. */
struct view view_trim(struct view v);
/* Splits at the first `octet`: *head_out before it, *tail_out after it. False, with all of `v` in
 * *head_out and an empty tail, when there is none. */
bool view_split(struct view v, uint8_t octet, struct view *head_out, struct view *tail_out);
/* Of words with that octet between them, what stands behind `key` in the first that begins with it; else nothing. */
struct view view_value_of(struct view words, uint8_t between, struct view key);
/* Only octets 0x21..0x7e (and space when `space`). */
bool view_is_printable(struct view v, bool space);
/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool view_is_utf8(struct view v);
bool view_is_ascii(struct view v);

/* Decimal digits only, no sign, no space, at least one digit, value <= max. */
must_use bool view_to_u64(struct view v, uint64_t max, uint64_t *n_out);
must_use bool view_to_u32(struct view v, uint32_t max, uint32_t *n_out);
/* Hexadecimal digits only, at most 16. */
must_use bool view_to_hex64(struct view v, uint64_t *n_out);

/* Checked sums: false when the result would not fit. */
must_use bool size_add(size_t a, size_t b, size_t *sum_out);
must_use bool size_multiply(size_t a, size_t b, size_t *product_out);

bool octet_is_digit(int octet);
bool octet_is_alpha(int octet);
bool octet_is_alnum(int octet);
uint8_t octet_lower(uint8_t octet);

/* Copies into exactly-sized storage of the caller; the one sanctioned memcpy. False when `v` does
 * not fit into `room`. */
must_use bool view_copy(struct view v, void *to, size_t room);
/* Copies and terminates with NUL, for system calls. False when it does not fit or holds a NUL. */
must_use bool view_to_text(struct view v, char *to, size_t room);
/* memset to 0; `bytes_wipe` is never optimised away, for secrets. */
void bytes_zero(void *at, size_t length);
void bytes_wipe(void *at, size_t length);

/* --- buffer ------------------------------------------------------------------------------- */

struct buffer {
	uint8_t *data;
	size_t length;
	size_t capacity;
	size_t max;
	bool failed; /* an append did not fit or memory ran out; sticky until cleared */
	bool is_secret; /* what leaves it is wiped: by growing, dropping, clearing, freeing */
};

/* A buffer without memory; it will never hold more than `max` octets. */
struct buffer buffer_new(size_t max);
/* The same, for what may hold passwords: no copy stays behind, whatever is done with it. */
struct buffer buffer_new_secret(size_t max);
/* Gives the memory back; the buffer stays usable with its maximum. */
void buffer_free(struct buffer *b);
/* The same, wiping what it held. */
void buffer_free_secret(struct buffer *b);
/* Length 0, not failed; keeps the memory. */
void buffer_clear(struct buffer *b);
struct view buffer_view(const struct buffer *b);
bool buffer_failed(const struct buffer *b);

/* All appends: on failure nothing of this append is in the buffer and `failed` is set. */
void buffer_add(struct buffer *b, struct view v);
void buffer_add_octet(struct buffer *b, uint8_t octet);
void buffer_add_u16(struct buffer *b, uint16_t n); /* little endian, as all our binary forms */
void buffer_add_u32(struct buffer *b, uint32_t n);
void buffer_add_u64(struct buffer *b, uint64_t n);
void buffer_add_zeros(struct buffer *b, size_t count);
void buffer_add_hex(struct buffer *b, struct view v);
void buffer_add_base64(struct buffer *b, struct view v); /* RFC 4648 §4, padded */
/* Strict RFC 4648 §4 decoding, appended to `b`; false (and nothing appended) on bad input. */
must_use bool buffer_add_unbase64(struct buffer *b, struct view text);
must_use bool buffer_add_unhex(struct buffer *b, struct view text);

/* Room for `length` (>= 1) more octets at the end; null when that would pass the maximum. The caller fills
 * a part of it (a read(2), say) and then calls buffer_grown with how much. */
must_use uint8_t *buffer_room(struct buffer *b, size_t length);
void buffer_grown(struct buffer *b, size_t length);
/* Octets that may still be added before the maximum. */
size_t buffer_left(const struct buffer *b);
/* Drops `length` octets from the front (all when there are fewer). */
void buffer_drop(struct buffer *b, size_t length);
/* Cuts to `length` octets. */
void buffer_truncate(struct buffer *b, size_t length);
/* Overwrites at `offset`; must lie wholly inside. */
void buffer_patch_u32(struct buffer *b, size_t offset, uint32_t n);
void buffer_patch_u64(struct buffer *b, size_t offset, uint64_t n);
/* Moves the memory of `from` into `to` (which is freed first); `from` is left without memory. */
void buffer_move(struct buffer *to, struct buffer *from);

/* --- cursor ------------------------------------------------------------------------------- */

struct cursor {
	struct view all;
	size_t at;
	bool failed;
};

struct cursor cursor_of(struct view v);
size_t cursor_left(const struct cursor *c);
struct view cursor_rest(const struct cursor *c);
bool cursor_failed(const struct cursor *c);
/* Not failed and nothing left. */
bool cursor_done(const struct cursor *c);
/* Reads; at the end they fail the cursor and return 0 or the empty view. */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct view cursor_take(struct cursor *c, size_t length);
/* The next octet without taking it, or -1. */
int cursor_peek(const struct cursor *c);
/* Takes `octet` if it is next. */
bool cursor_skip(struct cursor *c, uint8_t octet);
/* Takes the longest run of octets for which `is` holds. */
struct view cursor_while(struct cursor *c, bool (*is)(int octet));
/* Takes up to and without `octet`, and the octet itself; fails when there is none. */
struct view cursor_until(struct cursor *c, uint8_t octet);
void cursor_fail(struct cursor *c);

/* --- invariants --------------------------------------------------------------------------- */

/* Our own mistakes (STYLE §5): logs the condition and ends the process, also in release builds. */
#define must(condition)                                              \
	do {                                                         \
		if (__builtin_expect(!(condition), 0))               \
			must_failed(#condition, __FILE__, __LINE__); \
	} while (0)
_Noreturn void must_failed(const char *condition, const char *file, int line);
/* Called by must_failed before the end, to flush a log; null for none. */
void must_hook(void (*hook)(void));

/* Memory that must be had: ends the process when there is none. Zeroed. Freed with memory_free. */
void *memory_new(size_t count, size_t size);
/* Grows an array to `count` elements; new ones are zero. */
void *memory_resize(void *old, size_t old_count, size_t count, size_t size);
void memory_free(void *at);
/* May fail: null. */
must_use void *memory_try(size_t size);

#endif
