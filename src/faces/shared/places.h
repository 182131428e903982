/*
 * Who has a place in a face that may be full, and who gives it up to a newcomer (law 4). Pure: a
 * session embeds a `struct place` and says what it is doing; time is an argument, in ms on the
 * monotonic clock.
 *
 *	idle	nothing is under way. Of these the longest-idle one goes first
 *	busy	a transaction or a login is under way. It has a pace to keep: a time of grace, and a
 *		second more for each so many octets that it has brought
 *	slow	busy, and behind its pace. They go when no idle one is left, the one that has been
 *		slow longest first
 *
 * So nobody holds a place by doing nothing, by doing a little now and then, or by leaving something
 * half done; and what makes progress is not disturbed. The grace is one for all strangers of an
 * address (and of a network that has many), divided by their number: a crowd from one host is behind
 * its pace in a second or two, while the single mail of an honest host over a bad line has all of it. A busy session that waits for
 * us is `held`: its clock stands still and its place is safe.
 *
 * Sides. Of the places strangers can have seven eighths and inside clients can have seven eighths,
 * so neither shuts out the other. A newcomer from outside gets a stranger's place; one from inside
 * also, and if there is none that of an inside client; but when the inside has its seven eighths, only
 * that.
 */
#ifndef FACES_SHARED_PLACES_H
#define FACES_SHARED_PLACES_H

#include "base/bytes.h"

enum place_side { PLACE_OUTSIDE, PLACE_INSIDE, PLACE_SIDES };
enum place_kind { PLACE_IDLE, PLACE_BUSY, PLACE_SLOW, PLACE_KINDS };

struct place_pace {
	uint32_t grace_ms;
	uint32_t octets_per_s; /* > 0 */
};

struct place {
	void *owner;
	struct place *older; /* in its list */
	struct place *newer;
	enum place_side side;
	enum place_kind kind;
	bool is_held;
	uint64_t held_ms; /* since when */
	uint64_t
		since_ms; /* idle: since when. Else when it became busy, later by what it was held */
	uint64_t octets; /* brought while busy */
};

struct places {
	struct place_list {
		struct place *oldest;
		struct place *newest;
		uint32_t count;
	} lists[PLACE_SIDES][PLACE_KINDS];
};

/* What a session is doing, told whenever it has consumed something or begins to wait. */
struct place_news {
	bool is_busy;
	bool is_held; /* of a busy one */
	size_t octets; /* consumed since the last time */
};

/* A newcomer, idle. */
void places_enter(struct places *all, struct place *p, enum place_side side, uint64_t now_ms);
void places_leave(struct places *all, struct place *p);
/* It has logged in, or is no longer. */
void places_change_side(struct places *all, struct place *p, enum place_side side);
void places_note(
	struct places *all, struct place *p, const struct place_news *news, uint64_t now_ms);

/* Busy, not held, and longer under way than the pace allows. `fellows` >= 1 share the grace. */
bool place_is_behind(
	const struct place *p, const struct place_pace *pace, uint32_t fellows, uint64_t now_ms);
/* Finds out who is slow; to be called about once a second. `fellows` says how many share the
 * grace of a stranger. */
void places_judge(struct places *all, const struct place_pace *pace,
	uint32_t (*fellows)(void *context, const struct place *p), void *context, uint64_t now_ms);

/* Who makes room for a newcomer of that side, which may have a place already; null: nobody.
 * `side_is_full`: the newcomer's side has all the places that it can have. */
struct place *places_giver(const struct places *all, enum place_side side, bool side_is_full,
	const struct place *newcomer);
/* Of `limit` places, how many one side can have: all but an eighth, and but one at least. */
uint32_t places_share(uint32_t limit);

/* Every place once, as long as no place but the present one changes: first, and the one after `p`. */
struct place *places_first(const struct places *all);
struct place *places_after(const struct places *all, const struct place *p);
uint32_t places_count(const struct places *all, enum place_kind kind);

#endif
