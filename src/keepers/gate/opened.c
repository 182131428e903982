#include "keepers/gate/opened.h"

#include "base/random.h"
#include "keepers/gate/kinds.h"

struct opened {
	struct loop *loop;
	struct gate_table *table;
	struct timer *end; /* of what ends first */
};

static void on_written(void *context, const struct gate_row *row)
{
	(void)context;
	openings_written(row);
}

static void on_removed(void *context, const struct gate_row *row, enum gate_end why)
{
	(void)context;
	openings_removed(row, why);
}

static void wait_for_end(struct opened *o)
{
	const uint64_t now_ms = loop_now_ms(o->loop);
	const uint64_t next_ms = gate_table_next_ms(o->table);
	if (next_ms == UINT64_MAX)
		timer_stop(o->end);
	else
		timer_set(o->end, next_ms < now_ms ? 0 : next_ms - now_ms + 1);
}

static void on_end(void *context)
{
	struct opened *o = context;
	gate_table_expire(o->table, loop_now_ms(o->loop), GATE_TICK_ROWS);
	wait_for_end(o);
}

struct opened *opened_new(struct loop *loop)
{
	static const struct gate_observer observer = {on_written, on_removed, NULL};
	const struct gate_seed seed = {random_u64(), random_u64()};
	struct opened *o = memory_new(1, sizeof *o);
	*o = (struct opened){.loop = loop,
		.table = gate_table_new(&gate_limits_default, seed, &observer),
		.end = timer_new(loop, on_end, o)};
	return o;
}

void opened_free(struct opened **o)
{
	if (!*o)
		return;
	timer_free(&(*o)->end);
	gate_table_free(&(*o)->table);
	memory_free(*o);
	*o = NULL;
}

static void note(struct opened *o, const struct gate_op *op, const struct gate_result *result)
{
	const struct gate_write write = {.key = op->key,
		.facts = result->facts,
		.lifetime_ms = result->left_ms,
		.durable = true};
	struct gate_row row = {.key = op->key, .facts = result->facts, .left_ms = result->left_ms};
	if (gate_table_open(o->table, loop_now_ms(o->loop), &write, &row) != ERROR_NONE)
		openings_written(&row); /* no room: without its end */
}

static void forget(struct opened *o, const struct gate_op *op, const struct gate_result *result)
{
	const struct gate_row row = {.key = op->key};
	const uint32_t before = gate_table_counts(o->table).rows;
	(void)!gate_table_close(o->table, loop_now_ms(o->loop), op->key, op->old);
	if (result->count > before - gate_table_counts(o->table).rows)
		openings_removed(&row, GATE_END_CLOSED); /* another host has opened it */
}

void opened_asked(struct opened *o, const struct gate_op *op, const struct gate_result *result)
{
	struct gate_row row;
	if (!gate_kind_of(op->key)->tails)
		return;
	on_end(o); /* what is over is not closed */
	if (op->code == GATE_OPEN && result->error == ERROR_NONE)
		note(o, op, result);
	else if (op->code == GATE_TOUCH && result->error == ERROR_NONE)
		(void)!gate_table_touch(
			o->table, loop_now_ms(o->loop), op->key, op->lifetime_ms, &row);
	else if (op->code == GATE_CLOSE)
		forget(o, op, result);
	wait_for_end(o);
}
