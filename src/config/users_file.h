/*
 * Changing `users`: the text is edited line-wise, so comments and order stay, and the file is
 * replaced as a whole: `users.new` (mode 0600), fsync, rename, fsync of the directory, all under a
 * lock on `.users.lock`. A reader sees the old file or the new one, a crash leaves one of them.
 * Used by `sekisho user` and by whoever rewrites an imported hash after the first login.
 */
#ifndef CONFIG_USERS_FILE_H
#define CONFIG_USERS_FILE_H

#include "base/error.h"
#include "config/users.h"

enum users_change_kind {
	USERS_ADD, /* ERROR_EXISTS when the name is there */
	USERS_REPLACE, /* ERROR_MISSING when it is not */
	USERS_REMOVE, /* the same */
};

struct users_change {
	enum users_change_kind kind;
	struct view name;
	struct view verifier; /* not for USERS_REMOVE */
	struct view expected; /* not empty: ERROR_BUSY unless the verifier is still this one */
};

/* Pure: appends the changed text to `out`. ERROR_SYNTAX for a name or verifier that is no good,
 * ERROR_LIMIT when `out` is too small. A missing newline at the end is mended; CRLF files stay
 * CRLF. */
must_use enum error users_change_apply(
	struct view text, const struct users_change *change, struct buffer *out);
/* The same on the file in the directory `directory_fd`; no file counts as empty. Blocks for the
 * lock. */
must_use enum error users_file_change(int directory_fd, const struct users_change *change);

#endif
