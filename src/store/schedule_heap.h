/* What waits for its time, the earliest first: a binary heap. A part of store/schedule.h. */
#ifndef STORE_SCHEDULE_HEAP_H
#define STORE_SCHEDULE_HEAP_H

#include "store/schedule.h"

struct schedule_wait {
	struct schedule_destination *destination;
	struct spool_id id;
	uint32_t due_s;
	uint32_t recipient;
};

struct schedule_heap {
	struct schedule_wait *waits;
	uint32_t count;
	uint32_t room;
};

void schedule_heap_add(struct schedule_heap *h, struct schedule_wait wait);
/* The first, if its time has come. */
must_use bool schedule_heap_take(
	struct schedule_heap *h, uint32_t now_s, struct schedule_wait *wait_out);
/* UINT32_MAX when it is empty. */
uint32_t schedule_heap_due_s(const struct schedule_heap *h);
/* After times were changed in place. */
void schedule_heap_order(struct schedule_heap *h);
void schedule_heap_free(struct schedule_heap *h);

#endif
