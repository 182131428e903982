/* Parts of `sekisho setup`. Each says what it did, and nothing about what stood already. */
#ifndef TOOLS_SEKISHO_SETUP_H
#define TOOLS_SEKISHO_SETUP_H

#include "base/bytes.h"

/* The system users and groups of parent/programs.c, by groupadd(8) and useradd(8). Root only. Gives an
 * exit code. */
must_use int setup_users(void);

/* What a `servername` says: its first line that is no comment, without spaces. */
struct view setup_first_line(struct view text);

#endif
