/*
 * Whole files through a descriptor, for the few shells of this folder (directory, users_file,
 * snapshot_map). Blocking; nothing that serves strangers calls these.
 */
#ifndef CONFIG_DESCRIPTOR_H
#define CONFIG_DESCRIPTOR_H

#include "base/bytes.h"
#include "base/error.h"

/* Appends all that is left to read. ERROR_LIMIT when it does not fit into `out`. */
must_use enum error descriptor_read_all(int fd, struct buffer *out);
/* Writes all of it. */
must_use enum error descriptor_write_all(int fd, struct view v);

#endif
