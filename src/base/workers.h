/*
 * A bounded pool of threads for what blocks (disk, costly hashes) in a program that otherwise runs
 * on one loop. A job's `work` runs in a thread; its `done` runs later on the loop's thread, inside
 * workers_reap, so that only the job's own context is ever shared. No lock is held in either.
 *
 *	pool = workers_new(&limits, "deliver-disk");    after sandbox_confine, before sandbox_seal
 *	loop watches workers_descriptor(pool) and calls workers_reap(pool) when it is readable
 *	workers_submit(pool, &(struct job){write_mail, mail_written, mail, mailbox_key, fs_number});
 *
 * Jobs with the same key (not 0) run one after another in the order of submission: one mailbox, one
 * writer. Jobs of one group use at most `group_threads_max` threads at a time, so that one hung file
 * system leaves threads for the others. Memory is taken once; nothing grows.
 */
#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include "base/bytes.h"
#include "base/error.h"

#define WORKERS_THREADS_MAX 64
#define WORKERS_GROUPS_MAX 64 /* different groups with unfinished jobs at one time */

struct workers;

struct workers_limits {
	unsigned threads; /* 1 … WORKERS_THREADS_MAX */
	unsigned queue_max; /* jobs between submission and `done`, waiting or not; >= 1 */
	unsigned group_threads_max; /* 0: no cap */
};

struct job {
	void (*work)(void *context); /* in a thread; may block, may not touch the loop */
	void (*done)(void *context); /* on the loop's thread; may submit; null for none */
	void *context; /* kept until `done` has been called */
	uint64_t key; /* 0: in parallel with everything */
	uint32_t group; /* 0: not capped */
};

struct workers_counts {
	unsigned waiting; /* not begun */
	unsigned running; /* in a thread */
	unsigned finished; /* worked, not yet reaped */
	uint64_t refused; /* submissions that met a limit, since the start */
};

/* Starts the threads, named `name` (15 octets are seen), and returns when all of them run. Null when
 * the kernel gives no thread or no descriptor. */
must_use struct workers *workers_new(const struct workers_limits *limits, const char *name);
/* Readable when there is something to reap. Belongs to the pool. */
int workers_descriptor(const struct workers *w);
/* From the loop's thread. ERROR_LIMIT, and nothing kept, when the queue or the groups are full. */
must_use enum error workers_submit(struct workers *w, const struct job *job);
/* Calls `done` for what was finished when it was called; how many. */
unsigned workers_reap(struct workers *w);
struct workers_counts workers_count(struct workers *w);
/* Waits until all that was submitted is done (`done` called too), ends the threads, frees. */
void workers_free(struct workers **w);

#endif
