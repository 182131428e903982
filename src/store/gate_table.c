#include "mail/gate_open.h"
#include "store/gate_rows.h"

#define EXPIRE_STEP 2u /* rows that every operation takes away, if they are over */
#define WALK_CHAINS_MAX 65536u

const struct gate_limits gate_limits_default = {
	.rows_max = 1u << 20, .octets_max = (size_t)512 << 20};

struct gate_table *gate_table_new(const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_observer *observer)
{
	must(limits->rows_max > 0 && limits->rows_max <= 1u << 30);
	struct gate_table *t = memory_new(1, sizeof *t);
	t->limits = *limits;
	t->seed = seed;
	if (observer)
		t->observer = *observer;
	t->chain_count = 1;
	while (t->chain_count < limits->rows_max)
		t->chain_count *= 2;
	/* for all the rows there can be, at once: no stall later, and untouched pages cost nothing */
	t->chains = memory_new(t->chain_count, sizeof(struct row *));
	t->heap = memory_new(limits->rows_max, sizeof(struct row *));
	return t;
}

void gate_table_free(struct gate_table **table)
{
	struct gate_table *t = *table;
	*table = NULL;
	if (!t)
		return;
	for (uint32_t i = 0; i < t->counts.rows; i++)
		memory_free(t->heap[i]);
	memory_free(t->chains);
	memory_free(t->heap);
	memory_free(t);
}

struct gate_row row_describe(const struct row *row, uint64_t now_ms)
{
	const uint64_t left_ms = row->ends_ms > now_ms ? row->ends_ms - now_ms : 0;
	return (struct gate_row){
		.key = row_key(row),
		.facts = row_facts(row),
		.ends_ms = row->ends_ms,
		.left_ms =
			left_ms > GATE_TABLE_LIFETIME_MAX_MS ? GATE_TABLE_LIFETIME_MAX_MS : left_ms,
		.durable = row->durable,
		.counter = row->counter,
		.count = row->counter ? row_counted(row, now_ms) : 0,
	};
}

/* --- operations --------------------------------------------------------------------------- */

bool table_is_key(struct view key)
{
	return key.length > 0 && key.length <= GATE_TABLE_KEY_MAX;
}

static bool is_write(const struct gate_write *write)
{
	return table_is_key(write->key) && write->facts.length <= GATE_TABLE_FACTS_MAX &&
	       write->lifetime_ms <= GATE_TABLE_LIFETIME_MAX_MS;
}

struct row *table_standing(struct gate_table *t, uint64_t now_ms, struct view key)
{
	gate_table_expire(t, now_ms, EXPIRE_STEP);
	struct row **at = rows_find(t, key);
	if (*at && row_is_over(*at, now_ms)) {
		rows_drop(t, now_ms, at, true);
		t->counts.expired++;
		return NULL;
	}
	return *at;
}

/* What names the group that `key` stands for, having no tail; empty when it stands for one row. */
static struct view whole_group(struct view key)
{
	const size_t group = gate_open_group(key);
	return group == key.length ? key : VIEW_NONE;
}

/* Of what is open in the group, the row that ends last; or null. */
static const struct row *last_of_group(
	const struct gate_table *t, uint64_t now_ms, struct view group)
{
	const struct row *last = NULL;
	for (const struct row *row = *rows_chain(t, group); row; row = row->next)
		if (row_is_of_group(row, group) && !row_is_over(row, now_ms) &&
			(!last || row->ends_ms > last->ends_ms))
			last = row;
	return last;
}

enum error gate_table_look_up(
	struct gate_table *t, uint64_t now_ms, struct view key, struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!table_is_key(key))
		return ERROR_PROTOCOL;
	const struct view group = whole_group(key);
	const struct row *row = table_standing(t, now_ms, key);
	if (group.length)
		row = last_of_group(t, now_ms, group);
	if (!row)
		return ERROR_MISSING;
	if (row->counter)
		return ERROR_PROTOCOL;
	*row_out = row_describe(row, now_ms);
	return ERROR_NONE;
}

static void tell_written(struct gate_table *t, const struct gate_row *row)
{
	if (row->durable && t->observer.written)
		t->observer.written(t->observer.context, row);
}

/* Takes away the row of `key` behind `row` in its chain. */
static void drop_older(struct gate_table *t, uint64_t now_ms, struct row *row, struct view key)
{
	struct row **at = &row->next;
	while (*at && !view_equal(row_key(*at), key))
		at = &(*at)->next;
	if (*at)
		rows_drop(t, now_ms, at, false);
}

/* Writes over `row`, or anew when it is null or does not have the size. */
static enum error write_row(struct gate_table *t, uint64_t now_ms, struct row *row,
	const struct gate_write *write, struct gate_row *row_out)
{
	const uint64_t ends_ms = now_ms + write->lifetime_ms;
	const bool was_durable = row && row->durable;
	if (row && !row->counter && row->facts_length == write->facts.length) {
		must(view_copy(write->facts, row->octets + row->key_length, row->facts_length));
		rows_move_end(t, row, ends_ms);
	} else {
		if (!row && !rows_group_has_room(t, write->key))
			return ERROR_LIMIT;
		row = rows_add(t, now_ms, write->key, write->facts, ends_ms);
		if (!row)
			return ERROR_LIMIT; /* what stood there stays */
		/* unless it was a counter that had to make room */
		drop_older(t, now_ms, row, write->key);
	}
	row->durable = write->durable || was_durable;
	*row_out = row_describe(row, now_ms);
	tell_written(t, row_out);
	return ERROR_NONE;
}

enum error gate_table_open(struct gate_table *t, uint64_t now_ms, const struct gate_write *write,
	struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_write(write))
		return ERROR_PROTOCOL;
	return write_row(t, now_ms, table_standing(t, now_ms, write->key), write, row_out);
}

enum error gate_table_claim(struct gate_table *t, uint64_t now_ms, const struct gate_write *write,
	struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_write(write))
		return ERROR_PROTOCOL;
	const struct row *row = table_standing(t, now_ms, write->key);
	if (!row)
		return write_row(t, now_ms, NULL, write, row_out);
	if (row->counter)
		return ERROR_PROTOCOL;
	*row_out = row_describe(row, now_ms);
	return ERROR_NONE;
}

enum error gate_table_change(struct gate_table *t, uint64_t now_ms, const struct gate_write *write,
	struct view old, struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_write(write))
		return ERROR_PROTOCOL;
	struct row *row = table_standing(t, now_ms, write->key);
	if (row && row->counter)
		return ERROR_PROTOCOL;
	if (!row || !view_equal(row_facts(row), old))
		return ERROR_MISSING;
	return write_row(t, now_ms, row, write, row_out);
}

enum error gate_table_touch(struct gate_table *t, uint64_t now_ms, struct view key,
	uint64_t lifetime_ms, struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!table_is_key(key) || lifetime_ms > GATE_TABLE_LIFETIME_MAX_MS)
		return ERROR_PROTOCOL;
	struct row *row = table_standing(t, now_ms, key);
	if (!row)
		return ERROR_MISSING;
	if (row->counter)
		return ERROR_PROTOCOL;
	rows_move_end(t, row, now_ms + lifetime_ms);
	*row_out = row_describe(row, now_ms);
	tell_written(t, row_out);
	return ERROR_NONE;
}

static bool is_what_stands(const struct row *row, struct view old)
{
	return old.length == 0 || view_equal(row_facts(row), old);
}

enum error gate_table_close(struct gate_table *t, uint64_t now_ms, struct view key, struct view old)
{
	if (!table_is_key(key))
		return ERROR_PROTOCOL;
	const struct view group = whole_group(key);
	const struct row *row = table_standing(t, now_ms, key);
	if (group.length == 0) {
		if (row && is_what_stands(row, old))
			rows_drop(t, now_ms, rows_find(t, key), true);
		return ERROR_NONE;
	}
	struct row **at = rows_chain(t, group);
	while (*at) {
		if (row_is_of_group(*at, group) && is_what_stands(*at, old))
			rows_drop(t, now_ms, at, true);
		else
			at = &(*at)->next;
	}
	return ERROR_NONE;
}

/* --- as a whole --------------------------------------------------------------------------- */

enum error gate_table_restore(
	struct gate_table *t, uint64_t now_ms, struct view key, struct view facts, uint64_t ends_ms)
{
	if (!table_is_key(key) || facts.length > GATE_TABLE_FACTS_MAX)
		return ERROR_PROTOCOL;
	if (now_ms > ends_ms)
		return ERROR_MISSING;
	if (*rows_find(t, key))
		return ERROR_EXISTS;
	if (!rows_group_has_room(t, key))
		return ERROR_LIMIT;
	const uint64_t last_ms = now_ms + GATE_TABLE_LIFETIME_MAX_MS;
	struct row *row = rows_add(t, now_ms, key, facts, ends_ms > last_ms ? last_ms : ends_ms);
	if (!row)
		return ERROR_LIMIT;
	row->durable = true;
	return ERROR_NONE;
}

bool gate_table_walk(const struct gate_table *t, uint64_t now_ms, uint64_t *after, uint32_t rows,
	void (*each)(void *context, const struct gate_row *row), void *context)
{
	uint32_t seen = 0;
	uint32_t chains = 0;
	for (; *after < t->chain_count && seen < rows && chains < WALK_CHAINS_MAX; chains++) {
		for (const struct row *row = t->chains[(*after)++]; row; row = row->next) {
			if (row_is_over(row, now_ms))
				continue;
			const struct gate_row described = row_describe(row, now_ms);
			each(context, &described);
			seen++;
		}
	}
	return *after < t->chain_count;
}

void gate_table_each(const struct gate_table *t, uint64_t now_ms,
	void (*each)(void *context, const struct gate_row *row), void *context)
{
	uint64_t after = 0;
	while (gate_table_walk(t, now_ms, &after, UINT32_MAX, each, context))
		;
}

struct gate_counts gate_table_counts(const struct gate_table *t)
{
	struct gate_counts counts = t->counts;
	counts.limits = t->limits;
	return counts;
}
