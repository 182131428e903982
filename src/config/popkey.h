/*
 * The two clocks of the gate that a POP3 login opens (N-20, N-23), as the setting popkey says them. Pure.
 */
#ifndef CONFIG_POPKEY_H
#define CONFIG_POPKEY_H

#include "base/bytes.h"

/* Seconds; both 0: off. */
struct popkey {
	uint32_t after_s; /* open from the end of a session */
	uint32_t session_s; /* open from its login at most, while it lasts */
};

/* The paper's gateDur and xpireDur. */
#define POPKEY_DEFAULT  \
	(struct popkey) \
	{               \
		10, 300 \
	}

bool popkey_is_on(const struct popkey *p);
/* Off, or both within their bounds. */
bool popkey_is_sound(const struct popkey *p);
/* "10 300". */
must_use bool popkey_parse(struct view text, struct popkey *popkey_out);
void popkey_add(struct buffer *b, const struct popkey *p);

#endif
