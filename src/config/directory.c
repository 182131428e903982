#include "config/directory.h"

#include "base/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 256

static enum error read_file(void *context, struct view name, struct buffer *out)
{
	const struct config_directory *d = context;
	char path[NAME_ROOM];
	struct stat status;
	if (view_find(name, '/') != VIEW_NOT_FOUND || !view_to_text(name, path, sizeof path))
		return ERROR_DENIED;
	/* Non-blocking: a pipe of that name must not hang us. */
	const int fd = openat(d->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return error_of_errno(errno);
	enum error error = ERROR_NONE;
	if (fstat(fd, &status) != 0)
		error = error_of_errno(errno);
	else if (!S_ISREG(status.st_mode))
		error = ERROR_DENIED;
	else
		error = descriptor_read_all(fd, out);
	(void)close(fd);
	return error;
}

static int compare_names(const void *left, const void *right)
{
	const struct config_file *a = left;
	const struct config_file *b = right;
	return view_compare(a->name, b->name);
}

static bool is_dots(struct view name)
{
	return view_equal(name, VIEW(".")) || view_equal(name, VIEW(".."));
}

static enum error take_entry(int fd, const struct dirent *entry, struct arena *a,
	struct config_file *files, size_t *count)
{
	struct stat status;
	const struct view name = view_text(entry->d_name);
	if (is_dots(name))
		return ERROR_NONE;
	if (*count == CONFIG_FILES_MAX)
		return ERROR_LIMIT;
	if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ERROR_NONE : error_of_errno(errno);
	struct config_file *file = &files[*count];
	if (!arena_copy(a, name, &file->name))
		return ERROR_MEMORY;
	file->mode = status.st_mode & 07777;
	file->is_plain = S_ISREG(status.st_mode);
	(*count)++;
	return ERROR_NONE;
}

enum error config_directory_list(
	struct config_directory *d, struct arena *a, struct config_files *files_out)
{
	struct config_file *files = arena_get_array(a, CONFIG_FILES_MAX, sizeof *files);
	size_t count = 0;
	if (!files)
		return ERROR_MEMORY;
	const int fd = openat(d->fd, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0)
		return error_of_errno(errno);
	DIR *directory = fdopendir(fd);
	if (!directory) {
		(void)close(fd);
		return ERROR_MEMORY;
	}
	enum error error = ERROR_NONE;
	const struct dirent *entry;
	while (error == ERROR_NONE && (errno = 0, entry = readdir(directory)))
		error = take_entry(fd, entry, a, files, &count);
	if (error == ERROR_NONE && errno != 0)
		error = error_of_errno(errno);
	(void)closedir(directory);
	if (count)
		qsort(files, count, sizeof *files, compare_names);
	*files_out = (struct config_files){
		.files = files, .count = count, .read = read_file, .context = d};
	return error;
}
