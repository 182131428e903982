/*
 * How guessing is slowed (F-11's passwords, the "never a permanent lock-out"). Pure: from what the
 * gate remembers to what is done with an attempt.
 *
 *	by address	wrong guesses from an IPv4 address or IPv6 /64 in the last GUESS_WINDOW_MS
 *	by name		wrong guesses at a name, from anywhere
 *	known		that user logged in from there within GUESS_KNOWN_MS
 *
 * All three for each service by itself, POP3 and SMTP: who guesses at both has twice as many, and a face
 * that was broken into, and says whatever address it likes, does no harm to the clients of the other.
 *
 * An address with too many is refused without a check until its count falls, except for the users it
 * is known for; guesses that were not checked are not counted, so the count does fall. A name is
 * never refused, else a stranger could lock its owner out: answers about it only come later, right
 * and wrong ones alike, so that hanging up early tells nothing; but not to an owner who comes from
 * where he came from before. A wrong guess from an address that is over the limit costs what was
 * known of it. Unknown names are counted like known ones: the delays are the same.
 *
 * Delays are of the monotonic clock, from the beginning of the check, whose cost thus does not show;
 * windows are of the gate's clock (store/gate_clock.h).
 */
#ifndef KEEPERS_AUTH_GUESS_H
#define KEEPERS_AUTH_GUESS_H

#include "base/bytes.h"

#define GUESS_WINDOW_MS (600u * 1000)
#define GUESS_KNOWN_MS (UINT64_C(90) * 86400 * 1000)
#define GUESS_ADDRESS_MAX 50u /* wrong ones in the window; from this count on refused */
#define GUESS_DELAY_MIN_MS 500u
#define GUESS_DELAY_MAX_MS 8000u
#define GUESS_DELAY_BLIND_MS 2000u /* after a wrong one while the gate does not answer */

struct guess_facts {
	uint64_t by_address;
	uint64_t by_name;
	bool known;
	bool blind; /* the gate did not answer; the rest is then zero */
};

struct guess_verdict {
	bool refuse;
	bool forget_known; /* if the guess is wrong */
	uint32_t wrong_delay_ms;
	uint32_t right_delay_ms;
};

struct guess_verdict guess_judge(const struct guess_facts *facts);

#endif
