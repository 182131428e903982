#include "channels/spool_deliver.h"

static const struct frame_row rows[DELIVER_CODES] = {
	[DELIVER_BEGIN] = {"deliver", DELIVER_BEGIN, FRAME_A, true, DELIVER_STATE_IDLE,
		{{"id", FRAME_U64, UINT64_MAX}, {"birth", FRAME_U64, UINT64_MAX},
			{"size", FRAME_U64, UINT64_MAX}, {"arrival", FRAME_U64, UINT64_MAX},
			{"flags", FRAME_U32, 1}, {"recipients", FRAME_BYTES, 1u << 20},
			{"reverse-path", FRAME_BYTES, 1024}}},
	[DELIVER_CONTENT] = {"content", DELIVER_CONTENT, FRAME_A, true, DELIVER_STATE_SENDING,
		{{"octets", FRAME_BYTES, DELIVER_CHUNK_MAX}}},
	[DELIVER_END] = {"end", DELIVER_END, FRAME_A, true, DELIVER_STATE_SENDING, {{0}}},
	[DELIVER_EXPECT] = {"expect", DELIVER_EXPECT, FRAME_A, true, DELIVER_STATE_ZERO,
		{{"mailboxes", FRAME_BYTES, 65536}}},
	[DELIVER_EXPECTED] = {"expected", DELIVER_EXPECTED, FRAME_A, true, DELIVER_STATE_ZERO,
		{{0}}},
	[DELIVER_CREDIT] = {"credit", DELIVER_CREDIT, FRAME_B, false,
		DELIVER_STATE_SENDING | DELIVER_STATE_PLACING | DELIVER_STATE_IDLE,
		{{"octets", FRAME_U32, 1u << 30}}},
	[DELIVER_RESULT] = {"result", DELIVER_RESULT, FRAME_B, false,
		DELIVER_STATE_SENDING | DELIVER_STATE_PLACING,
		{{"recipient", FRAME_U32, 65535}, {"outcome", FRAME_U32, DELIVER_DEFERRED},
			{"text", FRAME_BYTES, 256}}},
	[DELIVER_FINISHED] = {"finished", DELIVER_FINISHED, FRAME_B, false,
		DELIVER_STATE_SENDING | DELIVER_STATE_PLACING, {{0}}},
	[DELIVER_DELIVERED] = {"delivered", DELIVER_DELIVERED, FRAME_B, false, DELIVER_STATE_ZERO,
		{{"pairs", FRAME_BYTES, DELIVER_PAIRS_MAX *DELIVER_PAIR_OCTETS}}},
	[DELIVER_LOST] = {"lost", DELIVER_LOST, FRAME_B, false, DELIVER_STATE_ZERO,
		{{"pairs", FRAME_BYTES, DELIVER_PAIRS_MAX *DELIVER_PAIR_OCTETS}}},
};

const struct frame_protocol spool_deliver = {"spool-deliver", rows, DELIVER_CODES};
