/*
 * Domain names as mail uses them (RFC 5321 §2.3.5 and §4.1.2, RFC 6531 §3.3), checked and brought
 * to the one form in which they are compared. Pure.
 *
 * A name of letters, digits and hyphens takes a short path here; one with a U-label or an A-label
 * goes through libidn2 (UTS #46, nontransitional), which no other file includes.
 *
 * Who calls: mail/address.h, config (domains, denyfrom, servername), protocol/smtp_server.
 */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include "base/arena.h"
#include "mail/address_problem.h"

#define ADDRESS_DOMAIN_MAX 255 /* octets as given; RFC 5321 §4.5.3.1.2 */
#define DOMAIN_NAME_MAX 253 /* octets of the A-label form: 255 on the DNS wire, RFC 1035 §3.1 */
#define DOMAIN_LABEL_MAX 63 /* octets of one label in A-label form, RFC 1035 §2.3.4 */

/* A checked domain name: lower case, A-labels, no final dot. Views into the arena it was made in. */
struct domain {
	struct view name;
};
/* Parses a domain name (no literal): letter-digit-hyphen labels (RFC 5321 Domain), or U-labels when
 * `utf8` (converted by UTS #46, nontransitional, libidn2). One label is enough. A final dot is no
 * part of RFC 5321's grammar and is refused. */
must_use enum address_problem domain_parse(
	struct view text, bool utf8, struct arena *a, struct domain *domain_out);
bool domain_equal(struct domain a, struct domain b);
/* `sub` equals `of` or ends in "." + `of`: label boundaries count (F-7). */
bool domain_is_in(struct domain sub, struct domain of);
/* More than one label. */
bool domain_is_full(struct domain d);

#endif
