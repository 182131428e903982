#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

#include "store/gate_lmdb.h"
#include "store/gate_table.h"

#define MIB ((size_t)1 << 20)

static char directory[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/test-gate-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static char *file_named(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file_named("gate.mdb"));
	unlink(file_named("gate.mdb.damaged"));
	return rmdir(directory);
}

static struct gate_store *open_store(size_t octets_max)
{
	struct gate_store *store = NULL;
	bool damaged = false;
	assert_int_equal(gate_lmdb_open(directory, octets_max, &damaged, &store), ERROR_NONE);
	assert_false(damaged);
	return store;
}

struct found {
	unsigned rows;
	uint64_t sum;
	char facts[GATE_TABLE_FACTS_MAX + 1];
};

static void find(void *context, struct view key, struct view facts, uint64_t ends_ms)
{
	struct found *f = context;
	assert_true(key.length > 0);
	f->rows++;
	f->sum += ends_ms;
	assert_true(view_copy(facts, f->facts, sizeof f->facts));
}

static struct found load(struct gate_store *store)
{
	struct found f = {0};
	assert_int_equal(gate_store_load(store, find, &f), ERROR_NONE);
	return f;
}

/* Protects: what was applied is there after the file is opened again, with the clock's mark. */
static void test_reopen(void **state)
{
	(void)state;
	struct buffer b = buffer_new(10000);
	struct gate_store *store = open_store(4 * MIB);
	assert_int_equal(gate_store_mark(store).length, 0);
	gate_batch_write(&b, VIEW("seen:1"), VIEW("facts"), 10);
	gate_batch_write(&b, VIEW("seen:2"), VIEW(""), 20);
	gate_batch_write(&b, VIEW("seen:1"), VIEW("newer"), 100);
	gate_batch_remove(&b, VIEW("never"));
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW("mark")), ERROR_NONE);
	gate_store_free(&store);
	store = open_store(4 * MIB);
	assert_true(view_equal(gate_store_mark(store), VIEW("mark")));
	struct found f = load(store);
	assert_int_equal(f.rows, 2);
	assert_int_equal(f.sum, 120);
	buffer_clear(&b);
	gate_batch_remove(&b, VIEW("seen:2"));
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW_NONE), ERROR_NONE);
	gate_store_free(&store);
	store = open_store(4 * MIB);
	f = load(store);
	assert_int_equal(f.rows, 1);
	assert_string_equal(f.facts, "newer");
	buffer_clear(&b);
	gate_batch_clear(&b);
	gate_batch_write(&b, VIEW("seen:9"), VIEW("x"), 9);
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW("later")), ERROR_NONE);
	f = load(store);
	assert_int_equal(f.rows, 1);
	assert_int_equal(f.sum, 9);
	gate_store_free(&store);
	buffer_free(&b);
}

/* Protects: keys and facts of the largest size fit. */
static void test_largest(void **state)
{
	(void)state;
	static uint8_t octets[GATE_TABLE_FACTS_MAX];
	struct buffer b = buffer_new(10000);
	struct gate_store *store = open_store(4 * MIB);
	gate_batch_write(&b, view_of(octets, GATE_TABLE_KEY_MAX), view_of(octets, sizeof octets),
		UINT64_MAX);
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW("m")), ERROR_NONE);
	assert_int_equal(load(store).rows, 1);
	gate_store_free(&store);
	buffer_free(&b);
}

/* Protects: a batch that fails changes nothing, be it malformed or too large for the file. */
static void test_all_or_nothing(void **state)
{
	(void)state;
	struct buffer b = buffer_new(4 * MIB);
	struct gate_store *store = open_store(MIB / 4);
	gate_batch_write(&b, VIEW("a"), VIEW("1"), 1);
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW("m")), ERROR_NONE);
	buffer_clear(&b);
	gate_batch_clear(&b);
	gate_batch_write(&b, VIEW("b"), VIEW("2"), 2);
	const struct view torn = view_first(buffer_view(&b), b.length - 1);
	assert_int_not_equal(gate_store_apply(store, torn, VIEW("m")), ERROR_NONE);
	assert_int_equal(load(store).sum, 1);
	static uint8_t facts[GATE_TABLE_FACTS_MAX];
	for (uint16_t i = 0; i < 500; i++)
		gate_batch_write(&b, view_of(&i, sizeof i), view_of(facts, sizeof facts), 5);
	assert_false(buffer_failed(&b));
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW("m")), ERROR_SPACE);
	assert_int_equal(load(store).sum, 1);
	/* and it works again when there is less */
	buffer_clear(&b);
	gate_batch_write(&b, VIEW("b"), VIEW("2"), 2);
	assert_int_equal(gate_store_apply(store, buffer_view(&b), VIEW("m")), ERROR_NONE);
	assert_int_equal(load(store).sum, 3);
	gate_store_free(&store);
	buffer_free(&b);
}

/* Protects: a file whose times are seconds is read as what it says, once, and written as one of today. */
static void test_seconds(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		MDB_env *env;
		MDB_txn *txn;
		MDB_dbi rows;
		static const uint8_t row_key[] = "seen:1";
		uint8_t value[10] = {10, 0, 0, 0, 0, 0, 0, 0, 'o', 'k'};
		uint8_t mark[32] = {77};
		MDB_val k = {6, (void *)(uintptr_t)row_key};
		MDB_val v = {sizeof value, value};
		MDB_val mark_key = {8, (void *)(uintptr_t) "\0clock 1"};
		MDB_val m = {sizeof mark, mark};
		if (round == 0) {
			assert_int_equal(mdb_env_create(&env), 0);
			assert_int_equal(mdb_env_open(env, file_named("gate.mdb"),
						 MDB_NOSUBDIR | MDB_NOLOCK, 0600),
				0);
			assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
			assert_int_equal(mdb_dbi_open(txn, NULL, 0, &rows), 0);
			assert_int_equal(mdb_put(txn, rows, &k, &v, 0), 0);
			assert_int_equal(mdb_put(txn, rows, &mark_key, &m, 0), 0);
			assert_int_equal(mdb_txn_commit(txn), 0);
			mdb_env_close(env);
		}
		struct gate_store *store = open_store(4 * MIB);
		struct cursor c = cursor_of(gate_store_mark(store));
		assert_int_equal(cursor_u64(&c), 78000);
		const struct found f = load(store);
		assert_int_equal(f.rows, 1);
		assert_int_equal(f.sum, 10000);
		assert_string_equal(f.facts, "ok");
		gate_store_free(&store);
	}
}

/* Writes batch after batch: in each, all 50 rows end at the batch's number. Says each that is done. */
_Noreturn static void write_until_killed(int done)
{
	struct gate_store *store = open_store(16 * MIB);
	struct buffer b = buffer_new(MIB);
	for (uint64_t n = 1;; n++) {
		buffer_clear(&b);
		for (uint8_t i = 0; i < 50; i++)
			gate_batch_write(&b, view_of(&i, 1), VIEW("some facts"), n);
		if (gate_store_apply(store, buffer_view(&b), VIEW("m")) != ERROR_NONE ||
			write(done, &n, sizeof n) != sizeof n)
			_exit(1);
	}
}

/* Protects: after kill -9 at any moment the file opens, and holds the last batch said, or the next,
 * never a mixture. */
static void test_kill(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		int done[2];
		assert_int_equal(pipe(done), 0);
		const pid_t pid = fork();
		if (pid == 0)
			write_until_killed(done[1]);
		close(done[1]);
		uint64_t last = 0;
		uint64_t n;
		for (unsigned i = 0; i < 3 + round; i++)
			assert_int_equal(read(done[0], &last, sizeof last), sizeof last);
		usleep(round * 137);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(done[0], &n, sizeof n) == sizeof n)
			last = n;
		close(done[0]);
		struct gate_store *store = open_store(16 * MIB);
		const struct found f = load(store);
		assert_int_equal(f.rows, 50);
		assert_true(f.sum == 50 * last || f.sum == 50 * (last + 1));
		gate_store_free(&store);
	}
}

static void damage(int how)
{
	FILE *f = fopen(file_named("gate.mdb"), "r+");
	assert_non_null(f);
	if (how == 0)
		assert_int_equal(ftruncate(fileno(f), 8192), 0); /* its two heads only */
	else
		for (int i = 0; i < 8192; i++)
			fputc(0x5a, f);
	fclose(f);
}

/* Protects: a damaged file is set aside and said; the gate begins anew instead of dying at each start. */
static void test_damaged(void **state)
{
	(void)state;
	for (int how = 0; how < 2; how++) {
		struct buffer b = buffer_new(10000);
		struct gate_store *store = open_store(4 * MIB);
		gate_batch_write(&b, VIEW("a"), VIEW("1"), 1);
		for (int i = 0; i < 3; i++)
			assert_int_equal(
				gate_store_apply(store, buffer_view(&b), VIEW("m")), ERROR_NONE);
		gate_store_free(&store);
		buffer_free(&b);
		damage(how);
		bool damaged = false;
		assert_int_equal(gate_lmdb_open(directory, 4 * MIB, &damaged, &store), ERROR_NONE);
		assert_true(damaged);
		assert_int_equal(load(store).rows, 0);
		gate_store_free(&store);
		assert_int_equal(access(file_named("gate.mdb.damaged"), F_OK), 0);
		unlink(file_named("gate.mdb.damaged"));
	}
}

/* Protects: where there is no directory the answer is an error, not a death. */
static void test_no_directory(void **state)
{
	(void)state;
	struct gate_store *store;
	bool damaged;
	assert_int_equal(
		gate_lmdb_open("/tmp/there/is/no/such", MIB, &damaged, &store), ERROR_MISSING);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH(test_reopen),
		WITH(test_largest),
		WITH(test_all_or_nothing),
		WITH(test_seconds),
		WITH(test_kill),
		WITH(test_damaged),
		cmocka_unit_test(test_no_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
