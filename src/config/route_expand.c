#include "config/route_expand.h"

#include "mail/address_problem.h"

/* --- the set ------------------------------------------------------------------------------ */

#define SLOTS_FIRST 16

struct route_set route_set_new(struct arena *a)
{
	return (struct route_set){.arena = a, .max = ROUTE_MAILBOXES_MAX};
}

static uint32_t hash_of(const struct route_mailbox *m)
{
	if (!m->remote)
		return m->user * 2654435761u;
	return (uint32_t)(view_hash(m->remote->local_plain) ^ view_hash(m->remote->domain.name));
}

static bool is_same(const struct route_mailbox *a, const struct route_mailbox *b)
{
	if (a->remote && b->remote)
		return address_equal(a->remote, b->remote);
	return !a->remote && !b->remote && a->user == b->user;
}

/* The slot of `m`: free (0) or holding its index in mailboxes, plus 1. Slots are a power of two
 * and at most half full. */
static uint32_t *find_slot(const struct route_set *set, const struct route_mailbox *m)
{
	for (uint32_t at = hash_of(m);; at++) {
		uint32_t *slot = &set->slots[at & (set->slot_count - 1)];
		if (*slot == 0 || is_same(&set->mailboxes[*slot - 1], m))
			return slot;
	}
}

/* Every mailbox into a free slot again; after growth, and after some were taken back. */
static void fill_slots(struct route_set *set)
{
	for (uint32_t i = 0; i < set->slot_count; i++)
		set->slots[i] = 0;
	for (uint32_t i = 0; i < set->count; i++)
		*find_slot(set, &set->mailboxes[i]) = i + 1;
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

static enum expand_result add(struct route_set *set, const struct route_mailbox *m)
{
	if (set->slot_count && *find_slot(set, m))
		return EXPAND_OK;
	if (set->count >= set->max)
		return EXPAND_FULL;
	if (set->count == set->capacity && !grow(set))
		return EXPAND_MEMORY;
	set->mailboxes[set->count++] = *m;
	*find_slot(set, m) = set->count;
	return EXPAND_OK;
}

enum expand_result route_set_add_remote(
	struct route_set *set, const struct address *remote, uint32_t recipient, bool is_forwarded)
{
	return add(set, &(struct route_mailbox){.user = SNAPSHOT_NOT_FOUND,
				.recipient = recipient,
				.remote = remote,
				.is_forwarded = is_forwarded});
}

enum expand_result route_set_add_forward(
	struct route_set *set, struct view path, uint32_t recipient)
{
	struct address *remote = arena_get(set->arena, sizeof *remote);
	if (!remote)
		return EXPAND_MEMORY;
	const enum address_problem problem = address_parse(path, true, set->arena, remote);
	if (problem == ADDRESS_MEMORY)
		return EXPAND_MEMORY;
	if (problem != ADDRESS_OK || remote->is_literal || !domain_is_full(remote->domain))
		return EXPAND_DANGLING;
	return route_set_add_remote(set, remote, recipient, true);
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
		return add(w->set,
			&(struct route_mailbox){.user = name.index, .recipient = w->recipient});
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
	case NAME_UNKNOWN:
		return w->depth ? EXPAND_DANGLING : EXPAND_UNKNOWN;
	}
	return EXPAND_UNKNOWN;
}

static enum expand_result forward(struct walk *w, const struct alias_destination *d)
{
	struct buffer path = buffer_new(ADDRESS_PATH_MAX);
	address_add_plain(&path, d->local, d->domain);
	const enum expand_result result =
		route_set_add_forward(w->set, buffer_view(&path), w->recipient);
	buffer_free(&path);
	w->has_reached |= result == EXPAND_OK;
	return result;
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
	const struct name name = name_find_destination(w->s, index, &all->destinations[at]);
	return name.kind == NAME_OTHER_HOST ? forward(w, &all->destinations[at]) : enter(w, name);
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
