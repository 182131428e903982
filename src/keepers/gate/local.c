#include "keepers/gate/gated.h"
#include "keepers/gate/kinds.h"

/* The gate's own table, as a live store: it answers at once. */

static void copy_row(struct gate_result *r, const struct gate_row *row)
{
	r->facts = row->facts;
	r->left_ms = row->left_ms;
}

/* Rows that strangers cause leave half of the table to those that protect it. */
static bool is_crowded(const struct gate_table *t, const struct gate_op *op)
{
	const struct gate_kind *kind = gate_kind_of(op->key);
	const struct gate_counts c = gate_table_counts(t);
	return kind && kind->crowd &&
	       (c.rows - c.counters >= c.limits.rows_max / 2 ||
		       c.octets >= c.limits.octets_max / 2);
}

static enum error carry_out(struct gate_table *t, uint64_t now_ms, const struct gate_op *op,
	struct gate_row *row, uint64_t *count)
{
	const struct gate_write write = {op->key, op->facts, op->lifetime_ms, op->durable};
	if ((op->code == GATE_OPEN || op->code == GATE_CLAIM) && is_crowded(t, op))
		return ERROR_LIMIT;
	switch (op->code) {
	case GATE_LOOKUP:
		return gate_table_look_up(t, now_ms, op->key, row);
	case GATE_OPEN:
		return gate_table_open(t, now_ms, &write, row);
	case GATE_CLAIM:
		return gate_table_claim(t, now_ms, &write, row);
	case GATE_CHANGE:
		return gate_table_change(t, now_ms, &write, op->old, row);
	case GATE_TOUCH:
		return gate_table_touch(t, now_ms, op->key, op->lifetime_ms, row);
	case GATE_CLOSE: {
		const enum error error = gate_table_close(t, now_ms, op->key, op->old);
		return error ? error : ERROR_MISSING;
	}
	case GATE_COUNT:
		return gate_table_count(t, now_ms, op->key, op->amount, op->window_ms, count);
	case GATE_ROW:
	case GATE_NONE:
	case GATE_COUNTED:
	case GATE_FAILED:
	case GATE_CODES:
		break;
	}
	return ERROR_PROTOCOL;
}

struct gate_result local_ask(struct gated *g, const struct gate_op *op)
{
	struct gate_result r = {.counted = op->code == GATE_COUNT};
	struct gate_row row = {0};
	r.error = carry_out(g->table, gated_now_ms(g), op, &row, &r.count);
	copy_row(&r, &row);
	return r;
}

static void walk_row(void *context, const struct gate_row *row)
{
	struct gate_walk *walk = context;
	if (view_starts(row->key, walk->prefix))
		walk->row(walk, row);
}

void local_walk(struct gated *g, struct gate_walk *walk)
{
	uint64_t after = walk->after;
	const bool more =
		gate_table_walk(g->table, gated_now_ms(g), &after, walk->rows, walk_row, walk);
	walk->end(walk, ERROR_NONE, more ? after : 0);
}
