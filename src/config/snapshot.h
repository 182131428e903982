/*
 * One immutable configuration as a program sees it (DESIGN §1): a blob of sections, which
 * sekisho-config writes (snapshot_encode) and the parent hands to each program as a sealed memfd
 * with just the sections that program needs. A transaction holds a reference and so lives in one
 * generation; the last reference gives the memory back.
 *
 * The blob: u32 magic, u32 version, u64 generation, u64 checksum of all that follows, u32 number of
 * sections; per section u32 id, u32 length; then the sections in the same order. A list section is
 * a u32 count and its elements; octets are a u32 length and the octets. All little endian. Lists
 * are sorted by the encoder and the decoder insists, so a look-up is a binary search. The decoder
 * treats its input as untrusted: it may refuse, never overrun; views point into the blob.
 *
 * Who may see what is said by the masks below; verifiers are in `auth`'s snapshot alone.
 */
#ifndef CONFIG_SNAPSHOT_H
#define CONFIG_SNAPSHOT_H

#include "config/read.h"

enum snapshot_section {
	SNAPSHOT_SITE = 1, /* servername, postmaster, whether there is a smarthost */
	SNAPSHOT_NUMBERS = 2, /* limits and times; popkey's clocks */
	SNAPSHOT_DOMAINS = 4,
	SNAPSHOT_NETWORKS = 8,
	SNAPSHOT_USERS = 16, /* names */
	SNAPSHOT_VERIFIERS = 32, /* of the users, in the same order; secret */
	SNAPSHOT_ALIASES = 64,
	SNAPSHOT_DENYFROM = 128,
	SNAPSHOT_MAILBOXES = 256, /* the template */
	SNAPSHOT_RESOLVING = 512, /* name servers, trust anchors */
	SNAPSHOT_SMARTHOST = 1024, /* with its password; secret */
	SNAPSHOT_BACKUPS = 2048, /* domains of others, and where their mail goes */
	SNAPSHOT_GATESTORE = 4096, /* with its password; secret */
};
#define SNAPSHOT_ALL 8191
#define SNAPSHOT_SECTIONS 13

#define SNAPSHOT_FOR_SMTPD                                                         \
	(SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_DOMAINS | SNAPSHOT_NETWORKS | \
		SNAPSHOT_USERS | SNAPSHOT_ALIASES | SNAPSHOT_DENYFROM | SNAPSHOT_BACKUPS)
#define SNAPSHOT_FOR_POPD (SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_NETWORKS)
#define SNAPSHOT_FOR_SPOOL (SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_BACKUPS)
#define SNAPSHOT_FOR_DELIVER \
	(SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_USERS | SNAPSHOT_MAILBOXES)
#define SNAPSHOT_FOR_MAILBOX SNAPSHOT_FOR_DELIVER
#define SNAPSHOT_FOR_AUTH \
	(SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_DOMAINS | SNAPSHOT_USERS | SNAPSHOT_VERIFIERS)
#define SNAPSHOT_FOR_GATE (SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_GATESTORE)
#define SNAPSHOT_FOR_KEYS SNAPSHOT_SITE
#define SNAPSHOT_FOR_RESOLVE (SNAPSHOT_SITE | SNAPSHOT_RESOLVING)
#define SNAPSHOT_FOR_REPORT \
	(SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_DOMAINS | SNAPSHOT_USERS | SNAPSHOT_ALIASES)
#define SNAPSHOT_FOR_FETCH SNAPSHOT_SITE
#define SNAPSHOT_FOR_RELAY \
	(SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_SMARTHOST | SNAPSHOT_BACKUPS)
#define SNAPSHOT_FOR_DROP (SNAPSHOT_SITE | SNAPSHOT_NUMBERS | SNAPSHOT_DOMAINS)

#define SNAPSHOT_VERSION 5
#define SNAPSHOT_MAX ((size_t)256 << 20) /* octets */

struct snapshot_user {
	struct view name;
	struct view verifier; /* empty without SNAPSHOT_VERIFIERS */
};

struct snapshot {
	uint64_t generation;
	unsigned sections; /* which are there; what is not is empty or zero */
	struct domain servername;
	struct view postmaster; /* local name; empty: none yet */
	struct domain postmaster_domain;
	bool has_smarthost;
	struct smarthost smarthost;
	struct gatestore gatestore;
	struct view gatestore_user;
	struct view gatestore_password;
	uint64_t numbers[SETTING_COUNT];
	struct popkey popkey;
	const struct domain *domains; /* sorted */
	uint32_t domain_count;
	struct domain first_domain; /* the one that the file, or the default, names first */
	const struct network *networks;
	uint32_t network_count;
	const struct snapshot_user *users; /* sorted by name */
	uint32_t user_count;
	struct config_aliases aliases;
	struct denyfrom denyfrom;
	struct view mailboxes;
	const struct view *nameservers; /* "192.0.2.53@53"; none: from the root down */
	uint32_t nameserver_count;
	const struct view *anchors; /* a DS or DNSKEY record each */
	uint32_t anchor_count;
	const struct backup *backups; /* sorted by domain */
	uint32_t backup_count;

	uint32_t references;
	struct arena arena;
	struct view blob;
	void (*release)(void *context, struct view blob);
	void *context;
};

/* Appends the blob; its buffer's failure says that it does not fit. */
void snapshot_encode(
	const struct config *config, unsigned sections, uint64_t generation, struct buffer *out);
/* With one reference; keeps `blob` until the last is dropped, then calls `release` (may be null).
 * Null when the blob does not hold together or memory has run out; `release` is not called then. */
must_use struct snapshot *snapshot_decode(
	struct view blob, void (*release)(void *context, struct view blob), void *context);
/* Maps a memfd, which must be sealed against writing and shrinking, and decodes it. `fd` is not
 * kept. */
must_use enum error snapshot_map(int fd, struct snapshot **snapshot_out);

struct snapshot *snapshot_hold(struct snapshot *s);
/* Drops a reference and sets the pointer to null; null is fine. */
void snapshot_drop(struct snapshot **s);

#define SNAPSHOT_NOT_FOUND UINT32_MAX
bool snapshot_has_domain(const struct snapshot *s, struct domain d);
/* That of `backupfor` for exactly this domain, or null. */
const struct backup *snapshot_find_backup(const struct snapshot *s, struct domain d);
/* Index of the user; ASCII case does not count. */
uint32_t snapshot_find_user(const struct snapshot *s, struct view name);
/* Index of the alias with exactly that local-part (ASCII case does not count) and domain. */
uint32_t snapshot_find_alias(const struct snapshot *s, struct view local, struct domain domain);
bool snapshot_has_network(const struct snapshot *s, const struct ip *ip);
/* The user whom a login name means: a local-part, or an address of an own domain (DESIGN §7). */
uint32_t snapshot_find_login(const struct snapshot *s, struct view login);

#endif
