#include "config/local.h"

static bool is_folded(struct view v)
{
	for (size_t i = 0; i < v.length; i++)
		if (v.at[i] != octet_lower(v.at[i]))
			return false;
	return true;
}

bool local_fold(struct view local, struct arena *a, struct view *folded_out)
{
	*folded_out = local;
	if (is_folded(local))
		return true;
	*folded_out = VIEW_NONE;
	uint8_t *at = arena_get(a, local.length);
	if (!at)
		return false;
	for (size_t i = 0; i < local.length; i++)
		at[i] = octet_lower(local.at[i]);
	*folded_out = view_of(at, local.length);
	return true;
}

int local_compare(struct view folded, struct view query)
{
	const size_t common = folded.length < query.length ? folded.length : query.length;
	for (size_t i = 0; i < common; i++) {
		const int difference = folded.at[i] - octet_lower(query.at[i]);
		if (difference != 0)
			return difference;
	}
	return folded.length < query.length ? -1 : folded.length > query.length;
}
