/* Who listens on a TCP port, as far as /proc tells us: for the message when a port is taken. */
#ifndef PARENT_HOLDER_H
#define PARENT_HOLDER_H

#include "base/bytes.h"

/* Appends "nginx (process 123)"; nothing when it is not known, as for other users' programs. */
void port_holder_add(struct buffer *b, uint16_t port);
/* Of the text of /proc/net/tcp or tcp6: the inode of the first socket that listens on `port`. */
must_use bool port_listener_find(struct view table, uint16_t port, uint64_t *inode_out);

#endif
