/*
 * mailbox, a keeper: reading mailboxes, and removing what a user deletes (DESIGN §1, §5). It knows
 * nobody by name but those whom auth granted: "session 7 of popd worker 0 is hana". Files:
 *
 *	main.c		what the parent hands over, reloads, drain
 *	grants.c	auth's channel: who may open what
 *	sessions.c	popd's channels: what is said on the stream of a grant
 *	visits.c	an open mailbox: alone in it, settled, listed; and its end
 *	content.c	a message on its way to popd, under credit
 *	removal.c	REMOVED: settled with sync, unlinked, directories synced
 *	settle.c	deliver's channel: are the repairs of a mailbox done?
 *	disk_work.c	jobs in the pool of threads
 *	commands.c	status
 *
 * One loop thread; what blocks goes to the pool: one job a mailbox at a time, and four threads a file
 * system, so that a disk that hangs is felt by its own mailboxes only. While a job is out, it owns the
 * visit's list and file; a visit whose session ends meanwhile (an orphan) keeps its mailbox until the
 * job is back.
 */
#ifndef KEEPERS_MAILBOX_MAILBOXD_H
#define KEEPERS_MAILBOX_MAILBOXD_H

#include "base/log.h"
#include "base/streams.h"
#include "base/workers.h"
#include "channels/auth_mailbox.h"
#include "channels/mailbox_deliver.h"
#include "channels/popd_mailbox.h"
#include "channels/program.h"
#include "config/snapshot.h"
#include "store/maildir_list.h"

#define POPD_WORKERS_MAX 16
#define GRANTS_MAX 8192u /* of one popd */
#define VISITS_MAX 4096u
#define LISTED_OCTETS_MAX ((uint64_t)1 << 30) /* memory of all lists; past it nobody opens */
#define THREADS 8
#define FILE_SYSTEM_THREADS 4
#define JOBS_MAX (VISITS_MAX + 64u)
#define OPENING_MS \
	30000u /* monotonic: for each step before the list, and for the sync before a removal */
#define DELIVER_AWAY_MS \
	5000u /* monotonic: how long a question to deliver waits for it to come back */
#define MEASURE_MS 200u /* monotonic: for other programs' files, of the time that opening takes */
#define REMOVE_STEP 4096u /* files unlinked by one job */
#define VISIT_BUCKETS 1024
#define DEVICE_SLOTS 4096
#define MAILBOX_NAME_MAX 64

struct mailboxd;
struct visit;

/* popd's end */
struct popd_end {
	struct mailboxd *mailboxd;
	uint32_t worker;
	struct channel *channel;
	struct streams grants;
};

/* What auth said of a stream; also the state of that stream. */
struct grant {
	struct popd_end *popd;
	uint32_t number;
	uint32_t state; /* MAILBOX_STATE_… */
	struct visit *visit; /* null: not open */
	bool is_forgotten; /* by auth, which was restarted: it ends with its visit */
	size_t mailbox_length;
	char mailbox[MAILBOX_NAME_MAX];
};

enum visit_phase {
	VISIT_SETTLING, /* before the list */
	VISIT_LISTING,
	VISIT_READY,
	VISIT_FETCHING,
	VISIT_SETTLING_SYNC, /* before files are removed */
	VISIT_REMOVING,
};
const char *visit_phase_name(enum visit_phase phase);

struct visit {
	struct visit *next; /* of its bucket */
	struct mailboxd *mailboxd;
	struct grant *grant; /* null: an orphan */
	struct snapshot *snapshot;
	struct maildir_place place;
	struct question *question; /* at deliver */
	enum visit_phase phase;
	enum error error; /* of the job */
	bool job; /* one is out: list, removal and the fields below are its own */
	bool listed;
	uint64_t phase_ms; /* monotonic: began at */
	struct maildir_list list;
	uint64_t listed_octets; /* counted in mailboxd */
	/* fetching */
	struct maildir_row *row;
	int fd; /* -1: not open */
	uint64_t offset;
	uint64_t size_octets;
	uint64_t credit;
	uint64_t wanted; /* of the job */
	bool stopping;
	struct buffer chunk;
	/* removing */
	uint32_t to_remove;
	struct maildir_removal removal;
	size_t mailbox_length;
	char mailbox[MAILBOX_NAME_MAX];
};

struct mailboxd {
	struct program *program;
	struct snapshot *snapshot;
	struct workers *pool;
	struct watch *pool_watch;
	struct timer *tick;
	struct channel *auth;
	struct channel *deliver;
	struct streams questions; /* struct question, to deliver */
	uint32_t last_question;
	struct question *unasked; /* deliver is not there */
	struct popd_end popds[POPD_WORKERS_MAX];
	struct visit *visits[VISIT_BUCKETS];
	uint32_t visit_count;
	uint64_t listed_octets;
	struct {
		uint64_t hash;
		uint64_t device;
	} devices[DEVICE_SLOTS]; /* where mailboxes were last time */
	struct mail_disk *disk;
	int directory;
	struct mailboxd_counts {
		uint64_t opened;
		uint64_t refused;
		uint64_t fetched;
		uint64_t gone;
		uint64_t removed;
		uint64_t not_removed;
	} counts;
};

/* grants.c */
void grants_connect(struct mailboxd *d, int fd);
/* Takes it back; what is open is closed. */
void grant_drop(struct grant *g);

/* sessions.c */
void sessions_connect(struct mailboxd *d, uint32_t worker, int fd);
/* Says that the mailbox is not to be had; the stream is idle again, and the grant may be gone. */
void session_fail(struct grant *g, enum mailbox_failure why);
void session_opened(struct visit *v);

/* visits.c */
void visit_open(struct mailboxd *d, struct grant *g);
/* The session lets go: at once, or when the job or the removal under way is done. */
void visit_leave(struct visit *v);
void visit_enter(struct visit *v, enum visit_phase phase);
/* A job is back. False: it was the last one of an orphan, which is gone. */
bool visit_job_over(struct visit *v);
/* deliver's answer. */
void visit_settled(struct visit *v, enum error error);
void visits_tick(struct mailboxd *d);
/* Tells the parent when a drain is over. */
void mailboxd_check_drained(struct mailboxd *d);
uint64_t mailbox_hash(struct view mailbox);

/* content.c */
void content_begin(struct visit *v, uint32_t number);
void content_credit(struct visit *v, uint64_t octets);
void content_stop(struct visit *v);

/* removal.c */
void removal_mark(struct visit *v, struct view numbers);
void removal_begin(struct visit *v);
void removal_settled(struct visit *v, enum error error);

/* settle.c */
void settle_connect(struct mailboxd *d, int fd);
/* visit_settled is called later, never from inside. */
void settle_ask(struct visit *v, bool sync);
/* The visit does not wait any more. */
void settle_forget(struct visit *v);
void settle_tick(struct mailboxd *d);

/* disk_work.c */
void disk_work_start(struct mailboxd *d);
/* False at the bound: nothing was begun. */
must_use bool disk_work_submit(
	struct visit *v, void (*work)(void *visit), void (*done)(void *visit));
/* Learns the file system of a mailbox. */
void disk_work_learn(struct visit *v, uint64_t device);

/* commands.c */
void mailboxd_command(struct program *p, uint32_t stream, struct view words);

#endif
