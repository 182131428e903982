/*
 * Room for all (law 4): the limits of a face's sessions in all and of one address, across its workers,
 * and who makes room when it is full. The rules are in places.h; here they meet the counts of all
 * workers (base/census.h). smtpd and popd have one each; a session embeds a `struct guest`.
 *
 * At the session limit somebody makes room for a newcomer. If nobody of this worker can, but one of
 * another may, a sixteenth more sessions are taken for about a second.
 */
#ifndef FACES_SHARED_ROOM_H
#define FACES_SHARED_ROOM_H

#include "base/census.h"
#include "faces/shared/places.h"
#include "mail/ip.h"

struct room_limits {
	uint32_t sessions; /* in all workers */
	uint32_t of_address; /* of one stranger's address */
	struct place_pace pace; /* of what is under way, when the face is full */
};

struct room {
	struct places places;
	struct census *census;
	struct room_limits limits; /* those in force */
	uint32_t workers;
	uint32_t sessions; /* of this worker */
	uint32_t sessions_max; /* as descriptors allow */
	/* This one makes room: its session ends, and with it the guest (room_leave). */
	void (*gives_up)(void *owner);
};

struct guest {
	struct place place; /* its owner is the session */
	struct ip client;
};

/* How many sessions the limit on descriptors allows, when `kept` are for other things. */
uint32_t room_of_descriptors(uint32_t kept);

/* A newcomer is counted from here on. */
void room_enter(struct room *r, struct guest *g, enum place_side side, uint64_t now_ms);
void room_leave(struct room *r, struct guest *g);
/* It has logged in, or is no longer. */
void room_change_side(struct room *r, struct guest *g, enum place_side side);

/* Its address has no more sessions than it may. */
bool room_for_address(const struct room *r, const struct guest *g);
/* Is there room for this newcomer? Somebody may have had to go. */
bool room_for(struct room *r, const struct guest *newcomer);
/* This worker has as many sessions as it can have, and another has not: newcomers are for that one. */
bool room_is_elsewhere(const struct room *r);
/* About once a second: who is slow, and what is too much for all workers together. */
void room_sweep(struct room *r, uint64_t now_ms);

#endif
