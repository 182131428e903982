#include "store/maildir_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STEP_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ENOTDIR is a link or a file where a directory should be: somebody must look, it is not empty. */
static enum error directory_error(int number)
{
	return number == ENOTDIR ? ERROR_IO : error_of_errno(number);
}

struct view maildir_base(struct view name)
{
	struct view base, flags;
	view_split(name, ':', &base, &flags);
	return base;
}

/* One step down; closes `from` unless it is the root. -1 and errno. */
static int step_down(int root, int from, struct view part)
{
	char name[MAILDIR_NAME_MAX + 1];
	int fd = -1;
	errno = ENAMETOOLONG;
	if (view_to_text(part, name, sizeof name))
		fd = openat(from, name, STEP_FLAGS);
	const int problem = errno;
	if (from != root)
		close(from);
	errno = problem;
	return fd;
}

static enum error walk_down(int root, int *at, struct view path)
{
	while (path.length) {
		struct view part;
		view_split(path, '/', &part, &path);
		if (part.length == 0 || view_equal(part, VIEW(".")))
			continue;
		if (view_equal(part, VIEW("..")))
			return ERROR_DENIED;
		*at = step_down(root, *at, part);
		if (*at < 0)
			return directory_error(errno);
	}
	return ERROR_NONE;
}

enum error maildir_walk_open(const struct maildir_place *place, int *fd_out)
{
	int at = place->root;
	*fd_out = -1;
	if (place->mailbox.length == 0 || view_find(place->mailbox, '/') != VIEW_NOT_FOUND ||
		view_at(place->mailbox, 0) == '.')
		return ERROR_DENIED;
	enum error error = walk_down(place->root, &at, place->mailbox);
	if (!error)
		error = walk_down(place->root, &at, place->after);
	if (error && at >= 0 && at != place->root)
		close(at);
	if (!error)
		*fd_out = at;
	return error;
}

enum error maildir_walk_begin(int maildir, const char *below, struct maildir_walk *walk)
{
	*walk = (struct maildir_walk){.directory = openat(maildir, below, STEP_FLAGS)};
	if (walk->directory < 0)
		return directory_error(errno);
	walk->stream = fdopendir(walk->directory);
	if (walk->stream)
		return ERROR_NONE;
	walk->error = error_of_errno(errno);
	close(walk->directory);
	return walk->error;
}

bool maildir_walk_next(struct maildir_walk *walk, struct maildir_entry *entry)
{
	const struct dirent *e;
	do {
		errno = 0;
		e = readdir(walk->stream);
	} while (e && (e->d_name[0] == '.' || (e->d_type != DT_REG && e->d_type != DT_UNKNOWN)));
	if (!e) {
		walk->error = errno ? error_of_errno(errno) : ERROR_NONE;
		return false;
	}
	*entry = (struct maildir_entry){.name = view_text(e->d_name),
		.text = e->d_name,
		.directory = walk->directory,
		.inode = e->d_ino,
		.is_regular = e->d_type == DT_REG};
	return true;
}

void maildir_walk_end(struct maildir_walk *walk)
{
	if (walk->stream)
		closedir(walk->stream);
	walk->stream = NULL;
}
