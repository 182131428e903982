#include "config/route_expand.h"

/* --- the set ------------------------------------------------------------------------------ */

#define SLOTS_FIRST 16

struct route_set route_set_new(struct arena *a)
{
	return (struct route_set){.arena = a, .max = ROUTE_MAILBOXES_MAX};
}

/* The slot of `user`: free (0) or holding its index in mailboxes, plus 1. Slots are a power of two
 * and at most half full. */
static uint32_t *find_slot(const struct route_set *set, uint32_t user)
{
	uint32_t at = user * 2654435761u;
	for (;; at++) {
		uint32_t *slot = &set->slots[at & (set->slot_count - 1)];
		if (*slot == 0 || set->mailboxes[*slot - 1].user == user)
			return slot;
	}
}

/* Every mailbox into a free slot again; after growth, and after some were taken back. */
static void fill_slots(struct route_set *set)
{
	for (uint32_t i = 0; i < set->slot_count; i++)
		set->slots[i] = 0;
	for (uint32_t i = 0; i < set->count; i++)
		*find_slot(set, set->mailboxes[i].user) = i + 1;
}

static bool grow(struct route_set *set)
{
	const uint32_t capacity = set->capacity ? set->capacity * 2 : SLOTS_FIRST / 2;
	struct route_mailbox *mailboxes = arena_get_array(set->arena, capacity, sizeof *mailboxes);
	uint32_t *slots = arena_get_array(set->arena, (size_t)capacity * 2, sizeof *slots);
	if (!mailboxes || !slots)
		return false;
	for (uint32_t i = 0; i < set->count; i++)
		mailboxes[i] = set->mailboxes[i];
	set->mailboxes = mailboxes;
	set->capacity = capacity;
	set->slots = slots;
	set->slot_count = capacity * 2;
	fill_slots(set);
	return true;
}

static enum expand_result add_mailbox(struct route_set *set, uint32_t user, uint32_t recipient)
{
	if (set->slot_count && *find_slot(set, user))
		return EXPAND_OK;
	if (set->count >= set->max)
		return EXPAND_FULL;
	if (set->count == set->capacity && !grow(set))
		return EXPAND_MEMORY;
	set->mailboxes[set->count++] = (struct route_mailbox){user, recipient};
	*find_slot(set, user) = set->count;
	return EXPAND_OK;
}

void route_set_take_back(struct route_set *set, uint32_t count)
{
	if (set->count == count)
		return;
	set->count = count;
	fill_slots(set);
}

/* --- the walk ----------------------------------------------------------------------------- */

struct walk {
	const struct snapshot *s;
	struct route_set *set;
	uint32_t recipient;
	struct {
		uint32_t alias;
		uint32_t next; /* of its destinations */
	} stack[NAME_DEPTH_MAX];
	unsigned depth;
	uint32_t steps;
	bool has_reached; /* some mailbox, be it one that the set held already */
};

static bool is_on_stack(const struct walk *w, uint32_t alias)
{
	for (unsigned i = 0; i < w->depth; i++)
		if (w->stack[i].alias == alias)
			return true;
	return false;
}

static enum expand_result enter(struct walk *w, struct name name)
{
	switch (name.kind) {
	case NAME_USER:
		w->has_reached = true;
		return add_mailbox(w->set, name.index, w->recipient);
	case NAME_ALIAS:
		if (is_on_stack(w, name.index))
			return EXPAND_OK; /* the loop ends here; what else it holds is taken */
		if (w->depth == NAME_DEPTH_MAX)
			return EXPAND_DEEP;
		w->stack[w->depth].alias = name.index;
		w->stack[w->depth++].next = 0;
		return EXPAND_OK;
	case NAME_NO_ROLE:
		return EXPAND_NO_ROLE;
	case NAME_OTHER_HOST:
		return EXPAND_OTHER_HOST;
	case NAME_UNKNOWN:
		return w->depth ? EXPAND_DANGLING : EXPAND_UNKNOWN;
	}
	return EXPAND_UNKNOWN;
}

static enum expand_result step(struct walk *w)
{
	const struct config_aliases *all = &w->s->aliases;
	const uint32_t index = w->stack[w->depth - 1].alias;
	const struct config_alias *alias = &all->aliases[index];
	if (w->stack[w->depth - 1].next == alias->count) {
		w->depth--;
		return EXPAND_OK;
	}
	if (w->steps++ == ROUTE_STEPS_MAX)
		return EXPAND_LARGE;
	const uint32_t at = alias->first + w->stack[w->depth - 1].next++;
	return enter(w, name_find_destination(w->s, index, &all->destinations[at]));
}

enum expand_result route_expand(
	const struct snapshot *s, struct name name, uint32_t recipient, struct route_set *set)
{
	const uint32_t before = set->count;
	struct walk w = {.s = s, .set = set, .recipient = recipient};
	enum expand_result result = enter(&w, name);
	while (result == EXPAND_OK && w.depth)
		result = step(&w);
	if (result == EXPAND_OK && !w.has_reached)
		result = EXPAND_LOOP;
	if (result == EXPAND_FULL && before == 0)
		result = EXPAND_LARGE;
	if (result != EXPAND_OK)
		route_set_take_back(set, before);
	return result;
}
