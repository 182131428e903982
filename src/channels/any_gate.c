#include "channels/any_gate.h"

#define KEY                                      \
	{                                        \
		"key", FRAME_BYTES, GATE_KEY_MAX \
	}
#define FACTS                                        \
	{                                            \
		"facts", FRAME_BYTES, GATE_FACTS_MAX \
	}
#define OLD                                        \
	{                                          \
		"old", FRAME_BYTES, GATE_FACTS_MAX \
	}
#define LIFETIME                                            \
	{                                                   \
		"lifetime", FRAME_U64, GATE_LIFETIME_MAX_MS \
	}

static const struct frame_row rows[GATE_CODES] = {
	[GATE_LOOKUP] = {"lookup", GATE_LOOKUP, FRAME_A, false, GATE_STATE_IDLE, {KEY}},
	[GATE_OPEN] = {"open", GATE_OPEN, FRAME_A, false, GATE_STATE_IDLE, {KEY, FACTS, LIFETIME}},
	[GATE_CLAIM] = {"claim", GATE_CLAIM, FRAME_A, false, GATE_STATE_IDLE,
		{KEY, FACTS, LIFETIME}},
	[GATE_CHANGE] = {"change", GATE_CHANGE, FRAME_A, false, GATE_STATE_IDLE,
		{KEY, OLD, FACTS, LIFETIME}},
	[GATE_TOUCH] = {"touch", GATE_TOUCH, FRAME_A, false, GATE_STATE_IDLE, {KEY, LIFETIME}},
	[GATE_CLOSE] = {"close", GATE_CLOSE, FRAME_A, false, GATE_STATE_IDLE, {KEY, OLD}},
	[GATE_COUNT] = {"count", GATE_COUNT, FRAME_A, false, GATE_STATE_IDLE,
		{KEY, {"amount", FRAME_U32, UINT32_MAX},
			{"window", FRAME_U32, GATE_WINDOW_MAX_MS}}},
	[GATE_ROW] = {"row", GATE_ROW, FRAME_B, false, GATE_STATE_ASKED,
		{FACTS, {"left", FRAME_U64, GATE_LIFETIME_MAX_MS}}},
	[GATE_NONE] = {"none", GATE_NONE, FRAME_B, false, GATE_STATE_ASKED, {{0}}},
	[GATE_COUNTED] = {"counted", GATE_COUNTED, FRAME_B, false, GATE_STATE_ASKED,
		{{"count", FRAME_U64, UINT64_MAX}}},
	[GATE_FAILED] = {"failed", GATE_FAILED, FRAME_B, false, GATE_STATE_ASKED,
		{{"error", FRAME_U32, 64}}},
};

const struct frame_protocol any_gate = {"any-gate", rows, GATE_CODES};
