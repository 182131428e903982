#include "keepers/keys/signer.h"

#include "base/log.h"
#include "base/tls_provider.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define SECURE_HEAP_OCTETS \
	524288u /* SIGNER_KEYS_MAX RSA keys of 4096 bits and what signing takes */
#define SECURE_HEAP_LEAST 64u
#define RANDOM_OCTETS 32u
#define CURVE_NAMED 3u

struct signer_key {
	struct key_id id;
	enum key_kind kind;
	EVP_PKEY *key;
	uint64_t ends_ms; /* monotonic; 0: in use */
};

struct signer {
	size_t count;
	struct signer_key keys[SIGNER_KEYS_MAX];
};

const char *signer_result_name(enum signer_result result)
{
	switch (result) {
	case SIGNER_SIGNED:
		return "signed";
	case SIGNER_NO_KEY:
		return "no-key";
	case SIGNER_NOT_PURPOSE:
		return "not-purpose";
	case SIGNER_NOT_ALGORITHM:
		return "not-algorithm";
	case SIGNER_RATE:
		return "rate";
	case SIGNER_BROKEN:
		return "broken";
	}
	return "unknown";
}

/* --- keys --------------------------------------------------------------------------------- */

struct signer *signer_new(void)
{
	/* 1: locked; 2: there, but it may be swapped out */
	if (!CRYPTO_secure_malloc_initialized() &&
		CRYPTO_secure_malloc_init(SECURE_HEAP_OCTETS, SECURE_HEAP_LEAST) != 1)
		log_warning("private keys are not locked in memory",
			fact_text("remedy", "raise the limit on locked memory (LimitMEMLOCK)"));
	return memory_new(1, sizeof(struct signer));
}

static struct signer_key *find_key(struct signer *signer, struct key_id id)
{
	for (size_t i = 0; i < signer->count; i++)
		if (signer->keys[i].id.number == id.number)
			return &signer->keys[i];
	return NULL;
}

enum certificate_problem signer_add(struct signer *signer, struct key_id id, struct view key_pem)
{
	if (signer->count == SIGNER_KEYS_MAX || find_key(signer, id))
		return CERTIFICATE_LONG;
	struct signer_key *slot = &signer->keys[signer->count];
	const enum certificate_problem problem = private_key_read(key_pem, &slot->key);
	if (problem != CERTIFICATE_OK)
		return problem;
	must(tls_key_kind(slot->key, &slot->kind, NULL));
	slot->id = id;
	slot->ends_ms = 0;
	signer->count++;
	return CERTIFICATE_OK;
}

/* Renewed again and again within SIGNER_OLD_MS: the newest are in use. */
static void drop_oldest(struct signer *signer)
{
	size_t at = 0;
	while (at < signer->count && signer->keys[at].ends_ms == 0)
		at++;
	if (at == signer->count)
		return;
	EVP_PKEY_free(signer->keys[at].key);
	for (signer->count--; at < signer->count; at++)
		signer->keys[at] = signer->keys[at + 1];
}

enum certificate_problem signer_renew(struct signer *signer, struct view key_pem, uint64_t now_ms)
{
	struct buffer public_key = buffer_new(CERTIFICATE_PEM_MAX);
	enum key_kind kind;
	enum certificate_problem problem = key_public(key_pem, &kind, &public_key);
	const struct key_id id = key_id_of(buffer_view(&public_key));
	buffer_free(&public_key);
	if (problem != CERTIFICATE_OK)
		return problem;
	signer_expire(signer, now_ms);
	if (signer->count == SIGNER_KEYS_MAX && !find_key(signer, id))
		drop_oldest(signer);
	if (!find_key(signer, id))
		problem = signer_add(signer, id, key_pem);
	for (size_t i = 0; problem == CERTIFICATE_OK && i < signer->count; i++) {
		struct signer_key *key = &signer->keys[i];
		if (key->id.number == id.number)
			key->ends_ms = 0;
		else if (key->ends_ms == 0)
			key->ends_ms = now_ms + SIGNER_OLD_MS;
	}
	return problem;
}

void signer_expire(struct signer *signer, uint64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < signer->count; i++) {
		if (signer->keys[i].ends_ms && now_ms >= signer->keys[i].ends_ms)
			EVP_PKEY_free(signer->keys[i].key);
		else
			signer->keys[kept++] = signer->keys[i];
	}
	signer->count = kept;
}

void signer_free(struct signer **signer_)
{
	struct signer *signer = *signer_;
	*signer_ = NULL;
	if (!signer)
		return;
	for (size_t i = 0; i < signer->count; i++)
		EVP_PKEY_free(signer->keys[i].key);
	memory_free(signer);
}

/* --- what may be signed ------------------------------------------------------------------- */

enum form { FORM_NONE, FORM_TLS12, FORM_TLS13 };

static bool is_certificate_verify(struct view tbs)
{
	static const struct view head =
		VIEW("                                                                "
		     "TLS 1.3, server CertificateVerify\0");
	const size_t hash = tbs.length > head.length ? tbs.length - head.length : 0;
	return view_starts(tbs, head) && (hash == 32 || hash == 48);
}

/* A point of its group's length; secp256r1 comes uncompressed (RFC 8422 §5.4.1). */
static bool is_point(unsigned group, struct view point)
{
	static const struct {
		unsigned group;
		size_t length;
		int first; /* -1: any */
	} groups[] = {{23, 65, 4}, {29, 32, -1}};
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].group == group)
			return point.length == groups[i].length &&
			       (groups[i].first < 0 || view_at(point, 0) == groups[i].first);
	return false;
}

static bool is_key_exchange(struct view tbs)
{
	struct cursor c = cursor_of(tbs);
	cursor_take(&c, 2 * RANDOM_OCTETS);
	const unsigned curve_type = cursor_u8(&c);
	const unsigned high = cursor_u8(&c);
	const unsigned group = high << 8 | cursor_u8(&c);
	const struct view point = cursor_take(&c, cursor_u8(&c));
	return cursor_done(&c) && curve_type == CURVE_NAMED && is_point(group, point);
}

static enum form form_of(uint32_t purpose, struct view tbs)
{
	if (purpose != SIGNER_TLS_SERVER)
		return FORM_NONE;
	if (is_certificate_verify(tbs))
		return FORM_TLS13;
	return is_key_exchange(tbs) ? FORM_TLS12 : FORM_NONE;
}

struct algorithm {
	enum signature_algorithm algorithm;
	const char *digest;
	bool is_rsa;
	bool is_pss;
	bool is_tls13; /* may stand in a TLS 1.3 handshake … */
	enum key_kind tls13_kind; /* … with this kind of key */
};

static const struct algorithm algorithms[] = {
	{SIGNATURE_ECDSA_SHA256, "SHA256", false, false, true, KEY_EC_P256},
	{SIGNATURE_ECDSA_SHA384, "SHA384", false, false, true, KEY_EC_P384},
	{SIGNATURE_RSA_PSS_SHA256, "SHA256", true, true, true, KEY_RSA},
	{SIGNATURE_RSA_PSS_SHA384, "SHA384", true, true, true, KEY_RSA},
	{SIGNATURE_RSA_PSS_SHA512, "SHA512", true, true, true, KEY_RSA},
	{SIGNATURE_RSA_PKCS1_SHA256, "SHA256", true, false, false, KEY_RSA},
	{SIGNATURE_RSA_PKCS1_SHA384, "SHA384", true, false, false, KEY_RSA},
	{SIGNATURE_RSA_PKCS1_SHA512, "SHA512", true, false, false, KEY_RSA},
};

/* Null when there is none such, or it is not for this key and form. */
static const struct algorithm *find_algorithm(uint32_t number, enum key_kind kind, enum form form)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		const struct algorithm *a = &algorithms[i];
		if ((uint32_t)a->algorithm != number || a->is_rsa != (kind == KEY_RSA))
			continue;
		return form == FORM_TLS12 || (a->is_tls13 && a->tls13_kind == kind) ? a : NULL;
	}
	return NULL;
}

/* --- rate --------------------------------------------------------------------------------- */

struct signer_peer signer_peer_new(const char *name, uint64_t rate, uint64_t burst, uint64_t now_ms)
{
	must(rate >= 1 && rate <= SIGNER_RATE_MAX && burst >= 1 && burst <= SIGNER_RATE_MAX);
	return (struct signer_peer){.name = name,
		.rate = rate,
		.burst = burst,
		.thousandths = burst * 1000,
		.at_ms = now_ms};
}

/* `rate` tokens a second are `rate` thousandths a millisecond. */
bool signer_may(struct signer_peer *peer, uint64_t now_ms)
{
	const uint64_t full = peer->burst * 1000;
	const uint64_t passed = now_ms > peer->at_ms ? now_ms - peer->at_ms : 0;
	const uint64_t missing = full - peer->thousandths;
	peer->thousandths += passed > missing / peer->rate ? missing : passed * peer->rate;
	peer->at_ms = now_ms > peer->at_ms ? now_ms : peer->at_ms;
	if (peer->thousandths < 1000)
		return false;
	peer->thousandths -= 1000;
	return true;
}

/* --- signing ------------------------------------------------------------------------------ */

static bool set_padding(EVP_PKEY_CTX *context, const struct algorithm *a)
{
	if (!a->is_pss)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool sign(
	EVP_PKEY *key, const struct algorithm *a, struct view tbs, struct buffer *signature_out)
{
	uint8_t octets[SIGNATURE_MAX];
	size_t length = sizeof(octets);
	EVP_PKEY_CTX *settings = NULL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool done = context &&
			  EVP_DigestSignInit_ex(context, &settings, a->digest, tls_library(), NULL,
				  key, NULL) == 1 &&
			  set_padding(settings, a) &&
			  EVP_DigestSign(context, octets, &length, tbs.at, tbs.length) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	if (!done)
		return false;
	buffer_add(signature_out, view_of(octets, length));
	return !buffer_failed(signature_out);
}

static enum signer_result decide(struct signer *signer, struct key_id id, uint32_t purpose,
	uint32_t algorithm, struct view tbs, struct buffer *signature_out)
{
	const struct signer_key *key = find_key(signer, id);
	if (!key)
		return SIGNER_NO_KEY;
	const enum form form = form_of(purpose, tbs);
	if (form == FORM_NONE)
		return SIGNER_NOT_PURPOSE;
	const struct algorithm *a = find_algorithm(algorithm, key->kind, form);
	if (!a)
		return SIGNER_NOT_ALGORITHM;
	return sign(key->key, a, tbs, signature_out) ? SIGNER_SIGNED : SIGNER_BROKEN;
}

static void log_refusal(const struct signer_peer *peer, enum signer_result result, struct key_id id,
	uint32_t purpose, uint32_t algorithm, struct view tbs)
{
	log_warning("signature refused", fact_text("peer", peer->name),
		fact_text("rule", signer_result_name(result)), fact_number("key", id.number),
		fact_number("purpose", purpose), fact_number("algorithm", algorithm),
		fact_number("octets", tbs.length));
}

enum signer_result signer_sign(struct signer *signer, struct signer_peer *peer, uint64_t now_ms,
	struct key_id id, uint32_t purpose, uint32_t algorithm, struct view tbs,
	struct buffer *signature_out)
{
	signer_expire(signer, now_ms);
	const bool may = signer_may(peer, now_ms);
	const enum signer_result result =
		may ? decide(signer, id, purpose, algorithm, tbs, signature_out) : SIGNER_RATE;
	/* one line for a run of refusals by rate, or the log would be the flood */
	if (result != SIGNER_SIGNED && !(result == SIGNER_RATE && peer->is_refused))
		log_refusal(peer, result, id, purpose, algorithm, tbs);
	peer->is_refused = result == SIGNER_RATE;
	return result;
}

void signer_warm(struct signer *signer)
{
	uint8_t random[RANDOM_OCTETS];
	must(OPENSSL_init_crypto(
		     OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1);
	must(RAND_bytes_ex(tls_library(), random, sizeof(random), 0) == 1 &&
		RAND_priv_bytes_ex(tls_library(), random, sizeof(random), 0) == 1);
	for (size_t i = 0; i < signer->count; i++) {
		struct buffer signature = buffer_new(SIGNATURE_MAX);
		for (size_t k = 0; k < sizeof(algorithms) / sizeof(algorithms[0]); k++)
			if (algorithms[k].is_rsa == (signer->keys[i].kind == KEY_RSA)) {
				buffer_clear(&signature);
				must(sign(signer->keys[i].key, &algorithms[k], VIEW("warm"),
					&signature));
			}
		buffer_free(&signature);
	}
}
