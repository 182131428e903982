/*
 * The site's secret: 32 random octets, over which `keys` makes MACs of what the site gives out and gets back.
 * For one purpose today, the reverse-paths of forwarded mail (mail/srs.h): the purpose stands before what is
 * signed, so that a MAC for one never serves another. A peer gets what its purpose allows, at a bounded rate;
 * the secret is never shown.
 *
 * Who calls: keepers/keys/main.c, which reads it, and server.c.
 */
#ifndef KEEPERS_KEYS_SECRET_H
#define KEEPERS_KEYS_SECRET_H

#include "base/digest.h"
#include "keepers/keys/signer.h"

#define SECRET_TEXT_OCTETS \
	(2 * MAC_SECRET_OCTETS) /* in the file: hexadecimal digits, and a line's end */

struct secret;

/* Empty: it signs nothing. */
struct secret *secret_new(void);
/* Wipes it. */
void secret_free(struct secret **secret);
/* Takes the file's text; false, and nothing is changed, when it is none. */
must_use bool secret_read(struct secret *secret, struct view text);
/* Appends the MAC over `octets`, which must be those of an address of mail/srs.h. SIGNER_NO_KEY when there is
 * no secret. `now_ms` is monotonic. */
must_use enum signer_result secret_sign(struct secret *secret, struct signer_peer *peer,
	uint64_t now_ms, struct view octets, struct buffer *mac_out);

#endif
