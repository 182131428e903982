/*
 * auth (A) ↔ mailbox (B): "session 7 of popd worker 0 is hana". The only way to open a mailbox: popd
 * names a session, never a user. `stream` is the session's number, `worker` its popd.
 */
#ifndef CHANNELS_AUTH_MAILBOX_H
#define CHANNELS_AUTH_MAILBOX_H

#include "base/frame.h"

enum auth_mailbox_code {
	GRANT_GIVE, /* worker, user: the mailbox name */
	GRANT_TAKE, /* worker: the session is over, or never began */
	GRANT_GIVEN, /* worker: noted; only now auth says SUCCESS to popd */
	GRANT_CODES
};

enum { GRANT_STATE_ANY = 1 };

extern const struct frame_protocol auth_mailbox;

#endif
