/* What `sekisho trace` asks of whom. */
#ifndef TOOLS_SEKISHO_TRACE_H
#define TOOLS_SEKISHO_TRACE_H

#include "base/bytes.h"

#define TRACE_PROGRAMS 2

/* The programs that can tell about `what`: the first end of a channel, else both faces; unused places
 * are empty. False when it is no channel between two programs that have one. */
must_use bool trace_programs(struct view what, struct view programs_out[TRACE_PROGRAMS]);

#endif
