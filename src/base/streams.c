#include "base/streams.h"

#define CAPACITY_FIRST 16u

struct streams streams_new(uint32_t max)
{
	return (struct streams){.max = max};
}

void streams_free(struct streams *s)
{
	memory_free(s->slots);
	*s = streams_new(s->max);
}

uint32_t streams_count(const struct streams *s)
{
	return s->count;
}

static uint32_t home_of(const struct streams *s, uint32_t id)
{
	uint32_t h = id;
	h ^= h >> 16;
	h *= 0x7feb352du;
	h ^= h >> 15;
	h *= 0x846ca68bu;
	h ^= h >> 16;
	return h & (s->capacity - 1);
}

/* The slot of `id`, or the free one where it would go. */
static struct streams_slot *find(const struct streams *s, uint32_t id)
{
	uint32_t at = home_of(s, id);
	while (s->slots[at].item && s->slots[at].id != id)
		at = (at + 1) & (s->capacity - 1);
	return &s->slots[at];
}

void *streams_get(const struct streams *s, uint32_t id)
{
	return s->capacity ? find(s, id)->item : NULL;
}

static void grow(struct streams *s)
{
	struct streams old = *s;
	s->capacity = old.capacity ? old.capacity * 2 : CAPACITY_FIRST;
	s->slots = memory_new(s->capacity, sizeof *s->slots);
	for (uint32_t i = 0; i < old.capacity; i++)
		if (old.slots[i].item)
			*find(s, old.slots[i].id) = old.slots[i];
	memory_free(old.slots);
}

enum error streams_put(struct streams *s, uint32_t id, void *item)
{
	must(item != NULL);
	if (s->count >= s->max)
		return ERROR_LIMIT;
	if (s->count + 1 > s->capacity / 4 * 3)
		grow(s);
	struct streams_slot *slot = find(s, id);
	if (slot->item)
		return ERROR_EXISTS;
	*slot = (struct streams_slot){id, item};
	s->count++;
	return ERROR_NONE;
}

/* Moves back what was pushed past the slot that became free. */
static void close_gap(struct streams *s, uint32_t gap)
{
	const uint32_t mask = s->capacity - 1;
	for (uint32_t at = (gap + 1) & mask; s->slots[at].item; at = (at + 1) & mask) {
		const uint32_t home = home_of(s, s->slots[at].id);
		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		s->slots[gap] = s->slots[at];
		s->slots[at].item = NULL;
		gap = at;
	}
}

void *streams_take(struct streams *s, uint32_t id)
{
	if (!s->capacity)
		return NULL;
	struct streams_slot *slot = find(s, id);
	void *item = slot->item;
	if (!item)
		return NULL;
	slot->item = NULL;
	s->count--;
	close_gap(s, (uint32_t)(slot - s->slots));
	return item;
}

void streams_each(const struct streams *s, void (*each)(void *context, uint32_t id, void *item),
	void *context)
{
	uint32_t *ids = memory_new(s->count, sizeof *ids);
	uint32_t count = 0;
	for (uint32_t i = 0; i < s->capacity; i++)
		if (s->slots[i].item)
			ids[count++] = s->slots[i].id;
	for (uint32_t i = 0; i < count; i++) {
		void *item = streams_get(s, ids[i]);
		if (item)
			each(context, ids[i], item);
	}
	memory_free(ids);
}
