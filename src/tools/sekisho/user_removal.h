/*
 * What would break if a user were taken away: an alias that lists the name, or the postmaster. The
 * server refuses such a configuration and goes on with the old one, in which the user still logs in,
 * so it has to be found before the file is changed. Pure, but for the site that was read.
 */
#ifndef TOOLS_SEKISHO_USER_REMOVAL_H
#define TOOLS_SEKISHO_USER_REMOVAL_H

#include "tools/sekisho/site.h"

/* False when nothing does. Else the errors that `check` would find afterwards and does not find now
 * are in `errors`, a line each. Memory comes from the site's arena. */
bool user_removal_breaks(const struct site *site, struct view name, struct buffer *errors);

#endif
