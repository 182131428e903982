/*
 * The live store in a Redis (or Valkey) that several hosts share: what one of them opens is open at all. It is a
 * connection that the parent made, for the gate has no network of its own: `dial` asks for one, redis_connected has
 * it. Questions are sent as they come, answered in their turn, each within REDIS_ANSWER_MS.
 *
 * While there is no Redis, or it does not do what it is asked, nothing is open: questions about "open:" are
 * ERROR_BUSY, which no face takes for a yes (N-24). All other kinds are answered from the gate's own table meanwhile: what
 * a host counts alone is less than all of them would, and better than nothing.
 */
#ifndef KEEPERS_GATE_REDIS_H
#define KEEPERS_GATE_REDIS_H

#include "keepers/gate/gated.h"

#define REDIS_ANSWER_MS 1000u /* monotonic */
#define REDIS_HELLO_MS 3000u
#define REDIS_AGAIN_MIN_MS 200u /* before the next try, doubled each time */
#define REDIS_AGAIN_MAX_MS 10000u
#define REDIS_QUESTIONS_MAX 4096u /* under way; what is beyond is answered as without a Redis */

struct redis_spec {
	struct view name; /* for logs; copied, as the others */
	struct view user;
	struct view password;
	uint32_t database;
	void (*dial)(void *context);
	void *context;
};

struct gate_live *redis_new(struct gated *g, struct loop *loop, const struct redis_spec *spec);
/* What `dial` asked for: a socket, non-blocking, connected or about to be; or -1. */
void redis_connected(struct gate_live *live, int fd);

#endif
