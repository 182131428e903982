#include "channels/face_keys.h"

static const struct frame_row rows[KEYS_CODES] = {
	[KEYS_SIGN] = {"sign", KEYS_SIGN, FRAME_A, false, KEYS_STATE_IDLE,
		{{"key", FRAME_U32, UINT32_MAX}, {"purpose", FRAME_U32, 255},
			{"algorithm", FRAME_U32, 65535},
			{"to be signed", FRAME_BYTES, KEYS_TBS_MAX}}},
	[KEYS_SIGNED] = {"signed", KEYS_SIGNED, FRAME_B, false, KEYS_STATE_ASKED,
		{{"signature", FRAME_BYTES, KEYS_SIGNATURE_MAX, true}}},
	[KEYS_REFUSED] = {"refused", KEYS_REFUSED, FRAME_B, false, KEYS_STATE_ASKED,
		{{"error", FRAME_U32, 64}}},
};

const struct frame_protocol face_keys = {"face-keys", rows, KEYS_CODES};
