#include "channels/parent_program.h"

#define ANY PARENT_STATE_ANY

static const struct frame_row rows[PARENT_CODES] = {
	[PARENT_START] = {"start", PARENT_START, FRAME_A, false, ANY,
		{{"worker", FRAME_U32, 255}, {"workers", FRAME_U32, 256},
			{"sandbox", FRAME_BYTES, 65536}, {"options", FRAME_BYTES, 4096}}},
	[PARENT_GIVEN] = {"given", PARENT_GIVEN, FRAME_A, false, ANY, {{"role", FRAME_U32, 64}}},
	[PARENT_LISTEN] = {"listen", PARENT_LISTEN, FRAME_A, false, ANY, {{"kind", FRAME_U32, 64}}},
	[PARENT_CONFIG] = {"config", PARENT_CONFIG, FRAME_A, false, ANY,
		{{"generation", FRAME_U64, UINT64_MAX}}},
	[PARENT_PEER] = {"peer", PARENT_PEER, FRAME_A, false, ANY,
		{{"program", FRAME_U32, 64}, {"worker", FRAME_U32, 255},
			{"workers", FRAME_U32, 256}, {"start", FRAME_U32, UINT32_MAX}}},
	[PARENT_GO] = {"go", PARENT_GO, FRAME_A, false, ANY, {{0}}},
	[PARENT_DRAIN] = {"drain", PARENT_DRAIN, FRAME_A, false, ANY, {{0}}},
	[PARENT_COMMAND] = {"command", PARENT_COMMAND, FRAME_A, false, ANY,
		{{"words", FRAME_BYTES, 8192}}},
	[PARENT_CANCEL] = {"cancel", PARENT_CANCEL, FRAME_A, false, ANY, {{0}}},
	[PARENT_READY] = {"ready", PARENT_READY, FRAME_B, false, ANY,
		{{"missing", FRAME_BYTES, 4096}}},
	[PARENT_CONFIGURED] = {"configured", PARENT_CONFIGURED, FRAME_B, false, ANY,
		{{"generation", FRAME_U64, UINT64_MAX}, {"problem", FRAME_BYTES, 1024}}},
	[PARENT_DRAINED] = {"drained", PARENT_DRAINED, FRAME_B, false, ANY, {{0}}},
	[PARENT_OUTPUT] = {"output", PARENT_OUTPUT, FRAME_B, false, ANY,
		{{"octets", FRAME_BYTES, 32768}}},
	[PARENT_DONE] = {"done", PARENT_DONE, FRAME_B, false, ANY, {{"exit", FRAME_U32, 255}}},
	[PARENT_PEER_BROKEN] = {"peer broken", PARENT_PEER_BROKEN, FRAME_B, false, ANY,
		{{"program", FRAME_U32, 64}, {"worker", FRAME_U32, 255},
			{"start", FRAME_U32, UINT32_MAX}, {"why", FRAME_BYTES, PEER_WHY_MAX}}},
	[PARENT_VERIFIER] = {"verifier", PARENT_VERIFIER, FRAME_B, false, ANY,
		{{"name", FRAME_BYTES, 64}, {"old", FRAME_BYTES, 1024, true},
			{"new", FRAME_BYTES, 1024, true}}},
	[PARENT_CALLER] = {"caller", PARENT_CALLER, FRAME_A, false, ANY,
		{{"uid", FRAME_U32, UINT32_MAX}, {"name", FRAME_BYTES, CALLER_NAME_MAX}}},
	[PARENT_CALLER_TAKEN] = {"caller taken", PARENT_CALLER_TAKEN, FRAME_B, false, ANY, {{0}}},
	[PARENT_CALL] = {"call", PARENT_CALL, FRAME_B, false, ANY,
		{{"uid", FRAME_U32, UINT32_MAX}}},
	[PARENT_CALLED] = {"called", PARENT_CALLED, FRAME_A, false, ANY,
		{{"name", FRAME_BYTES, CALLER_NAME_MAX}}},
};

const struct frame_protocol parent_program = {"parent-program", rows, PARENT_CODES};
