/*
 * How many sessions a client address has in all workers of one face: a table in memory that the
 * workers share (a memory file from the parent), so that limits hold across them. Each worker counts
 * in a column of its own and reads all; the parent empties the column of a worker that died. An IPv4
 * address, or an IPv6 /64, falls into one of CENSUS_SLOTS by a keyed hash, and its network, an IPv4 /24
 * or an IPv6 /48, into one of as many others: two that share a slot are counted together, which errs
 * on the strict side. A worker that was broken into can spoil the
 * counts and nothing else.
 */
#ifndef BASE_CENSUS_H
#define BASE_CENSUS_H

#include "base/bytes.h"

#define CENSUS_SLOTS 131072u /* so that 100,000 addresses seldom meet */

struct census;

/* A new sealed-size memory file for `workers` columns, or -1. */
must_use int census_create(uint32_t workers);
/* Maps it; column `worker` of `workers` is ours. Null when the file does not fit. */
must_use struct census *census_map(int fd, uint32_t worker, uint32_t workers);
/* Empties a column (the parent, when that worker has died). */
void census_clear(struct census *c, uint32_t worker);
/* `address`: 16 octets, IPv4 in mapped form. */
void census_enter(struct census *c, const uint8_t address[16]);
void census_leave(struct census *c, const uint8_t address[16]);
/* Sessions of that address, of all workers. */
uint32_t census_count(const struct census *c, const uint8_t address[16]);
/* Sessions of its network, the address included. */
uint32_t census_network(const struct census *c, const uint8_t address[16]);
/* Sessions in all. */
uint32_t census_total(const struct census *c);

/* Of the sessions in all, those that their faces count as inside. One of ours becomes so, or is so no
 * longer; a session that leaves while it is inside is first turned outside. */
void census_turn_inside(struct census *c);
void census_turn_outside(struct census *c);
uint32_t census_inside(const struct census *c);

#endif
