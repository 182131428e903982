/*
 * The other end of a keeper's channel, in the hands of a test: what the keeper says is kept in order until the test takes it.
 * For keepers that run in the test's own process. The keeper may say only what its table allows.
 */
#ifndef TESTS_KEEPER_ENDS_H
#define TESTS_KEEPER_ENDS_H

#include "base/channel.h"

#define SAID_MAX 256
#define OCTETS_MAX 256

struct said {
	uint16_t code;
	uint32_t stream;
	uint64_t number; /* of the first field */
	uint64_t second;
	char octets[OCTETS_MAX]; /* of the last field, cut */
	size_t length;
};

struct end {
	struct loop *loop;
	struct channel *channel;
	struct said said[SAID_MAX];
	size_t count; /* not looked at yet */
	bool gone; /* the keeper has closed it */
};

/* A fresh channel in place of an older one; the descriptor is the keeper's. */
int end_connect(struct end *end, struct loop *loop, const struct frame_protocol *protocol,
	enum frame_side ours);
/* Some turns, in which nothing (more) is to happen. */
void let_run(struct loop *loop);
/* What the end hears next of that code, which must come; what it heard before is passed over. */
struct said hear(struct end *end, uint16_t code);

#endif
