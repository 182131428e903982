/* popkey-export(8): its parts. One thread, one loop. */
#ifndef TOOLS_POPKEY_EXPORT_H
#define TOOLS_POPKEY_EXPORT_H

#include "base/loop.h"
#include "popkey/access.h"
#include "popkey/names.h"
#include "tools/popkey/common.h"

#define EXPORT_LISTENERS_MAX 8u

struct export_listener {
	const char *where; /* "unix:PATH" or "inet:ADDRESS:PORT" */
	bool is_policy;
	int fd;
	struct watch *watch;
	struct export *export;
};

struct export
{
	struct common common;
	/* --- options */
	const char *map; /* a file; null: none */
	enum access_format format;
	bool has_format;
	const char *value;
	const char *rebuild; /* a command for sh(1); null: none */
	const char *pid_file;
	bool is_once;
	bool takes_unknown; /* openings without a name let anybody through, though it is bound */
	const char *domains;
	const char *senders; /* a file */
	struct export_listener listeners[EXPORT_LISTENERS_MAX];
	size_t listener_count;
	/* --- running */
	struct loop *loop;
	int directory; /* -1: it is away, and nobody is open */
	struct timer *wake;
	struct timer *sweep;
	struct popkey_walk sweeping; /* through the directory; what is closed goes from it */
	bool is_sweeping;
	int inotify; /* for the map */
	struct watch *inotify_watch;
	bool is_written;
	struct buffer written; /* what the map holds */
	bool must_rebuild;
	int rebuilding; /* pid; 0: none */
	uint64_t rebuild_began_ms;
	uint64_t rebuilt_ms; /* the end of the last one */
	struct timer *settling; /* it is run once more */
	struct timer *patience; /* it is run no longer */
	bool has_rebuild_failed; /* what it makes may not be what the map says */
	bool has_failed; /* the last trouble is said once */
	struct buffer own_senders;
	struct names *names; /* for those who ask; null: nobody can */
	struct watch *names_watch;
	size_t client_count;
};

/* Said once, until all is well again. */
void export_trouble(struct export *e, const char *about, const char *sentence, const char *why);

/* export_directory.c: the directory; what is closed goes from it. */
void directory_start(struct export *e);
/* Opens it anew where another has taken its place. False: it is away, or nobody tells what changes there, which was said. */
bool directory_look(struct export *e);

/* export_map.c: the map made from it. */
void map_start(struct export *e);
/* Looks at the directory and makes the map true to it; false when it could not be written. */
bool map_refresh(struct export *e);
/* Waits until the command that makes another file of the map has ended, or is ended; false: it has failed. */
bool map_finish(struct export *e);
/* At the end: an empty map, and its other file. */
void map_close(struct export *e);

/* export_serve.c: who asks over a socket. */
must_use bool serve_start(struct export *e);

#endif
