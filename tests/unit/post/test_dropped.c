/* post/dropped.h: the file that waits for a server. */
#include "post/dropped.h"

#include "suite.h"

#define ARENA_MAX ((size_t)4 << 20)

static const char *problem_of(const char *text, struct dropped *d, struct arena *a)
{
	*a = arena_new(ARENA_MAX);
	return dropped_read(view_text(text), a, d);
}

static void written_and_read(void **state)
{
	(void)state;
	struct dropped_recipient list[2] = {{.forward_path = VIEW("hana@x.example"), .notify = 6},
		{.forward_path = VIEW("\"a b\"@x.example")}};
	const struct dropped written = {.flags = ENVELOPE_8BITMIME,
		.reverse_path = VIEW("r@x.example"),
		.envid = VIEW("Q+20"),
		.recipients = list,
		.recipient_count = 2};
	struct buffer b = buffer_new(4096);
	struct arena a = arena_new(ARENA_MAX);
	struct dropped d;
	dropped_add(&b, &written);
	buffer_add(&b, VIEW("to ? 0 no@x.example\n"));
	assert_null(dropped_read(buffer_view(&b), &a, &d));
	assert_int_equal(d.flags, ENVELOPE_8BITMIME);
	assert_view(d.reverse_path, "r@x.example");
	assert_view(d.envid, "Q+20");
	assert_int_equal(d.recipient_count, 2);
	assert_int_equal(d.recipients[0].notify, 6);
	assert_view(d.recipients[1].forward_path, "\"a b\"@x.example");
	assert_view(view_from(buffer_view(&b), d.head_octets), "to ? 0 no@x.example\n");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(b.data[d.recipients[i].state_at], DROPPED_OPEN);
	b.data[d.recipients[1].state_at] = DROPPED_SENT;
	assert_null(dropped_read(buffer_view(&b), &a, &d));
	assert_int_equal(d.recipients[0].state, DROPPED_OPEN);
	assert_int_equal(d.recipients[1].state, DROPPED_SENT);
	arena_reset(&a);
	buffer_free(&b);
}

#define HEAD "sekisho-drop 1\nfrom \nflags 0\n"

static void what_is_no_mail(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{HEAD "to ? 0 a@b.example\n\n", true},
		{HEAD "to + 1 a@b.example\n\n", true},
		{HEAD "envid x\nto - 14 a@b.example\n\n", true},
		{"", false},
		{"sekisho-drop 2\nfrom \nflags 0\nto ? 0 a@b.example\n\n", false},
		{"sekisho-drop 1\nflags 0\nto ? 0 a@b.example\n\n", false},
		{"sekisho-drop 1\nfrom a\nflags 0\nto ? 0 a@b.example\n\n", false},
		{"sekisho-drop 1\nfrom \nflags 16\nto ? 0 a@b.example\n\n", false},
		{"sekisho-drop 1\nfrom \nflags x\nto ? 0 a@b.example\n\n", false},
		{HEAD "\n", false},
		{HEAD "to ? 0 a@b.example\n", false},
		{HEAD "to ? 0 a@b.example", false},
		{HEAD "to x 0 a@b.example\n\n", false},
		{HEAD "to ?? 0 a@b.example\n\n", false},
		{HEAD "to ? 3 a@b.example\n\n", false},
		{HEAD "to ? 16 a@b.example\n\n", false},
		{HEAD "to ? 0 a\n\n", false},
		{HEAD "to ? 0 a@b.example\r\n\n", false},
		{HEAD "envid a b\nto ? 0 a@b.example\n\n", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena a;
		struct dropped d;
		assert_int_equal(problem_of(cases[i].text, &d, &a) == NULL, cases[i].good);
		arena_reset(&a);
	}
}

static void recipients(void **state)
{
	(void)state;
	for (uint32_t count = ENVELOPE_RECIPIENTS_MAX; count <= ENVELOPE_RECIPIENTS_MAX + 1;
		count++) {
		struct buffer b = buffer_new(DROPPED_HEAD_MAX);
		struct arena a = arena_new(ARENA_MAX);
		struct dropped d;
		buffer_add(&b, VIEW(HEAD));
		for (uint32_t i = 0; i < count; i++)
			buffer_add(&b, VIEW("to ? 0 a@b.example\n"));
		buffer_add_octet(&b, '\n');
		assert_int_equal(dropped_read(buffer_view(&b), &a, &d) == NULL,
			count <= ENVELOPE_RECIPIENTS_MAX);
		arena_reset(&a);
		buffer_free(&b);
	}
}

static void file_names(void **state)
{
	(void)state;
	assert_true(dropped_is_name(VIEW("0123456789abcdef0123456789abcdef")));
	static const char *const bad[] = {"", ".", "new.0123456789abcdef0123456789abcdef",
		"0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
		"0123456789abcdef0123456789abcdeF", "0123456789abcdef/123456789abcdef"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(dropped_is_name(view_text(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(written_and_read),
		cmocka_unit_test(what_is_no_mail), cmocka_unit_test(recipients),
		cmocka_unit_test(file_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
