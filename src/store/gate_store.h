/*
 * Where the gate's durable rows live while no process holds them: one interface, several stores
 * (DESIGN §6). The table (store/gate_table.h) is the truth while it runs; a store is only written,
 * in batches, and read once at the start.
 *
 *	struct gate_batch batch = gate_batch_new(max);
 *	gate_batch_write(&batch, …); gate_batch_remove(&batch, …);	as the table's observer is told
 *	gate_store_apply(store, buffer_view(&batch.octets), mark);	in a thread: blocks
 *
 * A batch is applied wholly or not at all, and is durable when gate_store_apply returns. One thread
 * at a time.
 */
#ifndef STORE_GATE_STORE_H
#define STORE_GATE_STORE_H

#include "base/bytes.h"
#include "base/error.h"

struct gate_store;

/* A stored row and the last millisecond in which it is open; views live until it returns. */
typedef void gate_store_row(void *context, struct view key, struct view facts, uint64_t ends_ms);

struct gate_store_ops {
	enum error (*load)(struct gate_store *, gate_store_row *each, void *context);
	enum error (*apply)(struct gate_store *, struct view batch, struct view mark);
	void (*close)(struct gate_store *);
};

/* The head of every store. */
struct gate_store {
	const struct gate_store_ops *ops;
	struct buffer mark; /* the clock's, as it was found */
};

/* Holds nothing. */
struct gate_store *gate_store_memory(void);
/* Calls `each` for every row, in no order. */
must_use enum error gate_store_load(struct gate_store *store, gate_store_row *each, void *context);
/* The clock's mark that was written last before the store was opened; empty when none. */
struct view gate_store_mark(const struct gate_store *store);
/* ERROR_SPACE, ERROR_IO: nothing of the batch is there. */
must_use enum error gate_store_apply(struct gate_store *store, struct view batch, struct view mark);
void gate_store_free(struct gate_store **store);

/* --- batches ------------------------------------------------------------------------------ */

#define GATE_BATCH_OCTETS_MAX ((size_t)1 << 30) /* of one with everything in it */

/* Appends; the buffer's failure says that the batch is too large. */
void gate_batch_clear(struct buffer *b); /* everything before and in the store goes */
void gate_batch_write(struct buffer *b, struct view key, struct view facts, uint64_t ends_ms);
void gate_batch_remove(struct buffer *b, struct view key);

enum gate_batch_kind { GATE_BATCH_CLEAR = 1, GATE_BATCH_WRITE, GATE_BATCH_REMOVE };
struct gate_batch_step {
	enum gate_batch_kind kind;
	struct view key;
	struct view facts;
	uint64_t ends_ms;
};
/* The next step; false at the end, and with a failed cursor when the octets do not hold together. */
must_use bool gate_batch_read(struct cursor *c, struct gate_batch_step *step_out);

#endif
