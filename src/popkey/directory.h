/*
 * The directory of popKey (N-22, N-23), which foreign scripts and ours write at one time: what is in it says popkey/format.h.
 * Blocking file calls on a descriptor of the directory; nothing follows a link, nothing locks. Time is an argument (Unix
 * milliseconds), so that both clocks can be tested to the millisecond, and so that the mtime is ours and not the kernel's.
 *
 * The paper's order of steps is kept: ADDR+ID is there before the session, it is touched at the end and renamed onto ADDR.
 * Where ADDR is there already and names other users, a file with all of them takes its place by an exchange; what was
 * exchanged away is looked at, and when it was not what had been read, it is merged in. So two sessions that end at
 * the same time lose nothing. (Where the file system knows no exchange, NFS say, the later one stays.) A foreign
 * `mv` puts an empty file there: the address stays open, the names are gone, and those who ask by name find it closed.
 *
 *	popkey_begin(directory, &ip, id, user, now_ms, &rules);
 *	…
 *	popkey_end(directory, &ip, id, user, now_ms, &rules);
 *
 * Who calls: the tools popkey-*, and `gate` when the setting `gatestore` names a directory. Whoever may write into the
 * directory may open the gate for anybody, so its mode is all there is to guard it (mode 2770, or 2775).
 */
#ifndef POPKEY_DIRECTORY_H
#define POPKEY_DIRECTORY_H

#include "base/error.h"
#include "popkey/format.h"

#define POPKEY_FILE_MODE 0644
#define POPKEY_FRESH ".popkey-" /* a name that begins so is not whole yet, or about to go */

/* -1 and errno when it is no directory, or a link. */
must_use int popkey_open(const char *path);
/* Whether `path` leads elsewhere by now. Who holds a directory is not told when it is removed or another takes its name. */
bool popkey_has_moved(int directory, const char *path);
/* Whether all that is written there is written through this kernel, which then can tell of it (inotify(7)). */
bool popkey_is_of_this_host(int directory);

/* A session begins: ADDR+ID. `user` may be empty, or not good, which is the same: unknown. */
must_use enum error popkey_begin(int directory, const struct ip *ip, struct view id,
	struct view user, uint64_t now_ms, const struct popkey_rules *rules);
/* It has ended: ADDR for gate_ms from `now_ms`, ADDR+ID is gone. With an empty id there was no session (an
 * IMAP login, N-27), or it goes on and popkey_close is called later. */
must_use enum error popkey_end(int directory, const struct ip *ip, struct view id, struct view user,
	uint64_t now_ms, const struct popkey_rules *rules);
/* Another mtime; ERROR_MISSING when there is no such file. */
must_use enum error popkey_touch(int directory, const struct ip *ip, struct view id, uint64_t at_ms,
	const struct popkey_rules *rules);
/* Removes ADDR+ID, or ADDR with an empty id, in the spelling that ours have; none there is no error. */
must_use enum error popkey_close(
	int directory, const struct ip *ip, struct view id, const struct popkey_rules *rules);
/* All of one user's at an address; an empty user: everything there, in any spelling. */
must_use enum error popkey_close_user(int directory, const struct ip *ip, struct view user,
	uint64_t now_ms, const struct popkey_rules *rules);

/* Reads one file. The name in `file_out` points into `name`, its content into `content`, which is cleared first and has
 * room for POPKEY_CONTENT_MAX (of longer files the front counts). ERROR_SYNTAX: not one of the format; ERROR_MISSING. */
must_use enum error popkey_read(
	int directory, struct view name, struct buffer *content, struct popkey_file *file_out);

/* All files of the format, or those of one neighbour (`ip` not null), in no order.
 *
 *	struct popkey_walk walk;
 *	error = popkey_walk_begin(&walk, directory, NULL, &rules);
 *	while (!error && popkey_walk_next(&walk, &file)) …
 *	popkey_walk_end(&walk);
 *
 * What is added or removed meanwhile may be seen or not; no file that stays is missed. */
struct popkey_known {
	struct popkey_known *next;
	char name[];
};
struct popkey_walk {
	int directory;
	void *stream;
	const struct popkey_known
		*known; /* those that are still to come, where they need not be looked for */
	const struct popkey_rules *rules;
	bool is_one;
	bool has_looked_again;
	struct ip neighbour;
	uint64_t
		half_made_before_ms; /* what a crash left unfinished is removed when it is older; 0: never */
	char name[256]; /* of the present file */
	struct buffer content;
};
/* A session of that address (null: of all) that ends meanwhile changes its name, and may be met under neither: so its plain
 * file comes once more, behind all others. */
must_use enum error popkey_walk_begin(struct popkey_walk *w, int directory, const struct ip *ip,
	const struct popkey_rules *rules);
/* The files of one neighbour when their names are known (popkey/names.h); the list may be empty, and outlives the walk. */
void popkey_walk_known(struct popkey_walk *w, int directory, const struct ip *ip,
	const struct popkey_known *known, const struct popkey_rules *rules);
must_use bool popkey_walk_next(struct popkey_walk *w, struct popkey_file *file_out);
void popkey_walk_end(struct popkey_walk *w);

/* Who is open at an address: the row that ends last, in whatever spelling its file has. */
struct popkey_answer {
	bool is_open;
	uint64_t ends_ms; /* the last open millisecond; 0 when closed */
	size_t user_length; /* 0: unknown */
	uint8_t user[POPKEY_USER_MAX];
};
/* `user` not empty: only his rows count. */
must_use enum error popkey_look_up(int directory, const struct ip *ip, struct view user,
	uint64_t now_ms, const struct popkey_rules *rules, struct popkey_answer *answer_out);

/* Removes the files that are closed and what a crash left half made. Nothing depends on it. *next_ms_out (may be
 * null): the last open millisecond of the file that closes next; UINT64_MAX when none is open. */
enum error popkey_expire(
	int directory, uint64_t now_ms, const struct popkey_rules *rules, uint64_t *next_ms_out);
/* The same a file at a time, for who has other things to do between, and for one neighbour where `ip` is not null:
 * popkey_sweep_next until it is false, then popkey_walk_end. *last_ms_out: when that file closes; 0: it has closed, and has been removed, or *error_out says why not. */
must_use enum error popkey_sweep_begin(struct popkey_walk *w, int directory, const struct ip *ip,
	uint64_t now_ms, const struct popkey_rules *rules);
must_use bool popkey_sweep_next(
	struct popkey_walk *w, uint64_t now_ms, uint64_t *last_ms_out, enum error *error_out);

#endif
