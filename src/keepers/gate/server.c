#include "keepers/gate/gated.h"

#include "base/clock.h"
#include "base/log.h"
#include "channels/any_gate.h"
#include "keepers/gate/kinds.h"

#include <assert.h>
#include <unistd.h>

static_assert(GATE_KEY_MAX == GATE_TABLE_KEY_MAX, "the channel's and the table's limits agree");
static_assert(GATE_FACTS_MAX == GATE_TABLE_FACTS_MAX, "the same");
static_assert(GATE_LIFETIME_MAX_MS == GATE_TABLE_LIFETIME_MAX_MS, "the same");
static_assert(GATE_WINDOW_MAX_MS == GATE_TABLE_WINDOW_MAX_MS, "the same");

uint64_t gated_now_ms(const struct gated *g)
{
	return gate_clock_now_ms(&g->clock, clock_monotonic_ms());
}

/* --- one question ------------------------------------------------------------------------- */

struct answer {
	enum error error; /* ERROR_MISSING is NONE */
	bool counted;
	uint64_t count;
	struct gate_row row;
};

static struct answer carry_out(struct gated *g, const struct frame *f, bool durable)
{
	const struct frame_value *v = f->values;
	const struct view key = v[0].bytes;
	const uint64_t now_ms = gated_now_ms(g);
	struct gate_write write = {
		.key = key, .facts = v[1].bytes, .lifetime_ms = v[2].number, .durable = durable};
	struct answer a = {0};
	switch ((enum any_gate_code)f->row->code) {
	case GATE_LOOKUP:
		a.error = gate_table_look_up(g->table, now_ms, key, &a.row);
		break;
	case GATE_OPEN:
		a.error = gate_table_open(g->table, now_ms, &write, &a.row);
		break;
	case GATE_CLAIM:
		a.error = gate_table_claim(g->table, now_ms, &write, &a.row);
		break;
	case GATE_CHANGE:
		write.facts = v[2].bytes;
		write.lifetime_ms = v[3].number;
		a.error = gate_table_change(g->table, now_ms, &write, v[1].bytes, &a.row);
		break;
	case GATE_TOUCH:
		a.error = gate_table_touch(g->table, now_ms, key, v[1].number, &a.row);
		break;
	case GATE_CLOSE:
		a.error = gate_table_close(g->table, now_ms, key, v[1].bytes);
		a.error = a.error ? a.error : ERROR_MISSING;
		break;
	case GATE_COUNT:
		a.counted = true;
		a.error = gate_table_count(g->table, now_ms, key, (uint32_t)v[1].number,
			(uint32_t)v[2].number, &a.count);
		break;
	case GATE_ROW:
	case GATE_NONE:
	case GATE_COUNTED:
	case GATE_FAILED:
	case GATE_CODES:
		a.error = ERROR_PROTOCOL;
	}
	return a;
}

static void reply(struct gate_peer *peer, uint32_t stream, const struct answer *a)
{
	if (a->error == ERROR_MISSING)
		channel_say(peer->channel, GATE_NONE, stream);
	else if (a->error)
		channel_say(peer->channel, GATE_FAILED, stream, frame_number((uint64_t)a->error));
	else if (a->counted)
		channel_say(peer->channel, GATE_COUNTED, stream, frame_number(a->count));
	else
		channel_say(peer->channel, GATE_ROW, stream, frame_bytes(a->row.facts),
			frame_number(a->row.left_ms));
}

static void said(void *context, const struct frame *f)
{
	struct gate_peer *peer = context;
	const struct view key = f->values[0].bytes;
	const struct gate_kind *kind = gate_kind_of(key);
	const enum any_gate_code code = (enum any_gate_code)f->row->code;
	const bool looks = code == GATE_COUNT && f->values[1].number == 0;
	struct answer a = {.error = ERROR_DENIED};
	peer->asked++;
	if (kind && gate_kind_allows(kind, peer->id, code, looks)) {
		a = carry_out(peer->gated, f, kind->durable);
	} else if (peer->denied++ == 0) {
		log_warning("question not allowed", fact_text("peer", program_id_name(peer->id)),
			fact_text("asks", f->row->name), fact_view("key", key));
	}
	reply(peer, f->stream, &a);
}

/* --- peers -------------------------------------------------------------------------------- */

/* A question is answered within the call that brings it, so no stream is ever open here. */
static uint32_t state_of(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GATE_STATE_IDLE;
}

static void closed(void *context, const char *broken)
{
	struct gate_peer *peer = context;
	channel_free(&peer->channel);
	if (broken && peer->gated->broken)
		peer->gated->broken(peer->gated->context, peer->id, peer->worker, broken);
}

static struct gate_peer *peer_slot(struct gated *g, enum program_id id, uint32_t worker)
{
	struct gate_peer *unused = NULL;
	for (size_t i = 0; i < GATE_PEERS_MAX; i++) {
		struct gate_peer *peer = &g->peers[i];
		if (peer->id == id && peer->worker == worker)
			return peer;
		if (!unused && !peer->channel)
			unused = peer;
	}
	return unused;
}

void gated_connect(struct gated *g, enum program_id id, uint32_t worker, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	struct gate_peer *peer = peer_slot(g, id, worker);
	if (!peer) {
		log_error("too many peers", fact_text("peer", program_id_name(id)));
		close(fd);
		return;
	}
	channel_free(&peer->channel);
	*peer = (struct gate_peer){.gated = g, .id = id, .worker = worker};
	peer->channel = channel_new(g->loop, &any_gate, FRAME_B, fd, &handler, peer);
}

/* --- start -------------------------------------------------------------------------------- */

struct restoring {
	struct gated *gated;
	uint64_t now_ms;
	uint32_t counts[2]; /* restored, left out */
};

static void restore_row(void *context, struct view key, struct view facts, uint64_t ends_ms)
{
	struct restoring *r = context;
	const struct gate_kind *kind = gate_kind_of(key);
	const bool fine =
		kind && kind->durable &&
		gate_table_restore(r->gated->table, r->now_ms, key, facts, ends_ms) == ERROR_NONE;
	r->counts[fine ? 0 : 1]++;
}

void gated_begin(struct gated *g, const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_clock_facts *facts, struct gate_store *store)
{
	const struct gate_observer observer = journal_observer(g);
	g->journal.store = store;
	g->clock = gate_clock_start(gate_store_mark(store), facts);
	g->table = gate_table_new(limits, seed, &observer);
	struct restoring r = {.gated = g, .now_ms = gated_now_ms(g)};
	const enum error error = gate_store_load(store, restore_row, &r);
	/* what was left out (expired meanwhile, or no kind of ours any more) leaves the file too */
	g->journal.anew = r.counts[1] > 0;
	if (error)
		log_error("the gate's store cannot be read to its end", fact_error(error));
	log_info("gate open", fact_number("rows", r.counts[0]), fact_number("over", r.counts[1]),
		fact_number("time", r.now_ms));
}

static void on_tick(void *context)
{
	struct gated *g = context;
	const uint32_t over = gate_table_expire(g->table, gated_now_ms(g), GATE_TICK_ROWS);
	timer_set(g->tick, over < GATE_TICK_ROWS ? GATE_TICK_MS : 0);
}

void gated_go(struct gated *g, struct loop *loop, struct workers *workers)
{
	g->loop = loop;
	journal_go(g, workers);
	g->tick = timer_new(loop, on_tick, g);
	timer_set(g->tick, GATE_TICK_MS);
}

void gated_drain(struct gated *g)
{
	journal_drain(g);
}
