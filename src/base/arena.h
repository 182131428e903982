/*
 * Memory that belongs to a lifetime we can name (session, transaction, one configuration load). It
 * has a cap; it is dropped whole. At the cap an allocation fails, the caller answers "temporary".
 * An arena without allocations holds no memory, so an idle session costs its struct only.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena {
	struct arena_block *newest;
	size_t used; /* octets handed out and held in blocks */
	size_t max;
};

struct arena arena_new(size_t max);
/* Zeroed and aligned for any type; null at the cap. */
must_use void *arena_get(struct arena *a, size_t size);
/* `count` elements of `size` octets. */
must_use void *arena_get_array(struct arena *a, size_t count, size_t size);
/* A copy that lives as long as the arena. False at the cap (then *copy_out is empty). */
must_use bool arena_copy(struct arena *a, struct view v, struct view *copy_out);
/* Drops everything; the arena can be used again. */
void arena_reset(struct arena *a);

#endif
