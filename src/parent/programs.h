/*
 * THE table of programs (STYLE §1, DESIGN §1, F-3): for each its user, root, directories, descriptors,
 * system calls, limits, threads, peers and what of the configuration it may see. The parent starts
 * programs from it, the manual's privilege page is printed from it, and the escape tests iterate
 * over it. A security reviewer begins here: programs.c.
 *
 * Rules which the tests hold it to: a face has no directory and no disk calls, and either listens or goes
 * out; a keeper has no listener, no accept and no connect; nobody may execute, or see another program's
 * directory for writing, except that deliver and mailbox share the mailboxes.
 */
#ifndef PARENT_PROGRAMS_H
#define PARENT_PROGRAMS_H

#include "base/sandbox.h"
#include "channels/parent_program.h"
#include "channels/peers.h"
#include "config/snapshot.h"

enum program_kind {
	PROGRAM_FACE, /* talks to strangers, holds nothing */
	PROGRAM_KEEPER, /* holds one thing, talks to our programs only */
	PROGRAM_SHORT_LIVED, /* one task for the parent, then ends */
};
const char *program_kind_name(enum program_kind kind);

/* What a directory is for; the parent knows where it is and hands it over opened. */
enum program_role {
	PROGRAM_ROLE_SPOOL, /* the spool's log */
	PROGRAM_ROLE_MAILBOXES, /* all Maildirs */
	PROGRAM_ROLE_GATE, /* what the site remembers */
	PROGRAM_ROLE_KEYS, /* private keys and certificates */
	PROGRAM_ROLE_CONFIG, /* the configuration directory */
	PROGRAM_ROLE_OPENINGS, /* open addresses, where other programs write them, too; if a setting says so */
	PROGRAM_ROLE_DROP, /* where sendmail(1) leaves mail while nobody takes it */
};
#define PROGRAM_ROLES 7
const char *program_role_name(enum program_role role);

struct program_directory {
	enum program_role role;
	enum sandbox_access access; /* to what lies beneath it */
	bool is_optional; /* a setting says whether it is there */
};
#define PROGRAM_DIRECTORIES_MAX 2

/* The bit of a kind of listening socket. */
#define PROGRAM_LISTENS(kind) (1u << (kind))

struct program_row {
	enum program_id id;
	const char *name; /* "smtpd"; the executable is "sekisho-smtpd" */
	const char *purpose; /* one line for people */
	enum program_kind kind;
	const char *user; /* system user, and its group of the same name */
	const char *group; /* supplementary group, or null */
	enum sandbox_root root;
	struct program_directory directories[PROGRAM_DIRECTORIES_MAX];
	unsigned directory_count; /* the first one is the root when `root` says so */
	uint32_t listens; /* PROGRAM_LISTENS of enum parent_listen */
	uint32_t given; /* bits 1u << enum parent_given: descriptors besides channels */
	uint32_t calls; /* bits of enum sandbox_calls */
	struct sandbox_limits limits;
	unsigned threads; /* of its pool (base/workers.h), besides the loop; 0: no pool */
	unsigned workers_default; /* processes, unless the command line says otherwise */
	unsigned workers_max;
	uint32_t sections; /* of the configuration: bits of enum snapshot_section */
};

/* Two programs which have a channel; `channels/A_B.h` is what they may say. */
struct program_pair {
	enum program_id a;
	enum program_id b;
	const char *protocol; /* its name (base/frame.h), as `sekisho trace` asks `a` for it */
};

/* Rows in the table: PROGRAM_IDS - 1. */
unsigned programs_count(void);
/* `i` < programs_count(). */
const struct program_row *program_at(unsigned i);
/* Not PROGRAM_NONE, not PROGRAM_IDS. */
const struct program_row *program_of(enum program_id id);
/* Null when there is none of that name. */
const struct program_row *program_find(struct view name);
unsigned programs_pair_count(void);
/* `i` < programs_pair_count(). */
const struct program_pair *program_pair_at(unsigned i);
/* Null when they have no channel. */
const struct program_pair *program_pair_of(enum program_id a, enum program_id b);
bool program_is_peer(enum program_id a, enum program_id b);

/* What only the running parent knows. */
struct program_place {
	uint32_t uid;
	uint32_t gid;
	uint32_t group; /* number of the supplementary group; used when the row has one */
	const char *empty_root; /* path of an empty directory */
	int directories[PROGRAM_ROLES]; /* opened; -1 where the program has none */
};
/* The sandbox of a program there. Descriptors are numbers of the caller; where they have others in the
 * program, it puts its own in, and adds those that it keeps (sandbox_spec_keep). ERROR_MISSING
 * without a directory that it needs, ERROR_LIMIT when the path is too long. */
must_use enum error program_sandbox(const struct program_row *row,
	const struct program_place *place, struct sandbox_spec *spec_out);

/* The privilege page of the manual: tables in Markdown. */
void programs_print_markdown(struct buffer *b);

#endif
