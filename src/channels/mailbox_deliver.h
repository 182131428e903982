/*
 * mailbox (A) ↔ deliver (B), streams numbered by mailbox. SETTLE asks: are the repairs of this
 * mailbox done, and (when `sync`) is every file placed in it synced? The answer comes when both are
 * so. Asked before a mailbox is opened, and, with `sync`, before a file is unlinked (DESIGN §5).
 */
#ifndef CHANNELS_MAILBOX_DELIVER_H
#define CHANNELS_MAILBOX_DELIVER_H

#include "base/frame.h"

enum mailbox_deliver_code {
	SETTLE_ASK, /* mailbox, sync */
	SETTLE_DONE, /* error: enum error; not none when the sync failed */
	SETTLE_CODES
};

enum { SETTLE_STATE_IDLE = 1, SETTLE_STATE_ASKED = 2 };

extern const struct frame_protocol mailbox_deliver;

#endif
