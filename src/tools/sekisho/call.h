/*
 * The command line behind the command's name, read by the row of its command. Options may stand
 * before, between and behind the words, as `--name VALUE` or `--name=VALUE`; `--` ends them. Every
 * command takes --config DIR, --state DIR and --help. Pure.
 */
#ifndef TOOLS_SEKISHO_CALL_H
#define TOOLS_SEKISHO_CALL_H

#include "tools/sekisho/command.h"

struct call {
	const struct command *command;
	const char *config; /* directory */
	const char *state; /* directory */
	const char *words[COMMAND_WORDS_MAX];
	unsigned word_count;
	const char *values[COMMAND_OPTIONS_MAX]; /* by the row's options; a flag's is its name */
	bool wants_help;
};

/* `argv` begins behind the command's name. False, with a sentence in `problem`, when the line is no
 * good. The directories stay as they are unless the line names others. */
must_use bool call_parse(const struct command *command, int argc, char **argv,
	struct call *call_out, struct buffer *problem);
/* The n-th word, empty when there are fewer. */
struct view call_word(const struct call *call, unsigned n);
/* The option's value, empty when it was not given. It must be one of the command's. */
struct view call_value(const struct call *call, struct view name);
bool call_has(const struct call *call, struct view name);

/* Appends the page that --help shows. */
void command_add_help(struct buffer *b, const struct command *command);

#endif
