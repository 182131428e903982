/*
 * What the programs popkey-* share: their options, the directory, the client's address and name, and where troubles are
 * told. Each of them is started by somebody else's superserver, so what it knows it has from the environment.
 */
#ifndef TOOLS_POPKEY_COMMON_H
#define TOOLS_POPKEY_COMMON_H

#include "base/text.h"
#include "popkey/directory.h"

#define COMMON_DIRECTORY "/run/popkey"
#define COMMON_SECONDS_MAX 604800u /* a week */

enum common_exit {
	COMMON_FINE = 0,
	COMMON_USAGE = 64,
	COMMON_SYSTEM = 71,
	COMMON_NO_PROGRAM = 127
};

/* The first member of what a program's options fill. */
struct common {
	const char *path;
	struct popkey_rules rules;
	bool wants_help;
};
#define COMMON_NEW ((struct common){.path = COMMON_DIRECTORY, .rules = POPKEY_RULES})
#define COMMON_HELP                                                             \
	"  --directory DIR    where openings are kept (" COMMON_DIRECTORY ")\n" \
	"  --gate SECONDS     how long the gate is open after a session (10)\n" \
	"  --session SECONDS  how long at most while it lasts (300)\n"          \
	"  --ipv6 64          who shares the first 64 bits is one neighbour (128)\n"

struct option {
	const char *name; /* with its dashes */
	bool (*take)(void *options, const char *value); /* says what is wrong with it */
	bool takes_value; /* in the next word, or behind '=' */
};

struct command {
	const char *name;
	const char *help;
	const struct option *own;
	size_t own_count;
	bool runs; /* a program, whose words stand behind the options */
};

/* First of all: who speaks; then the options up to the first word that is none, or behind "--": where that is. False: it is
 * over, with the exit code in *at_out; what was wrong was said. The four of COMMON_HELP and --help are known everywhere. */
must_use bool command_read(
	const struct command *c, int argc, char **argv, struct common *options, int *at_out);
must_use bool option_seconds(const char *value, uint64_t *ms_out);

/* Opens the directory, said when it cannot be: -1. */
must_use int common_open(const struct common *c);
/* Now, in Unix milliseconds. */
uint64_t common_now_ms(void);

/* The variable that is named; else (null) TCPREMOTEIP, REMOTE_ADDR, REMOTE_HOST, or who is at the other end of standard input. False: nobody knows, or it is this
 * machine itself, behind whose address all that come through a TLS wrapper look alike; then nothing is opened. */
must_use bool client_address(const char *variable, struct ip *ip_out);
/* Whom the authenticator has let in: AUTHENTICATED (Courier), USER. Or the variable that is named. */
struct view client_user(const char *variable);

/* A socket of `type` at a path, bound, not blocking; one that nobody holds any more gives way. -1 and errno: EADDRINUSE where
 * somebody does. */
must_use int socket_at_path(struct view path, int type);
/* The same at "ADDRESS:PORT"; EINVAL where that is none. */
must_use int socket_at_port(struct view where, int type);

/* A trouble: on standard error, or in the system's log where that is the client's own socket. */
void tell_args(const char *format, const struct text_arg *args);
#define tell(format, ...) \
	tell_args((format), (const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})
/* Becomes the program; comes back when that cannot be, which was told. */
void common_become(char **argv);

#endif
