/*
 * The local command socket: a person's `sekisho queue` (A) ↔ the parent (B). One question a
 * connection, stream 1. `program` is a name of peers.h, or "parent"; words are separated by NUL. The
 * kernel says who asks (SO_PEERCRED): root, and the user who runs the server, may ask everything; others
 * `mailq` of the parent, which shows them their own mail.
 */
#ifndef CHANNELS_COMMAND_H
#define CHANNELS_COMMAND_H

#include "base/frame.h"

enum command_code {
	COMMAND_ASK, /* program, words */
	COMMAND_OUTPUT, /* octets for stdout */
	COMMAND_DONE, /* exit code */
	COMMAND_CODES
};

enum { COMMAND_STATE_IDLE = 1, COMMAND_STATE_ASKED = 2 };

#define COMMAND_SOCKET_NAME "control"

extern const struct frame_protocol command_protocol;

/* A socket in the state directory, by way of that directory's open descriptor: a UNIX address holds a
 * hundred octets, less than many a path. False when it does not fit. */
must_use bool local_socket_path(int state_directory, const char *name, char *path, size_t room);

#endif
