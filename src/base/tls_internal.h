/*
 * Internal to tls.c and tls_context.c.
 */
#ifndef BASE_TLS_INTERNAL_H
#define BASE_TLS_INTERNAL_H

#include "base/tls.h"

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

#endif
