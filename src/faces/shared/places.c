#include "faces/shared/places.h"

/* --- lists -------------------------------------------------------------------------------- */

static struct place_list *list_of(struct places *all, const struct place *p)
{
	return &all->lists[p->side][p->kind];
}

static void take_out(struct places *all, struct place *p)
{
	struct place_list *list = list_of(all, p);
	*(p->newer ? &p->newer->older : &list->newest) = p->older;
	*(p->older ? &p->older->newer : &list->oldest) = p->newer;
	list->count--;
}

static void put_newest(struct places *all, struct place *p)
{
	struct place_list *list = list_of(all, p);
	p->older = list->newest;
	p->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = p;
	list->newest = p;
	list->count++;
}

static void move(struct places *all, struct place *p, enum place_kind kind)
{
	take_out(all, p);
	p->kind = kind;
	put_newest(all, p);
}

void places_enter(struct places *all, struct place *p, enum place_side side, uint64_t now_ms)
{
	*p = (struct place){.owner = p->owner, .side = side, .since_ms = now_ms};
	put_newest(all, p);
}

void places_leave(struct places *all, struct place *p)
{
	take_out(all, p);
}

void places_change_side(struct places *all, struct place *p, enum place_side side)
{
	if (p->side == side)
		return;
	take_out(all, p);
	p->side = side;
	put_newest(all, p);
}

/* --- what they do ------------------------------------------------------------------------- */

static void become_idle(struct places *all, struct place *p, uint64_t now_ms)
{
	p->is_held = false;
	p->octets = 0;
	p->since_ms = now_ms;
	move(all, p, PLACE_IDLE);
}

static void hold(struct places *all, struct place *p, bool is_held, uint64_t now_ms)
{
	if (p->is_held == is_held)
		return;
	if (!is_held)
		p->since_ms += now_ms - p->held_ms;
	p->is_held = is_held;
	p->held_ms = now_ms;
	if (p->kind == PLACE_SLOW)
		move(all, p, PLACE_BUSY); /* it is judged again when it goes on */
}

void places_note(
	struct places *all, struct place *p, const struct place_news *news, uint64_t now_ms)
{
	if (!news->is_busy) {
		if (p->kind != PLACE_IDLE || news->octets)
			become_idle(all, p, now_ms);
		return;
	}
	if (p->kind == PLACE_IDLE) {
		p->since_ms = now_ms;
		move(all, p, PLACE_BUSY);
	}
	p->octets += news->octets;
	hold(all, p, news->is_held, now_ms);
}

/* --- who is slow -------------------------------------------------------------------------- */

bool place_is_behind(
	const struct place *p, const struct place_pace *pace, uint32_t fellows, uint64_t now_ms)
{
	if (p->kind == PLACE_IDLE || p->is_held)
		return false;
	must(fellows > 0 && pace->octets_per_s > 0);
	/* seconds first: octets are counted in 64 bits and may not overflow */
	const uint64_t whole_s = p->octets / pace->octets_per_s;
	const uint64_t part_ms = p->octets % pace->octets_per_s * 1000 / pace->octets_per_s;
	return now_ms - p->since_ms > pace->grace_ms / fellows + whole_s * 1000 + part_ms;
}

void places_judge(struct places *all, const struct place_pace *pace,
	uint32_t (*fellows)(void *context, const struct place *p), void *context, uint64_t now_ms)
{
	struct place *next;
	for (struct place *p = places_first(all); p; p = next) {
		next = places_after(all, p);
		if (p->kind == PLACE_IDLE)
			continue;
		const uint32_t n = p->side == PLACE_OUTSIDE ? fellows(context, p) : 1;
		const bool is_slow = place_is_behind(p, pace, n ? n : 1, now_ms);
		if (is_slow != (p->kind == PLACE_SLOW))
			move(all, p, is_slow ? PLACE_SLOW : PLACE_BUSY);
	}
}

/* --- who goes ----------------------------------------------------------------------------- */

static struct place *giver_of(
	const struct places *all, enum place_side side, const struct place *newcomer)
{
	struct place *idle = all->lists[side][PLACE_IDLE].oldest;
	if (idle == newcomer && idle)
		idle = idle->newer;
	return idle ? idle : all->lists[side][PLACE_SLOW].oldest;
}

struct place *places_giver(const struct places *all, enum place_side side, bool side_is_full,
	const struct place *newcomer)
{
	struct place *giver = NULL;
	if (side == PLACE_OUTSIDE || !side_is_full)
		giver = giver_of(all, PLACE_OUTSIDE, newcomer);
	if (!giver && side == PLACE_INSIDE)
		giver = giver_of(all, PLACE_INSIDE, newcomer);
	return giver;
}

uint32_t places_share(uint32_t limit)
{
	const uint32_t kept = limit / 8;
	return limit - (kept ? kept : limit > 1);
}

/* --- all of them -------------------------------------------------------------------------- */

/* The oldest of the first list that is not empty, from list number `i` on. */
static struct place *first_from(const struct places *all, unsigned i)
{
	for (; i < PLACE_SIDES * PLACE_KINDS; i++) {
		struct place *oldest = all->lists[i / PLACE_KINDS][i % PLACE_KINDS].oldest;
		if (oldest)
			return oldest;
	}
	return NULL;
}

struct place *places_first(const struct places *all)
{
	return first_from(all, 0);
}

struct place *places_after(const struct places *all, const struct place *p)
{
	const unsigned number = (unsigned)p->side * PLACE_KINDS + (unsigned)p->kind;
	return p->newer ? p->newer : first_from(all, number + 1);
}

uint32_t places_count(const struct places *all, enum place_kind kind)
{
	return all->lists[PLACE_OUTSIDE][kind].count + all->lists[PLACE_INSIDE][kind].count;
}
