#include "channels/any_resolve.h"

#define NAME                                          \
	{                                             \
		"name", FRAME_BYTES, RESOLVE_NAME_MAX \
	}
#define OUTCOME                                           \
	{                                                 \
		"outcome", FRAME_U32, LOOKUP_OUTCOMES - 1 \
	}
#define WHY                                         \
	{                                           \
		"why", FRAME_BYTES, RESOLVE_WHY_MAX \
	}

static const struct frame_row rows[RESOLVE_CODES] = {
	[RESOLVE_HOSTS] = {"hosts", RESOLVE_HOSTS, FRAME_A, false, RESOLVE_STATE_IDLE, {NAME}},
	[RESOLVE_ADDRESSES] = {"addresses", RESOLVE_ADDRESSES, FRAME_A, false, RESOLVE_STATE_IDLE,
		{NAME, {"port", FRAME_U32, 65535}}},
	[RESOLVE_CLIENT] = {"client", RESOLVE_CLIENT, FRAME_A, false, RESOLVE_STATE_IDLE,
		{{"ip", FRAME_BYTES, 16}}},
	[RESOLVE_TEXTS] = {"texts", RESOLVE_TEXTS, FRAME_A, false, RESOLVE_STATE_IDLE, {NAME}},
	[RESOLVE_HOSTS_ARE] = {"hosts-are", RESOLVE_HOSTS_ARE, FRAME_B, false, RESOLVE_STATE_HOSTS,
		{OUTCOME, {"hosts", FRAME_BYTES, HOSTS_PACKED_MAX}, WHY}},
	[RESOLVE_CLIENT_IS] = {"client-is", RESOLVE_CLIENT_IS, FRAME_B, false, RESOLVE_STATE_CLIENT,
		{OUTCOME, NAME}},
	[RESOLVE_TEXTS_ARE] = {"texts-are", RESOLVE_TEXTS_ARE, FRAME_B, false, RESOLVE_STATE_TEXTS,
		{OUTCOME, {"secure", FRAME_U32, 1},
			{"texts", FRAME_BYTES, RESOLVE_TEXTS_OCTETS_MAX}, WHY}},
};

const struct frame_protocol any_resolve = {"any-resolve", rows, RESOLVE_CODES};
