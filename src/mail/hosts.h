/*
 * Where mail for a destination goes (RFC 5321 §5.1): the hosts in the order in which they are to be
 * tried, each with its addresses in order and with what DANE asks of it (RFC 7672). `resolve` makes such
 * a list, `relay` goes through it; between them it travels in the packed form that hosts_add writes.
 * Pure.
 *
 * How to use one: host by host; of a host its addresses in order; whoever answers the first time is
 * asked (a reply of 5xx to a recipient is final, trouble before that leads to the next address). Hosts of
 * HOST_TLSA_FAILED are passed over and count as trouble of the temporary kind: who may be stripping the
 * records must not get the mail in clear (RFC 7672 §2.1.2).
 *
 * Names in a certificate that count for DANE-TA (RFC 7672 §3.2.3): the host's `tlsa_base`; for a host from
 * an MX record also the destination asked for and, when it differs, the list's `canonical`.
 */
#ifndef MAIL_HOSTS_H
#define MAIL_HOSTS_H

#include "base/arena.h"
#include "mail/domain.h"
#include "mail/ip.h"

#define HOSTS_MAX 16 /* of one destination; what comes later in preference is left out */
#define HOST_ADDRESSES_MAX 16
#define HOST_TLSAS_MAX 16
#define TLSA_DATA_MAX 4096 /* octets; a whole certificate with matching type 0 */
#define HOSTS_PACKED_MAX ((1u << 20) + (1u << 16)) /* octets of hosts_add */

/* What a look-up came to. */
enum lookup_outcome {
	LOOKUP_OK,
	LOOKUP_NO_DOMAIN, /* the name does not exist */
	LOOKUP_NULL_MX, /* the domain says that it takes no mail (RFC 7505) */
	LOOKUP_NOTHING, /* the name exists; what was asked for (an address, a text) does not */
	LOOKUP_LOOP, /* the best host of the destination is this server itself */
	LOOKUP_TEMPORARY, /* nobody answered, or too much is asked just now */
	LOOKUP_BOGUS, /* signatures do not hold: temporary, too, but somebody should look */
};
#define LOOKUP_OUTCOMES 7
/* "ok", "no-domain", … for logs and --json. */
const char *lookup_outcome_name(enum lookup_outcome outcome);
/* LOOKUP_TEMPORARY and LOOKUP_BOGUS: ask again later. */
bool lookup_is_temporary(enum lookup_outcome outcome);
/* RFC 3463 code of a destination to which mail cannot go for this reason: "5.1.2", "5.1.10", … */
const char *lookup_outcome_enhanced(enum lookup_outcome outcome);

enum host_tlsa {
	HOST_TLSA_NONE, /* none, or not protected by DNSSEC: as if DANE did not exist */
	HOST_TLSA_USABLE, /* the certificate must match one of `tlsas` */
	HOST_TLSA_UNUSABLE, /* there are some, none that can be used: TLS is a must, any certificate will do */
	HOST_TLSA_FAILED, /* could not be looked up: the host may not be used now */
};
#define HOST_TLSA_STATES 4
const char *host_tlsa_name(enum host_tlsa tlsa);

struct tlsa {
	uint8_t usage; /* 2 DANE-TA, 3 DANE-EE: what else stands in the DNS is not usable for SMTP */
	uint8_t selector; /* 0 the certificate, 1 its public key */
	uint8_t matching; /* 0 as it is, 1 SHA-256, 2 SHA-512 */
	struct view data; /* 1…TLSA_DATA_MAX octets; 32, 64 for the digests */
};

/* Values that mean something for SMTP, and data as long as they say. */
bool tlsa_is_usable(const struct tlsa *t);

struct host {
	uint32_t preference; /* of the MX record; 0 without one */
	struct domain name; /* as the MX record names it, or the destination; empty for a literal */
	const struct ip *addresses; /* IPv6 and IPv4 by turns (RFC 8305 §4); at least one */
	uint32_t address_count;
	bool is_secure; /* the addresses were validated */
	enum host_tlsa tlsa;
	struct domain
		tlsa_base; /* where the records stand (RFC 7672 §2.2.3); empty with HOST_TLSA_NONE */
	const struct tlsa *tlsas; /* HOST_TLSA_USABLE: at least one */
	uint32_t tlsa_count;
};

struct hosts {
	bool has_mx; /* from MX records; else the destination is the host */
	bool is_mx_secure; /* those were validated; without any, that there are none was */
	struct domain canonical; /* the destination with CNAMEs followed; empty for a literal */
	const struct host *hosts;
	uint32_t count;
};

/* A name as the DNS may give it, in the form in which it is compared: lower case, letters, digits, hyphens,
 * underscores and dots, no dot at either end, no empty label. Hosts with underscores exist and get mail,
 * though RFC 1123 §2.1 has no such names. */
bool host_name_is_sound(struct view name);

/* Appends the packed form. */
void hosts_add(struct buffer *b, const struct hosts *hosts);
/* Reads a packed form that is untrusted; views point into `packed`, arrays lie in the arena. False when it
 * does not hold together, or the arena is at its cap. */
must_use bool hosts_read(struct view packed, struct arena *a, struct hosts *hosts_out);
/* A copy that lives as long as the arena. False at its cap. */
must_use bool hosts_copy(const struct hosts *hosts, struct arena *a, struct hosts *copy_out);

#endif
