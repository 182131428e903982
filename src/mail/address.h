/*
 * Mailboxes, paths, domains and address literals of RFC 5321 §4.1.2 and §4.1.3, with the UTF-8 of
 * RFC 6531 and the forms that Japan's mobile carriers once handed out (`a..b@`, `ab.@`). Pure.
 *
 * An address is kept as it was given (`local_part` and `domain_given` are what goes into the
 * envelope and to the next host) and compared as the standards say: the domain by its A-label form
 * in lower case, the local-part octet by octet after quotes that need not be there are gone
 * (`"ab"@x` equals `ab@x`). Whether our own local-parts compare without case is the business of
 * config/route.h, not of this module.
 *
 * Who calls: protocol/smtp_server (paths), config (lists, aliases, explain), tools.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "mail/domain.h"
#include "mail/ip.h"

/* Octets. RFC 5321 §4.5.3.1.1 has 64 and lets us take more: forwarders (mail/srs.h) and lists write a whole
 * address into the local-part of their own. The path bounds it. */
#define ADDRESS_LOCAL_MAX 252
#define ADDRESS_PATH_MAX 256 /* octets with "<" and ">"; RFC 5321 §4.5.3.1.3 */

/* mailbox = local-part "@" ( domain / address literal ) */
struct address {
	/* All views lie in the arena that the address was parsed into. */
	struct view local_part; /* as given, quotes included */
	struct view domain_given; /* as given: U-labels stay; a literal with its brackets */
	struct view local_plain; /* quotes and backslashes removed: what is compared */
	struct domain domain; /* empty name when it is a literal */
	bool is_literal;
	bool is_utf8; /* has non-ASCII anywhere as given: needs SMTPUTF8 */
	struct ip literal; /* when is_literal and IPv4/IPv6; other tags are refused */
	bool is_old_form; /* unquoted local-part with dots as only the carriers gave them out:
				   * two together or one at the end. A next host may not know it. */
};

/* Parses a bare mailbox "local@domain". `utf8`: SMTPUTF8 is in force. */
must_use enum address_problem address_parse(
	struct view text, bool utf8, struct arena *a, struct address *address_out);
/* Same local_plain octets and same domain or literal. */
bool address_equal(const struct address *a, const struct address *b);
/* local_part "@" domain_given; the local-part alone when there is no domain ("<postmaster>"). */
void address_add(struct buffer *b, const struct address *a);
/* The address of a local-part without quotes, which gets them where it needs them. */
void address_add_plain(struct buffer *b, struct view local_plain, struct domain domain);
/* True when neither the local-part nor the domain was filled in (the null reverse-path). */
bool address_is_null(const struct address *a);
/* Whether a local-part without quotes may stand so: a dot-string; `old`: or an old form (see above). */
bool address_local_is_plain(struct view local, bool old);
/* Appends it with its quotes, if it needs them. */
void address_add_local(struct buffer *b, struct view local_plain, bool old);

enum path_flags {
	PATH_UTF8 = 1, /* SMTPUTF8 is in force */
	PATH_NULL_OK = 2, /* "<>" is fine (MAIL) */
	PATH_POSTMASTER_OK =
		4, /* "<postmaster>" without domain is fine (RCPT, RFC 5321 §4.1.1.3) */
};
/* Reads one path from the front of `c`: "<" [ A-d-l ":" ] mailbox ">". A source route is accepted
 * and told by *had_route_out, its hosts dropped (RFC 5321 appendix C); policy refuses it later. A
 * null path gives an address for which address_is_null holds; "<postmaster>" gives the local-part
 * as written and an empty domain. `c` stands behind the ">" when ADDRESS_OK is returned. */
must_use enum address_problem path_parse(struct cursor *c, unsigned flags, struct arena *a,
	struct address *address_out, bool *had_route_out);

/* The argument of EHLO or HELO: a domain, or an address literal in brackets. */
struct helo_name {
	struct view given;
	struct domain domain; /* empty when it is a literal */
	bool is_literal;
	struct ip literal;
	bool is_loose; /* not a domain by the grammar, but syntactically possible for an inside
			* client: letters, digits, hyphen, underscore, dot, colon, brackets (phones, printers) */
};
/* ADDRESS_OK also for loose names; the caller looks at `is_loose` and domain_is_full. */
must_use enum address_problem helo_parse(
	struct view text, struct arena *a, struct helo_name *name_out);

#endif
