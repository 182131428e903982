#include "base/tls_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define CIPHERS_TLS12                                                \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_TLS13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"
/* just those that keepers/keys/signer.h signs with */
#define SIGNATURES                                                                               \
	"ECDSA+SHA256:ECDSA+SHA384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:" \
	"RSA+SHA256:RSA+SHA384:RSA+SHA512"
/* 112 bits: no RSA key under 2048, no SHA-1 in a chain. Said here, as no openssl.cnf is read. */
#define SECURITY_LEVEL 2
#define NAMES_OCTETS_MAX 65536u

static const struct view *find_name(const struct tls_entry *entry, struct view host)
{
	for (size_t i = 0; i < entry->names_count; i++)
		if (certificate_name_matches(entry->names[i], host))
			return &entry->names[i];
	return NULL;
}

/* An exact name wins over a wildcard, else the first that fits. */
static const struct tls_entry *find_entry(const struct tls_context *context, struct view host)
{
	const struct tls_entry *best = NULL;
	for (size_t i = 0; i < context->count; i++) {
		const struct view *name = find_name(&context->entries[i], host);
		if (name && view_at(*name, 0) != '*')
			return &context->entries[i];
		if (name && !best)
			best = &context->entries[i];
	}
	return best;
}

/* A name that we do not have is no reason to refuse: MTAs send what an MX record says. */
static int choose_by_name(SSL *ssl, int *alert, void *context)
{
	(void)alert;
	const struct view host = view_text(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	const struct tls_entry *entry = view_is_empty(host) ? NULL : find_entry(context, host);
	if (!entry)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_set_SSL_CTX(ssl, entry->settings) ? SSL_TLSEXT_ERR_OK
						     : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool apply_settings(SSL_CTX *settings, struct tls_context *context)
{
	SSL_CTX_set_options(settings, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					      SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA |
					      SSL_OP_SINGLE_ECDH_USE);
	SSL_CTX_set_mode(settings, SSL_MODE_ASYNC | SSL_MODE_RELEASE_BUFFERS |
					   SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(settings, 0);
	SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(settings, SECURITY_LEVEL);
	SSL_CTX_set_verify(settings, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_tlsext_servername_callback(settings, choose_by_name);
	SSL_CTX_set_tlsext_servername_arg(settings, context);
	return SSL_CTX_set_num_tickets(settings, 0) == 1 &&
	       SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(settings, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(settings, CIPHERS_TLS12) == 1 &&
	       SSL_CTX_set_ciphersuites(settings, CIPHERS_TLS13) == 1 &&
	       SSL_CTX_set1_groups_list(settings, GROUPS) == 1 &&
	       SSL_CTX_set1_sigalgs_list(settings, SIGNATURES) == 1;
}

struct tls_context *tls_context_new(void)
{
	struct tls_context *context = memory_new(1, sizeof(*context));
	context->references = 1;
	return context;
}

void tls_context_free(struct tls_context **context_)
{
	struct tls_context *context = *context_;
	*context_ = NULL;
	if (!context || --context->references > 0)
		return;
	for (size_t i = 0; i < context->count; i++) {
		SSL_CTX_free(context->entries[i].settings);
		arena_reset(&context->entries[i].arena);
	}
	memory_free(context);
}

/* --- adding a certificate ------------------------------------------------------------------- */

STACK_OF(X509) * tls_chain_read(struct view pem)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.length);
	while (chain && bio) {
		X509 *one = X509_new_ex(tls_library(), NULL);
		if (!one || !PEM_read_bio_X509(bio, &one, NULL, NULL) ||
			!sk_X509_push(chain, one)) {
			X509_free(one);
			break;
		}
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the text is an error to PEM_read_bio */
	return chain;
}

static bool same_names(const struct tls_entry *entry, const struct certificate_facts *facts)
{
	if (entry->names_count != facts->names_count)
		return false;
	for (size_t i = 0; i < facts->names_count; i++)
		if (!view_equal_nocase(entry->names[i], facts->names[i]))
			return false;
	return true;
}

static struct tls_entry *entry_for(
	struct tls_context *context, const struct certificate_facts *facts)
{
	for (size_t i = 0; i < context->count; i++)
		if (same_names(&context->entries[i], facts) &&
			!context->entries[i].has_kind[facts->kind])
			return &context->entries[i];
	if (context->count == TLS_CERTIFICATES_MAX)
		return NULL;
	struct tls_entry *entry = &context->entries[context->count];
	*entry = (struct tls_entry){.arena = arena_new(NAMES_OCTETS_MAX)};
	entry->settings = SSL_CTX_new_ex(tls_library(), NULL, TLS_server_method());
	if (!entry->settings || !apply_settings(entry->settings, context)) {
		SSL_CTX_free(entry->settings);
		return NULL;
	}
	context->count++;
	return entry;
}

static bool keep_names(struct tls_entry *entry, const struct certificate_facts *facts)
{
	if (entry->names)
		return true;
	entry->names = arena_get_array(&entry->arena, facts->names_count + 1, sizeof(struct view));
	if (!entry->names)
		return false;
	for (size_t i = 0; i < facts->names_count; i++)
		if (!arena_copy(&entry->arena, facts->names[i], &entry->names[i]))
			return false;
	entry->names_count = facts->names_count;
	return true;
}

static bool use_chain(SSL_CTX *settings, struct view pem, struct key_id id)
{
	STACK_OF(X509) *chain = tls_chain_read(pem);
	X509 *first = chain ? sk_X509_shift(chain) : NULL;
	EVP_PKEY *key = first ? provider_key_new(X509_get0_pubkey(first), id) : NULL;
	const bool used = key && SSL_CTX_use_cert_and_key(settings, first, key, chain, 0) == 1;
	EVP_PKEY_free(key);
	X509_free(first);
	sk_X509_pop_free(chain, X509_free);
	return used;
}

enum certificate_problem tls_context_add(
	struct tls_context *context, struct view certificate_pem, struct key_id key)
{
	struct arena arena = arena_new(CERTIFICATE_PEM_MAX * 2);
	struct certificate_facts facts;
	enum certificate_problem problem = certificate_read(certificate_pem, &arena, &facts);
	if (problem == CERTIFICATE_OK) {
		const size_t before = context->count;
		struct tls_entry *entry = entry_for(context, &facts);
		if (!entry)
			problem = CERTIFICATE_LONG;
		else if (!keep_names(entry, &facts) ||
			 !use_chain(entry->settings, certificate_pem, key))
			problem = CERTIFICATE_REFUSED;
		else
			entry->has_kind[facts.kind] = true;
		if (problem == CERTIFICATE_REFUSED && context->count > before) {
			SSL_CTX_free(entry->settings);
			arena_reset(&entry->arena);
			context->count = before;
		}
	}
	ERR_clear_error();
	arena_reset(&arena);
	return problem;
}
