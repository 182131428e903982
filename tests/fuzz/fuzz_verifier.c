/*
 * config/users.h and config/verifier.h: verifiers as a damaged or imported users file may hold them,
 * and passwords as a client may send them. Checked for being costly before it is checked at all: no
 * verifier that is taken may keep a thread of auth for longer than a person waits.
 *
 * Input: a verifier, a line's end, a password.
 */
#include "base/clock.h"
#include "config/saslprep.h"
#include "config/users.h"
#include "config/verifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOW_MS 10000u /* with sanitizers */

static void check_scram(struct view verifier)
{
	struct user_scram scram;
	if (!user_scram_parse(verifier, &scram))
		return;
	must(user_verifier_check(verifier) == USER_OK && !verifier_is_imported(verifier));
	must(scram.iterations >= USER_ITERATIONS_MIN && scram.iterations <= USER_ITERATIONS_MAX);
}

static void check_made(struct view password)
{
	struct buffer prepared = buffer_new(VERIFIER_PASSWORD_MAX);
	struct buffer out = buffer_new(USER_VERIFIER_MAX);
	uint64_t iterations;
	const bool can = password.length <= VERIFIER_PASSWORD_MAX && saslprep(password, &prepared);
	const bool made =
		verifier_make(password, VIEW("0123456789abcdef"), USER_ITERATIONS_MIN, &out);
	must(made == can);
	if (made) {
		must(user_verifier_check(buffer_view(&out)) == USER_OK);
		must(verifier_check(buffer_view(&out), password, &iterations) == VERIFIER_MATCHES);
		must(verifier_check(buffer_view(&out), buffer_view(&prepared), &iterations) ==
			VERIFIER_MATCHES);
	}
	buffer_free(&out);
	buffer_free(&prepared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view verifier;
	struct view password;
	uint64_t iterations;
	struct user_scram scram;
	verifier_warm();
	view_split(view_of(data, size), '\n', &verifier, &password);
	check_scram(verifier);
	check_made(password);
	if (user_scram_parse(verifier, &scram) && scram.iterations > 4 * USER_ITERATIONS_MIN)
		return 0; /* an administrator's choice, which sekisho check shows */
	const uint64_t before_ms = clock_monotonic_ms();
	const enum verifier_result result = verifier_check(verifier, password, &iterations);
	must(clock_monotonic_ms() - before_ms < SLOW_MS);
	must(result == VERIFIER_UNUSABLE || user_verifier_check(verifier) == USER_OK);
	return 0;
}
