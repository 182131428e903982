#include "config/names.h"

static const struct name unknown = {NAME_UNKNOWN, SNAPSHOT_NOT_FOUND};

bool name_is_role(struct view local)
{
	return view_equal_nocase(local, VIEW("postmaster")) ||
	       view_equal_nocase(local, VIEW("abuse")) ||
	       view_equal_nocase(local, VIEW("mailer-daemon"));
}

static struct name find_exact(const struct snapshot *s, struct view local, struct domain domain)
{
	uint32_t index = SNAPSHOT_NOT_FOUND;
	if (!view_is_empty(domain.name))
		index = snapshot_find_alias(s, local, domain);
	if (index == SNAPSHOT_NOT_FOUND)
		index = snapshot_find_alias(s, local, (struct domain){VIEW_NONE});
	if (index != SNAPSHOT_NOT_FOUND)
		return (struct name){NAME_ALIAS, index};
	index = snapshot_find_user(s, local);
	if (index != SNAPSHOT_NOT_FOUND)
		return (struct name){NAME_USER, index};
	return unknown;
}

/* What stands before the first "+"; empty when there is none, or nothing before it. */
static struct view without_tag(struct view local)
{
	const size_t at = view_find(local, '+');
	return at == VIEW_NOT_FOUND ? VIEW_NONE : view_first(local, at);
}

static struct name find_plain(const struct snapshot *s, struct view local, struct domain domain)
{
	const struct name exact = find_exact(s, local, domain);
	const struct view base = without_tag(local);
	if (exact.kind != NAME_UNKNOWN || view_is_empty(base))
		return exact;
	return find_exact(s, base, domain);
}

/* abuse and mailer-daemon are read by whoever reads postmaster. */
static struct name find_role(const struct snapshot *s, struct domain domain)
{
	struct name found = find_plain(s, VIEW("postmaster"), domain);
	if (found.kind == NAME_UNKNOWN && !view_is_empty(s->postmaster))
		found = find_plain(s, s->postmaster, s->postmaster_domain);
	if (found.kind == NAME_UNKNOWN)
		found.kind = NAME_NO_ROLE;
	return found;
}

struct name name_find(const struct snapshot *s, struct view local, struct domain domain)
{
	const struct name found = find_plain(s, local, domain);
	if (found.kind != NAME_UNKNOWN)
		return found;
	if (name_is_role(local) || name_is_role(without_tag(local)))
		return find_role(s, domain);
	return unknown;
}

struct name name_find_destination(
	const struct snapshot *s, uint32_t alias, const struct alias_destination *destination)
{
	if (!view_is_empty(destination->domain.name) &&
		!snapshot_has_domain(s, destination->domain))
		return (struct name){NAME_OTHER_HOST, SNAPSHOT_NOT_FOUND};
	const struct name found = name_find(s, destination->local, destination->domain);
	if (found.kind != NAME_ALIAS || found.index != alias)
		return found;
	const uint32_t user = snapshot_find_user(s, s->aliases.aliases[alias].local);
	return user == SNAPSHOT_NOT_FOUND ? found : (struct name){NAME_USER, user};
}
