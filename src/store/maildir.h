/*
 * Writing Maildirs (F-9, N-29): tmp/NAME, then new/NAME. The name is made of the spool's id, so a
 * delivery can be repeated without repeating the mail (DESIGN §2 law 2, §5):
 *
 *	1893456000.0123456789abcdef_00000000000000ab_0.mail.example.test,S=2345
 *	arrival    birth of the spool  id            recipient  servername    octets of the file
 *
 * No file is synced here; a bulk sync of the file system comes later (keepers/deliver/sync.c). After
 * a boot a name proves nothing: ext4 and XFS both show whole names with no octets. A repeated
 * delivery therefore looks for the name in new/ and cur/, with any flags, and compares every octet.
 * What is wrong is never mended in place, where a reader would see it half done: tmp/NAME is written
 * anew and exchanged with the very path that was found, so its flags stay. Who has the mailbox open
 * finds that message gone, as what he was shown was not it (store/maildir_list.h).
 *
 * | state    | on disk                        | repeated delivery (MAILDIR_LOOK)             |
 * |----------|--------------------------------|----------------------------------------------|
 * | writing  | tmp/NAME, part                 | tmp/NAME is removed and written anew         |
 * | placed   | new/NAME or cur/NAME:2,flags,  | found: compared, exchanged where it differs; |
 * |          | perhaps unsynced               | with MAILDIR_REWRITE what is the same is     |
 * |          |                                | written over itself                          |
 * | exchange | tmp/NAME the old file, the new | as placed; tmp/NAME is removed               |
 * |          | one in its place               |                                              |
 * | lost     | nothing: the rename was not    | written anew; with MAILDIR_TRUST taken as    |
 * |          | synced before the power went   | moved away by its reader; tmp/NAME is removed |
 *
 * In a boot in which a write or sync may have failed comparing proves nothing either: what is read
 * comes from memory. So there MAILDIR_REWRITE (never another sync as if nothing had been lost): the
 * same octets are written to the same places, which the next sync must then bring to the disk. No
 * reader can see that, and the file stays the one that an open session has listed.
 *
 * The Maildir is opened below the directory of all mailboxes, step by step; symbolic links are not
 * followed, for reading does not follow them either. Blocks: called in the pool's threads.
 */
#ifndef STORE_MAILDIR_H
#define STORE_MAILDIR_H

#include "base/bytes.h"
#include "base/error.h"
#include "mail/ids.h"
#include "store/mail_disk.h"

#define MAILDIR_NAME_MAX 255u

/* Where mailboxes are: `root`, then the mailbox's name, then `after` ("/", "/Maildir/"). */
struct maildir_place {
	struct mail_disk *disk;
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

enum maildir_how {
	MAILDIR_LOOK = 1, /* the mail may have been placed before */
	MAILDIR_REWRITE = 2, /* with LOOK: what is found is not believed to be on the disk */
	MAILDIR_TRUST = 4, /* with LOOK: it was placed in this boot; if it is away, so be it, unless
			     * it was on another file system than all mailboxes are */
};

struct maildir_file {
	struct mail_disk *disk;
	int fd; /* what is written: tmp/NAME; -1: nothing */
	int found; /* what was placed before, being compared; -1: nothing, or not ours to write to */
	int maildir; /* -1: not begun */
	int watch; /* a directory of the file system, opened before anything was written; -1: none */
	uint64_t offset;
	uint64_t device; /* of the file system */
	enum maildir_how how;
	bool is_found; /* `path` was there at the beginning */
	bool is_away; /* MAILDIR_TRUST, and nothing was found: nothing is written */
	bool looked; /* no torn file of this name is left in new/ and cur/ */
	bool mended; /* what was found differed */
	char name[MAILDIR_NAME_MAX + 1];
	char folder[4]; /* where it was found */
	char path[MAILDIR_NAME_MAX + 1]; /* and its name there */
};

/* A file that was not begun. */
struct maildir_file maildir_file_none(void);
/* Begins the file; makes the mailbox and its three directories (2770) if need be. `how`: bits of enum
 * maildir_how. After an error `looked` may be true nevertheless. */
must_use enum error maildir_begin(const struct maildir_place *place, struct view name, unsigned how,
	struct maildir_file *file_out);
/* Writes `parts` one after another. */
must_use enum error maildir_write(
	struct maildir_file *file, const struct view *parts, size_t count);
/* Gives the file its name in new/, or that of the one that was found; closes all but `watch`. */
must_use enum error maildir_finish(struct maildir_file *file);
/* Closes and removes what was begun. A file that was found and is known to be torn is removed too:
 * the log still has the mail, and nobody shall read half of it. */
void maildir_abandon(struct maildir_file *file);
/* Takes `watch`, which is the caller's from here on. */
int maildir_take_watch(struct maildir_file *file);
/* Removes from tmp/ what this spool's mail has left there: of deliveries that were killed. For a mailbox in
 * which none is under way; what cannot be removed stays. */
void maildir_tidy(const struct maildir_place *place, uint64_t birth);
/* Closes what is left. */
void maildir_close(struct maildir_file *file);

#endif
