/*
 * The log pipes of the programs. Each line that comes out of one is printed with the name of the
 * program that owns the pipe, so none can speak as another; a line that is too long is cut, one that
 * is not printable is escaped. Written to stderr: as it is under a service manager (which adds the
 * time), else with the time in front.
 */
#ifndef PARENT_LOGS_H
#define PARENT_LOGS_H

#include "base/loop.h"

struct log_pipe;

/* The parent's own lines get the same beginning, as those of the program `parent`. */
void logs_of_parent(void);
/* Takes over the reading end `fd`; `tag` ("smtpd", "smtpd.1") is copied. */
struct log_pipe *log_pipe_new(struct loop *loop, int fd, struct view tag);
/* Reads what is left, prints it, closes. */
void log_pipe_free(struct log_pipe **pipe);

#endif
