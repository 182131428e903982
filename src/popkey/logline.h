/*
 * Finds logins in the log of a POP3 or IMAP server (N-21 a). Pure, but for the regular expressions, which are libc's.
 *
 * Whoever fails to log in has chosen a name that stands in the log, too, so a pattern is anchored at both ends, always: what
 * stands before the message is the system's (time, host) and is taken by a strict form, nothing is skipped to find a match, and a
 * user's name holds no octet that ends one in a log (space, quotes, brackets, comma, semicolon).
 *
 *	struct loglines *l = loglines_new();
 *	loglines_add_known(l, VIEW("dovecot"));
 *	if (loglines_match(l, line, &found)) …
 */
#ifndef POPKEY_LOGLINE_H
#define POPKEY_LOGLINE_H

#include "mail/ip.h"

#define LOGLINE_MAX 8192u /* octets of a line; longer ones are not looked at */
#define LOGLINES_MAX 32u /* patterns */
#define LOGLINE_USER_MAX 255u

struct loglines;
/* A line begins with a head, which is a time and, mostly, a host. */
struct loglines *loglines_new(void);
void loglines_free(struct loglines **l);

/* "dovecot", "courier", "cyrus", "uw". False: none of these. */
must_use bool loglines_add_known(struct loglines *l, struct view name);
/* A POSIX extended regular expression for all behind the head, with %{address} once and %{user} at most once. False, with
 * a sentence in `problem`, when it is none. */
must_use bool loglines_add(
	struct loglines *l, struct view pattern, bool is_imap, struct buffer *problem);

struct logline {
	struct ip ip;
	struct view user; /* of the line; may be empty */
	bool is_imap;
};
must_use bool loglines_match(const struct loglines *l, struct view line, struct logline *found_out);

#endif
