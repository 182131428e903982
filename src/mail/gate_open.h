/*
 * The keys of rows that say "this address is open" (N-20), the one kind whose keys have tails:
 *
 *	open:ADDR USER/TAIL
 *
 * ADDR is the one text form of an address (mail/ip.h; an IPv4 address in mapped form is that IPv4 address), USER the
 * mailbox that was opened, empty when nobody knows it, TAIL the session that keeps it open, empty for
 * one that has ended. Rows that differ in TAIL alone are a group: what stands up to and with the last '/'.
 * A user may have a '/' in his name, a tail has none. Pure.
 *
 *	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
 *	gate_open_key(&key, &client, VIEW("hana"), VIEW_NONE);		"open:192.0.2.1 hana/"
 */
#ifndef MAIL_GATE_OPEN_H
#define MAIL_GATE_OPEN_H

#include "base/bytes.h"
#include "mail/ip.h"

#define GATE_OPEN_PREFIX VIEW("open:")
#define GATE_OPEN_USER_MAX 64u /* octets */
#define GATE_OPEN_TAIL_MAX 64u
#define GATE_OPEN_KEY_MAX (5u + IP_TEXT_MAX + 1u + GATE_OPEN_USER_MAX + 1u + GATE_OPEN_TAIL_MAX)

/* May stand in a key: nobody, or printable UTF-8 without spaces. */
bool gate_open_user_is_good(struct view user);
/* Appends the key. A user or a tail that cannot stand in one is a fault of the caller. */
void gate_open_key(struct buffer *b, const struct ip *address, struct view user, struct view tail);
/* False for what gate_open_key would not have written. The views are of `key`. */
must_use bool gate_open_split(
	struct view key, struct ip *address_out, struct view *user_out, struct view *tail_out);
/* The address of who counts as one: all of an IPv4 address, the first `v6_prefix` bits of any other. */
struct ip gate_open_neighbour(const struct ip *address, uint8_t v6_prefix);
/* How many octets of a key name its group; 0 for a key of another kind. */
size_t gate_open_group(struct view key);

#endif
