#include "store/maildir.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARTS_MAX 8
#define COMPARE_STEP 65536

void maildir_name_add(struct buffer *b, const struct maildir_name *n)
{
	text_add(b, "{}.{}_{}_{}.{},S={}", text_signed(n->arrival_s), text_hex(n->birth),
		text_hex(n->id.value), text_number(n->recipient), text_view(n->host),
		text_number(n->octets));
}

/* Writes MAILBOX + AFTER + `below` + name as a C string. */
static bool path_make(char *to, size_t room, const struct maildir_place *place, const char *below,
	struct view name)
{
	struct buffer b = buffer_new(room - 1);
	buffer_add(&b, place->mailbox);
	buffer_add(&b, place->after);
	buffer_add(&b, view_text(below));
	buffer_add(&b, name);
	const bool ok = !buffer_failed(&b) && view_to_text(buffer_view(&b), to, room);
	buffer_free(&b);
	return ok;
}

static enum error make_directory(int root, const char *path)
{
	if (mkdirat(root, path, 0770) == 0) /* the group comes from the directory above (2770) */
		return fchmodat(root, path, 02770, 0) == 0 ? ERROR_NONE : error_of_errno(errno);
	return errno == EEXIST ? ERROR_NONE : error_of_errno(errno);
}

/* Every directory on the way down to the Maildir, then tmp, new, cur. */
static enum error make_mailbox(const struct maildir_place *place)
{
	char path[MAILDIR_PATH_MAX];
	struct view whole;
	if (!path_make(path, sizeof path, place, "", VIEW_NONE))
		return ERROR_LIMIT;
	whole = view_text(path);
	for (size_t i = 1; i < whole.length; i++) {
		char part[MAILDIR_PATH_MAX];
		if (whole.at[i] != '/')
			continue;
		if (!view_to_text(view_first(whole, i), part, sizeof part))
			return ERROR_LIMIT;
		const enum error error = make_directory(place->root, part);
		if (error)
			return error;
	}
	static const char *const below[] = {"tmp", "new", "cur"};
	for (size_t i = 0; i < 3; i++) {
		if (!path_make(path, sizeof path, place, below[i], VIEW_NONE))
			return ERROR_LIMIT;
		const enum error error = make_directory(place->root, path);
		if (error)
			return error;
	}
	return ERROR_NONE;
}

/* Looks in cur/ for the name with any flags behind it. */
static bool find_flagged(
	const struct maildir_place *place, struct view name, char *path, size_t room)
{
	char directory[MAILDIR_PATH_MAX];
	bool found = false;
	if (!path_make(directory, sizeof directory, place, "cur", VIEW_NONE))
		return false;
	const int fd = openat(place->root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	if (!list) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (const struct dirent *e; !found && (e = readdir(list));) {
		const struct view entry = view_text(e->d_name);
		found = view_starts(entry, name) &&
			(entry.length == name.length || entry.at[name.length] == ':') &&
			path_make(path, room, place, "cur/", entry);
	}
	closedir(list);
	return found;
}

static int open_placed(const struct maildir_place *place, struct view name)
{
	char path[MAILDIR_PATH_MAX];
	static const char *const below[] = {"new/", "cur/"};
	for (size_t i = 0; i < 2; i++) {
		if (!path_make(path, sizeof path, place, below[i], name))
			return -1;
		const int fd = openat(place->root, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 || errno != ENOENT)
			return fd;
	}
	if (!find_flagged(place, name, path, sizeof path)) {
		errno = ENOENT;
		return -1;
	}
	return openat(place->root, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

static int open_fresh(const struct maildir_place *place, struct view name)
{
	char path[MAILDIR_PATH_MAX];
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	if (!path_make(path, sizeof path, place, "tmp/", name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = openat(place->root, path, flags, 0660);
	if (fd < 0 && errno == ENOENT && make_mailbox(place) == ERROR_NONE)
		fd = openat(place->root, path, flags, 0660);
	return fd;
}

enum error maildir_begin(
	const struct maildir_place *place, struct view name, bool repeat, struct maildir_file *file)
{
	*file = (struct maildir_file){.fd = -1};
	if (!view_to_text(name, file->name, sizeof file->name))
		return ERROR_LIMIT;
	if (repeat) {
		file->fd = open_placed(place, name);
		if (file->fd < 0 && errno != ENOENT)
			return error_of_errno(errno);
		file->mending = file->fd >= 0;
	}
	if (file->fd < 0)
		file->fd = open_fresh(place, name);
	struct stat facts;
	if (file->fd < 0 || fstat(file->fd, &facts) != 0) {
		const int problem = errno;
		maildir_abandon(place, file);
		return error_of_errno(problem);
	}
	file->device = facts.st_dev;
	return ERROR_NONE;
}

static bool is_same(int fd, struct view v, uint64_t offset)
{
	uint8_t *octets = memory_new(1, COMPARE_STEP);
	bool same = true;
	while (same && v.length) {
		const size_t want = v.length < COMPARE_STEP ? v.length : COMPARE_STEP;
		const ssize_t n = pread(fd, octets, want, (off_t)offset);
		same = n > 0 && view_equal(view_of(octets, (size_t)n), view_first(v, (size_t)n));
		if (same) {
			v = view_from(v, (size_t)n);
			offset += (uint64_t)n;
		}
	}
	memory_free(octets);
	return same;
}

static enum error write_at(int fd, struct view v, uint64_t offset)
{
	while (v.length) {
		const ssize_t n = pwrite(fd, v.at, v.length, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_of_errno(errno);
		v = view_from(v, (size_t)n);
		offset += (uint64_t)n;
	}
	return ERROR_NONE;
}

static enum error mend(struct maildir_file *file, struct view v)
{
	if (is_same(file->fd, v, file->offset))
		return ERROR_NONE;
	file->mended = true;
	return write_at(file->fd, v, file->offset);
}

enum error maildir_write(struct maildir_file *file, const struct view *parts, size_t count)
{
	struct iovec vector[PARTS_MAX];
	size_t total = 0;
	must(count <= PARTS_MAX);
	for (size_t i = 0; i < count; i++) {
		vector[i] = (struct iovec){(void *)parts[i].at, parts[i].length};
		total += parts[i].length;
	}
	const ssize_t n =
		file->mending ? -1 : pwritev(file->fd, vector, (int)count, (off_t)file->offset);
	if (n >= 0 && (size_t)n == total) {
		file->offset += total;
		return ERROR_NONE;
	}
	if (n < 0 && !file->mending && errno != EINTR)
		return error_of_errno(errno);
	for (size_t i = 0; i < count; i++) { /* short, or to be compared: part by part */
		const enum error error = file->mending ? mend(file, parts[i])
						       : write_at(file->fd, parts[i], file->offset);
		if (error)
			return error;
		file->offset += parts[i].length;
	}
	return ERROR_NONE;
}

static enum error name_it(const struct maildir_place *place, const struct maildir_file *file)
{
	char from[MAILDIR_PATH_MAX];
	char to[MAILDIR_PATH_MAX];
	const struct view name = view_text(file->name);
	if (!path_make(from, sizeof from, place, "tmp/", name) ||
		!path_make(to, sizeof to, place, "new/", name))
		return ERROR_LIMIT;
	if (renameat(place->root, from, place->root, to) == 0)
		return ERROR_NONE;
	if (errno != ENOENT || make_mailbox(place) != ERROR_NONE)
		return error_of_errno(errno);
	return renameat(place->root, from, place->root, to) == 0 ? ERROR_NONE
								 : error_of_errno(errno);
}

enum error maildir_finish(const struct maildir_place *place, struct maildir_file *file)
{
	enum error error = ERROR_NONE;
	struct stat facts;
	if (file->mending) {
		if (fstat(file->fd, &facts) != 0)
			error = error_of_errno(errno);
		else if ((uint64_t)facts.st_size != file->offset) {
			file->mended = true;
			if (ftruncate(file->fd, (off_t)file->offset) != 0)
				error = error_of_errno(errno);
		}
	} else {
		error = name_it(place, file);
	}
	if (error) {
		maildir_abandon(place, file);
		return error;
	}
	/* an error of a network file system may come only here */
	const int fd = file->fd;
	file->fd = -1;
	return close(fd) == 0 || errno == EINTR ? ERROR_NONE : error_of_errno(errno);
}

void maildir_abandon(const struct maildir_place *place, struct maildir_file *file)
{
	char path[MAILDIR_PATH_MAX];
	if (file->fd < 0)
		return;
	close(file->fd);
	file->fd = -1;
	if (!file->mending && path_make(path, sizeof path, place, "tmp/", view_text(file->name)))
		unlinkat(place->root, path, 0);
}
