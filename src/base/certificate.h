/*
 * X.509 certificates (RFC 5280) and keys as PEM (RFC 7468): what a certificate says, whether a key
 * belongs to it, and a self-signed one for the first start. Also the names of key kinds and
 * signature algorithms that the faces and `keys` share. Nothing here keeps a private key: the two
 * functions that see one work on the caller's octets and wipe their own copies.
 *
 * Who calls: base/tls (chains), keepers/keys (kinds, algorithms), config (expiry, "does this key
 * belong to that certificate"), tools (first start). OpenSSL underneath; call tls_warm first.
 *
 *	enum certificate_problem p = certificate_read(pem, &arena, &facts);
 *	if (p != CERTIFICATE_OK)
 *		log_warning("certificate refused", fact_text("why", certificate_problem_text(p)));
 */
#ifndef BASE_CERTIFICATE_H
#define BASE_CERTIFICATE_H

#include "base/arena.h"

#define CERTIFICATE_PEM_MAX 131072u /* octets of one chain or key */
#define CERTIFICATE_CHAIN_MAX 10u /* certificates of one chain */
#define CERTIFICATE_NAMES_MAX 100u /* DNS names of one certificate */
#define CERTIFICATE_NAME_MAX 253u /* octets of one DNS name */
#define KEY_RSA_BITS_MIN \
	2048u /* shorter ones are broken, longer ones let a stranger burn our time */
#define KEY_RSA_BITS_MAX 4096u

/* A private key that `keys` holds. */
struct key_id {
	uint32_t number;
};
/* The id of the key whose public half this is (SubjectPublicKeyInfo, DER): who has the certificate and who
 * has the key find the same one, and what does not belong together does not meet. */
struct key_id key_id_of(struct view public_key);

enum key_kind {
	KEY_EC_P256,
	KEY_EC_P384,
	KEY_RSA,
};
const char *key_kind_name(enum key_kind kind);

/* SignatureScheme of RFC 8446 §4.2.3, with its code points: they go over channels as they are. */
enum signature_algorithm {
	SIGNATURE_RSA_PKCS1_SHA256 = 0x0401, /* TLS 1.2 only */
	SIGNATURE_RSA_PKCS1_SHA384 = 0x0501,
	SIGNATURE_RSA_PKCS1_SHA512 = 0x0601,
	SIGNATURE_ECDSA_SHA256 = 0x0403, /* TLS 1.3: with P-256 only */
	SIGNATURE_ECDSA_SHA384 = 0x0503, /* TLS 1.3: with P-384 only */
	SIGNATURE_RSA_PSS_SHA256 = 0x0804,
	SIGNATURE_RSA_PSS_SHA384 = 0x0805,
	SIGNATURE_RSA_PSS_SHA512 = 0x0806,
};
/* The name of RFC 8446 §4.2.3, or "unknown". */
const char *signature_algorithm_name(enum signature_algorithm algorithm);
#define SIGNATURE_MAX (KEY_RSA_BITS_MAX / 8) /* octets of one signature, all kinds */

enum certificate_problem {
	CERTIFICATE_OK,
	CERTIFICATE_LONG, /* over CERTIFICATE_PEM_MAX, _CHAIN_MAX or _NAMES_MAX */
	CERTIFICATE_NONE, /* no certificate, or no private key, in the PEM */
	CERTIFICATE_SYNTAX, /* a PEM block that does not decode */
	CERTIFICATE_ENCRYPTED, /* a private key that wants a passphrase */
	CERTIFICATE_KIND, /* neither EC P-256 / P-384 nor RSA of an allowed length */
	CERTIFICATE_WRONG_KEY, /* the key belongs to another certificate */
	CERTIFICATE_REFUSED, /* the TLS library does not take it (a weak digest in the chain, say) */
	CERTIFICATE_MEMORY,
};
/* One plain sentence without final full stop. */
const char *certificate_problem_text(enum certificate_problem problem);

/* What the first certificate of a chain says. Views live as long as the arena it was read into. */
struct certificate_facts {
	enum key_kind kind;
	unsigned bits;
	int64_t not_before_s; /* wall clock, seconds since 1970 */
	int64_t not_after_s;
	unsigned chain_length; /* certificates in the PEM, this one included */
	bool is_self_signed; /* issuer and subject are the same */
	struct view *names; /* DNS names of subjectAltName, as they stand there */
	size_t names_count;
	struct view public_key; /* SubjectPublicKeyInfo, DER */
};

/* Reads a PEM chain, server certificate first. */
must_use enum certificate_problem certificate_read(
	struct view pem, struct arena *a, struct certificate_facts *facts_out);
/* RFC 6125 §6.4: `host` is one of the names, or a name's "*" stands for its first label. */
bool certificate_has_name(const struct certificate_facts *facts, struct view host);
bool certificate_name_matches(struct view name, struct view host);

/* Appends the SubjectPublicKeyInfo (DER) of a private key in PEM. Asks for no passphrase. */
must_use enum certificate_problem key_public(
	struct view key_pem, enum key_kind *kind_out, struct buffer *public_key_out);
/* CERTIFICATE_OK when the key belongs to the first certificate of the chain. */
must_use enum certificate_problem certificate_check_key(
	struct view certificate_pem, struct view key_pem);

/* Makes an EC P-256 key and a certificate that it signs itself, for `names` (1 to
 * CERTIFICATE_NAMES_MAX, each 1 to CERTIFICATE_NAME_MAX printable ASCII octets), good from one hour
 * before `now_s` (wall clock) for `days`. Appends both as PEM; the key's buffer is the caller's to
 * free with buffer_free_secret. False when a name is not possible or a buffer is full. */
must_use bool certificate_generate(const struct view *names, size_t names_count, unsigned days,
	int64_t now_s, struct buffer *certificate_pem_out, struct buffer *key_pem_out);

#endif
