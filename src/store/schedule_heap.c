#include "store/schedule_heap.h"

#define ROOM_FIRST 64u

/* Mail that waits equally long goes in the order of its arrival. */
static bool is_before(const struct schedule_wait *a, const struct schedule_wait *b)
{
	if (a->due_s != b->due_s)
		return a->due_s < b->due_s;
	return a->id.value != b->id.value ? a->id.value < b->id.value : a->recipient < b->recipient;
}

static void swap(struct schedule_wait *a, struct schedule_wait *b)
{
	const struct schedule_wait kept = *a;
	*a = *b;
	*b = kept;
}

static void sink(struct schedule_heap *h, uint32_t at)
{
	for (;;) {
		uint32_t least = at;
		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < h->count; child++)
			if (is_before(&h->waits[child], &h->waits[least]))
				least = child;
		if (least == at)
			return;
		swap(&h->waits[at], &h->waits[least]);
		at = least;
	}
}

static void resize(struct schedule_heap *h, uint32_t room)
{
	struct schedule_wait *waits = memory_new(room, sizeof *waits);
	for (uint32_t i = 0; i < h->count; i++)
		waits[i] = h->waits[i];
	memory_free(h->waits);
	h->waits = waits;
	h->room = room;
}

void schedule_heap_add(struct schedule_heap *h, struct schedule_wait wait)
{
	if (h->count == h->room)
		resize(h, h->room ? h->room + h->room / 2 : ROOM_FIRST);
	uint32_t at = h->count++;
	h->waits[at] = wait;
	while (at && is_before(&h->waits[at], &h->waits[(at - 1) / 2])) {
		swap(&h->waits[at], &h->waits[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

bool schedule_heap_take(struct schedule_heap *h, uint32_t now_s, struct schedule_wait *wait_out)
{
	if (!h->count || h->waits[0].due_s > now_s)
		return false;
	*wait_out = h->waits[0];
	h->waits[0] = h->waits[--h->count];
	sink(h, 0);
	if (h->room > ROOM_FIRST && h->count < h->room / 4)
		resize(h, h->room / 2);
	return true;
}

uint32_t schedule_heap_due_s(const struct schedule_heap *h)
{
	return h->count ? h->waits[0].due_s : UINT32_MAX;
}

void schedule_heap_order(struct schedule_heap *h)
{
	for (uint32_t i = h->count / 2; i > 0; i--)
		sink(h, i - 1);
}

void schedule_heap_free(struct schedule_heap *h)
{
	memory_free(h->waits);
	*h = (struct schedule_heap){0};
}
