/*
 * What this host has opened in a store that tells nobody when a row is over: a note of it, so that its end is a line
 * of the log, too (N-20). Nobody is let through by it. What another host has opened ends in that host's log; what
 * another host closes is said there at once, and here when its time is over.
 *
 *	struct opened *o = opened_new(loop);
 *	opened_asked(o, &op, &result);
 *
 * Who calls: redis.c.
 */
#ifndef KEEPERS_GATE_OPENED_H
#define KEEPERS_GATE_OPENED_H

#include "keepers/gate/gated.h"

struct opened;

/* It has a timer in the loop, which outlives it. */
struct opened *opened_new(struct loop *loop);
void opened_free(struct opened **o);
/* What the store was asked and has answered, of any kind; says it in the log. */
void opened_asked(struct opened *o, const struct gate_op *op, const struct gate_result *result);

#endif
