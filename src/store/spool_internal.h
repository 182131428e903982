/*
 * What the files of the spool share among themselves; nobody else includes it. See store/spool.h
 * for what the thing is, and there the two tables of crash states.
 *
 *	spool.c		opening, accepting, states, looking
 *	spool_batch.c	batches: take, write, done
 *	spool_chore.c	segments prepared, blanked, removed; large files removed
 *	spool_compact.c	living records copied forward
 *	spool_index.c	messages by id
 *	spool_large.c	large contents
 *	spool_read.c	reading back
 *	spool_recover.c	from disk to index; its own files are in spool_recovery.h
 *	spool_segment.c	which segment is held by what
 */
#ifndef STORE_SPOOL_INTERNAL_H
#define STORE_SPOOL_INTERNAL_H

#include "store/spool_record.h"

#define SEGMENT_NUMBER_MAX 65536u /* numbers are below this */

enum segment_state {
	SEGMENT_ABSENT = 0, /* no file */
	SEGMENT_PREPARING, /* a chore makes it */
	SEGMENT_READY, /* BLANK, synced */
	SEGMENT_CURRENT, /* appended to */
	SEGMENT_CLOSED, /* has records that something needs */
	SEGMENT_DRAINED, /* nothing needs it; still OPEN on disk */
	SEGMENT_ASIDE, /* unreadable header: kept for a person to look at */
};

/* "I make records obsolete which are still on disk in that older opening." */
struct segment_hold {
	uint32_t number;
	uint32_t generation;
};

struct segment {
	enum segment_state state;
	bool abandoned; /* a write or sync failed: never written again */
	bool corrupt; /* a hole in the durable region: never recycled */
	bool in_chore;
	uint32_t generation;
	uint32_t salt;
	uint32_t octets; /* of the file */
	uint32_t end; /* offset after the last record */
	uint64_t end_sequence;
	uint32_t live; /* records of messages not finished, and their present states */
	uint32_t pins;
	uint64_t live_octets;
	uint64_t id_low; /* ids of the message records here, living or not */
	uint64_t id_high;
	struct segment_hold *holds;
	uint32_t hold_count;
	uint32_t hold_room;
	uint32_t listed; /* generation of the last opening whose roster names it */
	bool compacted; /* tried, and nothing has changed since */
};

/* A record that is not yet durable. */
enum pending_kind {
	PENDING_MESSAGE,
	PENDING_MOVE, /* a copy of a message, by compaction */
	PENDING_STATE,
	PENDING_RELOG, /* a copy of a state, by compaction */
	PENDING_DONE, /* a finished message's end, again, by compaction */
	PENDING_END, /* the end of a message whose states lie before its record */
};

struct pending {
	enum pending_kind kind;
	enum spool_state state;
	uint16_t attempts;
	uint32_t recipient;
	uint32_t segment;
	uint32_t offset;
	size_t at; /* in its buffer: header of a message or move, body of a state */
	size_t length; /* of the state's body */
	uint64_t id;
	uint64_t ticket;
	int64_t next_attempt_s;
	struct spool_large *large;
};

struct pending_list {
	struct pending *items;
	size_t count;
	size_t room;
};

struct spool_large {
	uint64_t number;
	uint64_t octets;
	uint64_t max;
	uint32_t sum;
	struct disk_file *file;
	bool synced;
	enum error error;
};

struct batch_large {
	struct spool_large *large;
	size_t at; /* of its message's header in the batch's messages */
};

struct spool_batch {
	struct spool_name name;
	struct disk_file *file; /* null: to be opened */
	struct disk_file *old_file; /* of the segment before: to be closed */
	bool opens;
	bool sync;
	uint32_t number;
	uint32_t offset;
	struct buffer lead; /* header and roster of an opening */
	struct buffer moves;
	struct buffer messages;
	struct buffer tail; /* states, padding */
	uint64_t octets;
	uint32_t end; /* offset after it */
	uint64_t end_sequence;
	struct batch_large *larges;
	size_t large_count;
	size_t large_room;
	enum error error;
	uint64_t free_octets; /* UINT64_MAX: not known */
};

enum chore_kind { CHORE_PREPARE, CHORE_BLANK, CHORE_RETIRE, CHORE_REMOVE, CHORE_READ };

#define CHORE_REMOVALS_MAX 64

struct spool_chore {
	enum chore_kind kind;
	uint32_t number;
	uint32_t octets; /* of the segment, or to read */
	uint32_t offset;
	struct buffer block; /* a BLANK header, or what was read */
	uint64_t removals[CHORE_REMOVALS_MAX];
	size_t removal_count;
	bool removed; /* a preparation failed and left no file */
	enum error error;
};

struct compaction {
	uint32_t victim; /* SPOOL_NOWHERE: none */
	uint32_t offset;
	uint32_t octets; /* of the next step */
	uint64_t sequence;
	uint32_t holds_at_start;
	uint32_t live_at_start;
	uint32_t outstanding; /* copies not yet durable */
	bool scanned;
	bool incomplete; /* something had to stay: its holds too */
	uint64_t last_done;
	bool failed;
};

/* A file that is read, opened by the first reading (in any thread) and closed when nobody reads it any more: a mail
 * to a thousand destinations takes one descriptor. */
struct spool_reader {
	struct spool_reader *chain;
	uint64_t key;
	uint32_t refs;
	_Atomic(struct disk_file *) file;
};
#define READER_SLOTS 256u

struct spool {
	struct disk *disk;
	struct spool_reader *readers[READER_SLOTS];
	struct spool_limits limits;
	uint8_t boot[SPOOL_BOOT_OCTETS];
	uint64_t boot_first; /* first id of this boot */
	bool boot_is_new; /* of the machine */
	uint64_t random;
	uint64_t birth;
	bool recovering;

	/* the log */
	struct segment *segments;
	uint32_t segment_count; /* of the table */
	uint32_t current; /* SPOOL_NOWHERE: none */
	uint32_t newest; /* holds the newest durable roster */
	struct disk_file *file;
	uint32_t generation;
	uint64_t next_sequence;
	uint64_t durable_sequence;
	uint64_t next_id;
	uint64_t next_large;
	uint64_t unsynced; /* octets written since the last sync */
	bool force; /* a batch is wanted even if nothing waits */
	bool flush;
	bool paused; /* until the next tick */
	uint32_t failures_in_row;

	/* collected, and written but not durable */
	struct buffer messages;
	struct buffer moves;
	struct buffer states;
	struct pending_list message_list;
	struct pending_list move_list;
	struct pending_list state_list;
	struct pending_list sent;
	struct buffer sent_states;
	uint64_t states_set; /* in all */
	uint64_t states_durable; /* of those; they become so in their order */
	size_t sent_before; /* count of `sent` before the batch that is out */
	struct spool_batch batch;
	bool batch_out;

	/* chores */
	struct spool_chore chore;
	bool chore_out;
	bool chores_paused;
	bool prepare_failed;
	struct compaction compaction;
	uint64_t *removals;
	size_t removal_count;
	size_t removal_room;

	/* index */
	struct spool_entry **table;
	size_t table_size; /* a power of two */
	struct spool_entry *oldest;
	struct spool_entry *newest_entry;
	uint64_t message_count;
	uint64_t recipient_count;
	uint64_t open_messages; /* with recipients that are not final, as reported */
	uint64_t open_recipients;
	uint64_t content_octets;
	uint64_t large_octets;
	uint64_t memory_octets; /* of entries and table */

	/* results */
	struct spool_outcome *outcomes;
	size_t outcome_count;
	size_t outcome_at;
	size_t outcome_room;
	uint64_t free_octets;
	uint64_t batches;
	uint64_t failures;
	enum error last_error;
};

/* Room for one more in a growing array. */
#define ARRAY_GROW(array, count, room)                                                    \
	do {                                                                              \
		if ((count) == (room)) {                                                  \
			const size_t more_ = (room) ? (size_t)(room)*2 : 16;              \
			(array) = memory_resize((array), (room), more_, sizeof *(array)); \
			(room) = more_;                                                   \
		}                                                                         \
	} while (0)

/* spool.c */
uint64_t spool_draw(struct spool *spool); /* the next of its own random numbers */
void outcome_add(struct spool *spool, const struct spool_outcome *outcome);
void pending_add(struct pending_list *list, const struct pending *pending);
void removal_add(struct spool *spool, uint64_t large);
/* Applies a state as reported: what schedulers see. */
void recipient_apply(struct spool *spool, struct spool_entry *entry,
	struct spool_recipient *recipient, enum spool_state state, uint16_t attempts,
	int64_t next_attempt_s, bool this_boot);
/* Its present state record is now at `segment`, `offset`. */
void recipient_settle(
	struct spool *spool, struct spool_recipient *recipient, uint32_t segment, uint32_t offset);
/* Nothing is unsettled: out of the index; or, when a state lies in an older segment than the message
 * itself (which has moved since), a record of the end first: holds then only point backwards. */
void entry_end(struct spool *spool, struct spool_entry *entry);
/* Out of the index; with `holds` the segments of its states hold that of its record. */
void entry_finish(struct spool *spool, struct spool_entry *entry, bool holds);
/* Queues a state body (null for PENDING_DONE and PENDING_END) with its pending record. */
void state_queue(
	struct spool *spool, const struct state_body *body, enum pending_kind kind, uint64_t id);
/* Whether collected messages can still hope for a place in the log. */
bool space_can_come(const struct spool *spool);
/* Refuses what was collected when no place can come. */
void space_settle(struct spool *spool);

/* spool_index.c */
struct spool_entry *index_find(const struct spool *spool, uint64_t id);
struct spool_entry *index_add(struct spool *spool, uint64_t id, uint32_t recipients);
void index_remove(struct spool *spool, struct spool_entry *entry);
void index_sort(struct spool *spool); /* by id, after recovery */
void index_free(struct spool *spool);

/* spool_segment.c */
struct segment *segment_of(struct spool *spool, uint32_t number); /* must exist */
void segment_table_grow(struct spool *spool, uint32_t number);
/* A BLANK header, and the writing of it, which blocks. */
void segment_blank_header(
	const struct spool *spool, uint32_t number, uint32_t octets, struct buffer *block);
must_use enum error segment_blank(struct disk *disk, uint32_t number, struct view block);
void segment_live_add(struct spool *spool, uint32_t number, uint64_t octets);
void segment_live_drop(struct spool *spool, uint32_t number, uint64_t octets);
/* `number` holds records that make some in `older` obsolete. */
void segment_hold(struct spool *spool, uint32_t number, uint32_t older);
void segment_hold_opening(struct spool *spool, uint32_t number, const struct segment_hold *older);
bool segment_hold_stands(const struct spool *spool, const struct segment_hold *hold);
void segment_saw_message(struct spool *spool, uint32_t number, uint64_t id);
void segment_check(struct spool *spool, uint32_t number);
void segment_check_all(struct spool *spool);
/* Nothing in it counts any more: READY when blank, ABSENT when removed. */
void segment_reset(struct spool *spool, uint32_t number, enum segment_state state);
uint32_t segment_find_ready(const struct spool *spool); /* or SPOOL_NOWHERE */
uint32_t segments_in(const struct spool *spool, enum segment_state state);
/* The newest roster asks for its file, which may not go before another segment is opened: else it would count as lost. */
bool segment_is_listed(const struct spool *spool, const struct segment *segment);
uint32_t segments_total(const struct spool *spool);

/* spool_batch.c */
uint64_t batch_room(const struct spool *spool); /* octets left in the current segment */

/* spool_compact.c */
bool compact_take(struct spool *spool, struct spool_chore *chore);
void compact_done(struct spool *spool, struct spool_chore *chore);
/* One copy more is durable, or failed. */
void compact_settled(struct spool *spool, bool durable);
/* `number` takes over what the victim holds and may concern `id`. */
void compact_inherit(struct spool *spool, uint32_t number, uint64_t id);
void compact_check(struct spool *spool);

/* spool_recover.c */
must_use enum error spool_recover(struct spool *spool, struct spool_report *report);

/* spool_large.c */
void large_free(struct spool *spool, struct spool_large **large);

static inline uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

#endif
