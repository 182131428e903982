/* One session of a client in the directory: what popkey-wrap and popkey-filter have in common. */
#ifndef TOOLS_POPKEY_SESSION_H
#define TOOLS_POPKEY_SESSION_H

#include "tools/popkey/common.h"

struct session {
	const struct common *common;
	int directory; /* -1: nothing is recorded */
	bool is_imap; /* opens for a short time at its beginning, and that is all (N-27) */
	bool is_begun;
	struct ip ip;
	char id[24]; /* the pid */
	size_t user_length;
	uint8_t user[POPKEY_USER_MAX];
};

/* Finds out who the client is (`variable` as of client_address) and opens the directory. What is missing was told; the session goes on without. */
void session_init(
	struct session *s, const struct common *common, bool is_imap, const char *variable);
/* The login has succeeded. */
void session_begin(struct session *s, struct view user);
void session_end(struct session *s);

#endif
