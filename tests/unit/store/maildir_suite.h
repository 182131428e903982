/* What the tests of Maildirs share: a directory of mailboxes in memory, and files in it. */
#ifndef TESTS_STORE_MAILDIR_SUITE_H
#define TESTS_STORE_MAILDIR_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/maildir.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct boxes {
	char path[64];
	int root;
	struct maildir_place place; /* "hana", "/" */
};

static inline int boxes_open(void **state)
{
	struct boxes *b = calloc(1, sizeof *b);
	snprintf(b->path, sizeof b->path, "%s/sekisho-maildir-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(b->path));
	b->root = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->root >= 0);
	b->place = (struct maildir_place){mail_disk_posix(), b->root, VIEW("hana"), VIEW("/")};
	*state = b;
	return 0;
}

static inline void boxes_clear(int from, const char *name)
{
	const int fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	for (struct dirent *e; list && (e = readdir(list));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			unlinkat(fd, e->d_name, 0) != 0) {
			boxes_clear(fd, e->d_name);
			unlinkat(fd, e->d_name, AT_REMOVEDIR);
		}
	if (list)
		closedir(list);
}

static inline int boxes_close(void **state)
{
	struct boxes *b = *state;
	boxes_clear(AT_FDCWD, b->path);
	close(b->root);
	rmdir(b->path);
	free(b);
	return 0;
}

static inline void boxes_make(const struct boxes *b, const char *mailbox)
{
	static const char *const below[] = {"", "/tmp", "/new", "/cur"};
	char path[600];
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s%s", mailbox, below[i]);
		mkdirat(b->root, path, 0770);
	}
}

/* `path` as "hana/new/NAME". */
static inline void boxes_put(const struct boxes *b, const char *path, const char *octets)
{
	const int fd = openat(b->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, strlen(octets)), strlen(octets));
	close(fd);
}

/* Whether the file is there and holds just that. */
static inline bool boxes_holds(const struct boxes *b, const char *path, const char *octets)
{
	char found[4096];
	const int fd = openat(b->root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	const ssize_t n = read(fd, found, sizeof found);
	close(fd);
	return n == (ssize_t)strlen(octets) && memcmp(found, octets, (size_t)n) == 0;
}

static inline bool boxes_has(const struct boxes *b, const char *path)
{
	return faccessat(b->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline size_t boxes_count(const struct boxes *b, const char *path)
{
	const int fd = openat(b->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fdopendir(fd);
	size_t n = 0;
	for (struct dirent *e; (e = readdir(list));)
		n += e->d_name[0] != '.';
	closedir(list);
	return n;
}

#endif
