/*
 * BLAKE2b digests (libsodium), streamed: what tells whether two contents are the same, and makes short
 * names of long ones. And HMAC-SHA-256, under a secret of the site's own, for what goes out and comes back. Not for
 * passwords.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/bytes.h"

#define DIGEST_OCTETS 32u

struct digest;

struct digest *digest_new(void);
void digest_add(struct digest *g, struct view octets);
/* Writes the digest of all that was added, and frees `*g`. */
void digest_end(struct digest **g, uint8_t out[DIGEST_OCTETS]);

#define MAC_SECRET_OCTETS 32u
#define MAC_OCTETS 32u

void mac_of(const uint8_t secret[MAC_SECRET_OCTETS], struct view octets, uint8_t out[MAC_OCTETS]);

#endif
