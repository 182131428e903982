/*
 * Internal to the files that see OpenSSL: the one library context of this process, with OpenSSL's
 * default provider and a provider of our own, and keys that are the public half only.
 *
 * A key made here looks to libssl like a private key. When libssl signs with it, our provider gets
 * the whole to-be-signed octets (not a digest), leaves them in the `provider_request` of the session
 * that is being stepped and pauses OpenSSL's ASYNC job, so the handshake stops inside the library
 * and SSL_do_handshake returns. After the answer is filled in, the next call goes on from there.
 *
 * The context reads no configuration file, and uses nothing of OpenSSL's default context.
 */
#ifndef BASE_TLS_PROVIDER_H
#define BASE_TLS_PROVIDER_H

#include "base/certificate.h"

struct ossl_lib_ctx_st; /* OSSL_LIB_CTX */
struct evp_pkey_st; /* EVP_PKEY */

/* Made at the first call; never null (a library that cannot start is a broken invariant). */
struct ossl_lib_ctx_st *tls_library(void);

/* EC P-256, P-384 or RSA of an allowed length? *bits_out may be null. */
bool tls_key_kind(const struct evp_pkey_st *key, enum key_kind *kind_out, unsigned *bits_out);

/* A private key in PEM; freed by the caller. Never asks for a passphrase. */
must_use enum certificate_problem private_key_read(struct view pem, struct evp_pkey_st **key_out);

/* A key of our provider with the public half of `public_key`; signatures will ask for `id`. Null
 * when the kind is not one of ours. */
struct evp_pkey_st *provider_key_new(const struct evp_pkey_st *public_key, struct key_id id);

enum provider_state { PROVIDER_IDLE, PROVIDER_ASKED, PROVIDER_SIGNED, PROVIDER_REFUSED };

/* The signature that one session waits for; a session has at most one at a time. */
struct provider_request {
	enum provider_state state;
	struct key_id key;
	enum signature_algorithm algorithm;
	struct view tbs; /* while PROVIDER_ASKED: on the paused job's stack */
	struct view signature; /* while PROVIDER_SIGNED: the owner's, until the next step returns */
};

/* Whose request a signature is, while libssl runs on this thread; null for nobody (then signing
 * fails). */
void provider_enter(struct provider_request *request);

#endif
