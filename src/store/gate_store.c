#include "store/gate_store.h"

#include "store/gate_table.h"

static enum error load_nothing(struct gate_store *store, gate_store_row *each, void *context)
{
	(void)store;
	(void)each;
	(void)context;
	return ERROR_NONE;
}

static enum error apply_nothing(struct gate_store *store, struct view batch, struct view mark)
{
	(void)store;
	(void)batch;
	(void)mark;
	return ERROR_NONE;
}

static void close_memory(struct gate_store *store)
{
	memory_free(store);
}

struct gate_store *gate_store_memory(void)
{
	static const struct gate_store_ops ops = {load_nothing, apply_nothing, close_memory};
	struct gate_store *store = memory_new(1, sizeof *store);
	store->ops = &ops;
	return store;
}

enum error gate_store_load(struct gate_store *store, gate_store_row *each, void *context)
{
	return store->ops->load(store, each, context);
}

struct view gate_store_mark(const struct gate_store *store)
{
	return buffer_view(&store->mark);
}

enum error gate_store_apply(struct gate_store *store, struct view batch, struct view mark)
{
	return store->ops->apply(store, batch, mark);
}

void gate_store_free(struct gate_store **store)
{
	struct gate_store *s = *store;
	*store = NULL;
	if (!s)
		return;
	buffer_free(&s->mark);
	s->ops->close(s);
}

/* --- batches ------------------------------------------------------------------------------ */

static void add_octets(struct buffer *b, struct view v)
{
	buffer_add_u32(b, (uint32_t)v.length);
	buffer_add(b, v);
}

/* All of a step or nothing. */
static void add_step(struct buffer *b, const struct gate_batch_step *step)
{
	const size_t before = b->length;
	buffer_add_octet(b, (uint8_t)step->kind);
	add_octets(b, step->key);
	add_octets(b, step->facts);
	buffer_add_u64(b, step->ends_ms);
	if (buffer_failed(b))
		buffer_truncate(b, before);
}

void gate_batch_clear(struct buffer *b)
{
	add_step(b, &(struct gate_batch_step){.kind = GATE_BATCH_CLEAR});
}

void gate_batch_write(struct buffer *b, struct view key, struct view facts, uint64_t ends_ms)
{
	add_step(b, &(struct gate_batch_step){GATE_BATCH_WRITE, key, facts, ends_ms});
}

void gate_batch_remove(struct buffer *b, struct view key)
{
	add_step(b, &(struct gate_batch_step){.kind = GATE_BATCH_REMOVE, .key = key});
}

bool gate_batch_read(struct cursor *c, struct gate_batch_step *step_out)
{
	*step_out = (struct gate_batch_step){0};
	if (cursor_left(c) == 0 || cursor_failed(c))
		return false;
	const uint8_t kind = cursor_u8(c);
	step_out->key = cursor_take(c, cursor_u32(c));
	step_out->facts = cursor_take(c, cursor_u32(c));
	step_out->ends_ms = cursor_u64(c);
	if (kind < GATE_BATCH_CLEAR || kind > GATE_BATCH_REMOVE ||
		step_out->key.length > GATE_TABLE_KEY_MAX ||
		step_out->facts.length > GATE_TABLE_FACTS_MAX ||
		(kind != GATE_BATCH_CLEAR && step_out->key.length == 0))
		cursor_fail(c);
	step_out->kind = (enum gate_batch_kind)kind;
	return !cursor_failed(c);
}
