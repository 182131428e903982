/*
 * The core of `keys`: private keys that sign for one purpose, at a bounded rate, and never leave.
 *
 * A face that was broken into can ask for signatures, so what it may have signed is narrow: it hands
 * over the whole octets, not a digest, and they must be what a TLS server signs in a handshake of
 * its own, octet by octet:
 *
 *   TLS 1.3 CertificateVerify (RFC 8446 §4.4.3): 64 spaces, "TLS 1.3, server CertificateVerify", a
 *   zero octet, a transcript hash of 32 or 48 octets;
 *   TLS 1.2 ServerKeyExchange (RFC 8422 §5.4): client and server random, named_curve, x25519 or
 *   secp256r1, a point of that group's length.
 *
 * The algorithm must fit the key and the form (rsa_pkcs1_* is TLS 1.2 only, and under TLS 1.3 an
 * EC key has one digest). Anything else is refused and logged. Pure: time is an argument. Who calls:
 * keepers/keys/main.c, which adds the keys before its sandbox, and server.c, which signs after it.
 */
#ifndef KEEPERS_KEYS_SIGNER_H
#define KEEPERS_KEYS_SIGNER_H

#include "base/certificate.h"

#define SIGNER_KEYS_MAX 64u
#define SIGNER_RATE_DEFAULT 2000u /* signatures a second and peer */
#define SIGNER_BURST_DEFAULT 4000u /* signatures at once */
#define SIGNER_RATE_MAX 1000000u

struct signer;

enum signer_purpose { SIGNER_TLS_SERVER = 1 };

enum signer_result {
	SIGNER_SIGNED,
	SIGNER_NO_KEY, /* no key of that id */
	SIGNER_NOT_PURPOSE, /* unknown purpose, or octets that do not serve it */
	SIGNER_NOT_ALGORITHM, /* unknown, or not for this key and form */
	SIGNER_RATE, /* too many just now: the only temporary one */
	SIGNER_BROKEN, /* the library could not, or the buffer is full */
};
const char *signer_result_name(enum signer_result result);

/* A token bucket for one asking peer; the caller's, one a channel. */
struct signer_peer {
	const char *name; /* for logs */
	uint64_t rate; /* tokens a second */
	uint64_t burst;
	uint64_t thousandths; /* tokens left, times 1000 */
	uint64_t at_ms;
	bool is_refused; /* the last one was over the rate: the log has said so */
};
/* Full at `now_ms` (monotonic). `rate` and `burst` are 1 to SIGNER_RATE_MAX. */
struct signer_peer signer_peer_new(
	const char *name, uint64_t rate, uint64_t burst, uint64_t now_ms);

/* Takes a token; false when there is none just now. */
bool signer_may(struct signer_peer *peer, uint64_t now_ms);

/* Sets memory aside that is locked and wiped (OpenSSL's secure heap) for the keys; when the limit on
 * locked memory forbids it, logs so and goes on without. */
struct signer *signer_new(void);
/* Adds a private key in PEM; the caller wipes the text. CERTIFICATE_LONG when there are
 * SIGNER_KEYS_MAX, or one of that id. */
must_use enum certificate_problem signer_add(
	struct signer *signer, struct key_id id, struct view key_pem);
/* The key of the certificate that new sessions get. Those before it sign on for SIGNER_OLD_MS, in which
 * handshakes that have begun come to their end. One that is there already stays. */
#define SIGNER_OLD_MS 120000u
must_use enum certificate_problem signer_renew(
	struct signer *signer, struct view key_pem, uint64_t now_ms);
/* Wipes those whose time is over; signing does it, too. */
void signer_expire(struct signer *signer, uint64_t now_ms);
/* Wipes the keys. */
void signer_free(struct signer **signer);
/* Makes ready what the library would load later, and signs once with each key: call before the
 * sandbox, after the keys that are there by then. A key added after it opens no file either. */
void signer_warm(struct signer *signer);

/* Appends a signature over `tbs` as TLS carries it (DER for ECDSA). `purpose` and `algorithm` are
 * as they came from the peer. Nothing is appended unless SIGNER_SIGNED. `now_ms` is monotonic; a
 * request that is refused for what it is takes a token too. */
must_use enum signer_result signer_sign(struct signer *signer, struct signer_peer *peer,
	uint64_t now_ms, struct key_id id, uint32_t purpose, uint32_t algorithm, struct view tbs,
	struct buffer *signature_out);

#endif
