/*
 * Whose an address is (N-7): what a user may write as reverse-path, From and Sender. Pure; asked by
 * config/route.h and, through it, by `sekisho explain`.
 *
 * An address is a user's when its domain is an own one and its local-part
 *
 *	- is the user's name, or the name and a tag ("hana+news"), whatever alias has that name, or
 *	- is an alias, or a role such as postmaster, whose mail reaches the user, alone or among others,
 *	  itself or by way of further aliases: who reads the answers may ask the questions.
 */
#ifndef CONFIG_SENDERS_H
#define CONFIG_SENDERS_H

#include "config/snapshot.h"
#include "mail/address.h"

/* In an own domain. An address literal is in none. */
bool sender_is_of_site(const struct snapshot *s, const struct address *address);
/* `user` is a user's name. */
bool sender_is_of_user(const struct snapshot *s, struct view user, const struct address *address);

/* All whose own it is, as indexes of the snapshot: those whose name it bears come first. An alias that reaches more than
 * SENDER_OWNERS_MAX users is nobody's here. */
#define SENDER_OWNERS_MAX 16
struct sender_owners {
	uint32_t users[SENDER_OWNERS_MAX];
	uint32_t count;
};
struct sender_owners sender_owners_of(const struct snapshot *s, const struct address *address);

#endif
