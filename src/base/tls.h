/*
 * TLS 1.2 and 1.3 (RFC 5246, RFC 8446; choices of RFC 9325) as a machine without sockets (STYLE §6):
 * ciphertext comes in by a cursor, goes out into a buffer, and tls_session_step says what it wants next.
 * Timeouts are the owner's. It sees the octets that it is given and no others, so what came before
 * STARTTLS is the owner's to refuse. Here is the server's end and what both ends have in common;
 * base/tls_client.h makes sessions of the client's end, which need no signature.
 *
 * Private keys are not here. A handshake that needs a signature stops with TLS_WANT_SIGNATURE; the
 * owner sends tls_session_request's key, algorithm and octets to `keys` and answers with
 * tls_session_signed or tls_session_unsigned. Only that session waits.
 *
 *	switch (tls_session_step(s, &io)) {
 *	case TLS_WANT_SIGNATURE:
 *		ask_keys(tls_session_request(s));
 *		break; … later: tls_session_signed(s, signature), and step again
 *	case TLS_DONE:
 *		log_it(tls_session_facts(s));	 … and step again
 *	case TLS_WANT_INPUT: …
 *	}
 *
 * After every step, whatever it returned, the owner sends `to_peer` and handles `received`.
 *
 * There is no resumption: session tickets and the session cache are off, so no ticket key exists
 * anywhere. No renegotiation, no compression, no early data. Only (EC)DHE with X25519 and P-256, so
 * that a key is used for nothing but the two signatures which `keys` allows.
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include "base/certificate.h"

#define TLS_SIGNATURES_MAX 64u /* handshakes of one thread that wait for a signature at once */
#define TLS_CERTIFICATES_MAX 64u /* certificates of one context */
#define TLS_HELLO_MAX 16384u /* octets of one handshake message from a stranger */
#define TLS_TO_PEER_MIN 17408u /* the least maximum of a `to_peer` buffer: one record and some */

/* Makes ready what OpenSSL and libc would open later: call once in each thread that steps sessions,
 * before the sandbox. After it no file is opened, by sessions nor by making contexts (a reload). */
void tls_warm(void);

/* --- context: certificates and settings, shared by sessions --------------------------------- */

struct tls_context;

struct tls_context *tls_context_new(void);
/* Adds a PEM chain, server certificate first, whose private key `keys` knows as `key`. The first
 * one added serves clients that name no host, or one that no certificate has; the others serve
 * their names (RFC 6066 §3). One whose names are those of an earlier one, with a key of another
 * kind (RSA beside EC), stands beside that one, and the client's abilities choose. All are added
 * before the first session. */
must_use enum certificate_problem tls_context_add(
	struct tls_context *context, struct view certificate_pem, struct key_id key);
/* Sessions keep it alive until they end: after a reload new sessions take the new context. */
void tls_context_free(struct tls_context **context);

/* --- session ---------------------------------------------------------------------------------- */

struct tls_session;

enum tls_want {
	TLS_WANT_INPUT, /* more ciphertext, or more to send: nothing else to do */
	TLS_WANT_OUTPUT, /* `to_peer` is full: send from it, step again */
	TLS_WANT_ROOM, /* `received` is full: take from it, step again */
	TLS_WANT_SIGNATURE, /* see tls_session_request; stepping before the answer is harmless */
	TLS_WANT_TURN, /* TLS_SIGNATURES_MAX others wait: step again later, or refuse for now */
	TLS_DONE, /* the handshake is complete; told once, step again */
	TLS_CLOSED, /* the peer said close_notify; `received` may still hold its last words, and
			* what is to be sent is still sent (RFC 8446 §6.1) */
	TLS_FAILED, /* see tls_session_reason; an alert may be in `to_peer` */
};
const char *tls_want_name(enum tls_want want);

struct tls_io {
	struct cursor *from_peer; /* ciphertext; what is not taken must be there again next time */
	struct buffer *to_peer; /* ciphertext; born with at least TLS_TO_PEER_MIN */
	struct buffer *received; /* plaintext; filled up to its maximum */
	struct cursor *to_send; /* plaintext; may be null */
};

/* Null when memory ran out, or the context has no certificate. */
must_use struct tls_session *tls_session_new(struct tls_context *context);
enum tls_want tls_session_step(struct tls_session *s, const struct tls_io *io);
/* After the handshake: appends our close_notify to `to_peer`, so that the peer can tell our end
 * from a cut. Before it, or twice: nothing. */
void tls_session_close(struct tls_session *s, struct buffer *to_peer);
/* The transport has ended. TLS_CLOSED after a close_notify; else TLS_FAILED: the peer's words may
 * have been cut by a third (RFC 8446 §6.1). */
enum tls_want tls_session_ended(struct tls_session *s);
/* Also while a signature is waited for. */
void tls_session_free(struct tls_session **s);
/* Has the handshake been completed? */
bool tls_session_is_done(const struct tls_session *s);
/* Why TLS_FAILED, for logs; never null. Static text. */
const char *tls_session_reason(const struct tls_session *s);

/* What a signature is asked for, while TLS_WANT_SIGNATURE; `tbs` lives until the next step or free. */
struct tls_request {
	struct key_id key;
	enum signature_algorithm algorithm;
	struct view tbs;
};
struct tls_request tls_session_request(const struct tls_session *s);
/* The answer; copied. One that comes unasked, or again, is a broken invariant of the owner. */
void tls_session_signed(struct tls_session *s, struct view signature);
/* There is none (refused, too many, `keys` is gone): the handshake will fail. */
void tls_session_unsigned(struct tls_session *s);

/* How a client knows who is at the other end. */
enum tls_verify {
	TLS_VERIFY_NONE,
	TLS_VERIFY_PKIX, /* a known authority, and a name (RFC 9525) */
	TLS_VERIFY_DANE, /* a record in a signed zone (RFC 7672) */
};
const char *tls_verify_name(enum tls_verify verify);

/* What logs and the Received field say (RFC 3848, RFC 8314 §4). After TLS_DONE. */
struct tls_facts {
	const char *version; /* "TLSv1.3" */
	const char *cipher; /* "TLS_AES_256_GCM_SHA384" */
	unsigned bits;
	const char *group; /* "x25519", "P-256" */
	struct view server_name; /* as the client sent it, empty for none; lives as the session */
	enum tls_verify
		verified; /* how the other end's certificate was found right; by a server: never */
	const char *unverified_why; /* "" when it was. Static */
};
struct tls_facts tls_session_facts(const struct tls_session *s);

/* What a SASL mechanism binds itself to (RFC 5056, RFC 5929, RFC 9266). */
enum tls_binding {
	TLS_BINDING_EXPORTER, /* tls-exporter; under TLS 1.2 only with extended_master_secret */
	TLS_BINDING_UNIQUE, /* tls-unique; not under TLS 1.3, where it is not defined */
	TLS_BINDING_END_POINT, /* tls-server-end-point */
};
#define TLS_BINDING_MAX 64u
const char *tls_binding_name(enum tls_binding kind);
/* Appends the binding's octets; false when this connection has none of that kind. */
must_use bool tls_session_binding(
	const struct tls_session *s, enum tls_binding kind, struct buffer *binding_out);

#endif
