/*
 * Reading Maildirs (F-9): the list of a mailbox's messages, opening one, removing some. Writing is
 * store/maildir.h's business.
 *
 * A message is found by its base name, the file's name before the first ":" (behind it are flags,
 * which any other program may change at any time by renaming, as it may move the file from new/ to
 * cur/). So each row keeps where the file was, and its inode as the directory told it: who is not
 * there any more, or has another inode, is looked for once more by base name and inode in both
 * directories. What is then not there is gone; another file is never taken for it. That holds for a
 * torn one which deliver has exchanged under its own name (store/maildir.h), too: who has the mailbox
 * open is told that it is gone, and the next session finds it under its unique-id.
 *
 * Sizes come from ",S=NNN" in the name, else from the file. Those are the file's; what is sent has
 * CRLF at the end of each line and may be more (RFC 1939 §11: "exact size"). Our own files hold CRLF; of
 * another program's ",W=NNN" says it, else the file is read once (maildir_list_measure).
 *
 * Order: the time of delivery that the name begins with (else the file's), then the name. Unique-ids
 * (RFC 1939 §7, UIDL) live as long as the message:
 *
 *	our own name	1893456000.0123456789abcdef_00000000000000ab_0.mail.example.test,S=2345
 *			what stands between the first two dots
 *	another's	the base name, when it is at most 70 printable octets
 *	all else	32 hexadecimal digits, a hash of the base name; also for those, all of them,
 *			that would share one (then with the place among those)
 *
 * Memory: a row and the name, some 140 octets a message with the growth of both; a mailbox of 100,000
 * messages takes 14 MB while it is open, nothing afterwards.
 *
 * A mailbox that is not there is empty. Everything is opened below the directory of all mailboxes,
 * step by step; symbolic links are not followed, and no file but a regular one is a message. Blocks:
 * called in the pool's threads.
 */
#ifndef STORE_MAILDIR_LIST_H
#define STORE_MAILDIR_LIST_H

#include "store/maildir.h"

#define MAILDIR_LIST_MAX 1000000u /* messages of one mailbox */
#define MAILDIR_LIST_NAMES_MAX ((size_t)256 << 20) /* octets of their names */
#define MAILDIR_UNIQUE_ID_MAX 70u
#define MAILDIR_SIZE_MAX ((uint64_t)1 << 40) /* a larger S= is not believed */
#define MAILDIR_MEASURE_MAX ((uint64_t)64 << 20)
#define MAILDIR_MEASURE_STEP_FILES 64u
#define MAILDIR_MEASURE_STEP_OCTETS ((uint64_t)4 << 20)

enum maildir_row_flags {
	MAILDIR_ROW_NEW = 1, /* was in new/, else in cur/ */
	MAILDIR_ROW_GONE = 2,
	MAILDIR_ROW_REMOVE = 4, /* maildir_list_remove takes it */
	MAILDIR_ROW_GUESSED = 8, /* sent_octets is the file's size; maildir_list_measure looks */
};

struct maildir_row {
	uint64_t octets; /* of the file */
	uint64_t sent_octets; /* with CRLF at the end of each line, the last one too */
	uint64_t inode;
	int64_t arrival_s;
	uint32_t name_at; /* in `names` */
	uint32_t unique_at;
	uint8_t name_length;
	uint8_t base_length;
	uint8_t unique_length;
	uint8_t flags;
};

struct maildir_list {
	struct mail_disk *disk;
	struct buffer names;
	struct maildir_row *rows;
	uint32_t count;
	uint32_t capacity;
	uint32_t max;
	uint64_t sent_octets; /* of all rows */
	uint64_t device; /* of the file system; 0: there is no mailbox */
};

struct maildir_list_limits {
	uint32_t messages;
	size_t name_octets;
};
extern const struct maildir_list_limits maildir_list_limits_default;

/* Reads the whole list; ERROR_LIMIT when it passes a limit. On an error *list_out is empty. */
must_use enum error maildir_list_read(const struct maildir_place *place,
	const struct maildir_list_limits *limits, struct maildir_list *list_out);
void maildir_list_free(struct maildir_list *list);
/* Reads some of the guessed ones from row *next on, MAILDIR_MEASURE_STEP_… and a file at most, and
 * sets their sizes and the sum. False: there are no more. A file that cannot be read, or has more than
 * MAILDIR_MEASURE_MAX octets, keeps the guess. */
bool maildir_list_measure(
	const struct maildir_place *place, struct maildir_list *list, uint32_t *next);
/* Octets of memory that it takes. */
size_t maildir_list_memory(const struct maildir_list *list);

/* The views live until the next call that may rename (open, remove) or free. */
struct view maildir_list_name(const struct maildir_list *list, const struct maildir_row *row);
struct view maildir_list_base(const struct maildir_list *list, const struct maildir_row *row);
struct view maildir_list_unique_id(const struct maildir_list *list, const struct maildir_row *row);

/* Opens the message for reading. ERROR_MISSING, and the row is marked, when it is gone.
 * ERROR_CORRUPT when its size is not what the row says: the row then says the true one, so that it
 * can be had after the reader has been told. */
must_use enum error maildir_list_open(const struct maildir_place *place, struct maildir_list *list,
	struct maildir_row *row, int *fd_out);

struct maildir_removal {
	uint32_t next; /* row to go on with; begin with 0, over at `count` */
	uint32_t removed; /* not there any more, whoever did it */
	uint32_t failed;
	enum error error; /* the last failure's */
};
/* Removes up to `steps` of the rows marked MAILDIR_ROW_REMOVE from `next` on. */
void maildir_list_remove(const struct maildir_place *place, struct maildir_list *list,
	uint32_t steps, struct maildir_removal *removal);
/* Syncs new/ and cur/, after removals. */
must_use enum error maildir_list_sync(const struct maildir_place *place);

#endif
