/*
 * IP addresses and networks, as they stand in settings, address literals and trace fields. Pure.
 *
 * There is one kind: an IPv4 address is kept in mapped form (::ffff:a.b.c.d, RFC 4291 §2.5.5.2), so
 * that a list of networks, a counter per client and a comparison need no second case.
 *
 * Who calls: mail/address.h (literals), config (networks, denyfrom), faces (the peer's address).
 */
#ifndef MAIL_IP_H
#define MAIL_IP_H

#include "base/bytes.h"

#include <netinet/in.h>

#define IP_TEXT_MAX 45 /* octets of the longest text form, with an embedded IPv4 address */

/* An IP address; IPv4 is kept in mapped form (::ffff:a.b.c.d) so that there is one kind. */
struct ip {
	uint8_t octets[16];
};

struct ip ip_of_v4(struct in_addr a);
struct ip ip_of_v6(const struct in6_addr *a);
bool ip_is_v4(const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);
/* 127.0.0.0/8 or ::1. */
bool ip_is_loopback(const struct ip *ip);
/* "192.0.2.1" or any text form of RFC 4291 §2.2 ("2001:db8::1"), nothing else: no zone, no leading
 * zeros in the decimal form (some read them as octal), no space. False on anything else. */
must_use bool ip_parse(struct view text, struct ip *ip_out);
/* Appends the one text form: dotted for IPv4, RFC 5952 for the rest. */
void ip_add(struct buffer *b, const struct ip *ip);
/* The first `prefix` bits (of 128), zeros behind them. */
struct ip ip_masked(const struct ip *ip, uint8_t prefix);

/* A network: the first `prefix` bits (of 128, so an IPv4 /24 is 120) count. */
struct network {
	struct ip ip;
	uint8_t prefix;
};
/* "192.0.2.0/24", "2001:db8::/32", or a single address. Bits past the prefix must be zero: a mistake
 * in a list of trusted networks is better refused than guessed. */
must_use bool network_parse(struct view text, struct network *network_out);
bool network_has(const struct network *n, const struct ip *ip);

#endif
