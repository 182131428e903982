#include "faces/shared/room.h"

#include <assert.h>
#include <stddef.h>
#include <sys/resource.h>

#define CROWD_MIN 16u /* so few sessions are no crowd, whatever the limit */

uint32_t room_of_descriptors(uint32_t kept)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= kept)
		return 1;
	return limit.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)limit.rlim_cur - kept;
}

/* --- coming and going --------------------------------------------------------------------- */

void room_enter(struct room *r, struct guest *g, enum place_side side, uint64_t now_ms)
{
	places_enter(&r->places, &g->place, side, now_ms);
	r->sessions++;
	census_enter(r->census, g->client.octets);
	if (side == PLACE_INSIDE)
		census_turn_inside(r->census);
}

void room_change_side(struct room *r, struct guest *g, enum place_side side)
{
	if (g->place.side == side)
		return;
	places_change_side(&r->places, &g->place, side);
	if (side == PLACE_INSIDE)
		census_turn_inside(r->census);
	else
		census_turn_outside(r->census);
}

void room_leave(struct room *r, struct guest *g)
{
	room_change_side(r, g, PLACE_OUTSIDE);
	places_leave(&r->places, &g->place);
	r->sessions--;
	census_leave(r->census, g->client.octets);
}

/* --- limits ------------------------------------------------------------------------------- */

struct crowd {
	uint32_t limit;
	uint32_t total; /* of all workers */
	uint32_t side;
	uint32_t share;
};

static struct crowd crowd_of(const struct room *r, enum place_side side)
{
	const uint32_t total = census_total(r->census);
	const uint32_t inside = census_inside(r->census);
	/* workers count at their own time: what one has not added up yet may be missing */
	const uint32_t outside = total > inside ? total - inside : 0;
	return (struct crowd){r->limits.sessions, total, side == PLACE_INSIDE ? inside : outside,
		places_share(r->limits.sessions)};
}

/* How many of that side are too many. */
static uint32_t excess_of(const struct crowd *c, enum place_side side)
{
	const uint32_t of_side = c->side > c->share ? c->side - c->share : 0;
	const uint32_t in_all =
		side == PLACE_OUTSIDE && c->total > c->limit ? c->total - c->limit : 0;
	return of_side > in_all ? of_side : in_all;
}

static bool make_room(
	struct room *r, enum place_side side, bool side_is_full, const struct place *newcomer)
{
	struct place *giver = places_giver(&r->places, side, side_is_full, newcomer);
	if (giver)
		r->gives_up(giver->owner);
	return giver != NULL;
}

/* Nobody of this worker can make room, but one of another may, in a second: so long a sixteenth more
 * is taken. */
static uint32_t slack_of(const struct room *r)
{
	if (r->workers < 2)
		return 0;
	return r->limits.sessions / 16 ? r->limits.sessions / 16 : 1;
}

bool room_for(struct room *r, const struct guest *newcomer)
{
	const enum place_side side = newcomer->place.side;
	const struct crowd c = crowd_of(r, side);
	const bool worker_is_full = r->sessions > r->sessions_max;
	if (c.total <= c.limit && c.side <= c.share && !worker_is_full)
		return true;
	if (make_room(r, side, c.side > c.share, &newcomer->place))
		return true;
	const uint32_t slack = slack_of(r);
	return !worker_is_full && c.total <= c.limit + slack && c.side <= c.share + slack;
}

bool room_is_elsewhere(const struct room *r)
{
	const uint64_t all = (uint64_t)r->sessions_max * r->workers;
	return r->sessions >= r->sessions_max && census_total(r->census) < all;
}

bool room_for_address(const struct room *r, const struct guest *g)
{
	/* an inside client is not limited by itself: an office may sit behind one address */
	return g->place.side == PLACE_INSIDE ||
	       census_count(r->census, g->client.octets) <= r->limits.of_address;
}

/* --- once a second ------------------------------------------------------------------------ */

static const struct guest *guest_of(const struct place *p)
{
	static_assert(offsetof(struct guest, place) == 0, "a guest begins with its place");
	return (const struct guest *)p;
}

/* Who shares a stranger's grace (places.h): the sessions of its address; and when one network has more
 * than a sixteenth of all places, a crowd that may have an address for each session, those of the
 * network. */
static uint32_t fellows_of(void *context, const struct place *p)
{
	const struct room *r = context;
	const uint8_t *address = guest_of(p)->client.octets;
	const uint32_t network = census_network(r->census, address);
	if (network > r->limits.sessions / 16 && network > CROWD_MIN)
		return network;
	return census_count(r->census, address);
}

/* What is too much for all workers together is given up by all of them together. */
static void give_up_excess(struct room *r, enum place_side side)
{
	const struct crowd c = crowd_of(r, side);
	uint32_t excess = (excess_of(&c, side) + r->workers - 1) / r->workers;
	while (excess-- && make_room(r, side, true, NULL))
		;
}

void room_sweep(struct room *r, uint64_t now_ms)
{
	places_judge(&r->places, &r->limits.pace, fellows_of, r, now_ms);
	give_up_excess(r, PLACE_OUTSIDE);
	give_up_excess(r, PLACE_INSIDE);
}
