/*
 * spool, a keeper: mail from its 250 to its end (DESIGN §2, §5). The log is store/spool.h's; here is
 * what moves octets and decides when. Files:
 *
 *	main.c		what the parent hands over
 *	life.c		the program's state: made, recovered, freed; the tick; drain
 *	disk_work.c	batches, chores and readings in the pool of threads
 *	receive.c	smtpd's streams: content in, ACCEPTED out after the sync (law 1)
 *	scan.c		recipients that nobody has (after a start, a loss) into their lanes
 *	lanes.c		a lane per mailbox: its mail in order, its trouble, its retry times
 *	remote.c	mail for other hosts: into the schedule (store/schedule.h) and out of it
 *	outgoing.c	streams to deliver and relay: content out, under credit
 *	departing.c	those to relay: what is told at their beginning and learned at their end
 *	expiry.c	mail that is under way for too long: its sender is told, at last it goes back
 *	reports.c	reports to senders: what `report` is told, and its mail into the log
 *	results.c	what deliver answers, and what of it goes to the log
 *	relay_side.c	the same of relay
 *	held.c		what the postmaster holds back
 *	commands.c	what operators ask; `sekisho status`
 *	selection.c	the mail that a command is about
 *	page.c		a page of the queue, read for one question
 *	show.c		`sekisho queue`
 *	mailq.c		`mailq`
 *	changes.c	`sekisho queue retry`, `hold`, `release`, `return`, `delete`
 *
 * A recipient that is not final is with exactly one of these: noted as NOTE_LOOSE (nobody has it: scan
 * picks it up), in its mailbox's lane or in the schedule, in an outgoing stream, placed and waiting
 * for deliver's bulk sync, or held and parked (held.c). It never looks into a content. One thread; what blocks goes to the pool.
 */
#ifndef KEEPERS_SPOOL_SPOOLD_H
#define KEEPERS_SPOOL_SPOOLD_H

#include "base/log.h"
#include "base/streams.h"
#include "base/workers.h"
#include "channels/program.h"
#include "channels/smtpd_spool.h"
#include "channels/spool_deliver.h"
#include "channels/spool_relay.h"
#include "channels/spool_report.h"
#include "config/snapshot.h"
#include "mail/dsn.h"
#include "mail/envelope.h"
#include "store/schedule.h"
#include "store/spool.h"

#define SMTPD_WORKERS_MAX 16
#define RECEIVE_STREAMS_MAX 16384u
/* All contents being collected; at the bound streams are refused as busy. */
#define RECEIVE_OCTETS_MAX ((uint64_t)512 << 20)

/* Streams to deliver: all of them, those of one mailbox, and those that try mailboxes in trouble. What
 * is beyond waits in the lanes and costs 16 octets. */
#define OUTGOING_MAX 1024u
#define OUTGOING_OCTETS_MAX ((uint64_t)32 << 20) /* of contents, each counted up to its credit */
#define LANE_OUT_MAX 256u
#define PROBES_MAX 256u
/* And to relay. A dead destination holds one of them for as long as it takes to find out. */
#define DEPARTING_MAX 4096u
#define DEPARTING_OCTETS_MAX ((uint64_t)64 << 20)

/* Notes of a recipient (store/spool.h: spool_note). */
enum {
	NOTE_LOOSE = 1, /* nobody has it */
	NOTE_HANDED = 2, /* deliver had it, perhaps: there may be a file */
	NOTE_DOUBTFUL = 4, /* of an earlier boot, and nobody has looked yet: a file may be torn */
	NOTE_UNREADABLE = 8, /* the log's disk does not give it: tried again now and then */
	NOTE_REMOTE = 16, /* its target is elsewhere */
	NOTE_SUCCESS = 32, /* its sender wants to hear of success (RFC 3461 §4.1) */
	NOTE_REPORTING = 64, /* it has failed, once reports.c has its report in the log */
};

/* A recipient's `attempts` in the log: their number, and what is known of it besides. */
enum {
	ATTEMPTS_COUNT = 0x1fff,
	ATTEMPTS_PARKED = 0x2000, /* held, and nobody has it */
	ATTEMPTS_HELD = 0x4000, /* the postmaster holds it back */
	ATTEMPTS_WARNED = 0x8000, /* its sender has been told of the delay */
};

#define ENVELOPE_ARENA_MAX (8u << 20)

#define START_SLOTS 256u

struct spoold;
struct lane;
struct outgoing;

/* smtpd's end */
struct receiver {
	struct spoold *spoold;
	struct channel *channel;
	struct streams streams; /* struct incoming */
	uint64_t ticket_base;
};

/* One recipient in a lane. */
struct lane_mail {
	struct spool_id id;
	uint32_t recipient;
};

/* A mailbox for which something waits or is under way, or which is in trouble. */
struct lane {
	struct lane *chain; /* of the hash */
	struct lane *next; /* of the ring of those that may send, or null */
	struct lane *before;
	struct spoold *spoold;
	struct view mailbox;
	uint64_t key; /* of its jobs */
	struct lane_mail *mail; /* a ring, in the order of ids */
	uint32_t first;
	uint32_t count;
	uint32_t room; /* a power of two, or 0 */
	uint32_t out; /* recipients in outgoing streams */
	uint32_t unbegun; /* of those, that deliver has not heard of yet */
	bool in_trouble;
	uint32_t attempts; /* in a row that failed */
	uint64_t due_ms; /* monotonic: in trouble, the next attempt */
	uint8_t reason_length; /* of the last trouble */
	uint8_t reason[DELIVER_TEXT_MAX];
};

struct outgoing_recipient {
	uint32_t number; /* in the envelope */
	struct lane *lane; /* null to relay */
	bool answered;
	bool is_probe;
	bool again; /* to relay: goes back into the schedule at the end */
};

/* A message, or part of its recipients, on its way to deliver or relay. */
struct outgoing {
	struct spoold *spoold;
	struct schedule_destination *destination; /* null to deliver */
	uint64_t key; /* of its jobs */
	uint32_t number; /* of the stream */
	struct spool_id id;
	struct spool_where where;
	bool pinned;
	bool reading; /* a job is out */
	bool waits; /* counted in its lane's `unbegun` */
	bool begun; /* BEGIN was said */
	bool ended; /* END was said */
	bool over; /* only the job is waited for */
	size_t credit;
	uint64_t offset; /* content sent so far */
	uint64_t octets;
	uint64_t weight; /* counted in outgoing_octets */
	uint32_t how; /* enum deliver_how */
	struct buffer envelope; /* read from disk */
	struct buffer chunk; /* of the job */
	struct outgoing_recipient *recipients;
	uint32_t recipient_count;
	uint32_t unanswered;
	uint32_t sum; /* of the content sent so far */
	struct buffer trouble; /* to relay: what was said of the destination */
	enum error error;
};

#define LANE_SLOTS 4096
#define SCAN_MESSAGES 64

/* Envelopes being read for scan. */
struct scan_job {
	struct spoold *spoold;
	uint32_t count;
	bool out;
	struct scan_message {
		struct spool_id id;
		struct spool_where where;
		struct buffer envelope;
		enum error error;
	} messages[SCAN_MESSAGES];
};

struct page;

struct batch_job {
	struct spoold *spoold;
	struct spool_batch *batch;
	enum error error;
};

struct chore_job {
	struct spoold *spoold;
	struct spool_chore *chore;
};

struct spoold {
	struct program *program;
	struct snapshot *snapshot;
	struct disk *disk;
	struct spool *spool;
	struct spool_limits
		limits; /* before spoold_open: the defaults, until somebody changes them */
	uint8_t boot[SPOOL_BOOT_OCTETS];
	struct workers *pool;
	unsigned jobs_max; /* in the pool, those of the log left out; before disk_work_start */
	struct watch *pool_watch;
	struct turn_hook hook;
	struct timer *tick;
	struct batch_job batch;
	bool batch_out;
	struct chore_job chore;
	bool chore_out;
	bool drained;
	uint64_t free_octets;
	uint64_t handed_before; /* ids up to here may be with an earlier deliver; 0: none is */
	uint64_t batches_seen; /* at the last tick */
	struct receiver receivers[SMTPD_WORKERS_MAX];
	uint64_t collecting; /* octets of contents being received */
	uint64_t last_epoch;
	struct incoming *first_pending; /* COMMITs that wait for room in a batch */
	struct incoming **last_pending;

	struct channel *deliver;
	bool reads_are_true; /* the first deliver in the first life of a boot: no write has failed */
	struct streams outgoing; /* struct outgoing, by the number of their stream */
	uint32_t last_stream;
	uint64_t outgoing_octets;
	struct channel *relay;
	struct streams departing; /* struct outgoing, to relay */
	uint64_t departing_octets;
	struct schedule *schedule;
	struct start {
		uint64_t hash; /* of the domain */
		uint32_t at_s;
	} starts[START_SLOTS]; /* that were called for last */
	uint32_t retry_last_s;
	struct spool_id warned; /* up to here senders have been told of delays */
	struct channel *report;
	struct streams reports; /* struct report, at work */
	struct report *first_report; /* those that wait for a place */
	struct report **last_report;
	struct report *newest_report; /* still being added to */
	uint32_t reports_count;
	uint32_t last_report_number;
	struct lane *lanes[LANE_SLOTS];
	uint32_t lane_count;
	uint64_t waiting; /* mail in all lanes */
	uint32_t probes;
	struct lane *sending; /* ring: those that may send */
	uint64_t loose; /* recipients with NOTE_LOOSE, at most */
	struct spool_id scanned; /* loose recipients are of later messages than this */
	uint64_t unreadable; /* recipients with NOTE_UNREADABLE, at most */
	uint64_t unreadable_due_ms; /* monotonic */
	bool expecting; /* EXPECTED was not said yet */
	struct scan_job scan;
	unsigned pages; /* being read */
	struct buffer names; /* of an EXPECT that is being put together */
	struct buffer finals; /* (id, recipient, state) not yet taken by the log */
	struct {
		bool is_asked; /* by deliver, not answered yet */
		bool is_taken; /* `states` holds */
		uint64_t number;
		uint64_t states;
	} mark;
	int early_deliver; /* a channel that came before the recovery; -1: none */
};

/* life.c */
struct spoold *spoold_new(struct program *program);
/* Waits for the jobs that are out. */
void spoold_free(struct spoold **d);
/* Recovers the spool on `disk`, which it takes over. Blocks. */
must_use enum error spoold_open(struct spoold *d, struct disk *disk, uint64_t random);
void spoold_go(struct spoold *d);
void spoold_check_drained(struct spoold *d);

/* disk_work.c */
void disk_work_start(struct spoold *d);
/* Asks the engine for work; called at the end of each turn. */
void disk_work_kick(void *spoold);
/* False: there is no place for it just now. */
bool disk_work_submit(
	struct spoold *d, void (*work)(void *), void (*done)(void *), void *context, uint64_t key);

/* receive.c */
void receive_connect(struct spoold *d, uint32_t worker, int fd);
void receive_outcome(struct spoold *d, const struct spool_outcome *outcome);
/* Tries COMMITs again that found the batch full. */
void receive_retry(struct spoold *d);
bool receive_is_quiet(const struct spoold *d);
void receive_end(struct spoold *d);

/* scan.c */
/* After the recovery: nobody has any recipient. */
void scan_start(struct spoold *d);
/* This one is loose again. */
void scan_again(struct spoold *d, struct spool_id id, uint32_t recipient);
/* Its message cannot be read: later again, nobody waits for it. */
void scan_unreadable(struct spoold *d, struct spool_id id, uint32_t recipient, enum error error);
/* About once a second. */
void scan_tick(struct spoold *d);
/* deliver is gone: so is what it had placed and not synced. */
void scan_placed(struct spoold *d);
/* Reads on, if anything is loose. */
void scan_pump(struct spoold *d);
/* A new deliver: tells it which mailboxes may hold torn files. */
void scan_expect(struct spoold *d);
bool scan_is_done(const struct spoold *d);

/* lanes.c */
/* The mailbox's lane, made when there is none. */
struct lane *lane_get(struct spoold *d, struct view mailbox);
/* Null when there is none. */
struct lane *lane_find(const struct spoold *d, struct view mailbox);
/* Whether a mail that comes now may pass it by. */
bool lane_is_free(const struct lane *lane);
/* Puts mail in, at its place in the order of ids. */
void lane_add(struct lane *lane, struct spool_id id, uint32_t recipient);
/* Takes out the first; it has one. */
struct lane_mail lane_take(struct lane *lane);
void lanes_each(struct spoold *d,
	void (*each)(struct spoold *d, struct view mailbox, struct lane_mail mail));
/* A recipient goes out; true: as an attempt in trouble. */
bool lane_send(struct lane *lane);
/* And is back: nothing is left, or it came back in. Frees a lane that nobody needs. */
void lane_sent(struct lane *lane, bool was_probe);
/* It failed: later again. When, in wall clock seconds. */
int64_t lane_failed(struct lane *lane, struct view reason);
void lane_worked(struct lane *lane);
/* Sends what may be sent. */
void lanes_pump(struct spoold *d);
/* Those in trouble whose time has come; about once a second. */
void lanes_tick(struct spoold *d);
/* The time of all that are in trouble has come. */
void lanes_hurry(struct spoold *d);
void lanes_hurry_one(struct spoold *d, struct view mailbox);
void lanes_end(struct spoold *d);

/* outgoing.c */
/* A message that has just become durable, with its octets at hand. */
void outgoing_accepted(struct spoold *d, const struct spool_outcome *outcome);
bool outgoing_has_room(const struct spoold *d);
/* The first mail of the lane, read from disk. */
void outgoing_from_lane(struct lane *lane);
/* Reads and sends on as far as credit goes. */
void outgoing_credit(struct outgoing *o, uint64_t octets);
/* This recipient was answered, and needs no more of the content. */
void outgoing_answered(struct outgoing *o, struct outgoing_recipient *r);
void outgoing_finished(struct outgoing *o);
/* deliver is gone: everything unanswered goes back into its lane. */
void outgoing_lost(struct spoold *d);
bool outgoing_is_quiet(const struct spoold *d);
/* Whether that recipient is on its way just now; looks through all streams. */
bool outgoing_has(const struct spoold *d, struct spool_id id, uint32_t recipient);
/* Null when deliver was told of no such stream. */
struct outgoing *outgoing_find(const struct spoold *d, uint32_t number);
/* Null when it has been answered, or is not of this stream. */
struct outgoing_recipient *outgoing_recipient(struct outgoing *o, uint32_t number);
/* A new stream to deliver (destination null) or relay, with room for that many recipients. */
struct outgoing *outgoing_new(struct spoold *d, const struct spool_entry *entry,
	uint32_t recipients, struct schedule_destination *destination);
/* Reads envelope and content from disk, and begins. */
void outgoing_read(struct outgoing *o);
/* Begins with what is at hand. */
void outgoing_send(struct outgoing *o, const struct spool_entry *entry, const struct envelope *e,
	struct view content);
/* Out of the table; freed once no job has it. */
void outgoing_leave(struct outgoing *o);

/* departing.c: outgoing streams to relay */
bool departing_has_room(const struct spoold *d);
struct outgoing *departing_find(const struct spoold *d, uint32_t number);
/* Recipients that the schedule gave out, read from disk. */
void departing_from_schedule(struct spoold *d, const struct schedule_work *work);
/* A message that has just become durable, for one recipient, who may go. */
void departing_at_hand(struct spoold *d, const struct spool_entry *entry, const struct envelope *e,
	uint32_t recipient, struct schedule_destination *destination, struct view content);
void departing_begin(struct outgoing *o, const struct spool_entry *entry, const struct envelope *e);
/* Ends the work: those that go on go back into the schedule. */
void departing_end(struct outgoing *o, enum schedule_health health, struct view reason);
/* relay is gone. */
void departing_lost(struct spoold *d);

/* remote.c */
uint32_t remote_now_s(const struct spoold *d);
/* A recipient elsewhere that nobody has; it goes when its time has come. `target`: its envelope's. */
void remote_add(
	struct spoold *d, struct view target, const struct spool_entry *entry, uint32_t recipient);
/* The same of one that was on its way to `destination`. */
void remote_again(struct spoold *d, struct view destination, const struct spool_entry *entry,
	uint32_t recipient);
/* The schedule's name for an envelope's target. */
struct view remote_destination(const struct spoold *d, struct view target);
/* Tries what waits for these domains of `backupfor` (channels/smtpd_spool.h: START), each no more often than
 * once in START_EVERY_S. `pending_out`: recipients. */
#define START_EVERY_S 60u
enum start_outcome remote_start(struct spoold *d, struct view domains, uint64_t *pending_out);
/* There is a new snapshot. */
void remote_config(struct spoold *d);
/* Sends what may be sent. */
void remote_pump(struct spoold *d);

/* expiry.c */
/* Whether it is under way for longer than the site wants. */
bool expiry_is_over(const struct spoold *d, const struct spool_entry *entry);
/* About once a second: warnings and ends. */
void expiry_tick(struct spoold *d);

/* reports.c */
#define REPORTS_MAX 10000u /* that wait or are at work */
enum report_after {
	REPORT_FAILED, /* the recipients have failed, once the report is in the log */
	REPORT_WARNED, /* they wait on */
	REPORT_NOTHING, /* they are done already */
};
struct report_line {
	uint32_t index; /* in the envelope */
	enum dsn_action action;
	struct view status;
	struct view host; /* these as channels/spool_report.h says */
	struct view address;
	struct view reply;
	struct view reason;
	int64_t until_s; /* of a delay */
};
/* What became of a recipient, for its sender. Recipients of one message that are added one after another
 * go into one report; then reports_close. False: too many reports wait; later. */
must_use bool reports_add(struct spoold *d, struct spool_id id, enum report_after after,
	const struct report_line *line);
void reports_close(struct spoold *d);
void reports_connect(struct spoold *d, int fd);
void reports_pump(struct spoold *d);
void reports_outcome(struct spoold *d, const struct spool_outcome *outcome);
/* Tries those again that found the batch full, or the disk. */
void reports_retry(struct spoold *d);
bool reports_are_quiet(const struct spoold *d);
void reports_end(struct spoold *d);

/* relay_side.c */
void relay_side_connect(struct spoold *d, int fd);
void relay_side_end(struct spoold *d);

/* results.c */
/* What became of a recipient, into the log; again later if that is full and it is final. */
void results_set(struct spoold *d, struct spool_id id, uint32_t recipient,
	const struct spool_change *change);
void results_connect(struct spoold *d, int fd);
/* After a batch: gives final states to the log that it could not take before, and answers a mark
 * whose states are durable. */
void results_settle(struct spoold *d);
void results_end(struct spoold *d);

/* held.c */
#define HELD_REASON VIEW("held back by the postmaster")
bool held_is(const struct spool_recipient *r);
/* It has come out of a lane, the schedule or the log, and nobody is to try it. */
void held_park(struct spoold *d, const struct spool_entry *entry, uint32_t recipient);
/* ERROR_PROTOCOL: it is that already; ERROR_BUSY: later. */
must_use enum error held_hold(
	struct spoold *d, const struct spool_entry *entry, uint32_t recipient);
must_use enum error held_release(
	struct spoold *d, const struct spool_entry *entry, uint32_t recipient);

/* selection.c: a command's words `id=…`, `sender=…`, `recipient=…`, `domain=…`, `poster=…`, `after=…`; what is not given
 * holds for all. Views into them. */
struct selection {
	struct spool_id id; /* 0: any */
	struct spool_id after; /* the page begins behind that mail */
	struct view sender; /* a reverse-path; "<>": the null path */
	bool has_sender;
	struct view recipient; /* a forward-path */
	struct view domain; /* of a forward-path, or where it goes */
	struct view poster; /* the user who posted it */
};
/* False when there is a word that is none of these. */
must_use bool selection_read(struct view words, struct selection *selection_out);
bool selection_has(const struct selection *s, const struct envelope *e);
bool selection_has_recipient(const struct selection *s, const struct envelope_recipient *r);

/* page.c: the next mails of a selection, their envelopes read in another thread. */
struct page_message {
	struct spool_id id;
	struct spool_where where;
	struct buffer envelope;
	struct spool_recipient
		*recipients; /* as they were when the page was begun; of a page with reasons */
	uint32_t count;
	struct buffer reasons; /* u32 recipient, u32 length, octets */
	enum error error;
};
/* A mail of the page, still in the queue. */
typedef void page_each(struct page *p, const struct spool_entry *entry, const struct envelope *e,
	const struct page_message *m);
struct page_ops {
	bool has_reasons;
	page_each *each;
	void (*end)(struct page *p); /* says the answer; then page_answer */
};
struct page {
	struct spoold *spoold;
	const struct page_ops *ops;
	uint32_t stream;
	struct buffer words; /* owned */
	struct view verb;
	struct selection selection;
	struct spool_id last; /* read: the next page begins behind it */
	bool is_last; /* there is no next page */
	struct buffer out;
	uint32_t changed;
	uint32_t busy; /* recipients on their way just now */
	uint64_t octets; /* of the mails shown */
	struct page_message *messages;
	uint32_t count;
};
/* Answers the command; the first line is `next=ID`, empty when this was the last page. */
void page_begin(struct spoold *d, uint32_t stream, struct view words, const struct page_ops *ops);

/* show.c, changes.c, mailq.c */
extern const struct page_ops show_page;
extern const struct page_ops change_page;
extern const struct page_ops mailq_page;
/* Why a recipient waits, of the page's `reasons`, which are read on; empty: nothing is known, or it goes on. */
struct view show_reason(const struct spoold *d, const struct envelope_recipient *r,
	const struct spool_recipient *state, struct cursor *reasons, uint32_t recipient);
bool changes_has(struct view verb);
/* `sekisho queue retry` for a domain or all. */
void changes_retry(struct spoold *d, uint32_t stream, struct view domain);

/* commands.c */
void spoold_command(struct program *p, uint32_t stream, struct view words);

#endif
