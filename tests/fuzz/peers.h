/*
 * The other ends of a program's channels, in the hands of somebody who broke into the programs there: for
 * targets that put a whole keeper or face into the process. What is held throughout: the program says
 * only what its tables allow; a frame that breaks its table closes the channel it came by.
 *
 * The play, octet by octet: an op names a peer and what it does:
 *	a frame of the table, rightly encoded, its values chosen by the input (also past their limits)
 *	octets as they are
 *	hanging up, and coming back as a fresh process would
 *	some turns of the loop
 */
#ifndef TESTS_FUZZ_PEERS_H
#define TESTS_FUZZ_PEERS_H

#include "base/channel.h"

#define PEERS_MAX 8
#define PEERS_OPS_MAX 100

struct peers;

struct peer {
	const struct frame_protocol *protocol;
	enum frame_side side; /* as which it speaks */
	/* Hands the program its end. */
	void (*connect)(struct peers *peers, int fd);
	/* Null, or what it says of itself to what it hears; an honest one. */
	void (*heard)(struct peer *peer, const struct frame *frame);
	struct peers *peers;
	struct channel *channel; /* null: gone */
	int fd;
	bool must_close; /* it said what it may not */
	bool is_torn; /* half a frame may have been said */
};

struct peers {
	struct loop *loop;
	size_t count;
	struct peer peers[PEERS_MAX];
	void *world;
	/* Null, or what only this world can do; takes what it needs from the input. */
	void (*act)(struct peers *peers, struct cursor *in);
};

void peer_connect(struct peer *p);
void peer_hang_up(struct peer *p);
void peers_play(struct peers *all, struct cursor *in);
/* Some turns of the loop. */
void peers_turn(struct peers *all, unsigned turns);

#endif
