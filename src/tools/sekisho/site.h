/*
 * The configuration as `sekisho serve` would read it, for commands which look at it. Reading and all
 * that follows from it happens in a child that is confined to the directory before it reads the first
 * octet (as sekisho-config is): as root it becomes the user of `config`, or nobody. What it wants to
 * say comes back as octets.
 *
 *	struct buffer answer = buffer_new(ANSWER_MAX);
 *	const int code = site_ask(&question, &answer);
 */
#ifndef TOOLS_SEKISHO_SITE_H
#define TOOLS_SEKISHO_SITE_H

#include "config/read.h"
#include "tools/sekisho/call.h"

struct site {
	struct arena *arena;
	struct findings findings;
	struct config config;
	bool has_directory;
};

struct site_question {
	const char *config; /* directory; may be missing: then all is default */
	const char *state; /* directory, below which mailboxes lie by default */
	/* Host name, as given to serve; empty: the one that was given to the server that runs on `state`,
	 * if one does and may be asked. */
	struct view name;
	/* In the child: appends to `answer`, gives the exit code. */
	int (*work)(struct site *site, const void *context, struct buffer *answer);
	const void *context;
};

#define SITE_ANSWER_MAX ((size_t)256 << 20)

/* The exit code of `work`, with what it said in `answer` (whose maximum holds). Of its own: 71 when no
 * child can be made or confined, 74 when the directory cannot be read, 77 when it may not be; then
 * standard error says why. */
must_use int site_ask(const struct site_question *question, struct buffer *answer);

/* Appends what speaks against running with this configuration: each error a line. */
void site_add_errors(struct buffer *b, const struct site *site);

#endif
