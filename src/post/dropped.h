/*
 * A mail that waits in the directory `drop` (channels/caller.h) for a server that is down: what sendmail(1)
 * writes there and the keeper `drop` reads. Pure. Lines that end in LF, then the content as it goes out:
 *
 *	sekisho-drop 1
 *	from hana@mail.example.org	(nothing behind it: the null reverse-path)
 *	flags 1				(decimal: enum envelope_flags)
 *	envid QQ314159			(only where one was given)
 *	to ? 0 taro@example.net		(state, NOTIFY as in mail/envelope.h, forward-path)
 *
 *	Received: …
 *
 * The state of a recipient is one octet, which the keeper overwrites when it is done with him: so it knows
 * after a crash who has the mail. Whose mail it is says the owner of the file, and nothing in it.
 */
#ifndef POST_DROPPED_H
#define POST_DROPPED_H

#include "mail/envelope.h"

#define DROPPED_HEAD_MAX (4u << 20) /* octets before the content */
#define DROPPED_NEW "new." /* a name that begins so is not whole yet */
#define DROPPED_NAME_OCTETS 32u /* of a name that counts: hexadecimal digits */

enum dropped_state {
	DROPPED_OPEN = '?',
	DROPPED_SENT = '+', /* smtpd took it */
	DROPPED_FAILED = '-', /* refused for good, and its sender was told */
};

struct dropped_recipient {
	enum dropped_state state;
	uint32_t state_at; /* offset of its octet in the file */
	uint16_t notify;
	struct view forward_path;
};

struct dropped {
	uint16_t flags; /* ENVELOPE_8BITMIME, _SMTPUTF8, _RET_FULL, _RET_HDRS */
	struct view reverse_path; /* empty: null */
	struct view envid;
	struct dropped_recipient *recipients;
	uint32_t recipient_count; /* 1 … ENVELOPE_RECIPIENTS_MAX */
	uint32_t head_octets; /* the content begins there */
};

/* Appends the head; the states, and what the file tells of itself, are not looked at. */
void dropped_add(struct buffer *b, const struct dropped *d);
/* Reads the front of a file; views point into it, recipients lie in the arena. Null, or what is wrong with
 * it: static. */
must_use const char *dropped_read(struct view front, struct arena *a, struct dropped *dropped_out);
/* Whether a file of that name is a mail that is whole. */
bool dropped_is_name(struct view name);

#endif
