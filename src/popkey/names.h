/*
 * The names in a directory of popKey by their addresses, for a program that is asked often: one address's answer opens that
 * address's files, however many others there are. What a file says is never kept, only that it is there.
 *
 * The kernel tells of each name that comes or goes before the call that made it so returns (inotify(7)), and all that was told
 * is taken in before a question is answered: what a script has just written is seen. Where the kernel may not know of
 * every change (a file system that other hosts write, too), or cannot tell, or there are too many names, each question looks
 * through the directory itself; slower, never wrong.
 *
 *	struct names *n = names_new("/run/popkey", &rules, NAMES_MAX);
 *	error = names_walk(n, &ip, &walk);
 *	while (!error && popkey_walk_next(&walk, &file)) …
 *	popkey_walk_end(&walk);
 *
 * Who calls: popkey-export. (popkey-smtp looks once, and ends.)
 */
#ifndef POPKEY_NAMES_H
#define POPKEY_NAMES_H

#include "popkey/directory.h"

#define NAMES_MAX ((size_t)2 << 20) /* some 100 octets each */

struct names;

/* `path`: kept; it need not be there yet, and another may take its place. */
struct names *names_new(const char *path, const struct popkey_rules *rules, size_t max);
void names_free(struct names **n);

/* Begins a walk through all files of one neighbour, as popkey_walk_begin does. Until its end no other call here. An error:
 * there is no such directory, or it cannot be read; `w` is to be ended in any case. */
must_use enum error names_walk(struct names *n, const struct ip *ip, struct popkey_walk *w);

/* Readable when there is something to take in; -1: the kernel tells nothing. It stays the same. */
int names_descriptor(const struct names *n);
/* Takes it in, so that it is not much when somebody asks. */
enum error names_update(struct names *n);
/* How many names are known; false: each question looks through the directory. */
bool names_count(const struct names *n, size_t *count_out);

#endif
