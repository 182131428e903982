#include "base/files.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 256

enum error file_read(int directory_fd, const char *name, struct buffer *to)
{
	const int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_of_errno(errno);
	const enum error error = descriptor_read_all(fd, to);
	close(fd);
	return error;
}

enum error file_replace(int directory_fd, const char *name, struct view octets, mode_t mode)
{
	char fresh[NAME_ROOM];
	struct buffer b = buffer_new(NAME_ROOM);
	buffer_add(&b, view_text(name));
	buffer_add(&b, VIEW(".new"));
	const bool fits = view_to_text(buffer_view(&b), fresh, sizeof fresh);
	buffer_free(&b);
	if (!fits)
		return ERROR_LIMIT;
	unlinkat(directory_fd, fresh, 0);
	const int fd = openat(directory_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return error_of_errno(errno);
	enum error error = descriptor_write_all(fd, octets);
	if (!error && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		error = error_of_errno(errno);
	close(fd);
	if (!error && renameat(directory_fd, fresh, directory_fd, name) != 0)
		error = error_of_errno(errno);
	if (error)
		unlinkat(directory_fd, fresh, 0);
	else
		fsync(directory_fd);
	return error;
}

int directory_ensure(const char *path, mode_t mode, const struct owner *owner)
{
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return -1;
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if ((owner->counts && fchown(fd, owner->uid, owner->gid) != 0) || fchmod(fd, mode) != 0) {
		const int problem = errno;
		close(fd);
		errno = problem;
		return -1;
	}
	return fd;
}
