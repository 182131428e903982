/*
 * The verdicts of config/route.h about who is not known, and may have fetched his mail first (N-20, N-26). Not for
 * others.
 */
#ifndef CONFIG_ROUTE_GATE_H
#define CONFIG_ROUTE_GATE_H

#include "config/route_verdict.h"

/* Who is not known, and must be. */
struct route_verdict route_login_wanted(void);
/* The gate was asked, and is not open. */
struct route_verdict route_not_open(
	const struct route_facts *facts, const struct route_recipient *recipient, struct arena *a);
/* Whether there is a gate that may be open for one of those whose own this address is. */
bool route_may_fetch_first(const struct snapshot *s, const struct address *reverse_path);

#endif
