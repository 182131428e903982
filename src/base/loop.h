/*
 * The event loop of one program (libevent underneath; nobody else sees it). One thread. A watch
 * tells when a descriptor can be read or written; a timer runs on the monotonic clock; a turn hook
 * runs after each turn of the loop, which is where logs and channels write out what the turn
 * collected, so that many small things cost one system call.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/bytes.h"

struct loop;
struct loop *loop_new(void);
void loop_free(struct loop **loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* Ends loop_run after the present turn. */
void loop_stop(struct loop *loop);
/* Waits at most `wait_ms` for one turn's events and handles them; for tests and for start-up. */
void loop_turn(struct loop *loop, uint64_t wait_ms);
/* The monotonic time at which this turn's events were collected, in ms. */
uint64_t loop_now_ms(const struct loop *loop);

enum { WATCH_NOTHING = 0, WATCH_READ = 1, WATCH_WRITE = 2 };
typedef void watch_ready(void *context, unsigned what);
struct watch;
/* Watches `fd` (not owned, must be non-blocking) for nothing at first. */
struct watch *watch_new(struct loop *loop, int fd, watch_ready *ready, void *context);
/* From now on calls `ready` whenever one of `what` holds (level triggered). */
void watch_want(struct watch *watch, unsigned what);
void watch_free(struct watch **watch);

typedef void timer_fire(void *context);
struct timer;
struct timer *timer_new(struct loop *loop, timer_fire *fire, void *context);
/* Fires once after `delay_ms`; replaces an earlier setting. */
void timer_set(struct timer *timer, uint64_t delay_ms);
void timer_stop(struct timer *timer);
void timer_free(struct timer **timer);

/* Calls `hook` after each turn until removed. The struct is the caller's and must outlive it. */
struct turn_hook {
	void (*run)(void *context);
	void *context;
	struct turn_hook *next;
};
void loop_add_hook(struct loop *loop, struct turn_hook *hook);
void loop_remove_hook(struct loop *loop, struct turn_hook *hook);

/* Calls `caught` in the loop when the signal arrives. Lives as long as the loop. */
void loop_signal(struct loop *loop, int number, timer_fire *caught, void *context);

#endif
