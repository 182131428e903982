/*
 * The one table of settings (DESIGN §7, F-2, F-11): each setting is one file of that name in the
 * configuration directory, and one row here. The reader (config/read.h), `sekisho check`
 * (config/explain.h), the manual sekisho-settings(5) and the tests are made from these rows.
 *
 * To add a setting: an enumerator, a row, and, when it is more than a number, its parser in read.c.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/bytes.h"

enum setting_id {
	SETTING_SERVERNAME,
	SETTING_POSTMASTER,
	SETTING_DENYFROM,
	SETTING_DOMAINS,
	SETTING_USERS,
	SETTING_MAILBOXES,
	SETTING_ALIASES,
	SETTING_NETWORKS,
	SETTING_SIZELIMIT,
	SETTING_RECIPIENTLIMIT,
	SETTING_SESSIONLIMIT,
	SETTING_CLIENTLIMIT,
	SETTING_FREESPACE,
	SETTING_DUPLICATEWINDOW,
	SETTING_REPORTCOPIES,
	SETTING_SUBMISSION,
	SETTING_USERMAILSHOUR,
	SETTING_USERMAILSDAY,
	SETTING_CERTIFICATE,
	SETTING_CERTIFICATEKEY,
	SETTING_NAMESERVERS,
	SETTING_TRUSTANCHORS,
	SETTING_SMARTHOST,
	SETTING_QUEUELIFE,
	SETTING_DELAYWARNING,
	SETTING_RETRYFIRST,
	SETTING_RETRYLAST,
	SETTING_BACKUPFOR,
	SETTING_POPKEY,
	SETTING_POPKEYPLAIN,
	SETTING_POPKEYPORT25,
	SETTING_POPKEYIPV6,
	SETTING_POPKEYANYBODY,
	SETTING_GATESTORE,
	SETTING_GATESTORELOGIN,
};
#define SETTING_COUNT 35

/* How the file reads. Numbers, sizes, durations and switches are one value, kept in config.numbers[]. */
enum setting_kind {
	SETTING_KIND_DOMAIN, /* one full domain name */
	SETTING_KIND_NAME, /* one local name or address of our own */
	SETTING_KIND_PATH, /* one path with LOCALPART in it */
	SETTING_KIND_FILE, /* one path of a file */
	SETTING_KIND_HOST, /* one host with port and login */
	SETTING_KIND_NUMBER, /* digits */
	SETTING_KIND_SIZE, /* octets, or with K, M, G (of 1024) */
	SETTING_KIND_DURATION, /* with s, m, h, d; kept in seconds */
	SETTING_KIND_SWITCH, /* yes or no; kept as 1 or 0 */
	SETTING_KIND_CLOCKS, /* two times in seconds; a file that says nothing has them at their default */
	SETTING_KIND_STORE, /* where rows of the gate stand, or the login to it */
	SETTING_KIND_LIST, /* a line an entry */
};

struct setting {
	enum setting_id id; /* equals the row's index */
	enum setting_kind kind;
	const char *name; /* of the file */
	uint64_t number; /* default of what is kept as a number */
	uint64_t min; /* of the number */
	uint64_t max;
	uint64_t octets_max; /* of the file */
	const char *help; /* one sentence: what it does */
	const char *absent; /* what holds without the file */
	const char *format; /* how the file is written */
	const char *remedy; /* what to do about a line that is malformed */
	const char *example; /* a whole file; lines end in LF */
	const char *note; /* more for the manual, or null */
	uint32_t lines_max; /* of the file, comments included */
	bool secret; /* values are never printed */
};

/* Settings with secrets, whose files are readable by root alone: the parent opens them for the reader, in
 * the order of the table. */
#define SETTING_SECRETS 3
/* The n-th of them, n < SETTING_SECRETS. */
const struct setting *setting_secret(unsigned n);

/* Longest line of any file, in octets without its end. */
#define SETTING_LINE_MAX 8192

/* The row; `id` must be one. */
const struct setting *setting_get(enum setting_id id);
/* The row of that file name (case counts), or null. */
const struct setting *setting_find(struct view name);
/* The setting whose name is nearest by edit distance, or null when none is near. */
const struct setting *setting_nearest(struct view name);
const char *setting_kind_name(enum setting_kind kind);
/* Whether the value is one number in config.numbers[]. */
bool setting_is_number(const struct setting *s);

/* Reads a number, size, duration or switch as the row says. False when malformed or outside min…max. */
must_use bool setting_parse_number(const struct setting *s, struct view text, uint64_t *n_out);
/* Writes it as people would: "50M", "1h", "1000", "yes". */
void setting_add_number(struct buffer *b, const struct setting *s, uint64_t n);

#endif
