#include "world.h"

#include "base/clock.h"
#include "base/random.h"
#include "keepers/gate/gated.h"

/* --- a store whose batches the world keeps -------------------------------------------------- */

struct kept_store {
	struct gate_store store;
	struct world *world;
};

/* Whether a later step has to do with the same row. */
static bool is_overtaken(struct cursor later, struct view key)
{
	struct gate_batch_step step;
	while (gate_batch_read(&later, &step))
		if (step.kind == GATE_BATCH_CLEAR || view_equal(step.key, key))
			return true;
	return false;
}

static enum error load(struct gate_store *store, gate_store_row *each, void *context)
{
	const struct kept_store *kept = (const struct kept_store *)store;
	struct cursor c = cursor_of(buffer_view(&kept->world->gate_rows));
	struct gate_batch_step step;
	while (gate_batch_read(&c, &step))
		if (step.kind == GATE_BATCH_WRITE && !is_overtaken(c, step.key))
			each(context, step.key, step.facts, step.ends_ms);
	return ERROR_NONE;
}

/* A batch is safe from a power cut with the one after it (store/gate_lmdb.h). */
static enum error apply_batch(struct gate_store *store, struct view batch, struct view mark)
{
	struct kept_store *kept = (struct kept_store *)store;
	(void)mark;
	kept->world->gate_rows_safe = kept->world->gate_rows.length;
	buffer_add(&kept->world->gate_rows, batch);
	return ERROR_NONE;
}

static void close_store(struct gate_store *store)
{
	memory_free(store);
}

static struct gate_store *store_of(struct world *w)
{
	static const struct gate_store_ops ops = {load, apply_batch, close_store};
	struct kept_store *kept = memory_new(1, sizeof *kept);
	kept->store.ops = &ops;
	kept->world = w;
	return &kept->store;
}

/* --- the program --------------------------------------------------------------------------- */

static void broken(void *context, enum program_id id, uint32_t worker, const char *why)
{
	program_peer_broken(context, id, worker, why);
}

static bool start(struct actor *a)
{
	static const struct workers_limits limits = {.threads = 1, .queue_max = 2};
	static const struct gate_limits small = {.rows_max = 4096, .octets_max = 1 << 20};
	struct gated *g = memory_new(1, sizeof *g);
	struct gate_clock_facts facts = {
		.wall_ms = clock_wall_ms(), .monotonic_ms = clock_monotonic_ms()};
	g->loop = a->program.loop;
	g->broken = broken;
	g->context = &a->program;
	must(view_copy(
		view_of(a->world->boot, sizeof a->world->boot), facts.boot, sizeof facts.boot));
	gated_begin(g, &small, (struct gate_seed){random_u64(), random_u64()}, &facts,
		store_of(a->world));
	a->pool = workers_new(&limits, "gate-store");
	gated_go(g, a->program.loop, a->pool);
	a->self = g;
	return true;
}

void actor_gate_delay(struct actor *a, int64_t ms)
{
	struct gated *g = a->self;
	if (a->alive)
		g->clock.base_ms -= (uint64_t)ms;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	gated_connect(a->self, peer, worker, fd);
}

const struct actor_kind actor_gate = {PROGRAM_GATE, start, connect_peer};
