/*
 * All of it through a descriptor, for the parent, the tools and the few shells that read files. Blocking; nothing
 * that serves strangers calls these.
 */
#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

#include "base/bytes.h"
#include "base/error.h"

/* Appends all that is left to read. ERROR_LIMIT when it does not fit into `out`. */
must_use enum error descriptor_read_all(int fd, struct buffer *out);
/* Writes all of it. */
must_use enum error descriptor_write_all(int fd, struct view v);

#endif
