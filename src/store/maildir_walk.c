#include "store/maildir_walk.h"

#include <errno.h>
#include <fcntl.h>

#define STEP_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

/* ENOTDIR is a link or a file where a directory should be: somebody must look, it is not empty. */
static enum error directory_error(int number)
{
	return number == ENOTDIR || number == ELOOP ? ERROR_EXISTS : error_of_errno(number);
}

struct view maildir_base(struct view name)
{
	struct view base, flags;
	view_split(name, ':', &base, &flags);
	return base;
}

/* The way down: where it is, and what was written to. */
struct descent {
	struct mail_disk *disk;
	int root;
	int at;
	bool makes;
	int watch;
};

/* One step down, which leaves `at` (unless that is the root, or watched). */
static enum error step_down(struct descent *d, struct view part)
{
	char name[MAILDIR_NAME_MAX + 1];
	if (!view_to_text(part, name, sizeof name))
		return ERROR_LIMIT;
	int fd = d->disk->open(d->disk, d->at, name, STEP_FLAGS, 0);
	if (fd < 0 && errno == ENOENT && d->makes) {
		if (d->watch < 0)
			d->watch = d->at;
		if (d->disk->make_directory(d->disk, d->at, name, 02770) == 0 || errno == EEXIST)
			fd = d->disk->open(d->disk, d->at, name, STEP_FLAGS, 0);
	}
	if (fd < 0)
		return directory_error(errno);
	if (d->at != d->root && d->at != d->watch)
		d->disk->close(d->disk, d->at);
	d->at = fd;
	return ERROR_NONE;
}

static enum error walk_down(struct descent *d, struct view path)
{
	enum error error = ERROR_NONE;
	while (path.length && !error) {
		struct view part;
		view_split(path, '/', &part, &path);
		if (part.length == 0 || view_equal(part, VIEW(".")))
			continue;
		error = view_equal(part, VIEW("..")) ? ERROR_DENIED : step_down(d, part);
	}
	return error;
}

static enum error walk(const struct maildir_place *place, struct descent *d)
{
	*d = (struct descent){
		.disk = place->disk, .root = place->root, .at = place->root, .watch = -1};
	if (place->mailbox.length == 0 || view_find(place->mailbox, '/') != VIEW_NOT_FOUND ||
		view_find(place->mailbox, 0) != VIEW_NOT_FOUND || view_at(place->mailbox, 0) == '.')
		return ERROR_DENIED;
	return ERROR_NONE;
}

enum error maildir_walk_make(const struct maildir_place *place, int *fd_out, int *watch_out)
{
	struct descent d;
	*fd_out = *watch_out = -1;
	enum error error = walk(place, &d);
	d.makes = true;
	if (!error)
		error = walk_down(&d, place->mailbox);
	if (!error)
		error = walk_down(&d, place->after);
	if (error) {
		if (d.at != d.root && d.at != d.watch)
			d.disk->close(d.disk, d.at);
		if (d.watch >= 0 && d.watch != d.root)
			d.disk->close(d.disk, d.watch);
		return error;
	}
	*fd_out = d.at;
	*watch_out = d.watch;
	return ERROR_NONE;
}

enum error maildir_walk_open(const struct maildir_place *place, int *fd_out)
{
	struct descent d;
	*fd_out = -1;
	enum error error = walk(place, &d);
	if (!error)
		error = walk_down(&d, place->mailbox);
	if (!error)
		error = walk_down(&d, place->after);
	if (error && d.at != d.root)
		d.disk->close(d.disk, d.at);
	if (!error)
		*fd_out = d.at;
	return error;
}

enum error maildir_walk_make_folders(struct mail_disk *disk, int maildir)
{
	static const char *const folders[] = {"tmp", "new", "cur"};
	for (size_t i = 0; i < 3; i++)
		if (disk->make_directory(disk, maildir, folders[i], 02770) != 0 && errno != EEXIST)
			return error_of_errno(errno);
	return ERROR_NONE;
}

enum error maildir_walk_begin(
	struct mail_disk *disk, int maildir, const char *below, struct maildir_walk *walk)
{
	*walk = (struct maildir_walk){
		.disk = disk, .directory = disk->open(disk, maildir, below, STEP_FLAGS, 0)};
	if (walk->directory < 0)
		return directory_error(errno);
	walk->stream = disk->list(disk, walk->directory);
	if (!walk->stream)
		walk->error = error_of_errno(errno);
	return walk->error;
}

bool maildir_walk_next(struct maildir_walk *walk, struct maildir_entry *entry)
{
	struct mail_disk_entry e;
	do {
		if (!walk->disk->next(walk->disk, walk->stream, &e)) {
			walk->error = errno ? error_of_errno(errno) : ERROR_NONE;
			return false;
		}
	} while (e.name[0] == '.' || !(e.is_regular || e.is_unknown));
	*entry = (struct maildir_entry){.name = view_text(e.name),
		.text = e.name,
		.directory = walk->directory,
		.inode = e.inode,
		.is_regular = e.is_regular};
	return true;
}

void maildir_walk_end(struct maildir_walk *walk)
{
	if (walk->stream)
		walk->disk->end(walk->disk, walk->stream);
	walk->stream = NULL;
}
