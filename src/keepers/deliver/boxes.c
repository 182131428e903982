#include "keepers/deliver/deliverd.h"

static uint64_t hash_of(struct view name)
{
	const uint64_t h = view_hash(name);
	return h ? h : 1;
}

struct box *box_find(const struct deliverd *d, struct view name)
{
	const uint64_t key = hash_of(name);
	struct box *b = d->boxes[key % BOX_SLOTS];
	while (b && (b->key != key || !view_equal(b->name, name)))
		b = b->next;
	return b;
}

/* Boxes are never dropped: there are no more of them than users ever were. */
struct box *box_get(struct deliverd *d, struct view name)
{
	const uint64_t key = hash_of(name);
	struct box **slot = &d->boxes[key % BOX_SLOTS];
	struct box *b = box_find(d, name);
	if (b)
		return b;
	b = memory_new(1, sizeof *b + name.length);
	must(view_copy(name, b + 1, name.length));
	b->name = view_of(b + 1, name.length);
	b->key = key;
	b->next = *slot;
	*slot = b;
	d->box_count++;
	return b;
}

void box_line_up(struct placing *p)
{
	struct box *box = p->box;
	p->in_line = true;
	p->line_next = NULL;
	*(box->line ? &box->line_last->line_next : &box->line) = p;
	box->line_last = p;
}

void box_leave(struct placing *p)
{
	struct box *box = p->box;
	struct placing *before = NULL;
	if (!p->in_line)
		return;
	p->in_line = false;
	for (struct placing *at = box->line; at != p; at = at->line_next)
		before = at;
	*(before ? &before->line_next : &box->line) = p->line_next;
	if (box->line_last == p)
		box->line_last = before;
}

/* One that is parked behind an equal mail lets the others pass: it is most likely to be dropped. */
void box_go_on(struct box *box)
{
	struct placing *p = box->line;
	while (p && (p->ready || p->parked)) {
		struct placing *next = p->line_next;
		if (p->ready) {
			box_leave(p);
			place_go(p);
			next = box->line; /* others may have gone with it */
		}
		p = next;
	}
}
