#include "channels/auth_mailbox.h"

static const struct frame_row rows[GRANT_CODES] = {
	[GRANT_GIVE] = {"give", GRANT_GIVE, FRAME_A, false, GRANT_STATE_ANY,
		{{"worker", FRAME_U32, 255}, {"user", FRAME_BYTES, 64}}},
	[GRANT_TAKE] = {"take", GRANT_TAKE, FRAME_A, false, GRANT_STATE_ANY,
		{{"worker", FRAME_U32, 255}}},
	[GRANT_GIVEN] = {"given", GRANT_GIVEN, FRAME_B, false, GRANT_STATE_ANY,
		{{"worker", FRAME_U32, 255}}},
};

const struct frame_protocol auth_mailbox = {"auth-mailbox", rows, GRANT_CODES};
