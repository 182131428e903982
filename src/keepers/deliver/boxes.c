#include "keepers/deliver/deliverd.h"

static uint64_t hash_of(struct view name)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < name.length; i++)
		h = (h ^ name.at[i]) * 1099511628211u;
	return h ? h : 1;
}

/* Boxes are never dropped: there are no more of them than users ever were. */
struct box *box_get(struct deliverd *d, struct view name)
{
	const uint64_t key = hash_of(name);
	struct box **slot = &d->boxes[key % (sizeof d->boxes / sizeof *d->boxes)];
	for (struct box *b = *slot; b; b = b->next)
		if (b->key == key && view_equal(b->name, name))
			return b;
	struct box *b = memory_new(1, sizeof *b + name.length);
	must(view_copy(name, b + 1, name.length));
	b->name = view_of(b + 1, name.length);
	b->key = key;
	b->next = *slot;
	*slot = b;
	d->box_count++;
	return b;
}
