/*
 * Internal to tls.c, tls_context.c, tls_client.c and tls_facts.c.
 */
#ifndef BASE_TLS_INTERNAL_H
#define BASE_TLS_INTERNAL_H

#include "base/tls_client.h"
#include "base/tls_guard.h"
#include "base/tls_provider.h"

#include <openssl/ssl.h>

/* One certificate (or an EC and an RSA one for the same names) with OpenSSL's settings. */
struct tls_entry {
	SSL_CTX *settings;
	struct view *names;
	size_t names_count;
	bool has_kind[KEY_RSA + 1];
	struct arena arena; /* the names */
};

struct tls_context {
	size_t references;
	size_t count;
	struct tls_entry entries[TLS_CERTIFICATES_MAX];
};

enum session_state { SESSION_HANDSHAKE, SESSION_OPEN, SESSION_CLOSED, SESSION_FAILED };

struct tls_session {
	struct tls_context
		*context; /* null at the client's end, where the SSL keeps what it needs */
	SSL *ssl;
	const struct tls_io *io; /* while OpenSSL runs; null: what it writes goes nowhere */
	const char *reason;
	enum session_state state;
	bool has_closed; /* our close_notify is out */
	struct tls_guard guard;
	struct provider_request request;
	struct buffer signature;
};

/* A session on that SSL, which becomes its own in any case; null when memory ran out. The caller says
 * which end it is. */
struct tls_session *tls_session_make(SSL *ssl);
/* The certificates of a PEM text, one that does not decode ends it; null when there is none. */
STACK_OF(X509) * tls_chain_read(struct view pem);
/* Why the other end's certificate is not verified; null when it is. Static text. */
const char *tls_unverified(const struct tls_session *s);

#endif
