/*
 * What to make of DNS answers when mail is to go somewhere (RFC 5321 §5.1): which hosts, in which order, with
 * which addresses first, and which TLSA records count. Pure: records and randomness are arguments.
 */
#ifndef FACES_RESOLVE_CHOOSE_H
#define FACES_RESOLVE_CHOOSE_H

#include "faces/resolve/message.h"

struct choice {
	struct domain name;
	uint32_t preference;
	uint64_t draw; /* order among equals */
};

/* The hosts of a domain's MX records, best first, those of equal preference shuffled by `seed`; a host once, by
 * its best record. `room` has DNS_RECORDS_MAX elements.
 *
 * LOOKUP_OK with at least one in *count_out, at most HOSTS_MAX. LOOKUP_NULL_MX (RFC 7505). LOOKUP_LOOP: `self`
 * is among them, and with those that are not better than it (§5.1) all are gone. LOOKUP_NOTHING: none bears a
 * name that a host can have. */
enum lookup_outcome choose_hosts(const struct dns_answer *mx, struct domain self, uint64_t seed,
	struct choice *room, uint32_t *count_out);

/* The addresses of two answers by turns, IPv6 first (RFC 8305 §4), each once, at most HOST_ADDRESSES_MAX into
 * `room`: their number. An answer without records adds none. */
uint32_t choose_addresses(
	const struct dns_answer *aaaa, const struct dns_answer *a, struct ip *room);

/* What the validated TLSA records of an answer come to: HOST_TLSA_USABLE with those that are usable for SMTP
 * (RFC 7672 §3.1) in `room` of HOST_TLSAS_MAX, or HOST_TLSA_UNUSABLE. */
enum host_tlsa choose_tlsas(
	const struct dns_answer *answer, struct tlsa *room, uint32_t *count_out);

/* Whether an answer with addresses names this one. */
bool answer_has_address(const struct dns_answer *answer, const struct ip *ip);

#endif
