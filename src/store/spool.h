/*
 * The spool: what was answered with 250, from then to the end of its last recipient (DESIGN §2 laws
 * 1 and 2, §5). An append-only log in segments that are written out once and recycled, an index in
 * memory, and a file of its own for each large content. Not a queue: when to try what is
 * store/schedule.h's business, moving octets to `deliver` and `relay` the shell's. The engine never
 * looks into an envelope or a content.
 *
 * It is single-threaded and does no disk work itself, save in spool_open. Disk work is handed out
 * as a *batch* (the log) or a *chore* (all else), at most one of each at a time, to be done in any
 * thread, and its result is brought back:
 *
 *	spool_append(spool, &message, &id);		collected; nothing is promised yet
 *	if ((batch = spool_batch_take(spool)))		null while one is out, or nothing to write
 *		run in a worker: spool_batch_write(disk, batch);
 *	spool_batch_done(spool, batch);			back in the loop's thread
 *	while (spool_outcome_next(spool, &outcome))	now answer 250 or 451/452, start delivery
 *		…
 *	and the same with spool_chore_take, spool_chore_do, spool_chore_done
 *
 * After every call that changes something, ask both _take functions again (cheap when idle). What
 * arrives while a batch is out forms the next: group commit, without a timer; one message alone
 * costs one sync. Call spool_tick about once a second: after trouble the spool tries again on it.
 *
 * On disk, below the spool's directory:
 *	segment-000000000000002a	a header of 4096 octets, then records
 *	large/0000000000000011	the content of one large message
 *
 * A header says BLANK (recycled or new, its records void) or OPEN with a generation that no other
 * opening of any segment had, and a random salt. Records follow without gaps; each carries the
 * generation, the salt, the next sequence number and checksums, so that a stale record of an older
 * opening never continues a chain. A batch that will be synced ends on a multiple of 4096, so that
 * nothing synced shares a sector with what is written later. The first record of every opening is
 * the *roster*: all other segments that count, and the sequence number at which each ends; also the
 * boot in which it was written, and the first id of that boot. It goes
 * out in one batch, under one sync, with the first messages of the opening. Recovery takes the newest
 * opening with a whole roster, reads the segments listed there up to their ends, then the newest
 * itself up to where its chain breaks. It searches for nothing. After recovery appending starts in
 * a new opening, so a torn tail is never written behind.
 *
 * Crash states of a message, in order. "Dies" is the death of the process, "cut" that of the power;
 * "next" is who may move it on.
 *
 * | state     | on disk                          | next              | recovery after a cut         |
 * |-----------|----------------------------------|-------------------|------------------------------|
 * | streaming | octets in large/N, no record     | append, abort     | file removed                 |
 * | collected | nothing                          | batch_take        | nothing: never answered      |
 * | in flight | record whole, torn or absent     | batch_done        | whole: kept (a reply that    |
 * |           |                                  |                   | was not sent may be repeated |
 * |           |                                  |                   | by the client); else dropped |
 * | accepted  | record durable, no state         | state_set         | all recipients waiting       |
 * | placed    | + state with boot id, maybe      | state_set         | same boot: placed; other     |
 * |           | unsynced                         |                   | boot: placed, to be checked  |
 * | deferred  | + state, maybe unsynced          | state_set         | as durable; an attempt may   |
 * |           |                                  |                   | be forgotten                 |
 * | done      | last final state in memory       | batch_done (sync) | the state before; `deliver`  |
 * |           |                                  |                   | looks and finds it delivered |
 * | finished  | all final states durable         | chores            | gone                         |
 * | moving    | copy in a later segment, durable | chores            | the later record counts      |
 * |           | or not; the original is there    |                   |                              |
 * | refused   | batch failed: record whole, torn | batch of the next | roster whole: void for good; |
 * |           | or absent (a sync that failed    | opening           | not yet: as "in flight", the |
 * |           | may have written it)             |                   | one window, see below        |
 *
 * The window: a refused message can come back only if the power is cut, or the process dies, after
 * the failed sync and before the next opening's roster is durable. The engine writes that roster at
 * once, for itself if nothing else waits, and what is accepted next shares its sync. Closing the window
 * would need a write to the place that just failed.
 *
 * Crash states of a segment:
 *
 * | state     | on disk                          | next              | recovery                     |
 * |-----------|----------------------------------|-------------------|------------------------------|
 * | preparing | absent, short, or without header | chore             | removed                      |
 * | ready     | BLANK                            | batch_take        | ready; blanked once more if  |
 * |           |                                  |                   | the newest roster lists it:  |
 * |           |                                  |                   | it may be so in memory only  |
 * | opening   | OPEN, roster torn or absent      | batch_done        | blanked again: nothing in it |
 * |           |                                  |                   | was ever acknowledged        |
 * | current   | OPEN, newest whole roster        | the next opening  | read; last batch written     |
 * |           |                                  |                   | again and synced; closed     |
 * | closed    | OPEN, listed with its end        | all its messages  | read to its end; ends early: |
 * |           |                                  | done, or moved    | corrupt, kept, told loudly   |
 * | drained   | OPEN, listed or not              | chore             | listed: read; else blanked   |
 * | abandoned | as closed: never written again   | as closed         | as closed; once drained its  |
 * |           |                                  |                   | file is removed              |
 *
 * Why recycling is safe: a record may be overwritten only when nothing needs it. A segment is held
 * (a) by the records of messages not finished and by their recipients' present states; and (b) by
 * *older* segments which still hold, on disk, a record that one of its own makes obsolete: the
 * record of a message whose final state, or whose later copy, is here. (b) ends when the older
 * segment's BLANK header is durable. As (b) points only backwards it has no circles. Compaction
 * copies what (a) and (b) need forward, from the sparsest segments, a step at a time.
 *
 * Space: the last `segments_reserve` ready segments take state records and compaction only, so that
 * a full disk drains; messages then get ERROR_SPACE (452), N and F-27.
 */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "mail/ids.h"
#include "store/disk.h"

#define SPOOL_REASON_MAX 255 /* octets; longer reasons are cut */
#define SPOOL_BOOT_OCTETS 16
#define SPOOL_BOOT_MACHINE_OCTETS 8 /* the first of them */
#define SPOOL_CONTENT_PARTS_MAX 1024

struct spool_limits {
	uint32_t segment_octets; /* multiple of 4096 */
	uint32_t segments_max; /* files of the log; only the reserve may go beyond */
	uint32_t segments_reserve; /* ready ones kept for states and compaction; at least 1 */
	uint32_t segments_spare; /* ready ones kept besides, ahead of need; at least 1 */
	uint32_t segments_idle_max; /* ready ones beyond this are removed */
	uint32_t batch_octets; /* messages in one batch */
	uint32_t lazy_octets; /* unsynced octets after which a batch is synced anyway */
	uint32_t states_octets; /* state records waiting for a batch */
	uint32_t envelope_octets; /* of one message */
	uint32_t inline_octets; /* contents of this size or more must be large */
	uint64_t large_octets; /* of one large content */
	uint64_t large_total_octets; /* of all large contents */
	uint32_t recipients_per_message;
	uint64_t recipients_max; /* in the index */
	uint64_t free_floor_octets; /* free space that messages leave untouched */
	uint32_t compact_step_octets; /* read in one chore of compaction */
	uint32_t compact_live_percent; /* a segment with more living octets is not compacted */
	uint32_t compact_segments_min; /* no compaction below this many closed segments */
};
extern const struct spool_limits spool_limits_default;

enum spool_state {
	SPOOL_WAITING, /* no record yet */
	SPOOL_PLACED, /* the Maildir file has its name, unsynced */
	SPOOL_DEFERRED, /* tried; again at next_attempt_s */
	SPOOL_DELIVERED, /* final, as are the next two */
	SPOOL_FAILED, /* its DSN, if any, is spooled */
	SPOOL_DROPPED, /* by a named rule */
};
const char *spool_state_name(enum spool_state state);
bool spool_state_is_final(enum spool_state state);

struct spool;
struct spool_large;
struct spool_batch;
struct spool_chore;

/* What recovery found; all counts. */
struct spool_report {
	uint64_t segments; /* read */
	uint64_t records;
	uint64_t messages; /* living */
	uint64_t recipients; /* of living messages */
	uint64_t torn_octets; /* after the last whole record of the newest opening */
	uint64_t corrupt_records; /* lost in the durable region: each also logged as an error */
	uint64_t corrupt_segments; /* kept aside: header unreadable, chain short, file missing */
	uint64_t large_orphans; /* files to be removed */
	uint64_t large_missing; /* messages whose content is gone */
};

/* Opens (and recovers, or begins) the spool on `disk` (kept). Blocks. `boot_id`: SPOOL_BOOT_OCTETS
 * octets naming this boot: of the machine, then the mounting of the mailboxes' file system, which may fail
 * and be mounted anew while the machine runs; `random`: 64 unpredictable bits, for birth id and salts.
 * ERROR_IO when something cannot be read, or the tail not be made sure: try again later, nothing is
 * lost by it. Corruption is no error but in the report. */
must_use enum error spool_open(struct disk *disk, const struct spool_limits *limits,
	struct view boot_id, uint64_t random, struct spool **spool_out,
	struct spool_report *report_out);
/* Frees the memory. No batch, chore or large stream may be out. Writes nothing: take, write and
 * finish batches before (spool_flush makes one) if lazy states shall not be lost. */
void spool_free(struct spool **spool);
/* 8 random octets of this spool's birth, for names that must differ from another spool's. */
uint64_t spool_birth(const struct spool *spool);
/* Messages before this id were accepted in an earlier boot. */
struct spool_id spool_boot_first(const struct spool *spool);
/* No opening of this boot of the machine was found: nothing was done here in it before. */
bool spool_boot_is_new(const struct spool *spool);

/* --- accepting ---------------------------------------------------------------------------- */

struct spool_message {
	int64_t arrival_s; /* wall clock */
	uint32_t recipients; /* 1 … limits.recipients_per_message */
	struct view envelope; /* opaque */
	const struct view *content; /* parts, in order; ignored when `large` is set */
	size_t content_count; /* at most SPOOL_CONTENT_PARTS_MAX */
	struct spool_large *large; /* null, or a finished stream; taken over on success */
	uint64_t ticket; /* the shell's own; comes back in the outcome */
};

/* Copies the message into the batch being collected. Nothing is promised until its outcome.
 * ERROR_BUSY: this batch is full, try again after the next batch_take; ERROR_SPACE: disk full; ERROR_LIMIT: a limit of the message or of the index. */
must_use enum error spool_append(
	struct spool *spool, const struct spool_message *message, struct spool_id *id_out);

enum spool_outcome_kind {
	SPOOL_ACCEPTED, /* durable: answer 250 */
	SPOOL_REFUSED, /* not stored: answer 451, or 452 for ERROR_SPACE; the id is void */
	SPOOL_FINISHED, /* all recipients final, durably; the id is void from now on */
};

struct spool_outcome {
	enum spool_outcome_kind kind;
	enum error error; /* of SPOOL_REFUSED */
	struct spool_id id;
	uint64_t ticket; /* of accepted and refused */
	struct view envelope; /* of accepted: in memory until the next spool_batch_take */
	struct view content; /* the same; empty when large */
};

/* The next outcome of what was brought back, or found no space; false when there is none. Drain after every _done, and
 * after a _take that gave nothing. */
bool spool_outcome_next(struct spool *spool, struct spool_outcome *outcome_out);

/* A large content streams to its own file while it arrives. begin and abort belong to the loop's
 * thread; write and finish block, may run in any one thread at a time, and touch only the stream
 * and the disk. `finish` syncs, so that the batch need not wait for it; if it was not called the
 * batch does it. ERROR_SPACE at begin: below the floor or at large_total_octets. */
must_use enum error spool_large_begin(struct spool *spool, struct spool_large **large_out);
/* ERROR_LIMIT past limits.large_octets. After an error only abort is left. */
must_use enum error spool_large_write(
	struct disk *disk, struct spool_large *large, struct view content);
must_use enum error spool_large_finish(struct disk *disk, struct spool_large *large);
/* Gives the stream up; its file is removed by a chore. Sets *large to null. */
void spool_large_abort(struct spool *spool, struct spool_large **large);

/* --- disk work ---------------------------------------------------------------------------- */

/* The next batch, or null. After it the content views of earlier outcomes are void. */
struct spool_batch *spool_batch_take(struct spool *spool);
/* Blocks: large contents, write, sync. Touches the batch and the disk only. The result is kept in the
 * batch; it is also returned for logs. */
enum error spool_batch_write(struct disk *disk, struct spool_batch *batch);
/* Takes the batch back. Outcomes follow. After a failure the segment is abandoned, messages are
 * refused, state records go into the next batch. */
void spool_batch_done(struct spool *spool, struct spool_batch *batch);
/* Asks for a synced batch although only lazy states wait (shutdown, for instance). */
void spool_flush(struct spool *spool);
/* Nothing collected, nothing unsynced, nothing out. */
bool spool_is_clean(const struct spool *spool);

/* Segments prepared, blanked and removed, large files removed, compaction's reads: one step. */
struct spool_chore *spool_chore_take(struct spool *spool);
enum error spool_chore_do(struct disk *disk, struct spool_chore *chore);
void spool_chore_done(struct spool *spool, struct spool_chore *chore);

/* About once a second, with disk_space's answer: lifts the pause after trouble, tries again. */
void spool_tick(struct spool *spool, uint64_t free_octets);
/* limits.free_floor_octets from now on. */
void spool_set_free_floor(struct spool *spool, uint64_t octets);

/* --- states ------------------------------------------------------------------------------- */

struct spool_change {
	enum spool_state state; /* not SPOOL_WAITING */
	uint16_t attempts; /* of deferred */
	int64_t next_attempt_s; /* of deferred; wall clock */
	struct view reason; /* of deferred and failed; may be empty */
};

/* Records what became of recipient `recipient` (0…). Visible at once, written with the next batch,
 * durable with a later sync. ERROR_MISSING: no such message or recipient; ERROR_PROTOCOL: it is
 * final already; ERROR_BUSY: too many states wait, try again after the next batch_done. */
must_use enum error spool_state_set(struct spool *spool, struct spool_id id, uint32_t recipient,
	const struct spool_change *change);
/* Bits 0 … 6 of the shell's own for a recipient: in memory only, 0 after the start. */
void spool_note(
	struct spool *spool, struct spool_id id, uint32_t recipient, unsigned set, unsigned clear);
/* All states set so far, as a number; and whether those are durable. spool_flush hurries. */
uint64_t spool_mark(const struct spool *spool);
bool spool_is_durable(const struct spool *spool, uint64_t mark);

/* --- looking ------------------------------------------------------------------------------ */

/* One recipient in the index; read only. */
struct spool_recipient {
	int64_t next_attempt_s;
	uint32_t segment; /* where the durable state record is; SPOOL_NOWHERE for none */
	uint32_t offset;
	uint32_t pending; /* state records not yet durable */
	uint16_t attempts;
	uint8_t state; /* enum spool_state */
	bool placed_this_boot : 1;
	uint8_t notes : 7; /* the shell's own, see spool_note */
};
#define SPOOL_NOWHERE UINT32_MAX

/* One message in the index; read only. Valid until the next spool_ call that is not const. */
struct spool_entry {
	struct spool_entry *older; /* by id */
	struct spool_entry *newer;
	struct spool_entry *chain; /* of the hash */
	struct spool_id id;
	int64_t arrival_s;
	uint64_t large; /* number of its file; 0 when inline */
	uint64_t content_octets;
	uint32_t content_sum; /* crc32c */
	uint32_t envelope_octets;
	uint32_t segment;
	uint32_t offset;
	uint32_t recipient_count;
	uint32_t open_count; /* recipients not final, as reported */
	uint32_t unsettled; /* recipients not final durably */
	bool moving; /* a copy is on its way */
	struct spool_recipient recipients[];
};

/* Accepted and not finished; null otherwise. */
const struct spool_entry *spool_find(const struct spool *spool, struct spool_id id);
/* In the order of ids: the first, and the first after `id` (which need not exist any more). */
const struct spool_entry *spool_oldest(const struct spool *spool);
const struct spool_entry *spool_after(const struct spool *spool, struct spool_id id);

/* Where a message is, for reading in another thread while the engine goes on. */
struct spool_where {
	uint32_t segment;
	uint64_t envelope_offset;
	uint32_t envelope_octets;
	uint64_t large; /* 0: inline, at content_offset of the segment */
	uint64_t content_offset;
	uint64_t content_octets;
	uint32_t content_sum; /* crc32c of the content: for `deliver`, and whoever reads it all */
	struct spool_reader *log; /* the segment; shared by all who read in it */
	struct spool_reader *file; /* a large content; null: it has none */
};

/* Pins the place: its segment is not recycled before spool_read_end, even if the message finishes or
 * moves meanwhile (a finished large file may go: ERROR_MISSING). Every begin needs its end. */
must_use enum error spool_read_begin(
	struct spool *spool, struct spool_id id, struct spool_where *where_out);
void spool_read_end(struct spool *spool, struct spool_where *where);
/* Block, any thread. The whole envelope; content from `offset`, short only at its end. */
must_use enum error spool_read_envelope(
	struct disk *disk, struct spool_where *where, struct buffer *envelope);
must_use enum error spool_read_content(struct disk *disk, struct spool_where *where,
	uint64_t offset, uint8_t *to, size_t room, size_t *length_out);
/* The reason of a recipient's durable state, appended; blocks; nothing appended when there is none.
 * Call it from the loop's thread, or with the message pinned. */
must_use enum error spool_read_reason(struct disk *disk, const struct spool_recipient *recipient,
	struct spool_id id, struct buffer *reason);

struct spool_status {
	uint64_t messages; /* with recipients whose state is not final */
	uint64_t recipients; /* those */
	uint64_t octets; /* contents and envelopes of living messages */
	uint64_t large_octets; /* of those, in files of their own */
	uint32_t segments; /* all files */
	uint32_t segments_ready;
	uint32_t segments_abandoned;
	uint32_t
		segments_leaving; /* of those: nothing is in them, they go when another is opened */
	uint32_t segments_corrupt;
	uint64_t batches;
	uint64_t failures; /* of batches */
	enum error last_error;
	int64_t oldest_arrival_s; /* 0 when empty */
	bool messages_refused; /* for lack of space, at present */
};
void spool_status(const struct spool *spool, struct spool_status *status_out);

#endif
