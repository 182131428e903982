/*
 * The one line of `smarthost`: `HOST[:PORT] [NAME PASSWORD]`, the provider's server by which all mail for
 * others leaves. HOST is a full name, or an address (IPv6 with a port in brackets).
 */
#ifndef CONFIG_SMARTHOST_H
#define CONFIG_SMARTHOST_H

#include "mail/domain.h"
#include "mail/ip.h"

#define SMARTHOST_PORT 25 /* without a login */
#define SMARTHOST_PORT_LOGIN 587
#define SMARTHOST_WORD_MAX 255 /* octets of name and password, each */

struct smarthost {
	struct domain name; /* empty: an address, or none at all */
	bool is_address;
	struct ip address;
	uint16_t port; /* 0: there is no smarthost */
	struct view user; /* empty: no login */
	struct view password;
};

/* Views live in `text` and the arena. False when it does not read as above. */
must_use bool smarthost_parse(struct view text, struct arena *a, struct smarthost *smarthost_out);

#endif
