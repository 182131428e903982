/*
 * The two clocks. Timers and limits run on the monotonic one, which no operator and no NTP moves;
 * only what people read, and what must mean something after a restart, uses wall clock. Cores take
 * both as arguments; only shells call these.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some moment before the process; never goes back. */
uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
/* The same, and it goes on while the machine sleeps. */
uint64_t clock_boot_ms(void);
/* Seconds since 1970, as the operator has set it. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);

#endif
