/*
 * The lines of `aliases` (F-13):
 *
 *	sales:			hana, taro
 *	info@example.org:	hana,
 *				taro+info	# an indented line goes on with the list
 *
 * `name` holds in every own domain, `name@domain` in that one. A destination is a local name, with
 * or without a +tag, or an address. `|program`, `/file` and `:include:` are refused by name,
 * always: no alias ever runs a program or writes a file (F-24). An address in no domain of ours is a
 * forward: its mail goes to that host, as config/forward.h says. An alias that lists its own
 * name means the mailbox of the user of that name ("hana: hana, taro" keeps a copy).
 *
 * Loops and destinations that lead nowhere are found by config/check.h.
 */
#ifndef CONFIG_ALIASES_H
#define CONFIG_ALIASES_H

#include "config/finding.h"
#include "config/lines.h"
#include "mail/address.h"

#define ALIASES_MAX 200000
#define ALIAS_DESTINATIONS_MAX 1000000 /* of all aliases together */

struct alias_destination {
	struct view text; /* as given; not kept in snapshots */
	struct view
		local; /* ASCII in lower case when it is a local name; else as given, without quotes:
			    * another host may tell letters apart */
	struct domain domain; /* empty: a local name */
};

struct config_alias {
	struct view local; /* ASCII in lower case */
	struct domain domain; /* empty: every own domain */
	uint32_t first; /* of its destinations */
	uint32_t count;
	uint32_t line;
};

struct config_aliases {
	struct config_alias *aliases; /* sorted by local, then domain */
	uint32_t count;
	struct alias_destination *destinations;
	uint32_t destination_count;
};

/* Reads a whole file. What is malformed becomes a finding for `file` and is left out; false when
 * the arena is at its cap. Views live in `text` and the arena. */
must_use bool aliases_parse(struct view text, struct view file, struct findings *findings,
	struct arena *a, struct config_aliases *aliases_out);
/* By local, then domain. */
int alias_compare(const struct config_alias *a, const struct config_alias *b);

#endif
