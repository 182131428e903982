/*
 * The file system as Maildirs see it: a small table of functions, so that writing, reading and syncing
 * mailboxes runs unchanged on POSIX (mail_disk_posix.c) and on a file system made by a test. Semantics
 * and errno are those of the system calls named; -1 is a failure. All functions block and may be
 * called from several threads.
 */
#ifndef STORE_MAIL_DISK_H
#define STORE_MAIL_DISK_H

#include "base/bytes.h"

#include <sys/types.h>

#define MAIL_DISK_PARTS_MAX 8

struct mail_disk_facts {
	uint64_t device;
	uint64_t inode;
	uint64_t octets;
	int64_t changed_s; /* of the content, wall clock */
	bool is_regular;
};

struct mail_disk_entry {
	const char *name; /* until the next one is asked for */
	uint64_t inode;
	bool is_regular;
	bool is_unknown; /* the directory does not say what it is */
};

struct mail_disk {
	/* openat, with O_CLOEXEC. */
	int (*open)(struct mail_disk *disk, int at, const char *name, int flags, unsigned mode);
	int (*close)(struct mail_disk *disk, int fd);
	/* mkdirat and fchmodat. */
	int (*make_directory)(struct mail_disk *disk, int at, const char *name, unsigned mode);
	/* fstat, or with a name fstatat that follows no link. */
	int (*facts)(struct mail_disk *disk, int at, const char *name,
		struct mail_disk_facts *facts_out);
	/* pread. */
	ssize_t (*read)(struct mail_disk *disk, int fd, uint8_t *to, size_t room, uint64_t offset);
	/* pwritev of at most MAIL_DISK_PARTS_MAX parts; may be short. */
	ssize_t (*write)(struct mail_disk *disk, int fd, const struct view *parts, size_t count,
		uint64_t offset);
	/* renameat. */
	int (*rename)(
		struct mail_disk *disk, int from_at, const char *from, int to_at, const char *to);
	/* renameat2 with RENAME_EXCHANGE: both must be there. EINVAL or ENOSYS where the file system
	 * cannot. */
	int (*exchange)(
		struct mail_disk *disk, int from_at, const char *from, int to_at, const char *to);
	int (*unlink)(struct mail_disk *disk, int at, const char *name);
	/* fsync. */
	int (*sync)(struct mail_disk *disk, int fd);
	/* syncfs of the file system that `fd` is on. Tells of what failed since `fd` was opened, or
	 * since it told last. */
	int (*sync_all)(struct mail_disk *disk, int fd);
	/* fdopendir: takes `fd` over, also when it fails (null). */
	void *(*list)(struct mail_disk *disk, int fd);
	/* readdir. False at the end (errno 0) or on a failure (errno). */
	bool (*next)(struct mail_disk *disk, void *list, struct mail_disk_entry *entry_out);
	void (*end)(struct mail_disk *disk, void *list);
};

/* The system's own. */
struct mail_disk *mail_disk_posix(void);

#endif
