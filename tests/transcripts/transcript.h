/*
 * The text form of a dialogue (STYLE §9), as far as all protocols share it: a file is a list of
 * lines `KEY: text`. `#` begins a comment line, empty lines are skipped. In the text, \r \n \t \0 \\
 * and \xNN stand for octets. What the keys mean is the runner's business; by habit `C` is what the
 * client sends and `S` what the server must say (CRLF is added to both), `A` an ask of the machine,
 * `R` the owner's answer.
 */
#ifndef TRANSCRIPTS_TRANSCRIPT_H
#define TRANSCRIPTS_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

struct transcript_line {
	unsigned number; /* in the file, from 1 */
	char key[24];
	char *text; /* unescaped, with a NUL behind it that does not count */
	size_t length;
};

struct transcript {
	const char *path;
	struct transcript_line *lines;
	size_t count;
};

/* Reads a file; ends the program with a message when it cannot. */
struct transcript transcript_read(const char *path);
void transcript_free(struct transcript *t);
bool transcript_is(const struct transcript_line *line, const char *key);
/* Prints path, line number and the message. Always false, so that a runner can return it. */
bool transcript_fail(const struct transcript *t, unsigned number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
