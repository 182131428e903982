/*
 * The gate's shell: the table (store/gate_table.h), the journal that writes its durable rows to the store
 * in batches, and the channels of those who ask. Any number of questions may be on their way; each is
 * answered once: by the table at once, by a store that several hosts share when that answers.
 *
 * What durability means here: a reply comes before the disk. A durable row, or its removal, is in a
 * batch at most JOURNAL_EVERY_MS later, and safe from a kill when that batch is written, safe from a
 * power cut with the batch after it (gate_lmdb.h). A crash forgets that much. While the store fails
 * the table goes on alone, and when the store works again it is written anew as a whole.
 */
#ifndef KEEPERS_GATE_GATED_H
#define KEEPERS_GATE_GATED_H

#include "base/channel.h"
#include "base/streams.h"
#include "base/workers.h"
#include "channels/peers.h"
#include "config/snapshot.h"
#include "keepers/gate/live.h"
#include "store/gate_clock.h"
#include "store/gate_store.h"
#include "store/gate_table.h"

#define JOURNAL_EVERY_MS 100
#define JOURNAL_RETRY_MS 10000
#define JOURNAL_MARK_MS 60000 /* the clock's mark is written this often when nothing else is */
#define JOURNAL_OCTETS_MAX ((size_t)64 << 20) /* more waits than that: write anew as a whole */
#define GATE_PEERS_MAX 64
#define GATE_OPEN_STREAMS_MAX 8192u
#define GATE_TICK_MS 1000
#define GATE_TICK_ROWS 10000 /* are taken away at once */

struct gate_peer {
	struct gated *gated;
	enum program_id id;
	uint32_t worker;
	struct channel *channel;
	struct streams open; /* asked, and not answered yet */
	uint64_t serial; /* of its connections */
	uint64_t asked;
	uint64_t denied;
};

struct journal {
	struct gate_store *store;
	struct workers *workers;
	struct watch *reaper;
	struct timer *timer;
	struct buffer waiting; /* collected since the last batch */
	struct buffer writing; /* in the thread now */
	struct buffer mark;
	enum error result; /* of the thread */
	enum error failing; /* the last batch's */
	bool busy;
	bool idle; /* nothing is to be written but, some day, the mark */
	bool anew; /* the next batch is everything */
	bool draining;
	uint64_t batches;
};

struct gated {
	struct loop *loop;
	struct gate_table *table;
	struct gate_clock clock;
	struct journal journal;
	struct gate_live *live; /* beside the table; null: there is none */
	uint8_t v6_prefix; /* what of an IPv6 address counts, for who opens by hand */
	struct timer *tick;
	struct gate_peer peers[GATE_PEERS_MAX];
	void (*broken)(void *context, enum program_id id, uint32_t worker, const char *why);
	void (*drained)(void *context);
	void *context;
};

/* Takes over what it needs of the configuration; at the start and at each reload. */
void gated_config(struct gated *g, const struct snapshot *snapshot);
/* Loads what the store holds; takes it over. */
void gated_begin(struct gated *g, const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_clock_facts *facts, struct gate_store *store);
/* Begins the timers. `workers`: a pool of one thread, taken over. */
void gated_go(struct gated *g, struct loop *loop, struct workers *workers);
/* A new channel, which replaces that program's older one; takes over `fd`. */
void gated_connect(struct gated *g, enum program_id id, uint32_t worker, int fd);
/* Writes what waits, then calls `drained`. */
void gated_drain(struct gated *g);
/* Without a loop that turns. */
void gated_end(struct gated *g);
uint64_t gated_now_ms(const struct gated *g);
/* The answer of a live store that had not come at once; not from inside of its `ask`. */
void gated_answer(struct gate_ticket ticket, const struct gate_result *result);
/* From inside the gate, of any kind: whichever store it is, the answer comes once, now or later. The key of the
 * operation, and the prefix of the walk, name a kind. */
void gated_ask(struct gated *g, const struct gate_op *op, struct gate_waiter *waiter);
void gated_walk(struct gated *g, struct gate_walk *walk);

/* --- local.c: the table --------------------------------------------------------------------- */

struct gate_result local_ask(struct gated *g, const struct gate_op *op);
void local_walk(struct gated *g, struct gate_walk *walk);

/* --- openings.c: what happens to rows of the kind "open:", for the log -------------------------- */

/* Others are passed over. */
void openings_written(const struct gate_row *row);
void openings_removed(const struct gate_row *row, enum gate_end why);

/* --- journal.c ---------------------------------------------------------------------------- */

void journal_begin(struct gated *g);
void journal_written(struct gated *g, const struct gate_row *row);
void journal_removed(struct gated *g, struct view key);
void journal_end(struct gated *g);
void journal_go(struct gated *g, struct workers *workers);
void journal_drain(struct gated *g);

/* --- commands.c: answers for people ------------------------------------------------------- */

struct gate_asker {
	void (*output)(void *context, struct view octets);
	void (*done)(void *context, unsigned exit_code); /* once, now or later */
	void *context;
};

/* Words separated by NUL, with or without `gate` before them:
 *	status, counts, rows [--json]			the table as it is
 *	list, close, open …				what is open: see hand.c
 */
void gated_command(struct gated *g, struct view words, const struct gate_asker *asker);

/* --- hand.c: what is open, looked at and changed by hand ---------------------------------------- */

/* False: the verb is none of these. */
must_use bool hand_command(
	struct gated *g, struct view verb, struct view words, const struct gate_asker *asker);

#endif
