#include "tools/sekisho/user_removal.h"

#include "config/check.h"

static bool has_own_postmaster(const struct config *c)
{
	return c->origins[SETTING_POSTMASTER].kind != ORIGIN_DEFAULT;
}

/* As the site would be read without the user's line. */
static bool leave_out(struct site *site, struct view name)
{
	struct config *c = &site->config;
	struct config_user *users = arena_get_array(site->arena, c->user_count, sizeof *users);
	uint32_t count = 0;
	if (!users)
		return false;
	for (uint32_t i = 0; i < c->user_count; i++)
		if (!view_equal(c->users[i].name, name))
			users[count++] = c->users[i];
	c->users = users;
	c->user_count = count;
	if (!has_own_postmaster(c))
		c->postmaster = count ? users[0].name : VIEW_NONE;
	site->findings = findings_new(site->arena);
	return config_check(c, &site->findings);
}

bool user_removal_breaks(const struct site *site, struct view name, struct buffer *errors)
{
	struct site before = *site;
	struct site after = *site;
	before.findings = findings_new(site->arena);
	if (!config_check(&before.config, &before.findings) || !leave_out(&after, name) ||
		after.findings.levels[FINDING_ERROR] <= before.findings.levels[FINDING_ERROR])
		return false;
	site_add_errors(errors, &after);
	return true;
}
