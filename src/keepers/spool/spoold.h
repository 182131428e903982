/*
 * spool, a keeper: mail from its 250 to its end (DESIGN §2, §5). The log is store/spool.h's; here is
 * what moves octets and decides when. Files:
 *
 *	main.c		what the parent hands over; recovery; drain
 *	disk_work.c	batches, chores and readings in the pool of threads
 *	receive.c	smtpd's streams: content in, ACCEPTED out after the sync (law 1)
 *	dispatch.c	deliver's streams: content out, what became of each recipient
 *	waiting.c	mailboxes that are in trouble, and their mail in order
 *	commands.c	`sekisho queue`
 *
 * It never looks into a content. One thread; what blocks goes to the pool.
 */
#ifndef KEEPERS_SPOOL_SPOOLD_H
#define KEEPERS_SPOOL_SPOOLD_H

#include "base/log.h"
#include "base/streams.h"
#include "base/workers.h"
#include "channels/program.h"
#include "channels/smtpd_spool.h"
#include "channels/spool_deliver.h"
#include "config/snapshot.h"
#include "mail/envelope.h"
#include "store/spool.h"

#define SMTPD_WORKERS_MAX 16
#define RECEIVE_STREAMS_MAX 16384u
/* All contents being collected; at the bound streams are refused as busy. */
#define RECEIVE_OCTETS_MAX ((uint64_t)512 << 20)
#define DISPATCH_STREAMS_MAX 1024u
#define DISPATCH_OCTETS_MAX ((uint64_t)32 << 20)

struct spoold;

/* smtpd's end */
struct receiver {
	struct spoold *spoold;
	struct channel *channel;
	struct streams streams; /* struct incoming */
	uint64_t ticket_base;
};

/* A message for deliver. */
struct outgoing {
	struct outgoing *next; /* in the backlog */
	struct spoold *spoold;
	uint32_t number; /* of the stream; 0: not sent yet */
	struct spool_id id;
	struct spool_where where;
	bool pinned;
	bool reading; /* a job is out */
	bool void_; /* deliver is gone: only the job is waited for */
	bool repeat;
	bool ended; /* END was said */
	size_t credit;
	uint64_t offset; /* content sent so far */
	uint64_t octets;
	struct buffer envelope;
	struct arena arena;
	struct envelope parsed;
	uint32_t *recipients; /* which of the envelope go out with this */
	uint32_t recipient_count;
	uint32_t results;
	struct buffer chunk; /* of the job */
	enum error error;
};

/* A mailbox in trouble (or with LOST files): its mail waits in order. */
struct waiting_mail {
	struct waiting_mail *next;
	struct spool_id id;
	uint32_t recipient;
	bool repeat;
};
struct waiting {
	struct waiting *next; /* of the hash chain */
	struct waiting *later; /* of the list of all */
	struct view mailbox;
	struct waiting_mail *first;
	struct waiting_mail **last_next;
	uint64_t due_ms; /* monotonic */
	uint32_t attempts;
	bool probing; /* its first mail is on the way */
};

struct spoold {
	struct program *program;
	struct snapshot *snapshot;
	struct disk *disk;
	struct spool *spool;
	struct workers *pool;
	struct watch *pool_watch;
	struct turn_hook hook;
	struct timer *tick;
	bool batch_out;
	bool chore_out;
	uint64_t free_octets;
	bool space_asked;
	struct receiver receivers[SMTPD_WORKERS_MAX];
	uint64_t collecting; /* octets of contents being received */
	uint64_t last_epoch;
	struct incoming *first_pending; /* COMMITs that wait for room in a batch */
	struct incoming **last_pending;
	struct channel *deliver;
	struct streams dispatched; /* struct outgoing */
	uint32_t last_stream;
	uint64_t dispatched_octets;
	struct outgoing *backlog;
	struct outgoing **backlog_last;
	uint64_t backlog_count;
	struct buffer finals; /* (id, recipient) pairs delivered, not yet taken by the log */
	struct {
		bool is_asked; /* by deliver, not answered yet */
		bool is_taken; /* `states` holds */
		uint64_t number;
		uint64_t states;
	} mark;
	struct waiting *waiting_hash[1024];
	struct waiting *waiting_all;
	struct timer *waiting_timer;
	int directory;
	int early_deliver; /* a channel that came before the recovery; -1: none */
};

/* disk_work.c */
void disk_work_start(struct spoold *d);
/* Asks the engine for work; called at the end of each turn. */
void disk_work_kick(void *spoold);
bool disk_work_submit(
	struct spoold *d, void (*work)(void *), void (*done)(void *), void *context, uint64_t key);

/* receive.c */
void receive_connect(struct spoold *d, uint32_t worker, int fd);
void receive_outcome(struct spoold *d, const struct spool_outcome *outcome);
/* Tries COMMITs again that found the batch full. */
void receive_retry(struct spoold *d);
bool receive_is_quiet(const struct spoold *d);

/* dispatch.c */
void dispatch_connect(struct spoold *d, int fd);
/* A message that has just become durable, with its octets at hand. */
void dispatch_accepted(struct spoold *d, const struct spool_outcome *outcome);
/* One recipient again. */
void dispatch_again(struct spoold *d, struct spool_id id, uint32_t recipient, bool repeat);
/* Sends from the backlog as the window allows. */
void dispatch_pump(struct spoold *d);
/* After a batch: gives final states to the log that it could not take before, and answers a mark
 * whose states are durable. */
void dispatch_settle(struct spoold *d);
bool dispatch_is_quiet(const struct spoold *d);

/* waiting.c */
/* The mailbox's entry, or null when it is not in trouble. */
struct waiting *waiting_find(struct spoold *d, struct view mailbox);
/* Puts mail at the end of the mailbox's queue (`front`: at its head), making the entry. */
void waiting_add(struct spoold *d, struct view mailbox, struct spool_id id, uint32_t recipient,
	bool repeat, bool front);
/* It failed: next attempt later. It worked: the rest may go. */
uint32_t waiting_failed(struct spoold *d, struct view mailbox);
void waiting_worked(struct spoold *d, struct view mailbox);
void waiting_clear(struct spoold *d);

/* commands.c */
void spoold_command(struct program *p, uint32_t stream, struct view words);
void spoold_check_drained(struct spoold *d);

#endif
