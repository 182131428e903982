#include "store/gate_clock.h"

static const uint8_t unknown[GATE_CLOCK_BOOT_OCTETS];

static struct view boot_view(const uint8_t *boot)
{
	return view_of(boot, GATE_CLOCK_BOOT_OCTETS);
}

struct gate_clock gate_clock_start(struct view mark, const struct gate_clock_facts *facts)
{
	const uint64_t wall_s = facts->wall_s > 0 ? (uint64_t)facts->wall_s : 0;
	struct gate_clock clock = {.base_s = wall_s, .base_monotonic_ms = facts->monotonic_ms};
	must(view_copy(boot_view(facts->boot), clock.boot, sizeof clock.boot));
	struct cursor c = cursor_of(mark);
	const uint64_t then_s = cursor_u64(&c);
	const uint64_t then_monotonic_ms = cursor_u64(&c);
	const struct view then_boot = cursor_take(&c, GATE_CLOCK_BOOT_OCTETS);
	if (!cursor_done(&c) || then_s > UINT64_MAX / 2)
		return clock;
	const bool same = view_equal(then_boot, boot_view(facts->boot)) &&
			  !view_equal(then_boot, boot_view(unknown)) &&
			  facts->monotonic_ms >= then_monotonic_ms;
	if (same)
		clock.base_s = then_s + (facts->monotonic_ms - then_monotonic_ms) / 1000;
	else if (wall_s < then_s)
		clock.base_s = then_s;
	else if (wall_s - then_s > GATE_CLOCK_LEAP_S)
		clock.base_s = then_s + GATE_CLOCK_LEAP_S;
	return clock;
}

uint64_t gate_clock_now_s(const struct gate_clock *clock, uint64_t monotonic_ms)
{
	must(monotonic_ms >= clock->base_monotonic_ms);
	return clock->base_s + (monotonic_ms - clock->base_monotonic_ms) / 1000;
}

void gate_clock_mark(const struct gate_clock *clock, uint64_t monotonic_ms, struct buffer *b)
{
	buffer_add_u64(b, gate_clock_now_s(clock, monotonic_ms));
	buffer_add_u64(b, monotonic_ms);
	buffer_add(b, boot_view(clock->boot));
}
