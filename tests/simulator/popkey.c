#include "world.h"

#define PLANNED_WITHIN_US 20000000u

static struct pop pop_planned(struct world *w, const struct pop *before)
{
	struct pop p = {.user = (unsigned)world_draw(w, MAILBOXES),
		.client = (unsigned)world_draw(w, CLIENT_INSIDE),
		.due_us = w->script.monotonic_us + world_draw(w, PLANNED_WITHIN_US),
		.lasts_us = world_draw(w, 16) ? world_draw(w, 6000000)
					      : 280000000 + world_draw(w, 40000000)};
	if (before && world_draw(w, 2)) { /* a second session from one address */
		p.user = before->user;
		p.client = before->client;
	}
	return p;
}

void popkey_plan(struct world *w)
{
	struct popkey_world *k = &w->popkey;
	k->pop_count = (unsigned)world_draw(w, 4);
	for (unsigned i = 0; i < k->pop_count; i++)
		k->pops[i] = pop_planned(w, i ? &k->pops[i - 1] : NULL);
	for (unsigned i = 0; i < 1 + 2 * k->pop_count; i++) {
		const struct pop *p = &k->pops[world_draw(w, k->pop_count + 1)];
		const bool is_one_of_them = p < &k->pops[k->pop_count] && world_draw(w, 3);
		world_try(w, is_one_of_them ? p->user : (unsigned)world_draw(w, MAILBOXES),
			is_one_of_them ? p->client : (unsigned)world_draw(w, CLIENT_INSIDE),
			w->script.monotonic_us + world_draw(w, 2 * PLANNED_WITHIN_US));
	}
}

void world_try(struct world *w, unsigned user, unsigned client, uint64_t due_us)
{
	struct popkey_world *k = &w->popkey;
	if (k->try_count < TRIES_MAX)
		k->tries[k->try_count++] =
			(struct try){.user = user, .client = client, .due_us = due_us};
}

struct try *popkey_due_try(struct world *w)
{
	for (unsigned i = 0; i < w->popkey.try_count; i++) {
		struct try *t = &w->popkey.tries[i];
		if (t->state == TRY_WAITING && t->due_us <= w->script.monotonic_us)
			return t;
	}
	return NULL;
}

uint64_t popkey_due_us(const struct world *w)
{
	uint64_t due_us = UINT64_MAX;
	for (unsigned i = 0; i < w->popkey.try_count; i++)
		if (w->popkey.tries[i].state == TRY_WAITING && w->popkey.tries[i].due_us < due_us)
			due_us = w->popkey.tries[i].due_us;
	return due_us;
}

bool popkey_is_done(const struct world *w)
{
	for (unsigned i = 0; i < w->popkey.pop_count; i++)
		if (w->popkey.pops[i].state != POP_OVER)
			return false;
	for (unsigned i = 0; i < w->popkey.try_count; i++)
		if (w->popkey.tries[i].state != TRY_OVER)
			return false;
	return true;
}
