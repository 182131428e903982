/*
 * A recovery under way: what the files of it share. Not for others.
 *
 *	spool_recover.c		the order of it; reading segments; large files
 *	spool_openings.c	which segments there are, and the newest whole roster
 *	spool_chain.c		a segment record by record
 *	spool_apply.c		a record into the index
 */
#ifndef STORE_SPOOL_RECOVERY_H
#define STORE_SPOOL_RECOVERY_H

#include "store/spool_internal.h"

#define RECOVERY_NAMES_MAX (64u * 1024u * 1024u) /* octets of names in a directory */

/* A state whose message was not seen before it: its message may have moved behind it, or be gone. */
struct orphan {
	uint64_t id;
	int64_t next_attempt_s;
	uint32_t recipient;
	uint32_t segment;
	uint32_t offset;
	uint16_t attempts;
	uint8_t state;
	bool this_boot;
};

/* Reads a segment record by record. */
struct chain {
	uint32_t number;
	struct record_key key;
	uint64_t offset;
	struct disk_file *file;
	uint64_t window_offset;
	size_t window_length;
	bool ended_by_flag; /* the record before was RECORD_LAST */
};

struct recovery {
	struct spool *spool;
	struct spool_report *report;
	struct segment_header *headers; /* by number: header_of */
	uint32_t header_count;
	struct roster_entry *roster; /* of the newest opening */
	size_t roster_count;
	uint32_t newest;
	uint8_t *window;
	size_t window_room;
	struct orphan *orphans;
	size_t orphan_count;
	size_t orphan_room;
	uint64_t highest_id;
	uint64_t tail_start; /* the last batch of the newest opening */
	uint64_t tail_end;
};

/* --- spool_openings.c ----------------------------------------------------------------------- */

/* The OPEN header of that segment; one of 0 octets when it has none. */
const struct segment_header *recovery_header(const struct recovery *r, uint32_t number);
/* All segments that are there, their headers. */
must_use enum error openings_read(struct recovery *r);
/* The opening of the highest generation whose roster is whole, into `newest`. */
must_use enum error openings_find_newest(struct recovery *r);

/* --- spool_chain.c -------------------------------------------------------------------------- */

/* At the first record of an opening. The file is the caller's to close. */
must_use enum error chain_open(struct recovery *r, struct chain *chain, uint32_t number);
/* The record at the chain's offset. *check_out: RECORD_WHOLE (body in memory, not yet checked) or
 * RECORD_BROKEN. Bodies are fetched only when `bodies`. */
must_use enum error chain_peek(struct recovery *r, struct chain *chain, bool bodies,
	struct record *record_out, enum record_check *check_out);
void chain_step(struct chain *chain, const struct record *record);

/* --- spool_apply.c -------------------------------------------------------------------------- */

/* What it says, into the index. */
void recovery_apply(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset);
/* States whose messages came behind them. */
void recovery_apply_orphans(struct recovery *r);

#endif
