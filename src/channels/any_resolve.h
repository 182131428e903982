/*
 * Every program that asks (A: smtpd, relay) ↔ resolve (B): one stream a question, each answered once.
 * Answers come within RESOLVE_ANSWER_MS whatever name servers do. There is no taking back: who is not
 * interested any more drops the answer.
 *
 *	HOSTS      → HOSTS_ARE	where mail for a domain, or an address literal, goes (mail/hosts.h)
 *	ADDRESSES  → HOSTS_ARE	a host that is named by a setting or a policy: no MX; `port` is for TLSA,
 *				0 asks for none
 *	CLIENT     → CLIENT_IS	the forward-confirmed name of a client
 *	TEXTS      → TEXTS_ARE	TXT records, the strings of each joined
 *
 * An outcome is an enum lookup_outcome; `why` is a sentence for a log or a report when it is not
 * LOOKUP_OK, of printable ASCII.
 */
#ifndef CHANNELS_ANY_RESOLVE_H
#define CHANNELS_ANY_RESOLVE_H

#include "base/frame.h"
#include "mail/hosts.h"

enum any_resolve_code {
	RESOLVE_HOSTS, /* destination: lower-case A-label domain, or "[192.0.2.1]", "[IPv6:2001:db8::1]" */
	RESOLVE_ADDRESSES, /* name, port */
	RESOLVE_CLIENT, /* ip: 16 octets, as struct ip has them */
	RESOLVE_TEXTS, /* name */
	RESOLVE_HOSTS_ARE, /* outcome, packed hosts (hosts_add; empty unless LOOKUP_OK), why */
	RESOLVE_CLIENT_IS, /* outcome: LOOKUP_OK, LOOKUP_NOTHING or temporary; name */
	RESOLVE_TEXTS_ARE, /* outcome, 1 when validated, packed texts: u32 length and octets each; why */
	RESOLVE_CODES
};

/* The state of a stream is which question is open. */
enum {
	RESOLVE_STATE_IDLE = 1,
	RESOLVE_STATE_HOSTS = 2,
	RESOLVE_STATE_CLIENT = 4,
	RESOLVE_STATE_TEXTS = 8,
};

#define RESOLVE_NAME_MAX 320u /* octets of a destination */
#define RESOLVE_WHY_MAX 256u
#define RESOLVE_TEXTS_MAX 32u /* records */
#define RESOLVE_TEXTS_OCTETS_MAX (64u << 10) /* packed */
#define RESOLVE_ANSWER_MS 60000u

extern const struct frame_protocol any_resolve;

#endif
