/* What transcripts cannot say well: sizes, deadlines, a thousand recipients, stops. */
#include "smtp_drive.h"

#include "base/text.h"

#include <time.h>

static void test_size(void **state)
{
	/* protects: an idle session costs less than 1 KiB and owns no memory but the HELO name */
	(void)state;
	assert_true(sizeof(struct smtp_server) < 1024);
	struct drive *d = drive_new(NULL);
	drive_run(d);
	drive_say(d, "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRSET\r\nNOOP\r\n");
	assert_int_equal(d->server.transaction.used, 0);
	assert_int_equal(d->server.command.used, 0);
	assert_int_equal(d->server.pending.capacity, 0);
	assert_true(d->server.session.used <= 2048);
	assert_true(smtp_server_is_idle(&d->server));
	drive_free(d);
}

static void test_recipients(void **state)
{
	/* protects: 1000 recipients with the longest paths and ORCPT fit; the next gets 452 */
	(void)state;
	struct drive *d = drive_new(NULL);
	struct buffer line = buffer_new(4096);
	drive_run(d);
	drive_say(d, "EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\n");
	for (unsigned i = 0; i < 1001; i++) {
		buffer_clear(&line);
		text_add(&line, "RCPT TO:<");
		for (int k = 0; k < 60; k++)
			buffer_add_octet(&line, 'l');
		text_add(&line, "{}@", text_number(1000 + i));
		for (int k = 0; k < 60; k++)
			text_add(&line, "l.");
		text_add(&line, "example.test> ORCPT=rfc822;");
		for (int k = 0; k < 450; k++)
			buffer_add_octet(&line, 'o');
		text_add(&line, "\r\n");
		drive_view(d, buffer_view(&line));
		assert_int_equal(drive_code(d), i < 1000 ? 250 : 452);
	}
	const struct smtp_mail *mail = smtp_server_mail(&d->server);
	unsigned n = 0;
	for (const struct smtp_recipient *r = mail->first; r; r = r->next, n++)
		assert_int_equal(r->tag, 7);
	assert_int_equal(n, 1000);
	assert_string_equal(d->rule, "recipients");
	drive_say(d, "RSET\r\n");
	assert_int_equal(d->server.transaction.used, 0);
	buffer_free(&line);
	drive_free(d);
}

static void test_deadlines(void **state)
{
	/* protects: each wait has the timeout of RFC 5321 §4.5.3.2 */
	(void)state;
	struct drive *d = drive_new(NULL);
	const struct smtp_limits l = smtp_limits_default();
	struct cursor c = cursor_of(VIEW_NONE);
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.answer_ms); /* may it connect? */
	drive_answer(d);
	drive_run(d);
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.command_ms);
	drive_say(d, "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.command_ms);
	c = cursor_of(VIEW("DATA\r\n"));
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.data_initiation_ms);
	drive_answer(d);
	drive_run(d);
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.data_block_ms);
	c = cursor_of(VIEW(".\r\n"));
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.data_termination_ms);
	drive_answer(d);
	drive_run(d);
	drive_say(d, "STARTTLS\r\n");
	assert_int_equal(smtp_server_deadline_ms(&d->server), l.handshake_ms);
	assert_int_equal(l.answer_ms, 240000);
	assert_int_equal(l.handshake_ms, 60000);
	assert_int_equal(l.command_ms, 300000);
	assert_int_equal(l.data_initiation_ms, 120000);
	assert_int_equal(l.data_block_ms, 180000);
	assert_int_equal(l.data_termination_ms, 600000);
	drive_free(d);
}

static void test_stop_waits_for_commit(void **state)
{
	/* protects: a mail that may be durable gets its reply before the session ends (law 1) */
	(void)state;
	struct drive *d = drive_new(NULL);
	drive_to_data(d);
	buffer_add(&d->in, VIEW(".\r\n"));
	struct cursor c = cursor_of(buffer_view(&d->in));
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	smtp_server_stop(&d->server, SMTP_STOP_SHUTDOWN);
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	buffer_clear(&d->out);
	buffer_clear(&d->in);
	drive_answer(d);
	drive_run(d);
	assert_true(d->closed);
	assert_true(view_starts(buffer_view(&d->out), VIEW("250 2.6.0")));
	assert_int_equal(drive_code(d), 421);
	assert_int_equal(d->drops, 0);
	drive_free(d);
}

static void test_stop_voids_ask(void **state)
{
	/* protects: an answer that never comes does not hold a session */
	(void)state;
	struct drive *d = drive_new(NULL);
	drive_run(d);
	buffer_add(&d->in, VIEW("EHLO client.example\r\n"));
	struct cursor c = cursor_of(buffer_view(&d->in));
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	smtp_server_stop(&d->server, SMTP_STOP_TROUBLE);
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_NOTE);
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_CLOSE);
	assert_int_equal(drive_code(d), 421);
	drive_free(d);
}

static void test_stop_in_data(void **state)
{
	/* protects: a session that ends inside content drops the owner's stream */
	(void)state;
	struct drive *d = drive_new(NULL);
	drive_to_data(d);
	drive_say(d, "half");
	assert_true(smtp_server_is_content_open(&d->server));
	assert_false(smtp_server_is_idle(&d->server));
	smtp_server_stop(&d->server, SMTP_STOP_TIMEOUT);
	drive_run(d);
	assert_true(d->closed);
	assert_int_equal(d->drops, 1);
	assert_int_equal(d->commits, 0);
	assert_false(smtp_server_is_content_open(&d->server));
	drive_free(d);
}

static void test_stop_after_answer(void **state)
{
	/* protects: a stream that was just lent is dropped (found by fuzz_smtp_server) */
	(void)state;
	struct drive *d = drive_new(NULL);
	drive_run(d);
	buffer_add(&d->in, VIEW("EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\n"
				"RCPT TO:<hana@example.test>\r\nDATA\r\n"));
	struct cursor c = cursor_of(buffer_view(&d->in));
	while (smtp_server_ask(&d->server)->kind != SMTP_ASK_CONTENT) {
		if (smtp_server_step(&d->server, &c, &d->out) == SMTP_WANT_ANSWER &&
			smtp_server_ask(&d->server)->kind != SMTP_ASK_CONTENT)
			drive_answer(d);
	}
	drive_answer(d);
	smtp_server_stop(&d->server, SMTP_STOP_TIMEOUT);
	buffer_clear(&d->in);
	drive_run(d);
	assert_true(d->closed);
	assert_int_equal(drive_code(d), 421);
	assert_int_equal(d->drops, 1);
	assert_false(smtp_server_is_content_open(&d->server));
	drive_free(d);
}

static void test_size_drop_at_once(void **state)
{
	/* protects: F-6, no cost in disk: the stream is dropped when the limit is passed, not at the dot */
	(void)state;
	struct smtp_limits l = smtp_limits_default();
	l.size_octets = 10;
	struct drive *d = drive_new(&l);
	drive_to_data(d);
	drive_say(d, "12345678\r\n");
	assert_int_equal(d->drops, 0);
	drive_say(d, "1");
	assert_int_equal(d->drops, 1);
	assert_true(d->content.length <= 10);
	drive_say(d, "\r\n.\r\n");
	assert_int_equal(drive_code(d), 552);
	assert_int_equal(d->drops, 1);
	assert_false(d->closed);
	drive_free(d);
}

static void test_content_before_354(void **state)
{
	/* protects: content that comes while the owner still opens its stream is before 354, too */
	(void)state;
	struct drive *d = drive_new(NULL);
	drive_run(d);
	drive_say(d, "EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\n"
		     "RCPT TO:<hana@example.test>\r\n");
	buffer_add(&d->in, VIEW("DATA\r\n"));
	struct cursor c = cursor_of(buffer_view(&d->in));
	assert_int_equal(smtp_server_step(&d->server, &c, &d->out), SMTP_WANT_ANSWER);
	buffer_clear(&d->in);
	buffer_add(&d->in, VIEW("Subject: early\r\n"));
	drive_answer(d);
	drive_run(d);
	assert_true(d->closed);
	assert_int_equal(drive_code(d), 554);
	assert_string_equal(d->rule, "smuggling-before-reply");
	assert_int_equal(d->drops, 1);
	drive_free(d);
}

static void test_output_waits(void **state)
{
	/* protects: a client that reads no replies costs the output buffer and no more */
	(void)state;
	struct drive *d = drive_new(NULL);
	struct buffer out = buffer_new(SMTP_SERVER_OUTPUT_MIN);
	struct buffer text = buffer_new(1u << 20);
	d->config.limits.idle_commands = 100000;
	drive_run(d);
	for (int i = 0; i < 20000; i++)
		buffer_add(&text, VIEW("NOOP\r\n"));
	struct cursor c = cursor_of(buffer_view(&text));
	assert_int_equal(smtp_server_step(&d->server, &c, &out), SMTP_WANT_OUTPUT);
	assert_false(buffer_failed(&out));
	assert_true(cursor_left(&c) > 100000);
	unsigned turns = 0;
	do {
		buffer_clear(&out);
		turns++;
	} while (smtp_server_step(&d->server, &c, &out) == SMTP_WANT_OUTPUT);
	assert_true(cursor_done(&c) && turns > 10);
	buffer_free(&out);
	buffer_free(&text);
	drive_free(d);
}

static void test_protocol_names(void **state)
{
	/* protects: the `with` of Received (RFC 3848, RFC 6531 §4.3) */
	(void)state;
	static const struct {
		const char *hello;
		bool tls;
		const char *name;
	} cases[] = {
		{"HELO client.example\r\n", false, "SMTP"},
		{"EHLO client.example\r\n", false, "ESMTP"},
		{"EHLO client.example\r\n", true, "ESMTPS"},
		{"EHLO client.example\r\nAUTH PLAIN AGEAYg==\r\n", true, "ESMTPSA"},
		{"EHLO client.example\r\nMAIL FROM:<> SMTPUTF8\r\n", true, "UTF8SMTPS"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct drive *d = drive_new(NULL);
		d->server.facts.tls_active = cases[i].tls;
		d->server.facts.mechanisms = VIEW("PLAIN");
		drive_run(d);
		drive_say(d, cases[i].hello);
		assert_string_equal(smtp_server_protocol(&d->server), cases[i].name);
		drive_free(d);
	}
}

static void test_reply(void **state)
{
	/* protects: a reply is one line of at most 512 octets, whatever the owner writes into it */
	(void)state;
	struct buffer b = buffer_new(65536);
	struct buffer long_text = buffer_new(65536);
	for (int i = 0; i < 300; i++)
		buffer_add(&long_text, VIEW("\r\n\xe8\x8a\xb1"));
	const struct reply cases[] = {
		{.code = 550, .enhanced = {5, 7, 1}, .text = buffer_view(&long_text)},
		{.code = 250, .text = VIEW("a\r\n250 b")},
		{.code = 354},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int utf8 = 0; utf8 < 2; utf8++) {
			buffer_clear(&b);
			reply_add(&b, &cases[i], utf8);
			const struct view v = buffer_view(&b);
			assert_true(v.length <= REPLY_LINE_MAX);
			assert_int_equal(view_find(v, '\n'), v.length - 1);
			assert_int_equal(view_find(v, '\r'), v.length - 2);
			assert_true(view_is_utf8(v));
			assert_true(utf8 || view_is_ascii(v));
		}
	buffer_clear(&b);
	reply_add(&b, &(struct reply){.code = 550, .enhanced = {5, 1, 10}, .text = VIEW("No")},
		false);
	assert_true(view_equal(buffer_view(&b), VIEW("550 5.1.10 No\r\n")));
	buffer_clear(&b);
	reply_add(&b, &(struct reply){.code = 550, .text = VIEW("<\"a\\\"b\"@c> \x01")}, false);
	assert_true(view_equal(buffer_view(&b), VIEW("550 <\"a\\\"b\"@c> \\x01\r\n")));
	buffer_free(&b);
	buffer_free(&long_text);
}

/* With an argument: octets per second through the whole machine. */
static void measure(void)
{
	struct smtp_limits l = smtp_limits_default();
	l.size_octets = 0;
	struct drive *d = drive_new(&l);
	struct buffer text = buffer_new(1u << 30);
	text_add(&text, "Subject: x\r\n\r\n");
	while (text.length < (256u << 20))
		buffer_add(&text, VIEW("A line of mail as people write it, of some seventy "
				       "octets or so at most.\r\n"));
	drive_to_data(d);
	struct timespec from;
	struct timespec to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (size_t at = 0; at < text.length; at += 65536) {
		struct cursor c = cursor_of(view_part(buffer_view(&text), at, 65536));
		while (smtp_server_step(&d->server, &c, &d->out) == SMTP_WANT_CONTENT)
			buffer_clear(&d->part);
		buffer_clear(&d->part);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	const double s =
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("machine: %.2f GB/s; session %zu octets\n", (double)text.length / s / 1e9,
		sizeof(struct smtp_server));
	buffer_free(&text);
	drive_free(d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_stop_waits_for_commit),
		cmocka_unit_test(test_stop_voids_ask),
		cmocka_unit_test(test_stop_in_data),
		cmocka_unit_test(test_stop_after_answer),
		cmocka_unit_test(test_size_drop_at_once),
		cmocka_unit_test(test_content_before_354),
		cmocka_unit_test(test_output_waits),
		cmocka_unit_test(test_protocol_names),
		cmocka_unit_test(test_reply),
	};
	(void)argv;
	if (argc > 1)
		measure();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
