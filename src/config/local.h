/*
 * How our own local-parts compare: ASCII letters without case, all other octets as they are (RFC
 * 5321 §2.4 leaves it to the host that owns them). Names are folded once when they are read; what
 * is looked up is folded while it is compared, so that a look-up needs no memory.
 */
#ifndef CONFIG_LOCAL_H
#define CONFIG_LOCAL_H

#include "base/arena.h"

/* A folded copy in the arena, or `local` itself when it is folded already. False at the cap. */
must_use bool local_fold(struct view local, struct arena *a, struct view *folded_out);
/* <0, 0, >0 in the order of view_compare(folded, fold(query)). */
int local_compare(struct view folded, struct view query);

#endif
