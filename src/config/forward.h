/*
 * Mail that comes to an address of ours and leads elsewhere: by an alias, or to a return address that we gave
 * out. Pure. Under which reverse-path it leaves (mail/srs.h), and whose return addresses are true.
 *
 *	| the sender is               | it leaves as                                              |
 *	|-----------------------------|-----------------------------------------------------------|
 *	| null                        | null                                                      |
 *	| of the site                 | he is: we may send for our own domains                    |
 *	| at an address literal       | he is: SPF knows no literals                              |
 *	| elsewhere                   | an address of ours that leads back to him (SRS0, SRS1)    |
 *	| SRS1 of our own SRS0        | that SRS0: the mail has been here, and comes back         |
 *
 * Who calls: config/route_rcpt.c, faces/smtpd, `sekisho explain`.
 */
#ifndef CONFIG_FORWARD_H
#define CONFIG_FORWARD_H

#include "config/snapshot.h"
#include "mail/srs.h"

/* A mail that has been here so often is not forwarded once more: aliases of two sites that lead to one another
 * multiply it each time. Users who post to a list that writes to an alias that leads to another see three. */
#define FORWARD_PASSES_MAX 4u

enum forward_sender {
	FORWARD_SAME, /* the reverse-path that it has */
	FORWARD_SIGNED, /* *srs_out, once it is signed */
	FORWARD_RESTORED, /* the original of *srs_out */
	FORWARD_MEMORY, /* the arena is at its cap */
};
/* Under which reverse-path a mail of this one is forwarded. */
must_use enum forward_sender forward_sender(const struct snapshot *s,
	const struct address *reverse_path, int64_t now_s, struct arena *a, struct srs *srs_out);

/* Whether it is a return address of this site, true or not: in a domain of ours, and nobody's name. */
must_use bool forward_is_return(
	const struct snapshot *s, const struct address *forward_path, struct srs *srs_out);

#endif
