/*
 * The client's end of TLS: contexts, and sessions that tls_session_step and its kin (base/tls.h) drive
 * like the server's. What it asks of the other end is one of three:
 *
 *	TLS_VERIFY_NONE  opportunistic (RFC 7435): any certificate will do, as the other choice is no TLS at
 *	                 all. Weak certificates and key exchanges are taken, weak protocols are not.
 *	                 tls_session_facts says how it would have been verified
 *	TLS_VERIFY_PKIX  an authority that is trusted here, and one of the names (RFC 9525): MTA-STS (RFC
 *	                 8461 §4.1), a smarthost
 *	TLS_VERIFY_DANE  a TLSA record (RFC 7672): DANE-EE(3) says it is this key, whatever else the
 *	                 certificate says; DANE-TA(2) says who vouches for it, and one of the names. Records
 *	                 of another kind cannot be used; when none can, it is TLS without verification
 *	                 (§2.1.1), and the facts say so. That the records are signed is the caller's to know
 *
 * What does not verify fails the handshake, with an alert and a reason. No client certificate is shown,
 * nothing is resumed, renegotiated or sent early.
 */
#ifndef BASE_TLS_CLIENT_H
#define BASE_TLS_CLIENT_H

#include "base/tls.h"

#define TLS_AUTHORITIES_FILE "/etc/ssl/certs/ca-certificates.crt"
#define TLS_AUTHORITIES_MAX (4u << 20) /* octets of such a file */

struct tls_client;

/* A context without authorities; tls_warm comes first. Before the sandbox: after it no file is opened, by
 * sessions nor by making contexts. */
struct tls_client *tls_client_new(void);
/* Sessions live on. */
void tls_client_free(struct tls_client **client);
/* Trusts the authorities of a PEM text too; how many those are. One that does not decode ends it. */
size_t tls_client_trust(struct tls_client *client, struct view authorities_pem);
/* The same for a file, to be called before the sandbox; 0 also when it cannot be read. */
size_t tls_client_trust_file(struct tls_client *client, const char *path);

/* The usages of RFC 7218 §2.1 that can be used. */
enum { TLS_RECORD_DANE_TA = 2, TLS_RECORD_DANE_EE = 3 };

/* A TLSA record, RFC 6698 §2.1. */
struct tls_record {
	uint8_t usage;
	uint8_t selector;
	uint8_t matching;
	struct view data;
};

struct tls_spec {
	enum tls_verify verify;
	struct view
		server_name; /* said to the server (SNI, RFC 6066 §3): a host name; empty: none */
	const struct view *
		names; /* that the certificate may have, A-labels: at least one for PKIX and DANE */
	size_t names_count;
	const struct tls_record *records; /* for DANE */
	size_t records_count;
};

/* Null when memory ran out, or a name is needed and none is one. Nothing of `spec` is kept. */
must_use struct tls_session *tls_client_session(
	struct tls_client *client, const struct tls_spec *spec);

#endif
