/* keepers/report: who is told what became of a mail, how much of it goes back, and what spool may say. The
 * keeper runs in this process; spool is the other end of its channel. mail/dsn has the words. */
#include "../config/suite.h"

#include <sys/socket.h>

#include "base/loop.h"
#include "keepers/report/reportd.h"

#define STREAM 7u
#define ID 0x1234u

static const struct memory_file house[] = {
	{"users", "hana:!\ntaro:!\njun:!\n", 0600},
	{"domains", "example.test\nexample.net\n", 0},
	{"postmaster", "taro\n", 0},
	{"aliases", "sales: hana, jun\nteam: hana, X@far.example\n", 0},
	{0},
};

struct world {
	struct site site;
	struct loop *loop;
	struct reportd reportd;
	struct channel *spool;
	uint16_t code; /* last said to spool */
	uint32_t stream;
	uint64_t number;
	struct buffer first; /* octets of its fields */
	struct buffer second;
	unsigned said;
	unsigned broken; /* times that report complained */
	unsigned drained;
};
static struct world world;

static const struct view original =
	VIEW("From: hana@example.test\r\nSubject: x\r\n\r\nBody here.\r\n");

/* --- spool's end */

static uint32_t any_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return UINT32_MAX;
}

static void heard(void *context, const struct frame *frame)
{
	struct world *w = context;
	w->said++;
	w->code = frame->row->code;
	w->stream = frame->stream;
	w->number = frame->values[0].number;
	buffer_clear(&w->first);
	buffer_clear(&w->second);
	buffer_add(&w->first, frame->values[0].bytes);
	buffer_add(&w->second, frame->values[1].bytes);
}

static void ended(void *context, const char *broken)
{
	struct world *w = context;
	assert_null(broken); /* report says what its table does not allow */
	channel_free(&w->spool);
}

static void on_broken(void *context, const char *why)
{
	(void)context;
	assert_non_null(why);
	world.broken++;
}

static void on_drained(void *context)
{
	(void)context;
	world.drained++;
}

static void connect_spool(void)
{
	static const struct channel_handler handler = {any_state, heard, ended};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	channel_free(&world.spool);
	world.spool = channel_new(world.loop, &spool_report, FRAME_A, fds[0], &handler, &world);
	reportd_connect(&world.reportd, fds[1]);
}

static void open_world_with(const struct memory_file *files)
{
	const struct reportd_hooks hooks = {.broken = on_broken, .drained = on_drained};
	world = (struct world){.loop = loop_new(),
		.first = buffer_new(REPORT_ENVELOPE_MAX),
		.second = buffer_new(REPORT_MAIL_MAX)};
	site_open(&world.site, files);
	reportd_begin(&world.reportd, world.loop, &hooks);
	reportd_config(&world.reportd, snapshot_hold(world.site.snapshot));
	connect_spool();
}

static void open_world(void)
{
	open_world_with(house);
}

static void close_world(void)
{
	channel_free(&world.spool);
	reportd_end(&world.reportd);
	buffer_free(&world.first);
	buffer_free(&world.second);
	site_close(&world.site);
	loop_free(&world.loop);
}

static void let_run(void)
{
	for (int i = 0; i < 10; i++)
		loop_turn(world.loop, 1);
}

/* Waits for what report says next. */
static void hear(uint16_t code, uint32_t stream)
{
	for (int i = 0; i < 500 && world.said == 0; i++)
		loop_turn(world.loop, 10);
	assert_int_equal(world.said, 1);
	assert_int_equal(world.code, code);
	assert_int_equal(world.stream, stream);
	world.said = 0;
}

/* Waits for report to complain and close. */
static void hear_the_end(void)
{
	for (int i = 0; i < 500 && world.spool; i++)
		loop_turn(world.loop, 10);
	assert_null(world.spool);
	assert_int_equal(world.broken, 1);
	assert_int_equal(streams_count(&world.reportd.letters), 0);
	world.broken = 0;
	connect_spool();
}

/* --- what spool says */

struct told {
	const char *reverse_path;
	uint16_t flags;
	uint16_t notify;
	enum dsn_action action;
	uint64_t size;
};

static void say_report(uint32_t stream, const struct told *t, uint32_t recipients)
{
	struct envelope_recipient *list = memory_new(recipients, sizeof *list);
	struct buffer form = buffer_new(REPORT_ENVELOPE_MAX);
	for (uint32_t i = 0; i < recipients; i++)
		list[i] = (struct envelope_recipient){.kind = ENVELOPE_REMOTE,
			.notify = i ? ENVELOPE_NOTIFY_NEVER : t->notify,
			.target = VIEW("example.org"),
			.forward_path = i ? VIEW("second@example.org") : VIEW("first@example.org")};
	const struct envelope e = {.flags = t->flags,
		.reverse_path = view_text(t->reverse_path),
		.recipients = list,
		.recipient_count = recipients};
	envelope_add(&form, &e);
	channel_say(world.spool, REPORT_REPORT, stream, frame_number(ID), frame_number(1000),
		frame_number(t->size), frame_bytes(buffer_view(&form)));
	buffer_free(&form);
	memory_free(list);
}

static void say_recipient(uint32_t stream, uint32_t index, enum dsn_action action)
{
	channel_say(world.spool, REPORT_RECIPIENT, stream, frame_number(index),
		frame_number(action), frame_bytes(action == DSN_FAILED ? VIEW("5.1.1") : VIEW("")),
		frame_bytes(VIEW("mx.example.org")), frame_bytes(VIEW("192.0.2.1")),
		frame_bytes(VIEW("550 no")), frame_bytes(VIEW("refused")), frame_number(2000),
		frame_number(3000));
}

/* All of a report of one recipient, up to the question. */
static void ask(const struct told *t)
{
	say_report(STREAM, t, 1);
	say_recipient(STREAM, 0, t->action);
	channel_say(world.spool, REPORT_ASK, STREAM);
}

static void give(struct view content)
{
	channel_say(world.spool, REPORT_CONTENT, STREAM, frame_bytes(content));
}

/* The envelope of the mail that came; views into world.first. */
static struct envelope read_envelope(struct arena *a)
{
	struct envelope e;
	assert_true(envelope_read(buffer_view(&world.first), a, &e));
	assert_view(e.reverse_path, "");
	assert_view(e.source, " report-of=0000000000001234");
	return e;
}

static bool mail_has(const char *text)
{
	return view_search(buffer_view(&world.second), view_text(text)) != VIEW_NOT_FOUND;
}

/* --- who is told */

struct wanted {
	struct told told;
	const char *to; /* the field To; null: nobody is told */
	const char *recipients; /* of the report: `KIND target path, …` */
	uint16_t flags;
};

static void print_recipients(struct buffer *b, const struct envelope *e)
{
	for (uint32_t i = 0; i < e->recipient_count; i++)
		text_add(b, "{}{}:{}:{}", text_string(i ? ", " : ""),
			text_string(e->recipients[i].kind == ENVELOPE_REMOTE ? "remote" : "local"),
			text_view(e->recipients[i].target),
			text_view(e->recipients[i].forward_path));
}

static void assert_told(const struct wanted *w)
{
	struct told told = w->told;
	struct arena a = arena_new(1u << 20);
	struct buffer seen = buffer_new(4000);
	char to[300];
	told.size = original.length;
	ask(&told);
	if (!w->to) {
		hear(REPORT_NONE, STREAM);
		assert_true(world.first.length > 0);
	} else {
		hear(REPORT_WANT, STREAM);
		assert_int_equal(world.number, original.length);
		give(original);
		hear(REPORT_MAIL, STREAM);
		const struct envelope e = read_envelope(&a);
		print_recipients(&seen, &e);
		assert_view(buffer_view(&seen), w->recipients);
		assert_int_equal(e.flags, w->flags);
		snprintf(to, sizeof to, "\r\nTo: %s\r\n", w->to);
		assert_true(mail_has(to));
		assert_true(mail_has("From: Mail System\r\n <MAILER-DAEMON@example.test>\r\n"));
	}
	assert_int_equal(streams_count(&world.reportd.letters), 0);
	buffer_free(&seen);
	arena_reset(&a);
}

#define POSTMASTER "postmaster@example.test"
#define TARO "local:taro:" POSTMASTER
#define NEVER ENVELOPE_NOTIFY_NEVER
#define SUCCESS ENVELOPE_NOTIFY_SUCCESS
#define FAILURE ENVELOPE_NOTIFY_FAILURE
#define DELAY ENVELOPE_NOTIFY_DELAY

static void senders(void **state)
{
	/* Protects: a report goes where the reverse-path leads, and nowhere else (RFC 3461 §6.2). */
	(void)state;
	static const struct wanted cases[] = {
		{{"a@example.org", 0, 0, DSN_FAILED, 0}, "a@example.org",
			"remote:example.org:a@example.org", 0},
		{{"A@EXAMPLE.org", 0, 0, DSN_FAILED, 0}, "A@EXAMPLE.org",
			"remote:example.org:A@EXAMPLE.org", 0},
		{{"a@[192.0.2.1]", 0, 0, DSN_FAILED, 0}, "a@[192.0.2.1]",
			"remote:[192.0.2.1]:a@[192.0.2.1]", 0},
		{{"hana@example.test", 0, 0, DSN_FAILED, 0}, "hana@example.test",
			"local:hana:hana@example.test", 0},
		{{"Hana+tag@example.net", 0, 0, DSN_FAILED, 0}, "Hana+tag@example.net",
			"local:hana:Hana+tag@example.net", 0},
		{{"sales@example.test", 0, 0, DSN_FAILED, 0}, "sales@example.test",
			"local:hana:sales@example.test, local:jun:sales@example.test", 0},
		{{"\xe8\x8a\xb1@example.org", 0, 0, DSN_FAILED, 0}, "\xe8\x8a\xb1@example.org",
			"remote:example.org:\xe8\x8a\xb1@example.org",
			ENVELOPE_SMTPUTF8 | ENVELOPE_8BITMIME},
		{{"a@\xe8\x8a\xb1.example", 0, 0, DSN_DELAYED, 0}, "a@\xe8\x8a\xb1.example",
			"remote:xn--jh1a.example:a@\xe8\x8a\xb1.example",
			ENVELOPE_SMTPUTF8 | ENVELOPE_8BITMIME},
		{{"team@example.test", 0, 0, DSN_FAILED, 0}, "team@example.test",
			"local:hana:team@example.test, remote:far.example:X@far.example", 0},
	};
	open_world();
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_told(&cases[i]);
	assert_int_equal(world.reportd.counts.reports, COUNT(cases));
	close_world();
}

static void the_postmaster(void **state)
{
	/* Protects: what failed and has nobody to be told is not lost (F-10), and such a mail never
	 * makes another. */
	(void)state;
	static const struct wanted cases[] = {
		{{"", 0, 0, DSN_FAILED, 0}, POSTMASTER, TARO, ENVELOPE_NO_REPORT},
		{{"gone@example.test", 0, 0, DSN_FAILED, 0}, POSTMASTER, TARO, ENVELOPE_NO_REPORT},
		{{"a@localhost", 0, 0, DSN_FAILED, 0}, POSTMASTER, TARO, ENVELOPE_NO_REPORT},
		{{"no address", 0, 0, DSN_FAILED, 0}, POSTMASTER, TARO, ENVELOPE_NO_REPORT},
		{{"", 0, 0, DSN_DELAYED, 0}, NULL, NULL, 0},
		{{"", 0, SUCCESS, DSN_DELIVERED, 0}, NULL, NULL, 0},
		{{"gone@example.test", 0, 0, DSN_DELAYED, 0}, NULL, NULL, 0},
		{{"", ENVELOPE_NO_REPORT, 0, DSN_FAILED, 0}, NULL, NULL, 0},
		{{"hana@example.test", ENVELOPE_NO_REPORT, 0, DSN_FAILED, 0}, NULL, NULL, 0},
	};
	open_world();
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_told(&cases[i]);
	assert_int_equal(world.reportd.counts.postmaster, 4);
	assert_int_equal(world.reportd.counts.nobody, 5);
	close_world();
	/* a house without anybody */
	static const struct memory_file empty[] = {{"domains", "example.test\n", 0}, {0}};
	static const struct wanted nobody = {{"", 0, 0, DSN_FAILED, 0}, NULL, NULL, 0};
	open_world_with(empty);
	assert_told(&nobody);
	close_world();
}

static void what_notify_asks_for(void **state)
{
	/* Protects: RFC 3461 §4.1; NEVER wins over what may not stand beside it. */
	(void)state;
	static const struct {
		uint16_t notify;
		enum dsn_action action;
		bool told;
	} cases[] = {
		{0, DSN_FAILED, true},
		{0, DSN_DELAYED, true},
		{0, DSN_DELIVERED, false},
		{0, DSN_RELAYED, false},
		{0, DSN_EXPANDED, false},
		{NEVER, DSN_FAILED, false},
		{NEVER, DSN_DELAYED, false},
		{NEVER, DSN_DELIVERED, false},
		{SUCCESS, DSN_FAILED, false},
		{SUCCESS, DSN_DELAYED, false},
		{SUCCESS, DSN_DELIVERED, true},
		{SUCCESS, DSN_RELAYED, true},
		{SUCCESS, DSN_EXPANDED, true},
		{FAILURE, DSN_FAILED, true},
		{FAILURE, DSN_DELAYED, false},
		{FAILURE, DSN_DELIVERED, false},
		{DELAY, DSN_FAILED, false},
		{DELAY, DSN_DELAYED, true},
		{DELAY, DSN_RELAYED, false},
		{FAILURE | DELAY, DSN_FAILED, true},
		{NEVER | FAILURE | DELAY | SUCCESS, DSN_FAILED, false},
		{NEVER | FAILURE | DELAY | SUCCESS, DSN_DELAYED, false},
		{NEVER | FAILURE | DELAY | SUCCESS, DSN_DELIVERED, false},
		{SUCCESS | FAILURE | DELAY, DSN_EXPANDED, true},
	};
	open_world();
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct wanted w = {
			{"hana@example.test", 0, cases[i].notify, cases[i].action, 0},
			cases[i].told ? "hana@example.test" : NULL, "local:hana:hana@example.test",
			0};
		assert_told(&w);
	}
	close_world();
}

static void of_whom(void **state)
{
	/* Protects: a report speaks of those alone of whom one is wanted. */
	(void)state;
	const struct told t = {"hana@example.test", 0, FAILURE, DSN_FAILED, 0};
	open_world();
	say_report(STREAM, &t, 2);
	say_recipient(STREAM, 1, DSN_FAILED);
	say_recipient(STREAM, 0, DSN_FAILED);
	channel_say(world.spool, REPORT_ASK, STREAM);
	hear(REPORT_WANT, STREAM);
	assert_int_equal(world.number, 0);
	give(VIEW_NONE);
	hear(REPORT_MAIL, STREAM);
	assert_true(mail_has("Final-Recipient: rfc822; first@example.org\r\n"));
	assert_true(mail_has("Remote-MTA: dns; mx.example.org\r\n"));
	assert_true(mail_has("Diagnostic-Code: smtp; 550 no\r\n"));
	assert_true(mail_has("Last-Attempt-Date: Thu, 1 Jan 1970 00:33:20 +0000\r\n"));
	assert_true(mail_has("The server mx.example.org [192.0.2.1] said:\r\n        550 no\r\n"));
	assert_false(mail_has("second@example.org"));
	close_world();
}

static void copies(void **state)
{
	/* Protects: the setting reportcopies, and that the postmaster does not read users' mail. */
	(void)state;
	struct memory_file files[COUNT(house) + 1] = {{"reportcopies", "yes\n", 0}};
	for (size_t i = 0; i + 1 < COUNT(house); i++)
		files[i + 1] = house[i];
	static const struct wanted cases[] = {
		{{"a@example.org", ENVELOPE_RET_FULL, 0, DSN_FAILED, 0}, "a@example.org",
			"remote:example.org:a@example.org, " TARO, 0},
		{{"taro@example.test", 0, 0, DSN_FAILED, 0}, "taro@example.test",
			"local:taro:taro@example.test", 0},
		{{"a@example.org", 0, 0, DSN_DELAYED, 0}, "a@example.org",
			"remote:example.org:a@example.org", 0},
		{{"", 0, 0, DSN_FAILED, 0}, POSTMASTER, TARO, ENVELOPE_NO_REPORT},
	};
	open_world_with(files);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_told(&cases[i]);
		assert_false(mail_has("Body here"));
	}
	const struct told large = {
		"a@example.org", ENVELOPE_RET_FULL, 0, DSN_FAILED, REPORT_CONTENT_MAX};
	ask(&large);
	hear(REPORT_WANT, STREAM);
	assert_int_equal(world.number, LETTER_HEADER_MAX);
	close_world();
}

/* --- how much goes back */

static void octets_wanted(void **state)
{
	/* Protects: both sides of the sizes up to which an original is asked for. */
	(void)state;
	static const struct {
		uint16_t flags;
		enum dsn_action action;
		uint64_t size;
		uint64_t wanted;
	} cases[] = {
		{0, DSN_FAILED, 0, 0},
		{0, DSN_FAILED, 32768, 32768},
		{0, DSN_FAILED, 32769, 32768},
		{0, DSN_FAILED, UINT64_MAX, 32768},
		{ENVELOPE_RET_HDRS, DSN_FAILED, 65536, 32768},
		{ENVELOPE_RET_FULL, DSN_FAILED, 65536, 65536},
		{ENVELOPE_RET_FULL, DSN_FAILED, 65537, 32768},
		{ENVELOPE_RET_FULL, DSN_DELAYED, 65536, 32768},
		{ENVELOPE_RET_FULL | ENVELOPE_REQUIRETLS, DSN_FAILED, 65536, 32768},
	};
	open_world();
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct told t = {
			"hana@example.test", cases[i].flags, 0, cases[i].action, cases[i].size};
		ask(&t);
		hear(REPORT_WANT, STREAM);
		assert_int_equal(world.number, cases[i].wanted);
		give(VIEW_NONE); /* it cannot be read: the report goes without */
		hear(REPORT_MAIL, STREAM);
		assert_false(mail_has("rfc822-headers"));
	}
	close_world();
}

static void the_content(void **state)
{
	(void)state;
	static const struct {
		uint16_t flags;
		uint64_t size; /* besides what is given */
		bool whole;
	} cases[] = {{ENVELOPE_RET_FULL, 0, true}, {ENVELOPE_RET_FULL, 1, false}, {0, 0, false}};
	open_world();
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct told t = {"a@example.org", cases[i].flags, 0, DSN_FAILED,
			original.length + cases[i].size};
		ask(&t);
		hear(REPORT_WANT, STREAM);
		give(original);
		hear(REPORT_MAIL, STREAM);
		assert_int_equal(mail_has("Body here"), cases[i].whole);
		assert_true(mail_has("Subject: x"));
	}
	close_world();
}

static void requiretls(void **state)
{
	/* Protects: what was to be protected is, on the way back, too (RFC 8689 §5); also what only tells of a
	 * delay. What needed no TLS needs none. */
	(void)state;
	static const struct {
		uint16_t flags;
		enum dsn_action action;
		uint16_t back;
	} cases[] = {{ENVELOPE_REQUIRETLS, DSN_FAILED, ENVELOPE_REQUIRETLS},
		{ENVELOPE_REQUIRETLS | ENVELOPE_RET_FULL, DSN_DELAYED, ENVELOPE_REQUIRETLS},
		{ENVELOPE_TLS_NOT_REQUIRED, DSN_FAILED, 0}, {0, DSN_FAILED, 0}};
	open_world();
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct told t = {
			"a@example.org", cases[i].flags, 0, cases[i].action, original.length};
		struct arena a = arena_new(1u << 16);
		ask(&t);
		hear(REPORT_WANT, STREAM);
		give(original);
		hear(REPORT_MAIL, STREAM);
		assert_false(mail_has("Body here"));
		assert_int_equal(
			read_envelope(&a).flags & (ENVELOPE_REQUIRETLS | ENVELOPE_TLS_NOT_REQUIRED),
			cases[i].back);
		arena_reset(&a);
	}
	close_world();
}

static void a_mail_needs_no_file_of_its_own(void **state)
{
	/* Protects: what spool builds on: a content below spool's 256 KiB, whatever is said. */
	(void)state;
	struct told t = {"hana@example.test", ENVELOPE_RET_FULL, 0, DSN_FAILED, REPORT_CONTENT_MAX};
	struct buffer content = buffer_new(REPORT_CONTENT_MAX);
	static uint8_t words[REPORT_REPLY_MAX];
	memset(words, '~', sizeof words);
	while (buffer_left(&content) >= 100)
		buffer_add(&content, VIEW("X-\xe8\x8a\xb1: "
					  "\xe8\x8a\xb1\xe8\x8a\xb1\xe8\x8a\xb1\xe8\x8a\xb1\r\n"));
	t.size = content.length;
	open_world();
	say_report(STREAM, &t, REPORT_RECIPIENTS_MAX);
	for (uint32_t i = 0; i < REPORT_RECIPIENTS_MAX; i++)
		channel_say(world.spool, REPORT_RECIPIENT, STREAM, frame_number(0),
			frame_number(DSN_FAILED), frame_bytes(VIEW("5.1.1")),
			frame_bytes(view_first(view_of(words, sizeof words), REPORT_HOST_MAX)),
			frame_bytes(view_first(view_of(words, sizeof words), REPORT_ADDRESS_MAX)),
			frame_bytes(view_of(words, sizeof words)),
			frame_bytes(view_first(view_of(words, sizeof words), REPORT_REASON_MAX)),
			frame_number(INT64_MAX), frame_number(INT64_MAX));
	channel_say(world.spool, REPORT_ASK, STREAM);
	hear(REPORT_WANT, STREAM);
	give(buffer_view(&content));
	hear(REPORT_MAIL, STREAM);
	assert_in_range(world.second.length, 10000, REPORT_MAIL_MAX);
	assert_true(REPORT_MAIL_MAX < 256u << 10);
	close_world();
	buffer_free(&content);
}

/* --- what spool may not say */

static void limits(void **state)
{
	/* Protects: both sides of what spool may say; a break ends all streams, and a new channel works. */
	(void)state;
	const struct told t = {"hana@example.test", 0, 0, DSN_FAILED, 10};
	open_world();
	ask(&t);
	hear(REPORT_WANT, STREAM);
	give(VIEW("01234567890")); /* 11 octets */
	hear_the_end();
	ask(&t);
	hear(REPORT_WANT, STREAM);
	give(VIEW("0123456789"));
	hear(REPORT_MAIL, STREAM);

	say_report(STREAM, &t, 2);
	say_recipient(STREAM, 1, DSN_FAILED);
	say_recipient(STREAM, 2, DSN_FAILED); /* there is no third */
	hear_the_end();

	say_report(STREAM, &t, 1);
	for (uint32_t i = 0; i < REPORT_RECIPIENTS_MAX; i++)
		say_recipient(STREAM, 0, DSN_FAILED);
	let_run();
	assert_non_null(world.spool);
	say_recipient(STREAM, 0, DSN_FAILED);
	hear_the_end();

	say_report(STREAM, &t, 1);
	channel_say(world.spool, REPORT_ASK, STREAM); /* of nobody */
	hear_the_end();

	channel_say(world.spool, REPORT_REPORT, STREAM, frame_number(ID), frame_number(0),
		frame_number(0), frame_bytes(VIEW("no envelope")));
	hear_the_end();

	say_report(STREAM, &t, 1);
	give(VIEW_NONE); /* before it was wanted */
	hear_the_end();

	for (uint32_t i = 1; i <= REPORT_STREAMS_MAX; i++)
		say_report(i, &t, 1);
	let_run();
	assert_int_equal(streams_count(&world.reportd.letters), REPORT_STREAMS_MAX);
	say_report(REPORT_STREAMS_MAX + 1, &t, 1);
	hear_the_end();
	close_world();
}

/* --- lives */

static void many_at_once(void **state)
{
	/* Protects: reports do not wait for each other. */
	(void)state;
	const struct told t = {"hana@example.test", 0, 0, DSN_FAILED, 10};
	open_world();
	for (uint32_t i = 1; i <= 3; i++) {
		say_report(i, &t, 1);
		say_recipient(i, 0, DSN_FAILED);
		channel_say(world.spool, REPORT_ASK, i);
		hear(REPORT_WANT, i);
	}
	for (uint32_t i = 3; i >= 1; i--) {
		channel_say(world.spool, REPORT_CONTENT, i, frame_bytes(VIEW("A: b\r\n")));
		hear(REPORT_MAIL, i);
	}
	close_world();
}

static void a_report_lives_in_one_generation(void **state)
{
	(void)state;
	static const struct memory_file other[] = {
		{"users", "taro:!\n", 0600}, {"domains", "example.com\n", 0}, {0}};
	const struct wanted now_elsewhere = {{"hana@example.test", 0, 0, DSN_FAILED, 0},
		"hana@example.test", "remote:example.test:hana@example.test", 0};
	const struct told t = {"hana@example.test", 0, 0, DSN_FAILED, 0};
	struct site second;
	struct arena a = arena_new(1u << 20);
	open_world();
	say_report(STREAM, &t, 1);
	let_run();
	site_open(&second, other);
	reportd_config(&world.reportd, snapshot_hold(second.snapshot));
	say_recipient(STREAM, 0, DSN_FAILED);
	channel_say(world.spool, REPORT_ASK, STREAM);
	hear(REPORT_WANT, STREAM);
	give(VIEW_NONE);
	hear(REPORT_MAIL, STREAM);
	assert_int_equal(read_envelope(&a).recipients[0].kind, ENVELOPE_LOCAL);
	assert_true(mail_has("MAILER-DAEMON@example.test"));
	arena_reset(&a);
	ask(&now_elsewhere.told);
	hear(REPORT_WANT, STREAM);
	give(VIEW_NONE);
	hear(REPORT_MAIL, STREAM);
	assert_int_equal(read_envelope(&a).recipients[0].kind, ENVELOPE_REMOTE);
	assert_true(mail_has("MAILER-DAEMON@example.com"));
	arena_reset(&a);
	close_world();
	site_close(&second);
}

static void drain(void **state)
{
	(void)state;
	const struct told t = {"hana@example.test", 0, 0, DSN_FAILED, 0};
	open_world();
	ask(&t);
	hear(REPORT_WANT, STREAM);
	reportd_drain(&world.reportd);
	assert_int_equal(world.drained, 0);
	give(VIEW_NONE);
	hear(REPORT_MAIL, STREAM);
	assert_int_equal(world.drained, 1);
	close_world();
	open_world();
	reportd_drain(&world.reportd);
	assert_int_equal(world.drained, 1);
	close_world();
	/* spool goes away under way */
	open_world();
	ask(&t);
	hear(REPORT_WANT, STREAM);
	reportd_drain(&world.reportd);
	channel_free(&world.spool);
	let_run();
	assert_int_equal(world.drained, 1);
	assert_int_equal(world.broken, 0);
	close_world();
}

static void what_was_forwarded(void **state)
{
	/* Protects: the sender hears of the address that he wrote to, not where it leads (RFC 3464 §4.2), at
	 * his own address, not at that of the forward. */
	(void)state;
	struct envelope_recipient r = {.kind = ENVELOPE_REMOTE,
		.target = VIEW("far.example"),
		.forward_path = VIEW("Secret.Place@far.example"),
		.alias = VIEW("info@example.test")};
	const struct envelope e = {.reverse_path = VIEW("a@example.org"),
		.rewritten = VIEW("SRS0=x=y=example.org=a@example.test"),
		.recipients = &r,
		.recipient_count = 1};
	struct arena a = arena_new(1u << 20);
	struct buffer form = buffer_new(REPORT_ENVELOPE_MAX);
	open_world();
	envelope_add(&form, &e);
	channel_say(world.spool, REPORT_REPORT, STREAM, frame_number(ID), frame_number(1000),
		frame_number(original.length), frame_bytes(buffer_view(&form)));
	channel_say(world.spool, REPORT_RECIPIENT, STREAM, frame_number(0),
		frame_number(DSN_FAILED), frame_bytes(VIEW("5.1.1")),
		frame_bytes(VIEW("mx.far.example")), frame_bytes(VIEW("192.0.2.1")),
		frame_bytes(VIEW("550 no Secret.Place here")), frame_bytes(VIEW("refused")),
		frame_number(2000), frame_number(3000));
	channel_say(world.spool, REPORT_ASK, STREAM);
	hear(REPORT_WANT, STREAM);
	give(original);
	hear(REPORT_MAIL, STREAM);
	const struct envelope told = read_envelope(&a);
	assert_view(told.recipients[0].forward_path, "a@example.org");
	assert_true(mail_has("Final-Recipient: rfc822; info@example.test"));
	assert_true(mail_has("Status: 5.1.1"));
	assert_true(mail_has("forwarded to another host"));
	assert_false(mail_has("Secret.Place"));
	assert_false(mail_has("far.example"));
	assert_false(mail_has("192.0.2.1"));
	close_world();
	buffer_free(&form);
	arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senders),
		cmocka_unit_test(the_postmaster),
		cmocka_unit_test(what_notify_asks_for),
		cmocka_unit_test(of_whom),
		cmocka_unit_test(what_was_forwarded),
		cmocka_unit_test(copies),
		cmocka_unit_test(octets_wanted),
		cmocka_unit_test(the_content),
		cmocka_unit_test(requiretls),
		cmocka_unit_test(a_mail_needs_no_file_of_its_own),
		cmocka_unit_test(limits),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(a_report_lives_in_one_generation),
		cmocka_unit_test(drain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
