#include "popkey/entry.h"

#include "base/descriptor.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NS_OF_MS 1000000

/* --- names -------------------------------------------------------------------------------- */

static struct entry_name name_in(struct buffer *b)
{
	struct entry_name name;
	must(view_to_text(buffer_view(b), name.text, sizeof name.text));
	buffer_free(b);
	return name;
}

struct entry_name entry_name(const struct ip *ip, struct view id, const struct popkey_rules *rules)
{
	const struct ip neighbour = popkey_neighbour(ip, rules);
	struct buffer b = buffer_new(sizeof(struct entry_name));
	popkey_name_add(&b, &neighbour, id);
	return name_in(&b);
}

struct entry_name entry_fresh(void)
{
	const uint64_t random = random_u64();
	struct buffer b = buffer_new(sizeof(struct entry_name));
	buffer_add(&b, VIEW(POPKEY_FRESH));
	buffer_add_hex(&b, view_of(&random, sizeof random));
	return name_in(&b);
}

/* --- reading ------------------------------------------------------------------------------ */

void entry_times(uint64_t ms, struct timespec times[2])
{
	times[0] = times[1] = (struct timespec){
		.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * NS_OF_MS};
}

static uint64_t mtime_ms(const struct stat *s)
{
	if (s->st_mtim.tv_sec < 0)
		return 0;
	return (uint64_t)s->st_mtim.tv_sec * 1000 + (uint64_t)s->st_mtim.tv_nsec / NS_OF_MS;
}

static enum error read_content(struct entry *e)
{
	const enum error error = descriptor_read_all(e->fd, &e->content);
	e->file.content = buffer_view(&e->content);
	return error == ERROR_LIMIT ? ERROR_NONE : error;
}

/* What is no file is not waited for (O_NONBLOCK). */
static enum error open_and_read(int directory, const char *name, struct entry *e)
{
	e->fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (e->fd < 0 && errno != EACCES)
		return errno == ELOOP ? ERROR_SYNTAX : error_of_errno(errno);
	const int failed = e->fd >= 0 ? fstat(e->fd, &e->stat)
				      : fstatat(directory, name, &e->stat, AT_SYMLINK_NOFOLLOW);
	if (failed != 0)
		return error_of_errno(errno);
	if (!S_ISREG(e->stat.st_mode))
		return ERROR_SYNTAX;
	e->file.mtime_ms = mtime_ms(&e->stat);
	return e->fd >= 0 && e->stat.st_size ? read_content(e) : ERROR_NONE;
}

enum error entry_open(int directory, const char *name, struct entry *e)
{
	*e = (struct entry){.content = buffer_new(POPKEY_CONTENT_MAX)};
	return open_and_read(directory, name, e);
}

enum error entry_open_into(int directory, const char *name, struct buffer *content, struct entry *e)
{
	*e = (struct entry){.content = *content};
	buffer_clear(&e->content);
	const enum error error = open_and_read(directory, name, e);
	*content = e->content;
	e->content = buffer_new(0);
	return error;
}

void entry_close(struct entry *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	buffer_free(&e->content);
}

bool entry_is_same(const struct entry *a, const struct entry *b)
{
	return a->fd >= 0 && b->fd >= 0 && a->stat.st_dev == b->stat.st_dev &&
	       a->stat.st_ino == b->stat.st_ino &&
	       a->stat.st_mtim.tv_sec == b->stat.st_mtim.tv_sec &&
	       a->stat.st_mtim.tv_nsec == b->stat.st_mtim.tv_nsec;
}

/* --- writing ------------------------------------------------------------------------------ */

/* The mode is not left to the caller's mask: those who ask are others. */
static enum error fill(int fd, struct view content, uint64_t at_ms)
{
	struct timespec times[2];
	entry_times(at_ms, times);
	const enum error error = content.length ? descriptor_write_all(fd, content) : ERROR_NONE;
	if (error)
		return error;
	return fchmod(fd, POPKEY_FILE_MODE) == 0 && futimens(fd, times) == 0
		       ? ERROR_NONE
		       : error_of_errno(errno);
}

enum error entry_write(
	int directory, struct view content, uint64_t at_ms, struct entry_name *name_out)
{
	*name_out = entry_fresh();
	const int fd = openat(directory, name_out->text,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, POPKEY_FILE_MODE);
	if (fd < 0)
		return error_of_errno(errno);
	const enum error error = fill(fd, content, at_ms);
	close(fd);
	if (error)
		unlinkat(directory, name_out->text, 0);
	return error;
}

enum error entry_rename(int directory, const char *from, const char *to, unsigned flags)
{
	if (renameat2(directory, from, directory, to, flags) == 0)
		return ERROR_NONE;
	const enum error error = error_of_errno(errno);
	unlinkat(directory, from, 0);
	return error;
}
