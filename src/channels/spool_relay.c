#include "channels/spool_relay.h"

static const struct frame_row rows[RELAY_CODES] = {
	[RELAY_BEGIN] = {"relay", RELAY_BEGIN, FRAME_A, true, RELAY_STATE_IDLE,
		{{"id", FRAME_U64, UINT64_MAX}, {"size", FRAME_U64, UINT64_MAX},
			{"arrival", FRAME_U64, UINT64_MAX}, {"flags", FRAME_U32, 65535},
			{"destination", FRAME_BYTES, 253}, {"recipients", FRAME_BYTES, 1u << 19},
			{"reverse-path", FRAME_BYTES, 1024}, {"envid", FRAME_BYTES, 1024}}},
	[RELAY_CONTENT] = {"content", RELAY_CONTENT, FRAME_A, true, RELAY_STATE_SENDING,
		{{"octets", FRAME_BYTES, RELAY_CHUNK_MAX, true}}},
	[RELAY_END] = {"end", RELAY_END, FRAME_A, true, RELAY_STATE_SENDING,
		{{"whole", FRAME_U32, 1}}},
	[RELAY_CREDIT] = {"credit", RELAY_CREDIT, FRAME_B, false,
		RELAY_STATE_SENDING | RELAY_STATE_SENT | RELAY_STATE_IDLE,
		{{"octets", FRAME_U32, 1u << 30}}},
	[RELAY_RESULT] = {"result", RELAY_RESULT, FRAME_B, false,
		RELAY_STATE_SENDING | RELAY_STATE_SENT,
		{{"recipient", FRAME_U32, 65535}, {"outcome", FRAME_U32, RELAY_REFUSED},
			{"status", FRAME_BYTES, RELAY_STATUS_MAX},
			{"host", FRAME_BYTES, RELAY_HOST_MAX},
			{"address", FRAME_BYTES, RELAY_ADDRESS_MAX},
			{"reply", FRAME_BYTES, RELAY_REPLY_MAX},
			{"reason", FRAME_BYTES, RELAY_REASON_MAX}}},
	[RELAY_FINISHED] = {"finished", RELAY_FINISHED, FRAME_B, false, RELAY_STATE_SENT,
		{{"health", FRAME_U32, RELAY_SILENT}, {"reason", FRAME_BYTES, RELAY_REASON_MAX}}},
};

const struct frame_protocol spool_relay = {"spool-relay", rows, RELAY_CODES};
