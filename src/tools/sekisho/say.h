/*
 * Words for the person in front of the command: answers go to standard output, troubles to standard
 * error with the command's name before them.
 */
#ifndef TOOLS_SEKISHO_SAY_H
#define TOOLS_SEKISHO_SAY_H

#include "base/text.h"

/* Writes all of it to standard output; ends the command (exit 74) when that cannot be. */
void say_octets(struct view octets);
/* Writes all of it to `fd`; what cannot be written is lost. */
void say_to(int fd, struct view octets);
/* Who speaks on standard error from here on, a static name; "sekisho" at first. */
void say_as(const char *name);
/* `sekisho: ` sentence LF on standard error. */
void say_trouble_args(const char *format, const struct text_arg *args);
#define say_trouble(format, ...) \
	say_trouble_args(        \
		(format), (const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})
/* The same on standard output, without the name, with LF. */
void say_args(const char *format, const struct text_arg *args);
#define say(format, ...) \
	say_args((format), (const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})

#endif
