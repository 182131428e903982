/* base/tls_guard: the length that a stranger's handshake message claims. */
#include "base/tls.h"
#include "base/tls_guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SMALL "\x16\x03\x01\x00\x05\x01\x00\x00\x01x"
#define LONG_HEADER "\x16\x03\x01\x00\x04\x01\x00\x40\x01"

static const struct {
	struct view octets;
	bool is_tls13;
	bool passes;
} cases[] = {
	{VIEW(SMALL SMALL), false, true},
	{VIEW("\x16\x03\x01\x00\x04\x01\x00\x40\x00"), false, true}, /* just TLS_HELLO_MAX */
	{VIEW(LONG_HEADER), false, false},
	{VIEW("\x16\x03\x01\x00\x04\x01\x01\x00\x00"), false, false},
	/* second message of a record; in a record of its own; its header cut by a record */
	{VIEW("\x16\x03\x01\x00\x09\x01\x00\x00\x01x\x01\xff\xff\xff"), false, false},
	{VIEW(SMALL LONG_HEADER), false, false},
	{VIEW("\x16\x03\x01\x00\x02\x01\x00\x16\x03\x01\x00\x02\x40\x01"), false, false},
	/* a body that looks like a header is none */
	{VIEW("\x16\x03\x01\x00\x08\x01\x00\x00\x04\x01\xff\xff\xff"), false, true},
	/* ChangeCipherSpec turns encryption on in TLS 1.2, and does nothing in 1.3 */
	{VIEW(SMALL "\x14\x03\x03\x00\x01\x01" LONG_HEADER), false, true},
	{VIEW(SMALL "\x14\x03\x03\x00\x01\x01" LONG_HEADER), true, false},
	{VIEW(SMALL "\x14\x03\x03\x00\x01\x01" SMALL), true, true},
	/* after a record of encrypted data nothing is looked at */
	{VIEW(SMALL "\x17\x03\x03\x00\x01x" LONG_HEADER), true, true},
	/* alerts are no handshake messages */
	{VIEW("\x15\x03\x01\x00\x04\xff\xff\xff\xff" SMALL), false, true},
	{VIEW(""), false, true},
};

static void test_cases(void **state)
{
	/* protects: no stranger makes OpenSSL set aside more than TLS_HELLO_MAX, however it is cut */
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t grain = 1; grain < 40; grain++) {
			struct tls_guard g = {0};
			bool passes = true;
			for (size_t at = 0; at < cases[i].octets.length && passes; at += grain)
				passes = tls_guard_pass(&g, view_part(cases[i].octets, at, grain),
					cases[i].is_tls13);
			assert_int_equal(passes, cases[i].passes);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
