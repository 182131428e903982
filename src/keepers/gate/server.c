#include "keepers/gate/gated.h"

#include "base/clock.h"
#include "base/log.h"
#include "channels/any_gate.h"
#include "keepers/gate/kinds.h"
#include "mail/gate_open.h"

#include <assert.h>
#include <unistd.h>

static_assert(GATE_KEY_MAX == GATE_TABLE_KEY_MAX, "the channel's and the table's limits agree");
static_assert(GATE_FACTS_MAX == GATE_TABLE_FACTS_MAX, "the same");
static_assert(GATE_LIFETIME_MAX_MS == GATE_TABLE_LIFETIME_MAX_MS, "the same");
static_assert(GATE_WINDOW_MAX_MS == GATE_TABLE_WINDOW_MAX_MS, "the same");

uint64_t gated_now_ms(const struct gated *g)
{
	return gate_clock_now_ms(&g->clock, clock_boot_ms());
}

/* --- one question ------------------------------------------------------------------------- */

static struct gate_op op_of(const struct frame *f, bool durable)
{
	const struct frame_value *v = f->values;
	struct gate_op op = {
		.code = (enum any_gate_code)f->row->code, .key = v[0].bytes, .durable = durable};
	switch (op.code) {
	case GATE_OPEN:
	case GATE_CLAIM:
		op.facts = v[1].bytes;
		op.lifetime_ms = v[2].number;
		break;
	case GATE_CHANGE:
		op.old = v[1].bytes;
		op.facts = v[2].bytes;
		op.lifetime_ms = v[3].number;
		break;
	case GATE_TOUCH:
		op.lifetime_ms = v[1].number;
		break;
	case GATE_CLOSE:
		op.old = v[1].bytes;
		break;
	case GATE_COUNT:
		op.amount = (uint32_t)v[1].number;
		op.window_ms = (uint32_t)v[2].number;
		break;
	case GATE_LOOKUP:
	case GATE_ROW:
	case GATE_NONE:
	case GATE_COUNTED:
	case GATE_FAILED:
	case GATE_CODES:
		break;
	}
	return op;
}

static void reply(const struct gate_peer *peer, uint32_t stream, const struct gate_result *r)
{
	if (r->error == ERROR_MISSING)
		channel_say(peer->channel, GATE_NONE, stream);
	else if (r->error)
		channel_say(peer->channel, GATE_FAILED, stream, frame_number((uint64_t)r->error));
	else if (r->counted)
		channel_say(peer->channel, GATE_COUNTED, stream, frame_number(r->count));
	else
		channel_say(peer->channel, GATE_ROW, stream, frame_bytes(r->facts),
			frame_number(r->left_ms));
}

void gated_answer(struct gate_ticket ticket, const struct gate_result *result)
{
	struct gate_peer *peer = ticket.peer;
	if (ticket.waiter) {
		ticket.waiter->answered(ticket.waiter, result);
		return;
	}
	if (!peer || peer->serial != ticket.serial || !streams_take(&peer->open, ticket.stream))
		return;
	reply(peer, ticket.stream, result);
}

/* The live store that takes this kind; null: the table does. */
static struct gate_live *live_of(struct gated *g, const struct gate_kind *kind)
{
	return g->live && g->live->ops->takes(g->live, kind) ? g->live : NULL;
}

void gated_ask(struct gated *g, const struct gate_op *op, struct gate_waiter *waiter)
{
	struct gate_live *live = live_of(g, gate_kind_of(op->key));
	struct gate_result r;
	if (!live)
		r = local_ask(g, op);
	else if (!live->ops->ask(live, op, (struct gate_ticket){.waiter = waiter}, &r))
		return;
	waiter->answered(waiter, &r);
}

void gated_walk(struct gated *g, struct gate_walk *walk)
{
	struct gate_live *live = live_of(g, gate_kind_of(walk->prefix));
	if (live)
		live->ops->walk(live, walk);
	else
		local_walk(g, walk);
}

/* True: *result_out is the answer, now. */
static bool ask(struct gate_peer *peer, const struct frame *f, const struct gate_kind *kind,
	struct gate_result *result_out)
{
	struct gated *g = peer->gated;
	const struct gate_op op = op_of(f, kind->durable);
	struct gate_live *live = live_of(g, kind);
	if (!live) {
		*result_out = local_ask(g, &op);
		return true;
	}
	const struct gate_ticket ticket = {NULL, peer, peer->serial, f->stream};
	if (live->ops->ask(live, &op, ticket, result_out))
		return true;
	/* its answers come one at a time, never from inside, so there is room: the store's bound is lower */
	must(streams_put(&peer->open, f->stream, peer) == ERROR_NONE);
	return false;
}

static bool is_key_of(struct view key, const struct gate_kind *kind)
{
	struct ip address;
	struct view user;
	struct view tail;
	return !kind->tails || gate_open_split(key, &address, &user, &tail);
}

static void said(void *context, const struct frame *f)
{
	struct gate_peer *peer = context;
	const struct view key = f->values[0].bytes;
	const struct gate_kind *kind = gate_kind_of(key);
	const enum any_gate_code code = (enum any_gate_code)f->row->code;
	const bool looks = code == GATE_COUNT && f->values[1].number == 0;
	struct gate_result r = {.error = ERROR_DENIED};
	peer->asked++;
	if (!kind || !gate_kind_allows(kind, peer->id, code, looks)) {
		if (peer->denied++ == 0)
			log_warning("question not allowed",
				fact_text("peer", program_id_name(peer->id)),
				fact_text("asks", f->row->name), fact_view("key", key));
	} else if (!is_key_of(key, kind)) {
		r.error = ERROR_PROTOCOL;
	} else if (!ask(peer, f, kind, &r)) {
		return;
	}
	reply(peer, f->stream, &r);
}

/* --- peers -------------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct gate_peer *peer = context;
	return streams_get(&peer->open, stream) ? GATE_STATE_ASKED : GATE_STATE_IDLE;
}

/* What it was asked last is of nobody's interest any more. */
static void forget(struct gate_peer *peer)
{
	channel_free(&peer->channel);
	streams_free(&peer->open);
	peer->open = streams_new(GATE_OPEN_STREAMS_MAX);
	peer->serial++;
}

static void closed(void *context, const char *broken)
{
	struct gate_peer *peer = context;
	forget(peer);
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
	forget(peer);
	*peer = (struct gate_peer){
		.gated = g, .id = id, .worker = worker, .open = peer->open, .serial = peer->serial};
	peer->channel = channel_new(g->loop, &any_gate, FRAME_B, fd, &handler, peer);
}

/* --- start -------------------------------------------------------------------------------- */

static void row_written(void *context, const struct gate_row *row)
{
	journal_written(context, row);
	openings_written(row);
}

static void row_removed(void *context, const struct gate_row *row, enum gate_end why)
{
	journal_removed(context, row->key);
	openings_removed(row, why);
}

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
		kind && kind->durable && !(kind->tails && r->gated->clock.is_unsure) &&
		gate_table_restore(r->gated->table, r->now_ms, key, facts, ends_ms) == ERROR_NONE;
	r->counts[fine ? 0 : 1]++;
}

void gated_config(struct gated *g, const struct snapshot *snapshot)
{
	g->v6_prefix = (uint8_t)snapshot->numbers[SETTING_POPKEYIPV6];
}

void gated_begin(struct gated *g, const struct gate_limits *limits, struct gate_seed seed,
	const struct gate_clock_facts *facts, struct gate_store *store)
{
	const struct gate_observer observer = {row_written, row_removed, g};
	journal_begin(g);
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

void gated_end(struct gated *g)
{
	for (size_t i = 0; i < GATE_PEERS_MAX; i++) {
		channel_free(&g->peers[i].channel);
		streams_free(&g->peers[i].open);
	}
	if (g->live)
		g->live->ops->close(g->live);
	journal_end(g);
	timer_free(&g->tick);
	gate_table_free(&g->table);
}
