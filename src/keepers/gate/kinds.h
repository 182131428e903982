/*
 * The kinds of rows that the gate holds, who may read and write each, and which must outlive the
 * process. A key begins with its kind: "seen:…". Who is not in the row may not ask: smtpd cannot open the gate for
 * itself. But counters make room for each other, the oldest first, so a smtpd that was broken into can push out
 * those of guesses by making a million of its own. A kind that is not in the table is nobody's. To add one: a row
 * in kinds.c.
 */
#ifndef KEEPERS_GATE_KINDS_H
#define KEEPERS_GATE_KINDS_H

#include "base/bytes.h"
#include "channels/any_gate.h"
#include "channels/peers.h"

struct gate_kind {
	struct view prefix; /* with its colon */
	const char *purpose;
	uint32_t readers; /* bits 1u << enum program_id: LOOKUP, COUNT of 0 */
	uint32_t writers; /* the rest; they may read too */
	bool durable;
	bool shared; /* where several hosts have one store, it holds these */
	bool tails; /* keys as in mail/gate_open.h */
	bool crowd; /* strangers cause any number of them: they leave half of the table free */
	bool counters; /* COUNT and CLOSE only; else no COUNT */
};

/* The kind of a key, or null. */
const struct gate_kind *gate_kind_of(struct view key);
unsigned gate_kinds_count(void);
const struct gate_kind *gate_kind_at(unsigned i);
/* Whether `id` may ask `code` of that kind. `looks`: a COUNT of 0. */
bool gate_kind_allows(
	const struct gate_kind *kind, enum program_id id, enum any_gate_code code, bool looks);

#endif
