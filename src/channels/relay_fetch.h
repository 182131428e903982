/*
 * relay (A) ↔ fetch (B): what a domain asks of those who send mail to it (MTA-STS, RFC 8461). One stream a
 * question, each answered once, within FETCH_ANSWER_MS whatever the domain's servers do. There is no taking
 * back: who is not interested any more drops the answer.
 *
 *	POLICY → POLICY_IS	the policy that holds for a domain now
 */
#ifndef CHANNELS_RELAY_FETCH_H
#define CHANNELS_RELAY_FETCH_H

#include "base/frame.h"
#include "mail/sts.h"

enum relay_fetch_code {
	FETCH_POLICY, /* domain: lower case, A-labels */
	FETCH_POLICY_IS, /* outcome; packed policy (mail/sts.h) and its id when found; why when not */
	FETCH_CODES
};

enum fetch_outcome {
	FETCH_ABSENT, /* none, or none to be had and none kept: as if MTA-STS did not exist */
	FETCH_FOUND,
	FETCH_UNKNOWN, /* whether one is kept cannot be told just now: the mail waits */
};
#define FETCH_OUTCOMES 3
/* "absent", "found", "unknown". */
const char *fetch_outcome_name(enum fetch_outcome outcome);

enum { FETCH_STATE_IDLE = 1, FETCH_STATE_ASKED = 2 };

#define FETCH_NAME_MAX 253u
#define FETCH_WHY_MAX 255u
#define FETCH_ANSWER_MS 300000u

extern const struct frame_protocol relay_fetch;

#endif
