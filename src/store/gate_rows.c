#include "store/gate_rows.h"

#include "mail/gate_open.h"

static size_t cost_of(size_t key_length, size_t facts_length)
{
	/* with its place in the heap, and the allocator's share */
	return sizeof(struct row) + key_length + facts_length + sizeof(struct row *) + 16;
}

/* --- chains ------------------------------------------------------------------------------- */

struct row **rows_chain(const struct gate_table *t, struct view key)
{
	const size_t group = gate_open_group(key);
	const uint64_t hash = gate_hash(t->seed, group ? view_first(key, group) : key);
	return &t->chains[hash & (t->chain_count - 1)];
}

struct row **rows_find(const struct gate_table *t, struct view key)
{
	struct row **at = rows_chain(t, key);
	while (*at && !view_equal(row_key(*at), key))
		at = &(*at)->next;
	return at;
}

/* --- the heap ----------------------------------------------------------------------------- */

static void put(struct gate_table *t, uint32_t place, struct row *row)
{
	t->heap[place] = row;
	row->place = place;
}

static void rise(struct gate_table *t, struct row *row)
{
	uint32_t at = row->place;
	while (at > 0 && t->heap[(at - 1) / 2]->ends_ms > row->ends_ms) {
		put(t, at, t->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(t, at, row);
}

static void sink(struct gate_table *t, struct row *row)
{
	uint32_t at = row->place;
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= t->counts.rows)
			break;
		if (child + 1 < t->counts.rows &&
			t->heap[child + 1]->ends_ms < t->heap[child]->ends_ms)
			child++;
		if (t->heap[child]->ends_ms >= row->ends_ms)
			break;
		put(t, at, t->heap[child]);
		at = child;
	}
	put(t, at, row);
}

void rows_move_end(struct gate_table *t, struct row *row, uint64_t ends_ms)
{
	row->ends_ms = ends_ms;
	rise(t, row);
	sink(t, row);
}

static void heap_add(struct gate_table *t, struct row *row)
{
	put(t, t->counts.rows++, row);
	rise(t, row);
}

static void heap_remove(struct gate_table *t, const struct row *row)
{
	struct row *last = t->heap[--t->counts.rows];
	if (last == row)
		return;
	put(t, row->place, last);
	rise(t, last);
	sink(t, last);
}

/* --- counters ----------------------------------------------------------------------------- */

void rows_unlink_counter(struct gate_table *t, struct row *row)
{
	*(row->older ? &row->older->newer : &t->oldest) = row->newer;
	*(row->newer ? &row->newer->older : &t->newest) = row->older;
}

void rows_link_counter(struct gate_table *t, struct row *row)
{
	row->older = t->newest;
	row->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = row;
	t->newest = row;
}

/* --- rows --------------------------------------------------------------------------------- */

void rows_drop(struct gate_table *t, uint64_t now_ms, struct row **at, bool tell)
{
	struct row *row = *at;
	must(row != NULL);
	*at = row->next;
	if (row->counter) {
		rows_unlink_counter(t, row);
		t->counts.counters--;
	}
	heap_remove(t, row);
	t->counts.octets -= cost_of(row->key_length, row->facts_length);
	if (tell && row->durable && t->observer.removed) {
		const struct gate_row described = row_describe(row, now_ms);
		t->observer.removed(t->observer.context, &described,
			row_is_over(row, now_ms) ? GATE_END_EXPIRED : GATE_END_CLOSED);
	}
	memory_free(row);
}

uint32_t gate_table_expire(struct gate_table *t, uint64_t now_ms, uint32_t max)
{
	uint32_t removed = 0;
	while (removed < max && t->counts.rows > 0 && row_is_over(t->heap[0], now_ms)) {
		rows_drop(t, now_ms, rows_find(t, row_key(t->heap[0])), true);
		removed++;
	}
	t->counts.expired += removed;
	return removed;
}

uint64_t gate_table_next_ms(const struct gate_table *t)
{
	return t->counts.rows ? t->heap[0]->ends_ms + 1 : UINT64_MAX;
}

static bool fits(const struct gate_table *t, size_t cost)
{
	return t->counts.rows < t->limits.rows_max &&
	       t->counts.octets + cost <= t->limits.octets_max;
}

static bool make_room(struct gate_table *t, uint64_t now_ms, size_t cost)
{
	while (!fits(t, cost) && gate_table_expire(t, now_ms, 1))
		;
	while (!fits(t, cost) && t->oldest) {
		rows_drop(t, now_ms, rows_find(t, row_key(t->oldest)), true);
		t->counts.evicted++;
	}
	if (fits(t, cost))
		return true;
	t->counts.refused++;
	return false;
}

bool row_is_of_group(const struct row *row, struct view group)
{
	return view_starts(row_key(row), group) && gate_open_group(row_key(row)) == group.length;
}

bool rows_group_has_room(const struct gate_table *t, struct view key)
{
	const struct view group = view_first(key, gate_open_group(key));
	uint32_t count = 0;
	if (group.length == 0)
		return true;
	for (const struct row *row = *rows_chain(t, key); row; row = row->next)
		count += row_is_of_group(row, group);
	return count < GATE_TABLE_GROUP_MAX;
}

struct row *rows_add(
	struct gate_table *t, uint64_t now_ms, struct view key, struct view facts, uint64_t ends_ms)
{
	const size_t cost = cost_of(key.length, facts.length);
	if (!make_room(t, now_ms, cost))
		return NULL;
	struct row *row = memory_try(sizeof *row + key.length + facts.length);
	if (!row)
		return NULL;
	*row = (struct row){.ends_ms = ends_ms,
		.key_length = (uint16_t)key.length,
		.facts_length = (uint16_t)facts.length};
	must(view_copy(key, row->octets, key.length));
	must(view_copy(facts, row->octets + key.length, facts.length));
	struct row **chain = rows_chain(t, key);
	row->next = *chain;
	*chain = row;
	heap_add(t, row);
	t->counts.octets += cost;
	return row;
}
