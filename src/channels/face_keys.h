/*
 * smtpd or popd (A) ↔ keys (B): one stream a signature. `to be signed` is the whole octet string, so
 * that keys can see that it is a TLS handshake, or the address under which a mail is forwarded (mail/srs.h), and
 * nothing else. To check such an address that has come back, smtpd has it signed again.
 */
#ifndef CHANNELS_FACE_KEYS_H
#define CHANNELS_FACE_KEYS_H

#include "base/frame.h"

enum face_keys_code {
	KEYS_SIGN, /* key, purpose, algorithm, to be signed */
	KEYS_SIGNED, /* signature */
	KEYS_REFUSED, /* error: enum error */
	KEYS_CODES
};

enum { KEYS_STATE_IDLE = 1, KEYS_STATE_ASKED = 2 };

/* What a signature may be for; numbers travel (keepers/keys/signer.h has the rules). */
enum keys_purpose {
	KEYS_PURPOSE_TLS_SERVER = 1,
	KEYS_PURPOSE_SRS, /* smtpd alone: the octets of mail/srs.h; no key, no algorithm; a MAC comes back */
};

#define KEYS_TBS_MAX 4096u
#define KEYS_SIGNATURE_MAX 1024u

extern const struct frame_protocol face_keys;

#endif
