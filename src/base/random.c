#include "base/random.h"

#include "base/bytes.h"
#include "base/script.h"

#include <errno.h>
#include <sys/random.h>

void random_octets(void *at, size_t length)
{
	uint8_t *to = at;
	struct script *script = script_in_force();
	for (; script && length; length--)
		*to++ = (uint8_t)script_draw(&script->seed);
	while (length) {
		const ssize_t n = getrandom(to, length, 0);
		if (n < 0 && errno == EINTR)
			continue;
		must(n > 0);
		to += n;
		length -= (size_t)n;
	}
}

uint64_t random_u64(void)
{
	uint64_t n;
	random_octets(&n, sizeof n);
	return n;
}

uint64_t random_below(uint64_t n)
{
	must(n != 0);
	/* the first 2^64 mod n values would come up once too often */
	const uint64_t unfair = (0 - n) % n;
	uint64_t drawn;
	do {
		drawn = random_u64();
	} while (drawn < unfair);
	return drawn % n;
}
