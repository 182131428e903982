/* base/connection with TLS at both ends: the client's end begun by connection_start_tls_client. */
#include "base/connection.h"
#include "test_tls_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define HOST "mail.example.test"

/* One end: what it heard, what it was told. */
struct end {
	struct connection *c;
	struct buffer heard;
	bool wants_signature;
	bool is_done;
	unsigned closed;
	const char *why;
};

static size_t on_input(void *context, struct view octets)
{
	struct end *e = context;
	buffer_add(&e->heard, octets);
	return octets.length;
}

static void on_closed(void *context, const char *why)
{
	struct end *e = context;
	e->closed++;
	e->why = why;
	connection_close(&e->c, false);
}

static bool on_sign(void *context, const struct tls_request *request)
{
	struct end *e = context;
	(void)request;
	e->wants_signature = true;
	return true;
}

static void on_tls_done(void *context)
{
	struct end *e = context;
	e->is_done = true;
}

static const struct connection_handler server_handler = {
	.input = on_input, .closed = on_closed, .sign = on_sign, .tls_done = on_tls_done};
static const struct connection_handler client_handler = {
	.input = on_input, .closed = on_closed, .tls_done = on_tls_done};

struct stage {
	struct loop *loop;
	struct tls_context *context;
	struct tls_client *trust;
	struct signer *signer;
	struct signer_peer asking;
	struct end server;
	struct end client;
};

static struct stage *stage_new(bool is_trusted)
{
	static struct stage s;
	int fds[2];
	const struct harness_pem pem = harness_pem(KEY_EC_P256, HOST);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	s = (struct stage){.loop = loop_new(),
		.context = harness_context(pem),
		.trust = tls_client_new(),
		.signer = signer_new(),
		.asking = signer_peer_new("test", 1000, 1000, 0),
		.server.heard = buffer_new(1 << 20),
		.client.heard = buffer_new(1 << 20)};
	assert_int_equal(signer_add(s.signer, (struct key_id){1}, pem.key), CERTIFICATE_OK);
	if (is_trusted)
		assert_int_equal(tls_client_trust(s.trust, pem.certificate), 1);
	s.server.c = connection_new(s.loop, fds[0], &server_handler, &s.server);
	s.client.c = connection_new(s.loop, fds[1], &client_handler, &s.client);
	return &s;
}

static void sign(struct stage *s)
{
	struct buffer signature = buffer_new(SIGNATURE_MAX);
	const struct tls_request r = tls_session_request(connection_tls(s->server.c));
	assert_int_equal(signer_sign(s->signer, &s->asking, 0, r.key, SIGNER_TLS_SERVER,
				 r.algorithm, r.tbs, &signature),
		SIGNER_SIGNED);
	s->server.wants_signature = false;
	connection_signed(s->server.c, buffer_view(&signature));
	buffer_free(&signature);
}

static void turns(struct stage *s)
{
	for (int i = 0; i < 40; i++) {
		loop_turn(s->loop, 1);
		if (s->server.c && s->server.wants_signature)
			sign(s);
	}
}

static void stage_free(struct stage *s)
{
	connection_close(&s->client.c, false);
	connection_close(&s->server.c, false);
	turns(s);
	loop_free(&s->loop);
	tls_client_free(&s->trust);
	tls_context_free(&s->context);
	signer_free(&s->signer);
	buffer_free(&s->server.heard);
	buffer_free(&s->client.heard);
}

static void start(struct stage *s, enum tls_verify verify)
{
	const struct view names[] = {VIEW(HOST)};
	const struct tls_spec spec = {
		.verify = verify, .server_name = names[0], .names = names, .names_count = 1};
	assert_true(connection_start_tls(s->server.c, s->context));
	assert_true(connection_start_tls_client(s->client.c, s->trust, &spec));
	connection_resume(s->server.c);
	connection_resume(s->client.c);
}

static void test_words(void **state)
{
	/* protects: an outgoing connection speaks first, what was queued follows the handshake, and much of
	 * it passes both ways */
	(void)state;
	struct stage *s = stage_new(true);
	static uint8_t much[300000];
	memset(much, 'x', sizeof much);
	start(s, TLS_VERIFY_PKIX);
	buffer_add(connection_out(s->client.c), VIEW("EHLO client.example\r\n"));
	connection_flush(s->client.c);
	turns(s);
	assert_true(s->client.is_done && s->server.is_done);
	assert_true(view_equal(buffer_view(&s->server.heard), VIEW("EHLO client.example\r\n")));
	const struct tls_facts f = tls_session_facts(connection_tls(s->client.c));
	assert_int_equal(f.verified, TLS_VERIFY_PKIX);
	buffer_add(connection_out(s->client.c), view_of(much, sizeof much));
	buffer_add(connection_out(s->server.c), view_of(much, sizeof much));
	connection_flush(s->client.c);
	connection_flush(s->server.c);
	turns(s);
	assert_int_equal(s->server.heard.length, sizeof much + 21);
	assert_int_equal(s->client.heard.length, sizeof much);
	connection_close(&s->server.c, false);
	turns(s);
	assert_int_equal(s->client.closed, 1);
	assert_null(s->client.why); /* it said so */
	stage_free(s);
}

static void test_starttls(void **state)
{
	/* protects: what is said in clear goes first, in clear */
	(void)state;
	struct stage *s = stage_new(true);
	connection_resume(s->server.c);
	connection_resume(s->client.c);
	buffer_add(connection_out(s->client.c), VIEW("STARTTLS\r\n"));
	connection_flush(s->client.c);
	turns(s);
	assert_true(view_equal(buffer_view(&s->server.heard), VIEW("STARTTLS\r\n")));
	buffer_add(connection_out(s->server.c), VIEW("220 go\r\n"));
	assert_true(connection_start_tls(s->server.c, s->context));
	turns(s);
	assert_true(view_equal(buffer_view(&s->client.heard), VIEW("220 go\r\n")));
	const struct tls_spec spec = {.verify = TLS_VERIFY_NONE};
	assert_true(connection_start_tls_client(s->client.c, s->trust, &spec));
	connection_flush(s->client.c);
	turns(s);
	assert_true(s->client.is_done && s->server.is_done);
	stage_free(s);
}

static void test_refused(void **state)
{
	/* protects: a certificate that does not verify ends the connection at both ends, and says why */
	(void)state;
	struct stage *s = stage_new(false);
	start(s, TLS_VERIFY_PKIX);
	turns(s);
	assert_false(s->client.is_done);
	assert_int_equal(s->client.closed, 1);
	assert_string_equal(s->client.why, "self-signed certificate");
	assert_int_equal(s->server.closed, 1);
	assert_string_equal(s->server.why, "tlsv1 alert unknown ca");
	stage_free(s);
}

static void test_turn(void **state)
{
	/* protects: who finds all places for signatures taken tries again, and comes in when there is one */
	(void)state;
	struct stage *s = stage_new(true);
	struct pair waiting[TLS_SIGNATURES_MAX];
	SSL_CTX *others = harness_client(0);
	for (unsigned i = 0; i < TLS_SIGNATURES_MAX; i++) {
		waiting[i] = pair_new(s->context, others, harness_pem(KEY_EC_P256, HOST));
		waiting[i].hold_signature = true;
		assert_int_equal(pair_shake(&waiting[i]), TLS_WANT_SIGNATURE);
	}
	start(s, TLS_VERIFY_PKIX);
	turns(s);
	assert_false(s->server.is_done || s->server.closed);
	pair_free(&waiting[0]);
	for (int i = 0; i < 500 && !s->server.is_done; i++)
		turns(s);
	assert_true(s->client.is_done && s->server.is_done);
	for (unsigned i = 1; i < TLS_SIGNATURES_MAX; i++)
		pair_free(&waiting[i]);
	SSL_CTX_free(others);
	stage_free(s);
}

static int warm(void **state)
{
	(void)state;
	tls_warm();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_turn),
	};
	return cmocka_run_group_tests(tests, warm, NULL);
}
