/*
 * Which policy of a domain holds (RFC 8461 §3.3, §5.1), from what is kept and what its record says. Pure.
 */
#ifndef FACES_FETCH_DECIDE_H
#define FACES_FETCH_DECIDE_H

#include "mail/sts.h"

#define REFRESH_S 86400u /* RFC 8461 §10.2: once a day */

struct policy_facts {
	bool is_gate_away; /* whether one is kept is not known */
	bool is_kept;
	struct view kept_id;
	struct view record_id; /* empty: the domain has no good record, or none could be got */
	bool has_failed_lately; /* to fetch one */
};

enum policy_step {
	POLICY_SAY_UNKNOWN,
	POLICY_SAY_NONE,
	POLICY_SAY_KEPT,
	POLICY_FETCH, /* then, if that fails, as if it had failed lately */
};
enum policy_step policy_next(const struct policy_facts *facts);

/* One that is kept yet for `left_s` of its `max_age_s` is to be fetched anew. */
bool policy_is_old(const struct sts_policy *policy, uint32_t left_s);

/* A row of the gate: u8 version, u8 length of the id, id, packed policy. */
#define POLICY_ROW_MAX (2 + STS_ID_MAX + STS_PACKED_MAX)
void policy_row_add(struct buffer *b, struct view id, const struct sts_policy *policy);
/* Untrusted. False when it does not hold together, or the arena is at its cap. */
must_use bool policy_row_read(
	struct view row, struct arena *a, struct view *id_out, struct sts_policy *policy_out);

#endif
