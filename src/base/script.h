/*
 * Scripted time, chance and events, for the simulator (STYLE §6, §9). While a script is in force the
 * clocks and the random numbers of this process come from it, and loops and pools of threads that are
 * made meanwhile do nothing by themselves: the simulator asks what could happen next, in each of the
 * programs that it holds in one process, chooses, and lets it happen.
 *
 *	script_begin(&(struct script){.seed = 7});
 *	struct loop *loop = loop_new();
 *	loop_script_look();
 *	for each loop: n = loop_script_events(loop); if (n) loop_script_happen(loop, chosen below n);
 *	for each pool: workers_script_work(pool, chance);
 *	nothing could happen: script.monotonic_us = the least loop_script_due_us(loop)
 *
 * The same choices give the same run, octet for octet. In a program of ours no script is in force; that
 * costs one test of a pointer.
 */
#ifndef BASE_SCRIPT_H
#define BASE_SCRIPT_H

#include "base/loop.h"
#include "base/workers.h"

struct script {
	uint64_t monotonic_us;
	int64_t wall_ms; /* since 1970, when monotonic_us was 0 */
	uint64_t seed; /* of random_octets; moves with each draw */
	int ready; /* script_begin's: an epoll of all that scripted loops wait for */
	uint64_t looks; /* loop_script_look was called so often */
};

/* `script` is the caller's, who moves its clock; it must live until script_end. One at a time. */
void script_begin(struct script *script);
void script_end(void);
/* Null: none is in force. */
struct script *script_in_force(void);
/* The next number of a sequence, which is moved on (splitmix64). */
uint64_t script_draw(uint64_t *seed);

/* Looks which descriptors are ready, in all scripted loops. What has happened since is seen by the next look. */
void loop_script_look(void);
bool watch_script_is_ready(const struct watch *watch);
/* How many things could happen in a scripted loop now: descriptors that were ready when last looked at, timers
 * that are due. */
size_t loop_script_events(struct loop *loop);
/* The n-th of those that loop_script_events counted happens; then the turn's hooks run. */
void loop_script_happen(struct loop *loop, size_t n);
/* When its next timer is due, on the script's monotonic clock; UINT64_MAX: none is set. */
uint64_t loop_script_due_us(struct loop *loop);
/* Its program was killed: nothing of it is looked at any more. Before its descriptors are closed. */
void loop_script_forget(struct loop *loop);

/* Jobs of a scripted pool that could be worked now, as keys and groups allow. */
size_t workers_script_ready(const struct workers *w);
/* Works one of them, on the caller's thread; `chance` chooses. False: there is none. */
bool workers_script_work(struct workers *w, uint64_t chance);
/* The machine stops: what was not worked never is. Free the pool next. */
void workers_script_forget(struct workers *w);

#endif
