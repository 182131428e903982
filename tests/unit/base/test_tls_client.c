/*
 * base/tls_client against the server's end of base/tls, joined by memory: certificates right, expired,
 * of another name, of nobody known, weak; TLSA records right and wrong; each under each kind of
 * verification.
 */
#include "base/tls_client.h"
#include "test_tls_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define HOST "mx.example.test"

/* --- certificates ------------------------------------------------------------------------------ */

struct made {
	EVP_PKEY *key;
	X509 *one;
};

struct wish {
	const struct made *issuer; /* null: itself */
	const char *name; /* null: none in subjectAltName */
	const char *subject;
	long from_s; /* from now */
	long to_s;
	bool is_authority;
	unsigned rsa_bits; /* 0: P-256 */
	const EVP_MD *digest;
};

static void add_extension(X509 *one, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(e);
	X509_add_ext(one, e, -1);
	X509_EXTENSION_free(e);
}

static struct made make(const struct wish *w)
{
	static long serial = 1;
	struct made m = {.key = w->rsa_bits ? EVP_RSA_gen(w->rsa_bits) : EVP_EC_gen("P-256"),
		.one = X509_new()};
	char text[300];
	X509_set_version(m.one, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(m.one), serial++);
	X509_gmtime_adj(X509_getm_notBefore(m.one), w->from_s);
	X509_gmtime_adj(X509_getm_notAfter(m.one), w->to_s);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(m.one), "CN", MBSTRING_ASC,
		(const uint8_t *)w->subject, -1, -1, 0);
	X509_set_issuer_name(m.one, X509_get_subject_name(w->issuer ? w->issuer->one : m.one));
	X509_set_pubkey(m.one, m.key);
	if (w->name) {
		snprintf(text, sizeof text, "DNS:%s", w->name);
		add_extension(m.one, NID_subject_alt_name, text);
	}
	if (w->is_authority)
		add_extension(m.one, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(m.one, w->issuer ? w->issuer->key : m.key,
			    w->digest ? w->digest : EVP_sha256()) > 0);
	return m;
}

static void made_free(struct made *m)
{
	EVP_PKEY_free(m->key);
	X509_free(m->one);
}

static struct view pem_of(X509 *first, X509 *second, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *at;
	if (first)
		PEM_write_bio_X509(bio, first);
	if (second)
		PEM_write_bio_X509(bio, second);
	if (key)
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	const long length = BIO_get_mem_data(bio, &at);
	uint8_t *copy = malloc((size_t)length);
	memcpy(copy, at, (size_t)length);
	BIO_free(bio);
	return view_of(copy, (size_t)length);
}

/* All that the tests show. */
static struct {
	struct made authority;
	struct made good;
	struct made expired;
	struct made future;
	struct made other;
	struct made wildcard;
	struct made self;
	struct made nameless; /* its name stands in the subject only */
	struct made weak; /* of a key of 1024 bits */
} certificates;

static int make_all(void **state)
{
	(void)state;
	tls_warm();
	const long day = 86400;
	certificates.authority = make(&(struct wish){
		.subject = "Test authority", .from_s = -day, .to_s = day, .is_authority = true});
	const struct made *by = &certificates.authority;
	const struct wish good = {by, HOST, "x", -day, day, false, 0, NULL};
	struct wish w = good;
	certificates.good = make(&w);
	w.to_s = -3600;
	certificates.expired = make(&w);
	w = good;
	w.from_s = 3600;
	certificates.future = make(&w);
	w = good;
	w.name = "other.example.test";
	certificates.other = make(&w);
	w.name = "*.example.test";
	certificates.wildcard = make(&w);
	w = good;
	w.issuer = NULL;
	w.subject = HOST;
	certificates.self = make(&w);
	w = good;
	w.name = NULL;
	w.subject = HOST;
	certificates.nameless = make(&w);
	w = good;
	w.rsa_bits = 2048;
	w.digest = EVP_sha1();
	certificates.weak = make(&w);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	struct made *all[] = {&certificates.authority, &certificates.good, &certificates.expired,
		&certificates.future, &certificates.other, &certificates.wildcard,
		&certificates.self, &certificates.nameless, &certificates.weak};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		made_free(all[i]);
	return 0;
}

/* --- two ends ---------------------------------------------------------------------------------- */

struct ends {
	struct tls_context *context;
	struct tls_session *server;
	struct signer *signer;
	struct signer_peer asking;
	struct tls_client *trust;
	struct tls_session *client;
	struct buffer to_server;
	struct buffer to_client;
	struct buffer server_got;
	struct buffer client_got;
	struct cursor client_says;
	bool server_done;
	bool client_done;
};

static struct ends ends_new(const struct made *shown, const struct tls_spec *spec)
{
	struct ends e = {.context = tls_context_new(),
		.signer = signer_new(),
		.asking = signer_peer_new("test", 1000, 1000, 0),
		.trust = tls_client_new(),
		.to_server = buffer_new(1 << 20),
		.to_client = buffer_new(1 << 20),
		.server_got = buffer_new(1 << 20),
		.client_got = buffer_new(1 << 20)};
	const struct view chain = pem_of(shown->one, certificates.authority.one, NULL);
	const struct view key = pem_of(NULL, NULL, shown->key);
	const struct view roots = pem_of(certificates.authority.one, NULL, NULL);
	assert_int_equal(tls_context_add(e.context, chain, (struct key_id){1}), CERTIFICATE_OK);
	assert_int_equal(signer_add(e.signer, (struct key_id){1}, key), CERTIFICATE_OK);
	assert_int_equal(tls_client_trust(e.trust, roots), 1);
	e.server = tls_session_new(e.context);
	e.client = tls_client_session(e.trust, spec);
	assert_non_null(e.server);
	free((void *)(uintptr_t)chain.at);
	free((void *)(uintptr_t)key.at);
	free((void *)(uintptr_t)roots.at);
	return e;
}

static void ends_free(struct ends *e)
{
	/* sessions outlive their contexts */
	tls_client_free(&e->trust);
	tls_context_free(&e->context);
	tls_session_free(&e->client);
	tls_session_free(&e->server);
	signer_free(&e->signer);
	buffer_free(&e->to_server);
	buffer_free(&e->to_client);
	buffer_free(&e->server_got);
	buffer_free(&e->client_got);
}

static void sign(struct ends *e)
{
	struct buffer signature = buffer_new(SIGNATURE_MAX);
	const struct tls_request r = tls_session_request(e->server);
	assert_int_equal(signer_sign(e->signer, &e->asking, 0, r.key, SIGNER_TLS_SERVER,
				 r.algorithm, r.tbs, &signature),
		SIGNER_SIGNED);
	tls_session_signed(e->server, buffer_view(&signature));
	buffer_free(&signature);
}

static enum tls_want step_client(struct ends *e)
{
	struct cursor in = cursor_of(buffer_view(&e->to_client));
	const struct tls_io io = {&in, &e->to_server, &e->client_got, &e->client_says};
	const enum tls_want want = tls_session_step(e->client, &io);
	buffer_drop(&e->to_client, in.at);
	e->client_done |= want == TLS_DONE;
	assert_true(want != TLS_WANT_SIGNATURE && want != TLS_WANT_TURN);
	return want;
}

static enum tls_want step_server(struct ends *e)
{
	struct cursor in = cursor_of(buffer_view(&e->to_server));
	const struct tls_io io = {&in, &e->to_client, &e->server_got, NULL};
	const enum tls_want want = tls_session_step(e->server, &io);
	buffer_drop(&e->to_server, in.at);
	e->server_done |= want == TLS_DONE;
	if (want == TLS_WANT_SIGNATURE)
		sign(e);
	return want;
}

/* TLS_DONE: both have the handshake behind them. */
static enum tls_want shake(struct ends *e)
{
	for (unsigned i = 0; i < 30; i++) {
		if (step_client(e) == TLS_FAILED)
			return TLS_FAILED;
		const enum tls_want want = step_server(e);
		if (want == TLS_FAILED || (e->client_done && e->server_done))
			return want == TLS_FAILED ? want : TLS_DONE;
	}
	return TLS_WANT_INPUT;
}

/* --- who is at the other end ------------------------------------------------------------------- */

#define NONE TLS_VERIFY_NONE
#define PKIX TLS_VERIFY_PKIX
#define DANE TLS_VERIFY_DANE

/* What a session with that certificate comes to: verified how, or why not. `why` with PKIX as asked for
 * is the reason of its failure. */
static void check(const struct made *shown, const char *name, enum tls_verify wanted,
	enum tls_verify verified, const char *why)
{
	const struct view names[] = {view_text(name)};
	const struct tls_spec spec = {
		.verify = wanted, .server_name = view_text(name), .names = names, .names_count = 1};
	struct ends e = ends_new(shown, &spec);
	const enum tls_want want = shake(&e);
	if (wanted != NONE && verified == NONE) {
		assert_int_equal(want, TLS_FAILED);
		assert_string_equal(tls_session_reason(e.client), why);
		assert_false(e.client_done);
		/* the server hears an alert, not silence */
		assert_true(e.to_server.length > 0 || !e.server_done);
	} else {
		assert_int_equal(want, TLS_DONE);
		const struct tls_facts f = tls_session_facts(e.client);
		assert_string_equal(f.version, "TLSv1.3");
		assert_string_equal(tls_verify_name(f.verified), tls_verify_name(verified));
		assert_string_equal(f.unverified_why, why);
		assert_true(view_equal(tls_session_facts(e.server).server_name, view_text(name)));
		assert_int_equal(tls_session_facts(e.server).verified, NONE);
	}
	ends_free(&e);
}

static void test_pkix(void **state)
{
	/* protects: what does not verify fails where it must, and is told where it need not; N-11 */
	(void)state;
	const struct {
		const struct made *shown;
		const char *name;
		const char *why;
	} cases[] = {
		{&certificates.good, HOST, ""},
		{&certificates.good, "MX.example.TEST", ""},
		{&certificates.wildcard, HOST, ""},
		{&certificates.wildcard, "a.b.example.test", "hostname mismatch"},
		{&certificates.other, HOST, "hostname mismatch"},
		{&certificates.nameless, HOST, "hostname mismatch"},
		{&certificates.expired, HOST, "certificate has expired"},
		{&certificates.future, HOST, "certificate is not yet valid"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const enum tls_verify is = cases[i].why[0] ? NONE : PKIX;
		check(cases[i].shown, cases[i].name, PKIX, is, cases[i].why);
		check(cases[i].shown, cases[i].name, NONE, is, cases[i].why);
	}
}

static void test_unknown_authority(void **state)
{
	/* protects: a certificate that vouches for itself proves nothing, but is good enough for NONE */
	(void)state;
	const struct view names[] = {VIEW(HOST)};
	for (int verify = NONE; verify <= PKIX; verify++) {
		const struct tls_spec spec = {
			.verify = (enum tls_verify)verify, .names = names, .names_count = 1};
		struct ends e = ends_new(&certificates.self, &spec);
		assert_int_equal(shake(&e), verify == PKIX ? TLS_FAILED : TLS_DONE);
		const char *why = verify == PKIX ? tls_session_reason(e.client)
						 : tls_session_facts(e.client).unverified_why;
		assert_true(strstr(why, "self-signed certificate") || strstr(why, "unable to get"));
		ends_free(&e);
	}
}

static void test_no_name(void **state)
{
	/* protects: nobody is verified without a name that he must have */
	(void)state;
	const struct view bad[] = {VIEW(".example.test"), VIEW(""), VIEW("a\0b")};
	struct tls_spec spec = {.verify = PKIX};
	struct tls_client *client = tls_client_new();
	assert_null(tls_client_session(client, &spec));
	spec.names = bad;
	spec.names_count = 3;
	assert_null(tls_client_session(client, &spec));
	spec.verify = DANE;
	assert_null(tls_client_session(client, &spec));
	spec.names_count = 0;
	assert_null(tls_client_session(client, &spec));
	tls_client_free(&client);
	spec.verify = NONE;
	struct ends e = ends_new(&certificates.good, &spec);
	assert_int_equal(shake(&e), TLS_DONE);
	assert_int_equal(tls_session_facts(e.client).verified, NONE);
	assert_string_equal(tls_session_facts(e.client).unverified_why,
		"there is no name that the certificate must have");
	ends_free(&e);
}

static void test_weak(void **state)
{
	/* protects: SHA-1 in a chain proves nothing; where nothing is to be proved it will do */
	(void)state;
	const struct view names[] = {VIEW(HOST)};
	struct tls_spec spec = {.verify = NONE, .names = names, .names_count = 1};
	struct tls_client *client = tls_client_new();
	SSL_CTX *settings = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_security_level(settings, 0);
	assert_int_equal(SSL_CTX_use_certificate(settings, certificates.weak.one), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(settings, certificates.weak.key), 1);
	const struct view roots = pem_of(certificates.authority.one, NULL, NULL);
	tls_client_trust(client, roots);
	free((void *)(uintptr_t)roots.at);
	for (int verify = NONE; verify <= PKIX; verify++) {
		spec.verify = (enum tls_verify)verify;
		struct tls_session *s = tls_client_session(client, &spec);
		SSL *ssl = SSL_new(settings);
		BIO *in = BIO_new(BIO_s_mem());
		BIO *out = BIO_new(BIO_s_mem());
		SSL_set_bio(ssl, in, out);
		SSL_set_accept_state(ssl);
		struct buffer to_peer = buffer_new(1 << 18);
		struct buffer got = buffer_new(1 << 18);
		enum tls_want want = TLS_WANT_INPUT;
		for (int i = 0; i < 5 && want == TLS_WANT_INPUT; i++) {
			char octets[1 << 16];
			const int n = BIO_read(out, octets, sizeof octets);
			struct cursor c = cursor_of(view_of(octets, n > 0 ? (size_t)n : 0));
			const struct tls_io io = {&c, &to_peer, &got, NULL};
			want = tls_session_step(s, &io);
			if (to_peer.length)
				BIO_write(in, to_peer.data, (int)to_peer.length);
			buffer_clear(&to_peer);
			SSL_do_handshake(ssl);
		}
		assert_int_equal(want, verify == PKIX ? TLS_FAILED : TLS_DONE);
		if (verify == NONE) {
			assert_int_equal(tls_session_facts(s).verified, NONE);
			assert_string_equal(tls_session_facts(s).unverified_why,
				"CA signature digest algorithm too weak");
		}
		tls_session_free(&s);
		SSL_free(ssl);
		buffer_free(&to_peer);
		buffer_free(&got);
	}
	SSL_CTX_free(settings);
	tls_client_free(&client);
}

/* --- DANE -------------------------------------------------------------------------------------- */

struct digest {
	uint8_t octets[4096];
	size_t length;
};

/* What a record holds of a certificate (RFC 6698 §2.1): all of it or its key; as it is, SHA-256, SHA-512. */
static struct view record_data(X509 *one, unsigned selector, unsigned matching, struct digest *d)
{
	uint8_t *der = NULL;
	const int length =
		selector == 0 ? i2d_X509(one, &der) : i2d_PUBKEY(X509_get0_pubkey(one), &der);
	unsigned made = (unsigned)length;
	if (matching == 0)
		memcpy(d->octets, der, (size_t)length);
	else
		EVP_Digest(der, (size_t)length, d->octets, &made,
			matching == 1 ? EVP_sha256() : EVP_sha512(), NULL);
	OPENSSL_free(der);
	d->length = made;
	return view_of(d->octets, d->length);
}

static void check_records(const struct made *shown, const char *name,
	const struct tls_record *records, size_t count, enum tls_want wanted, const char *why)
{
	const struct view names[] = {VIEW("next.example.test"), view_text(name)};
	const struct tls_spec spec = {.verify = DANE,
		.server_name = VIEW(HOST),
		.names = names,
		.names_count = 2,
		.records = records,
		.records_count = count};
	struct ends e = ends_new(shown, &spec);
	assert_int_equal(shake(&e), wanted);
	if (wanted == TLS_FAILED) {
		assert_string_equal(tls_session_reason(e.client), why);
	} else {
		const struct tls_facts f = tls_session_facts(e.client);
		assert_string_equal(tls_verify_name(f.verified), why);
	}
	ends_free(&e);
}

static void test_dane_ee(void **state)
{
	/* protects: DANE-EE is about the key alone: neither name nor time nor authority count (RFC 7672
	 * §3.1.1); another key is refused */
	(void)state;
	struct digest d;
	const struct made *all[] = {&certificates.good, &certificates.other, &certificates.expired,
		&certificates.self, &certificates.nameless};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		for (uint8_t selector = 0; selector < 2; selector++)
			for (uint8_t matching = 0; matching < 3; matching++) {
				struct tls_record r = {3, selector, matching,
					record_data(all[i]->one, selector, matching, &d)};
				check_records(all[i], HOST, &r, 1, TLS_DONE, "dane");
				d.octets[d.length - 1] ^= 1;
				if (matching)
					check_records(all[i], HOST, &r, 1, TLS_FAILED,
						"no matching DANE TLSA records");
			}
}

static void test_dane_ta(void **state)
{
	/* protects: DANE-TA: who is vouched for, by name and in time (RFC 7672 §3.1.2) */
	(void)state;
	struct digest d;
	for (uint8_t selector = 0; selector < 2; selector++)
		for (uint8_t matching = 1; matching < 3; matching++) {
			struct tls_record r = {2, selector, matching,
				record_data(certificates.authority.one, selector, matching, &d)};
			check_records(&certificates.good, HOST, &r, 1, TLS_DONE, "dane");
			check_records(&certificates.wildcard, HOST, &r, 1, TLS_DONE, "dane");
			check_records(
				&certificates.other, HOST, &r, 1, TLS_FAILED, "hostname mismatch");
			check_records(&certificates.expired, HOST, &r, 1, TLS_FAILED,
				"certificate has expired");
			d.octets[0] ^= 1;
			check_records(&certificates.good, HOST, &r, 1, TLS_FAILED,
				"no matching DANE TLSA records");
		}
}

static void test_dane_several(void **state)
{
	/* protects: one record that fits is enough (a key is being changed); those that cannot be used
	 * do not count, and none that can is TLS without verification (RFC 7672 §2.1.1) */
	(void)state;
	struct digest right;
	struct digest wrong;
	const struct tls_record fits = {3, 1, 1, record_data(certificates.good.one, 1, 1, &right)};
	const struct tls_record other = {
		3, 1, 1, record_data(certificates.other.one, 1, 1, &wrong)};
	const struct tls_record two[] = {other, fits};
	check_records(&certificates.good, HOST, two, 2, TLS_DONE, "dane");
	check_records(
		&certificates.good, HOST, &other, 1, TLS_FAILED, "no matching DANE TLSA records");
	const struct tls_record useless[] = {
		{1, 1, 1, fits.data}, /* PKIX-EE */
		{0, 1, 1, fits.data}, /* PKIX-TA */
		{3, 1, 9, fits.data}, /* another digest */
		{3, 7, 1, fits.data}, /* another selector */
		{9, 1, 1, fits.data}, /* another usage */
		{3, 1, 1, view_first(fits.data, 31)}, /* cut */
		{3, 0, 0, VIEW("not a certificate")},
	};
	check_records(&certificates.self, HOST, useless, 7, TLS_DONE, "none");
	check_records(&certificates.good, HOST, useless, 7, TLS_DONE, "pkix");
	check_records(&certificates.self, HOST, NULL, 0, TLS_DONE, "none");
	const struct tls_record mixed[] = {useless[0], useless[5], other};
	check_records(
		&certificates.good, HOST, mixed, 3, TLS_FAILED, "no matching DANE TLSA records");
}

/* --- the session ------------------------------------------------------------------------------- */

static void test_words(void **state)
{
	/* protects: what one end says the other reads, and the end of it is told from a cut */
	(void)state;
	const struct view names[] = {VIEW(HOST)};
	const struct tls_spec spec = {.verify = PKIX, .names = names, .names_count = 1};
	struct ends e = ends_new(&certificates.good, &spec);
	assert_int_equal(shake(&e), TLS_DONE);
	e.client_says = cursor_of(VIEW("EHLO mail.example.test\r\n"));
	step_client(&e);
	step_server(&e);
	assert_true(view_equal(buffer_view(&e.server_got), VIEW("EHLO mail.example.test\r\n")));
	tls_session_close(e.server, &e.to_client);
	assert_int_equal(step_client(&e), TLS_CLOSED);
	assert_int_equal(tls_session_ended(e.client), TLS_CLOSED);
	assert_int_equal(tls_session_ended(e.server), TLS_FAILED);
	ends_free(&e);
}

static void test_garbage(void **state)
{
	/* protects: a server that does not speak TLS fails the handshake with a reason */
	(void)state;
	const struct tls_spec spec = {.verify = NONE};
	struct ends e = ends_new(&certificates.good, &spec);
	step_client(&e);
	buffer_add(&e.to_client, VIEW("220 what do you want?\r\n"));
	assert_int_equal(step_client(&e), TLS_FAILED);
	assert_string_equal(tls_session_reason(e.client), "wrong version number");
	ends_free(&e);
}

static void test_closed_early(void **state)
{
	/* protects: a close_notify in clear is no end of a session that has never begun, at either end */
	(void)state;
	const struct view closes = VIEW("\x15\x03\x03\x00\x02\x01\x00");
	const struct tls_spec spec = {.verify = NONE};
	struct ends e = ends_new(&certificates.good, &spec);
	step_client(&e);
	step_server(&e); /* its hello waits for a signature */
	buffer_clear(&e.to_client);
	buffer_add(&e.to_client, closes);
	assert_int_equal(step_client(&e), TLS_FAILED);
	assert_false(tls_session_is_done(e.client));
	buffer_clear(&e.to_server);
	buffer_add(&e.to_server, closes);
	while (step_server(&e) == TLS_WANT_SIGNATURE)
		;
	assert_false(tls_session_is_done(e.server));
	assert_int_equal(tls_session_ended(e.server), TLS_FAILED);
	ends_free(&e);
}

static void test_authorities_file(void **state)
{
	/* protects: the system's list of authorities can be read; a file that is not there is none */
	(void)state;
	struct tls_client *client = tls_client_new();
	assert_int_equal(tls_client_trust_file(client, "/nonexistent"), 0);
	assert_int_equal(tls_client_trust(client, VIEW("no certificate")), 0);
	if (access(TLS_AUTHORITIES_FILE, R_OK) == 0)
		assert_true(tls_client_trust_file(client, TLS_AUTHORITIES_FILE) > 50);
	tls_client_free(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pkix),
		cmocka_unit_test(test_unknown_authority),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_weak),
		cmocka_unit_test(test_dane_ee),
		cmocka_unit_test(test_dane_ta),
		cmocka_unit_test(test_dane_several),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_closed_early),
		cmocka_unit_test(test_authorities_file),
	};
	return cmocka_run_group_tests(tests, make_all, free_all);
}
