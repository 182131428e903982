#include "config/forward.h"

#include "config/names.h"

enum forward_sender forward_sender(const struct snapshot *s, const struct address *reverse_path,
	int64_t now_s, struct arena *a, struct srs *srs)
{
	*srs = (struct srs){.kind = SRS_NONE};
	if (address_is_null(reverse_path) || reverse_path->is_literal ||
		view_is_empty(reverse_path->local_plain) ||
		view_is_empty(reverse_path->domain.name) ||
		snapshot_has_domain(s, reverse_path->domain))
		return FORWARD_SAME;
	if (srs_parse(reverse_path->local_plain, srs) && srs->kind == SRS_1 &&
		snapshot_has_domain(s, (struct domain){srs->host}))
		return FORWARD_RESTORED;
	return srs_forward(reverse_path, now_s, a, srs) ? FORWARD_SIGNED : FORWARD_MEMORY;
}

bool forward_is_return(
	const struct snapshot *s, const struct address *forward_path, struct srs *srs)
{
	*srs = (struct srs){.kind = SRS_NONE};
	return !forward_path->is_literal && snapshot_has_domain(s, forward_path->domain) &&
	       srs_parse(forward_path->local_plain, srs) &&
	       name_find(s, forward_path->local_plain, forward_path->domain).kind == NAME_UNKNOWN;
}
