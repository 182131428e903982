/*
 * The settings that are lists: domains, networks, users, aliases, denyfrom, submission. A part of
 * config/read.h, in a file of its own for its length; nobody else calls it.
 */
#ifndef CONFIG_LISTS_H
#define CONFIG_LISTS_H

#include "config/lines.h"
#include "config/read.h"

struct reader {
	const struct config_files *files;
	const struct config_facts *facts;
	struct arena *arena;
	struct findings *findings;
	struct config *config;
	struct view texts[SETTING_COUNT]; /* of the files; empty when there is none */
	bool is_there[SETTING_COUNT]; /* a file that may say nothing */
};

/* The name of the setting's file. */
struct view reader_file(const struct setting *s);
/* An error about a line that is malformed, with the setting's remedy. */
void reader_complain(struct reader *r, const struct setting *s, const struct line *line);
/* Room for an entry a line of the setting's file, and `more`; sets the origin when the file says anything.
 * Null at the arena's cap. */
void *reader_room(struct reader *r, const struct setting *s, uint32_t more, size_t size);
/* Needs the servername. False when the arena is at its cap. */
must_use bool lists_read(struct reader *r);

#endif
