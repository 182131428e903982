#include "base/certificate.h"

#include "base/tls_provider.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct key_id key_id_of(struct view public_key)
{
	uint32_t sum = 0x811c9dc5u; /* FNV-1a */
	for (size_t i = 0; i < public_key.length; i++)
		sum = (sum ^ public_key.at[i]) * 0x01000193u;
	return (struct key_id){sum};
}

const char *key_kind_name(enum key_kind kind)
{
	switch (kind) {
	case KEY_EC_P256:
		return "EC P-256";
	case KEY_EC_P384:
		return "EC P-384";
	case KEY_RSA:
		return "RSA";
	}
	return "unknown";
}

const char *signature_algorithm_name(enum signature_algorithm algorithm)
{
	switch (algorithm) {
	case SIGNATURE_RSA_PKCS1_SHA256:
		return "rsa_pkcs1_sha256";
	case SIGNATURE_RSA_PKCS1_SHA384:
		return "rsa_pkcs1_sha384";
	case SIGNATURE_RSA_PKCS1_SHA512:
		return "rsa_pkcs1_sha512";
	case SIGNATURE_ECDSA_SHA256:
		return "ecdsa_secp256r1_sha256";
	case SIGNATURE_ECDSA_SHA384:
		return "ecdsa_secp384r1_sha384";
	case SIGNATURE_RSA_PSS_SHA256:
		return "rsa_pss_rsae_sha256";
	case SIGNATURE_RSA_PSS_SHA384:
		return "rsa_pss_rsae_sha384";
	case SIGNATURE_RSA_PSS_SHA512:
		return "rsa_pss_rsae_sha512";
	}
	return "unknown";
}

const char *certificate_problem_text(enum certificate_problem problem)
{
	switch (problem) {
	case CERTIFICATE_OK:
		return "it is good";
	case CERTIFICATE_LONG:
		return "it is larger, or holds more certificates or names, than this server takes";
	case CERTIFICATE_NONE:
		return "there is no PEM block of the kind that belongs here";
	case CERTIFICATE_SYNTAX:
		return "a PEM block does not decode";
	case CERTIFICATE_ENCRYPTED:
		return "the private key wants a passphrase; it must be stored without one";
	case CERTIFICATE_KIND:
		return "the key is neither EC P-256 or P-384 nor RSA of 2048 to 4096 bits";
	case CERTIFICATE_WRONG_KEY:
		return "the private key belongs to another certificate";
	case CERTIFICATE_REFUSED:
		return "the TLS library refuses it (a weak digest or key in the chain?)";
	case CERTIFICATE_MEMORY:
		return "there is no memory for it";
	}
	return "unknown";
}

/* --- reading -------------------------------------------------------------------------------- */

static bool to_unix_time(const ASN1_TIME *time, int64_t *time_s_out)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0;
	int seconds = 0;
	const bool done = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
	ASN1_TIME_free(epoch);
	*time_s_out = (int64_t)days * 86400 + seconds;
	return done;
}

static bool is_dns_name(struct view name)
{
	return name.length > 0 && name.length <= CERTIFICATE_NAME_MAX &&
	       view_is_printable(name, false);
}

/* Names that are not possible are passed over: they can match nobody. */
static enum certificate_problem read_names(
	const X509 *one, struct arena *a, struct certificate_facts *facts)
{
	enum certificate_problem problem = CERTIFICATE_OK;
	GENERAL_NAMES *all = X509_get_ext_d2i(one, NID_subject_alt_name, NULL, NULL);
	facts->names = arena_get_array(a, CERTIFICATE_NAMES_MAX, sizeof(struct view));
	if (!facts->names)
		problem = CERTIFICATE_MEMORY;
	for (int i = 0; i < sk_GENERAL_NAME_num(all) && problem == CERTIFICATE_OK; i++) {
		const GENERAL_NAME *general = sk_GENERAL_NAME_value(all, i);
		if (general->type != GEN_DNS)
			continue;
		const struct view name = view_of(ASN1_STRING_get0_data(general->d.dNSName),
			(size_t)ASN1_STRING_length(general->d.dNSName));
		if (!is_dns_name(name))
			continue;
		if (facts->names_count == CERTIFICATE_NAMES_MAX)
			problem = CERTIFICATE_LONG;
		else if (!arena_copy(a, name, &facts->names[facts->names_count]))
			problem = CERTIFICATE_MEMORY;
		else
			facts->names_count++;
	}
	GENERAL_NAMES_free(all);
	return problem;
}

static bool copy_public_key(EVP_PKEY *key, struct buffer *public_key_out)
{
	uint8_t *der = NULL;
	const int length = i2d_PUBKEY(key, &der);
	if (length > 0)
		buffer_add(public_key_out, view_of(der, (size_t)length));
	OPENSSL_free(der);
	return length > 0 && !buffer_failed(public_key_out);
}

static enum certificate_problem read_first(
	X509 *one, struct arena *a, struct certificate_facts *facts)
{
	struct buffer der = buffer_new(CERTIFICATE_PEM_MAX);
	EVP_PKEY *key = X509_get0_pubkey(one);
	enum certificate_problem problem = CERTIFICATE_OK;
	if (!key || !tls_key_kind(key, &facts->kind, &facts->bits))
		problem = CERTIFICATE_KIND;
	else if (!to_unix_time(X509_get0_notBefore(one), &facts->not_before_s) ||
		 !to_unix_time(X509_get0_notAfter(one), &facts->not_after_s))
		problem = CERTIFICATE_SYNTAX;
	else if (!copy_public_key(key, &der) ||
		 !arena_copy(a, buffer_view(&der), &facts->public_key))
		problem = CERTIFICATE_MEMORY;
	else
		problem = read_names(one, a, facts);
	facts->is_self_signed =
		X509_NAME_cmp(X509_get_subject_name(one), X509_get_issuer_name(one)) == 0;
	buffer_free(&der);
	return problem;
}

/* The next certificate; null at the end (*problem_out is OK) or where one does not decode. */
static X509 *read_one(BIO *bio, enum certificate_problem *problem_out)
{
	X509 *one = X509_new_ex(tls_library(), NULL);
	*problem_out = one ? CERTIFICATE_OK : CERTIFICATE_MEMORY;
	ERR_clear_error();
	if (!one || PEM_read_bio_X509(bio, &one, NULL, NULL))
		return one;
	/* a failed decoding has freed `one` and made it null */
	X509_free(one);
	const unsigned long error = ERR_peek_last_error();
	if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		*problem_out = CERTIFICATE_SYNTAX;
	ERR_clear_error();
	return NULL;
}

enum certificate_problem certificate_read(
	struct view pem, struct arena *a, struct certificate_facts *facts_out)
{
	*facts_out = (struct certificate_facts){0};
	if (pem.length > CERTIFICATE_PEM_MAX)
		return CERTIFICATE_LONG;
	BIO *bio = BIO_new_mem_buf(pem.at ? pem.at : (const uint8_t *)"", (int)pem.length);
	enum certificate_problem problem = bio ? CERTIFICATE_OK : CERTIFICATE_MEMORY;
	while (problem == CERTIFICATE_OK) {
		X509 *one = read_one(bio, &problem);
		if (!one)
			break;
		if (facts_out->chain_length == CERTIFICATE_CHAIN_MAX)
			problem = CERTIFICATE_LONG;
		else if (facts_out->chain_length++ == 0)
			problem = read_first(one, a, facts_out);
		X509_free(one);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (problem == CERTIFICATE_OK && facts_out->chain_length == 0)
		return CERTIFICATE_NONE;
	return problem;
}

bool certificate_name_matches(struct view name, struct view host)
{
	struct view label;
	struct view rest;
	if (view_equal_nocase(name, host))
		return !view_is_empty(name);
	if (!view_starts(name, VIEW("*.")) || !view_split(host, '.', &label, &rest))
		return false;
	return !view_is_empty(label) && view_find(rest, '.') != VIEW_NOT_FOUND &&
	       view_equal_nocase(view_from(name, 2), rest);
}

bool certificate_has_name(const struct certificate_facts *facts, struct view host)
{
	for (size_t i = 0; i < facts->names_count; i++)
		if (certificate_name_matches(facts->names[i], host))
			return true;
	return false;
}

/* --- private keys --------------------------------------------------------------------------- */

/* Instead of OpenSSL's own, which asks at the terminal. */
static int no_passphrase(char *to, int room, int writing, void *asked)
{
	(void)to;
	(void)room;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

enum certificate_problem private_key_read(struct view pem, struct evp_pkey_st **key_out)
{
	bool asked = false;
	enum key_kind kind;
	*key_out = NULL;
	if (pem.length > CERTIFICATE_PEM_MAX)
		return CERTIFICATE_LONG;
	BIO *bio = BIO_new_mem_buf(pem.at ? pem.at : (const uint8_t *)"", (int)pem.length);
	if (!bio)
		return CERTIFICATE_MEMORY;
	EVP_PKEY *key =
		PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, &asked, tls_library(), NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (!key) {
		if (asked)
			return CERTIFICATE_ENCRYPTED;
		return view_search(pem, VIEW("PRIVATE KEY-----")) == VIEW_NOT_FOUND
			       ? CERTIFICATE_NONE
			       : CERTIFICATE_SYNTAX;
	}
	if (!tls_key_kind(key, &kind, NULL)) {
		EVP_PKEY_free(key);
		return CERTIFICATE_KIND;
	}
	*key_out = key;
	return CERTIFICATE_OK;
}

enum certificate_problem key_public(
	struct view key_pem, enum key_kind *kind_out, struct buffer *public_key_out)
{
	EVP_PKEY *key;
	enum certificate_problem problem = private_key_read(key_pem, &key);
	if (problem == CERTIFICATE_OK &&
		!(tls_key_kind(key, kind_out, NULL) && copy_public_key(key, public_key_out)))
		problem = CERTIFICATE_MEMORY;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return problem;
}

enum certificate_problem certificate_check_key(struct view certificate_pem, struct view key_pem)
{
	struct arena arena = arena_new(CERTIFICATE_PEM_MAX * 2);
	struct buffer public_key = buffer_new(CERTIFICATE_PEM_MAX);
	struct certificate_facts facts;
	enum key_kind kind;
	enum certificate_problem problem = certificate_read(certificate_pem, &arena, &facts);
	if (problem == CERTIFICATE_OK)
		problem = key_public(key_pem, &kind, &public_key);
	if (problem == CERTIFICATE_OK && !view_equal(facts.public_key, buffer_view(&public_key)))
		problem = CERTIFICATE_WRONG_KEY;
	buffer_free(&public_key);
	arena_reset(&arena);
	return problem;
}
