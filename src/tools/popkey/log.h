/* popkey-log(8): its parts. One thread, one loop. */
#ifndef TOOLS_POPKEY_LOG_H
#define TOOLS_POPKEY_LOG_H

#include "base/loop.h"
#include "popkey/logline.h"
#include "tools/popkey/common.h"

#define LOG_SEEN_MAX 256u

/* Where lines come from. */
enum source { SOURCE_NONE, SOURCE_FILE, SOURCE_JOURNAL, SOURCE_SOCKET, SOURCE_UDP, SOURCE_STDIN };

/* Octets that become lines; what is longer than a line may be is left out. */
struct lines {
	struct buffer text;
	bool is_skipping;
};

struct log {
	struct common common;
	/* --- options */
	enum source source;
	const char *where;
	struct loglines *patterns;
	struct { /* --pattern, which can be compiled when the source is known */
		const char *text;
		bool is_imap;
	} own[LOGLINES_MAX];
	size_t own_count;
	const char *servers; /* words */
	uint64_t window_ms;
	bool is_verbose;
	/* --- running */
	struct loop *loop;
	int directory;
	struct lines lines;
	int fd; /* of the source; -1 */
	struct watch *watch;
	struct timer *tick; /* a file is looked at; a journal begins again */
	uint64_t file_number; /* inode */
	uint64_t file_at; /* as far as it was read */
	size_t seen_length;
	uint8_t seen[LOG_SEEN_MAX]; /* what was read last, before `file_at` */
	int inotify; /* of the folder of a file */
	int child; /* journalctl */
	uint64_t pause_ms; /* before it is started again */
	struct timer *renewal;
	struct opening *openings; /* that outlast the clock of a session */
	size_t opening_count;
	size_t opening_room;
};

/* log_source.c */
must_use bool source_start(struct log *l);
/* log_open.c: a line that may be a login; an end to the openings that it keeps. */
void log_line(struct log *l, struct view line);
void log_open_start(struct log *l);

#endif
