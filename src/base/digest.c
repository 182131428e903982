#include "base/digest.h"

#include <sodium.h>

struct digest {
	crypto_generichash_state *state; /* inside `room`, on its 64-octet boundary */
	uint8_t room[sizeof(crypto_generichash_state) + 64];
};

struct digest *digest_new(void)
{
	struct digest *g = memory_new(1, sizeof *g);
	must(sodium_init() >=
		0); /* else it takes the code that runs on any processor: thrice the time */
	const size_t past = (size_t)((uintptr_t)g->room % 64);
	g->state = (crypto_generichash_state *)(void *)(g->room + (64 - past) % 64);
	must(crypto_generichash_init(g->state, NULL, 0, DIGEST_OCTETS) == 0);
	return g;
}

void digest_add(struct digest *g, struct view octets)
{
	if (octets.length)
		crypto_generichash_update(g->state, octets.at, octets.length);
}

void digest_end(struct digest **g, uint8_t out[DIGEST_OCTETS])
{
	crypto_generichash_final((*g)->state, out, DIGEST_OCTETS);
	memory_free(*g);
	*g = NULL;
}

_Static_assert(MAC_OCTETS == crypto_auth_hmacsha256_BYTES, "HMAC-SHA-256");
_Static_assert(MAC_SECRET_OCTETS == crypto_auth_hmacsha256_KEYBYTES, "its key");

void mac_of(const uint8_t secret[MAC_SECRET_OCTETS], struct view octets, uint8_t out[MAC_OCTETS])
{
	must(crypto_auth_hmacsha256(out, octets.at, octets.length, secret) == 0);
}
