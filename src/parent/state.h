/*
 * What lies below the state directory, as a table: `sekisho setup` and the parent make the same. The
 * mailboxes' directory is a setting and not among them.
 */
#ifndef PARENT_STATE_H
#define PARENT_STATE_H

#include "base/files.h"
#include "parent/programs.h"

struct state_directory {
	const char *name;
	mode_t mode;
	enum program_id owner; /* PROGRAM_NONE: root */
};
enum state_place { STATE_EMPTY, STATE_SPOOL, STATE_GATE, STATE_KEYS, STATE_DROP };
#define STATE_PLACES 5
#define STATE_MODE 0755 /* of the state directory itself */

const struct state_directory *state_directory(enum state_place place);
/* "STATE/NAME" as text in `to`; false, with errno, when it does not fit. */
must_use bool state_path(const char *state, const char *name, char *to, size_t room);

#endif
