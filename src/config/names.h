/*
 * What a local-part means here, in one place: used by config/route.h for each RCPT and by
 * config/check.h for every alias, so that both say the same.
 *
 * In this order: the alias `local@domain`; the alias `local`; the user; then the same three for
 * what stands before a "+"; then, for postmaster, abuse and mailer-daemon, the postmaster.
 */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include "config/snapshot.h"

enum name_kind {
	NAME_UNKNOWN,
	NAME_ALIAS, /* `index` of the alias */
	NAME_USER, /* `index` of the user */
	NAME_NO_ROLE, /* a role address, but there is no postmaster yet */
	NAME_OTHER_HOST, /* a destination outside our domains */
};

struct name {
	enum name_kind kind;
	uint32_t index;
};

/* postmaster, abuse, mailer-daemon: always answer in every own domain (RFC 5321 §4.5.1, RFC
 * 2142). */
bool name_is_role(struct view local);
/* `domain` is an own domain, or empty for a local name. */
struct name name_find(const struct snapshot *s, struct view local, struct domain domain);
/* A destination of the alias with that index: its own name means the user of that name. */
struct name name_find_destination(
	const struct snapshot *s, uint32_t alias, const struct alias_destination *destination);

#define NAME_DEPTH_MAX 16 /* aliases that name aliases */

#endif
