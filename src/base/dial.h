/*
 * A connection to one host of several addresses: the first is tried, and a moment later, or when it has
 * failed, the next beside it; who answers first is it (RFC 8305 §5). Nothing blocks.
 */
#ifndef BASE_DIAL_H
#define BASE_DIAL_H

#include "base/loop.h"

#define DIAL_ADDRESSES_MAX 16u
#define DIAL_STEP_MS 250u /* monotonic: RFC 8305 §8, Connection Attempt Delay */

/* An address as mail/ip.h has it: 16 octets, IPv4 in its mapped form. */
struct dial_address {
	uint8_t octets[16];
};

struct dial;
/* Once, never from inside dial_new. `fd` is the owner's, non-blocking, connected to `address`, which lives until it returns,
 * whatever becomes of the dial; -1 when there was none: `why` is static, for logs and reports. */
typedef void dial_done(void *context, int fd, const struct dial_address *address, const char *why);

/* At least one address, at most DIAL_ADDRESSES_MAX: what is beyond is not tried. All of it may take
 * `most_ms`. */
struct dial *dial_new(struct loop *loop, const struct dial_address *addresses, size_t count,
	uint16_t port, uint64_t most_ms, dial_done *done, void *context);
/* Ends it, if it has not ended. Also from inside `done`. */
void dial_free(struct dial **dial);

#endif
