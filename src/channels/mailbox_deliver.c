#include "channels/mailbox_deliver.h"

static const struct frame_row rows[SETTLE_CODES] = {
	[SETTLE_ASK] = {"settle", SETTLE_ASK, FRAME_A, false, SETTLE_STATE_IDLE,
		{{"mailbox", FRAME_BYTES, 64}, {"sync", FRAME_U32, 1}}},
	[SETTLE_DONE] = {"settled", SETTLE_DONE, FRAME_B, false, SETTLE_STATE_ASKED,
		{{"error", FRAME_U32, 64}}},
};

const struct frame_protocol mailbox_deliver = {"mailbox-deliver", rows, SETTLE_CODES};
