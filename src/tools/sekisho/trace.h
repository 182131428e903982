/* What `sekisho trace` asks of whom. */
#ifndef TOOLS_SEKISHO_TRACE_H
#define TOOLS_SEKISHO_TRACE_H

#include "base/bytes.h"

#define TRACE_PROGRAMS 2

struct trace_question {
	struct view
		programs[TRACE_PROGRAMS]; /* who can tell: one end of a channel, else both faces */
	struct view what; /* as they are asked: what was given, or "channel:" … */
	struct view protocol; /* … and what is spoken there; else empty */
};

/* False when it is no channel between two programs that have one. */
must_use bool trace_question_of(struct view what, struct trace_question *question_out);

#endif
