/*
 * The lines of a settings file: LF or CRLF, `#` at the start of a line or after a space begins a
 * comment, blank lines say nothing, a byte order mark before a line is forgiven. What is left is
 * trimmed. Pure; used by every parser of this folder and by users_file.c.
 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include "base/bytes.h"

enum lines_problem {
	LINES_OK,
	LINES_LONG, /* longer than SETTING_LINE_MAX */
	LINES_UTF8, /* not UTF-8 */
	LINES_CONTROL, /* a control character, NUL or bare CR */
};
/* A sentence without full stop. */
const char *lines_problem_text(enum lines_problem problem);

struct lines {
	struct view rest;
	uint32_t number; /* of the line last taken, from 1 */
};

struct line {
	uint32_t number;
	struct view text; /* trimmed, without comment; not empty unless there is a problem */
	struct view whole; /* the line as it stands, its end included */
	bool is_indented; /* began with a space or tab */
	enum lines_problem problem;
};

struct lines lines_of(struct view text);
/* The next line that says something or has a problem; false at the end. */
bool lines_next(struct lines *l, struct line *line_out);
/* The next line whatever it holds. */
bool lines_next_raw(struct lines *l, struct line *line_out);
/* How many lines there are, blank ones and comments included. */
uint32_t lines_count(struct view text);

#endif
