/* base/tls: handshakes, data, endings, facts and bindings against OpenSSL's client. */
#include "test_tls_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	enum key_kind kind;
	int version;
	const char *client_signatures; /* null: OpenSSL's own */
	enum signature_algorithm algorithm;
} handshakes[] = {
	{KEY_EC_P256, TLS1_3_VERSION, NULL, SIGNATURE_ECDSA_SHA256},
	{KEY_EC_P384, TLS1_3_VERSION, NULL, SIGNATURE_ECDSA_SHA384},
	{KEY_RSA, TLS1_3_VERSION, NULL, SIGNATURE_RSA_PSS_SHA256},
	{KEY_RSA, TLS1_3_VERSION, "rsa_pss_rsae_sha384", SIGNATURE_RSA_PSS_SHA384},
	{KEY_RSA, TLS1_3_VERSION, "rsa_pss_rsae_sha512", SIGNATURE_RSA_PSS_SHA512},
	{KEY_EC_P256, TLS1_2_VERSION, NULL, SIGNATURE_ECDSA_SHA256},
	{KEY_EC_P256, TLS1_2_VERSION, "ECDSA+SHA384", SIGNATURE_ECDSA_SHA384},
	{KEY_EC_P384, TLS1_2_VERSION, "ECDSA+SHA256", SIGNATURE_ECDSA_SHA256},
	{KEY_EC_P384, TLS1_2_VERSION, "ECDSA+SHA384", SIGNATURE_ECDSA_SHA384},
	{KEY_RSA, TLS1_2_VERSION, NULL, SIGNATURE_RSA_PSS_SHA256},
	{KEY_RSA, TLS1_2_VERSION, "RSA+SHA256", SIGNATURE_RSA_PKCS1_SHA256},
	{KEY_RSA, TLS1_2_VERSION, "RSA+SHA384", SIGNATURE_RSA_PKCS1_SHA384},
	{KEY_RSA, TLS1_2_VERSION, "RSA+SHA512", SIGNATURE_RSA_PKCS1_SHA512},
};

static void test_handshakes(void **state)
{
	/* protects: every kind of key signs by way of the signer, one signature a handshake */
	(void)state;
	for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++)
		for (size_t grain = 0; grain < 2; grain++) {
			const struct harness_pem pem =
				harness_pem(handshakes[i].kind, "mail.example.test");
			struct tls_context *context = harness_context(pem);
			SSL_CTX *client = harness_client(handshakes[i].version);
			if (handshakes[i].client_signatures)
				SSL_CTX_set1_sigalgs_list(client, handshakes[i].client_signatures);
			struct pair p = pair_new(context, client, pem);
			p.grain = grain;
			assert_int_equal(pair_shake(&p), TLS_DONE);
			assert_int_equal(p.signatures, 1);
			assert_int_equal(p.asked.algorithm, handshakes[i].algorithm);
			assert_int_equal(p.asked.key.number, 1);
			const struct tls_facts facts = tls_session_facts(p.server);
			assert_string_equal(facts.version,
				handshakes[i].version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
			assert_true(facts.bits == 128 || facts.bits == 256);
			assert_string_equal(facts.group, "x25519");
			assert_string_equal(facts.cipher,
				SSL_CIPHER_standard_name(SSL_get_current_cipher(p.client)));
			pair_free(&p);
			SSL_CTX_free(client);
			tls_context_free(&context);
		}
}

struct fixture {
	struct harness_pem pem;
	struct tls_context *context;
	SSL_CTX *client;
	struct pair p;
};

static struct fixture fixture_new(int version)
{
	struct fixture f = {.pem = harness_pem(KEY_EC_P256, "mail.example.test")};
	f.context = harness_context(f.pem);
	f.client = harness_client(version);
	f.p = pair_new(f.context, f.client, f.pem);
	return f;
}

static void fixture_free(struct fixture *f)
{
	pair_free(&f->p);
	SSL_CTX_free(f->client);
	tls_context_free(&f->context);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void test_signature_late(void **state)
{
	/* protects: a handshake that waits for `keys` waits, others go on, then it goes on too */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		f.p.hold_signature = true;
		assert_int_equal(pair_shake(&f.p), TLS_WANT_SIGNATURE);
		for (int k = 0; k < 3; k++)
			assert_int_equal(pair_turn(&f.p), TLS_WANT_SIGNATURE);
		assert_false(tls_session_is_done(f.p.server));
		struct pair other = pair_new(f.context, f.client, f.pem);
		assert_int_equal(pair_shake(&other), TLS_DONE);
		pair_free(&other);
		f.p.hold_signature = false;
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		fixture_free(&f);
	}
}

static void test_signature_refused(void **state)
{
	/* protects: no signature fails this handshake with an alert and a reason, nothing else */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		f.p.refuse_signature = true;
		assert_int_equal(pair_shake(&f.p), TLS_FAILED);
		assert_string_equal(
			tls_session_reason(f.p.server), "there is no signature for the handshake");
		assert_true(BIO_pending(f.p.client_in) > 0);
		assert_int_not_equal(SSL_do_handshake(f.p.client), 1);
		assert_int_equal(pair_turn(&f.p), TLS_FAILED);
		fixture_free(&f);
	}
}

static void test_signature_wrong(void **state)
{
	/* protects: what `keys` answers is input: of any length and content it can only fail */
	(void)state;
	static uint8_t octets[SIGNATURE_MAX + 1];
	const size_t lengths[] = {0, 1, 64, 105, 106, SIGNATURE_MAX, SIGNATURE_MAX + 1};
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
			struct fixture f = fixture_new(versions[i]);
			f.p.hold_signature = true;
			assert_int_equal(pair_shake(&f.p), TLS_WANT_SIGNATURE);
			tls_session_signed(f.p.server, view_of(octets, lengths[k]));
			assert_int_not_equal(pair_shake(&f.p), TLS_DONE);
			assert_false(tls_session_is_done(f.p.server));
			fixture_free(&f);
		}
}

static void test_free_while_waiting(void **state)
{
	/* protects: sessions that go while they wait give their job back (else the 65th hangs) */
	(void)state;
	for (unsigned i = 0; i < 3 * TLS_SIGNATURES_MAX; i++) {
		struct fixture f = fixture_new(i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
		f.p.hold_signature = true;
		assert_int_equal(pair_shake(&f.p), TLS_WANT_SIGNATURE);
		if (i % 3 == 1)
			tls_session_signed(f.p.server, VIEW("late"));
		if (i % 3 == 2)
			assert_int_equal(tls_session_ended(f.p.server), TLS_FAILED);
		fixture_free(&f);
	}
}

static void test_jobs_exhausted(void **state)
{
	/* protects: TLS_SIGNATURES_MAX may wait, one more is told so, and gets its turn */
	(void)state;
	struct fixture f = fixture_new(0);
	struct pair waiting[TLS_SIGNATURES_MAX];
	for (unsigned i = 0; i < TLS_SIGNATURES_MAX; i++) {
		waiting[i] = pair_new(f.context, f.client, f.pem);
		waiting[i].hold_signature = true;
		assert_int_equal(pair_shake(&waiting[i]), TLS_WANT_SIGNATURE);
	}
	assert_int_equal(pair_shake(&f.p), TLS_WANT_TURN);
	assert_int_equal(pair_turn(&f.p), TLS_WANT_TURN);
	waiting[0].hold_signature = false;
	assert_int_equal(pair_shake(&waiting[0]), TLS_DONE);
	assert_int_equal(pair_shake(&f.p), TLS_DONE);
	for (unsigned i = 0; i < TLS_SIGNATURES_MAX; i++)
		pair_free(&waiting[i]);
	fixture_free(&f);
}

static void test_data_octet_by_octet(void **state)
{
	/* protects: records cut anywhere are put together; small writes pass both ways */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		f.p.grain = 1;
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		for (int n = 0; n < 300; n++) {
			const uint8_t octet = (uint8_t)n;
			uint8_t back = 0;
			assert_int_equal(SSL_write(f.p.client, &octet, 1), 1);
			struct cursor send = cursor_of(view_of(&octet, 1));
			f.p.to_send = &send;
			assert_int_equal(pair_turn(&f.p), TLS_WANT_INPUT);
			assert_int_equal(cursor_left(&send), 0);
			assert_int_equal(f.p.received.length, (size_t)n + 1);
			assert_int_equal(f.p.received.data[n], octet);
			assert_int_equal(SSL_read(f.p.client, &back, 1), 1);
			assert_int_equal(back, octet);
		}
		fixture_free(&f);
	}
}

static void test_data_large(void **state)
{
	/* protects: 1 MiB each way; full buffers stop and go on, nothing lost or changed */
	(void)state;
	const size_t size = 1 << 20;
	uint8_t *data = malloc(size);
	uint8_t *back = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		for (size_t at = 0; at < size; at += 16384)
			assert_int_equal(SSL_write(f.p.client, data + at, 16384), 16384);
		buffer_free(&f.p.received);
		f.p.received = buffer_new(1000);
		size_t got = 0;
		unsigned full = 0;
		for (enum tls_want want; got < size;) {
			want = pair_turn(&f.p);
			full += want == TLS_WANT_ROOM;
			assert_true(f.p.received.length > 0 && f.p.received.length <= 1000);
			assert_memory_equal(f.p.received.data, data + got, f.p.received.length);
			got += f.p.received.length;
			buffer_clear(&f.p.received);
		}
		assert_true(full > 1000);
		struct cursor send = cursor_of(view_of(data, size));
		f.p.to_send = &send;
		buffer_free(&f.p.to_client);
		f.p.to_client = buffer_new(TLS_TO_PEER_MIN);
		size_t sent = 0;
		while (sent < size) {
			const enum tls_want want = pair_turn(&f.p);
			assert_true(want == TLS_WANT_OUTPUT || cursor_left(&send) == 0);
			int n;
			while ((n = SSL_read(f.p.client, back + sent, (int)(size - sent))) > 0)
				sent += (size_t)n;
		}
		assert_memory_equal(back, data, size);
		fixture_free(&f);
	}
	free(data);
	free(back);
}

static void test_close(void **state)
{
	/* protects: close_notify is an end, in both directions; words before it are kept, and what
	 * they asked for is still sent */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		assert_int_equal(SSL_write(f.p.client, "QUIT\r\n", 6), 6);
		SSL_shutdown(f.p.client);
		assert_int_equal(pair_turn(&f.p), TLS_CLOSED);
		assert_true(view_equal(buffer_view(&f.p.received), VIEW("QUIT\r\n")));
		struct cursor answer = cursor_of(VIEW("bye\r\n"));
		f.p.to_send = &answer;
		assert_int_equal(pair_turn(&f.p), TLS_CLOSED);
		assert_int_equal(cursor_left(&answer), 0);
		f.p.to_send = NULL;
		assert_int_equal(tls_session_ended(f.p.server), TLS_CLOSED);
		tls_session_close(f.p.server, &f.p.to_client);
		const size_t once = f.p.to_client.length;
		assert_true(once > 0);
		tls_session_close(f.p.server, &f.p.to_client);
		assert_int_equal(f.p.to_client.length, once);
		assert_int_equal(pair_turn(&f.p), TLS_CLOSED);
		char heard[8];
		assert_int_equal(SSL_read(f.p.client, heard, sizeof heard), 5);
		assert_int_equal(SSL_shutdown(f.p.client), 1);
		fixture_free(&f);
	}
}

static void test_close_first(void **state)
{
	/* protects: after our close_notify what the peer still says is read until its own */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		tls_session_close(f.p.server, &f.p.to_client);
		assert_int_equal(SSL_write(f.p.client, "last", 4), 4);
		struct cursor never = cursor_of(VIEW("never"));
		f.p.to_send = &never;
		assert_int_equal(pair_turn(&f.p), TLS_WANT_INPUT);
		assert_int_equal(cursor_left(&never), 5);
		uint8_t octet;
		assert_int_equal(SSL_read(f.p.client, &octet, 1), 0);
		assert_int_equal(SSL_get_error(f.p.client, 0), SSL_ERROR_ZERO_RETURN);
		SSL_shutdown(f.p.client);
		assert_int_equal(pair_turn(&f.p), TLS_CLOSED);
		assert_true(view_equal(buffer_view(&f.p.received), VIEW("last")));
		fixture_free(&f);
	}
}

static void test_truncation(void **state)
{
	/* protects: an end without close_notify is told apart (RFC 8446 §6.1) */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		assert_int_equal(tls_session_ended(f.p.server), TLS_FAILED);
		assert_non_null(strstr(tls_session_reason(f.p.server), "during the handshake"));
		fixture_free(&f);
		f = fixture_new(versions[i]);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		assert_int_equal(SSL_write(f.p.client, "half", 4), 4);
		assert_int_equal(pair_turn(&f.p), TLS_WANT_INPUT);
		assert_int_equal(tls_session_ended(f.p.server), TLS_FAILED);
		assert_non_null(strstr(tls_session_reason(f.p.server), "close_notify"));
		fixture_free(&f);
	}
}

static void test_changed_record(void **state)
{
	/* protects: one flipped bit ends the connection, and nothing of the record comes through */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		SSL_write(f.p.client, "RCPT", 4);
		uint8_t record[64];
		const int length = BIO_read(f.p.client_out, record, sizeof(record));
		record[length - 1] ^= 1;
		buffer_add(&f.p.to_server, view_of(record, (size_t)length));
		assert_int_equal(pair_turn(&f.p), TLS_FAILED);
		assert_int_equal(f.p.received.length, 0);
		assert_true(strlen(tls_session_reason(f.p.server)) > 0);
		fixture_free(&f);
	}
}

static void test_bindings(void **state)
{
	/* protects: SCRAM-PLUS binds to this connection: both ends compute the same (RFC 9266, 5929) */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		struct buffer binding = buffer_new(TLS_BINDING_MAX);
		uint8_t want[64];
		assert_false(tls_session_binding(f.p.server, TLS_BINDING_EXPORTER, &binding));
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		assert_int_equal(SSL_export_keying_material(f.p.client, want, 32,
					 "EXPORTER-Channel-Binding", 24, (const uint8_t *)"", 0, 1),
			1);
		assert_true(tls_session_binding(f.p.server, TLS_BINDING_EXPORTER, &binding));
		assert_int_equal(binding.length, 32);
		assert_memory_equal(binding.data, want, 32);
		buffer_clear(&binding);
		const bool unique = tls_session_binding(f.p.server, TLS_BINDING_UNIQUE, &binding);
		assert_int_equal(unique, versions[i] == TLS1_2_VERSION);
		if (unique) {
			assert_int_equal(SSL_get_finished(f.p.client, want, 64), 12);
			assert_int_equal(binding.length, 12);
			assert_memory_equal(binding.data, want, 12);
		}
		buffer_clear(&binding);
		unsigned length;
		X509 *peer = SSL_get1_peer_certificate(f.p.client);
		X509_digest(peer, EVP_sha256(), want, &length);
		X509_free(peer);
		assert_true(tls_session_binding(f.p.server, TLS_BINDING_END_POINT, &binding));
		assert_int_equal(binding.length, 32);
		assert_memory_equal(binding.data, want, 32);
		buffer_free(&binding);
		fixture_free(&f);
	}
}

static void test_exporter_needs_ems(void **state)
{
	/* protects: RFC 9266 §4.2: under TLS 1.2 no tls-exporter without extended_master_secret */
	(void)state;
	struct fixture f = fixture_new(TLS1_2_VERSION);
	struct buffer binding = buffer_new(TLS_BINDING_MAX);
	SSL_set_options(f.p.client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	assert_int_equal(pair_shake(&f.p), TLS_DONE);
	assert_false(tls_session_binding(f.p.server, TLS_BINDING_EXPORTER, &binding));
	assert_int_equal(binding.length, 0);
	assert_true(tls_session_binding(f.p.server, TLS_BINDING_UNIQUE, &binding));
	buffer_free(&binding);
	fixture_free(&f);
}

static const struct {
	const char *asked;
	const char *served; /* the first name of the certificate */
	unsigned key;
} names[] = {
	{NULL, "mail.example.test", 1},
	{"mail.example.test", "mail.example.test", 1},
	{"MAIL.Example.test", "mail.example.test", 1},
	{"pop.example.test", "pop.example.test", 2},
	{"a.wild.example.test", "*.wild.example.test", 3},
	{"x.wild.example.test", "x.wild.example.test", 4},
	{"a.b.wild.example.test", "mail.example.test", 1},
	{"wild.example.test", "mail.example.test", 1},
	{"nobody.example.test", "mail.example.test", 1},
};

static void test_server_names(void **state)
{
	/* protects: several certificates by SNI; an unknown name is served with the first */
	(void)state;
	static const char *const own[] = {"mail.example.test", "pop.example.test",
		"*.wild.example.test", "x.wild.example.test"};
	for (size_t i = 0; i < 2 * sizeof(names) / sizeof(names[0]); i++) {
		const size_t k = i / 2;
		struct fixture f = fixture_new(versions[i % 2]);
		for (unsigned n = 1; n < 4; n++) {
			const struct harness_pem pem = harness_pem(KEY_EC_P256, own[n]);
			assert_int_equal(
				tls_context_add(f.context, pem.certificate, (struct key_id){n + 1}),
				CERTIFICATE_OK);
			assert_int_equal(signer_add(f.p.signer, (struct key_id){n + 1}, pem.key),
				CERTIFICATE_OK);
		}
		if (names[k].asked)
			SSL_set_tlsext_host_name(f.p.client, names[k].asked);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		assert_int_equal(f.p.asked.key.number, names[k].key);
		X509 *peer = SSL_get1_peer_certificate(f.p.client);
		char common[64];
		X509_NAME_get_text_by_NID(
			X509_get_subject_name(peer), NID_commonName, common, sizeof(common));
		assert_string_equal(common, names[k].served);
		X509_free(peer);
		const struct view got = tls_session_facts(f.p.server).server_name;
		assert_true(view_equal(got, view_text(names[k].asked)) ||
			    strcmp(names[k].served, "mail.example.test") == 0);
		fixture_free(&f);
	}
}

static void test_two_kinds(void **state)
{
	/* protects: an RSA certificate beside the EC one of the same name serves who knows RSA only */
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const bool is_rsa = i >= 2;
		struct fixture f = fixture_new(versions[i % 2]);
		const struct harness_pem rsa = harness_pem(KEY_RSA, "mail.example.test");
		assert_int_equal(tls_context_add(f.context, rsa.certificate, (struct key_id){9}),
			CERTIFICATE_OK);
		pair_free(&f.p);
		f.p = pair_new(f.context, f.client, f.pem);
		assert_int_equal(
			signer_add(f.p.signer, (struct key_id){9}, rsa.key), CERTIFICATE_OK);
		if (is_rsa)
			SSL_set1_sigalgs_list(f.p.client, "rsa_pss_rsae_sha256:RSA+SHA256");
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		assert_int_equal(f.p.asked.key.number, is_rsa ? 9 : 1);
		fixture_free(&f);
	}
}

static void test_context_bounds(void **state)
{
	/* protects: certificates that cannot serve are refused, one by one, with a sentence */
	(void)state;
	struct tls_context *context = tls_context_new();
	assert_null(tls_session_new(context));
	assert_int_equal(
		tls_context_add(context, VIEW("nothing"), (struct key_id){1}), CERTIFICATE_NONE);
	const struct harness_pem pem = harness_pem(KEY_EC_P256, "mail.example.test");
	for (unsigned i = 0; i < TLS_CERTIFICATES_MAX; i++)
		assert_int_equal(tls_context_add(context, pem.certificate, (struct key_id){1}),
			CERTIFICATE_OK);
	assert_int_equal(
		tls_context_add(context, pem.certificate, (struct key_id){1}), CERTIFICATE_LONG);
	tls_context_free(&context);
	assert_null(context);
}

static void test_context_outlives(void **state)
{
	/* protects: a reload frees the old context under running sessions */
	(void)state;
	struct fixture f = fixture_new(0);
	tls_context_free(&f.context);
	SSL_set_tlsext_host_name(f.p.client, "mail.example.test");
	assert_int_equal(pair_shake(&f.p), TLS_DONE);
	fixture_free(&f);
}

static void test_nothing_is_resumed(void **state)
{
	/* protects: no tickets, no cache, no session id: a second connection is a full handshake */
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = fixture_new(versions[i]);
		assert_int_equal(pair_shake(&f.p), TLS_DONE);
		SSL_write(f.p.client, "x", 1);
		pair_turn(&f.p);
		SSL_SESSION *kept = SSL_get1_session(f.p.client);
		assert_false(SSL_SESSION_has_ticket(kept));
		struct pair again = pair_new(f.context, f.client, f.pem);
		SSL_set_session(again.client, kept);
		assert_int_equal(pair_shake(&again), TLS_DONE);
		assert_int_equal(SSL_session_reused(again.client), 0);
		assert_int_equal(again.signatures, 1);
		SSL_SESSION_free(kept);
		pair_free(&again);
		fixture_free(&f);
	}
}

static void test_renegotiation(void **state)
{
	/* protects: TLS 1.2 renegotiation is refused */
	(void)state;
	struct fixture f = fixture_new(TLS1_2_VERSION);
	assert_int_equal(pair_shake(&f.p), TLS_DONE);
	assert_int_equal(SSL_renegotiate(f.p.client), 1);
	SSL_do_handshake(f.p.client);
	assert_int_equal(pair_turn(&f.p), TLS_WANT_INPUT); /* a warning, and the session stands */
	assert_int_not_equal(SSL_do_handshake(f.p.client), 1);
	assert_int_equal(f.p.signatures, 1);
	fixture_free(&f);
}

static void test_key_update(void **state)
{
	/* protects: TLS 1.3 KeyUpdate goes through */
	(void)state;
	struct fixture f = fixture_new(TLS1_3_VERSION);
	assert_int_equal(pair_shake(&f.p), TLS_DONE);
	assert_int_equal(SSL_key_update(f.p.client, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_write(f.p.client, "NOOP", 4), 4);
	struct cursor send = cursor_of(VIEW("250"));
	f.p.to_send = &send;
	assert_int_equal(pair_turn(&f.p), TLS_WANT_INPUT);
	assert_true(view_equal(buffer_view(&f.p.received), VIEW("NOOP")));
	uint8_t back[3];
	assert_int_equal(SSL_read(f.p.client, back, 3), 3);
	fixture_free(&f);
}

static void test_old_clients(void **state)
{
	/* protects: TLS 1.1, static RSA and finite-field DH, and unknown groups are refused by alert */
	(void)state;
	static const struct {
		int version;
		const char *ciphers;
		const char *groups;
	} old[] = {{TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL},
		{TLS1_2_VERSION, "AES128-SHA:@SECLEVEL=0", NULL},
		{TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL},
		{TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA", NULL}, {TLS1_3_VERSION, NULL, "P-521"}};
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		const struct harness_pem pem = harness_pem(KEY_RSA, "mail.example.test");
		struct tls_context *context = harness_context(pem);
		SSL_CTX *client = harness_client(old[i].version);
		if (old[i].ciphers)
			SSL_CTX_set_cipher_list(client, old[i].ciphers);
		if (old[i].groups)
			SSL_CTX_set1_groups_list(client, old[i].groups);
		struct pair p = pair_new(context, client, pem);
		assert_int_equal(pair_shake(&p), TLS_FAILED);
		assert_true(strlen(tls_session_reason(p.server)) > 0);
		assert_int_equal(p.signatures, 0);
		assert_true(BIO_pending(p.client_in) > 0);
		pair_free(&p);
		SSL_CTX_free(client);
		tls_context_free(&context);
	}
}

static void test_hello_retry(void **state)
{
	/* protects: a client whose key share is for another group is asked again */
	(void)state;
	struct fixture f = fixture_new(TLS1_3_VERSION);
	SSL_set1_groups_list(f.p.client, "P-521:P-256");
	assert_int_equal(pair_shake(&f.p), TLS_DONE);
	assert_string_equal(tls_session_facts(f.p.server).group, "P-256");
	fixture_free(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_signature_late),
		cmocka_unit_test(test_signature_refused),
		cmocka_unit_test(test_signature_wrong),
		cmocka_unit_test(test_free_while_waiting),
		cmocka_unit_test(test_jobs_exhausted),
		cmocka_unit_test(test_data_octet_by_octet),
		cmocka_unit_test(test_data_large),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_close_first),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_changed_record),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_exporter_needs_ems),
		cmocka_unit_test(test_server_names),
		cmocka_unit_test(test_two_kinds),
		cmocka_unit_test(test_context_bounds),
		cmocka_unit_test(test_context_outlives),
		cmocka_unit_test(test_nothing_is_resumed),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_key_update),
		cmocka_unit_test(test_old_clients),
		cmocka_unit_test(test_hello_retry),
	};
	tls_warm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
