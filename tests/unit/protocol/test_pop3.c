/* protocol/pop3_server.h: what transcripts cannot say: limits, memory, accessors, random cuts. */
#include "protocol/pop3_content.h"
#include "protocol/pop3_server.h"
#include "protocol/pop3_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct pop3_settings settings;
	struct pop3_server *s;
	struct buffer out;
};

static struct fixture fixture_new(void)
{
	return (struct fixture){.settings = pop3_settings_default(VIEW("mail.example.test")),
		.out = buffer_new(POP3_OUT_MIN),
		.s = NULL};
}

static enum pop3_want say(struct fixture *f, const char *text)
{
	struct cursor in = cursor_of(view_text(text));
	const enum pop3_want want = pop3_server_step(f->s, &in, &f->out);
	return want;
}

static void login(struct fixture *f, uint32_t count)
{
	f->s = pop3_server_new(&f->settings, POP3_FLAG_TLS);
	assert_int_equal(say(f, ""), POP3_WANT_INPUT);
	assert_int_equal(say(f, "USER hana\r\nPASS x\r\n"), POP3_WANT_ANSWER);
	const struct pop3_answer a = {.kind = POP3_ANSWER_OPENED, .count = count, .octets = 100};
	assert_true(pop3_server_answer(f->s, &a, &f->out));
	buffer_clear(&f->out);
}

static void fixture_free(struct fixture *f)
{
	pop3_server_free(&f->s);
	buffer_free(&f->out);
}

static void test_deadlines(void **state)
{
	/* Protects RFC 1939 §3: no autologout below ten minutes of silence, before the login and after
	 * it, whatever the settings; a TLS handshake has its own time, and the login one in all. */
	(void)state;
	struct fixture f = fixture_new();
	f.settings.quiet_ms = 1000;
	f.settings.handshake_ms = 30000;
	f.settings.login_ms = 40000;
	f.settings.offers_stls = true;
	f.s = pop3_server_new(&f.settings, POP3_FLAG_LOOPBACK);
	assert_int_equal(
		pop3_server_deadline_ms(f.s), 30000); /* TLS from the start: no greeting yet */
	say(&f, "");
	assert_int_equal(pop3_server_deadline_ms(f.s), 600000);
	assert_int_equal(pop3_server_login_deadline_ms(f.s), 40000);
	assert_int_equal(say(&f, "STLS\r\n"), POP3_WANT_TLS);
	assert_int_equal(pop3_server_deadline_ms(f.s), 30000);
	pop3_server_tls_started(f.s);
	assert_int_equal(pop3_server_deadline_ms(f.s), 600000);
	pop3_server_free(&f.s);
	login(&f, 1);
	assert_int_equal(pop3_server_deadline_ms(f.s), 600000);
	assert_int_equal(pop3_server_login_deadline_ms(f.s), 0);
	f.settings.quiet_ms = 900000;
	assert_int_equal(pop3_server_deadline_ms(f.s), 900000);
	fixture_free(&f);
}

static void dele(struct fixture *f, uint32_t number, uint64_t octets)
{
	char text[40];
	snprintf(text, sizeof text, "DELE %u\r\n", number);
	assert_int_equal(say(f, text), POP3_WANT_ANSWER);
	const struct pop3_row row = {number, octets, VIEW("id")};
	const struct pop3_answer a = {.kind = POP3_ANSWER_ROWS, .rows = &row, .row_count = 1};
	assert_true(pop3_server_answer(f->s, &a, &f->out));
	buffer_clear(&f->out);
}

static void test_deleted(void **state)
{
	/* Protects the walk over deleted messages: each once, none missed, at the ends of each octet and
	 * of the largest mailbox. */
	(void)state;
	static const uint32_t numbers[] = {POP3_MESSAGES_MAX, 1, 8, 9, 16, 17, 100000, 7999999};
	static const uint32_t sorted[] = {1, 8, 9, 16, 17, 100000, 7999999, POP3_MESSAGES_MAX, 0};
	struct fixture f = fixture_new();
	login(&f, POP3_MESSAGES_MAX);
	assert_int_equal(pop3_server_deleted(f.s, 0), 0);
	for (size_t i = 0; i < 8; i++)
		dele(&f, numbers[i], 10);
	uint32_t at = 0;
	for (size_t i = 0; i < 9; i++) {
		at = pop3_server_deleted(f.s, at);
		assert_int_equal(at, sorted[i]);
	}
	assert_int_equal(pop3_server_deleted_count(f.s), 8);
	fixture_free(&f);
}

static void test_sizes_that_lie(void **state)
{
	/* Protects STAT from sizes whose sum is more than the total: it never goes below zero. */
	(void)state;
	struct fixture f = fixture_new();
	login(&f, 3);
	dele(&f, 1, UINT64_MAX);
	dele(&f, 2, UINT64_MAX);
	assert_int_equal(say(&f, "STAT\r\n"), POP3_WANT_INPUT);
	assert_true(view_equal(buffer_view(&f.out), VIEW("+OK 1 0\r\n")));
	fixture_free(&f);
}

static void test_wrong_answers(void **state)
{
	/* Protects against our own programs once broken: what does not fit closes this session. */
	(void)state;
	static const struct pop3_row twice[] = {{1, 1, VIEW("a")}, {1, 1, VIEW("b")}};
	static const struct pop3_row space = {1, 1, VIEW("a b")};
	static const struct pop3_row empty = {1, 1, VIEW("")};
	static const struct pop3_row outside = {3, 1, VIEW("a")};
	const struct pop3_answer cases[] = {
		{.kind = POP3_ANSWER_ROWS, .rows = twice, .row_count = 2},
		{.kind = POP3_ANSWER_ROWS, .rows = &space, .row_count = 1},
		{.kind = POP3_ANSWER_ROWS, .rows = &empty, .row_count = 1},
		{.kind = POP3_ANSWER_ROWS, .rows = &outside, .row_count = 1},
		{.kind = POP3_ANSWER_OPENED},
		{.kind = POP3_ANSWER_CONTENT},
		{.kind = POP3_ANSWER_DONE},
		{.kind = POP3_ANSWER_CHALLENGE},
		{.kind = POP3_ANSWER_REMOVED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture f = fixture_new();
		login(&f, 2);
		assert_int_equal(say(&f, "LIST\r\n"), POP3_WANT_ANSWER);
		assert_false(pop3_server_answer(f.s, &cases[i], &f.out));
		assert_int_equal(say(&f, ""), POP3_WANT_CLOSE);
		assert_int_equal(f.out.length, 0);
		fixture_free(&f);
	}
}

static void test_listing_breaks(void **state)
{
	/* Protects clients from half a list: trouble before the first page is told, trouble after it
	 * closes without the final ".". */
	(void)state;
	struct fixture f = fixture_new();
	login(&f, POP3_ROWS_PAGE + 1);
	assert_int_equal(say(&f, "UIDL\r\n"), POP3_WANT_ANSWER);
	assert_int_equal(pop3_server_ask(f.s)->count, POP3_ROWS_PAGE);
	const struct pop3_row row = {1, 1, VIEW("a")};
	const struct pop3_answer page = {.kind = POP3_ANSWER_ROWS, .rows = &row, .row_count = 1};
	assert_true(pop3_server_answer(f.s, &page, &f.out));
	assert_int_equal(say(&f, ""), POP3_WANT_ANSWER);
	assert_int_equal(pop3_server_ask(f.s)->number, POP3_ROWS_PAGE + 1);
	assert_int_equal(pop3_server_ask(f.s)->count, 1);
	const struct pop3_answer trouble = {.kind = POP3_ANSWER_TROUBLE};
	assert_true(pop3_server_answer(f.s, &trouble, &f.out));
	assert_int_equal(say(&f, "NOOP\r\n"), POP3_WANT_CLOSE);
	assert_true(view_ends(buffer_view(&f.out), VIEW("\r\n1 a\r\n")));
	fixture_free(&f);
}

static void test_flush(void **state)
{
	/* Protects memory and replies: a client that does not read stops its own commands, and nothing
	 * that was to be said is lost. */
	(void)state;
	struct fixture f = fixture_new();
	login(&f, 3);
	struct buffer many = buffer_new(1u << 16);
	for (int i = 0; i < 5000; i++)
		buffer_add(&many, VIEW("STAT\r\n"));
	struct cursor in = cursor_of(buffer_view(&many));
	size_t said = 0;
	while (pop3_server_step(f.s, &in, &f.out) == POP3_WANT_FLUSH) {
		assert_true(cursor_left(&in) > 0);
		assert_true(buffer_left(&f.out) < POP3_OUT_ROOM);
		said += f.out.length;
		buffer_clear(&f.out);
	}
	said += f.out.length;
	assert_int_equal(cursor_left(&in), 0);
	assert_int_equal(said, 5000 * (sizeof "+OK 3 100\r\n" - 1));
	buffer_free(&many);
	fixture_free(&f);
}

static void test_texts(void **state)
{
	/* Protects RFC 2449 §4: whatever is said in whatever language fits a line of 512 octets, has the
	 * same arguments, and tells something. */
	(void)state;
	for (int t = 0; t < POP3_TEXTS; t++) {
		size_t holes[POP3_LANGUAGES] = {0};
		for (int l = 0; l < POP3_LANGUAGES; l++) {
			const char *text =
				pop3_text_format((enum pop3_language)l, (enum pop3_text)t);
			assert_non_null(text);
			assert_true(strlen(text) > 0 && strlen(text) < 200);
			assert_true(view_is_utf8(view_text(text)));
			for (const char *at = text; (at = strstr(at, "{}")); at++)
				holes[l]++;
		}
		assert_int_equal(holes[0], holes[1]);
	}
}

/* The slow and plain way to say content, to compare with. */
static struct buffer plain_way(const char *in, size_t length, bool top, unsigned lines)
{
	struct buffer out = buffer_new(1u << 20);
	bool start = true;
	bool body = false;
	size_t line = 0;
	bool stop = false;
	for (size_t i = 0; i < length && !stop; i++) {
		if (start && in[i] == '.')
			buffer_add_octet(&out, '.');
		start = false;
		if (in[i] != '\n') {
			buffer_add_octet(&out, (uint8_t)in[i]);
			continue;
		}
		const bool has_cr = i > line && in[i - 1] == '\r';
		buffer_add(&out, has_cr ? VIEW("\n") : VIEW("\r\n"));
		const bool blank = i - line == (has_cr ? 1 : 0);
		if (top && body && --lines == 0)
			stop = true;
		if (top && !body && blank) {
			body = true;
			stop = lines == 0;
		}
		start = true;
		line = i + 1;
	}
	if (!start)
		buffer_add(&out, in[length - 1] == '\r' ? VIEW("\n") : VIEW("\r\n"));
	buffer_add(&out, VIEW(".\r\n"));
	return out;
}

static struct buffer our_way(const char *in, size_t length, bool top, unsigned lines)
{
	struct buffer all = buffer_new(1u << 20);
	struct buffer out = buffer_new(200);
	struct pop3_content c;
	pop3_content_start(&c, false, top, lines);
	struct view rest = view_of(in, length);
	bool more = true;
	while (more) {
		const size_t piece = 1 + (size_t)rand() % 9;
		struct cursor cursor = cursor_of(view_first(rest, piece));
		more = pop3_content_add(&c, &cursor, piece >= rest.length, &out);
		rest = view_from(rest, cursor.at);
		if (rand() % 3 == 0 || buffer_left(&out) < POP3_CONTENT_ROOM) {
			buffer_add(&all, buffer_view(&out));
			buffer_clear(&out);
		}
	}
	buffer_add(&all, buffer_view(&out));
	assert_int_equal(c.sent, all.length);
	assert_false(out.failed);
	pop3_content_end(&c);
	buffer_free(&out);
	return all;
}

static void test_content_random(void **state)
{
	/* Protects dot-stuffing, line ends and TOP: every cut of the input says what the plain way says. */
	(void)state;
	static const char octets[] = "\r\n\n..a";
	srand(1);
	for (int round = 0; round < 20000; round++) {
		char in[60];
		const size_t length = (size_t)rand() % sizeof in;
		for (size_t i = 0; i < length; i++)
			in[i] = octets[(size_t)rand() % (sizeof octets - 1)];
		const bool top = rand() % 2;
		const unsigned lines = (unsigned)rand() % 5;
		struct buffer wanted = plain_way(in, length, top, lines);
		struct buffer got = our_way(in, length, top, lines);
		assert_true(view_equal(buffer_view(&wanted), buffer_view(&got)));
		buffer_free(&wanted);
		buffer_free(&got);
	}
}

static void test_content_room(void **state)
{
	/* Protects `out`: content of nothing but line feeds doubles, and still never passes the maximum;
	 * what was not taken is asked for again. */
	(void)state;
	struct fixture f = fixture_new();
	login(&f, 1);
	assert_int_equal(say(&f, "RETR 1\r\n"), POP3_WANT_ANSWER);
	const struct pop3_answer a = {.kind = POP3_ANSWER_CONTENT, .octets = 1};
	assert_true(pop3_server_answer(f.s, &a, &f.out));
	struct buffer feeds = buffer_new(1u << 18);
	while (feeds.length < 200000)
		buffer_add_octet(&feeds, '\n');
	struct cursor c = cursor_of(buffer_view(&feeds));
	size_t said = 0;
	struct cursor none = cursor_of(VIEW_NONE);
	for (;;) {
		const enum pop3_want want = pop3_server_step(f.s, &none, &f.out);
		said += f.out.length;
		buffer_clear(&f.out);
		if (want == POP3_WANT_INPUT)
			break;
		if (want == POP3_WANT_CONTENT)
			pop3_server_content(f.s, &c, true, &f.out);
		assert_false(f.out.failed);
	}
	assert_int_equal(said, 400000 + strlen("+OK 1 octets\r\n.\r\n"));
	assert_int_equal(pop3_server_counts(f.s).retrieved, 1);
	buffer_free(&feeds);
	fixture_free(&f);
}

static void test_top_stops(void **state)
{
	/* Protects the channel to the mailbox: when TOP has its lines, no more content is wanted. */
	(void)state;
	struct fixture f = fixture_new();
	login(&f, 1);
	assert_int_equal(say(&f, "TOP 1 1\r\n"), POP3_WANT_ANSWER);
	assert_false(pop3_server_ask(f.s)->whole);
	const struct pop3_answer a = {.kind = POP3_ANSWER_CONTENT, .octets = 1};
	assert_true(pop3_server_answer(f.s, &a, &f.out));
	assert_int_equal(say(&f, ""), POP3_WANT_CONTENT);
	struct cursor c = cursor_of(VIEW("a: b\r\n\r\none\r\ntwo\r\n"));
	assert_false(pop3_server_content(f.s, &c, false, &f.out));
	assert_int_equal(say(&f, ""), POP3_WANT_INPUT);
	assert_int_equal(pop3_server_counts(f.s).retrieved, 0);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_sizes_that_lie),
		cmocka_unit_test(test_wrong_answers),
		cmocka_unit_test(test_listing_breaks),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_content_random),
		cmocka_unit_test(test_content_room),
		cmocka_unit_test(test_top_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
