#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

struct disk_posix {
	struct disk disk;
	int directory;
};

struct disk_file {
	int descriptor;
};

static int directory_of(struct disk *disk)
{
	return ((struct disk_posix *)disk)->directory;
}

/* A name for openat and its kin; "." for the root. Never absolute, never upward. */
static bool name_text(struct view name, char text[DISK_NAME_MAX + 1])
{
	if (view_is_empty(name))
		name = VIEW(".");
	else if (view_at(name, 0) == '/' || view_search(name, VIEW("..")) != VIEW_NOT_FOUND)
		return false;
	return view_to_text(name, text, DISK_NAME_MAX + 1);
}

static enum error result(int outcome)
{
	return outcome < 0 ? error_of_errno(errno) : ERROR_NONE;
}

static int mode_flags(enum disk_mode mode)
{
	switch (mode) {
	case DISK_READ:
		return O_RDONLY;
	case DISK_WRITE:
		return O_RDWR;
	case DISK_CREATE:
		return O_RDWR | O_CREAT | O_EXCL;
	}
	return O_RDONLY;
}

static enum error posix_open(
	struct disk *disk, struct view name, enum disk_mode mode, struct disk_file **out)
{
	char text[DISK_NAME_MAX + 1];
	if (!name_text(name, text))
		return ERROR_SYNTAX;
	const int flags = mode_flags(mode) | O_CLOEXEC | O_NOFOLLOW;
	const int descriptor = openat(directory_of(disk), text, flags, 0600);
	if (descriptor < 0)
		return error_of_errno(errno);
	*out = memory_new(1, sizeof **out);
	(*out)->descriptor = descriptor;
	return ERROR_NONE;
}

static void posix_close(struct disk *disk, struct disk_file *file)
{
	(void)disk;
	close(file->descriptor);
	memory_free(file);
}

static enum error posix_size(struct disk *disk, struct disk_file *file, uint64_t *octets_out)
{
	(void)disk;
	struct stat facts;
	if (fstat(file->descriptor, &facts) < 0)
		return error_of_errno(errno);
	*octets_out = (uint64_t)facts.st_size;
	return ERROR_NONE;
}

static enum error posix_read(struct disk *disk, struct disk_file *file, uint64_t offset,
	uint8_t *to, size_t room, size_t *length_out)
{
	(void)disk;
	size_t got = 0;
	while (got < room) {
		const ssize_t n =
			pread(file->descriptor, to + got, room - got, (off_t)(offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_of_errno(errno);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*length_out = got;
	return ERROR_NONE;
}

/* Skips what was written: `done` octets from the front of the vector. */
static struct iovec *vector_advance(struct iovec *next, size_t *count, size_t done)
{
	while (*count && done >= next->iov_len) {
		done -= next->iov_len;
		next++;
		(*count)--;
	}
	if (*count) {
		next->iov_base = (uint8_t *)next->iov_base + done;
		next->iov_len -= done;
	}
	return next;
}

static enum error posix_write(struct disk *disk, struct disk_file *file, uint64_t offset,
	const struct view *parts, size_t count)
{
	(void)disk;
	struct iovec vector[DISK_PARTS_MAX];
	struct iovec *next = vector;
	for (size_t i = 0; i < count; i++)
		vector[i] = (struct iovec){(void *)(uintptr_t)parts[i].at, parts[i].length};
	next = vector_advance(next, &count, 0);
	while (count) {
		const ssize_t n = pwritev(file->descriptor, next, (int)count, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_of_errno(errno) : ERROR_IO;
		offset += (uint64_t)n;
		next = vector_advance(next, &count, (size_t)n);
	}
	return ERROR_NONE;
}

/* No retry on EINTR: whether anything was written is then unknown, which is a failure. */
static enum error posix_sync(struct disk *disk, struct disk_file *file)
{
	(void)disk;
	return result(fdatasync(file->descriptor));
}

static enum error posix_sync_directory(struct disk *disk, struct view directory)
{
	char text[DISK_NAME_MAX + 1];
	if (!name_text(directory, text))
		return ERROR_SYNTAX;
	const int descriptor = openat(directory_of(disk), text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return error_of_errno(errno);
	const enum error error = result(fsync(descriptor));
	close(descriptor);
	return error;
}

static enum error posix_make_directory(struct disk *disk, struct view directory)
{
	char text[DISK_NAME_MAX + 1];
	if (!name_text(directory, text))
		return ERROR_SYNTAX;
	return result(mkdirat(directory_of(disk), text, 0700));
}

static enum error posix_remove(struct disk *disk, struct view name)
{
	char text[DISK_NAME_MAX + 1];
	if (!name_text(name, text))
		return ERROR_SYNTAX;
	return result(unlinkat(directory_of(disk), text, 0));
}

static bool is_regular(int directory, const struct dirent *entry)
{
	struct stat facts;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(directory, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(facts.st_mode);
}

static enum error posix_list(struct disk *disk, struct view directory, struct buffer *names)
{
	char text[DISK_NAME_MAX + 1];
	if (!name_text(directory, text))
		return ERROR_SYNTAX;
	const int descriptor = openat(directory_of(disk), text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return error_of_errno(errno);
	DIR *stream = fdopendir(descriptor);
	if (!stream) {
		close(descriptor);
		return ERROR_MEMORY;
	}
	const struct dirent *entry;
	errno = 0;
	while ((entry = readdir(stream))) {
		const struct view name = view_text(entry->d_name);
		if (name.length > DISK_NAME_MAX || !is_regular(descriptor, entry))
			continue;
		buffer_add_octet(names, (uint8_t)name.length);
		buffer_add(names, name);
		errno = 0;
	}
	const enum error error = error_of_errno(errno);
	closedir(stream);
	return error == ERROR_NONE && buffer_failed(names) ? ERROR_LIMIT : error;
}

static enum error posix_space(struct disk *disk, uint64_t *free_octets_out)
{
	struct statvfs facts;
	if (fstatvfs(directory_of(disk), &facts) < 0)
		return error_of_errno(errno);
	*free_octets_out = (uint64_t)facts.f_bavail * facts.f_frsize;
	return ERROR_NONE;
}

static const struct disk_operations operations = {
	.open = posix_open,
	.close = posix_close,
	.size = posix_size,
	.read = posix_read,
	.write = posix_write,
	.sync = posix_sync,
	.sync_directory = posix_sync_directory,
	.make_directory = posix_make_directory,
	.remove = posix_remove,
	.list = posix_list,
	.space = posix_space,
};

struct disk *disk_posix_new(int directory)
{
	struct disk_posix *posix = memory_new(1, sizeof *posix);
	posix->disk.operations = &operations;
	posix->directory = directory;
	return &posix->disk;
}

void disk_posix_free(struct disk **disk)
{
	if (!*disk)
		return;
	close(directory_of(*disk));
	memory_free(*disk);
	*disk = NULL;
}
