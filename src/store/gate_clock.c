#include "store/gate_clock.h"

static const uint8_t unknown[GATE_CLOCK_BOOT_OCTETS];

static struct view boot_view(const uint8_t *boot)
{
	return view_of(boot, GATE_CLOCK_BOOT_OCTETS);
}

struct gate_clock gate_clock_start(struct view mark, const struct gate_clock_facts *facts)
{
	const uint64_t wall_ms = facts->wall_ms > 0 ? (uint64_t)facts->wall_ms : 0;
	struct gate_clock clock = {.base_ms = wall_ms, .base_monotonic_ms = facts->monotonic_ms};
	must(view_copy(boot_view(facts->boot), clock.boot, sizeof clock.boot));
	struct cursor c = cursor_of(mark);
	const uint64_t then_ms = cursor_u64(&c);
	const uint64_t then_monotonic_ms = cursor_u64(&c);
	const struct view then_boot = cursor_take(&c, GATE_CLOCK_BOOT_OCTETS);
	if (!cursor_done(&c) || then_ms > UINT64_MAX / 2)
		return clock;
	const bool same = view_equal(then_boot, boot_view(facts->boot)) &&
			  !view_equal(then_boot, boot_view(unknown)) &&
			  facts->monotonic_ms >= then_monotonic_ms;
	if (same)
		clock.base_ms = then_ms + (facts->monotonic_ms - then_monotonic_ms);
	else if (wall_ms < then_ms) {
		clock.base_ms = then_ms;
		clock.is_unsure = true;
	} else if (wall_ms - then_ms > GATE_CLOCK_LEAP_MS)
		clock.base_ms = then_ms + GATE_CLOCK_LEAP_MS;
	return clock;
}

uint64_t gate_clock_now_ms(const struct gate_clock *clock, uint64_t monotonic_ms)
{
	must(monotonic_ms >= clock->base_monotonic_ms);
	return clock->base_ms + (monotonic_ms - clock->base_monotonic_ms);
}

void gate_clock_mark(const struct gate_clock *clock, uint64_t monotonic_ms, struct buffer *b)
{
	buffer_add_u64(b, gate_clock_now_ms(clock, monotonic_ms));
	buffer_add_u64(b, monotonic_ms);
	buffer_add(b, boot_view(clock->boot));
}

uint64_t gate_clock_ms_of_s(uint64_t seconds)
{
	return seconds > UINT64_MAX / 1000 ? UINT64_MAX : seconds * 1000;
}

void gate_clock_mark_of_s(struct view mark_s, struct buffer *b)
{
	struct cursor c = cursor_of(mark_s);
	const uint64_t then_s = cursor_u64(&c);
	if (cursor_failed(&c))
		return;
	/* somewhere in that second: its end, so that nothing is open for longer */
	buffer_add_u64(b, gate_clock_ms_of_s(then_s < UINT64_MAX ? then_s + 1 : then_s));
	buffer_add(b, cursor_rest(&c));
}
