/*
 * Those for whom `keys` signs, a channel each (channels/face_keys.h): who asks for what, and what is refused. Every question is
 * answered before the next is read, so no stream stays open.
 *
 * Who calls: keepers/keys/main.c.
 */
#ifndef KEEPERS_KEYS_SERVER_H
#define KEEPERS_KEYS_SERVER_H

#include "base/channel.h"
#include "channels/program.h"
#include "keepers/keys/secret.h"

#define SERVER_FACES_MAX 64u

struct server_face {
	struct server *server;
	struct channel *channel; /* null: a free place */
	struct signer_peer bucket;
	struct signer_peer mac_bucket;
	enum program_id id;
	uint32_t worker;
};

/* The owner's; zero but for the first three. */
struct server {
	struct program *program;
	struct signer *signer;
	struct secret *secret;
	uint64_t signatures;
	uint64_t refusals;
	struct server_face faces[SERVER_FACES_MAX];
};

/* Takes over `fd`, which replaces an older channel of that face; without a place for it, it is closed. */
void server_connect(struct server *s, enum program_id id, uint32_t worker, int fd);

#endif
