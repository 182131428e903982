#include "store/mail_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int posix_open(struct mail_disk *disk, int at, const char *name, int flags, unsigned mode)
{
	(void)disk;
	return openat(at, name, flags | O_CLOEXEC, mode);
}

static int posix_close(struct mail_disk *disk, int fd)
{
	(void)disk;
	return close(fd);
}

/* The umask and a set-group-id directory above have their say in mkdir: so the mode is set again. */
static int posix_make_directory(struct mail_disk *disk, int at, const char *name, unsigned mode)
{
	(void)disk;
	return mkdirat(at, name, mode & 0777) == 0 ? fchmodat(at, name, mode, 0) : -1;
}

static int posix_facts(
	struct mail_disk *disk, int at, const char *name, struct mail_disk_facts *out)
{
	(void)disk;
	struct stat facts;
	const int result =
		name ? fstatat(at, name, &facts, AT_SYMLINK_NOFOLLOW) : fstat(at, &facts);
	if (result == 0)
		*out = (struct mail_disk_facts){.device = facts.st_dev,
			.inode = facts.st_ino,
			.octets = (uint64_t)facts.st_size,
			.changed_s = facts.st_mtime,
			.is_regular = S_ISREG(facts.st_mode)};
	return result;
}

static ssize_t posix_read(struct mail_disk *disk, int fd, uint8_t *to, size_t room, uint64_t offset)
{
	(void)disk;
	return pread(fd, to, room, (off_t)offset);
}

static ssize_t posix_write(
	struct mail_disk *disk, int fd, const struct view *parts, size_t count, uint64_t offset)
{
	(void)disk;
	struct iovec vector[MAIL_DISK_PARTS_MAX];
	must(count <= MAIL_DISK_PARTS_MAX);
	for (size_t i = 0; i < count; i++)
		vector[i] = (struct iovec){(void *)parts[i].at, parts[i].length};
	return pwritev(fd, vector, (int)count, (off_t)offset);
}

static int posix_rename(
	struct mail_disk *disk, int from_at, const char *from, int to_at, const char *to)
{
	(void)disk;
	return renameat(from_at, from, to_at, to);
}

static int posix_exchange(
	struct mail_disk *disk, int from_at, const char *from, int to_at, const char *to)
{
	(void)disk;
	return renameat2(from_at, from, to_at, to, RENAME_EXCHANGE);
}

static int posix_unlink(struct mail_disk *disk, int at, const char *name)
{
	(void)disk;
	return unlinkat(at, name, 0);
}

static int posix_sync(struct mail_disk *disk, int fd)
{
	(void)disk;
	return fsync(fd);
}

static int posix_sync_all(struct mail_disk *disk, int fd)
{
	(void)disk;
	return syncfs(fd);
}

static void *posix_list(struct mail_disk *disk, int fd)
{
	(void)disk;
	DIR *list = fdopendir(fd);
	if (!list) {
		const int problem = errno;
		close(fd);
		errno = problem;
	}
	return list;
}

static bool posix_next(struct mail_disk *disk, void *list, struct mail_disk_entry *out)
{
	(void)disk;
	errno = 0;
	const struct dirent *e = readdir(list);
	if (!e)
		return false;
	*out = (struct mail_disk_entry){.name = e->d_name,
		.inode = e->d_ino,
		.is_regular = e->d_type == DT_REG,
		.is_unknown = e->d_type == DT_UNKNOWN};
	return true;
}

static void posix_end(struct mail_disk *disk, void *list)
{
	(void)disk;
	closedir(list);
}

struct mail_disk *mail_disk_posix(void)
{
	static struct mail_disk posix = {
		.open = posix_open,
		.close = posix_close,
		.make_directory = posix_make_directory,
		.facts = posix_facts,
		.read = posix_read,
		.write = posix_write,
		.rename = posix_rename,
		.exchange = posix_exchange,
		.unlink = posix_unlink,
		.sync = posix_sync,
		.sync_all = posix_sync_all,
		.list = posix_list,
		.next = posix_next,
		.end = posix_end,
	};
	return &posix;
}
