/*
 * Small files and directories for the parent and the tools: read whole, replace as a whole and
 * durably, make a directory with owner and mode. Faces and keepers do not call these once they are in their
 * sandbox; before it, relay reads the authorities for certificates (base/tls_client.h).
 */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include "base/bytes.h"
#include "base/error.h"

#include <sys/types.h>

/* Appends the whole file, which must fit the buffer (else ERROR_LIMIT). */
must_use enum error file_read(int directory_fd, const char *name, struct buffer *to);
/* Writes NAME.new, syncs it, renames it onto NAME, syncs the directory. A reader sees the old file or
 * the new one, a crash leaves one of them. It has that mode, whatever the caller's mask. */
must_use enum error file_replace(
	int directory_fd, const char *name, struct view octets, mode_t mode);

struct owner {
	uid_t uid;
	gid_t gid;
	bool counts; /* false: leave the owner as it is (not root) */
};
/* Makes the directory if it is missing, sees to mode and owner, opens it (close-on-exec). -1: errno. */
must_use int directory_ensure(const char *path, mode_t mode, const struct owner *owner);

#endif
