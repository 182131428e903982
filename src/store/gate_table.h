/*
 * The gate's table (DESIGN §6, N-20, N-24): what the site remembers for a while. A row is a key, facts
 * and a moment at which it ends; or a counter whose window slides. Pure: no clock, no disk. `now_s` is
 * an argument, in seconds of store/gate_clock.h, which never goes back and is not moved by whoever
 * sets the wall clock. What must outlive the process is told to an observer.
 *
 * A row written at T for L seconds is open up to and including T + L (N-23: exactly at the limit is
 * still open) and absent afterwards, whether or not anything has cleaned up: look-ups never depend on
 * cleaning. Cleaning is done in small steps by every operation and by gate_table_sweep.
 *
 * A counter with window W keeps two buckets of W seconds and counts the older one in proportion to
 * how much of it still lies in the window, rounded up. The truth differs only as far as the older
 * bucket's events were spread unevenly: the count lies between the events of the present bucket and
 * those of both. A counter asked with another W goes on with what it counts as its present bucket.
 *
 * Bounds: rows and octets. When one is reached, expired rows go first, then the counters that were
 * not touched for longest (a forgotten counter errs on the mild side, and floods make many). When
 * no counter is left, a new row is ERROR_LIMIT; rows that stand are never pushed out. Operations on
 * a row of the other type are ERROR_PROTOCOL, except that OPEN replaces a counter.
 */
#ifndef STORE_GATE_TABLE_H
#define STORE_GATE_TABLE_H

#include "base/bytes.h"
#include "base/error.h"
#include "store/gate_hash.h"

#define GATE_TABLE_KEY_MAX 256u /* octets */
#define GATE_TABLE_FACTS_MAX 4096u
#define GATE_TABLE_LIFETIME_MAX_S (400u * 86400u) /* of a row, and of a counter's window */

struct gate_limits {
	uint32_t rows_max;
	size_t octets_max; /* rows with all that they cost */
};
extern const struct gate_limits gate_limits_default;

/* A row as it stands; views live until the next operation. */
struct gate_row {
	struct view key;
	struct view facts;
	uint64_t ends_s; /* the last second in which it is open */
	uint32_t left_s;
	bool durable;
	bool counter;
	uint64_t count; /* of a counter */
};

/* Told of each change to durable rows, within the operation. Either may be null. */
struct gate_observer {
	void (*written)(void *context, const struct gate_row *row);
	void (*removed)(void *context, struct view key);
	void *context;
};

struct gate_table;
struct gate_table *gate_table_new(const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_observer *observer);
void gate_table_free(struct gate_table **table);

/* All: ERROR_PROTOCOL for a key that is empty or too long, facts or times past their limits. */

/* ERROR_MISSING when there is none. */
must_use enum error gate_table_look_up(
	struct gate_table *t, uint64_t now_s, struct view key, struct gate_row *row_out);
/* What OPEN, CLAIM and CHANGE write. */
struct gate_write {
	struct view key;
	struct view facts;
	uint32_t lifetime_s;
	bool durable;
};
/* Writes, whatever stood there. */
must_use enum error gate_table_open(struct gate_table *t, uint64_t now_s,
	const struct gate_write *write, struct gate_row *row_out);
/* Writes if there is none; *row_out is what stands afterwards. */
must_use enum error gate_table_claim(struct gate_table *t, uint64_t now_s,
	const struct gate_write *write, struct gate_row *row_out);
/* Writes where the facts equal `old`; else ERROR_MISSING and nothing changes. */
must_use enum error gate_table_change(struct gate_table *t, uint64_t now_s,
	const struct gate_write *write, struct view old, struct gate_row *row_out);
/* Removes, with `old` not empty only where the facts equal it. Counters too. */
must_use enum error gate_table_close(
	struct gate_table *t, uint64_t now_s, struct view key, struct view old);
/* Adds `amount`; 0 only looks and makes no row. `window_s` is at least 1. */
must_use enum error gate_table_count(struct gate_table *t, uint64_t now_s, struct view key,
	uint32_t amount, uint32_t window_s, uint64_t *count_out);

/* Puts back a row that was durable; the observer is not told. Expired ones are ERROR_MISSING; one that
 * ends later than any row written now could is cut to that (a clock that went wild wrote it). */
must_use enum error gate_table_restore(
	struct gate_table *t, uint64_t now_s, struct view key, struct view facts, uint64_t ends_s);
/* Looks for expired rows in the next `chains` chains; how many it removed. */
uint32_t gate_table_sweep(struct gate_table *t, uint64_t now_s, uint32_t chains);
/* Every row that has not expired, in no order. `each` may not touch the table. */
void gate_table_each(const struct gate_table *t, uint64_t now_s,
	void (*each)(void *context, const struct gate_row *row), void *context);

struct gate_counts {
	uint32_t rows; /* expired ones included that nobody has cleaned yet */
	uint32_t counters; /* of those */
	size_t octets;
	uint64_t expired; /* cleaned, since the start */
	uint64_t evicted; /* counters pushed out at a bound */
	uint64_t refused; /* new rows refused at a bound */
};
struct gate_counts gate_table_counts(const struct gate_table *t);

#endif
