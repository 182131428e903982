/*
 * The lines of `backupfor` (F-23): `DOMAIN HOST[:PORT]`. Sites that are not always on: this server takes the mail
 * for such a domain from everybody, and keeps it for the one host that is named here (RFC 5321 §5: it is an MX
 * of lower preference there). That host is not looked up by MX, so the mail cannot come back to us.
 */
#ifndef CONFIG_BACKUP_H
#define CONFIG_BACKUP_H

#include "config/smarthost.h"

#define BACKUPS_MAX 1000 /* domains */

struct backup {
	struct domain domain;
	struct smarthost next; /* without a login */
	uint32_t line;
};

/* Views live in `text` and the arena. False when it does not read as above. */
must_use bool backup_parse(
	struct view text, uint32_t line, struct arena *a, struct backup *backup_out);

#endif
