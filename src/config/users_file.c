#include "config/users_file.h"

#include "base/descriptor.h"
#include "config/lines.h"
#include "config/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the text ----------------------------------------------------------------------------- */

static void add_line(struct buffer *out, const struct users_change *change, struct view end)
{
	buffer_add(out, change->name);
	buffer_add_octet(out, ':');
	buffer_add(out, change->verifier);
	buffer_add(out, end);
}

static bool is_for(const struct line *line, struct view name, struct view *verifier_out)
{
	struct view found;
	return line->problem == LINES_OK && view_split(line->text, ':', &found, verifier_out) &&
	       view_equal(view_trim(found), name);
}

static enum error check_change(const struct users_change *change)
{
	if (user_name_check(change->name) != USER_OK)
		return ERROR_SYNTAX;
	if (change->kind != USERS_REMOVE && user_verifier_check(change->verifier) != USER_OK)
		return ERROR_SYNTAX;
	return ERROR_NONE;
}

/* What to do with the line of that name. */
static enum error change_line(const struct users_change *change, struct view verifier,
	struct view end, struct buffer *out)
{
	switch (change->kind) {
	case USERS_ADD:
		return ERROR_EXISTS;
	case USERS_REPLACE:
	case USERS_REMOVE:
		break;
	}
	if (!view_is_empty(change->expected) &&
		!view_equal_secret(change->expected, view_trim(verifier)))
		return ERROR_BUSY;
	if (change->kind == USERS_REPLACE)
		add_line(out, change, end);
	return ERROR_NONE;
}

enum error users_change_apply(
	struct view text, const struct users_change *change, struct buffer *out)
{
	enum error error = check_change(change);
	struct lines lines = lines_of(text);
	struct line line;
	struct view verifier;
	struct view end = VIEW("\n");
	bool was_found = false;
	while (error == ERROR_NONE && lines_next_raw(&lines, &line)) {
		if (view_ends(line.whole, VIEW("\r\n")))
			end = VIEW("\r\n");
		if (is_for(&line, change->name, &verifier)) {
			was_found = true;
			error = change_line(change, verifier, end, out);
			continue;
		}
		buffer_add(out, line.whole);
		/* The last line may lack its end, or the second half of it. */
		if (!view_ends(line.whole, VIEW("\n")))
			buffer_add(out, view_ends(line.whole, VIEW("\r")) ? VIEW("\n") : end);
	}
	if (error != ERROR_NONE)
		return error;
	if (change->kind == USERS_ADD)
		add_line(out, change, end);
	else if (!was_found)
		return ERROR_MISSING;
	return buffer_failed(out) ? ERROR_LIMIT : ERROR_NONE;
}

/* --- the file ----------------------------------------------------------------------------- */

#define LOCK_FILE ".users.lock"
#define NEW_FILE "users.new"

/* The present text, and the owner and mode that the new file shall have. */
static enum error read_users(int directory_fd, struct buffer *text, struct stat *status)
{
	bytes_zero(status, sizeof *status);
	status->st_uid = (uid_t)-1;
	status->st_gid = (gid_t)-1;
	status->st_mode = 0600;
	const int fd =
		openat(directory_fd, "users", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? ERROR_NONE : error_of_errno(errno);
	enum error error = fstat(fd, status) == 0 ? ERROR_NONE : error_of_errno(errno);
	if (error == ERROR_NONE && !S_ISREG(status->st_mode))
		error = ERROR_DENIED;
	if (error == ERROR_NONE)
		error = descriptor_read_all(fd, text);
	(void)close(fd);
	return error;
}

static enum error write_new(int directory_fd, struct view text, const struct stat *old)
{
	(void)unlinkat(directory_fd, NEW_FILE, 0); /* what a crash left */
	const int fd = openat(
		directory_fd, NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_of_errno(errno);
	/* The owner stays, and a group that may read keeps that; nobody else ever may. Only root
	 * can give a file away: for others it is theirs already. */
	const bool keeps_owner = old->st_uid == (uid_t)-1 || geteuid() != 0;
	enum error error = descriptor_write_all(fd, text);
	if (error == ERROR_NONE && ((!keeps_owner && fchown(fd, old->st_uid, old->st_gid) != 0) ||
					   fchmod(fd, old->st_mode & 0640) != 0 || fsync(fd) != 0))
		error = error_of_errno(errno);
	(void)close(fd);
	return error;
}

static enum error replace(int directory_fd, struct view text, const struct stat *old)
{
	enum error error = write_new(directory_fd, text, old);
	if (error == ERROR_NONE && renameat(directory_fd, NEW_FILE, directory_fd, "users") != 0)
		error = error_of_errno(errno);
	if (error != ERROR_NONE)
		(void)unlinkat(directory_fd, NEW_FILE, 0);
	else if (fsync(directory_fd) != 0)
		error = error_of_errno(errno);
	return error;
}

static enum error change_locked(int directory_fd, const struct users_change *change)
{
	const uint64_t max = setting_get(SETTING_USERS)->octets_max;
	struct buffer old = buffer_new(max);
	struct buffer new = buffer_new(max);
	struct stat status;
	enum error error = read_users(directory_fd, &old, &status);
	if (error == ERROR_NONE)
		error = users_change_apply(buffer_view(&old), change, &new);
	if (error == ERROR_NONE)
		error = replace(directory_fd, buffer_view(&new), &status);
	buffer_free_secret(&new);
	buffer_free_secret(&old);
	return error;
}

enum error users_file_change(int directory_fd, const struct users_change *change)
{
	const int lock =
		openat(directory_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return error_of_errno(errno);
	int failed;
	do
		failed = flock(lock, LOCK_EX);
	while (failed != 0 && errno == EINTR);
	const enum error error =
		failed ? error_of_errno(errno) : change_locked(directory_fd, change);
	(void)close(lock);
	return error;
}
