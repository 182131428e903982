#include "parent/state.h"

#include "base/text.h"
#include "channels/caller.h"

#include <errno.h>

static const struct state_directory rows[STATE_PLACES] = {
	[STATE_EMPTY] = {"empty", 0555, PROGRAM_NONE},
	[STATE_SPOOL] = {"spool", 0700, PROGRAM_SPOOL},
	[STATE_GATE] = {"gate", 0700, PROGRAM_GATE},
	[STATE_KEYS] = {"keys", 0700, PROGRAM_NONE},
	/* Anybody makes files there, nobody sees those of others; they get the group of the keeper, which
	 * thereby can read them. */
	[STATE_DROP] = {CALLER_DROP_NAME, 03733, PROGRAM_DROP},
};

const struct state_directory *state_directory(enum state_place place)
{
	must(place < STATE_PLACES);
	return &rows[place];
}

bool state_path(const char *state, const char *name, char *to, size_t room)
{
	struct buffer b = buffer_new(room);
	text_add(&b, "{}/{}", text_raw(view_text(state)), text_raw(view_text(name)));
	const bool fits = !buffer_failed(&b) && view_to_text(buffer_view(&b), to, room);
	buffer_free(&b);
	if (!fits)
		errno = ENAMETOOLONG;
	return fits;
}
