#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/crc32c.h"

static void known(void **state)
{
	/* Protects: the sum of RFC 3720 §B.4, by either way, whatever it is cut into. */
	static const struct {
		uint8_t first;
		int step;
		uint32_t sum;
	} cases[] = {{0, 0, 0x8a9136aa}, {0xff, 0, 0x62a8ab43}, {0, 1, 0x46dd794e},
		{31, -1, 0x113fdb5c}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t octets[32];
		for (unsigned k = 0; k < sizeof octets; k++)
			octets[k] = (uint8_t)(cases[i].first + cases[i].step * (int)k);
		const struct view all = view_of(octets, sizeof octets);
		for (size_t cut = 0; cut <= all.length; cut++) {
			const struct view head = view_first(all, cut), rest = view_from(all, cut);
			assert_int_equal(crc32c(crc32c(0, head), rest), cases[i].sum);
			assert_int_equal(
				crc32c_portable(crc32c_portable(0, head), rest), cases[i].sum);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
