/*
 * Accepting connections: a watch on a listening socket, the client's and our own address as struct
 * ip, and a pause when descriptors run out (the waiting clients stay in the kernel's queue).
 */
#ifndef FACES_SHARED_LISTENER_H
#define FACES_SHARED_LISTENER_H

#include "base/loop.h"
#include "mail/address.h"

struct arrival {
	int fd; /* non-blocking; becomes the owner's */
	struct ip client;
	uint16_t client_port;
	struct ip local;
	/* Not of a listener: a program of this machine, handed over by the parent. Empty: it is none. */
	struct view caller; /* name of its user */
	uint32_t caller_uid;
};

struct listener;
typedef void listener_arrived(void *context, const struct arrival *arrival);

/* Takes over the listening socket. */
struct listener *listener_new(struct loop *loop, int fd, listener_arrived *arrived, void *context);
/* Leaves newcomers to the other workers, or not any more. */
void listener_rest(struct listener *l, bool rests);
/* Stops listening and closes. */
void listener_free(struct listener **l);

#endif
