/* The table of commands; see command.h for a row. */
#ifndef TOOLS_SEKISHO_COMMANDS_H
#define TOOLS_SEKISHO_COMMANDS_H

#include "tools/sekisho/command.h"

/* Null when there is none of that name. */
const struct command *command_find(struct view name);
/* Appends what `sekisho --help` shows. */
void commands_add_help(struct buffer *b);

#endif
