#include "faces/fetch/decide.h"

#define VERSION 1

enum policy_step policy_next(const struct policy_facts *facts)
{
	if (facts->is_gate_away)
		return POLICY_SAY_UNKNOWN;
	const enum policy_step without = facts->is_kept ? POLICY_SAY_KEPT : POLICY_SAY_NONE;
	/* no record, or one that is kept from us, takes no policy away before its time */
	if (view_is_empty(facts->record_id) || facts->has_failed_lately)
		return without;
	if (facts->is_kept && view_equal(facts->kept_id, facts->record_id))
		return POLICY_SAY_KEPT;
	return POLICY_FETCH;
}

bool policy_is_old(const struct sts_policy *policy, uint32_t left_s)
{
	const uint32_t half_s = policy->max_age_s / 2;
	const uint32_t age_s =
		policy->max_age_s - (left_s < policy->max_age_s ? left_s : policy->max_age_s);
	return policy->mode != STS_MODE_NONE && age_s >= (half_s < REFRESH_S ? half_s : REFRESH_S);
}

void policy_row_add(struct buffer *b, struct view id, const struct sts_policy *policy)
{
	must(sts_id_is_sound(id));
	buffer_add_octet(b, VERSION);
	buffer_add_octet(b, (uint8_t)id.length);
	buffer_add(b, id);
	sts_policy_add(b, policy);
}

bool policy_row_read(struct view row, struct arena *a, struct view *id, struct sts_policy *policy)
{
	struct cursor c = cursor_of(row);
	const uint8_t version = cursor_u8(&c);
	*id = cursor_take(&c, cursor_u8(&c));
	return !cursor_failed(&c) && version == VERSION && sts_id_is_sound(*id) &&
	       sts_policy_read(cursor_rest(&c), a, policy);
}
