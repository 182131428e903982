#include "faces/popd/popd.h"

struct generation *generation_new(struct snapshot *snapshot, bool offers_stls)
{
	struct generation *g = memory_new(1, sizeof *g);
	*g = (struct generation){.references = 1,
		.snapshot = snapshot,
		.settings = pop3_settings_default(snapshot->servername.name)};
	g->settings.mechanisms = VIEW("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN");
	g->settings.offers_stls = offers_stls;
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
