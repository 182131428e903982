/*
 * deliver, a keeper: writing mailboxes (DESIGN §5). Files:
 *
 *	main.c		what the parent hands over
 *	life.c		the program's state: made, freed; the sweep
 *	incoming.c	spool's streams: a message and the mailboxes it goes to
 *	spool_side.c	what spool says
 *	duplicate.c	F-15: what was seen, asked of gate
 *	place.c		the job that writes one file, in the pool of threads
 *	large.c		the same for a content that does not fit into memory
 *	boxes.c		what is known of each mailbox: order, trouble, repairs
 *	sync.c		the bulk sync of each file system, and DELIVERED after it
 *	settle.c	what mailbox wants to know before it reads or removes
 *
 * Files of one mailbox get their names one after another, in the order in which spool began them. When
 * one is deferred, so are those behind it, until spool says that nothing else is under way for the
 * mailbox (DELIVER_AGAIN): so the order holds when they come again.
 *
 * Disks that hang: a job that does not come back within HUNG_MS is answered as deferred, and so is
 * what waits behind it; its thread is written off until it does. A job that was answered before it
 * began does nothing when a thread takes it. One mailbox holds one thread at
 * most; a file system that is known holds THREADS_PER_DEVICE. Which one a mailbox is on is known from
 * its first file on; UNKNOWN_HUNG_MAX threads may be lost to those of which it is not.
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

#define THREADS 40
#define THREADS_PER_DEVICE 4
#define UNKNOWN_HUNG_MAX 12
#define JOBS_MAX 65536
#define STREAMS_MAX 2048u
#define DEVICES_MAX 32
#define HUNG_MS 5000u /* monotonic; of a job in its thread */
#define WAITED_MS 60000u /* monotonic; of a job that no thread has taken */
#define SYNC_DELAY_MS 1000u /* from the first placed file to the bulk sync */
#define DEVICE_IDLE_MS 5000u /* then its descriptor is closed, so that it can be unmounted */
#define SWEEP_MS 500u
#define WHOLE_MAX DELIVER_CREDIT_FIRST /* larger contents are written as they come */

struct box;
struct incoming;

/* One file system that holds mailboxes. A place in the table is kept for as long as anything is
 * placed there or under way; turns go on from one file system in it to the next. */
struct device {
	uint64_t number; /* st_dev */
	int fd; /* opened before what it watches was written; -1: closed, for it was idle */
	struct deliverd *deliverd;
	bool wanted; /* something was placed since the last sync began */
	struct buffer placed; /* its (id, recipient) pairs, as far as this spool gave them */
	struct buffer syncing; /* those that the running sync covers */
	struct buffer keys; /* of the duplicates' rows: DIGEST octets and id each */
	struct buffer syncing_keys;
	uint64_t turn; /* number of the sync that will cover what is placed now */
	uint64_t done; /* syncs that have ended */
	uint64_t used_ms; /* monotonic */
	unsigned hung; /* jobs that were answered and have not come back */
	struct timer *timer;
	bool running;
	enum error error;
};

/* One recipient of one message. */
struct placing {
	struct placing *next; /* of the message */
	struct placing *line_next; /* of the mailbox */
	struct incoming *message;
	struct box *box;
	uint32_t recipient;
	struct view forward_path;
	uint64_t submitted_ms; /* monotonic: when the job was; 0: not yet */
	_Atomic uint64_t began_ms; /* monotonic: when a thread took it; 0: not yet */
	uint64_t sync_failures; /* of deliverd, when the file was begun */
	bool in_line;
	bool ready; /* it goes when its turn comes */
	bool answered; /* RESULT was said */
	bool running; /* a job is out */
	bool hung; /* and counts as such */
	atomic_bool given_up; /* its job, when it has not begun yet, does nothing */
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
};

struct incoming {
	struct deliverd *deliverd;
	uint32_t number; /* of the stream; 0: spool is gone */
	struct spool_id id;
	uint64_t birth;
	uint64_t size;
	int64_t arrival_s;
	uint32_t how; /* enum deliver_how */
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
	struct placing *last;
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
	bool repaired; /* some were: it is synced before it is read */
	uint64_t unsynced_turn; /* the device's sync that covers its last file; 0: none */
	bool tidied; /* what was killed earlier has left nothing; for its jobs */
	atomic_bool broken; /* one failed: those behind it fail too, until spool says AGAIN */
	struct placing *line; /* in the order of their beginning, those that have not gone */
	struct placing *line_last;
};

struct settler {
	struct settler *next;
	uint32_t stream;
	struct view mailbox;
	bool sync;
	uint64_t round; /* that must be recorded; 0: not known before its files are synced */
};

#define BOX_SLOTS 4096

struct deliverd {
	struct program *program;
	struct snapshot *snapshot; /* jobs may look at an older one: that stays mapped */
	struct view after; /* of the mailboxes template */
	struct mail_disk *disk;
	int root;
	unsigned threads; /* THREADS, unless changed before deliverd_prepare */
	unsigned jobs_max; /* JOBS_MAX, likewise */
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
	unsigned unknown_hung; /* as device.hung, of mailboxes whose file system is not known */
	struct box *boxes[BOX_SLOTS];
	uint32_t box_count;
	struct timer *sweep;
	bool expecting; /* spool has not yet told all mailboxes that need repairs */
	bool drained;
	uint64_t round; /* of telling spool what is delivered, begun with 1 */
	uint64_t asked; /* round of the MARK on its way; 0: none */
	uint64_t recorded; /* the last round that is durable at spool */
	uint64_t sync_failures;
	uint64_t delivered;
	uint64_t duplicates;
	uint64_t deferred;
};

/* life.c */
/* Writes below a directory that is given later, on `disk` (kept). */
struct deliverd *deliverd_new(struct program *program, struct mail_disk *disk);
/* Waits for the jobs that are out. */
void deliverd_free(struct deliverd **d);
/* Takes over `root`, the directory of all mailboxes. */
void deliverd_root(struct deliverd *d, int root);
/* Takes the snapshot over when it can be used. */
bool deliverd_config(struct deliverd *d, struct snapshot *snapshot);
/* Starts the threads; then the loop's part. */
void deliverd_prepare(struct deliverd *d);
void deliverd_go(struct deliverd *d);
void deliverd_status(const struct deliverd *d, struct buffer *b);
void deliver_check_drained(struct deliverd *d);

/* boxes.c */
struct box *box_get(struct deliverd *d, struct view name);
/* Null when spool has never named it. */
struct box *box_find(const struct deliverd *d, struct view name);
/* At the end of the mailbox's line; out of it. */
void box_line_up(struct placing *p);
void box_leave(struct placing *p);
/* Sends off those in front that are ready. */
void box_go_on(struct box *box);

/* incoming.c */
struct incoming *incoming_new(struct deliverd *d, uint32_t number);
must_use bool incoming_add(struct incoming *in, const struct envelope_delivery *delivery);
/* Says the RESULT of one recipient. */
void incoming_result(struct placing *p, enum deliver_outcome outcome, struct view text);
/* Says FINISHED when it was the last, and frees the message when nothing holds it any more. */
void incoming_check(struct incoming *in);
/* Spool is gone: what is under way comes again. */
void incoming_orphan(struct incoming *in);
/* Answers for what does not come back. */
void incoming_sweep(struct deliverd *d);
bool incoming_is_quiet(const struct deliverd *d);

/* spool_side.c */
void spool_connect(struct deliverd *d, int fd);

/* duplicate.c */
void duplicate_connect(struct deliverd *d, int fd);
/* The site remembers mail, and this one has a Message-ID. */
bool duplicate_is_wanted(const struct incoming *in);
/* Asks gate whether the mail was seen; place_ready or a RESULT follows. */
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
/* The program ends. */
void duplicate_end(struct deliverd *d);

/* place.c */
void place_header(struct placing *p);
/* In a thread: the file of this placing. Before the first one of a mailbox, what killed deliveries left. */
must_use enum error place_begin(struct placing *p);
struct maildir_place deliver_place_of(const struct deliverd *d, const struct box *box);
/* Nothing stands against it any more: it gets its name when its turn has come. */
void place_ready(struct placing *p);
/* Its turn has come: box_go_on calls this. */
void place_go(struct placing *p);
/* What follows a job: the same for whole and large contents. */
void place_after(struct placing *p);
/* What is told of a mail that could not be placed. */
struct view place_why(enum error error);
#define NO_PLACE VIEW("too many deliveries are waiting") /* the same, when place_submit has none */
/* A job of this recipient; false when there is no room for it. */
bool place_submit(struct placing *p, void (*work)(void *), void (*done)(void *));
/* In the job, first of all. False, and `error` is set: an earlier one of the mailbox has failed, or this one was
 * given up, and that may be forgotten by now (DELIVER_AGAIN, a new spool). */
must_use bool place_began(struct placing *p);
/* In the loop, when it is back. */
void place_back(struct placing *p);

/* large.c */
void large_more(struct incoming *in);
/* Its turn has come: the file gets its name. */
void large_finish(struct placing *p);

/* sync.c */
/* The place of that file system; `watch` (taken over, may be -1) was opened on it before what was
 * written. Null when there are too many. */
struct device *sync_device(struct deliverd *d, uint64_t number, int watch);
void sync_placed(struct device *device, struct placing *p);
/* A sync now, if anything is placed. */
void sync_now(struct device *device);
/* Closes what was not used for long. */
void sync_sweep(struct deliverd *d);
/* Spool is gone. What it asked for is asked for again, and written again: that it was once synced says
 * nothing about what will stand there then. */
void sync_forget(struct deliverd *d);
bool sync_is_quiet(const struct deliverd *d);
void sync_end(struct deliverd *d);

/* settle.c */
void settle_connect(struct deliverd *d, int fd);
/* Answers those whose condition has come true. */
void settle_check(struct deliverd *d);
/* The sync that they wait for has failed. */
void settle_fail(struct deliverd *d, const struct device *device);
/* Spool says that this round is durable. False: it was not asked. */
must_use bool settle_marked(struct deliverd *d, uint64_t round);
void settle_end(struct deliverd *d);

#endif
