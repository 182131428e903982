/*
 * What the files of the live store in a directory share (files.h): files.c, the operations, and files_picture.c, the rows that are
 * kept true to the directory.
 */
#ifndef KEEPERS_GATE_FILES_PARTS_H
#define KEEPERS_GATE_FILES_PARTS_H

#include "keepers/gate/files.h"

struct files {
	struct gate_live head;
	struct loop *loop;
	int directory;
	int notices;
	struct watch *watch;
	struct timer *tick;
	struct gate_table *rows; /* "open:ADDR USER/NAME", their ends by the wall clock */
	struct gate_table *names; /* NAME: who is in that file, a line each */
	struct popkey_rules rules;
	struct buffer content; /* of the file that is read */
	uint64_t cleaned_ms;
	uint64_t seen_ms; /* wall clock, when events were last taken in */
	uint64_t events;
	uint64_t scans;
	bool is_gone;
	bool has_lost_count;
	enum error failing; /* the last write */
};

/* By the clock of files. */
uint64_t files_wall_ms(void);
/* The key of a row: behind the '/' stands the file's name. */
void files_row_key(
	struct buffer *key, const struct ip *address, struct view user, struct view name);
/* As everybody else has it: behind the '/' stands the session. */
void files_public_key(struct buffer *key, struct view row_key);
/* Takes in all that has changed until now. */
void files_take_events(struct files *f);
/* Takes in the whole directory. */
void files_scan(struct files *f);
/* Observers of `rows`. */
void files_row_written(void *context, const struct gate_row *row);
void files_row_removed(void *context, const struct gate_row *row, enum gate_end why);

#endif
