#include "faces/resolve/resolved.h"

static void end(void *context)
{
	struct generation *g = context;
	resolver_free(&g->resolver);
	snapshot_drop(&g->snapshot);
	timer_free(&g->end);
	memory_free(g);
}

struct generation *generation_new(
	struct loop *loop, struct snapshot *snapshot, const char **why_out)
{
	const struct resolver_config config = {.nameservers = snapshot->nameservers,
		.nameserver_count = snapshot->nameserver_count,
		.anchors = snapshot->anchors,
		.anchor_count = snapshot->anchor_count};
	struct resolver *resolver = resolver_new(loop, &config, why_out);
	if (!resolver)
		return NULL;
	struct generation *g = memory_new(1, sizeof *g);
	*g = (struct generation){
		.references = 1, .loop = loop, .snapshot = snapshot, .resolver = resolver};
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
	g->end = timer_new(g->loop, end, g);
	timer_set(g->end, 0);
}
