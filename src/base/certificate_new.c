/* The self-signed certificate of the first start (certificate.h). */
#include "base/certificate.h"
#include "base/tls_provider.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define SERIAL_BITS 127 /* positive and at most 20 octets: RFC 5280 §4.1.2.2 */
#define SKEW_S 3600 /* clocks of others may be this far behind */
#define COMMON_NAME_MAX 64u /* ub-common-name, RFC 5280 appendix A */
#define DAYS_MAX 36500u

static bool names_are_possible(const struct view *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].length == 0 || names[i].length > CERTIFICATE_NAME_MAX ||
			!view_is_printable(names[i], false))
			return false;
	return count > 0 && count <= CERTIFICATE_NAMES_MAX;
}

static bool set_serial(X509 *one)
{
	BN_CTX *context = BN_CTX_new_ex(tls_library());
	BIGNUM *serial = BN_new();
	const bool done = context && serial &&
			  BN_rand_ex(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY, 0,
				  context) == 1 &&
			  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(one)) != NULL;
	BN_free(serial);
	BN_CTX_free(context);
	return done;
}

/* CN is for people: clients look at subjectAltName. */
static bool set_subject(X509 *one, struct view name)
{
	const struct view common = name.length > COMMON_NAME_MAX ? VIEW("sekisho") : name;
	X509_NAME *subject = X509_get_subject_name(one);
	return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, common.at,
		       (int)common.length, -1, 0) == 1 &&
	       X509_set_issuer_name(one, subject) == 1;
}

static bool push_name(GENERAL_NAMES *all, struct view name)
{
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	if (!general || !text || !ASN1_STRING_set(text, name.at, (int)name.length)) {
		GENERAL_NAME_free(general);
		ASN1_IA5STRING_free(text);
		return false;
	}
	GENERAL_NAME_set0_value(general, GEN_DNS, text);
	if (sk_GENERAL_NAME_push(all, general))
		return true;
	GENERAL_NAME_free(general);
	return false;
}

static bool add_names(X509 *one, const struct view *names, size_t count)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	bool done = all != NULL;
	for (size_t i = 0; i < count && done; i++)
		done = push_name(all, names[i]);
	done = done && X509_add1_ext_i2d(one, NID_subject_alt_name, all, 0, 0) == 1;
	GENERAL_NAMES_free(all);
	return done;
}

/* An extension whose value is a text of ours, so OpenSSL's little language is safe. */
static bool add_extension(X509 *one, int kind, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	const bool done = extension && X509_add_ext(one, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return done;
}

static bool fill(X509 *one, const struct view *names, size_t count, unsigned days, int64_t now_s)
{
	const time_t from = (time_t)(now_s - SKEW_S);
	return X509_set_version(one, X509_VERSION_3) == 1 && set_serial(one) &&
	       set_subject(one, names[0]) && ASN1_TIME_set(X509_getm_notBefore(one), from) &&
	       ASN1_TIME_adj(X509_getm_notAfter(one), (time_t)now_s, (int)days, 0) &&
	       add_names(one, names, count) &&
	       add_extension(one, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(one, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(one, NID_ext_key_usage, "serverAuth");
}

static bool sign(X509 *one, EVP_PKEY *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool done = context && X509_set_pubkey(one, key) == 1 &&
			  EVP_DigestSignInit_ex(
				  context, NULL, "SHA256", tls_library(), NULL, key, NULL) == 1 &&
			  X509_sign_ctx(one, context) > 0;
	EVP_MD_CTX_free(context);
	return done;
}

static bool take(BIO *bio, struct buffer *out)
{
	char *at = NULL;
	const long length = BIO_get_mem_data(bio, &at);
	if (length > 0)
		buffer_add(out, view_of(at, (size_t)length));
	return length > 0 && !buffer_failed(out);
}

static bool write_pem(X509 *one, EVP_PKEY *key, struct buffer *certificate, struct buffer *private)
{
	BIO *open = BIO_new(BIO_s_mem());
	BIO *secret = BIO_new(BIO_s_secmem()); /* wiped when freed */
	const bool done =
		open && secret && PEM_write_bio_X509(open, one) == 1 &&
		PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		take(open, certificate) && take(secret, private);
	BIO_free(open);
	BIO_free(secret);
	return done;
}

bool certificate_generate(const struct view *names, size_t names_count, unsigned days,
	int64_t now_s, struct buffer *certificate_pem_out, struct buffer *key_pem_out)
{
	if (!names_are_possible(names, names_count) || days == 0 || days > DAYS_MAX)
		return false;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(tls_library(), NULL, "EC", "P-256");
	X509 *one = X509_new_ex(tls_library(), NULL);
	const bool done = key && one && fill(one, names, names_count, days, now_s) &&
			  sign(one, key) && write_pem(one, key, certificate_pem_out, key_pem_out);
	X509_free(one);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return done;
}
