/*
 * drop, a keeper: the directory in which sendmail(1) leaves mail while no server takes it. It finds the files,
 * reads of each its head, and hands the mail to smtpd over a connection that the parent makes for it, on which it
 * is the owner of the file who posts: who may write what to whom is judged there and nowhere else. Files:
 *
 *	main.c		what the parent hands over
 *	life.c		which files there are, whose turn it is
 *	scan.c		a look at the directory, in a thread
 *	hand.c		one file: opened, checked, handed over, in a thread
 *	report.c	what its owner is told of a mail that is refused for good
 *
 * A file is nobody's but its owner's: what is looked at is opened without following links, and is a regular
 * file with one name, made in this directory (it has the directory's group), of a size that can be.
 *
 * Crashes. A recipient is marked in the file when smtpd has taken the mail for him, and the file goes when all
 * are. Who dies between the 250 and the mark hands the mail in again: a second copy, which a mailbox here does not
 * show, as the Message-ID stands in the file (F-15), and which no protocol can keep from another host (RFC 1047).
 *
 * Bounds: FILES_MAX files are looked after, OWNER_FILES_MAX and OWNER_OCTETS_MAX of one owner; what is beyond
 * waits where it is until there is room, and the log says so.
 */
#ifndef KEEPERS_DROP_DROPD_H
#define KEEPERS_DROP_DROPD_H

#include "base/log.h"
#include "base/workers.h"
#include "channels/caller.h"
#include "channels/program.h"
#include "config/snapshot.h"
#include "post/dialogue.h"
#include "post/dropped.h"

#include <sys/stat.h>

#define FILES_MAX 8192u
#define OWNER_FILES_MAX 1000u
#define OWNER_OCTETS_MAX \
	((uint64_t)256 << 20) /* or four times the size of a mail, if that is more */
#define HANDS_MAX 4u /* files at once, each in a thread */
#define OWNER_HANDS_MAX 2u

struct file {
	char name[DROPPED_NAME_OCTETS + 1];
	uint32_t uid; /* of its owner */
	uint64_t octets;
	uint64_t due_ms; /* monotonic */
	unsigned attempts;
	bool under_way;
	bool was_seen; /* by the scan that is being taken in */
};

/* What a look at the directory found. */
struct scan {
	int directory;
	uint64_t owner_octets_max;
	struct file *files; /* FILES_MAX of them */
	size_t count;
	unsigned ignored; /* files that no mail can be in */
	unsigned beyond; /* files for which there is no room yet */
	uint32_t beyond_uid; /* owner of one of them */
	char ignored_name[64]; /* of one of them */
	const char *ignored_why;
};
/* In a thread. */
void scan_directory(struct scan *s);
/* Null when a file can be a mail; `gid` is the directory's. Else why not: static. */
const char *scan_problem(const struct stat *st, uint32_t gid);

enum hand_outcome {
	HAND_DONE, /* the file is gone */
	HAND_AGAIN, /* some are left, and need not wait */
	HAND_LATER,
	HAND_REFUSED, /* for good, for some: their sender is to be told before they are done with */
	HAND_BAD, /* the file is no mail; it stays */
};

/* One file under way. What `work` needs is here, and belongs to the thread meanwhile. */
struct hand {
	struct dropd *dropd;
	struct file *file; /* the loop's; null: a free place */
	bool is_report; /* its second part: the owner is told */
	bool to_postmaster; /* as the owner has no mailbox */
	int directory;
	int socket;
	int fd; /* of the file, from its first part on; -1 */
	char name[DROPPED_NAME_OCTETS + 1];
	char user[CALLER_NAME_MAX];
	size_t user_length;
	uint32_t uid;
	struct snapshot *snapshot;
	struct arena arena;
	struct buffer front; /* of the file */
	struct dropped dropped;
	uint64_t octets; /* of the content */
	int64_t written_s; /* wall clock */
	struct smtp_client_result
		*results; /* one for each recipient of the file; what was not asked: pending */
	uint32_t sent; /* by this attempt */
	enum hand_outcome outcome;
	const char *why; /* static */
	struct view said; /* by smtpd, for the log */
};

struct dropd {
	struct program *program;
	struct snapshot *snapshot;
	int directory;
	int notes; /* inotify; -1: none */
	struct watch *notes_watch;
	struct workers *pool;
	struct watch *pool_watch;
	struct timer *tick;
	struct file *files;
	size_t count;
	size_t turn;
	struct scan scan;
	bool is_scanning;
	bool scan_again;
	unsigned ignored; /* as last told in the log */
	unsigned beyond;
	struct hand hands[HANDS_MAX];
	struct {
		uint64_t handed_in; /* recipients */
		uint64_t returned; /* reports */
	} counts;
};

/* life.c */
void dropd_begin(struct dropd *d, struct program *program);
void dropd_config(struct dropd *d, struct snapshot *snapshot);
/* Before the sandbox: the directory is known. */
void dropd_warm(struct dropd *d);
void dropd_prepare(struct dropd *d);
void dropd_go(struct dropd *d);
void dropd_called(struct dropd *d, uint32_t stream, struct view name, int fd);
void dropd_drain(struct dropd *d);

/* hand.c: in a thread. */
void hand_over(struct hand *h);
/* The recipients of the outcome are done with. */
bool hand_mark(struct hand *h, enum smtp_client_outcome outcome, enum dropped_state state);
/* Nobody is left: the file goes. */
enum hand_outcome hand_finish(struct hand *h);

/* report.c: in a thread. */
void report_to_owner(struct hand *h);

#endif
