#include "keepers/auth/guess.h"

static uint32_t delay_ms(uint64_t count)
{
	uint32_t ms = GUESS_DELAY_MIN_MS;
	for (uint64_t i = 0; i < count && ms < GUESS_DELAY_MAX_MS; i++)
		ms *= 2;
	return ms > GUESS_DELAY_MAX_MS ? GUESS_DELAY_MAX_MS : ms;
}

struct guess_verdict guess_judge(const struct guess_facts *facts)
{
	if (facts->blind)
		return (struct guess_verdict){.wrong_delay_ms = GUESS_DELAY_BLIND_MS};
	const uint64_t worst =
		facts->by_address > facts->by_name ? facts->by_address : facts->by_name;
	const bool over = facts->by_address >= GUESS_ADDRESS_MAX;
	const uint32_t ms = delay_ms(worst);
	return (struct guess_verdict){
		.refuse = over && !facts->known,
		.forget_known = over && facts->known,
		.wrong_delay_ms = ms,
		.right_delay_ms = facts->known || worst == 0 ? 0 : ms,
	};
}
