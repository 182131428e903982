/*
 * What the parent goes by of the configuration: `key=value` lines that sekisho-config writes for it, so
 * that it reads no file of an operator itself. Pure; values hold no control characters.
 *
 *	servername=mail.example.org
 *	mailboxes=/var/lib/sekisho/mail/
 *	submission=2525
 *	submission=4650 tls
 *	gatestore=redis://192.0.2.5:6379/0
 *	certificate=/etc/letsencrypt/live/mail.example.org/fullchain.pem
 *	certificatekey=/etc/letsencrypt/live/mail.example.org/privkey.pem
 */
#ifndef CONFIG_PARENT_FACTS_H
#define CONFIG_PARENT_FACTS_H

#include "config/read.h"

#define PARENT_FACTS_MAX 8192u /* octets */

struct parent_facts {
	struct view servername;
	struct view mailboxes; /* the directory of all of them, ends in "/" */
	struct gatestore gatestore; /* GATESTORE_OWN without one */
	struct view certificate; /* paths, both or neither */
	struct view certificate_key;
	struct config_port submission[CONFIG_PORTS_MAX];
	uint32_t submission_count;
};

void parent_facts_add(struct buffer *b, const struct config *config);
/* Views into `text`. False when it does not hold together. */
must_use bool parent_facts_read(struct view text, struct parent_facts *facts_out);

/* "2525" or "2525 tls", as in the setting submission. */
must_use bool config_port_parse(struct view text, struct config_port *port_out);
void config_port_add(struct buffer *b, const struct config_port *port);

#endif
