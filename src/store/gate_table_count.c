#include "store/gate_rows.h"

uint64_t row_counted(const struct row *row, uint64_t now_ms)
{
	const uint64_t age_ms = now_ms > row->bucket_ms ? now_ms - row->bucket_ms : 0;
	const uint64_t buckets = age_ms / row->window_ms;
	if (buckets > 1)
		return 0;
	const uint64_t whole = buckets ? 0 : row->present;
	const uint64_t part = buckets ? row->present : row->before;
	const uint64_t share_ms = row->window_ms - age_ms % row->window_ms;
	/* both are below 2^32, so the product fits */
	return whole + (part * share_ms + row->window_ms - 1) / row->window_ms;
}

static uint32_t capped(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Brings the buckets up to the present, and to the window asked for. */
static void turn_buckets(struct row *row, uint64_t now_ms, uint32_t window_ms)
{
	if (row->window_ms != window_ms) {
		row->present = capped(row_counted(row, now_ms));
		row->before = 0;
		row->bucket_ms = now_ms;
		row->window_ms = window_ms;
		return;
	}
	const uint64_t age_ms = now_ms > row->bucket_ms ? now_ms - row->bucket_ms : 0;
	const uint64_t buckets = age_ms / window_ms;
	if (buckets == 0)
		return;
	row->before = buckets == 1 ? row->present : 0;
	row->present = 0;
	row->bucket_ms += buckets * window_ms;
}

/* The last millisecond in which one of the two buckets still counts. */
static uint64_t last_ms(uint64_t bucket_ms, uint32_t window_ms)
{
	return bucket_ms + 2 * (uint64_t)window_ms - 1;
}

static struct row *new_counter(
	struct gate_table *t, uint64_t now_ms, struct view key, uint32_t window_ms)
{
	struct row *row = rows_add(t, now_ms, key, VIEW_NONE, last_ms(now_ms, window_ms));
	if (!row)
		return NULL;
	row->counter = true;
	row->window_ms = window_ms;
	row->bucket_ms = now_ms;
	t->counts.counters++;
	return row;
}

enum error gate_table_count(struct gate_table *t, uint64_t now_ms, struct view key, uint32_t amount,
	uint32_t window_ms, uint64_t *count_out)
{
	*count_out = 0;
	if (!table_is_key(key) || window_ms == 0)
		return ERROR_PROTOCOL;
	struct row *row = table_standing(t, now_ms, key);
	if (row && !row->counter)
		return ERROR_PROTOCOL;
	if (!row && amount == 0)
		return ERROR_NONE;
	if (!row) {
		row = new_counter(t, now_ms, key, window_ms);
		if (!row)
			return ERROR_LIMIT;
	} else {
		rows_unlink_counter(t, row);
		turn_buckets(row, now_ms, window_ms);
		rows_move_end(t, row, last_ms(row->bucket_ms, window_ms));
	}
	rows_link_counter(t, row);
	row->present = capped((uint64_t)row->present + amount);
	*count_out = row_counted(row, now_ms);
	return ERROR_NONE;
}
