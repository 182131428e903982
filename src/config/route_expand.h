/*
 * From a name to mailboxes: alias expansion, once per envelope, bounded in depth and in steps, with
 * loops broken. A part of config/route.h, in a file of its own for its length.
 */
#ifndef CONFIG_ROUTE_EXPAND_H
#define CONFIG_ROUTE_EXPAND_H

#include "config/route.h"

enum expand_result {
	EXPAND_OK, /* at least one mailbox is reached */
	EXPAND_UNKNOWN, /* there is no such name */
	EXPAND_NO_ROLE, /* a role address, and nobody to read it yet */
	EXPAND_DANGLING, /* a destination that leads nowhere */
	EXPAND_DEEP,
	EXPAND_LARGE, /* more mailboxes or steps than one recipient may have */
	EXPAND_LOOP, /* nothing but itself */
	EXPAND_FULL, /* the envelope holds too many mailboxes already */
	EXPAND_MEMORY,
};

/* Adds the mailboxes that `name` means to `set`; anything but EXPAND_OK leaves it as it was. */
must_use enum expand_result route_expand(
	const struct snapshot *s, struct name name, uint32_t recipient, struct route_set *set);
/* Adds an address elsewhere, which must live as long as the set: EXPAND_OK, EXPAND_FULL, EXPAND_MEMORY. */
must_use enum expand_result route_set_add_remote(
	struct route_set *set, const struct address *remote, uint32_t recipient, bool is_forwarded);
/* The same of one that is written "local@domain", which is parsed into the set's arena; EXPAND_DANGLING: it is
 * no full address. */
must_use enum expand_result route_set_add_forward(
	struct route_set *set, struct view path, uint32_t recipient);

#endif
