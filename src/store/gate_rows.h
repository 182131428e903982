/*
 * The rows of store/gate_table.h, as they lie in memory: chains by the hash of the key (of a key with a tail, of what
 * names its group, so that a group stands in one chain), a heap by their ends, and the counters in a
 * list by when they were touched. For gate_table*.c alone.
 */
#ifndef STORE_GATE_ROWS_H
#define STORE_GATE_ROWS_H

#include "store/gate_table.h"

struct row {
	struct row *next; /* in its chain */
	struct row *older; /* counters, by when they were touched last */
	struct row *newer;
	uint64_t ends_ms;
	uint64_t bucket_ms; /* when the present bucket of a counter began */
	uint32_t present;
	uint32_t before;
	uint32_t window_ms;
	uint32_t place; /* in the heap */
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
	struct row **heap; /* counts.rows of them */
	uint32_t chain_count; /* a power of two */
	struct row *oldest;
	struct row *newest;
	struct gate_counts counts;
};

static inline struct view row_key(const struct row *row)
{
	return view_of(row->octets, row->key_length);
}

static inline struct view row_facts(const struct row *row)
{
	return view_of(row->octets + row->key_length, row->facts_length);
}

static inline bool row_is_over(const struct row *row, uint64_t now_ms)
{
	return now_ms > row->ends_ms;
}

struct row **rows_chain(const struct gate_table *t, struct view key);
/* Where the pointer to the row stands, or the end of its chain. Expired rows are found too. */
struct row **rows_find(const struct gate_table *t, struct view key);
/* A row that expired is told of as such, any other as closed. */
void rows_drop(struct gate_table *t, uint64_t now_ms, struct row **at, bool tell);
/* A new row at the front of its chain, with key, facts and end; null at a bound. */
struct row *rows_add(struct gate_table *t, uint64_t now_ms, struct view key, struct view facts,
	uint64_t ends_ms);
/* `group`: what names one, not empty. */
bool row_is_of_group(const struct row *row, struct view group);
/* Whether one more may join the group of this key, if it has one. */
bool rows_group_has_room(const struct gate_table *t, struct view key);
void rows_move_end(struct gate_table *t, struct row *row, uint64_t ends_ms);
void rows_link_counter(struct gate_table *t, struct row *row);
void rows_unlink_counter(struct gate_table *t, struct row *row);

/* gate_table_count.c: what a counter counts. */
uint64_t row_counted(const struct row *row, uint64_t now_ms);

/* gate_table.c */
struct gate_row row_describe(const struct row *row, uint64_t now_ms);
bool table_is_key(struct view key);
/* The row of `key` that is open, or null. One that has expired is removed on the way. */
struct row *table_standing(struct gate_table *t, uint64_t now_ms, struct view key);

#endif
