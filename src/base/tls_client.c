#include "base/files.h"
#include "base/tls_internal.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

/* Forward secrecy and an AEAD, where the other end is to be who it says it is; RFC 9325 §4.2. */
#define CIPHERS_STRICT "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!DSS:!PSK"
/* Where the other choice is no TLS at all. */
#define CIPHERS_LOOSE                                                                    \
	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:kRSA+AESGCM:kRSA+AES:" \
	"!aNULL:!eNULL:!DSS:!PSK:!SRP"
#define GROUPS "X25519:P-256:P-384:P-521"
/* 112 bits: no RSA key under 2048, no SHA-1 in a chain that is to prove something. */
#define LEVEL_STRICT 2
#define LEVEL_LOOSE 0
#define CHAIN_DEPTH_MAX 10
#define NAME_MAX_OCTETS 253u

struct tls_client {
	SSL_CTX *strict;
	SSL_CTX *loose;
	X509_STORE *authorities;
};

/* --- contexts ----------------------------------------------------------------------------------- */

static bool apply_settings(SSL_CTX *settings, const char *ciphers, int level, uint64_t options)
{
	SSL_CTX_set_options(settings,
		SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | options);
	SSL_CTX_set_mode(settings, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(settings, 0);
	SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(settings, level);
	SSL_CTX_set_verify_depth(settings, CHAIN_DEPTH_MAX);
	/* also where nothing depends on it, so that the facts say what a strict session would */
	X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(settings), LEVEL_STRICT);
	return SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(settings, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(settings, ciphers) == 1 &&
	       SSL_CTX_set1_groups_list(settings, GROUPS) == 1 &&
	       SSL_CTX_dane_enable(settings) == 1;
}

static SSL_CTX *settings_new(
	X509_STORE *authorities, const char *ciphers, int level, uint64_t options)
{
	SSL_CTX *settings = SSL_CTX_new_ex(tls_library(), NULL, TLS_client_method());
	must(settings && apply_settings(settings, ciphers, level, options));
	SSL_CTX_set1_cert_store(settings, authorities);
	return settings;
}

/* OpenSSL compares records by digests of its default context, which is made ready here. */
static void warm_digests(void)
{
	uint8_t octets[EVP_MAX_MD_SIZE];
	must(EVP_Digest("", 0, octets, NULL, EVP_sha256(), NULL) == 1);
	must(EVP_Digest("", 0, octets, NULL, EVP_sha512(), NULL) == 1);
}

struct tls_client *tls_client_new(void)
{
	struct tls_client *client = memory_new(1, sizeof(*client));
	client->authorities = X509_STORE_new();
	must(client->authorities);
	client->strict = settings_new(client->authorities, CIPHERS_STRICT, LEVEL_STRICT, 0);
	client->loose = settings_new(
		client->authorities, CIPHERS_LOOSE, LEVEL_LOOSE, SSL_OP_LEGACY_SERVER_CONNECT);
	warm_digests();
	ERR_clear_error();
	return client;
}

void tls_client_free(struct tls_client **client_)
{
	struct tls_client *client = *client_;
	*client_ = NULL;
	if (!client)
		return;
	SSL_CTX_free(client->strict);
	SSL_CTX_free(client->loose);
	X509_STORE_free(client->authorities);
	memory_free(client);
}

size_t tls_client_trust(struct tls_client *client, struct view authorities_pem)
{
	STACK_OF(X509) *chain = tls_chain_read(authorities_pem);
	size_t count = 0;
	for (int i = 0; i < sk_X509_num(chain); i++)
		count += X509_STORE_add_cert(client->authorities, sk_X509_value(chain, i)) == 1;
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return count;
}

size_t tls_client_trust_file(struct tls_client *client, const char *path)
{
	struct buffer pem = buffer_new(TLS_AUTHORITIES_MAX);
	size_t count = 0;
	if (file_read(AT_FDCWD, path, &pem) == ERROR_NONE)
		count = tls_client_trust(client, buffer_view(&pem));
	buffer_free(&pem);
	return count;
}

/* --- sessions ----------------------------------------------------------------------------------- */

/* A leading dot would stand for all names under it. */
static bool name_text(struct view name, char *text)
{
	return name.length > 0 && view_at(name, 0) != '.' &&
	       view_to_text(name, text, NAME_MAX_OCTETS + 1);
}

/* The names that the certificate may have; how many. */
static size_t set_names(SSL *ssl, const struct tls_spec *spec)
{
	char text[NAME_MAX_OCTETS + 1];
	size_t count = 0;
	for (size_t i = 0; i < spec->names_count; i++)
		if (name_text(spec->names[i], text) && SSL_add1_host(ssl, text) == 1)
			count++;
	return count;
}

/* The records that can be used; how many. */
static size_t set_records(SSL *ssl, const struct tls_spec *spec)
{
	size_t count = 0;
	for (size_t i = 0; i < spec->records_count; i++) {
		const struct tls_record *r = &spec->records[i];
		/* RFC 7672 §3.1.3: PKIX-TA and PKIX-EE are not for SMTP */
		if ((r->usage == TLS_RECORD_DANE_EE || r->usage == TLS_RECORD_DANE_TA) &&
			SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching, r->data.at,
				r->data.length) > 0)
			count++;
	}
	return count;
}

/* True when the handshake will hold the other end to a record. */
static bool set_dane(SSL *ssl, const struct tls_spec *spec)
{
	/* it wants a name; the others are added behind it */
	char text[NAME_MAX_OCTETS + 1];
	if (!name_text(spec->names[0], text) || SSL_dane_enable(ssl, text) != 1)
		return false;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	return set_records(ssl, spec) > 0;
}

/* SNI, names, records, and what becomes of a certificate that does not fit. */
static bool apply_spec(SSL *ssl, const struct tls_spec *spec)
{
	char text[NAME_MAX_OCTETS + 1];
	bool holds = spec->verify == TLS_VERIFY_PKIX;
	if (name_text(spec->server_name, text) && SSL_set_tlsext_host_name(ssl, text) != 1)
		return false;
	if (spec->verify == TLS_VERIFY_DANE && spec->names_count > 0)
		holds = set_dane(ssl, spec);
	if (set_names(ssl, spec) == 0 && spec->verify != TLS_VERIFY_NONE)
		return false;
	/* RFC 9525 §6.3: only names that say they are DNS names; a record may vouch for older ones */
	SSL_set_hostflags(ssl,
		X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			(spec->verify == TLS_VERIFY_DANE ? 0
							 : X509_CHECK_FLAG_NEVER_CHECK_SUBJECT));
	SSL_set_verify(ssl, holds ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return true;
}

struct tls_session *tls_client_session(struct tls_client *client, const struct tls_spec *spec)
{
	const bool is_loose = spec->verify == TLS_VERIFY_NONE;
	SSL *ssl = SSL_new(is_loose ? client->loose : client->strict);
	if (ssl && !apply_spec(ssl, spec)) {
		SSL_free(ssl);
		ssl = NULL;
	}
	struct tls_session *s = tls_session_make(ssl);
	ERR_clear_error();
	if (!s)
		return NULL;
	/* what a server shows may be longer than a client's hello; libssl has bounds for it */
	s->guard.is_off = true;
	SSL_set_connect_state(s->ssl);
	return s;
}
