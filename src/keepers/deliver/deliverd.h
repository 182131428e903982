/*
 * deliver, a keeper: writing mailboxes (DESIGN §5). Files:
 *
 *	main.c		what the parent hands over
 *	incoming.c	spool's streams: a message and the mailboxes it goes to
 *	duplicate.c	F-15: what was seen, asked of gate
 *	place.c		the job that writes one file, in the pool of threads
 *	large.c		the same for a content that does not fit into memory
 *	boxes.c		what is known of each mailbox: order, trouble, repairs
 *	sync.c		the bulk sync of each file system, and DELIVERED after it
 *	settle.c	what mailbox wants to know before it reads or removes
 *
 * Files of one mailbox are written one after another, in the order of the spool's ids. When one
 * fails, those behind it that were already here fail too, so the order holds when they come again.
 * A job that does not come back within HUNG_MS is answered as deferred and its thread written off
 * until it does; one file system never gets more than half of the threads.
 */
#ifndef KEEPERS_DELIVER_DELIVERD_H
#define KEEPERS_DELIVER_DELIVERD_H

#include "base/digest.h"
#include "base/log.h"
#include "base/streams.h"
#include "base/workers.h"
#include "channels/any_gate.h"
#include "channels/mailbox_deliver.h"
#include "channels/program.h"
#include "channels/spool_deliver.h"
#include "config/snapshot.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "store/maildir.h"

#include <stdatomic.h>

#define THREADS 8
#define THREADS_PER_DEVICE 4
#define JOBS_MAX 65536
#define STREAMS_MAX 2048u
#define DEVICES_MAX 32
#define HUNG_MS 5000u /* monotonic */
#define SYNC_DELAY_MS 1000u /* from the first placed file to the bulk sync */
#define WHOLE_MAX DELIVER_CREDIT_FIRST /* larger contents are written as they come */

struct box;
struct incoming;

/* One file system that holds mailboxes. */
struct device {
	uint64_t number; /* st_dev */
	int fd; /* opened before its first write: sync errors are seen */
	struct deliverd *deliverd;
	struct buffer placed; /* (id, recipient) pairs since the last sync began */
	struct buffer syncing; /* those that the running sync covers */
	struct buffer keys; /* of the duplicates' rows: DIGEST octets and id each */
	struct buffer syncing_keys;
	uint64_t turn; /* number of the sync that will cover what is placed now */
	uint64_t done; /* syncs that have ended */
	struct timer *timer;
	bool armed;
	bool running;
	bool failed;
	enum error error;
};

/* One recipient of one message. */
struct placing {
	struct placing *next; /* of the message */
	struct incoming *message;
	struct box *box;
	uint32_t recipient;
	struct view forward_path;
	uint64_t began_ms; /* monotonic: when the job was submitted; 0: not yet */
	bool answered; /* RESULT was said */
	bool running; /* a job is out */
	bool claimed; /* a row at gate is ours */
	bool claims; /* waits for gate */
	uint32_t question; /* to gate; 0: none */
	bool parked; /* an equal mail is under way: asked again later */
	uint64_t parked_ms;
	uint8_t digest[DIGEST_OCTETS];
	/* of the job */
	struct maildir_file file;
	struct buffer header;
	enum error error;
	uint64_t device;
};

struct incoming {
	struct deliverd *deliverd;
	uint32_t number; /* of the stream; 0: spool is gone */
	struct spool_id id;
	uint64_t birth;
	uint64_t size;
	int64_t arrival_s;
	bool repeat;
	bool ended; /* END was said */
	bool is_large;
	bool begun; /* large: the file is open */
	bool writing; /* large: a job is out */
	struct arena arena;
	struct view reverse_path;
	struct buffer content;
	struct buffer chunk; /* large: with the job */
	uint64_t received;
	struct placing *first;
	uint32_t unanswered;
	uint32_t jobs;
	struct header_scan scan;
	struct digest *digest; /* of the body, for F-15; null when not wanted */
	uint8_t body[DIGEST_OCTETS];
	struct incoming *older; /* all of them */
	struct incoming *newer;
};

struct box {
	struct box *next; /* of the hash chain */
	struct view name;
	uint64_t key; /* of its jobs */
	uint32_t device; /* index + 1; 0: not known yet */
	uint32_t jobs; /* submitted and not back */
	uint32_t late; /* of those, answered before they came back */
	uint32_t repairs; /* deliveries that must be repeated before it may be read */
	uint64_t unsynced_turn; /* the device's sync that covers its last file; 0: none */
	atomic_bool broken; /* one failed: those behind it fail too, until none is out */
};

struct settler {
	struct settler *next;
	uint32_t stream;
	struct box *box;
	bool sync;
	uint64_t round; /* that must be recorded; 0: not known before its files are synced */
};

struct deliverd {
	struct program *program;
	struct snapshot *snapshot;
	struct view after; /* of the mailboxes template */
	int root;
	struct workers *pool;
	struct watch *pool_watch;
	struct channel *spool;
	struct streams streams;
	struct incoming *newest;
	struct incoming *oldest;
	struct channel *gate;
	struct streams questions; /* struct question */
	uint32_t last_question;
	struct channel *mailbox;
	struct streams settling;
	struct settler *settlers;
	struct device devices[DEVICES_MAX];
	uint32_t device_count;
	struct box *boxes[4096];
	uint32_t box_count;
	struct timer *sweep;
	bool expecting; /* spool has not yet told all mailboxes that need repairs */
	uint64_t round; /* of telling spool what is delivered, begun with 1 */
	uint64_t asked; /* round of the MARK on its way; 0: none */
	uint64_t recorded; /* the last round that is durable at spool */
	uint64_t delivered;
	uint64_t duplicates;
	uint64_t deferred;
};

/* main.c */
struct maildir_place deliver_place_of(const struct deliverd *d, const struct box *box);

/* boxes.c */
struct box *box_get(struct deliverd *d, struct view name);

/* incoming.c */
void incoming_connect(struct deliverd *d, int fd);
/* Says the RESULT of one recipient; the message is freed when it was the last. */
void incoming_result(struct placing *p, enum deliver_outcome outcome, struct view text);
/* Frees the message when nothing holds it any more. */
void incoming_check(struct incoming *in);
void incoming_sweep(struct deliverd *d);
bool incoming_is_quiet(const struct deliverd *d);

/* duplicate.c */
void duplicate_connect(struct deliverd *d, int fd);
/* The site remembers mail, and this one has a Message-ID. */
bool duplicate_is_wanted(const struct incoming *in);
/* Asks gate whether the mail was seen; place_submit or a RESULT follows. */
void duplicate_claim(struct placing *p);
/* The delivery failed: the row shall not stand in the way of another copy. */
void duplicate_release(struct placing *p);
/* The file system was synced: the rows in `keys` are now of delivered mail. */
void duplicate_delivered(struct deliverd *d, struct view keys);
/* Asks again for those that were parked behind an equal mail. */
void duplicate_sweep(struct deliverd *d);
/* A question of this message is open. */
bool duplicate_holds(const struct incoming *in);
/* Spool is gone: what was parked or asked is not wanted any more. */
void duplicate_forget(struct incoming *in);

/* place.c */
void place_header(struct placing *p);
/* Submits the job that writes the file of one recipient. */
void place_submit(struct placing *p);
/* What follows a job: the same for whole and large contents. */
void place_after(struct placing *p);
bool deliver_submit(struct deliverd *d, struct box *box, void (*work)(void *), void (*done)(void *),
	void *context);

/* large.c */
void large_begin(struct placing *p);
void large_more(struct incoming *in);
/* Nothing stands against it: the file gets its name. */
void large_finish(struct placing *p);

/* sync.c */
/* The device of that number; null when there are too many. */
struct device *sync_device(struct deliverd *d, uint64_t number, struct box *box);
void sync_placed(struct device *device, struct placing *p);
/* A sync now, if anything is placed. */
void sync_now(struct device *device);
bool sync_is_quiet(const struct deliverd *d);

/* settle.c */
void settle_connect(struct deliverd *d, int fd);
/* Answers those whose condition has come true. */
void settle_check(struct deliverd *d);
/* The sync that they wait for has failed. */
void settle_fail(struct deliverd *d, const struct device *device);
/* Spool says that this round is durable. */
void settle_marked(struct deliverd *d, uint64_t round);

void deliver_check_drained(struct deliverd *d);

#endif
