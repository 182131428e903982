/*
 * From a stream's number to whatever stands behind it: an open hash table with a bound. Each channel
 * end has one. Numbers are chosen by a peer, so they are mixed before they choose a slot.
 */
#ifndef BASE_STREAMS_H
#define BASE_STREAMS_H

#include "base/bytes.h"
#include "base/error.h"

struct streams_slot {
	uint32_t id;
	void *item; /* null: free */
};

struct streams {
	struct streams_slot *slots;
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t count;
	uint32_t max;
};

/* Empty, without memory; it will never hold more than `max`. */
struct streams streams_new(uint32_t max);
/* The items are the caller's. */
void streams_free(struct streams *s);
uint32_t streams_count(const struct streams *s);
/* Null when there is none. */
void *streams_get(const struct streams *s, uint32_t id);
/* `item` is not null. ERROR_LIMIT at the bound, ERROR_EXISTS when the number is taken. */
must_use enum error streams_put(struct streams *s, uint32_t id, void *item);
/* Takes it out; null when there is none. */
void *streams_take(struct streams *s, uint32_t id);
/* Calls `each` for every stream that stood there at the call and still does; it may take any. */
void streams_each(const struct streams *s, void (*each)(void *context, uint32_t id, void *item),
	void *context);

#endif
