/*
 * A DNS message (RFC 1035 §4) as a name server wrote it and libunbound hands it on, read for one question:
 * the records of the type asked for, at the name asked for or at what its CNAMEs lead to. Pure; the octets
 * are a stranger's. Nothing here believes a length, and compressed names can neither loop nor grow past the
 * 255 octets that a name may have.
 *
 * Names are text in the form in which they are compared: lower case, no final dot, "" for the root; an octet
 * that no host name has is written \DDD, so that such a name equals nothing and host_name_is_sound refuses it.
 */
#ifndef FACES_RESOLVE_MESSAGE_H
#define FACES_RESOLVE_MESSAGE_H

#include "base/arena.h"
#include "mail/hosts.h"

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_DNSKEY = 48, /* only whether there are any: records have nothing filled in */
	DNS_TLSA = 52,
};

#define DNS_RECORDS_MAX 256u /* of an answer section; what comes after them is not looked at */
#define DNS_ALIASES_MAX 16u /* CNAMEs one after another */
#define DNS_MESSAGE_MEMORY_MAX (512u << 10) /* enough for any message: its names and texts copied */

enum dns_status {
	DNS_FOUND, /* at least one record */
	DNS_NO_DATA, /* the name exists, records of the type do not */
	DNS_NO_DOMAIN, /* NXDOMAIN */
	DNS_FAILED, /* no answer, or one that is none */
	DNS_BOGUS, /* an answer whose signatures do not hold */
};

/* By type: A, AAAA: ip. MX: preference, name. PTR, CNAME: name. TXT: octets, its strings joined. TLSA: tlsa,
 * with whatever values stand there. */
struct dns_record {
	struct ip ip;
	uint16_t preference;
	struct view name;
	struct view octets;
	struct tlsa tlsa;
};

struct dns_answer {
	enum dns_status status;
	bool is_secure; /* validated, aliases included, and denials too */
	struct view canonical; /* with aliases followed; the name asked for when there are none */
	bool has_alias;
	const struct dns_record *records; /* at least one when DNS_FOUND, else none */
	uint32_t count;
	struct view why; /* of DNS_FAILED and DNS_BOGUS, where known; printable */
};

/* Reads the message into the arena; views point there or into `message`. What is malformed gives DNS_FAILED,
 * a record that is malformed in itself is left out. `name` is in the form told above, kept. `is_secure` is
 * left false, for whoever knows. */
void dns_read(struct view message, struct view name, enum dns_type type, struct arena *a,
	struct dns_answer *answer_out);

/* "4.3.2.1.in-addr.arpa", or the name of 32 nibbles in ip6.arpa (RFC 3596 §2.5). */
void dns_add_reverse(struct buffer *b, const struct ip *ip);

#endif
