#include "tools/sekisho/user.h"

static bool is_own(const struct config *c, struct domain d)
{
	for (uint32_t i = 0; i < c->domain_count; i++)
		if (domain_equal(c->domains[i].name, d))
			return true;
	return false;
}

/* The domain that people write: of those that the servername gives, the one without the host. */
static struct view usual_domain(const struct config *c)
{
	if (c->domain_count == 0)
		return VIEW_NONE;
	const bool is_default = c->domains[0].origin.kind == ORIGIN_DEFAULT;
	return c->domains[is_default ? c->domain_count - 1 : 0].name.name;
}

enum user_name_problem user_given_parse(struct view text, const struct config *config,
	struct arena *a, struct user_given *given_out)
{
	const size_t at = view_find_last(text, '@');
	struct domain domain;
	*given_out = (struct user_given){.name = text, .domain = usual_domain(config)};
	if (at != VIEW_NOT_FOUND) {
		given_out->name = view_first(text, at);
		if (domain_parse(view_from(text, at + 1), true, a, &domain) != ADDRESS_OK ||
			!is_own(config, domain))
			return USER_GIVEN_DOMAIN;
		given_out->domain = domain.name;
	}
	given_out->problem = user_name_check(given_out->name);
	return given_out->problem == USER_OK ? USER_GIVEN_OK : USER_GIVEN_NAME;
}
