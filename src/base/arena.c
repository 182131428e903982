#include "base/arena.h"

#include <stdalign.h>

#define BLOCK_FIRST 512
#define BLOCK_LARGEST 16384

struct arena_block {
	struct arena_block *older;
	size_t size;
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

struct arena arena_new(size_t max)
{
	return (struct arena){.max = max};
}

static size_t align_up(size_t size)
{
	const size_t unit = alignof(max_align_t);
	return (size + unit - 1) / unit * unit;
}

static size_t block_size(const struct arena *a, size_t size)
{
	size_t want = a->newest ? a->newest->size * 2 : BLOCK_FIRST;
	if (want > BLOCK_LARGEST)
		want = BLOCK_LARGEST;
	if (want > a->max - a->used)
		want = a->max - a->used;
	return want < size ? size : want;
}

static bool add_block(struct arena *a, size_t size)
{
	if (size > a->max - a->used)
		return false;
	const size_t data = block_size(a, size);
	size_t whole;
	if (!size_add(sizeof(struct arena_block), data, &whole))
		return false;
	struct arena_block *block = memory_try(whole);
	if (!block)
		return false;
	*block = (struct arena_block){.older = a->newest, .size = data};
	a->newest = block;
	a->used += data;
	return true;
}

void *arena_get(struct arena *a, size_t size)
{
	if (size > a->max || size > SIZE_MAX - alignof(max_align_t))
		return NULL;
	size = align_up(size ? size : 1);
	if (!a->newest || a->newest->size - a->newest->used < size)
		if (!add_block(a, size))
			return NULL;
	uint8_t *at = a->newest->data + a->newest->used;
	a->newest->used += size;
	bytes_zero(at, size);
	return at;
}

void *arena_get_array(struct arena *a, size_t count, size_t size)
{
	size_t total;
	return size_multiply(count, size, &total) ? arena_get(a, total) : NULL;
}

bool arena_copy(struct arena *a, struct view v, struct view *copy_out)
{
	*copy_out = VIEW_NONE;
	if (v.length == 0)
		return true;
	uint8_t *at = arena_get(a, v.length);
	if (!at || !view_copy(v, at, v.length))
		return false;
	*copy_out = view_of(at, v.length);
	return true;
}

void arena_reset(struct arena *a)
{
	while (a->newest) {
		struct arena_block *older = a->newest->older;
		memory_free(a->newest);
		a->newest = older;
	}
	a->used = 0;
}
