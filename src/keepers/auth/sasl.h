/*
 * The server's side of SASL for one exchange: SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677)
 * by libgsasl, and PLAIN (RFC 4616), which is three fields and taken apart here: libgsasl's PLAIN
 * hands the password on only after SASLprep, which an imported hash knows nothing of, and refuses
 * passwords that are not of Unicode 3.2. LOGIN is PLAIN in two questions, for Outlook and old devices
 * which know nothing else (draft-murchison-sasl-login); the server speaks first. Pure: it takes
 * responses, asks its owner for the verifier of a name, and says what comes next. It decides nothing
 * about PLAIN and LOGIN: the password is handed up, since checking it is costly.
 *
 * Stricter than libgsasl: a client that sends `p=` (it binds) in a mechanism without binding is
 * refused, not compared with nothing; NULs in SCRAM are refused. Refused by libgsasl: `y` (the client
 * could bind and thinks that we cannot) while we can: somebody removed -PLUS from our list on its way
 * (RFC 5802 §6).
 */
#ifndef KEEPERS_AUTH_SASL_H
#define KEEPERS_AUTH_SASL_H

#include "base/bytes.h"
#include "channels/face_auth.h"

enum sasl_mechanism {
	SASL_NONE, /* not one of ours */
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_SCRAM,
	SASL_SCRAM_PLUS,
};
const char *sasl_mechanism_name(enum sasl_mechanism mechanism);
enum sasl_mechanism sasl_mechanism_of(struct view name);
/* The client hands over its password (PLAIN, LOGIN) rather than a proof. */
bool sasl_takes_password(enum sasl_mechanism mechanism);

enum sasl_event {
	SASL_CHALLENGE, /* `output` goes to the client; its response is fed next */
	SASL_PASSWORD, /* PLAIN, LOGIN: sasl_authid and sasl_password tell */
	SASL_PROVED, /* SCRAM: the client knows; `output` is our proof, and must reach it */
	SASL_BAD, /* a wrong proof, a wrong binding: sasl_reason says which, for the log */
	SASL_SYNTAX,
	SASL_FAILED, /* no memory */
};

/* What SCRAM needs of a user; base64 but for the number. Filled for every name, also unknown ones. */
struct sasl_keys {
	uint32_t iterations;
	struct buffer salt;
	struct buffer stored_key;
	struct buffer server_key;
};

struct sasl_owner {
	/* The keys of `name` (as the client sent it); once an exchange, from within sasl_step. */
	void (*find)(void *context, struct view name, struct sasl_keys *keys_out);
	void *context;
};

struct sasl;

/* Once a process, before a system-call filter. */
void sasl_warm(void);
/* Null when there is no memory. A binding of another kind than the client's is as good as none. */
must_use struct sasl *sasl_new(enum sasl_mechanism mechanism, enum auth_binding binding_kind,
	struct view binding, const struct sasl_owner *owner);
/* What the server says to a client that gave no initial response: nothing, but in LOGIN. */
struct view sasl_first_challenge(const struct sasl *s);
/* Feeds one response and replaces *output. After anything but SASL_CHALLENGE not to be called again. */
must_use enum sasl_event sasl_step(struct sasl *s, struct view response, struct buffer *output);
/* As the client sent them, once sasl_step has seen them; live as long as the exchange. */
struct view sasl_authid(const struct sasl *s);
struct view sasl_authzid(const struct sasl *s); /* empty: the same */
struct view sasl_password(const struct sasl *s);
const char *sasl_reason(const struct sasl *s);
/* Wipes. */
void sasl_free(struct sasl **s);

#endif
