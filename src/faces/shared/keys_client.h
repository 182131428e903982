/*
 * A face's side of the channel to `keys`: TLS handshakes ask for their signature here, and smtpd for the MACs
 * of forwarded mail. While the channel is down every handshake fails at once (the client tries again later).
 */
#ifndef FACES_SHARED_KEYS_CLIENT_H
#define FACES_SHARED_KEYS_CLIENT_H

#include "base/connection.h"
#include "channels/program.h"

struct keys_client;

struct keys_client *keys_client_new(struct program *program);
/* All handshakes have ended. */
void keys_client_free(struct keys_client **k);
/* A fresh channel end; what the old one owed is answered as failed. */
void keys_client_connect(struct keys_client *k, int fd);
/* Asks for the signature of a handshake. `c` gets connection_signed or connection_unsigned later.
 * Returns the number of the question, which keys_client_forget takes when `c` goes away; 0: nobody can
 * be asked now, and no answer will come. */
uint32_t keys_client_sign(
	struct keys_client *k, struct connection *c, const struct tls_request *request);
void keys_client_forget(struct keys_client *k, uint32_t question);

/* A question for a MAC over the octets of mail/srs.h. */
struct keys_seal {
	/* Once, later; `mac` is empty when there is none now. */
	void (*answered)(void *context, struct view mac);
	void *context;
	uint32_t question; /* 0: not under way */
};
/* `seal` is kept until it is answered or forgotten. False: nobody can be asked now. */
must_use bool keys_client_seal(struct keys_client *k, struct keys_seal *seal, struct view octets);
void keys_client_forget_seal(struct keys_client *k, struct keys_seal *seal);

#endif
