/* base/bytes: the one module that may touch raw memory (N-25). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define assert_view(v, text)                                    \
	do {                                                    \
		const struct view got_ = (v);                   \
		assert_int_equal(got_.length, strlen(text));    \
		assert_true(view_equal(got_, view_text(text))); \
	} while (0)

/* Protects: no view function ever points outside what it was given. */
static void test_view_parts(void **state)
{
	(void)state;
	static const struct {
		size_t from;
		size_t length;
		const char *part;
	} cases[] = {{0, 5, "hello"}, {0, 99, "hello"}, {0, 0, ""}, {1, 3, "ell"}, {4, 9, "o"},
		{5, 1, ""}, {6, 1, ""}, {SIZE_MAX, SIZE_MAX, ""}, {2, SIZE_MAX, "llo"}};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_view(
			view_part(VIEW("hello"), cases[i].from, cases[i].length), cases[i].part);
	assert_view(view_from(VIEW_NONE, 0), "");
	assert_view(view_from(VIEW_NONE, 3), "");
	assert_view(view_text(NULL), "");
	assert_int_equal(view_at(VIEW("ab"), 1), 'b');
	assert_int_equal(view_at(VIEW("ab"), 2), -1);
	assert_int_equal(view_at(VIEW_NONE, 0), -1);
	assert_int_equal(view_at(VIEW("\xff"), 0), 255);
	assert_true(view_is_empty(VIEW_NONE));
	assert_false(view_is_empty(VIEW("\0")));
}

/* Protects: equality with NULs, lengths, case and empty views; the order used for sorting. */
static void test_view_compare(void **state)
{
	(void)state;
	static const struct {
		struct view a;
		struct view b;
		bool equal;
		bool nocase;
		int order;
	} cases[] = {
		{VIEW(""), VIEW(""), true, true, 0}, {VIEW("a"), VIEW(""), false, false, 1},
		{VIEW("a"), VIEW("A"), false, true, 1},
		{VIEW("[@"), VIEW("{`"), false, false, -1}, /* not letters: differ by 0x20 */
		{VIEW("a\0b"), VIEW("a\0c"), false, false, -1},
		{VIEW("a\0b"), VIEW("a\0b"), true, true, 0},
		{VIEW("ab"), VIEW("abc"), false, false, -1},
		{VIEW("\xe4"), VIEW("\xc4"), false, false, 1}, /* Latin-1 is not folded */
		{VIEW("\x80"), VIEW("\x7f"), false, false, 1}, /* octets are unsigned */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(view_equal(cases[i].a, cases[i].b), cases[i].equal);
		assert_int_equal(view_equal_secret(cases[i].a, cases[i].b), cases[i].equal);
		assert_int_equal(view_equal_nocase(cases[i].a, cases[i].b), cases[i].nocase);
		const int order = view_compare(cases[i].a, cases[i].b);
		assert_int_equal((order > 0) - (order < 0), cases[i].order);
		const int back = view_compare(cases[i].b, cases[i].a);
		assert_int_equal((back > 0) - (back < 0), -cases[i].order);
	}
	assert_true(view_equal(VIEW_NONE, VIEW("")));
	/* as FNV's authors publish them */
	assert_true(view_hash(VIEW_NONE) == 0xcbf29ce484222325u);
	assert_true(view_hash(VIEW("a")) == 0xaf63dc4c8601ec8cu);
	assert_true(view_hash(VIEW("foobar")) == 0x85944171f73967e8u);
}

/* Protects: prefixes and suffixes, the empty one included (domain suffixes rest on this). */
static void test_view_ends(void **state)
{
	(void)state;
	static const struct {
		const char *v;
		const char *end;
		bool starts;
		bool ends;
		bool starts_nocase;
		bool ends_nocase;
	} cases[] = {
		{"", "", true, true, true, true},
		{"a", "", true, true, true, true},
		{"", "a", false, false, false, false},
		{"abab", "ab", true, true, true, true},
		{"abAB", "ab", true, false, true, true},
		{"ab", "abc", false, false, false, false},
		{"xab", "ab", false, true, false, true},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct view v = view_text(cases[i].v);
		const struct view end = view_text(cases[i].end);
		assert_int_equal(view_starts(v, end), cases[i].starts);
		assert_int_equal(view_ends(v, end), cases[i].ends);
		assert_int_equal(view_starts_nocase(v, end), cases[i].starts_nocase);
		assert_int_equal(view_ends_nocase(v, end), cases[i].ends_nocase);
	}
	assert_true(view_starts(VIEW_NONE, VIEW_NONE));
	assert_true(view_ends(VIEW_NONE, VIEW_NONE));
}

/* Protects: searching and splitting, at both ends, absent, and in nothing. */
static void test_view_find(void **state)
{
	(void)state;
	assert_int_equal(view_find(VIEW("a,b,c"), ','), 1);
	assert_int_equal(view_find_last(VIEW("a,b,c"), ','), 3);
	assert_true(view_find(VIEW("abc"), ',') == VIEW_NOT_FOUND);
	assert_true(view_find(VIEW_NONE, 0) == VIEW_NOT_FOUND);
	assert_true(view_find_last(VIEW_NONE, 0) == VIEW_NOT_FOUND);
	assert_int_equal(view_find(VIEW("ab\0c"), 0), 2);
	assert_int_equal(view_search(VIEW("a\r\n.\r\n"), VIEW("\r\n.\r\n")), 1);
	assert_true(view_search(VIEW("ab"), VIEW("abc")) == VIEW_NOT_FOUND);
	assert_true(view_search(VIEW("ab"), VIEW_NONE) == VIEW_NOT_FOUND);
	assert_true(view_search(VIEW_NONE, VIEW("a")) == VIEW_NOT_FOUND);
	assert_int_equal(view_search(VIEW("aab"), VIEW("ab")), 1);

	struct view head;
	struct view tail;
	assert_true(view_split(VIEW("k=v=w"), '=', &head, &tail));
	assert_view(head, "k");
	assert_view(tail, "v=w");
	assert_false(view_split(VIEW("kv"), '=', &head, &tail));
	assert_view(head, "kv");
	assert_view(tail, "");
	assert_true(view_split(VIEW("="), '=', &head, &tail));
	assert_view(head, "");
	assert_view(tail, "");
	assert_false(view_split(VIEW_NONE, '=', &head, &tail));

	assert_view(view_trim(VIEW(" \t a b \t")), "a b");
	assert_view(view_trim(VIEW(" \t ")), "");
	assert_view(view_trim(VIEW("\r\n")), "\r\n");
	assert_view(view_trim(VIEW_NONE), "");
}

/* Protects: RFC 3629 exactly: no overlong form, no surrogate, nothing past U+10FFFF, no cut. */
static void test_view_utf8(void **state)
{
	(void)state;
	static const struct {
		struct view v;
		bool good;
	} cases[] = {
		{VIEW(""), true},
		{VIEW("abc\0"), true},
		{VIEW("\x7f"), true},
		{VIEW("\x80"), false},
		{VIEW("\xc2\x80"), true},
		{VIEW("\xc0\xaf"), false},
		{VIEW("\xc1\xbf"), false},
		{VIEW("\xc2"), false},
		{VIEW("\xc2\xc0"), false},
		{VIEW("\xe0\xa0\x80"), true},
		{VIEW("\xe0\x9f\xbf"), false},
		{VIEW("\xed\x9f\xbf"), true},
		{VIEW("\xed\xa0\x80"), false},
		{VIEW("\xef\xbf\xbf"), true},
		{VIEW("\xe3\x81"), false},
		{VIEW("\xe3\x81\x82"), true},
		{VIEW("\xf0\x90\x80\x80"), true},
		{VIEW("\xf0\x8f\xbf\xbf"), false},
		{VIEW("\xf4\x8f\xbf\xbf"), true},
		{VIEW("\xf4\x90\x80\x80"), false},
		{VIEW("\xf5\x80\x80\x80"), false},
		{VIEW("\xf0\x90\x80"), false},
		{VIEW("\xff"), false},
		{VIEW("a\xe3\x81\x82\x82"), false},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(view_is_utf8(cases[i].v), cases[i].good);
	assert_true(view_is_ascii(VIEW("\0\x7f")));
	assert_false(view_is_ascii(VIEW("\x80")));
	assert_true(view_is_printable(VIEW("!~"), false));
	assert_false(view_is_printable(VIEW(" "), false));
	assert_true(view_is_printable(VIEW(" "), true));
	assert_false(view_is_printable(VIEW("\x7f"), true));
	assert_false(view_is_printable(VIEW("\x1f"), true));
}

/* Protects: numbers from outside: both sides of each limit, no sign, no space, no wrap-around. */
static void test_view_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t max;
		bool good;
		uint64_t n;
	} cases[] = {
		{"0", 0, true, 0},
		{"1", 0, false, 0},
		{"", 9, false, 0},
		{"007", 9, true, 7},
		{"9", 9, true, 9},
		{"10", 9, false, 0},
		{"+1", 9, false, 0},
		{"-1", 9, false, 0},
		{" 1", 9, false, 0},
		{"1 ", 9, false, 0},
		{"1a", 99, false, 0},
		{"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, false, 0},
		{"18446744073709551620", UINT64_MAX, false, 0},
		{"99999999999999999999999", UINT64_MAX, false, 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t n = 77;
		assert_int_equal(
			view_to_u64(view_text(cases[i].text), cases[i].max, &n), cases[i].good);
		assert_int_equal(n, cases[i].n);
	}
	uint32_t small = 77;
	assert_true(view_to_u32(VIEW("4294967295"), UINT32_MAX, &small));
	assert_int_equal(small, UINT32_MAX);
	assert_false(view_to_u32(VIEW("4294967296"), UINT32_MAX, &small));
	assert_int_equal(small, 0);
	uint64_t hex;
	assert_true(view_to_hex64(VIEW("00fFabc"), &hex));
	assert_int_equal(hex, 0xffabc);
	assert_true(view_to_hex64(VIEW("ffffffffffffffff"), &hex));
	assert_true(hex == UINT64_MAX);
	assert_false(view_to_hex64(VIEW("0ffffffffffffffff"), &hex));
	assert_false(view_to_hex64(VIEW(""), &hex));
	assert_false(view_to_hex64(VIEW("g"), &hex));
	size_t sum;
	assert_true(size_add(SIZE_MAX - 1, 1, &sum));
	assert_false(size_add(SIZE_MAX, 1, &sum));
	assert_true(size_multiply(SIZE_MAX, 1, &sum));
	assert_false(size_multiply(SIZE_MAX / 2 + 1, 2, &sum));
}

/* Protects: copies into the caller's storage never pass its end, C strings hold no NUL. */
static void test_view_copy(void **state)
{
	(void)state;
	char room[4] = "xyz";
	assert_true(view_copy(VIEW("abcd"), room, 4));
	assert_false(view_copy(VIEW("abcde"), room, 4));
	assert_true(view_copy(VIEW_NONE, NULL, 0));
	assert_true(view_to_text(VIEW("abc"), room, 4));
	assert_string_equal(room, "abc");
	assert_false(view_to_text(VIEW("abcd"), room, 4));
	assert_false(view_to_text(VIEW("a\0"), room, 4));
	assert_true(view_to_text(VIEW_NONE, room, 1));
	assert_string_equal(room, "");
	assert_false(view_to_text(VIEW_NONE, room, 0));
	uint8_t secret[3] = {1, 2, 3};
	bytes_wipe(secret, 2);
	assert_int_equal(secret[0] | secret[1], 0);
	assert_int_equal(secret[2], 3);
}

/* Nothing but zeros between the length and the end of the memory. */
static bool is_clean(const struct buffer *b)
{
	for (size_t i = b->length; i < b->capacity; i++)
		if (b->data[i])
			return false;
	return true;
}

/* Protects: what has left a secret buffer is not in its memory any more; it stays secret when freed, moved
 * and used again. (That growing leaves nothing: tests/system/test_login.py looks.) */
static void test_buffer_secret(void **state)
{
	(void)state;
	struct buffer b = buffer_new_secret(1000);
	for (int round = 0; round < 2; round++) {
		assert_true(b.is_secret);
		buffer_add_zeros(&b, 64);
		buffer_clear(&b);
		buffer_add(&b, VIEW("a password, and more"));
		buffer_drop(&b, 12);
		assert_view(buffer_view(&b), "and more");
		assert_true(is_clean(&b));
		buffer_truncate(&b, 3);
		assert_true(is_clean(&b));
		buffer_drop(&b, 3);
		assert_true(is_clean(&b));
		buffer_add(&b, VIEW("again"));
		buffer_clear(&b);
		assert_true(is_clean(&b));
		buffer_add(&b, VIEW("kept"));
		buffer_add_zeros(&b, 200);
		assert_view(view_first(buffer_view(&b), 4), "kept");
		buffer_free(&b);
	}
	struct buffer to = buffer_new(10);
	buffer_add(&b, VIEW("x"));
	buffer_move(&to, &b);
	assert_true(to.is_secret && b.is_secret);
	buffer_free(&to);
}

/* Protects: a buffer never holds more than the maximum it was born with; failure is sticky. */
static void test_buffer_maximum(void **state)
{
	(void)state;
	struct buffer b = buffer_new(100);
	assert_int_equal(buffer_left(&b), 100);
	buffer_add_zeros(&b, 99);
	buffer_add_octet(&b, 'x');
	assert_false(buffer_failed(&b));
	assert_int_equal(b.length, 100);
	assert_true(b.capacity <= 100);
	assert_null(buffer_room(&b, 1));
	assert_non_null(buffer_room(&b, 0));
	assert_false(buffer_failed(&b));
	buffer_add_octet(&b, 'y');
	assert_true(buffer_failed(&b));
	assert_int_equal(b.length, 100);
	buffer_truncate(&b, 10);
	buffer_add_octet(&b, 'y');
	assert_int_equal(b.length, 10); /* sticky */
	buffer_clear(&b);
	buffer_add(&b, VIEW("ok"));
	assert_view(buffer_view(&b), "ok");
	buffer_add(&b, view_of("", SIZE_MAX));
	assert_true(buffer_failed(&b));
	buffer_free(&b);
	assert_int_equal(b.max, 100);
	struct buffer none = buffer_new(0);
	buffer_add(&none, VIEW_NONE);
	assert_false(buffer_failed(&none));
	buffer_add_octet(&none, 1);
	assert_true(buffer_failed(&none));
	buffer_free(&none);
}

/* Protects: "on failure nothing of this append is in the buffer", for every kind of append. */
static void test_buffer_all_or_nothing(void **state)
{
	(void)state;
	for (int kind = 0; kind < 9; kind++) {
		struct buffer b = buffer_new(5);
		buffer_add(&b, VIEW("abc"));
		switch (kind) {
		case 0:
			buffer_add(&b, VIEW("def"));
			break;
		case 1:
			buffer_add_u32(&b, 1);
			break;
		case 2:
			buffer_add_u64(&b, 1);
			break;
		case 3:
			buffer_add_zeros(&b, 3);
			break;
		case 4:
			buffer_add_hex(&b, VIEW("\x01\x02"));
			break;
		case 5:
			buffer_add_base64(&b, VIEW("abcd"));
			break;
		case 6:
			assert_false(buffer_add_unbase64(&b, VIEW("YWJjZGVm")));
			break;
		case 7:
			assert_false(buffer_add_unhex(&b, VIEW("010203")));
			break;
		case 8:
			buffer_add_u16(&b, 1);
			buffer_add_u16(&b, 1);
			buffer_truncate(&b, 3);
			break;
		}
		assert_true(buffer_failed(&b));
		assert_view(buffer_view(&b), "abc");
		buffer_free(&b);
	}
}

/* Protects: dropping from the front, cutting, patching, moving: what every channel does. */
static void test_buffer_edit(void **state)
{
	(void)state;
	struct buffer b = buffer_new(64);
	buffer_add(&b, VIEW("0123456789"));
	buffer_drop(&b, 3);
	assert_view(buffer_view(&b), "3456789");
	buffer_drop(&b, 0);
	buffer_truncate(&b, 99);
	buffer_truncate(&b, 5);
	assert_view(buffer_view(&b), "34567");
	buffer_patch_u32(&b, 1, 0x44434241);
	assert_view(buffer_view(&b), "3ABCD");
	uint8_t *room = buffer_room(&b, 2);
	assert_non_null(room);
	memcpy(room, "xy", 2);
	buffer_grown(&b, 1);
	assert_view(buffer_view(&b), "3ABCDx");
	struct buffer to = buffer_new(8);
	buffer_add(&to, VIEW("old"));
	buffer_move(&to, &b);
	assert_view(buffer_view(&to), "3ABCDx");
	assert_int_equal(to.max, 64);
	assert_int_equal(b.length, 0);
	assert_null(b.data);
	buffer_drop(&to, 99);
	assert_int_equal(to.length, 0);
	buffer_drop(&b, 1);
	buffer_free_secret(&to);
	buffer_free_secret(&b);
}

/* Protects: RFC 4648 §10's own vectors, and that one value has one base64 form only. */
static void test_buffer_base64(void **state)
{
	(void)state;
	static const struct {
		const char *plain;
		const char *coded;
	} good[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < COUNT(good); i++) {
		struct buffer b = buffer_new(64);
		buffer_add_base64(&b, view_text(good[i].plain));
		assert_view(buffer_view(&b), good[i].coded);
		buffer_clear(&b);
		assert_true(buffer_add_unbase64(&b, view_text(good[i].coded)));
		assert_view(buffer_view(&b), good[i].plain);
		buffer_free(&b);
	}
	static const struct view bad[] = {VIEW("Z"), VIEW("Zg"), VIEW("Zg="), VIEW("Zh=="),
		VIEW("Zm9="), VIEW("===="), VIEW("Z==="), VIEW("Zg==Zg=="), VIEW("Zm 9"),
		VIEW("Zm9v\n"), VIEW("Zm9v\r\n\r\n"), VIEW("Zm\0v"), VIEW("Zm-_"), VIEW("Z=g="),
		VIEW("\xff\xff\xff\xff"), VIEW("Zm9vZ===")};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct buffer b = buffer_new(64);
		buffer_add(&b, VIEW("keep"));
		assert_false(buffer_add_unbase64(&b, bad[i]));
		assert_view(buffer_view(&b), "keep");
		assert_false(buffer_failed(&b));
		buffer_free(&b);
	}
}

/* Protects: hexadecimal both ways. */
static void test_buffer_hex(void **state)
{
	(void)state;
	struct buffer b = buffer_new(64);
	buffer_add_hex(&b, VIEW("\x00\xfe\x7f"));
	assert_view(buffer_view(&b), "00fe7f");
	buffer_clear(&b);
	assert_true(buffer_add_unhex(&b, VIEW("4aF0")));
	assert_int_equal(view_at(buffer_view(&b), 0), 0x4a);
	assert_int_equal(view_at(buffer_view(&b), 1), 0xf0);
	assert_false(buffer_add_unhex(&b, VIEW("4")));
	assert_false(buffer_add_unhex(&b, VIEW("414x")));
	assert_int_equal(b.length, 2);
	buffer_free(&b);
}

/* Protects: a cursor can fail but not overrun, and once failed it gives nothing more. */
static void test_cursor(void **state)
{
	(void)state;
	struct buffer b = buffer_new(64);
	buffer_add_octet(&b, 1);
	buffer_add_u16(&b, 0x0203);
	buffer_add_u32(&b, 0x04050607);
	buffer_add_u64(&b, 0x08090a0b0c0d0e0f);
	buffer_add(&b, VIEW("12 ab;rest"));
	struct cursor c = cursor_of(buffer_view(&b));
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == 0x08090a0b0c0d0e0f);
	assert_view(cursor_while(&c, octet_is_digit), "12");
	assert_view(cursor_while(&c, octet_is_digit), "");
	assert_false(cursor_skip(&c, ';'));
	assert_true(cursor_skip(&c, ' '));
	assert_int_equal(cursor_peek(&c), 'a');
	assert_view(cursor_until(&c, ';'), "ab");
	assert_int_equal(cursor_left(&c), 4);
	assert_false(cursor_done(&c));
	assert_view(cursor_take(&c, 4), "rest");
	assert_true(cursor_done(&c));
	assert_int_equal(cursor_peek(&c), -1);
	assert_view(cursor_take(&c, 0), "");
	assert_true(cursor_done(&c));
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(cursor_failed(&c));
	assert_false(cursor_done(&c));
	buffer_free(&b);

	struct cursor d = cursor_of(VIEW("abc"));
	assert_int_equal(cursor_u32(&d), 0);
	assert_true(cursor_failed(&d));
	assert_view(cursor_take(&d, 1), ""); /* sticky though one octet is there */
	assert_view(cursor_rest(&d), "");
	assert_int_equal(cursor_left(&d), 0);
	assert_int_equal(cursor_peek(&d), -1);
	assert_false(cursor_skip(&d, 'a'));
	assert_view(cursor_until(&d, 'c'), "");

	struct cursor e = cursor_of(VIEW("abc"));
	assert_view(cursor_until(&e, 'x'), "");
	assert_true(cursor_failed(&e));
	struct cursor f = cursor_of(VIEW("abc"));
	assert_view(cursor_take(&f, SIZE_MAX), "");
	assert_true(cursor_failed(&f));
	struct cursor g = cursor_of(VIEW_NONE);
	assert_true(cursor_done(&g));
	cursor_fail(&g);
	assert_false(cursor_done(&g));
}

/* Whether the child that runs `act` ends abnormally. */
static bool dies(void (*act)(void))
{
	const pid_t child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		act();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0; /* a sanitizer exits instead */
}

static void break_must(void)
{
	must(1 + 1 == 3);
}

static void grow_too_far(void)
{
	struct buffer b = buffer_new(64);
	buffer_add_octet(&b, 1);
	buffer_grown(&b, b.capacity);
}

static void patch_outside(void)
{
	struct buffer b = buffer_new(64);
	buffer_add_u32(&b, 1);
	buffer_patch_u32(&b, 1, 0);
}

static void patch_wrapping(void)
{
	struct buffer b = buffer_new(64);
	buffer_add_u32(&b, 1);
	buffer_patch_u64(&b, 0, 0);
}

static void want_too_much(void)
{
	(void)memory_resize(NULL, 0, SIZE_MAX / 4, 8);
}

static void keep_must(void)
{
	must(1 + 1 == 2);
}

/* Protects: our own mistakes end the process instead of going on (STYLE §5). */
static void test_must(void **state)
{
	(void)state;
	assert_true(dies(break_must));
	assert_true(dies(grow_too_far));
	assert_true(dies(patch_outside));
	assert_true(dies(patch_wrapping));
	assert_true(dies(want_too_much));
	assert_false(dies(keep_must));
}

/* Protects: memory is zero when new and where it grew. */
static void test_memory(void **state)
{
	(void)state;
	uint32_t *at = memory_new(2, sizeof *at);
	assert_int_equal(at[0] | at[1], 0);
	at[1] = 7;
	at = memory_resize(at, 2, 1000, sizeof *at);
	assert_int_equal(at[1], 7);
	for (size_t i = 2; i < 1000; i++)
		assert_int_equal(at[i], 0);
	at = memory_resize(at, 1000, 0, sizeof *at);
	memory_free(at);
	memory_free(NULL);
	memory_free(memory_new(0, 0));
	memory_free(memory_try(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view_parts),
		cmocka_unit_test(test_view_compare),
		cmocka_unit_test(test_view_ends),
		cmocka_unit_test(test_view_find),
		cmocka_unit_test(test_view_utf8),
		cmocka_unit_test(test_view_numbers),
		cmocka_unit_test(test_view_copy),
		cmocka_unit_test(test_buffer_maximum),
		cmocka_unit_test(test_buffer_secret),
		cmocka_unit_test(test_buffer_all_or_nothing),
		cmocka_unit_test(test_buffer_edit),
		cmocka_unit_test(test_buffer_base64),
		cmocka_unit_test(test_buffer_hex),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_must),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
