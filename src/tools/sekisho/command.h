/*
 * The commands of `sekisho` as a table: each row says what it is called, what it takes and who does
 * it. The parser (call.h), `--help` and the tests read the rows; commands.c has the table.
 *
 * To add a command: a function here, a row in commands.c, a page in docs/man.
 */
#ifndef TOOLS_SEKISHO_COMMAND_H
#define TOOLS_SEKISHO_COMMAND_H

#include "base/bytes.h"

#define COMMAND_WORDS_MAX 4
#define COMMAND_OPTIONS_MAX 8

/* As in sysexits(3), so that scripts can tell them apart; sekisho(8) lists them. */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_NO = 1, /* it ran, and the answer is no: errors found, mail refused */
	EXIT_USAGE = 64,
	EXIT_DATA = 65, /* what was given is no good: a name, a password, a setting */
	EXIT_NOT_RUNNING = 69,
	EXIT_INTERNAL = 70,
	EXIT_SYSTEM = 71, /* fork, memory, a system user */
	EXIT_CANNOT_MAKE = 73,
	EXIT_IO = 74,
	EXIT_LATER = 75,
	EXIT_PERMISSION = 77,
};

struct option_row {
	const char *name; /* "--json" */
	const char *value; /* "ADDRESS" for help; null: a flag */
	const char *help;
};

struct call;

struct command {
	const char *name;
	const char *usage; /* the words that it takes: "MAIL-FROM RCPT-TO" */
	const char *summary; /* one line for the list of commands; null: not listed */
	const char *text; /* for --help; lines end in LF */
	const char *example; /* the same */
	struct option_row options[COMMAND_OPTIONS_MAX]; /* a null name ends them */
	unsigned words_min;
	unsigned words_max;
	int (*run)(const struct call *call);
	int (*run_raw)(int argc, char **argv); /* reads its own line, --help too */
};

int run_setup(const struct call *call);
int run_check(const struct call *call);
int run_user(const struct call *call);
int run_queue(const struct call *call);
int run_explain(const struct call *call);
int run_trace(const struct call *call);
int run_status(const struct call *call);
int run_reload(const struct call *call);
int run_gate(const struct call *call);
int run_resolve(const struct call *call);
int run_man_settings(const struct call *call);

#endif
