/*
 * Message-IDs of our own (RFC 5322 §3.6.4), for mail that comes without one and for DSNs: seconds,
 * random octets, and the server's name (F-25). The seconds are in the Date field anyway; nothing
 * else of the machine shows. Pure: time and randomness are arguments.
 */
#ifndef MAIL_MESSAGE_ID_H
#define MAIL_MESSAGE_ID_H

#include "mail/domain.h"

#define MESSAGE_ID_RANDOM 16 /* octets: 128 bits, so that two never meet */

struct message_id_seed {
	int64_t wall_s; /* before 1970 counts as 1970 */
	uint8_t random[MESSAGE_ID_RANDOM]; /* from base/random */
};

/* Appends `<SECONDS.RANDOM@server>`, brackets included, without a field name. `server` is full. */
void message_id_add(struct buffer *b, const struct message_id_seed *seed, struct domain server);

#endif
