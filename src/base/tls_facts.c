/* What is known of a session: for logs, the Received field, and SASL. */
#include "base/tls_internal.h"

#include <openssl/err.h>

#define EXPORTER_OCTETS 32u /* RFC 9266 §2 */

const char *tls_binding_name(enum tls_binding kind)
{
	switch (kind) {
	case TLS_BINDING_EXPORTER:
		return "tls-exporter";
	case TLS_BINDING_UNIQUE:
		return "tls-unique";
	case TLS_BINDING_END_POINT:
		return "tls-server-end-point";
	}
	return "unknown";
}

const char *tls_verify_name(enum tls_verify verify)
{
	switch (verify) {
	case TLS_VERIFY_NONE:
		return "none";
	case TLS_VERIFY_PKIX:
		return "pkix";
	case TLS_VERIFY_DANE:
		return "dane";
	}
	return "unknown";
}

static bool by_record(SSL *ssl)
{
	return SSL_get0_dane_authority(ssl, NULL, NULL) >= 0;
}

const char *tls_unverified(const struct tls_session *s)
{
	if (SSL_is_server(s->ssl))
		return "a client shows no certificate";
	const long result = SSL_get_verify_result(s->ssl);
	if (result != X509_V_OK)
		return X509_verify_cert_error_string(result);
	if (by_record(s->ssl) || X509_VERIFY_PARAM_get0_host(SSL_get0_param(s->ssl), 0))
		return NULL;
	return "there is no name that the certificate must have";
}

static const char *group_name(int nid)
{
	if (nid == NID_X25519)
		return "x25519";
	return nid == NID_X9_62_prime256v1 ? "P-256" : "";
}

struct tls_facts tls_session_facts(const struct tls_session *s)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(s->ssl);
	const char *why = tls_unverified(s);
	return (struct tls_facts){
		.version = SSL_get_version(s->ssl),
		.cipher = cipher ? SSL_CIPHER_standard_name(cipher) : "",
		.bits = cipher ? (unsigned)SSL_CIPHER_get_bits(cipher, NULL) : 0,
		.group = group_name((int)SSL_get_negotiated_group(s->ssl)),
		.server_name = view_text(SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name)),
		.verified = why			? TLS_VERIFY_NONE
			    : by_record(s->ssl) ? TLS_VERIFY_DANE
						: TLS_VERIFY_PKIX,
		.unverified_why = why ? why : "",
	};
}

/* RFC 9266 §2. Without extended_master_secret a TLS 1.2 exporter does not name one connection. */
static bool bind_exporter(const struct tls_session *s, struct buffer *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	uint8_t octets[EXPORTER_OCTETS];
	if (SSL_version(s->ssl) != TLS1_3_VERSION && SSL_get_extms_support(s->ssl) != 1)
		return false;
	if (SSL_export_keying_material(s->ssl, octets, sizeof(octets), label, sizeof(label) - 1,
		    (const uint8_t *)"", 0, 1) != 1)
		return false;
	buffer_add(out, view_of(octets, sizeof(octets)));
	return true;
}

/* RFC 5929 §3.1: the first Finished. As nothing is ever resumed, that is the client's. */
static bool bind_unique(const struct tls_session *s, struct buffer *out)
{
	uint8_t octets[TLS_BINDING_MAX];
	const size_t length = SSL_get_peer_finished(s->ssl, octets, sizeof(octets));
	if (SSL_version(s->ssl) != TLS1_2_VERSION || length == 0 || length > sizeof(octets))
		return false;
	buffer_add(out, view_of(octets, length));
	return true;
}

/* RFC 5929 §4.1: the certificate's own digest, SHA-256 in place of MD5 and SHA-1. */
static bool bind_end_point(const struct tls_session *s, struct buffer *out)
{
	uint8_t octets[TLS_BINDING_MAX];
	unsigned length = 0;
	int digest = NID_undef;
	const X509 *one = SSL_get_certificate(s->ssl);
	if (!one || X509_get_signature_info((X509 *)one, &digest, NULL, NULL, NULL) != 1)
		return false;
	if (digest == NID_md5 || digest == NID_sha1)
		digest = NID_sha256;
	const EVP_MD *md = EVP_get_digestbynid(digest);
	if (!md || X509_digest(one, md, octets, &length) != 1)
		return false;
	buffer_add(out, view_of(octets, length));
	return true;
}

bool tls_session_binding(
	const struct tls_session *s, enum tls_binding kind, struct buffer *binding_out)
{
	bool has = false;
	if (!tls_session_is_done(s))
		return false;
	switch (kind) {
	case TLS_BINDING_EXPORTER:
		has = bind_exporter(s, binding_out);
		break;
	case TLS_BINDING_UNIQUE:
		has = bind_unique(s, binding_out);
		break;
	case TLS_BINDING_END_POINT:
		has = bind_end_point(s, binding_out);
		break;
	}
	ERR_clear_error();
	return has && !buffer_failed(binding_out);
}
