/*
 * Fuzz target: a file of the directory `drop`, which any system user may write. What is read is written again and
 * reads the same; marks lie where the states stand.
 */
#include "post/dropped.h"

#define ARENA_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct dropped *d, struct view file)
{
	struct buffer b = buffer_new(DROPPED_HEAD_MAX * 2);
	struct arena a = arena_new(ARENA_MAX);
	struct dropped again;
	dropped_add(&b, d);
	must(!buffer_failed(&b) && dropped_read(buffer_view(&b), &a, &again) == NULL);
	must(again.flags == d->flags && again.recipient_count == d->recipient_count);
	must(view_equal(again.reverse_path, d->reverse_path) && view_equal(again.envid, d->envid));
	for (uint32_t i = 0; i < d->recipient_count; i++) {
		const struct dropped_recipient *r = &d->recipients[i];
		must(view_equal(r->forward_path, again.recipients[i].forward_path));
		must(r->notify == again.recipients[i].notify);
		must(r->state_at < d->head_octets && view_at(file, r->state_at) == (int)r->state);
		must(again.recipients[i].state == DROPPED_OPEN);
	}
	buffer_free(&b);
	arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view file = view_of(data, size);
	struct arena a = arena_new(ARENA_MAX);
	struct dropped d;
	if (dropped_read(file, &a, &d) == NULL) {
		must(d.head_octets <= size && d.recipient_count > 0);
		check_again(&d, file);
	}
	(void)dropped_is_name(file);
	arena_reset(&a);
	return 0;
}
