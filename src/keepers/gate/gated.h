/*
 * The gate's shell: the table (store/gate_table.h), the journal that writes its durable rows to the store
 * in batches, and the channels of those who ask. Any number of questions may be on their way; each is
 * answered in the turn in which it is read.
 *
 * What durability means here: a reply comes before the disk. A durable row, or its removal, is in a
 * batch at most JOURNAL_EVERY_MS later, and safe from a kill when that batch is written, safe from a
 * power cut with the batch after it (gate_lmdb.h). A crash forgets that much. While the store fails
 * the table goes on alone, and when the store works again it is written anew as a whole.
 */
#ifndef KEEPERS_GATE_GATED_H
#define KEEPERS_GATE_GATED_H

#include "base/channel.h"
#include "base/workers.h"
#include "channels/peers.h"
#include "store/gate_clock.h"
#include "store/gate_store.h"
#include "store/gate_table.h"

#define JOURNAL_EVERY_MS 100
#define JOURNAL_RETRY_MS 10000
#define JOURNAL_MARK_MS 60000 /* the clock's mark is written this often when nothing else is */
#define JOURNAL_OCTETS_MAX ((size_t)64 << 20) /* more waits than that: write anew as a whole */
#define GATE_PEERS_MAX 64
#define GATE_TICK_MS 1000
#define GATE_TICK_ROWS 10000 /* are taken away at once */

struct gated;

struct gate_peer {
	struct gated *gated;
	enum program_id id;
	uint32_t worker;
	struct channel *channel;
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
	bool anew; /* the next batch is everything */
	bool draining;
	uint64_t batches;
};

struct gated {
	struct loop *loop;
	struct gate_table *table;
	struct gate_clock clock;
	struct journal journal;
	struct timer *tick;
	struct gate_peer peers[GATE_PEERS_MAX];
	void (*broken)(void *context, enum program_id id, uint32_t worker, const char *why);
	void (*drained)(void *context);
	void *context;
};

/* Loads what the store holds; takes it over. */
void gated_begin(struct gated *g, const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_clock_facts *facts, struct gate_store *store);
/* Begins the timers. `workers`: a pool of one thread, taken over. */
void gated_go(struct gated *g, struct loop *loop, struct workers *workers);
/* A new channel, which replaces that program's older one; takes over `fd`. */
void gated_connect(struct gated *g, enum program_id id, uint32_t worker, int fd);
/* Writes what waits, then calls `drained`. */
void gated_drain(struct gated *g);
uint64_t gated_now_ms(const struct gated *g);

/* --- journal.c ---------------------------------------------------------------------------- */

struct gate_observer journal_observer(struct gated *g);
void journal_go(struct gated *g, struct workers *workers);
void journal_drain(struct gated *g);

/* --- commands.c: answers for people ------------------------------------------------------- */

/* `gate list [--json]`, `gate counts`, `status`, with or without the first word. Exit code. */
unsigned gated_command(struct gated *g, struct view words,
	void (*output)(void *context, struct view octets), void *context);

#endif
