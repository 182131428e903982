#include "faces/smtpd/smtpd.h"

struct generation *generation_new(struct snapshot *snapshot)
{
	struct generation *g = memory_new(1, sizeof *g);
	*g = (struct generation){.references = 1,
		.snapshot = snapshot,
		.config = {
			.servername = snapshot->servername.name, .limits = smtp_limits_default()}};
	g->config.etrn = snapshot->backup_count > 0;
	g->config.limits.size_octets = snapshot->numbers[SETTING_SIZELIMIT];
	g->config.limits.recipients = (uint32_t)snapshot->numbers[SETTING_RECIPIENTLIMIT];
	return g;
}

struct generation *generation_hold(struct generation *g)
{
	g->references++;
	return g;
}

void generation_drop(struct generation **at)
{
	struct generation *g = *at;
	*at = NULL;
	if (!g || --g->references)
		return;
	snapshot_drop(&g->snapshot);
	memory_free(g);
}
