/*
 * A live store: where rows stand while they count. There are three, behind one interface: the gate's own table
 * (store/gate_table.h), a directory that other programs write, too, and a Redis that several hosts share.
 * Because the last one answers later, a question may be answered later; each of them is one atomic step.
 *
 *	ask	carries out an operation. True: *result_out is the answer, now. False: gated_answer(ticket, …)
 *		has it later, once, or never when the store is closed.
 *	walk	a page of the rows whose keys begin with `prefix`, from `after` (0: the first), to `walk`; the
 *		end comes now or later. `after` means something to that store only.
 */
#ifndef KEEPERS_GATE_LIVE_H
#define KEEPERS_GATE_LIVE_H

#include "channels/any_gate.h"
#include "store/gate_table.h"

struct gated;
struct gate_peer;
struct gate_kind;

struct gate_op {
	enum any_gate_code code; /* one of the questions */
	struct view key;
	struct view facts;
	struct view old;
	uint64_t lifetime_ms;
	uint32_t amount;
	uint32_t window_ms;
	bool durable;
};

/* ERROR_NONE: a row, or a count. ERROR_MISSING: there is none. Views live until it returns. The count of a CLOSE, by a store
 * that says so: how many rows were open. */
struct gate_result {
	enum error error;
	bool counted;
	uint64_t count;
	struct view facts;
	uint64_t left_ms;
};

/* Who inside the gate asked. */
struct gate_waiter {
	void (*answered)(struct gate_waiter *waiter, const struct gate_result *result);
	void *context;
};

/* Whom an answer is for: a peer (one that was connected anew meanwhile has another serial), or a waiter. */
struct gate_ticket {
	struct gate_waiter *waiter;
	struct gate_peer *peer;
	uint64_t serial;
	uint32_t stream;
};

struct gate_walk {
	void (*row)(struct gate_walk *walk, const struct gate_row *row);
	/* `next`: where the next page begins; 0 when there is none. Frees the walk, if it is to be freed. */
	void (*end)(struct gate_walk *walk, enum error error, uint64_t next);
	void *context;
	struct view prefix; /* lives as long as the walk */
	uint64_t after;
	uint32_t rows; /* about so many */
};

struct gate_live;
struct gate_live_ops {
	bool (*takes)(const struct gate_live *live, const struct gate_kind *kind);
	bool (*ask)(struct gate_live *live, const struct gate_op *op, struct gate_ticket ticket,
		struct gate_result *result_out);
	void (*walk)(struct gate_live *live, struct gate_walk *walk);
	/* `key=value` words for `sekisho status`. */
	void (*status)(const struct gate_live *live, struct buffer *b);
	void (*close)(struct gate_live *live);
};

/* The head of every live store. */
struct gate_live {
	const struct gate_live_ops *ops;
	struct gated *gated;
};

#endif
