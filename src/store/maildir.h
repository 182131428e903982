/*
 * Writing Maildirs (F-9, N-29): tmp/NAME, then new/NAME. The name is made of the spool's id, so a
 * delivery can be repeated without repeating the mail (DESIGN §2 law 2, §5):
 *
 *	1893456000.0123456789abcdef_00000000000000ab_0.mail.example.test,S=2345
 *	arrival    birth of the spool  id            recipient  servername    octets of the file
 *
 * No file is synced here; a bulk sync of the file system comes later (keepers/deliver/sync.c). After
 * a boot a name proves nothing: ext4 and XFS both show whole names with no octets. A repeated
 * delivery therefore looks for the name in new/ and cur/, with any flags, and compares every octet;
 * a wrong file is mended in place, which keeps its flags.
 *
 * | state    | on disk                        | repeated delivery                            |
 * |----------|--------------------------------|----------------------------------------------|
 * | writing  | tmp/NAME, part                 | tmp/NAME is written anew                     |
 * | placed   | new/NAME or cur/NAME:2,flags,  | found: compared, mended where it differs     |
 * |          | perhaps unsynced               |                                              |
 * | lost     | nothing: the rename was not    | written anew                                 |
 * |          | synced before the power went   |                                              |
 *
 * All paths are relative to the directory of all mailboxes. Blocks: called in the pool's threads.
 */
#ifndef STORE_MAILDIR_H
#define STORE_MAILDIR_H

#include "base/bytes.h"
#include "base/error.h"
#include "mail/ids.h"

#define MAILDIR_NAME_MAX 255u
#define MAILDIR_PATH_MAX 512u

/* Where mailboxes are: `root`, then the mailbox's name, then `after` ("/", "/Maildir/"). */
struct maildir_place {
	int root; /* borrowed */
	struct view mailbox;
	struct view after;
};

struct maildir_name {
	uint64_t birth;
	struct spool_id id;
	uint32_t recipient;
	int64_t arrival_s;
	uint64_t octets;
	struct view host;
};
/* Appends the name. */
void maildir_name_add(struct buffer *b, const struct maildir_name *n);

struct maildir_file {
	int fd; /* -1: none */
	uint64_t offset;
	uint64_t device; /* st_dev of the file system */
	bool mending; /* it was there already */
	bool mended; /* and differed */
	char name[MAILDIR_NAME_MAX + 1];
};

/* Begins the file; makes the mailbox and its three directories (2770) if need be. `repeat`: the mail
 * may have been placed before. */
must_use enum error maildir_begin(const struct maildir_place *place, struct view name, bool repeat,
	struct maildir_file *file_out);
/* Writes `parts` one after another. */
must_use enum error maildir_write(
	struct maildir_file *file, const struct view *parts, size_t count);
/* Gives the file its name in new/; closes it. */
must_use enum error maildir_finish(const struct maildir_place *place, struct maildir_file *file);
/* Closes and removes what was begun. */
void maildir_abandon(const struct maildir_place *place, struct maildir_file *file);

#endif
