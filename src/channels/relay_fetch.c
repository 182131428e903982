#include "channels/relay_fetch.h"

static const struct frame_row rows[FETCH_CODES] = {
	[FETCH_POLICY] = {"policy", FETCH_POLICY, FRAME_A, false, FETCH_STATE_IDLE,
		{{"domain", FRAME_BYTES, FETCH_NAME_MAX}}},
	[FETCH_POLICY_IS] = {"policy-is", FETCH_POLICY_IS, FRAME_B, false, FETCH_STATE_ASKED,
		{{"outcome", FRAME_U32, FETCH_OUTCOMES - 1},
			{"policy", FRAME_BYTES, STS_PACKED_MAX}, {"id", FRAME_BYTES, STS_ID_MAX},
			{"why", FRAME_BYTES, FETCH_WHY_MAX}}},
};

const struct frame_protocol relay_fetch = {"relay-fetch", rows, FETCH_CODES};

const char *fetch_outcome_name(enum fetch_outcome outcome)
{
	switch (outcome) {
	case FETCH_ABSENT:
		return "absent";
	case FETCH_FOUND:
		return "found";
	case FETCH_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}
