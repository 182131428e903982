/*
 * What the gate may find in its file after a crash, a bad disk or another version: any key and value
 * in LMDB. Loading takes what is a row of ours and leaves the rest; a clock's mark of any octets gives a
 * clock that does not go back. And any octets as a batch: what is read is bounded, and what the table
 * says is what was put in last.
 *
 * Input: the clock's wall time (u64), then rows: u8 length of the key, u16 length of the value, octets.
 */
#include "base/error.h"
#include "channels/any_gate.h"
#include "keepers/gate/kinds.h"
#include "store/gate_clock.h"
#include "store/gate_lmdb.h"
#include "store/gate_table.h"

#include <stdlib.h>
#include <unistd.h>

#include <lmdb.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/fuzz-gate-XXXXXX";
static char file[64];

static void clean(void)
{
	unlink(file);
	rmdir(directory);
}

static void begin(void)
{
	if (file[0])
		return;
	must(mkdtemp(directory) != NULL);
	struct buffer b = buffer_new(sizeof file - 1);
	buffer_add(&b, view_text(directory));
	buffer_add(&b, VIEW("/gate.mdb"));
	must(view_to_text(buffer_view(&b), file, sizeof file));
	buffer_free(&b);
	atexit(clean);
}

static void put_row(MDB_txn *txn, MDB_dbi rows, struct cursor *c)
{
	const size_t key_length = cursor_u8(c);
	const size_t value_length = cursor_u16(c);
	const struct view key = cursor_take(c, key_length);
	const struct view value = cursor_take(c, value_length);
	MDB_val k = {key.length, (void *)(uintptr_t)key.at};
	MDB_val v = {value.length, (void *)(uintptr_t)value.at};
	if (!cursor_failed(c) && key.length)
		must(mdb_put(txn, rows, &k, &v, 0) == 0);
}

static void write_file(struct cursor *c)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi rows;
	unlink(file);
	must(mdb_env_create(&env) == 0);
	must(mdb_env_set_mapsize(env, 1u << 24) == 0);
	must(mdb_env_open(env, file, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600) == 0);
	must(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	must(mdb_dbi_open(txn, NULL, 0, &rows) == 0);
	while (cursor_left(c) && !cursor_failed(c))
		put_row(txn, rows, c);
	must(mdb_txn_commit(txn) == 0);
	mdb_env_close(env);
}

struct restoring {
	struct gate_table *table;
	uint64_t now_ms;
};

static void restore(void *context, struct view key, struct view facts, uint64_t ends_ms)
{
	const struct restoring *r = context;
	const struct gate_kind *kind = gate_kind_of(key);
	struct gate_row row;
	if (!kind || !kind->durable)
		return;
	if (gate_table_restore(r->table, r->now_ms, key, facts, ends_ms) != ERROR_NONE)
		return;
	must(gate_table_look_up(r->table, r->now_ms, key, &row) == ERROR_NONE);
	must(view_equal(row.facts, facts) && row.left_ms <= GATE_TABLE_LIFETIME_MAX_MS);
	must(row.facts.length <= GATE_FACTS_MAX && row.key.length <= GATE_KEY_MAX);
}

static void check_batch(struct view octets)
{
	struct cursor c = cursor_of(octets);
	struct gate_batch_step step;
	struct buffer again = buffer_new(octets.length + 1);
	size_t good = 0;
	bool has_clear = false; /* of which the rest says nothing */
	while (gate_batch_read(&c, &step)) {
		must(step.key.length <= GATE_TABLE_KEY_MAX &&
			step.facts.length <= GATE_TABLE_FACTS_MAX);
		has_clear = has_clear || step.kind == GATE_BATCH_CLEAR;
		if (step.kind == GATE_BATCH_REMOVE)
			gate_batch_remove(&again, step.key);
		else if (step.kind == GATE_BATCH_WRITE)
			gate_batch_write(&again, step.key, step.facts, step.ends_ms);
		good = c.at;
	}
	must(has_clear || view_equal(buffer_view(&again), view_first(octets, good)));
	buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gate_limits limits = {100, 100000};
	struct cursor c = cursor_of(view_of(data, size));
	struct gate_store *store;
	bool damaged;
	begin();
	check_batch(view_of(data, size));
	const struct gate_clock_facts facts = {.wall_ms = (int64_t)(cursor_u64(&c) >> 1)};
	write_file(&c);
	must(gate_lmdb_open(directory, 1u << 24, &damaged, &store) == ERROR_NONE && !damaged);
	const struct gate_clock clock = gate_clock_start(gate_store_mark(store), &facts);
	struct restoring r = {.now_ms = gate_clock_now_ms(&clock, 0)};
	must(gate_clock_now_ms(&clock, 1000) >= r.now_ms);
	r.table = gate_table_new(&limits, (struct gate_seed){1, 2}, NULL);
	must(gate_store_load(store, restore, &r) == ERROR_NONE);
	must(gate_table_counts(r.table).rows <= limits.rows_max);
	gate_table_free(&r.table);
	gate_store_free(&store);
	return 0;
}
