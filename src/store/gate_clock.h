/*
 * The gate's clock: milliseconds that never go back and mean something after a restart.
 *
 * Lifetimes must hold over a restart, so rows expire at a time of the wall clock's kind. But a wall
 * clock is moved: by its operator, by NTP, by a machine that wakes in 1970. So while a process runs the
 * gate's time advances with the monotonic clock alone (the one that goes on in sleep, clock_boot_ms), and no jump of the wall clock is seen. With the
 * rows a mark is saved: gate time, monotonic time and the boot's id. A new process goes on from it:
 *
 *	same boot        the mark's time plus what the monotonic clock says has passed: exact
 *	another boot     wall clock, but not before the mark (nothing becomes immortal when the clock
 *	                 went back: time stands at the mark and advances from there) and at most
 *	                 GATE_CLOCK_LEAP_MS after it (a clock that went wild does not wipe what was to be
 *	                 kept for longer than that; after a longer rest such rows live longer)
 *	no mark          wall clock
 *
 * A jump at a reboot within these bounds cannot be told from time that passed: then rows live
 * shorter by as much. Forgetting early is the safe side for everything that the gate holds. Pure.
 */
#ifndef STORE_GATE_CLOCK_H
#define STORE_GATE_CLOCK_H

#include "base/bytes.h"

#define GATE_CLOCK_BOOT_OCTETS 16
#define GATE_CLOCK_LEAP_MS (UINT64_C(30) * 86400 * 1000)
#define GATE_CLOCK_MARK_OCTETS (8 + 8 + GATE_CLOCK_BOOT_OCTETS)

struct gate_clock {
	uint64_t base_ms;
	uint64_t base_monotonic_ms;
	bool is_unsure; /* how long it has rested nobody knows: the wall clock is before the mark */
	uint8_t boot[GATE_CLOCK_BOOT_OCTETS];
};

/* What the world says now. `boot` all zero: unknown, equal to no other. */
struct gate_clock_facts {
	int64_t wall_ms;
	uint64_t monotonic_ms;
	uint8_t boot[GATE_CLOCK_BOOT_OCTETS];
};

/* `mark`: what gate_clock_mark wrote last; anything else counts as none. */
struct gate_clock gate_clock_start(struct view mark, const struct gate_clock_facts *facts);
uint64_t gate_clock_now_ms(const struct gate_clock *clock, uint64_t monotonic_ms);
/* Appends GATE_CLOCK_MARK_OCTETS. */
void gate_clock_mark(const struct gate_clock *clock, uint64_t monotonic_ms, struct buffer *b);

/* What an earlier form wrote, in seconds: its mark as one of today, nothing when it is none; and its times. */
void gate_clock_mark_of_s(struct view mark_s, struct buffer *b);
uint64_t gate_clock_ms_of_s(uint64_t seconds);

#endif
