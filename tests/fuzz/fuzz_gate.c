/*
 * gate, whole, among programs that somebody broke into (peers.h): it does not die or leak, keeps its
 * bounds, and holds no row of a kind that is not in its table.
 */
#include "base/clock.h"
#include "base/log.h"
#include "channels/any_gate.h"
#include "keepers/gate/gated.h"
#include "keepers/gate/kinds.h"
#include "peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GATE_ASKERS 4
static const enum program_id askers[GATE_ASKERS] = {
	PROGRAM_AUTH, PROGRAM_DELIVER, PROGRAM_SMTPD, PROGRAM_POPD};

static void connect_asker(struct peers *all, size_t i, int fd)
{
	gated_connect(all->world, askers[i], 0, fd);
}
static void connect_0(struct peers *all, int fd)
{
	connect_asker(all, 0, fd);
}
static void connect_1(struct peers *all, int fd)
{
	connect_asker(all, 1, fd);
}
static void connect_2(struct peers *all, int fd)
{
	connect_asker(all, 2, fd);
}
static void connect_3(struct peers *all, int fd)
{
	connect_asker(all, 3, fd);
}

/* Rows are of somebody who may write them. */
static void check_row(void *context, const struct gate_row *row)
{
	const struct gate_kind *kind = gate_kind_of(row->key);
	(void)context;
	must(kind && kind->counters == row->counter);
	must(row->counter || row->durable == kind->durable);
}

static void play_gate(struct cursor *in)
{
	static const struct workers_limits pool = {.threads = 1, .queue_max = 2};
	static const struct gate_limits limits = {20, 4000};
	const struct gate_clock_facts facts = {
		.wall_ms = 1000000000, .monotonic_ms = clock_monotonic_ms()};
	struct gated *g = memory_new(1, sizeof *g);
	struct peers all = {.loop = loop_new(), .count = GATE_ASKERS, .world = g};
	void (*const connects[])(struct peers *, int) = {
		connect_0, connect_1, connect_2, connect_3};
	for (size_t i = 0; i < GATE_ASKERS; i++)
		all.peers[i] = (struct peer){
			.protocol = &any_gate, .side = FRAME_A, .connect = connects[i]};
	g->loop = all.loop;
	gated_begin(g, &limits, (struct gate_seed){1, 2}, &facts, gate_store_memory());
	gated_go(g, all.loop, workers_new(&pool, "gate"));
	peers_play(&all, in);
	gate_table_each(g->table, gated_now_ms(g), check_row, NULL);
	must(gate_table_counts(g->table).rows <= limits.rows_max);
	gated_end(g);
	loop_free(&all.loop);
	memory_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	play_gate(&in);
	return 0;
}
