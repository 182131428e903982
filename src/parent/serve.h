/*
 * `sekisho serve`: the parent (DESIGN §1). It starts as root or not, reads no mail, parses nothing
 * that a stranger wrote. Files:
 *
 *	options.c	the command line
 *	place.c		directories, users: what must stand before a program starts
 *	certificate.c	the certificate and its key: looked at, handed out, renewed
 *	alone.c		one server a state directory
 *	boot.c		which life of the machine's memory this is
 *	listen.c	the listening sockets
 *	configuration.c	runs sekisho-config, keeps the snapshots, reloads
 *	environment.c	what programs get of the environment
 *	child.c		one program: start, hand over, watch, restart with back-off
 *	control.c	what programs say to the parent
 *	commands.c	the local command socket
 *	callers.c	the local socket for mail
 *	names.c		who a number of a system user is
 *	serve.c		the whole: start order, signals, drain
 *	programs.c	THE table
 */
#ifndef PARENT_SERVE_H
#define PARENT_SERVE_H

#include "base/census.h"
#include "base/channel.h"
#include "base/log.h"
#include "channels/parent_program.h"
#include "parent/boot.h"
#include "parent/logs.h"
#include "parent/options.h"
#include "parent/programs.h"

#include <sys/types.h>

#define CHILDREN_MAX 64
#define SOCKETS_MAX ((5 + CONFIG_PORTS_MAX) * OPTIONS_ADDRESSES_MAX)

enum child_state {
	CHILD_DOWN, /* not running: a restart is due, or we are stopping */
	CHILD_STARTING, /* handed everything, not READY yet */
	CHILD_UP,
	CHILD_DRAINED,
};
const char *child_state_name(enum child_state state);

struct child {
	struct serve *serve;
	const struct program_row *row;
	uint32_t worker;
	uint32_t workers; /* of its program */
	enum child_state state;
	pid_t pid;
	int control;
	struct watch *watch;
	struct log_pipe *log;
	struct timer *restart;
	unsigned failures; /* in a row */
	unsigned restarts;
	unsigned broken; /* times that it was ended for what it had said */
	bool is_broken; /* ended for that, and not reaped yet */
	uint64_t accused_ms; /* monotonic: when it last accused a peer; 0: never */
	uint64_t started_ms; /* monotonic */
	uint64_t generation; /* of the configuration that it has taken, or would not take */
	unsigned callers; /* of smtpd: handed over, and not taken yet */
	char tag[32]; /* "smtpd", "smtpd.1" */
};

struct listening {
	enum parent_listen kind;
	int fd;
};

struct serve {
	struct loop *loop;
	struct serve_options options;
	bool is_root;
	bool after_crash; /* the server before did not come to its own end */
	struct program_place places[PROGRAM_IDS]; /* uid, gid, directories of each program */
	int directories[PROGRAM_ROLES];
	int config_directory;
	char empty_root[256];
	char servername[256]; /* of the configuration in force */
	int certificate; /* memory files, those in force */
	int key;
	int new_certificate; /* what a child is writing, or -1 */
	int new_key;
	bool certificate_waits; /* for `keys` to have its key */
	char certificate_file
		[CONFIG_FILE_PATH_MAX]; /* of the settings; empty: those of the directory keys */
	char key_file[CONFIG_FILE_PATH_MAX];
	int secret; /* the file of the site's secret; the parent does not read it */
	struct view fake_salt; /* 64 hexadecimal digits */
	struct boot boot;
	int census[PROGRAM_IDS];
	struct census *census_view[PROGRAM_IDS];
	struct listening listening[SOCKETS_MAX];
	size_t listening_count;
	struct config_port submission[CONFIG_PORTS_MAX]; /* beside the usual ones */
	uint32_t submission_count;
	char gatestore[GATESTORE_TEXT_MAX]; /* as the setting reads; empty: the gate has its own */
	struct child children[CHILDREN_MAX];
	size_t child_count;
	uint64_t generation;
	uint64_t readings; /* of the configuration, begun so far */
	int snapshots[PROGRAM_IDS]; /* sealed memory files of that generation */
	struct configuration_run *configuring;
	bool reload_again;
	struct commands *commands;
	struct callers *callers;
	struct names *names;
	bool announced; /* ready was said */
	bool stopping;
	struct timer *stop_timer;
	unsigned stop_phase;
	int exit_code;
};

/* place.c: each false after having logged what is wrong and what to do. */
bool place_prepare(struct serve *s);
/* The server's name is known, or another one: it is written where sendmail(1) finds it when nobody runs. */
void place_tell_name(const struct serve *s);

/* certificate.c */
/* The certificate and its key, once the configuration has told name and files. It blocks. False after
 * having logged what is wrong. */
bool certificate_first(struct serve *s);
/* A reload: starts a child that looks at the files, for certificate_looked when it has ended. -1: it cannot
 * be started. */
pid_t certificate_look(struct serve *s);
/* What it has found. What is new goes to `keys`. False: it is no good, and what was in force stays so. */
bool certificate_looked(struct serve *s, int status);
/* `keys` has all that it was given: the faces get a certificate that waited for that. */
void certificate_hand_out(struct serve *s);

/* listen.c: the same. */
bool listen_start(struct serve *s);
/* The ports of the setting submission, once it is known. */
bool listen_submission(struct serve *s);
/* A socket in the state directory that everybody may connect to; the directory stays open, for its name. -1: errno. */
must_use int listen_local(const struct serve *s, const char *name, int backlog, int *directory_out);

/* configuration.c. The first one blocks; findings go to the log. */
bool configuration_first(struct serve *s);
/* Runs the reader, and when it finds no error hands new snapshots to all programs. The number of the
 * reading that will see what stands now, for commands_read; 0: it cannot be begun. A reading is over when
 * the certificate was looked at, too. */
uint64_t configuration_reload(struct serve *s);
/* The reader may have ended. */
bool configuration_reap(struct serve *s, pid_t pid, int status);
/* A verifier of the users file shall be replaced (auth, after a first login). */
void configuration_verifier(
	struct serve *s, struct view name, struct view before, struct view after);

/* child.c */
void child_init(struct serve *s, const struct program_row *row, uint32_t worker, uint32_t workers);
/* Forks and hands over everything but the peers and GO. */
bool child_start(struct child *c);
/* Makes the channels between two running children whose programs are peers. */
void child_connect(struct child *a, struct child *b);
void child_go(struct child *c);
/* Hands over its part of the present configuration. */
void child_configure(struct child *c);
/* Hands over what is new of what it was given at its start. */
void child_give_again(struct child *c, int fd, enum parent_given role);
/* Start, connect to all that run, go: for a restart. */
void child_start_again(struct child *c);
/* It is broken, or somebody has broken into it: it is ended, and then started anew with fresh channels to
 * all its peers, as after any death. `by` says who noticed. */
void child_is_broken(struct child *c, const char *by, struct view why);
/* It says that a peer said what it may not. The peer is ended. Who accuses again within a minute is
 * ended, too: the peer has begun anew since, and one that was broken into might lie to keep all others
 * from working. What an earlier life of the peer said is over, and no one is blamed for it. */
void child_accuses(
	struct child *c, enum program_id id, uint32_t worker, uint32_t start, struct view why);
/* It has died. */
void child_reaped(struct child *c, int status);
must_use enum error child_send(
	struct child *c, uint16_t code, uint32_t stream, const struct frame_value *values, int fd);
#define child_say(c, fd, code, stream, ...) \
	child_send((c), (code), (stream),   \
		(const struct frame_value[]){__VA_ARGS__ __VA_OPT__(, ){.number = 0}}, (fd))
struct child *child_find(struct serve *s, enum program_id id, uint32_t worker);

/* control.c: the watch on a child's control socket. */
void control_ready(void *child, unsigned what);

/* commands.c */
struct commands *commands_new(struct serve *s);
void commands_free(struct commands **c);
/* Output of a program for the asker of `stream`, and its end. */
void commands_output(struct commands *c, uint32_t stream, struct view octets);
void commands_done(struct commands *c, uint32_t stream, unsigned exit_code);
/* A program died: its askers hear it. */
void commands_lost(struct commands *c, const struct child *child);
/* A reading of the configuration is over; `generation` is what came of it, 0: nothing. `problem`: null, or a
 * line for the asker about what was not taken over. */
void commands_read(struct commands *c, uint64_t reading, uint64_t generation, const char *problem);
/* Somebody's name has become known, or not. */
void commands_name_known(struct commands *c);
/* A program has taken its configuration. */
void commands_configured(struct commands *c);

/* callers.c */
struct callers *callers_new(struct serve *s);
void callers_free(struct callers **c);
/* Hands over whom it can: a name has become known, or a worker has come up. */
void callers_go(struct callers *c);
/* A worker has one of those that were handed over. */
void callers_taken(struct callers *c, struct child *worker);
/* The keeper `drop` wants a connection for the mail of a user. */
void callers_call(struct callers *c, struct child *drop, uint32_t stream, uint32_t uid);
/* That keeper has died. */
void callers_lost(struct callers *c, const struct child *drop);
/* Nobody is let in any more. */
void callers_stop(struct callers *c);

/* gatestore.c */
/* The gate wants a connection to its store. */
void gatestore_call(struct child *gate, uint32_t stream);

/* serve.c */
int serve_main(int argc, char **argv);
void serve_child_ready(struct serve *s);
void serve_child_drained(struct serve *s);
void serve_reload(struct serve *s);

#endif
