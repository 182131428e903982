#include "store/gate_table.h"

#define SWEEP_STEP 2u /* chains that every operation looks through */
#define SWEEP_AT_BOUND 256u

const struct gate_limits gate_limits_default = {
	.rows_max = 1u << 20, .octets_max = (size_t)512 << 20};

struct row {
	struct row *next; /* in its chain */
	struct row *older; /* counters, by when they were touched last */
	struct row *newer;
	uint64_t ends_s;
	uint64_t bucket_s; /* when the present bucket of a counter began */
	uint64_t present;
	uint64_t before;
	uint32_t window_s;
	uint16_t key_length;
	uint16_t facts_length;
	bool counter;
	bool durable;
	uint8_t octets[]; /* key, facts */
};

struct gate_table {
	struct gate_limits limits;
	struct gate_seed seed;
	struct gate_observer observer;
	struct row **chains;
	uint32_t chain_count; /* a power of two */
	uint32_t hand; /* the next chain to sweep */
	struct row *oldest;
	struct row *newest;
	struct gate_counts counts;
};

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
	return t;
}

void gate_table_free(struct gate_table **table)
{
	struct gate_table *t = *table;
	*table = NULL;
	if (!t)
		return;
	for (uint32_t i = 0; i < t->chain_count; i++)
		while (t->chains[i]) {
			struct row *next = t->chains[i]->next;
			memory_free(t->chains[i]);
			t->chains[i] = next;
		}
	memory_free(t->chains);
	memory_free(t);
}

/* --- rows --------------------------------------------------------------------------------- */

static struct view key_of(const struct row *row)
{
	return view_of(row->octets, row->key_length);
}

static struct view facts_of(const struct row *row)
{
	return view_of(row->octets + row->key_length, row->facts_length);
}

static size_t cost_of(size_t key_length, size_t facts_length)
{
	return sizeof(struct row) + key_length + facts_length + 16; /* the allocator's share */
}

static bool is_over(const struct row *row, uint64_t now_s)
{
	return now_s > row->ends_s;
}

static uint64_t counted(const struct row *row, uint64_t now_s)
{
	const uint64_t age_s = now_s > row->bucket_s ? now_s - row->bucket_s : 0;
	const uint64_t buckets = age_s / row->window_s;
	if (buckets > 1)
		return 0;
	const uint64_t whole = buckets ? 0 : row->present;
	const uint64_t part = buckets ? row->present : row->before;
	const uint64_t share_s = row->window_s - age_s % row->window_s;
	/* `part` is kept below 2^32 by add_capped, so the product fits */
	return whole + (part * share_s + row->window_s - 1) / row->window_s;
}

static struct gate_row describe(const struct row *row, uint64_t now_s)
{
	const uint64_t left_s = row->ends_s > now_s ? row->ends_s - now_s : 0;
	return (struct gate_row){
		.key = key_of(row),
		.facts = facts_of(row),
		.ends_s = row->ends_s,
		.left_s = left_s > GATE_TABLE_LIFETIME_MAX_S ? GATE_TABLE_LIFETIME_MAX_S
							     : (uint32_t)left_s,
		.durable = row->durable,
		.counter = row->counter,
		.count = row->counter ? counted(row, now_s) : 0,
	};
}

static void unlink_counter(struct gate_table *t, struct row *row)
{
	*(row->older ? &row->older->newer : &t->oldest) = row->newer;
	*(row->newer ? &row->newer->older : &t->newest) = row->older;
}

static void link_counter(struct gate_table *t, struct row *row)
{
	row->older = t->newest;
	row->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = row;
	t->newest = row;
}

static struct row **chain_of(const struct gate_table *t, struct view key)
{
	return &t->chains[gate_hash(t->seed, key) & (t->chain_count - 1)];
}

/* Where the pointer to the row stands, or the end of its chain. Expired rows are found too. */
static struct row **find(const struct gate_table *t, struct view key)
{
	struct row **at = chain_of(t, key);
	while (*at && !view_equal(key_of(*at), key))
		at = &(*at)->next;
	return at;
}

static void drop(struct gate_table *t, struct row **at, bool tell)
{
	struct row *row = *at;
	must(row != NULL);
	*at = row->next;
	if (row->counter) {
		unlink_counter(t, row);
		t->counts.counters--;
	}
	t->counts.rows--;
	t->counts.octets -= cost_of(row->key_length, row->facts_length);
	if (tell && row->durable && t->observer.removed)
		t->observer.removed(t->observer.context, key_of(row));
	memory_free(row);
}

uint32_t gate_table_sweep(struct gate_table *t, uint64_t now_s, uint32_t chains)
{
	uint32_t removed = 0;
	for (uint32_t i = 0; i < chains && i < t->chain_count; i++) {
		struct row **at = &t->chains[t->hand];
		while (*at) {
			if (is_over(*at, now_s)) {
				drop(t, at, true);
				removed++;
			} else {
				at = &(*at)->next;
			}
		}
		t->hand = (t->hand + 1) & (t->chain_count - 1);
	}
	t->counts.expired += removed;
	return removed;
}

static bool fits(const struct gate_table *t, size_t cost)
{
	return t->counts.rows < t->limits.rows_max &&
	       t->counts.octets + cost <= t->limits.octets_max;
}

static bool make_room(struct gate_table *t, uint64_t now_s, size_t cost)
{
	if (!fits(t, cost))
		gate_table_sweep(t, now_s, SWEEP_AT_BOUND);
	while (!fits(t, cost) && t->oldest) {
		drop(t, find(t, key_of(t->oldest)), true);
		t->counts.evicted++;
	}
	if (fits(t, cost))
		return true;
	t->counts.refused++;
	return false;
}

/* A new row at the front of its chain, with key and facts and nothing else; null at a bound. */
static struct row *add(struct gate_table *t, uint64_t now_s, struct view key, struct view facts)
{
	const size_t cost = cost_of(key.length, facts.length);
	if (!make_room(t, now_s, cost))
		return NULL;
	struct row *row = memory_try(sizeof *row + key.length + facts.length);
	if (!row)
		return NULL;
	*row = (struct row){
		.key_length = (uint16_t)key.length, .facts_length = (uint16_t)facts.length};
	must(view_copy(key, row->octets, key.length));
	must(view_copy(facts, row->octets + key.length, facts.length));
	struct row **chain = chain_of(t, key);
	row->next = *chain;
	*chain = row;
	t->counts.rows++;
	t->counts.octets += cost;
	return row;
}

/* --- operations --------------------------------------------------------------------------- */

static bool is_key(struct view key)
{
	return key.length > 0 && key.length <= GATE_TABLE_KEY_MAX;
}

static bool is_write(const struct gate_write *write)
{
	return is_key(write->key) && write->facts.length <= GATE_TABLE_FACTS_MAX &&
	       write->lifetime_s <= GATE_TABLE_LIFETIME_MAX_S;
}

/* The row of `key` that is open, or null. One that has expired is removed on the way. */
static struct row *standing(struct gate_table *t, uint64_t now_s, struct view key)
{
	gate_table_sweep(t, now_s, SWEEP_STEP);
	struct row **at = find(t, key);
	if (*at && is_over(*at, now_s)) {
		drop(t, at, true);
		t->counts.expired++;
		return NULL;
	}
	return *at;
}

enum error gate_table_look_up(
	struct gate_table *t, uint64_t now_s, struct view key, struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_key(key))
		return ERROR_PROTOCOL;
	const struct row *row = standing(t, now_s, key);
	if (!row)
		return ERROR_MISSING;
	if (row->counter)
		return ERROR_PROTOCOL;
	*row_out = describe(row, now_s);
	return ERROR_NONE;
}

/* Writes over `row`, or anew when it is null or does not have the size. */
static enum error write_row(struct gate_table *t, uint64_t now_s, struct row *row,
	const struct gate_write *write, struct gate_row *row_out)
{
	struct row *old = row;
	const bool was_durable = row && row->durable;
	if (!row || row->counter || row->facts_length != write->facts.length) {
		row = add(t, now_s, write->key, write->facts);
		if (!row)
			return ERROR_LIMIT; /* what stood there stays */
	} else {
		old = NULL;
		must(view_copy(write->facts, row->octets + row->key_length, row->facts_length));
	}
	row->ends_s = now_s + write->lifetime_s;
	row->durable = write->durable || was_durable;
	if (old) {
		/* `old` may have been pushed out, were it a counter: look again, behind the new one */
		struct row **at = &row->next;
		while (*at && !view_equal(key_of(*at), write->key))
			at = &(*at)->next;
		if (*at)
			drop(t, at, false);
	}
	*row_out = describe(row, now_s);
	if (row->durable && t->observer.written)
		t->observer.written(t->observer.context, row_out);
	return ERROR_NONE;
}

enum error gate_table_open(struct gate_table *t, uint64_t now_s, const struct gate_write *write,
	struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_write(write))
		return ERROR_PROTOCOL;
	return write_row(t, now_s, standing(t, now_s, write->key), write, row_out);
}

enum error gate_table_claim(struct gate_table *t, uint64_t now_s, const struct gate_write *write,
	struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_write(write))
		return ERROR_PROTOCOL;
	const struct row *row = standing(t, now_s, write->key);
	if (!row)
		return write_row(t, now_s, NULL, write, row_out);
	if (row->counter)
		return ERROR_PROTOCOL;
	*row_out = describe(row, now_s);
	return ERROR_NONE;
}

enum error gate_table_change(struct gate_table *t, uint64_t now_s, const struct gate_write *write,
	struct view old, struct gate_row *row_out)
{
	*row_out = (struct gate_row){0};
	if (!is_write(write))
		return ERROR_PROTOCOL;
	struct row *row = standing(t, now_s, write->key);
	if (row && row->counter)
		return ERROR_PROTOCOL;
	if (!row || !view_equal(facts_of(row), old))
		return ERROR_MISSING;
	return write_row(t, now_s, row, write, row_out);
}

enum error gate_table_close(struct gate_table *t, uint64_t now_s, struct view key, struct view old)
{
	if (!is_key(key))
		return ERROR_PROTOCOL;
	const struct row *row = standing(t, now_s, key);
	if (row && (old.length == 0 || view_equal(facts_of(row), old)))
		drop(t, find(t, key), true);
	return ERROR_NONE;
}

/* --- counters ----------------------------------------------------------------------------- */

static uint64_t add_capped(uint64_t n, uint64_t amount)
{
	const uint64_t sum = n + amount;
	return sum > UINT32_MAX ? UINT32_MAX : sum;
}

/* Brings the buckets up to the present, and to the window asked for. */
static void turn_buckets(struct row *row, uint64_t now_s, uint32_t window_s)
{
	if (row->window_s != window_s) {
		row->present = add_capped(counted(row, now_s), 0);
		row->before = 0;
		row->bucket_s = now_s;
		row->window_s = window_s;
		return;
	}
	const uint64_t age_s = now_s > row->bucket_s ? now_s - row->bucket_s : 0;
	const uint64_t buckets = age_s / window_s;
	if (buckets == 0)
		return;
	row->before = buckets == 1 ? row->present : 0;
	row->present = 0;
	row->bucket_s += buckets * window_s;
}

enum error gate_table_count(struct gate_table *t, uint64_t now_s, struct view key, uint32_t amount,
	uint32_t window_s, uint64_t *count_out)
{
	*count_out = 0;
	if (!is_key(key) || window_s == 0 || window_s > GATE_TABLE_LIFETIME_MAX_S)
		return ERROR_PROTOCOL;
	struct row *row = standing(t, now_s, key);
	if (row && !row->counter)
		return ERROR_PROTOCOL;
	if (!row && amount == 0)
		return ERROR_NONE;
	if (!row) {
		row = add(t, now_s, key, VIEW_NONE);
		if (!row)
			return ERROR_LIMIT;
		row->counter = true;
		row->window_s = window_s;
		row->bucket_s = now_s;
		t->counts.counters++;
	} else {
		unlink_counter(t, row);
		turn_buckets(row, now_s, window_s);
	}
	link_counter(t, row);
	row->present = add_capped(row->present, amount);
	row->ends_s = row->bucket_s + 2 * (uint64_t)window_s - 1;
	*count_out = counted(row, now_s);
	return ERROR_NONE;
}

/* --- as a whole --------------------------------------------------------------------------- */

enum error gate_table_restore(
	struct gate_table *t, uint64_t now_s, struct view key, struct view facts, uint64_t ends_s)
{
	if (!is_key(key) || facts.length > GATE_TABLE_FACTS_MAX)
		return ERROR_PROTOCOL;
	if (now_s > ends_s)
		return ERROR_MISSING;
	if (*find(t, key))
		return ERROR_EXISTS;
	struct row *row = add(t, now_s, key, facts);
	if (!row)
		return ERROR_LIMIT;
	const uint64_t last_s = now_s + GATE_TABLE_LIFETIME_MAX_S;
	row->ends_s = ends_s > last_s ? last_s : ends_s;
	row->durable = true;
	return ERROR_NONE;
}

void gate_table_each(const struct gate_table *t, uint64_t now_s,
	void (*each)(void *context, const struct gate_row *row), void *context)
{
	for (uint32_t i = 0; i < t->chain_count; i++)
		for (const struct row *row = t->chains[i]; row; row = row->next)
			if (!is_over(row, now_s)) {
				const struct gate_row described = describe(row, now_s);
				each(context, &described);
			}
}

struct gate_counts gate_table_counts(const struct gate_table *t)
{
	return t->counts;
}
