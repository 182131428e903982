/*
 * A server session of base/tls with its signer, and an OpenSSL client, joined by memory. For the
 * tests of base/tls and keepers/keys, and for measuring.
 */
#ifndef TEST_TLS_HARNESS_H
#define TEST_TLS_HARNESS_H

#include "base/tls.h"
#include "keepers/keys/signer.h"

#include <openssl/ssl.h>

/* A self-signed certificate for `name` with a key of `kind`, as PEM; made once a kind and name. */
struct harness_pem {
	struct view certificate;
	struct view key;
};
struct harness_pem harness_pem(enum key_kind kind, const char *name);

struct pair {
	struct tls_session *server;
	struct signer *signer;
	struct signer_peer asking;
	SSL *client;
	BIO *client_in; /* what the client reads */
	BIO *client_out; /* what it has written */
	struct buffer to_server;
	struct buffer to_client;
	struct buffer received; /* by the server */
	struct cursor *to_send; /* by the server; may be null */
	size_t grain; /* octets moved to the server at once; 0: all */
	unsigned signatures; /* asked for so far */
	struct tls_request asked; /* the last one */
	bool refuse_signature;
	bool hold_signature; /* leave the session at TLS_WANT_SIGNATURE */
};

/* A context with one certificate, key number 1. */
struct tls_context *harness_context(struct harness_pem pem);
/* A client that trusts everything; `version` 0 for any, else TLS1_2_VERSION, TLS1_3_VERSION. */
SSL_CTX *harness_client(int version);
struct pair pair_new(struct tls_context *server, SSL_CTX *client, struct harness_pem pem);
void pair_free(struct pair *p);
/* One turn both ways; what the server wanted. Answers signatures unless held. */
enum tls_want pair_turn(struct pair *p);
/* Until the handshake is done at both ends (TLS_DONE) or the server fails or holds. */
enum tls_want pair_shake(struct pair *p);

#endif
