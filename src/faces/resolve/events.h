/*
 * The event base that libunbound asks for (unbound-event.h), made of base/loop: its sockets and timers are
 * watched by the program's own loop, so it needs no thread, no pipe and no event library of its own.
 */
#ifndef FACES_RESOLVE_EVENTS_H
#define FACES_RESOLVE_EVENTS_H

#include "base/loop.h"

struct ub_event_base;

/* Freed after the context that uses it. */
struct ub_event_base *events_new(struct loop *loop);
void events_free(struct ub_event_base **base);

#endif
