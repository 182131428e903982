/*
 * The one line of `gatestore`: where open addresses stand, so that other programs, or other hosts, share them. Pure.
 *
 *	/run/popkey				a directory, as the tools popkey-* write it (popkey/directory.h)
 *	redis://192.0.2.5:6379/0		a Redis or Valkey; [2001:db8::5] for IPv6; "localhost" is 127.0.0.1
 *	redis:///run/redis/redis.sock		one of this machine; /run/redis/redis.sock?3 for its database 3
 *
 * A host is an address and no name: what the gate stands on shall not wait for the DNS.
 */
#ifndef CONFIG_GATESTORE_H
#define CONFIG_GATESTORE_H

#include "mail/ip.h"

#define GATESTORE_PORT 6379
#define GATESTORE_PATH_MAX 107u /* octets; a socket's */
#define GATESTORE_TEXT_MAX 160u /* octets of its one form */
#define GATESTORE_WORD_MAX 255u /* of a login */
#define GATESTORE_DATABASE_MAX 1023u

enum gatestore_kind { GATESTORE_OWN, GATESTORE_DIRECTORY, GATESTORE_TCP, GATESTORE_SOCKET };

struct gatestore {
	enum gatestore_kind kind;
	struct view path; /* of the directory or the socket, in the text that was read */
	struct ip address;
	uint16_t port;
	uint32_t database;
};

must_use bool gatestore_parse(struct view text, struct gatestore *store_out);
bool gatestore_is_redis(const struct gatestore *store);
/* The one form of it; nothing for GATESTORE_OWN. */
void gatestore_add(struct buffer *b, const struct gatestore *store);

/* The line of `gatestorelogin`: `PASSWORD` or `NAME PASSWORD`. */
must_use bool gatestore_login_parse(
	struct view text, struct view *user_out, struct view *password_out);

#endif
