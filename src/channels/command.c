#include "channels/command.h"

#include "base/text.h"

static const struct frame_row rows[COMMAND_CODES] = {
	[COMMAND_ASK] = {"ask", COMMAND_ASK, FRAME_A, false, COMMAND_STATE_IDLE,
		{{"program", FRAME_BYTES, 32}, {"words", FRAME_BYTES, 8192}}},
	[COMMAND_OUTPUT] = {"output", COMMAND_OUTPUT, FRAME_B, false, COMMAND_STATE_ASKED,
		{{"octets", FRAME_BYTES, 32768}}},
	[COMMAND_DONE] = {"done", COMMAND_DONE, FRAME_B, false, COMMAND_STATE_ASKED,
		{{"exit", FRAME_U32, 255}}},
};

const struct frame_protocol command_protocol = {"command", rows, COMMAND_CODES};

bool local_socket_path(int state_directory, const char *name, char *path, size_t room)
{
	struct buffer b = buffer_new(room);
	text_add(&b, "/proc/self/fd/{}/{}", text_number((uint64_t)state_directory),
		text_string(name));
	const bool fits = !buffer_failed(&b) && view_to_text(buffer_view(&b), path, room);
	buffer_free(&b);
	return fits;
}
