#include "channels/popd_mailbox.h"

#define IDLE MAILBOX_STATE_IDLE
#define OPENING MAILBOX_STATE_OPENING
#define READY MAILBOX_STATE_READY
#define ASKED MAILBOX_STATE_ASKED
#define FETCHING MAILBOX_STATE_FETCHING
#define STOPPING MAILBOX_STATE_STOPPING
#define ANY 63

/* What B says may find the stream closed by A meanwhile: idle is allowed, and A drops it. */
static const struct frame_row rows[MAILBOX_CODES] = {
	[MAILBOX_OPEN] = {"open", MAILBOX_OPEN, FRAME_A, false, IDLE, {{0}}},
	[MAILBOX_ROWS] = {"rows", MAILBOX_ROWS, FRAME_A, false, READY,
		{{"first", FRAME_U32, UINT32_MAX}, {"count", FRAME_U32, MAILBOX_PAGE_ROWS}}},
	[MAILBOX_FETCH] = {"fetch", MAILBOX_FETCH, FRAME_A, false, READY,
		{{"number", FRAME_U32, UINT32_MAX}}},
	[MAILBOX_STOP] = {"stop", MAILBOX_STOP, FRAME_A, false, READY | FETCHING | STOPPING, {{0}}},
	[MAILBOX_CREDIT] = {"credit", MAILBOX_CREDIT, FRAME_A, false,
		IDLE | READY | FETCHING | STOPPING | ASKED,
		{{"octets", FRAME_U32, MAILBOX_CREDIT_FIRST}}},
	[MAILBOX_REMOVE] = {"remove", MAILBOX_REMOVE, FRAME_A, false, READY,
		{{"numbers", FRAME_BYTES, MAILBOX_REMOVE_MAX * 4}}},
	[MAILBOX_REMOVED] = {"removed", MAILBOX_REMOVED, FRAME_A, false, READY, {{0}}},
	[MAILBOX_CLOSE] = {"close", MAILBOX_CLOSE, FRAME_A, false, ANY, {{0}}},
	[MAILBOX_OPENED] = {"opened", MAILBOX_OPENED, FRAME_B, false, OPENING | IDLE,
		{{"count", FRAME_U32, UINT32_MAX}, {"octets", FRAME_U64, UINT64_MAX}}},
	[MAILBOX_FAILED] = {"failed", MAILBOX_FAILED, FRAME_B, false, OPENING | IDLE,
		{{"reason", FRAME_U32, MAILBOX_NO_GRANT}}},
	[MAILBOX_PAGE] = {"page", MAILBOX_PAGE, FRAME_B, false, ASKED | IDLE,
		{{"rows", FRAME_BYTES, MAILBOX_PAGE_ROWS *MAILBOX_ROW_MAX}}},
	[MAILBOX_CONTENT] = {"content", MAILBOX_CONTENT, FRAME_B, true, FETCHING | STOPPING | IDLE,
		{{"octets", FRAME_BYTES, MAILBOX_CHUNK_MAX, true}}},
	[MAILBOX_END] = {"end", MAILBOX_END, FRAME_B, true, FETCHING | STOPPING | IDLE, {{0}}},
	[MAILBOX_GONE] = {"gone", MAILBOX_GONE, FRAME_B, true, FETCHING | STOPPING | IDLE, {{0}}},
	[MAILBOX_RESULT] = {"result", MAILBOX_RESULT, FRAME_B, false, ASKED | IDLE,
		{{"removed", FRAME_U32, UINT32_MAX}, {"failed", FRAME_U32, UINT32_MAX}}},
};

const struct frame_protocol popd_mailbox = {"popd-mailbox", rows, MAILBOX_CODES};
