/*
 * The gate's table (DESIGN §6, N-20, N-24): what the site remembers for a while. A row is a key, facts
 * and a moment at which it ends; or a counter whose window slides. Pure: no clock, no disk. `now_ms` is
 * an argument, in milliseconds of store/gate_clock.h, which never goes back and is not moved by whoever
 * sets the wall clock. What must outlive the process is told to an observer.
 *
 * A row written at T for L milliseconds is open up to and including T + L (N-23: exactly at the limit is
 * still open) and absent afterwards, whether or not anything has cleaned up: look-ups never depend on
 * cleaning. All rows stand in a heap, the one that ends first on top: each operation takes away what is
 * over, a little at a time, and gate_table_expire the rest; gate_table_next_ms says when to call it.
 *
 * Keys with a tail (mail/gate_open.h) that differ in it alone are a group. A look-up without a tail
 * answers with the row of the group that ends last, closing without a tail closes all of the group; both
 * cost as much as the group has rows, of which there are no more than GATE_TABLE_GROUP_MAX. All other
 * operations are about the very row that is named.
 *
 * A counter with window W keeps two buckets of W milliseconds and counts the older one in proportion to
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
#define GATE_TABLE_LIFETIME_MAX_MS (UINT64_C(400) * 86400 * 1000)
#define GATE_TABLE_WINDOW_MAX_MS UINT32_MAX /* 49 days */
#define GATE_TABLE_GROUP_MAX 4096u

struct gate_limits {
	uint32_t rows_max;
	size_t octets_max; /* rows with all that they cost */
};
extern const struct gate_limits gate_limits_default;

/* A row as it stands; views live until the next operation. */
struct gate_row {
	struct view key;
	struct view facts;
	uint64_t ends_ms; /* the last millisecond in which it is open */
	uint64_t left_ms;
	bool durable;
	bool counter;
	uint64_t count; /* of a counter */
};

enum gate_end { GATE_END_CLOSED, GATE_END_EXPIRED };

/* Told of each change to durable rows, within the operation. Either may be null. */
struct gate_observer {
	void (*written)(void *context, const struct gate_row *row);
	void (*removed)(void *context, const struct gate_row *row, enum gate_end why);
	void *context;
};

struct gate_table;
struct gate_table *gate_table_new(const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_observer *observer);
void gate_table_free(struct gate_table **table);

/* All: ERROR_PROTOCOL for a key that is empty or too long, facts or times past their limits. */

/* ERROR_MISSING when there is none. */
must_use enum error gate_table_look_up(
	struct gate_table *t, uint64_t now_ms, struct view key, struct gate_row *row_out);
/* What OPEN, CLAIM and CHANGE write. */
struct gate_write {
	struct view key;
	struct view facts;
	uint64_t lifetime_ms;
	bool durable;
};
/* Writes, whatever stood there. */
must_use enum error gate_table_open(struct gate_table *t, uint64_t now_ms,
	const struct gate_write *write, struct gate_row *row_out);
/* Writes if there is none; *row_out is what stands afterwards. */
must_use enum error gate_table_claim(struct gate_table *t, uint64_t now_ms,
	const struct gate_write *write, struct gate_row *row_out);
/* Writes where the facts equal `old`; else ERROR_MISSING and nothing changes. */
must_use enum error gate_table_change(struct gate_table *t, uint64_t now_ms,
	const struct gate_write *write, struct view old, struct gate_row *row_out);
/* A new end for the row that stands there; ERROR_MISSING when there is none. */
must_use enum error gate_table_touch(struct gate_table *t, uint64_t now_ms, struct view key,
	uint64_t lifetime_ms, struct gate_row *row_out);
/* Removes, with `old` not empty only where the facts equal it. Counters too. */
must_use enum error gate_table_close(
	struct gate_table *t, uint64_t now_ms, struct view key, struct view old);
/* Adds `amount`; 0 only looks and makes no row. `window_ms` is at least 1. */
must_use enum error gate_table_count(struct gate_table *t, uint64_t now_ms, struct view key,
	uint32_t amount, uint32_t window_ms, uint64_t *count_out);

/* Puts back a row that was durable; the observer is not told. Expired ones are ERROR_MISSING; one that
 * ends later than any row written now could is cut to that (a clock that went wild wrote it). */
must_use enum error gate_table_restore(struct gate_table *t, uint64_t now_ms, struct view key,
	struct view facts, uint64_t ends_ms);
/* Takes away up to `max` rows that are over; how many. */
uint32_t gate_table_expire(struct gate_table *t, uint64_t now_ms, uint32_t max);
/* When the next row is over; UINT64_MAX when there is none. */
uint64_t gate_table_next_ms(const struct gate_table *t);
/* Every row that has not expired, in no order. `each` may not touch the table. */
void gate_table_each(const struct gate_table *t, uint64_t now_ms,
	void (*each)(void *context, const struct gate_row *row), void *context);
/* The same a page at a time: about `rows` of them, from where *after stands (0 at first), which goes on. What
 * stands there all the while is seen once. False when there are no more. */
must_use bool gate_table_walk(const struct gate_table *t, uint64_t now_ms, uint64_t *after,
	uint32_t rows, void (*each)(void *context, const struct gate_row *row), void *context);

struct gate_counts {
	struct gate_limits limits;
	uint32_t rows; /* expired ones included that nobody has cleaned yet */
	uint32_t counters; /* of those */
	size_t octets;
	uint64_t expired; /* cleaned, since the start */
	uint64_t evicted; /* counters pushed out at a bound */
	uint64_t refused; /* new rows refused at a bound */
};
struct gate_counts gate_table_counts(const struct gate_table *t);

#endif
