#include "channels/face_auth.h"

static const struct frame_row rows[AUTH_CODES] = {
	[AUTH_START] = {"start", AUTH_START, FRAME_A, false, AUTH_STATE_IDLE,
		{{"service", FRAME_U32, AUTH_SERVICE_POP}, {"flags", FRAME_U32, 3},
			{"mechanism", FRAME_BYTES, 20},
			{"initial", FRAME_BYTES, AUTH_RESPONSE_MAX, true},
			{"address", FRAME_BYTES, 16},
			{"binding kind", FRAME_U32, AUTH_BINDING_EXPORTER},
			{"binding", FRAME_BYTES, 64, true}, {"session", FRAME_U64, UINT64_MAX}}},
	[AUTH_STEP] = {"step", AUTH_STEP, FRAME_A, false, AUTH_STATE_WAITING,
		{{"response", FRAME_BYTES, AUTH_RESPONSE_MAX, true}}},
	[AUTH_CANCEL] = {"cancel", AUTH_CANCEL, FRAME_A, false,
		AUTH_STATE_IDLE | AUTH_STATE_ASKED | AUTH_STATE_WAITING, {{0}}},
	[AUTH_LEAVE] = {"leave", AUTH_LEAVE, FRAME_A, false,
		AUTH_STATE_IDLE | AUTH_STATE_ASKED | AUTH_STATE_WAITING, {{0}}},
	[AUTH_CHALLENGE] = {"challenge", AUTH_CHALLENGE, FRAME_B, false,
		AUTH_STATE_ASKED | AUTH_STATE_IDLE,
		{{"challenge", FRAME_BYTES, AUTH_RESPONSE_MAX, true}}},
	[AUTH_SUCCESS] = {"success", AUTH_SUCCESS, FRAME_B, false,
		AUTH_STATE_ASKED | AUTH_STATE_IDLE, {{"user", FRAME_BYTES, 64}}},
	[AUTH_FAILURE] = {"failure", AUTH_FAILURE, FRAME_B, false,
		AUTH_STATE_ASKED | AUTH_STATE_IDLE, {{"reason", FRAME_U32, AUTH_FAILURE_SLOW}}},
};

const struct frame_protocol face_auth = {"face-auth", rows, AUTH_CODES};
