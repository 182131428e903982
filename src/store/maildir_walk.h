/*
 * Walking through a Maildir's directories, for store/maildir.h and store/maildir_list.h: opened step by
 * step below the directory of all mailboxes, no symbolic link followed. Blocks.
 */
#ifndef STORE_MAILDIR_WALK_H
#define STORE_MAILDIR_WALK_H

#include "store/maildir.h"

/* The mailbox's Maildir. ERROR_MISSING when it is not there, and only then. */
must_use enum error maildir_walk_open(const struct maildir_place *place, int *fd_out);
/* The same, but what is missing on the way is made (2770). *watch_out: the first directory that was
 * written to, opened before; -1 when nothing had to be made. */
must_use enum error maildir_walk_make(
	const struct maildir_place *place, int *fd_out, int *watch_out);
/* tmp/, new/ and cur/ below an open Maildir, those that are missing. */
must_use enum error maildir_walk_make_folders(struct mail_disk *disk, int maildir);
/* A name without its flags. */
struct view maildir_base(struct view name);

struct maildir_walk {
	struct mail_disk *disk;
	void *stream; /* null: not open */
	int directory;
	enum error error;
};

struct maildir_entry {
	struct view name; /* 1 … MAILDIR_NAME_MAX octets, not beginning with a dot */
	const char *text; /* the same */
	int directory;
	uint64_t inode;
	bool is_regular; /* false: perhaps not */
};

/* `below`: "new" or "cur". ERROR_MISSING when it is not there, and only then. To be ended also after
 * an error. */
must_use enum error maildir_walk_begin(
	struct mail_disk *disk, int maildir, const char *below, struct maildir_walk *walk_out);
/* The next name; false at the end, or when `error` is set. The entry lives until the next call. */
bool maildir_walk_next(struct maildir_walk *walk, struct maildir_entry *entry_out);
void maildir_walk_end(struct maildir_walk *walk);

#endif
