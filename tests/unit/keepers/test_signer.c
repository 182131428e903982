/* keepers/keys/signer: what a key signs, and nothing else. */
#include "../base/test_tls_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SPACES "                                                                "
#define VERIFY_SERVER SPACES "TLS 1.3, server CertificateVerify\0"
#define HASH32 "0123456789abcdef0123456789abcdef"
#define HASH48 HASH32 "0123456789abcdef"
#define RANDOMS HASH32 HASH32
#define POINT32 HASH32
#define POINT65 "\x04" HASH32 HASH32
#define TLS13 VERIFY_SERVER HASH32
#define TLS12 RANDOMS "\x03\x00\x1d\x20" POINT32

static const struct {
	const char *what;
	uint32_t purpose;
	struct view tbs;
	bool signs;
} purposes[] = {
	{"TLS 1.3, SHA-256", 1, VIEW(VERIFY_SERVER HASH32), true},
	{"TLS 1.3, SHA-384", 1, VIEW(VERIFY_SERVER HASH48), true},
	{"no hash", 1, VIEW(VERIFY_SERVER), false},
	{"hash of 31", 1, VIEW(VERIFY_SERVER "0123456789abcdef0123456789abcde"), false},
	{"hash of 33", 1, VIEW(VERIFY_SERVER HASH32 "x"), false},
	{"hash of 47", 1, VIEW(VERIFY_SERVER HASH32 "0123456789abcde"), false},
	{"hash of 49", 1, VIEW(VERIFY_SERVER HASH48 "x"), false},
	{"hash of 64", 1, VIEW(VERIFY_SERVER HASH32 HASH32), false},
	{"63 spaces", 1,
		VIEW("               "
		     "                                                "
		     "TLS 1.3, server CertificateVerify\0" HASH32),
		false},
	{"65 spaces", 1, VIEW(" " VERIFY_SERVER HASH32), false},
	{"the client's", 1, VIEW(SPACES "TLS 1.3, client CertificateVerify\0" HASH32), false},
	{"no zero octet", 1, VIEW(SPACES "TLS 1.3, server CertificateVerify" HASH32), false},
	{"TLS 1.2, x25519", 1, VIEW(TLS12), true},
	{"TLS 1.2, P-256", 1, VIEW(RANDOMS "\x03\x00\x17\x41" POINT65), true},
	{"P-256, compressed", 1, VIEW(RANDOMS "\x03\x00\x17\x21\x02" HASH32), false},
	{"P-256, 65 octets not a point", 1, VIEW(RANDOMS "\x03\x00\x17\x41\x05" HASH32 HASH32),
		false},
	{"x25519, 31 octets", 1,
		VIEW(RANDOMS "\x03\x00\x1d\x1f"
			     "0123456789abcdef0123456789abcde"),
		false},
	{"x25519 with P-256's length", 1, VIEW(RANDOMS "\x03\x00\x1d\x41" POINT65), false},
	{"P-384: not offered", 1, VIEW(RANDOMS "\x03\x00\x18\x61\x04" HASH48 HASH48), false},
	{"unknown group", 1, VIEW(RANDOMS "\x03\x00\x16\x20" POINT32), false},
	{"explicit curve", 1, VIEW(RANDOMS "\x01\x00\x1d\x20" POINT32), false},
	{"an octet too many", 1, VIEW(TLS12 "x"), false},
	{"an octet too few", 1,
		VIEW(RANDOMS "\x03\x00\x1d\x20"
			     "0123456789abcdef0123456789abcde"),
		false},
	{"randoms only", 1, VIEW(RANDOMS), false},
	{"nothing", 1, VIEW(""), false},
	{"a digest", 1, VIEW(HASH32), false},
	{"a mail's header fields", 1, VIEW("from:hana@example.test\r\ndkim-signature:v=1; b="),
		false},
	{"no purpose", 0, VIEW(TLS13), false},
	{"an unknown purpose", 2, VIEW(TLS13), false},
	{"an unknown purpose", UINT32_MAX, VIEW(TLS12), false},
};

static struct signer *signer_with(enum key_kind kind)
{
	struct signer *signer = signer_new();
	assert_int_equal(
		signer_add(signer, (struct key_id){1}, harness_pem(kind, "mail.example.test").key),
		CERTIFICATE_OK);
	return signer;
}

static enum signer_result ask(struct signer *signer, uint32_t key, uint32_t purpose,
	uint32_t algorithm, struct view tbs, struct buffer *out)
{
	struct signer_peer peer = signer_peer_new("test", 1, 1, 0);
	return signer_sign(signer, &peer, 0, (struct key_id){key}, purpose, algorithm, tbs, out);
}

static void test_purposes(void **state)
{
	/* protects: a broken face cannot have anything signed but a TLS server's own handshake */
	(void)state;
	static const struct {
		enum key_kind kind;
		uint32_t algorithm;
	} keys[] = {{KEY_EC_P256, SIGNATURE_ECDSA_SHA256}, {KEY_EC_P384, SIGNATURE_ECDSA_SHA384},
		{KEY_RSA, SIGNATURE_RSA_PSS_SHA256}};
	for (size_t k = 0; k < 3; k++) {
		struct signer *signer = signer_with(keys[k].kind);
		for (size_t i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++) {
			struct buffer out = buffer_new(SIGNATURE_MAX);
			assert_int_equal(ask(signer, 1, purposes[i].purpose, keys[k].algorithm,
						 purposes[i].tbs, &out),
				purposes[i].signs ? SIGNER_SIGNED : SIGNER_NOT_PURPOSE);
			assert_int_equal(out.length > 0, purposes[i].signs);
			buffer_free(&out);
		}
		signer_free(&signer);
	}
}

/* What each kind of key may sign with: bit 0 TLS 1.2, bit 1 TLS 1.3. */
static const struct {
	uint32_t algorithm;
	const char *digest;
	unsigned may[KEY_RSA + 1]; /* P-256, P-384, RSA */
} algorithms[] = {
	{0x0403, "SHA256", {3, 1, 0}}, /* ecdsa_secp256r1_sha256 */
	{0x0503, "SHA384", {1, 3, 0}}, /* ecdsa_secp384r1_sha384 */
	{0x0603, NULL, {0, 0, 0}}, /* ecdsa_secp521r1_sha512 */
	{0x0203, NULL, {0, 0, 0}}, /* ecdsa_sha1 */
	{0x0401, "SHA256", {0, 0, 1}}, /* rsa_pkcs1_sha256 */
	{0x0501, "SHA384", {0, 0, 1}},
	{0x0601, "SHA512", {0, 0, 1}},
	{0x0201, NULL, {0, 0, 0}}, /* rsa_pkcs1_sha1 */
	{0x0804, "SHA256", {0, 0, 3}}, /* rsa_pss_rsae_sha256 */
	{0x0805, "SHA384", {0, 0, 3}},
	{0x0806, "SHA512", {0, 0, 3}},
	{0x0807, NULL, {0, 0, 0}}, /* ed25519 */
	{0, NULL, {0, 0, 0}},
	{0x10403, NULL, {0, 0, 0}},
	{UINT32_MAX, NULL, {0, 0, 0}},
};

/* By OpenSSL alone, from the PEM. */
static bool verifies(struct view key_pem, size_t i, struct view tbs, struct view signature)
{
	BIO *bio = BIO_new_mem_buf(key_pem.at, (int)key_pem.length);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings;
	EVP_DigestVerifyInit_ex(context, &settings, algorithms[i].digest, NULL, NULL, key, NULL);
	if ((algorithms[i].algorithm & 0xff00) == 0x0800) {
		EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST);
	}
	const bool good =
		EVP_DigestVerify(context, signature.at, signature.length, tbs.at, tbs.length) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return good;
}

static void test_algorithms(void **state)
{
	/* protects: each algorithm only with its key and version, and the signature verifies */
	(void)state;
	static const struct view forms[] = {VIEW(TLS12), VIEW(TLS13)};
	for (enum key_kind kind = KEY_EC_P256; kind <= KEY_RSA; kind++) {
		const struct view pem = harness_pem(kind, "mail.example.test").key;
		struct signer *signer = signer_with(kind);
		signer_warm(signer);
		for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
			for (unsigned form = 0; form < 2; form++) {
				struct buffer out = buffer_new(SIGNATURE_MAX);
				const bool may = algorithms[i].may[kind] >> form & 1;
				assert_int_equal(
					ask(signer, 1, SIGNER_TLS_SERVER, algorithms[i].algorithm,
						forms[form], &out),
					may ? SIGNER_SIGNED : SIGNER_NOT_ALGORITHM);
				assert_int_equal(out.length > 0, may);
				if (may)
					assert_true(
						verifies(pem, i, forms[form], buffer_view(&out)));
				buffer_free(&out);
			}
		signer_free(&signer);
	}
}

static void test_keys(void **state)
{
	/* protects: keys are told apart by id; an unknown one, a double one, the 65th are refused */
	(void)state;
	const struct view a = harness_pem(KEY_EC_P256, "mail.example.test").key;
	struct buffer out = buffer_new(SIGNATURE_MAX);
	struct signer *signer = signer_new();
	for (uint32_t i = 0; i < SIGNER_KEYS_MAX; i++) {
		assert_int_equal(ask(signer, i, 1, 0x0403, VIEW(TLS13), &out), SIGNER_NO_KEY);
		assert_int_equal(signer_add(signer, (struct key_id){i}, a), CERTIFICATE_OK);
		if (i == 0)
			assert_int_equal(
				signer_add(signer, (struct key_id){i}, a), CERTIFICATE_LONG);
		buffer_clear(&out);
		assert_int_equal(ask(signer, i, 1, 0x0403, VIEW(TLS13), &out), SIGNER_SIGNED);
		buffer_clear(&out);
	}
	assert_int_equal(signer_add(signer, (struct key_id){99}, a), CERTIFICATE_LONG);
	signer_free(&signer);
	assert_null(signer);
	signer = signer_new();
	assert_int_equal(signer_add(signer, (struct key_id){1}, VIEW("none")), CERTIFICATE_NONE);
	assert_int_equal(ask(signer, 1, 1, 0x0403, VIEW(TLS13), &out), SIGNER_NO_KEY);
	signer_free(&signer);
	buffer_free(&out);
}

static void test_small_buffer(void **state)
{
	/* protects: nothing is appended unless the whole signature is */
	(void)state;
	struct signer *signer = signer_with(KEY_RSA);
	struct buffer out = buffer_new(255);
	assert_int_equal(ask(signer, 1, 1, 0x0804, VIEW(TLS13), &out), SIGNER_BROKEN);
	assert_int_equal(out.length, 0);
	signer_free(&signer);
	buffer_free(&out);
}

/* Requests granted of `asked` at `now_ms`. */
static unsigned burst(
	struct signer *signer, struct signer_peer *peer, uint64_t now_ms, unsigned asked)
{
	unsigned granted = 0;
	struct buffer out = buffer_new(SIGNATURE_MAX);
	for (unsigned i = 0; i < asked; i++) {
		const enum signer_result result = signer_sign(
			signer, peer, now_ms, (struct key_id){7}, 1, 0x0403, VIEW(TLS13), &out);
		granted += result != SIGNER_RATE;
	}
	buffer_free(&out);
	return granted;
}

static void test_rate(void **state)
{
	/* protects: a peer gets its burst, then its rate, whatever it asks; another is not touched */
	(void)state;
	struct signer *signer = signer_new();
	struct signer_peer a = signer_peer_new("a", 2000, 4000, 1000);
	struct signer_peer b = signer_peer_new("b", 1, 1, 1000);
	assert_int_equal(burst(signer, &a, 1000, 5000), 4000);
	assert_int_equal(burst(signer, &b, 1000, 3), 1);
	assert_int_equal(burst(signer, &a, 1001, 10), 2);
	assert_int_equal(burst(signer, &b, 1999, 3), 0);
	assert_int_equal(burst(signer, &b, 2000, 3), 1);
	assert_int_equal(burst(signer, &a, 1500, 10000), 998);
	/* a clock that goes back gives nothing, one that jumps gives the burst and no more */
	assert_int_equal(burst(signer, &a, 0, 10), 0);
	assert_int_equal(burst(signer, &a, UINT64_MAX, 5000), 4000);
	assert_int_equal(burst(signer, &b, UINT64_MAX, 10), 1);
	signer_free(&signer);
}

static bool signs(struct signer *signer, struct view key_pem, uint64_t now_ms)
{
	struct buffer public_key = buffer_new(CERTIFICATE_PEM_MAX);
	struct buffer out = buffer_new(SIGNATURE_MAX);
	struct signer_peer peer = signer_peer_new("test", 1, 1, now_ms);
	enum key_kind kind;
	assert_int_equal(key_public(key_pem, &kind, &public_key), CERTIFICATE_OK);
	const enum signer_result result =
		signer_sign(signer, &peer, now_ms, key_id_of(buffer_view(&public_key)), 1,
			kind == KEY_EC_P256 ? SIGNATURE_ECDSA_SHA256 : SIGNATURE_RSA_PSS_SHA256,
			VIEW(TLS13), &out);
	assert_true(result == SIGNER_SIGNED || result == SIGNER_NO_KEY);
	buffer_free(&out);
	buffer_free(&public_key);
	return result == SIGNER_SIGNED;
}

static void test_renewal(void **state)
{
	/* protects: after a reload the old key serves handshakes that have begun, and then it is gone */
	(void)state;
	const struct view first = harness_pem(KEY_EC_P256, "mail.example.test").key;
	const struct view second = harness_pem(KEY_RSA, "mail.example.test").key;
	struct signer *signer = signer_new();
	assert_int_equal(signer_renew(signer, first, 1000), CERTIFICATE_OK);
	assert_int_equal(signer_renew(signer, first, 1000), CERTIFICATE_OK);
	assert_true(signs(signer, first, UINT64_MAX / 2)); /* nothing came behind it */
	assert_int_equal(signer_renew(signer, VIEW("none"), 2000), CERTIFICATE_NONE);
	assert_true(signs(signer, first, 2000 + SIGNER_OLD_MS));
	assert_int_equal(signer_renew(signer, second, 2000), CERTIFICATE_OK);
	assert_true(signs(signer, first, 2000 + SIGNER_OLD_MS - 1));
	assert_true(signs(signer, second, 2000 + SIGNER_OLD_MS));
	assert_false(signs(signer, first, 2000 + SIGNER_OLD_MS));
	/* back to the first one, and again: who is in use does not end */
	assert_int_equal(signer_renew(signer, first, 3000), CERTIFICATE_OK);
	assert_int_equal(signer_renew(signer, second, 4000), CERTIFICATE_OK);
	assert_int_equal(signer_renew(signer, first, 5000), CERTIFICATE_OK);
	assert_true(signs(signer, first, 5000 + 2 * SIGNER_OLD_MS));
	assert_false(signs(signer, second, 5000 + 2 * SIGNER_OLD_MS));
	signer_free(&signer);
}

static void test_renewals_in_a_row(void **state)
{
	/* protects: however often within the time of the old ones, the newest is taken */
	(void)state;
	struct signer *signer = signer_new();
	for (unsigned i = 0; i < SIGNER_KEYS_MAX + 2; i++) {
		struct buffer certificate = buffer_new(CERTIFICATE_PEM_MAX);
		struct buffer key = buffer_new(CERTIFICATE_PEM_MAX);
		const struct view name = VIEW("mail.example.test");
		assert_true(certificate_generate(&name, 1, 1, 0, &certificate, &key));
		assert_int_equal(signer_renew(signer, buffer_view(&key), 1000 + i), CERTIFICATE_OK);
		assert_true(signs(signer, buffer_view(&key), 1000 + i));
		buffer_free(&certificate);
		buffer_free_secret(&key);
	}
	signer_free(&signer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_purposes),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_renewals_in_a_row),
	};
	tls_warm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
