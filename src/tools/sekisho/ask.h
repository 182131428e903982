/*
 * A question to the running server over its command socket (channels/command.h): one question a
 * connection, blocking. The server lets in root and the user as whom it runs.
 */
#ifndef TOOLS_SEKISHO_ASK_H
#define TOOLS_SEKISHO_ASK_H

#include "base/bytes.h"

#define ASK_WORDS_MAX 8192u /* octets, as channels/command.c says */

#define ASK_PATIENCE_S 20u /* of silence, unless a question takes longer by its nature */

struct ask {
	int fd; /* -1 when closed */
	unsigned patience_s; /* 0: for ever */
	struct buffer in;
	bool heard; /* anything at all */
	bool done;
	int exit_code; /* once done */
};

typedef void ask_output(void *context, struct view octets);

/* Connects and asks. `words` are separated by NUL. EXIT_FINE, or an exit code after having said on
 * standard error why not: 69 when no server runs there, 77 when it may not be asked. */
must_use int ask_begin(struct ask *ask, const char *state, struct view program, struct view words);
/* Waits for some of the answer and hands it to `output`; sets `done` at its end. A server that goes
 * away, or says what it may not, ends it with 75 or 77. */
void ask_step(struct ask *ask, ask_output *output, void *context);
void ask_end(struct ask *ask);

/* All of it: the exit code of the answer; 75 when nothing comes for `patience_s`. */
must_use int ask_patiently(const char *state, struct view program, struct view words,
	unsigned patience_s, ask_output *output, void *context);
/* The same with ASK_PATIENCE_S. */
must_use int ask_all(const char *state, struct view program, struct view words, ask_output *output,
	void *context);
/* The same into a buffer; what does not fit fails the buffer. */
must_use int ask_text(
	const char *state, struct view program, struct view words, struct buffer *answer);
/* Takes the line `key` and its value (the key has its '=') off the front of an answer, whose pages begin so; empty where
 * another line stands there. */
struct view ask_take_line(struct view *rest, struct view key);
/* Whether a server listens there. */
bool ask_is_running(const char *state);

#endif
