/*
 * One file of a directory of popKey: opened without following, written under a name that does not count yet. Inside
 * of popkey/directory.h, for its two halves only.
 */
#ifndef POPKEY_ENTRY_H
#define POPKEY_ENTRY_H

#include "popkey/directory.h"

#include <sys/stat.h>

struct entry_name {
	char text[256];
};

/* The spelling that ours have. */
struct entry_name entry_name(const struct ip *ip, struct view id, const struct popkey_rules *rules);
/* A name that does not count, and that nobody else has. */
struct entry_name entry_fresh(void);

struct entry {
	int fd; /* kept: no other file gets its number meanwhile; -1: it may not be read */
	struct stat stat;
	struct buffer content;
	struct popkey_file file; /* without its name */
};

/* Opens and reads; a file that may not be read still has its clock. `e` is to be closed whatever came of it. */
must_use enum error entry_open(int directory, const char *name, struct entry *e);
/* The same; *content is where the content lies. */
must_use enum error entry_open_into(
	int directory, const char *name, struct buffer *content, struct entry *e);
void entry_close(struct entry *e);
/* mtime and atime of a file. */
void entry_times(uint64_t ms, struct timespec times[2]);
/* One and the same file, not touched between the two. */
bool entry_is_same(const struct entry *a, const struct entry *b);

/* Writes a file under a fresh name. */
must_use enum error entry_write(
	int directory, struct view content, uint64_t at_ms, struct entry_name *name_out);
/* renameat2(2); what cannot be renamed is removed. */
must_use enum error entry_rename(int directory, const char *from, const char *to, unsigned flags);

#endif
