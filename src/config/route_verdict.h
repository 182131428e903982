/*
 * Verdicts of config/route.h, as its files make them. Not for others.
 */
#ifndef CONFIG_ROUTE_VERDICT_H
#define CONFIG_ROUTE_VERDICT_H

#include "base/text.h"
#include "config/route.h"

#define ROUTE_TEXT_MAX \
	400 /* octets; a reply line has 512 with code and CRLF, RFC 5321 §4.5.3.1.5 */

/* A sentence in the arena; `fallback` when it is too long, or the arena at its cap. */
struct view route_say_args(
	struct arena *a, const char *fallback, const char *format, const struct text_arg *args);
#define ROUTE_SAY(a, fallback, format, ...)       \
	route_say_args((a), (fallback), (format), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})

struct route_verdict route_allow(const char *rule, uint16_t code, const char *enhanced);
struct route_verdict route_refuse(
	const char *rule, uint16_t code, const char *enhanced, struct view text);

/* The domain in which an address of ours is made. */
struct domain route_main_domain(const struct snapshot *s);
/* Whether the address is "in": an own domain, our own end of this session, or <postmaster>. */
bool route_is_own(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path);

/* Whether the address is CALLER@servername, with or without a tag, of the system user who posts. */
bool route_is_of_caller(
	const struct snapshot *s, const struct route_facts *facts, const struct address *address);

/* Whose an address is. Those of the first two are "in" (N-1). */
enum route_owner { ROUTE_OWNER_SITE, ROUTE_OWNER_BACKED_UP, ROUTE_OWNER_ELSEWHERE };
enum route_owner route_owner_of(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path);

#endif
