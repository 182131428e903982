#include "config/senders.h"

#include "config/names.h"

#define STEPS_MAX 20000 /* destinations looked at; a larger list is nobody's address */

bool sender_is_of_site(const struct snapshot *s, const struct address *address)
{
	return !view_is_empty(address->local_plain) && snapshot_has_domain(s, address->domain);
}

/* --- aliases that lead to the user -------------------------------------------------------- */

struct search {
	const struct snapshot *s;
	uint32_t wanted; /* SNAPSHOT_NOT_FOUND: all */
	struct {
		uint32_t alias;
		uint32_t next; /* of its destinations */
	} stack[NAME_DEPTH_MAX];
	unsigned depth;
	uint32_t steps;
	struct sender_owners *found;
	bool is_over; /* more than can be kept */
};

static void meet(struct search *w, uint32_t user)
{
	struct sender_owners *found = w->found;
	if (w->wanted != SNAPSHOT_NOT_FOUND && w->wanted != user)
		return;
	for (uint32_t i = 0; i < found->count; i++)
		if (found->users[i] == user)
			return;
	if (found->count == SENDER_OWNERS_MAX)
		w->is_over = true;
	else
		found->users[found->count++] = user;
}

static void enter(struct search *w, struct name name)
{
	if (name.kind == NAME_USER)
		meet(w, name.index);
	else if (name.kind == NAME_ALIAS && w->depth < NAME_DEPTH_MAX) {
		w->stack[w->depth].alias = name.index;
		w->stack[w->depth++].next = 0;
	}
}

static void step(struct search *w)
{
	const struct config_aliases *all = &w->s->aliases;
	const uint32_t index = w->stack[w->depth - 1].alias;
	const struct config_alias *alias = &all->aliases[index];
	if (w->stack[w->depth - 1].next == alias->count) {
		w->depth--;
		return;
	}
	w->steps++;
	const uint32_t at = alias->first + w->stack[w->depth - 1].next++;
	enter(w, name_find_destination(w->s, index, &all->destinations[at]));
}

/* Destinations that lead nowhere or to other hosts are passed over. Aliases that go round in a circle are
 * refused when they are read; here depth and steps end them. */
static void walk(struct search *w, struct name name)
{
	const bool is_for_one = w->wanted != SNAPSHOT_NOT_FOUND;
	enter(w, name);
	while (w->depth && w->steps < STEPS_MAX && !w->is_over && !(is_for_one && w->found->count))
		step(w);
}

static bool leads_to(const struct snapshot *s, struct name name, uint32_t user)
{
	struct sender_owners found = {0};
	struct search w = {.s = s, .wanted = user, .found = &found};
	walk(&w, name);
	return found.count > 0;
}

/* ------------------------------------------------------------------------------------------ */

static struct view without_tag(struct view local)
{
	const size_t at = view_find(local, '+');
	return at == VIEW_NOT_FOUND ? local : view_first(local, at);
}

bool sender_is_of_user(const struct snapshot *s, struct view user, const struct address *address)
{
	const uint32_t who = snapshot_find_user(s, user);
	if (who == SNAPSHOT_NOT_FOUND || !sender_is_of_site(s, address))
		return false;
	const struct view local = address->local_plain;
	if (snapshot_find_user(s, local) == who || snapshot_find_user(s, without_tag(local)) == who)
		return true;
	return leads_to(s, name_find(s, local, address->domain), who);
}

struct sender_owners sender_owners_of(const struct snapshot *s, const struct address *address)
{
	struct sender_owners owners = {0};
	struct search w = {.s = s, .wanted = SNAPSHOT_NOT_FOUND, .found = &owners};
	if (!sender_is_of_site(s, address))
		return owners;
	const struct view local = address->local_plain;
	const uint32_t by_name[] = {
		snapshot_find_user(s, local), snapshot_find_user(s, without_tag(local))};
	for (size_t i = 0; i < 2; i++)
		if (by_name[i] != SNAPSHOT_NOT_FOUND)
			meet(&w, by_name[i]);
	const uint32_t named = owners.count;
	walk(&w, name_find(s, local, address->domain));
	if (w.is_over)
		owners.count = named;
	return owners;
}
