#include "base/tls_provider.h"

#include <openssl/async.h>
#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#define PROVIDER_NAME "sekisho"
#define PARAM_KEY_ID "sekisho-key-id"
#define POINT_MAX 97u /* an uncompressed P-384 point */
#define RSA_OCTETS_MAX (KEY_RSA_BITS_MAX / 8)
#define DER_ECDSA_OVERHEAD 9u /* SEQUENCE, two INTEGERs with a sign octet each */

static _Thread_local struct provider_request *current;

void provider_enter(struct provider_request *request)
{
	current = request;
}

/* --- keys --------------------------------------------------------------------------------- */

/* The public half and the number by which `keys` knows the other. */
struct provider_key {
	enum key_kind kind;
	struct key_id id;
	unsigned bits;
	size_t public_length;
	uint8_t public_key[RSA_OCTETS_MAX]; /* the EC point, or the RSA modulus, big endian */
	uint64_t exponent; /* RSA */
};

static bool key_is_rsa(const struct provider_key *key)
{
	return key->kind == KEY_RSA;
}

static void *key_new(void *provider)
{
	(void)provider;
	return memory_new(1, sizeof(struct provider_key));
}

static void key_free(void *key)
{
	memory_free(key);
}

/* libssl takes it for a private key: what is missing is elsewhere. */
static int key_has(const void *key, int selection)
{
	(void)selection;
	return key && ((const struct provider_key *)key)->public_length > 0;
}

static int key_match(const void *a_, const void *b_, int selection)
{
	const struct provider_key *a = a_;
	const struct provider_key *b = b_;
	(void)selection;
	return a->kind == b->kind && a->exponent == b->exponent &&
	       view_equal(view_of(a->public_key, a->public_length),
		       view_of(b->public_key, b->public_length));
}

static bool import_id(struct provider_key *key, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_KEY_ID);
	return !p || OSSL_PARAM_get_uint32(p, &key->id.number);
}

static bool group_kind(const char *group, enum key_kind *kind_out, unsigned *bits_out)
{
	const struct view name = view_text(group);
	if (view_equal_nocase(name, VIEW("prime256v1")) || view_equal_nocase(name, VIEW("P-256"))) {
		*kind_out = KEY_EC_P256;
		*bits_out = 256;
		return true;
	}
	if (view_equal_nocase(name, VIEW("secp384r1")) || view_equal_nocase(name, VIEW("P-384"))) {
		*kind_out = KEY_EC_P384;
		*bits_out = 384;
		return true;
	}
	return false;
}

static int key_import_ec(void *key_, int selection, const OSSL_PARAM params[])
{
	struct provider_key *key = key_;
	(void)selection;
	const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
	const OSSL_PARAM *point = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	const char *name;
	const void *octets;
	if (!group || !point || !OSSL_PARAM_get_utf8_string_ptr(group, &name) ||
		!group_kind(name, &key->kind, &key->bits) ||
		!OSSL_PARAM_get_octet_string_ptr(point, &octets, &key->public_length) ||
		key->public_length > POINT_MAX)
		return 0;
	return view_copy(view_of(octets, key->public_length), key->public_key, POINT_MAX) &&
	       import_id(key, params);
}

static bool import_modulus(struct provider_key *key, const OSSL_PARAM *modulus)
{
	BIGNUM *n = NULL;
	bool done = false;
	if (OSSL_PARAM_get_BN(modulus, &n) && BN_num_bits(n) >= (int)KEY_RSA_BITS_MIN &&
		BN_num_bits(n) <= (int)KEY_RSA_BITS_MAX) {
		key->bits = (unsigned)BN_num_bits(n);
		key->public_length = (size_t)BN_num_bytes(n);
		done = BN_bn2bin(n, key->public_key) > 0;
	}
	BN_free(n);
	return done;
}

static int key_import_rsa(void *key_, int selection, const OSSL_PARAM params[])
{
	struct provider_key *key = key_;
	(void)selection;
	key->kind = KEY_RSA;
	const OSSL_PARAM *n = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
	const OSSL_PARAM *e = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
	return n && e && OSSL_PARAM_get_uint64(e, &key->exponent) && import_modulus(key, n) &&
	       import_id(key, params);
}

static const OSSL_PARAM *key_import_types_ec(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_uint32(PARAM_KEY_ID, NULL), OSSL_PARAM_END};
	(void)selection;
	return types;
}

static const OSSL_PARAM *key_import_types_rsa(int selection)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_uint32(PARAM_KEY_ID, NULL), OSSL_PARAM_END};
	(void)selection;
	return types;
}

static size_t signature_room(const struct provider_key *key)
{
	const size_t octets = (key->bits + 7) / 8;
	return key_is_rsa(key) ? octets : 2 * octets + DER_ECDSA_OVERHEAD;
}

static unsigned security_bits(const struct provider_key *key)
{
	if (!key_is_rsa(key))
		return key->bits / 2;
	return key->bits >= 3072 ? 128 : 112;
}

static int key_get_params(void *key_, OSSL_PARAM params[])
{
	const struct provider_key *key = key_;
	OSSL_PARAM *p;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) &&
		!OSSL_PARAM_set_uint(p, key->bits))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) &&
		!OSSL_PARAM_set_uint(p, security_bits(key)))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) &&
		!OSSL_PARAM_set_size_t(p, signature_room(key)))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST)) &&
		!OSSL_PARAM_set_utf8_string(p, key->kind == KEY_EC_P384 ? "SHA384" : "SHA256"))
		return 0;
	if (!key_is_rsa(key) && (p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME)) &&
		!OSSL_PARAM_set_utf8_string(
			p, key->kind == KEY_EC_P384 ? "secp384r1" : "prime256v1"))
		return 0;
	return 1;
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_uint(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_uint(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_size_t(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END};
	(void)provider;
	return types;
}

static const char *operation_name_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const char *operation_name_rsa(int operation)
{
	(void)operation;
	return "RSA";
}

#define FUNCTION(id, function)                 \
	{                                      \
		id, (void (*)(void))(function) \
	}
#define KEY_FUNCTIONS(kind)                                                                   \
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new), FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free), \
		FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),                                     \
		FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                 \
		FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                       \
		FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),             \
		FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import_##kind),                        \
		FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types_##kind),            \
		FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_name_##kind),      \
	{                                                                                     \
		0, NULL                                                                       \
	}

/* No export: else OpenSSL would hand the public half to its own signer, and that would fail. */
static const OSSL_DISPATCH key_functions_ec[] = {KEY_FUNCTIONS(ec)};
static const OSSL_DISPATCH key_functions_rsa[] = {KEY_FUNCTIONS(rsa)};
static const OSSL_ALGORITHM key_algorithms[] = {
	{"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=" PROVIDER_NAME, key_functions_ec, NULL},
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=" PROVIDER_NAME, key_functions_rsa,
		NULL},
	{NULL, NULL, NULL, NULL}};

/* --- signatures --------------------------------------------------------------------------- */

struct provider_signature {
	const struct provider_key *key;
	unsigned digest_bits;
	bool is_pss;
};

static void *signature_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return memory_new(1, sizeof(struct provider_signature));
}

static void signature_free(void *signature)
{
	memory_free(signature);
}

static unsigned digest_bits(const char *digest)
{
	static const struct {
		struct view name;
		unsigned bits;
	} digests[] = {{VIEW("SHA256"), 256}, {VIEW("SHA2-256"), 256}, {VIEW("SHA384"), 384},
		{VIEW("SHA2-384"), 384}, {VIEW("SHA512"), 512}, {VIEW("SHA2-512"), 512}};
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		if (view_equal_nocase(view_text(digest), digests[i].name))
			return digests[i].bits;
	return 0;
}

/* PSS is used with a salt as long as the digest (RFC 8446 §4.2.3) and nothing else. */
static int signature_set_params(void *signature_, const OSSL_PARAM params[])
{
	struct provider_signature *signature = signature_;
	const OSSL_PARAM *p =
		params ? OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PAD_MODE) : NULL;
	const char *text;
	int number = 0;
	if (p && p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &text))
			return 0;
		number = view_equal(view_text(text), VIEW("pss")) ? RSA_PKCS1_PSS_PADDING
								  : RSA_PKCS1_PADDING;
	} else if (p && !OSSL_PARAM_get_int(p, &number)) {
		return 0;
	}
	if (p)
		signature->is_pss = number == RSA_PKCS1_PSS_PADDING;
	return 1;
}

static const OSSL_PARAM *signature_settable_params(void *signature, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END};
	(void)signature;
	(void)provider;
	return types;
}

static int signature_init(
	void *signature_, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct provider_signature *signature = signature_;
	signature->key = key;
	signature->digest_bits = digest_bits(digest);
	return signature->digest_bits > 0 && signature_set_params(signature, params);
}

static bool signature_algorithm(
	const struct provider_signature *s, enum signature_algorithm *algorithm_out)
{
	static const struct {
		bool is_rsa;
		bool is_pss;
		unsigned digest_bits;
		enum signature_algorithm algorithm;
	} rows[] = {
		{false, false, 256, SIGNATURE_ECDSA_SHA256},
		{false, false, 384, SIGNATURE_ECDSA_SHA384},
		{true, false, 256, SIGNATURE_RSA_PKCS1_SHA256},
		{true, false, 384, SIGNATURE_RSA_PKCS1_SHA384},
		{true, false, 512, SIGNATURE_RSA_PKCS1_SHA512},
		{true, true, 256, SIGNATURE_RSA_PSS_SHA256},
		{true, true, 384, SIGNATURE_RSA_PSS_SHA384},
		{true, true, 512, SIGNATURE_RSA_PSS_SHA512},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].is_rsa == key_is_rsa(s->key) && rows[i].is_pss == s->is_pss &&
			rows[i].digest_bits == s->digest_bits) {
			*algorithm_out = rows[i].algorithm;
			return true;
		}
	return false;
}

/* Runs on the job's stack: asks, pauses until the answer is there, goes on. */
static bool ask_and_wait(
	const struct provider_signature *s, struct provider_request *request, struct view tbs)
{
	if (!request || !ASYNC_get_current_job() || !signature_algorithm(s, &request->algorithm))
		return false;
	request->key = s->key->id;
	request->tbs = tbs;
	request->state = PROVIDER_ASKED;
	/* ASYNC_pause_job may also return at once (a blocked job): then there is no answer yet */
	const bool paused = ASYNC_pause_job() != 0;
	request->tbs = VIEW_NONE;
	return paused && request->state == PROVIDER_SIGNED;
}

static int signature_sign(void *signature_, unsigned char *to, size_t *length, size_t room,
	const unsigned char *tbs, size_t tbs_length)
{
	const struct provider_signature *signature = signature_;
	struct provider_request *request = current;
	if (!to) {
		*length = signature_room(signature->key);
		return 1;
	}
	bool done = ask_and_wait(signature, request, view_of(tbs, tbs_length));
	if (done) {
		*length = request->signature.length;
		done = *length > 0 && *length <= signature_room(signature->key) &&
		       view_copy(request->signature, to, room);
	}
	if (request)
		request->state = done ? PROVIDER_IDLE : PROVIDER_REFUSED;
	return done;
}

static const OSSL_DISPATCH signature_functions[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
	FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_init),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_sign),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signature_set_params),
	FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signature_settable_params), {0, NULL}};
static const OSSL_ALGORITHM signature_algorithms[] = {
	{"ECDSA", "provider=" PROVIDER_NAME, signature_functions, NULL},
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=" PROVIDER_NAME, signature_functions,
		NULL},
	{NULL, NULL, NULL, NULL}};

/* --- the provider and its context --------------------------------------------------------- */

static const OSSL_ALGORITHM *provider_query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return key_algorithms;
	return operation == OSSL_OP_SIGNATURE ? signature_algorithms : NULL;
}

static int provider_start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
	const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query), {0, NULL}};
	static int nothing;
	(void)handle;
	(void)in;
	*out = functions;
	*provider = &nothing;
	return 1;
}

struct ossl_lib_ctx_st *tls_library(void)
{
	static OSSL_LIB_CTX *library;
	if (library)
		return library;
	OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();
	must(made != NULL);
	must(OSSL_PROVIDER_add_builtin(made, PROVIDER_NAME, provider_start) == 1);
	must(OSSL_PROVIDER_load(made, "default") != NULL);
	must(OSSL_PROVIDER_load(made, PROVIDER_NAME) != NULL);
	/* both providers know RSA and EC; ours is used only where its keys are */
	must(EVP_set_default_properties(made, "?provider=default") == 1);
	library = made;
	return library;
}

bool tls_key_kind(const struct evp_pkey_st *key, enum key_kind *kind_out, unsigned *bits_out)
{
	char group[32];
	unsigned bits = (unsigned)EVP_PKEY_get_bits(key);
	if (EVP_PKEY_is_a(key, "RSA")) {
		if (bits < KEY_RSA_BITS_MIN || bits > KEY_RSA_BITS_MAX)
			return false;
		*kind_out = KEY_RSA;
	} else if (!EVP_PKEY_is_a(key, "EC") ||
		   !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) ||
		   !group_kind(group, kind_out, &bits)) {
		return false;
	}
	if (bits_out)
		*bits_out = bits;
	return true;
}

struct evp_pkey_st *provider_key_new(const struct evp_pkey_st *public_key, struct key_id id)
{
	enum key_kind kind;
	if (!tls_key_kind(public_key, &kind, NULL))
		return NULL;
	uint32_t number = id.number;
	const OSSL_PARAM numbered[] = {
		OSSL_PARAM_construct_uint32(PARAM_KEY_ID, &number), OSSL_PARAM_construct_end()};
	OSSL_PARAM *exported = NULL;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(
		tls_library(), kind == KEY_RSA ? "RSA" : "EC", "provider=" PROVIDER_NAME);
	if (context && EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &exported) == 1 &&
		(params = OSSL_PARAM_merge(exported, numbered)) != NULL &&
		EVP_PKEY_fromdata_init(context) == 1 &&
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OPENSSL_free(params);
	OSSL_PARAM_free(exported);
	return key;
}
