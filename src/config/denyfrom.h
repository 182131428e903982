/*
 * Whom we take no mail from (F-7, N-2). A line is one of
 *
 *	db.ano.net		this host, and every host in it
 *	ano.net			every host in ano.net and ano.net itself; xano.net is not in ano.net
 *	192.0.2.7		this address
 *	192.0.2.0/24		this network (2001:db8::/32 likewise)
 *	spammer@ano.net		this reverse-path
 *	@ano.net		every reverse-path of exactly this domain, from whatever host
 *
 * Names are matched on the verified client name, the name in HELO and the domain of the
 * reverse-path; addresses and networks on the client's address, and on address literals. Entries
 * are sorted once; a look-up is a few binary searches, so 100,000 lines are fine. When several
 * lines match, the one that stands first in the file is told.
 */
#ifndef CONFIG_DENYFROM_H
#define CONFIG_DENYFROM_H

#include "mail/address.h"

enum denyfrom_kind {
	DENYFROM_DOMAIN,
	DENYFROM_NETWORK,
	DENYFROM_SENDER,
	DENYFROM_SENDER_DOMAIN,
};
#define DENYFROM_KINDS 4

struct denyfrom_entry {
	enum denyfrom_kind kind;
	struct domain domain; /* empty for NETWORK */
	struct view local; /* folded (config/local.h); SENDER only */
	struct network network; /* NETWORK only */
	struct view text; /* as the line has it */
	uint32_t line;
};

/* Reads one trimmed line. False when it is none of the above. */
must_use bool denyfrom_parse(
	struct view text, uint32_t line, struct arena *a, struct denyfrom_entry *entry_out);

struct denyfrom {
	const struct denyfrom_entry *entries; /* sorted: denyfrom_sort */
	uint32_t count;
	uint32_t starts[DENYFROM_KINDS + 1]; /* where each kind begins */
	uint64_t prefixes[3]; /* bit per prefix length in use, 0…128 */
};

/* The order of entries: kind, then prefix and address, or domain and local-part, then line. */
int denyfrom_compare(const struct denyfrom_entry *a, const struct denyfrom_entry *b);
void denyfrom_sort(struct denyfrom_entry *entries, uint32_t count);
/* Over sorted entries, which are kept; false when they are not sorted. */
must_use bool denyfrom_build(
	const struct denyfrom_entry *entries, uint32_t count, struct denyfrom *d_out);

/* Null when nothing matches; else the matching entry that stands first in the file. */
const struct denyfrom_entry *denyfrom_match_ip(const struct denyfrom *d, const struct ip *ip);
const struct denyfrom_entry *denyfrom_match_host(const struct denyfrom *d, struct domain host);
/* The null reverse-path matches nothing. */
const struct denyfrom_entry *denyfrom_match_sender(
	const struct denyfrom *d, const struct address *reverse_path);

#endif
