/*
 * Passwords and verifiers (config/users.h says how one is written): making a SCRAM-SHA-256 verifier
 * from a password (RFC 5802 §3, RFC 7677), and checking a password against a verifier of any kind.
 * One verifier serves SCRAM and PLAIN. Costly on purpose: never on a loop, except in a tool.
 *
 * Who calls: the keeper `auth`, in its pool of threads; `sekisho user add|passwd`.
 */
#ifndef CONFIG_VERIFIER_H
#define CONFIG_VERIFIER_H

#include "base/bytes.h"

/* Of new verifiers. RFC 7677 §4 asks for at least 4096. With SCRAM it is the client who computes them
 * at each login, and a mail client in a telephone logs in every few minutes; with PLAIN it is us: 32768
 * cost some 20 to 40 ms of one core, so two threads check fifty to a hundred logins a second, and a thief
 * of the file gets eight times less than at the minimum. Password length does the rest. */
#define VERIFIER_ITERATIONS 32768u
#define VERIFIER_SALT_OCTETS 16u
#define VERIFIER_KEY_OCTETS 32u
#define VERIFIER_PASSWORD_MAX 1024u /* octets, before and after SASLprep */

/* Before anything else here, and before a system-call filter. */
void verifier_warm(void);

struct verifier_keys {
	uint8_t stored[VERIFIER_KEY_OCTETS];
	uint8_t server[VERIFIER_KEY_OCTETS];
};
/* `password` as it is, without SASLprep. `iterations` is at least 1. */
void verifier_derive(struct view password, struct view salt, uint32_t iterations,
	struct verifier_keys *keys_out);

/* Appends "{SCRAM-SHA-256}…" for the password, which is prepared by SASLprep. False, and nothing
 * appended, when the password cannot be (empty, too long, forbidden characters). The salt should be
 * VERIFIER_SALT_OCTETS from random_octets; iterations VERIFIER_ITERATIONS. */
must_use bool verifier_make(
	struct view password, struct view salt, uint32_t iterations, struct buffer *out);

enum verifier_result {
	VERIFIER_MATCHES,
	VERIFIER_DIFFERS,
	VERIFIER_UNUSABLE, /* "!", malformed, or of a kind that is refused */
	VERIFIER_FAILED, /* no memory for it now */
};

/* SCRAM verifiers see the prepared password, imported hashes the password as it came, since those who
 * made them knew no SASLprep. *iterations_out: how often PBKDF2 turned. */
must_use enum verifier_result verifier_check(
	struct view verifier, struct view password, uint64_t *iterations_out);
/* Of a kind that serves PLAIN only and is to be rewritten after the first login. */
bool verifier_is_imported(struct view verifier);

/* HMAC-SHA-256 of `label`, a NUL and `text` under a key of VERIFIER_KEY_OCTETS. */
void verifier_mac(const uint8_t *key, struct view label, struct view text,
	uint8_t mac_out[VERIFIER_KEY_OCTETS]);

#endif
