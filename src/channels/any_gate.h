/*
 * Every program that asks (A) ↔ gate (B): one stream a question, each answered once. A key is a
 * short octet string that begins with its kind ("guess:…", "seen:…", "open:…"); facts are octets
 * that only the asker understands. Each operation is atomic for its row (N-24).
 *
 *	LOOKUP   → ROW or NONE
 *	OPEN     → ROW: writes facts and lifetime, whatever stood there
 *	CLAIM    → ROW with the row that stands afterwards: ours if there was none, else the older one
 *	CHANGE   → ROW or NONE: writes new facts only where the present facts equal `old`
 *	TOUCH    → ROW or NONE: a new lifetime, the facts stay
 *	CLOSE    → NONE: removes; with `old` not empty only where the facts equal it
 *	COUNT    → COUNTED: adds to a counter whose window slides; amount 0 only looks
 *
 * "open:ADDR USER/TAIL" (mail/gate_open.h) is one row of a group. Without a tail LOOKUP answers with the row of
 * the group that ends last, and CLOSE closes all of them.
 */
#ifndef CHANNELS_ANY_GATE_H
#define CHANNELS_ANY_GATE_H

#include "base/frame.h"

enum any_gate_code {
	GATE_LOOKUP, /* key */
	GATE_OPEN, /* key, facts, lifetime ms */
	GATE_CLAIM, /* key, facts, lifetime ms */
	GATE_CHANGE, /* key, old, facts, lifetime ms */
	GATE_TOUCH, /* key, lifetime ms */
	GATE_CLOSE, /* key, old */
	GATE_COUNT, /* key, amount, window ms */
	GATE_ROW, /* facts, ms left */
	GATE_NONE,
	GATE_COUNTED, /* count */
	GATE_FAILED, /* error: enum error */
	GATE_CODES
};

enum { GATE_STATE_IDLE = 1, GATE_STATE_ASKED = 2 };

#define GATE_KEY_MAX 256u
#define GATE_FACTS_MAX 4096u
#define GATE_LIFETIME_MAX_MS (UINT64_C(400) * 86400 * 1000)
#define GATE_WINDOW_MAX_MS UINT32_MAX

extern const struct frame_protocol any_gate;

#endif
