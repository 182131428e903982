/*
 * The disk as the store sees it: a small table of functions, so that the spool runs unchanged on
 * POSIX (disk_posix.c, below one directory descriptor, also inside a chroot) and on the simulated
 * disk of tests/faults, which tears, drops, reorders and fails what was not synced.
 *
 * What a caller may rely on, and nothing more:
 * - a write is visible to reads at once and durable only after disk_sync of the *same* open file;
 * - a sync that failed says nothing about what reached the disk, and a later sync of the same data
 *   may succeed without writing it: it must be written again, or elsewhere (DESIGN §5);
 * - a new or removed name is durable only after disk_sync_directory of its directory;
 * - a sector of 512 octets is written whole or not at all.
 *
 * Names are relative, at most one directory deep ("large/0011"), of letters, digits, '-', '.', '/'.
 * All functions block. Different files may be used from different threads at once; one file may be
 * read from several threads, and written or synced from one.
 */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include "base/bytes.h"
#include "base/error.h"

#define DISK_NAME_MAX 63
#define DISK_PARTS_MAX 8

enum disk_mode {
	DISK_READ, /* must exist */
	DISK_WRITE, /* must exist; read and write */
	DISK_CREATE, /* must not exist (ERROR_EXISTS); read and write */
};

struct disk;
struct disk_file; /* an open file; owned by who opened it */

struct disk_operations {
	enum error (*open)(
		struct disk *disk, struct view name, enum disk_mode mode, struct disk_file **out);
	void (*close)(struct disk *disk, struct disk_file *file);
	enum error (*size)(struct disk *disk, struct disk_file *file, uint64_t *octets_out);
	enum error (*read)(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *to,
		size_t room, size_t *length_out);
	enum error (*write)(struct disk *disk, struct disk_file *file, uint64_t offset,
		const struct view *parts, size_t count);
	enum error (*sync)(struct disk *disk, struct disk_file *file);
	enum error (*sync_directory)(struct disk *disk, struct view directory);
	enum error (*make_directory)(struct disk *disk, struct view directory);
	enum error (*remove)(struct disk *disk, struct view name);
	enum error (*list)(struct disk *disk, struct view directory, struct buffer *names);
	enum error (*space)(struct disk *disk, uint64_t *free_octets_out);
};

/* The first member of every implementation. */
struct disk {
	const struct disk_operations *operations;
};

must_use enum error disk_open(
	struct disk *disk, struct view name, enum disk_mode mode, struct disk_file **file_out);
/* Closes and sets *file to null; null is fine. */
void disk_close(struct disk *disk, struct disk_file **file);
must_use enum error disk_size(struct disk *disk, struct disk_file *file, uint64_t *octets_out);
/* Reads until `room` is full or the file ends; *length_out is short only at the end. */
must_use enum error disk_read(struct disk *disk, struct disk_file *file, uint64_t offset,
	uint8_t *to, size_t room, size_t *length_out);
/* Writes all parts (at most DISK_PARTS_MAX) one after another from `offset`, or fails. */
must_use enum error disk_write(struct disk *disk, struct disk_file *file, uint64_t offset,
	const struct view *parts, size_t count);
/* fdatasync. After a failure never call it again for the same data. */
must_use enum error disk_sync(struct disk *disk, struct disk_file *file);
/* The empty view is the root directory. */
must_use enum error disk_sync_directory(struct disk *disk, struct view directory);
/* ERROR_EXISTS when it is there. */
must_use enum error disk_make_directory(struct disk *disk, struct view directory);
/* ERROR_MISSING when it is not there. */
must_use enum error disk_remove(struct disk *disk, struct view name);
/* Appends the names of regular files in `directory`, each as u8 length and octets, in no order.
 * Names longer than DISK_NAME_MAX are left out. */
must_use enum error disk_list(struct disk *disk, struct view directory, struct buffer *names);
/* Octets that an unprivileged writer may still use. */
must_use enum error disk_space(struct disk *disk, uint64_t *free_octets_out);

/* A POSIX disk below `directory`, an open directory descriptor, which it takes over. Files are made
 * with mode 0600, directories 0700. Freed with disk_posix_free. */
struct disk *disk_posix_new(int directory);
void disk_posix_free(struct disk **disk);

#endif
