/*
 * Reads a configuration directory into one struct with everything that it says or leaves to a
 * default, where each value came from, and what was found on the way. Pure: files come through
 * struct config_files, names of hosts as arguments; config/directory.h is the real directory, tests
 * and fuzz targets use memory.
 *
 *	struct findings findings = findings_new(&arena);
 *	struct config config;
 *	if (!config_read(&files, &facts, &arena, &findings, &config)) … the arena is at its cap
 *	config_check(&config, &findings);		(config/check.h: loops, loose ends)
 *	if (findings_have_error(&findings)) … does not run
 *	snapshot_encode(&config, SNAPSHOT_FOR_SMTPD, generation, &blob);
 *
 * No file is required (F-11, F-12). A name that is no setting is an error, as it is most likely a
 * typo; what editors and packagers leave behind is passed over with a note.
 */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "base/error.h"
#include "config/aliases.h"
#include "config/backup.h"
#include "config/denyfrom.h"
#include "config/finding.h"
#include "config/gatestore.h"
#include "config/popkey.h"
#include "config/settings.h"
#include "config/smarthost.h"
#include "config/users.h"

/* The arena of a configuration: 100,000 users, aliases and denyfrom lines fit. */
#define CONFIG_ARENA_MAX ((size_t)512 << 20)
#define CONFIG_FILES_MAX 1000 /* names in the directory */

struct config_file {
	struct view name;
	uint32_t mode; /* permission bits, 0 when unknown */
	bool is_plain; /* a regular file */
};

struct config_files {
	const struct config_file *files;
	size_t count;
	/* Appends the file's octets to `out`, whose maximum is the setting's. ERROR_LIMIT when they
	 * do not fit. */
	enum error (*read)(void *context, struct view name, struct buffer *out);
	void *context;
};

struct config_facts {
	struct view argument; /* the host name given to `serve`; may be empty */
	struct view system_name; /* the machine's FQDN as found by the caller; may be empty */
	struct view resolv_conf; /* the octets of /etc/resolv.conf; may be empty */
	struct view root_anchors; /* of /usr/share/dns/root.key; may be empty */
};

enum origin_kind {
	ORIGIN_DEFAULT,
	ORIGIN_FILE,
	ORIGIN_ARGUMENT,
	ORIGIN_SYSTEM, /* the machine's own name */
};
const char *origin_kind_name(enum origin_kind kind);

struct origin {
	enum origin_kind kind;
	uint32_t
		line; /* of the file that bears the setting's name; 0 when it has none or several */
	const char *why; /* for a default that needs a word: "the servername", … or null */
};

struct config_domain {
	struct domain name;
	struct origin origin;
};

/* A name server "192.0.2.53@53", or a trust anchor "example.org. IN DS …". */
struct config_line {
	struct view text;
	uint32_t line; /* 0: from the system */
};

struct config_network {
	struct network network;
	uint32_t line; /* 0: loopback, always in */
};

#define CONFIG_FILE_PATH_MAX 1024 /* octets with the NUL, of certificate and its key */
#define CONFIG_PORTS_MAX 8
struct config_port {
	uint16_t number;
	bool tls; /* from the first octet */
	uint32_t line;
};

struct config {
	struct arena *arena;
	struct domain servername;
	struct view postmaster; /* local name, ASCII in lower case; empty: no user yet */
	struct domain postmaster_domain; /* empty: a local name */
	struct view mailboxes; /* the template, ends in "/" */
	struct view certificate; /* paths; empty: those in the directory keys */
	struct view certificate_key;
	uint64_t numbers[SETTING_COUNT];
	struct popkey popkey;
	struct smarthost smarthost;
	struct gatestore gatestore;
	struct view gatestore_user;
	struct view gatestore_password;
	struct config_domain *domains;
	uint32_t domain_count;
	struct config_network *networks;
	uint32_t network_count;
	struct config_user *users; /* in the order of the file */
	uint32_t user_count;
	struct config_aliases aliases;
	struct denyfrom_entry *denyfrom; /* sorted */
	uint32_t denyfrom_count;
	struct config_port submission[CONFIG_PORTS_MAX];
	uint32_t submission_count;
	struct config_line *nameservers; /* none: from the root down */
	uint32_t nameserver_count;
	struct config_line *anchors;
	uint32_t anchor_count;
	struct backup *backups;
	uint32_t backup_count;
	struct origin origins[SETTING_COUNT];
};

/* True unless the arena is at its cap; errors of the configuration are findings. `files`' names and
 * the facts are kept. */
must_use bool config_read(const struct config_files *files, const struct config_facts *facts,
	struct arena *a, struct findings *findings, struct config *config_out);

/* Splits a checked template at LOCALPART: "/var/lib/sekisho/mail/" and "/". */
bool mailboxes_split(struct view template, struct view *before_out, struct view *after_out);
/* Whether a network may be "in": at least /8 of IPv4 or /16 of IPv6, and none that holds more of
 * IPv4 by way of its mapped form. */
bool config_network_is_narrow(const struct network *n);

#endif
