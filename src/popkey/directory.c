#include "popkey/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ZFS_SUPER_MAGIC 0x2fc12fc1u
#define HALF_MADE_MS 60000u
#define TRIES 100u /* each is lost to somebody who has come through */

int popkey_open(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool popkey_has_moved(int directory, const char *path)
{
	struct stat ours, there;
	return fstat(directory, &ours) != 0 || stat(path, &there) != 0 ||
	       ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}

bool popkey_is_of_this_host(int directory)
{
	static const unsigned kinds[] = {TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC,
		XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC,
		ZFS_SUPER_MAGIC};
	struct statfs s;
	if (fstatfs(directory, &s) != 0)
		return false;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if ((unsigned)s.f_type == kinds[i])
			return true;
	return false;
}

enum error popkey_begin(int directory, const struct ip *ip, struct view id, struct view user,
	uint64_t now_ms, const struct popkey_rules *rules)
{
	struct entry_name fresh;
	if (!popkey_id_is_good(id))
		return ERROR_SYNTAX;
	struct buffer content = buffer_new(POPKEY_USER_MAX + 1);
	if (popkey_user_is_good(user)) {
		buffer_add(&content, user);
		buffer_add_octet(&content, '\n');
	}
	enum error error = entry_write(directory, buffer_view(&content), now_ms, &fresh);
	buffer_free(&content);
	if (!error)
		error = entry_rename(directory, fresh.text, entry_name(ip, id, rules).text, 0);
	return error;
}

enum error popkey_touch(int directory, const struct ip *ip, struct view id, uint64_t at_ms,
	const struct popkey_rules *rules)
{
	struct timespec times[2];
	entry_times(at_ms, times);
	return utimensat(directory, entry_name(ip, id, rules).text, times, AT_SYMLINK_NOFOLLOW) == 0
		       ? ERROR_NONE
		       : error_of_errno(errno);
}

static enum error take_out(int directory, const char *name)
{
	return unlinkat(directory, name, 0) == 0 || errno == ENOENT ? ERROR_NONE
								    : error_of_errno(errno);
}

enum error popkey_close(
	int directory, const struct ip *ip, struct view id, const struct popkey_rules *rules)
{
	return take_out(directory, entry_name(ip, id, rules).text);
}

/* --- a plain file that takes in another ------------------------------------------------------ */

struct taking {
	int directory;
	const char *name;
	const struct popkey_rules *rules;
	uint64_t now_ms;
	unsigned tries;
};

/* Puts the fresh file there in place of `old` (null: of nothing). ERROR_BUSY when something else was there: the
 * fresh file is there now, or not at all, and *other_out is what it took the place of. */
static enum error take_place(
	const struct taking *t, const char *fresh, const struct entry *old, struct entry *other_out)
{
	if (!old) {
		const enum error error =
			entry_rename(t->directory, fresh, t->name, RENAME_NOREPLACE);
		return error == ERROR_EXISTS ? ERROR_BUSY : error;
	}
	if (renameat2(t->directory, fresh, t->directory, t->name, RENAME_EXCHANGE) != 0) {
		const int problem = errno;
		if (problem != EINVAL)
			unlinkat(t->directory, fresh, 0);
		return problem == ENOENT   ? ERROR_BUSY
		       : problem == EINVAL ? entry_rename(t->directory, fresh, t->name, 0)
					   : error_of_errno(problem);
	}
	const enum error error = entry_open(t->directory, fresh, other_out);
	unlinkat(t->directory, fresh, 0);
	return error || entry_is_same(old, other_out) ? ERROR_NONE : ERROR_BUSY;
}

/* One try; ERROR_BUSY: again, with what is in *other_out if it has a descriptor, else with the same. */
static enum error take_once(
	const struct taking *t, const struct popkey_file *more, struct entry *other_out)
{
	struct entry old;
	struct entry_name fresh;
	enum error error = entry_open(t->directory, t->name, &old);
	const bool is_there = error == ERROR_NONE;
	if (is_there && popkey_has(&old.file, more, t->rules, t->now_ms)) {
		error = ERROR_NONE;
	} else if (is_there || error == ERROR_MISSING) {
		struct buffer content = buffer_new(POPKEY_CONTENT_MAX);
		const uint64_t at_ms = popkey_union(
			&content, more, is_there ? &old.file : NULL, t->rules, t->now_ms);
		error = entry_write(t->directory, buffer_view(&content), at_ms, &fresh);
		buffer_free(&content);
		if (!error)
			error = take_place(t, fresh.text, is_there ? &old : NULL, other_out);
	}
	entry_close(&old);
	return error;
}

/* Whoever is open in `more` is in the file NAME then, with whoever is there. */
static enum error take_in(struct taking *t, const struct popkey_file *more)
{
	struct entry kept = {.fd = -1};
	struct popkey_file wanted = *more;
	enum error error = ERROR_BUSY;
	while (error == ERROR_BUSY && t->tries++ < TRIES) {
		struct entry other = {.fd = -1};
		error = take_once(t, &wanted, &other);
		if (error == ERROR_BUSY && other.fd >= 0) {
			entry_close(&kept);
			kept = other;
			wanted.mtime_ms = kept.file.mtime_ms;
			wanted.content = buffer_view(&kept.content);
		} else {
			entry_close(&other);
		}
	}
	entry_close(&kept);
	return error;
}

/* --- the end of a session -------------------------------------------------------------------- */

static enum error end_as(int directory, const char *name, struct view user, uint64_t now_ms,
	const struct popkey_rules *rules)
{
	struct taking t = {.directory = directory, .name = name, .rules = rules, .now_ms = now_ms};
	struct buffer line = buffer_new(POPKEY_USER_MAX + 22);
	popkey_line_add(&line, popkey_user_is_good(user) ? user : VIEW_NONE, now_ms);
	const struct popkey_file ended = {.mtime_ms = now_ms, .content = buffer_view(&line)};
	const enum error error = take_in(&t, &ended);
	buffer_free(&line);
	return error;
}

/* A session that keeps its name (somebody else's file is in the way, in a directory where that cannot be replaced) is dated
 * so that it closes when the plain file would have. */
static bool ends_by_itself(int directory, const struct ip *ip, struct view id, uint64_t now_ms,
	const struct popkey_rules *rules)
{
	const uint64_t early_ms =
		rules->session_ms > rules->gate_ms ? rules->session_ms - rules->gate_ms : 0;
	return early_ms < now_ms &&
	       popkey_touch(directory, ip, id, now_ms - early_ms, rules) == ERROR_NONE;
}

/* Where nobody else is at the address, these are the paper's own two steps. Where there is no room for a file that
 * names all, they are taken in any case: the name of another is lost rather than the way of this one. */
enum error popkey_end(int directory, const struct ip *ip, struct view id, struct view user,
	uint64_t now_ms, const struct popkey_rules *rules)
{
	const struct entry_name plain = entry_name(ip, VIEW_NONE, rules);
	if (!id.length)
		return end_as(directory, plain.text, user, now_ms, rules);
	const struct entry_name session = entry_name(ip, id, rules);
	const bool is_touched = popkey_touch(directory, ip, id, now_ms, rules) == ERROR_NONE;
	if (is_touched &&
		renameat2(directory, session.text, directory, plain.text, RENAME_NOREPLACE) == 0)
		return ERROR_NONE;
	const enum error error = end_as(directory, plain.text, user, now_ms, rules);
	if (error && is_touched && renameat(directory, session.text, directory, plain.text) == 0)
		return ERROR_NONE;
	if (is_touched && (!error || !ends_by_itself(directory, ip, id, now_ms, rules)))
		unlinkat(directory, session.text, 0);
	return error;
}

/* --- removing -------------------------------------------------------------------------------- */

/* Takes NAME away. ERROR_BUSY: it was not `old` any more, and *other_out is what is gone now. */
static enum error take_away(
	const struct taking *t, const struct entry *old, struct entry *other_out)
{
	const struct entry_name fresh = entry_fresh();
	if (renameat(t->directory, t->name, t->directory, fresh.text) != 0)
		return errno == ENOENT ? ERROR_NONE : error_of_errno(errno);
	const enum error error = entry_open(t->directory, fresh.text, other_out);
	unlinkat(t->directory, fresh.text, 0);
	return error || entry_is_same(old, other_out) ? ERROR_NONE : ERROR_BUSY;
}

static enum error leave_out_once(struct taking *t, struct view user, bool *again)
{
	struct entry old;
	struct entry other = {.fd = -1};
	struct entry_name fresh;
	struct buffer rest = buffer_new(POPKEY_CONTENT_MAX);
	enum error error = entry_open(t->directory, t->name, &old);
	const uint64_t at_ms =
		error ? 0 : popkey_without(&rest, &old.file, user, t->rules, t->now_ms);
	if (!error && at_ms)
		error = entry_write(t->directory, buffer_view(&rest), at_ms, &fresh);
	if (!error)
		error = at_ms ? take_place(t, fresh.text, &old, &other)
			      : take_away(t, &old, &other);
	*again = error == ERROR_BUSY;
	if (error == ERROR_BUSY && other.fd >= 0)
		error = take_in(t, &other.file);
	entry_close(&other);
	entry_close(&old);
	buffer_free(&rest);
	return error == ERROR_MISSING ? ERROR_NONE : error;
}

static enum error leave_out(int directory, const char *name, struct view user, uint64_t now_ms,
	const struct popkey_rules *rules)
{
	struct taking t = {.directory = directory, .name = name, .rules = rules, .now_ms = now_ms};
	enum error error = ERROR_NONE;
	bool again = true;
	for (unsigned i = 0; i < TRIES && again && !error; i++)
		error = leave_out_once(&t, user, &again);
	return again && !error ? ERROR_BUSY : error;
}

enum error popkey_close_user(int directory, const struct ip *ip, struct view user, uint64_t now_ms,
	const struct popkey_rules *rules)
{
	struct popkey_walk walk;
	struct popkey_file file;
	struct popkey_row row;
	enum error first = popkey_walk_begin(&walk, directory, ip, rules);
	while (popkey_walk_next(&walk, &file)) {
		struct popkey_rows rows = popkey_rows_of(&file, rules);
		enum error error = ERROR_NONE;
		if (user.length && !file.name.id.length)
			error = leave_out(directory, walk.name, user, now_ms, rules);
		else if (!user.length ||
			 (popkey_rows_next(&rows, &row) && view_equal(row.user, user)))
			error = take_out(directory, walk.name);
		first = first ? first : error; /* the others can go all the same */
	}
	popkey_walk_end(&walk);
	return first;
}

/* --- cleaning -------------------------------------------------------------------------------- */

/* The last millisecond at which anybody in the file is open; 0: nobody is. */
static uint64_t last_ms(
	const struct popkey_file *file, uint64_t now_ms, const struct popkey_rules *rules)
{
	struct popkey_rows rows = popkey_rows_of(file, rules);
	struct popkey_row row;
	uint64_t last = 0;
	while (popkey_rows_next(&rows, &row))
		if (popkey_row_is_open(&row, now_ms) && row.ends_ms > last)
			last = row.ends_ms;
	return last;
}

/* A session has its file to itself; into a plain one somebody may be coming. */
static enum error remove_closed(int directory, const struct popkey_walk *walk,
	const struct popkey_file *file, uint64_t now_ms, const struct popkey_rules *rules)
{
	static const struct view nobody = VIEW("/");
	if (!file->name.id.length)
		return leave_out(directory, walk->name, nobody, now_ms, rules);
	return take_out(directory, walk->name);
}

enum error popkey_sweep_begin(struct popkey_walk *w, int directory, const struct ip *ip,
	uint64_t now_ms, const struct popkey_rules *rules)
{
	const enum error error = popkey_walk_begin(w, directory, ip, rules);
	w->half_made_before_ms = now_ms > HALF_MADE_MS ? now_ms - HALF_MADE_MS : 0;
	return error;
}

bool popkey_sweep_next(
	struct popkey_walk *w, uint64_t now_ms, uint64_t *last_ms_out, enum error *error_out)
{
	struct popkey_file file;
	if (!popkey_walk_next(w, &file))
		return false;
	*last_ms_out = last_ms(&file, now_ms, w->rules);
	*error_out =
		*last_ms_out ? ERROR_NONE : remove_closed(w->directory, w, &file, now_ms, w->rules);
	return true;
}

enum error popkey_expire(
	int directory, uint64_t now_ms, const struct popkey_rules *rules, uint64_t *next_ms_out)
{
	struct popkey_walk walk;
	uint64_t last = 0;
	uint64_t next_ms = UINT64_MAX;
	enum error error = ERROR_NONE;
	enum error first = popkey_sweep_begin(&walk, directory, NULL, now_ms, rules);
	while (popkey_sweep_next(&walk, now_ms, &last, &error)) {
		first = first ? first : error; /* the others can go all the same */
		if (last && last < next_ms)
			next_ms = last;
	}
	popkey_walk_end(&walk);
	if (next_ms_out)
		*next_ms_out = next_ms;
	return first;
}
