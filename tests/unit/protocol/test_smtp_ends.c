/* The SMTP client machine and the SMTP server machine, joined by memory: what goes in at one end comes out
 * at the other, envelope and content, however the octets between them are cut. */
#include "smtp_drive.h"

#include "protocol/smtp_client.h"

struct ends {
	struct drive *server;
	struct smtp_client *client;
	struct buffer to_client;
	struct buffer out;
	struct smtp_client_mail mail;
	struct view content;
	size_t content_at;
	size_t grain; /* octets that move at once; 0: all */
	unsigned refuses; /* the recipient of this number, from 1 */
	unsigned rcpts;
	/* what the server had at the end of the content */
	struct buffer seen;
	bool is_bdat;
	bool is_given;
	bool hides_chunking; /* on the way: the client must say DATA */
};

static void see(struct ends *e, const struct smtp_mail *mail)
{
	const struct smtp_recipient *r = mail->first;
	buffer_clear(&e->seen);
	address_add(&e->seen, &mail->reverse_path);
	buffer_add(&e->seen, mail->body == SMTP_BODY_8BITMIME ? VIEW(" 8bit ") : VIEW(" 7bit "));
	buffer_add(&e->seen, mail->smtputf8 ? VIEW("utf8 ") : VIEW_NONE);
	buffer_add(&e->seen, mail->ret == SMTP_RET_HDRS ? VIEW("hdrs ") : VIEW_NONE);
	buffer_add(&e->seen, mail->envid);
	for (; r; r = r->next) {
		buffer_add(&e->seen, VIEW(" > "));
		address_add(&e->seen, &r->forward_path);
		buffer_add(&e->seen,
			r->notify & ENVELOPE_NOTIFY_SUCCESS ? VIEW(" success ") : VIEW(" "));
		buffer_add(&e->seen, r->orcpt_address);
	}
	e->is_bdat = mail->is_bdat;
	assert_true(mail->has_size && mail->size_octets == e->content.length);
}

static void answer(struct ends *e)
{
	const struct smtp_ask *ask = smtp_server_ask(&e->server->server);
	struct smtp_answer a = {.verdict = SMTP_ACCEPT, .content = &e->server->part};
	if (ask->kind == SMTP_ASK_RCPT && ++e->rcpts == e->refuses) {
		a.verdict = SMTP_REFUSE;
		a.reply = (struct reply)REPLY(550, 5, 1, 1, "test", "Nobody");
	}
	if (ask->kind == SMTP_ASK_CONTENT)
		buffer_clear(&e->server->content);
	if (ask->kind == SMTP_ASK_COMMIT)
		see(e, ask->mail);
	smtp_server_answer(&e->server->server, &a);
}

/* The server goes as far as it can; octets that lie in `in` are taken in grains. */
static void run_server(struct ends *e)
{
	struct drive *d = e->server;
	size_t shown = e->grain && e->grain < d->in.length ? e->grain : d->in.length;
	while (!d->closed) {
		struct cursor c = cursor_of(view_first(buffer_view(&d->in), shown));
		const enum smtp_want want = smtp_server_step(&d->server, &c, &d->out);
		buffer_drop(&d->in, c.at);
		shown -= c.at;
		buffer_add(&d->content, buffer_view(&d->part));
		buffer_clear(&d->part);
		d->closed = want == SMTP_WANT_CLOSE;
		if (want == SMTP_WANT_ANSWER)
			answer(e);
		if (want == SMTP_WANT_INPUT && shown == d->in.length)
			break;
		if (want == SMTP_WANT_INPUT)
			shown += e->grain < d->in.length - shown ? e->grain : d->in.length - shown;
	}
	const size_t at = view_search(buffer_view(&d->out), VIEW("CHUNKING"));
	if (e->hides_chunking && at != VIEW_NOT_FOUND)
		d->out.data[at] = 'X';
	buffer_add(&e->to_client, buffer_view(&d->out));
	buffer_clear(&d->out);
}

static void give_content(struct ends *e)
{
	struct cursor c = cursor_of(view_from(e->content, e->content_at));
	smtp_client_content(e->client, &c, &e->out);
	e->content_at += c.at;
}

/* Until the results are there. */
static void send_mail(struct ends *e)
{
	size_t shown = 0;
	for (unsigned turns = 0; turns < 100000; turns++) {
		struct cursor c = cursor_of(view_first(buffer_view(&e->to_client), shown));
		const enum smtp_client_want want = smtp_client_step(e->client, &c, &e->out);
		buffer_drop(&e->to_client, c.at);
		shown -= c.at;
		if (want == SMTP_CLIENT_WANT_RESULTS)
			return;
		if (want == SMTP_CLIENT_WANT_MAIL && !e->is_given)
			smtp_client_mail(e->client, &e->mail);
		e->is_given |= want == SMTP_CLIENT_WANT_MAIL;
		if (want == SMTP_CLIENT_WANT_CONTENT)
			give_content(e);
		if (want != SMTP_CLIENT_WANT_INPUT)
			continue;
		buffer_add(&e->server->in, buffer_view(&e->out));
		buffer_clear(&e->out);
		if (shown == e->to_client.length)
			run_server(e);
		shown += e->grain && e->grain < e->to_client.length - shown
				 ? e->grain
				 : e->to_client.length - shown;
	}
	fail_msg("no end");
}

static const struct smtp_client_recipient recipients[] = {
	{VIEW("hana@mail.example.test"), ENVELOPE_NOTIFY_SUCCESS, VIEW("rfc822;ha+2Bna@x.example")},
	{VIEW("nobody@mail.example.test"), 0, VIEW("")},
	{VIEW("太郎@mail.example.test"), ENVELOPE_NOTIFY_DELAY, VIEW("utf-8;太郎@x.example")},
};

static struct ends ends_new(struct view content, size_t grain, struct smtp_limits *limits)
{
	static const struct smtp_client_settings settings = {.name = VIEW("client.example")};
	struct ends e = {.server = drive_new(limits),
		.client = smtp_client_new(&settings),
		.to_client = buffer_new(1u << 20),
		.out = buffer_new(1u << 20),
		.seen = buffer_new(4096),
		.content = content,
		.grain = grain,
		.mail = {.reverse_path = VIEW("a@sender.example"),
			.size_octets = content.length,
			.is_8bitmime = true,
			.smtputf8 = true,
			.ret = SMTP_RET_HDRS,
			.envid = VIEW("QQ+2B3"),
			.recipients = recipients,
			.recipient_count = 3}};
	return e;
}

static void ends_free(struct ends *e)
{
	drive_free(e->server);
	smtp_client_free(&e->client);
	buffer_free(&e->to_client);
	buffer_free(&e->out);
	buffer_free(&e->seen);
}

static void test_whole(void **state)
{
	/* protects: all of an envelope and a content of any shape arrives, by BDAT and by DATA */
	(void)state;
	static const struct view contents[] = {
		VIEW("Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\xc3\xa9\r\n"), VIEW("\r\n"), VIEW(""),
		VIEW(".\r\n.\r\n.\r\n")};
	const size_t grains[] = {0, 1, 7};
	for (unsigned i = 0; i < 24; i++) {
		const struct view content = contents[i % 4];
		struct ends e = ends_new(content, grains[i / 4 % 3], NULL);
		e.refuses = 2;
		e.hides_chunking = i >= 12;
		run_server(&e);
		send_mail(&e);
		assert_int_equal(smtp_client_result(e.client, 0)->outcome, SMTP_CLIENT_SENT);
		assert_int_equal(smtp_client_result(e.client, 1)->outcome, SMTP_CLIENT_REFUSED);
		assert_int_equal(smtp_client_result(e.client, 2)->outcome, SMTP_CLIENT_SENT);
		assert_true(view_equal(buffer_view(&e.server->content), content));
		assert_int_equal(e.is_bdat, i < 12);
		assert_true(view_equal(buffer_view(&e.seen),
			VIEW("a@sender.example 8bit utf8 hdrs QQ+2B3 > hana@mail.example.test "
			     "success "
			     "ha+na@x.example > 太郎@mail.example.test 太郎@x.example")));
		ends_free(&e);
	}
}

static void test_limits(void **state)
{
	/* protects: what the server says in LIMITS and SIZE the client keeps to */
	(void)state;
	struct smtp_limits limits = smtp_limits_default();
	limits.recipients = 2;
	limits.size_octets = 3;
	struct ends e = ends_new(VIEW("x\r\n"), 0, &limits);
	run_server(&e);
	send_mail(&e);
	assert_int_equal(smtp_client_facts(e.client)->rcpt_max, 2);
	assert_int_equal(e.rcpts, 2);
	assert_int_equal(smtp_client_result(e.client, 1)->outcome, SMTP_CLIENT_SENT);
	assert_int_equal(smtp_client_result(e.client, 2)->outcome, SMTP_CLIENT_AGAIN);
	e.content = VIEW("xx\r\n");
	e.mail.size_octets = 4;
	e.is_given = false;
	send_mail(&e);
	assert_int_equal(smtp_client_result(e.client, 0)->outcome, SMTP_CLIENT_REFUSED);
	assert_int_equal(smtp_client_result(e.client, 0)->said.code, 0);
	ends_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
