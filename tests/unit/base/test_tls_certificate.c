/* base/certificate: reading chains, keys that belong, and the self-signed one of the first start. */
#include "base/tls.h"
#include "test_tls_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define NOW_S 1767225600 /* a moment in 2026 */

struct made {
	struct buffer certificate;
	struct buffer key;
};

static bool make(const struct view *names, size_t count, unsigned days, struct made *made_out)
{
	made_out->certificate = buffer_new(CERTIFICATE_PEM_MAX);
	made_out->key = buffer_new(8192);
	return certificate_generate(
		names, count, days, NOW_S, &made_out->certificate, &made_out->key);
}

static void made_free(struct made *m)
{
	buffer_free(&m->certificate);
	buffer_free_secret(&m->key);
}

static void test_generate(void **state)
{
	/* protects: the first start's certificate has the names, the time and the key it should */
	(void)state;
	const struct view names[] = {VIEW("mail.example.test"), VIEW("example.test")};
	static const unsigned days[] = {1, 825, 3652};
	for (size_t i = 0; i < 3; i++) {
		struct made m;
		struct arena a = arena_new(65536);
		struct certificate_facts facts;
		assert_true(make(names, 2, days[i], &m));
		assert_int_equal(
			certificate_read(buffer_view(&m.certificate), &a, &facts), CERTIFICATE_OK);
		assert_int_equal(facts.kind, KEY_EC_P256);
		assert_int_equal(facts.bits, 256);
		assert_int_equal(facts.chain_length, 1);
		assert_true(facts.is_self_signed);
		assert_int_equal(facts.names_count, 2);
		assert_true(view_equal(facts.names[0], names[0]));
		assert_true(view_equal(facts.names[1], names[1]));
		assert_true(facts.not_before_s == NOW_S - 3600);
		assert_true(facts.not_after_s == NOW_S + (int64_t)days[i] * 86400);
		assert_int_equal(
			certificate_check_key(buffer_view(&m.certificate), buffer_view(&m.key)),
			CERTIFICATE_OK);
		arena_reset(&a);
		made_free(&m);
	}
}

static void test_generate_verifies(void **state)
{
	/* protects: a client that trusts it by file accepts it for its names, and only for those */
	(void)state;
	struct made m;
	const struct view names[] = {VIEW("mail.example.test")};
	assert_true(make(names, 1, 3652, &m));
	BIO *bio = BIO_new_mem_buf(m.certificate.data, (int)m.certificate.length);
	X509 *one = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(one);
	assert_int_equal(X509_check_host(one, "mail.example.test", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(one, "other.example.test", 0, 0, NULL), 0);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_add_cert(store, one);
	X509_STORE_CTX *verify = X509_STORE_CTX_new();
	X509_STORE_CTX_init(verify, store, one, NULL);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(verify), NOW_S + 5);
	X509_STORE_CTX_set_purpose(verify, X509_PURPOSE_SSL_SERVER);
	assert_int_equal(X509_verify_cert(verify), 1);
	X509_STORE_CTX_free(verify);
	X509_STORE_free(store);
	X509_free(one);
	BIO_free(bio);
	made_free(&m);
}

static void test_generate_bounds(void **state)
{
	/* protects: names and times that cannot be are refused before anything is made */
	(void)state;
	static uint8_t octets[CERTIFICATE_NAME_MAX + 1];
	struct view many[CERTIFICATE_NAMES_MAX + 1];
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = 'a';
	for (size_t i = 0; i <= CERTIFICATE_NAMES_MAX; i++)
		many[i] = VIEW("mail.example.test");
	const struct {
		struct view name;
		size_t count;
		unsigned days;
		bool fits;
	} cases[] = {
		{VIEW("a"), 1, 1, true},
		{view_of(octets, CERTIFICATE_NAME_MAX), 1, 1, true},
		{view_of(octets, CERTIFICATE_NAME_MAX + 1), 1, 1, false},
		{VIEW(""), 1, 1, false},
		{VIEW("a b"), 1, 1, false},
		{VIEW("a\0b"), 1, 1, false},
		{VIEW("\xc3\xa9.test"), 1, 1, false},
		{VIEW("a"), 0, 1, false},
		{VIEW("a"), CERTIFICATE_NAMES_MAX, 1, true},
		{VIEW("a"), CERTIFICATE_NAMES_MAX + 1, 1, false},
		{VIEW("a"), 1, 0, false},
		{VIEW("a"), 1, 36500, true},
		{VIEW("a"), 1, 36501, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;
		many[0] = cases[i].name;
		assert_int_equal(make(many, cases[i].count, cases[i].days, &m), cases[i].fits);
		made_free(&m);
	}
	struct buffer small = buffer_new(100);
	struct buffer key = buffer_new(8192);
	assert_false(certificate_generate(many + 1, 1, 1, NOW_S, &small, &key));
	buffer_free(&small);
	buffer_free(&key);
}

static void test_keys_belong(void **state)
{
	/* protects: a key of another certificate is found before the server starts */
	(void)state;
	static const enum key_kind kinds[] = {KEY_EC_P256, KEY_EC_P384, KEY_RSA};
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++) {
			const struct harness_pem a = harness_pem(kinds[i], "a.example.test");
			const struct harness_pem b = harness_pem(kinds[k], "a.example.test");
			assert_int_equal(certificate_check_key(a.certificate, b.key),
				i == k ? CERTIFICATE_OK : CERTIFICATE_WRONG_KEY);
		}
	assert_int_equal(certificate_check_key(harness_pem(KEY_RSA, "a.example.test").certificate,
				 harness_pem(KEY_RSA, "b.example.test").key),
		CERTIFICATE_WRONG_KEY);
}

static struct view key_text(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PKCS8PrivateKey(
		bio, key, cipher, cipher ? "secret" : NULL, cipher ? 6 : 0, NULL, NULL);
	static char text[16384];
	const int length = BIO_read(bio, text, sizeof(text));
	BIO_free(bio);
	EVP_PKEY_free(key);
	return view_of(text, (size_t)length);
}

static void test_key_kinds(void **state)
{
	/* protects: keys of other kinds and lengths are refused; nobody is asked for a passphrase */
	(void)state;
	struct buffer out = buffer_new(8192);
	enum key_kind kind;
	assert_int_equal(
		key_public(key_text(EVP_EC_gen("P-256"), NULL), &kind, &out), CERTIFICATE_OK);
	assert_int_equal(kind, KEY_EC_P256);
	assert_int_equal(
		key_public(key_text(EVP_EC_gen("P-384"), NULL), &kind, &out), CERTIFICATE_OK);
	assert_int_equal(kind, KEY_EC_P384);
	assert_int_equal(
		key_public(key_text(EVP_RSA_gen(2048), NULL), &kind, &out), CERTIFICATE_OK);
	assert_int_equal(kind, KEY_RSA);
	buffer_clear(&out);
	EVP_PKEY *const others[] = {EVP_EC_gen("P-521"), EVP_EC_gen("secp256k1"), EVP_RSA_gen(2040),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(
			key_public(key_text(others[i], NULL), &kind, &out), CERTIFICATE_KIND);
	assert_int_equal(key_public(key_text(EVP_EC_gen("P-256"), EVP_aes_128_cbc()), &kind, &out),
		CERTIFICATE_ENCRYPTED);
	assert_int_equal(key_public(VIEW(""), &kind, &out), CERTIFICATE_NONE);
	assert_int_equal(key_public(VIEW_NONE, &kind, &out), CERTIFICATE_NONE);
	assert_int_equal(
		key_public(harness_pem(KEY_EC_P256, "a.example.test").certificate, &kind, &out),
		CERTIFICATE_NONE);
	assert_int_equal(
		key_public(VIEW("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
			&kind, &out),
		CERTIFICATE_SYNTAX);
	assert_int_equal(out.length, 0);
	buffer_free(&out);
}

static void test_chain_bounds(void **state)
{
	/* protects: CERTIFICATE_CHAIN_MAX certificates are read, one more is not; broken ones never */
	(void)state;
	const struct view one = harness_pem(KEY_EC_P256, "a.example.test").certificate;
	for (unsigned count = 0; count <= CERTIFICATE_CHAIN_MAX + 1; count++) {
		struct buffer chain = buffer_new(CERTIFICATE_PEM_MAX);
		struct arena a = arena_new(65536);
		struct certificate_facts facts;
		for (unsigned i = 0; i < count; i++)
			buffer_add(&chain, one);
		const enum certificate_problem want = count == 0 ? CERTIFICATE_NONE
						      : count <= CERTIFICATE_CHAIN_MAX
							      ? CERTIFICATE_OK
							      : CERTIFICATE_LONG;
		assert_int_equal(certificate_read(buffer_view(&chain), &a, &facts), want);
		if (want == CERTIFICATE_OK) {
			assert_int_equal(facts.chain_length, count);
			buffer_add(&chain, VIEW("-----BEGIN CERTIFICATE-----\nAAAA\n-----END "
						"CERTIFICATE-----\n"));
			if (count < CERTIFICATE_CHAIN_MAX)
				assert_int_equal(certificate_read(buffer_view(&chain), &a, &facts),
					CERTIFICATE_SYNTAX);
		}
		arena_reset(&a);
		buffer_free(&chain);
	}
	struct arena little = arena_new(64);
	struct certificate_facts facts;
	assert_int_equal(certificate_read(one, &little, &facts), CERTIFICATE_MEMORY);
	arena_reset(&little);
	static uint8_t octets[CERTIFICATE_PEM_MAX + 1];
	assert_int_equal(certificate_read(view_of(octets, CERTIFICATE_PEM_MAX), &little, &facts),
		CERTIFICATE_NONE);
	assert_int_equal(certificate_read(view_of(octets, sizeof(octets)), &little, &facts),
		CERTIFICATE_LONG);
}

static const struct {
	const char *name;
	const char *host;
	bool matches;
} matches[] = {
	{"a.example.test", "a.example.test", true},
	{"a.example.test", "A.EXAMPLE.test", true},
	{"a.example.test", "b.example.test", false},
	{"a.example.test", "aa.example.test", false},
	{"*.example.test", "a.example.test", true},
	{"*.example.test", "a.b.example.test", false},
	{"*.example.test", "example.test", false},
	{"*.example.test", ".example.test", false},
	{"*.test", "a.test", false},
	{"a*.example.test", "ab.example.test", false},
	{"*", "a", false},
	{"", "", false},
};

static void test_names_match(void **state)
{
	/* protects: RFC 6125 §6.4.3: "*" stands for one whole label and no top-level domain's */
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
		assert_int_equal(certificate_name_matches(
					 view_text(matches[i].name), view_text(matches[i].host)),
			matches[i].matches);
}

static void test_names_are_all_said(void **state)
{
	/* protects: every enumerator that reaches a log has its word */
	(void)state;
	for (int i = CERTIFICATE_OK; i <= CERTIFICATE_MEMORY; i++)
		assert_string_not_equal(
			certificate_problem_text((enum certificate_problem)i), "unknown");
	for (int i = KEY_EC_P256; i <= KEY_RSA; i++)
		assert_string_not_equal(key_kind_name((enum key_kind)i), "unknown");
	for (int i = TLS_WANT_INPUT; i <= TLS_FAILED; i++)
		assert_string_not_equal(tls_want_name((enum tls_want)i), "unknown");
	for (int i = SIGNER_SIGNED; i <= SIGNER_BROKEN; i++)
		assert_string_not_equal(signer_result_name((enum signer_result)i), "unknown");
	assert_string_equal(tls_binding_name(TLS_BINDING_EXPORTER), "tls-exporter");
	assert_string_equal(
		signature_algorithm_name(SIGNATURE_RSA_PSS_SHA256), "rsa_pss_rsae_sha256");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_generate_verifies),
		cmocka_unit_test(test_generate_bounds),
		cmocka_unit_test(test_keys_belong),
		cmocka_unit_test(test_key_kinds),
		cmocka_unit_test(test_chain_bounds),
		cmocka_unit_test(test_names_match),
		cmocka_unit_test(test_names_are_all_said),
	};
	tls_warm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
