#include "store/maildir_find.h"

#include "store/maildir_walk.h"

#include <errno.h>
#include <fcntl.h>

/* Its reader may move it from new/ to cur/, or change its flags, while we look: a directory that is
 * being changed may be read without it. It is believed to be away only when seen so this often. */
#define LOOKS 2

static enum error open_at(struct maildir_file *file, const char *folder, struct view name)
{
	struct mail_disk_facts facts;
	struct mail_disk *disk = file->disk;
	const int directory =
		disk->open(disk, file->maildir, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (directory < 0)
		return errno == ENOENT ? ERROR_MISSING : error_of_errno(errno);
	must(view_to_text(name, file->path, sizeof file->path));
	/* not to wait for a writer, should somebody have put a pipe there */
	const int flags = O_NOFOLLOW | O_NONBLOCK;
	bool writes = file->how & MAILDIR_REWRITE;
	file->found =
		disk->open(disk, directory, file->path, flags | (writes ? O_RDWR : O_RDONLY), 0);
	if (file->found < 0 && errno == EACCES && writes) {
		writes = false;
		file->found = disk->open(disk, directory, file->path, flags | O_RDONLY, 0);
	}
	const int problem = errno;
	disk->close(disk, directory);
	if (file->found < 0)
		return problem == ELOOP ? ERROR_IO : error_of_errno(problem);
	must(view_to_text(view_text(folder), file->folder, sizeof file->folder));
	file->is_found = true;
	if (disk->facts(disk, file->found, NULL, &facts) != 0)
		return error_of_errno(errno);
	if (file->how & MAILDIR_REWRITE && !writes) {
		disk->close(disk, file->found);
		file->found = -1;
	}
	return facts.is_regular ? ERROR_NONE : ERROR_IO;
}

/* In cur/, with flags. */
static enum error find_flagged(struct maildir_file *file, char path[MAILDIR_NAME_MAX + 1])
{
	struct maildir_walk walk;
	struct maildir_entry entry;
	bool found = false;
	enum error error = maildir_walk_begin(file->disk, file->maildir, "cur", &walk);
	while (!error && !found && maildir_walk_next(&walk, &entry))
		found = view_equal(maildir_base(entry.name), view_text(file->name)) &&
			view_to_text(entry.name, path, MAILDIR_NAME_MAX + 1);
	if (!error && !found)
		error = walk.error ? walk.error : ERROR_MISSING;
	maildir_walk_end(&walk);
	return error;
}

static enum error look(struct maildir_file *file)
{
	char path[MAILDIR_NAME_MAX + 1];
	enum error error = open_at(file, "new", view_text(file->name));
	if (error == ERROR_MISSING)
		error = open_at(file, "cur", view_text(file->name));
	if (error == ERROR_MISSING)
		error = find_flagged(file, path);
	else
		return error;
	return error ? error : open_at(file, "cur", view_text(path));
}

enum error maildir_find(struct maildir_file *file)
{
	enum error error = ERROR_MISSING;
	for (int i = 0; i < LOOKS && error == ERROR_MISSING; i++)
		error = look(file);
	return error == ERROR_MISSING ? ERROR_NONE : error;
}
