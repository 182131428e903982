/*
 * Looking for a mail that was placed before, for store/maildir.h: in new/ and cur/, with any flags
 * behind its name, while its reader may be moving it. Blocks.
 */
#ifndef STORE_MAILDIR_FIND_H
#define STORE_MAILDIR_FIND_H

#include "store/maildir.h"

/* Finds file->name below file->maildir: sets folder, path and is_found, and opens `found` for reading.
 * ERROR_NONE also when it is not there. */
must_use enum error maildir_find(struct maildir_file *file);

#endif
