/*
 * The settings of the face `resolve`: nameservers, and trustanchors. A part of config/read.h, in a file of
 * its own; the checks of single lines serve the snapshot's decoder, too.
 *
 * Either has a word that stands for "none, on purpose", and a default that the system's own files give:
 * the name servers of /etc/resolv.conf (of those that name an interface, none is taken), the keys of the
 * DNS root as Debian's dns-root-data has them.
 */
#ifndef CONFIG_RESOLVING_H
#define CONFIG_RESOLVING_H

#include "config/lists.h"

#define NAMESERVERS_MAX 8u
#define ANCHORS_MAX 32u
#define ANCHOR_OCTETS_MAX 2048u
#define NAMESERVER_PORT 53u

/* "192.0.2.53", "2001:db8::53#5353" into the one form "192.0.2.53@53". False when it is no such thing. */
must_use bool nameserver_parse(struct view text, struct arena *a, struct view *normal_out);
/* A DS or DNSKEY record as in a zone file, time to live and class where they are wanted, into the one form
 * "example.org. IN DS 31589 13 2 cde0…". */
must_use bool anchor_parse(struct view text, struct arena *a, struct view *normal_out);

/* Whether it is the one form. */
bool nameserver_is_sound(struct view normal);
bool anchor_is_sound(struct view normal);

/* False when the arena is at its cap. */
must_use bool resolving_read(struct reader *r);

#endif
