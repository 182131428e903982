#include "store/maildir.h"

#include "base/text.h"
#include "store/maildir_find.h"
#include "store/maildir_walk.h"

#include <errno.h>
#include <fcntl.h>

#define STEP_OCTETS 65536u
#define EXCHANGES_MAX 8 /* with a reader who renames the file again and again */

void maildir_name_add(struct buffer *b, const struct maildir_name *n)
{
	text_add(b, "{}.{}_{}_{}.{},S={}", text_signed(n->arrival_s), text_hex(n->birth),
		text_hex(n->id.value), text_number(n->recipient), text_view(n->host),
		text_number(n->octets));
}

struct maildir_file maildir_file_none(void)
{
	return (struct maildir_file){.fd = -1, .found = -1, .maildir = -1, .watch = -1};
}

/* "tmp/" and the name; the name has at most MAILDIR_NAME_MAX octets. */
struct path {
	char text[MAILDIR_NAME_MAX + 5];
};

static struct path path_in(const char *folder, const char *name)
{
	struct path path;
	struct buffer b = buffer_new(sizeof path.text - 1);
	buffer_add(&b, view_text(folder));
	buffer_add_octet(&b, '/');
	buffer_add(&b, view_text(name));
	must(!buffer_failed(&b) && view_to_text(buffer_view(&b), path.text, sizeof path.text));
	buffer_free(&b);
	return path;
}

static void close_one(struct mail_disk *disk, int *fd)
{
	if (*fd >= 0)
		disk->close(disk, *fd);
	*fd = -1;
}

void maildir_close(struct maildir_file *file)
{
	close_one(file->disk, &file->fd);
	close_one(file->disk, &file->found);
	close_one(file->disk, &file->watch);
	close_one(file->disk, &file->maildir);
}

int maildir_take_watch(struct maildir_file *file)
{
	const int watch = file->watch;
	file->watch = -1;
	return watch;
}

/* --- tmp/NAME ----------------------------------------------------------------------------- */

static void remove_fresh(struct maildir_file *file)
{
	const struct path path = path_in("tmp", file->name);
	file->disk->unlink(file->disk, file->maildir, path.text);
}

/* A new file in any case: one that is there is of an attempt that ended, or of an exchange. */
static enum error open_fresh(struct maildir_file *file)
{
	const struct path path = path_in("tmp", file->name);
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	struct mail_disk *disk = file->disk;
	file->fd = disk->open(disk, file->maildir, path.text, flags, 0660);
	if (file->fd < 0 && errno == EEXIST) {
		if (disk->unlink(disk, file->maildir, path.text) != 0)
			return error_of_errno(errno);
		file->fd = disk->open(disk, file->maildir, path.text, flags, 0660);
	}
	if (file->fd < 0 && errno == ENOENT) {
		const enum error error = maildir_walk_make_folders(disk, file->maildir);
		if (error)
			return error;
		file->fd = disk->open(disk, file->maildir, path.text, flags, 0660);
	}
	return file->fd >= 0 ? ERROR_NONE : error_of_errno(errno);
}

/* --- beginning ---------------------------------------------------------------------------- */

/* What spool knows of this mounting holds for the file system of the directory of all mailboxes. */
static bool is_same_mounting(const struct maildir_place *place, const struct maildir_file *file)
{
	struct mail_disk_facts facts;
	return place->disk->facts(place->disk, place->root, NULL, &facts) == 0 &&
	       facts.device == file->device;
}

static enum error begin(const struct maildir_place *place, struct maildir_file *file)
{
	enum error error = ERROR_NONE;
	if (file->how & MAILDIR_LOOK)
		error = maildir_find(file);
	if (error)
		return error;
	file->looked = !file->is_found || file->how & MAILDIR_REWRITE;
	file->is_away =
		file->how & MAILDIR_TRUST && !file->is_found && is_same_mounting(place, file);
	if (file->is_away) {
		/* somebody died while writing it anew, and then it was taken away */
		remove_fresh(file);
		return ERROR_NONE;
	}
	return file->found >= 0 ? ERROR_NONE : open_fresh(file);
}

enum error maildir_begin(const struct maildir_place *place, struct view name, unsigned how,
	struct maildir_file *file)
{
	struct mail_disk_facts facts;
	*file = maildir_file_none();
	file->disk = place->disk;
	file->how = how;
	if (!view_to_text(name, file->name, sizeof file->name))
		return ERROR_LIMIT;
	enum error error = maildir_walk_make(place, &file->maildir, &file->watch);
	if (error)
		return error;
	if (file->watch == place->root)
		file->watch = -1; /* its owner watches that */
	if (place->disk->facts(place->disk, file->maildir, NULL, &facts) == 0) {
		file->device = facts.device;
		error = begin(place, file);
	} else {
		error = error_of_errno(errno);
	}
	if (error)
		maildir_abandon(file);
	return error;
}

/* --- writing ------------------------------------------------------------------------------ */

static enum error write_all(
	struct maildir_file *file, int fd, const struct view *parts, size_t count)
{
	struct view left[MAIL_DISK_PARTS_MAX];
	size_t first = 0;
	must(count <= MAIL_DISK_PARTS_MAX);
	for (size_t i = 0; i < count; i++)
		left[i] = parts[i];
	for (;;) {
		while (first < count && left[first].length == 0)
			first++;
		if (first == count)
			return ERROR_NONE;
		ssize_t n = file->disk->write(
			file->disk, fd, left + first, count - first, file->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_of_errno(errno) : ERROR_IO;
		file->offset += (uint64_t)n;
		for (size_t i = first; n > 0 && i < count; i++) {
			const size_t part = left[i].length < (size_t)n ? left[i].length : (size_t)n;
			left[i] = view_from(left[i], part);
			n -= (ssize_t)part;
		}
	}
}

static bool is_same(struct maildir_file *file, struct view v, uint8_t *room)
{
	uint64_t offset = file->offset;
	while (v.length) {
		const size_t want = v.length < STEP_OCTETS ? v.length : STEP_OCTETS;
		const ssize_t n = file->disk->read(file->disk, file->found, room, want, offset);
		if (n <= 0 || !view_equal(view_of(room, (size_t)n), view_first(v, (size_t)n)))
			return false;
		v = view_from(v, (size_t)n);
		offset += (uint64_t)n;
	}
	return true;
}

/* What was found is wrong from `offset` on, at the latest: what stood before that, which was the
 * same, goes into a new file. */
static enum error write_anew(struct maildir_file *file, uint8_t *room)
{
	const uint64_t same = file->offset;
	file->mended = true;
	file->offset = 0;
	enum error error = open_fresh(file);
	while (!error && file->offset < same) {
		const uint64_t left = same - file->offset;
		const size_t want = left < STEP_OCTETS ? (size_t)left : STEP_OCTETS;
		const ssize_t n =
			file->disk->read(file->disk, file->found, room, want, file->offset);
		if (n <= 0)
			return ERROR_IO;
		const struct view part = view_of(room, (size_t)n);
		error = write_all(file, file->fd, &part, 1);
	}
	return error;
}

/* The part is as it should be; with MAILDIR_REWRITE it is also written once more. */
static enum error stay(struct maildir_file *file, const struct view *part)
{
	if (file->how & MAILDIR_REWRITE)
		return write_all(file, file->found, part, 1);
	file->offset += part->length;
	return ERROR_NONE;
}

static enum error compare(struct maildir_file *file, const struct view *parts, size_t count)
{
	uint8_t *room = memory_new(1, STEP_OCTETS);
	enum error error = ERROR_NONE;
	for (size_t i = 0; i < count && !error; i++) {
		if (file->fd < 0 && is_same(file, parts[i], room)) {
			error = stay(file, parts + i);
			continue;
		}
		if (file->fd < 0)
			error = write_anew(file, room);
		if (!error)
			error = write_all(file, file->fd, parts + i, 1);
	}
	memory_free(room);
	return error;
}

enum error maildir_write(struct maildir_file *file, const struct view *parts, size_t count)
{
	if (file->is_away)
		return ERROR_NONE;
	return file->fd < 0 ? compare(file, parts, count) : write_all(file, file->fd, parts, count);
}

/* --- its name ----------------------------------------------------------------------------- */

static enum error name_it(struct maildir_file *file)
{
	const struct path from = path_in("tmp", file->name);
	const struct path to = path_in("new", file->name);
	struct mail_disk *disk = file->disk;
	if (disk->rename(disk, file->maildir, from.text, file->maildir, to.text) == 0)
		return ERROR_NONE;
	if (errno != ENOENT)
		return error_of_errno(errno);
	const enum error error = maildir_walk_make_folders(disk, file->maildir);
	if (error)
		return error;
	return disk->rename(disk, file->maildir, from.text, file->maildir, to.text) == 0
		       ? ERROR_NONE
		       : error_of_errno(errno);
}

/* Into the place of what was found. Exchanged, not renamed over: its reader may give it another name
 * at any time, and then the old one must not come back beside it. */
static enum error exchange(struct maildir_file *file)
{
	const struct path from = path_in("tmp", file->name);
	struct mail_disk *disk = file->disk;
	for (int i = 0; i < EXCHANGES_MAX; i++) {
		const struct path to = path_in(file->folder, file->path);
		if (disk->exchange(disk, file->maildir, from.text, file->maildir, to.text) == 0) {
			remove_fresh(file); /* what was wrong */
			return ERROR_NONE;
		}
		if (errno == EINVAL || errno == ENOSYS) /* the file system cannot */
			return disk->rename(
				       disk, file->maildir, from.text, file->maildir, to.text) == 0
				       ? ERROR_NONE
				       : error_of_errno(errno);
		if (errno != ENOENT)
			return error_of_errno(errno);
		file->is_found = false;
		close_one(disk, &file->found);
		const enum error error = maildir_find(file);
		if (error)
			return error;
		if (file->is_found)
			continue;
		if (!(file->how & MAILDIR_TRUST)) /* removed meanwhile: as if never found */
			return name_it(file);
		remove_fresh(file);
		return ERROR_NONE;
	}
	return ERROR_BUSY;
}

/* Too long is wrong, too. */
static enum error check_end(struct maildir_file *file)
{
	struct mail_disk_facts facts;
	if (file->disk->facts(file->disk, file->found, NULL, &facts) != 0)
		return error_of_errno(errno);
	if (facts.octets == file->offset) {
		remove_fresh(file); /* an exchange may have left it */
		return ERROR_NONE;
	}
	uint8_t *room = memory_new(1, STEP_OCTETS);
	const enum error error = write_anew(file, room);
	memory_free(room);
	return error;
}

enum error maildir_finish(struct maildir_file *file)
{
	enum error error = ERROR_NONE;
	if (file->fd < 0 && !file->is_away)
		error = check_end(file);
	if (!error && file->fd >= 0)
		error = file->is_found ? exchange(file) : name_it(file);
	if (error) {
		maildir_abandon(file);
		return error;
	}
	file->looked = true;
	/* an error of a network file system may come only here */
	const int fd = file->fd >= 0 ? file->fd : file->found;
	if (file->fd < 0)
		file->found = -1;
	file->fd = -1;
	if (fd >= 0 && file->disk->close(file->disk, fd) != 0 && errno != EINTR)
		error = error_of_errno(errno);
	close_one(file->disk, &file->found);
	if (file->watch < 0)
		file->watch = file->maildir;
	else
		file->disk->close(file->disk, file->maildir);
	file->maildir = -1;
	return error;
}

void maildir_abandon(struct maildir_file *file)
{
	if (file->maildir < 0)
		return;
	if (file->fd >= 0)
		remove_fresh(file);
	if (file->mended && file->is_found) {
		const struct path torn = path_in(file->folder, file->path);
		if (file->disk->unlink(file->disk, file->maildir, torn.text) == 0)
			file->looked = true;
	}
	maildir_close(file);
}
