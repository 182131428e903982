#include "base/clock.h"

#include "base/script.h"

#include <time.h>

static struct timespec now(clockid_t id)
{
	struct timespec t = {0};
	clock_gettime(id, &t);
	return t;
}

uint64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

uint64_t clock_monotonic_us(void)
{
	const struct script *script = script_in_force();
	if (script)
		return script->monotonic_us;
	const struct timespec t = now(CLOCK_MONOTONIC);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_boot_ms(void)
{
	if (script_in_force())
		return clock_monotonic_ms();
	const struct timespec t = now(CLOCK_BOOTTIME);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t clock_wall_s(void)
{
	return clock_wall_ms() / 1000;
}

int64_t clock_wall_ms(void)
{
	const struct script *script = script_in_force();
	if (script)
		return script->wall_ms + (int64_t)(script->monotonic_us / 1000);
	const struct timespec t = now(CLOCK_REALTIME);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
