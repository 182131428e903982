/*
 * How dear a question to the gate is, by store and by how many addresses are open: look-ups a second, processor time of
 * each, octets of a row. In this process alone: what a channel costs besides is the same for all of them.
 *
 *	bench_gate table		the gate's own memory; and its file, written and read again
 *	bench_gate directory		a file each, in a file system in memory
 *	bench_gate redis PORT		a Redis on 127.0.0.1 without a password; 64 questions under way, and one
 */
#include "base/clock.h"
#include "base/log.h"
#include "keepers/gate/files.h"
#include "keepers/gate/redis.h"
#include "mail/gate_open.h"
#include "store/gate_lmdb.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIFE_MS UINT64_C(3600000)
#define LOOKS 1000000u

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void add_key(struct buffer *key, uint32_t n, struct view tail)
{
	uint32_t host = htonl(0x0a000000u + n);
	struct in_addr a;
	buffer_clear(key);
	must(view_copy(view_of(&host, sizeof host), &a, sizeof a));
	const struct ip ip = ip_of_v4(a);
	gate_open_key(key, &ip, VIEW("hana"), tail);
}

static void say(
	const char *store, uint32_t rows, uint64_t looks, double us, double cpu, double octets)
{
	printf("%-10s %8u rows  %10.0f look-ups/s  %7.3f us CPU each", store, rows,
		(double)looks / us * 1e6, cpu / (double)looks);
	if (octets > 0)
		printf("  %5.0f octets/row", octets);
	printf("\n");
	fflush(stdout);
}

static struct gate_write write_of(struct view key)
{
	return (struct gate_write){.key = key,
		.facts = VIEW("by=pop3s since=1796000000"),
		.lifetime_ms = LIFE_MS,
		.durable = true};
}

/* --- the table, and its file -------------------------------------------------------------- */

static void add_to_batch(void *context, const struct gate_row *row)
{
	gate_batch_write(context, row->key, row->facts, row->ends_ms);
}

static void restore(void *context, struct view key, struct view facts, uint64_t ends_ms)
{
	(void)!gate_table_restore(context, 1, key, facts, ends_ms);
}

static void measure_file(const struct gate_table *t, uint32_t rows)
{
	char directory[] = "/tmp/bench-gate-XXXXXX";
	char file[64];
	struct stat st;
	struct gate_store *store;
	bool damaged;
	struct buffer batch = buffer_new((size_t)1 << 30);
	must(mkdtemp(directory) != NULL);
	gate_table_each(t, 1, add_to_batch, &batch);
	must(gate_lmdb_open(directory, (size_t)1 << 30, &damaged, &store) == ERROR_NONE);
	uint64_t began_us = clock_monotonic_us();
	must(gate_store_apply(store, buffer_view(&batch), VIEW("mark")) == ERROR_NONE);
	const uint64_t wrote_us = clock_monotonic_us() - began_us;
	gate_store_free(&store);
	struct gate_table *again =
		gate_table_new(&gate_limits_default, (struct gate_seed){5, 6}, NULL);
	began_us = clock_monotonic_us();
	must(gate_lmdb_open(directory, (size_t)1 << 30, &damaged, &store) == ERROR_NONE);
	must(gate_store_load(store, restore, again) == ERROR_NONE);
	const uint64_t read_us = clock_monotonic_us() - began_us;
	must(gate_table_counts(again).rows == rows);
	gate_store_free(&store);
	gate_table_free(&again);
	snprintf(file, sizeof file, "%s/gate.mdb", directory);
	must(stat(file, &st) == 0);
	printf("LMDB       %8u rows  written in %.1f ms, read at a start in %.1f ms  %5.0f "
	       "octets/row\n",
		rows, (double)wrote_us / 1e3, (double)read_us / 1e3,
		(double)st.st_size / (double)rows);
	unlink(file);
	rmdir(directory);
	buffer_free(&batch);
}

static void measure_table(uint32_t rows)
{
	struct gate_table *t = gate_table_new(&gate_limits_default, (struct gate_seed){3, 4}, NULL);
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	struct gate_row row;
	const size_t before = mallinfo2().uordblks;
	for (uint32_t i = 0; i < rows; i++) {
		add_key(&key, i, VIEW("0123456789abcdef"));
		const struct gate_write w = write_of(buffer_view(&key));
		must(gate_table_open(t, 1, &w, &row) == ERROR_NONE);
	}
	const double octets = (double)(mallinfo2().uordblks - before) / rows + 2 * sizeof(void *);
	uint32_t n = 1;
	const uint64_t began_us = clock_monotonic_us();
	const double began_cpu = cpu_us();
	for (uint32_t i = 0; i < LOOKS; i++) {
		n = n * 1664525u + 1013904223u;
		add_key(&key, n % rows, VIEW_NONE);
		must(gate_table_look_up(t, 2, buffer_view(&key), &row) == ERROR_NONE);
	}
	say("table", rows, LOOKS, (double)(clock_monotonic_us() - began_us), cpu_us() - began_cpu,
		octets);
	measure_file(t, rows);
	gate_table_free(&t);
	buffer_free(&key);
}

/* --- live stores -------------------------------------------------------------------------- */

static struct gated *gated_of(struct loop *loop)
{
	struct gated *g = memory_new(1, sizeof *g);
	const struct gate_clock_facts facts = {
		.wall_ms = clock_wall_ms(), .monotonic_ms = clock_monotonic_ms()};
	g->loop = loop;
	gated_begin(g, &gate_limits_default, (struct gate_seed){1, 2}, &facts, gate_store_memory());
	return g;
}

struct run {
	struct gated *gated;
	struct loop *loop;
	uint32_t rows;
	uint32_t number;
	uint64_t looks;
	uint64_t left;
	uint64_t under_way;
	bool opens;
	struct buffer key;
};

static void answered(struct gate_waiter *waiter, const struct gate_result *result)
{
	struct run *r = waiter->context;
	must(result->error == ERROR_NONE);
	r->under_way--;
}

static void ask_one(struct run *r, struct gate_waiter *waiter)
{
	r->number = r->opens ? r->number + 1 : r->number * 1664525u + 1013904223u;
	add_key(&r->key, r->number % r->rows, r->opens ? VIEW("0123456789abcdef") : VIEW_NONE);
	const struct gate_write w = write_of(buffer_view(&r->key));
	const struct gate_op op = {.code = r->opens ? GATE_OPEN : GATE_LOOKUP,
		.key = w.key,
		.facts = w.facts,
		.lifetime_ms = LIFE_MS,
		.durable = true};
	r->left--;
	r->under_way++;
	gated_ask(r->gated, &op, waiter);
}

static void ask_all(struct run *r, uint64_t count, uint64_t at_once, bool opens)
{
	struct gate_waiter waiter = {answered, r};
	r->opens = opens;
	r->left = count;
	while (r->left || r->under_way) {
		while (r->left && r->under_way < at_once)
			ask_one(r, &waiter);
		if (r->under_way)
			loop_turn(r->loop, 1000);
	}
}

static void measure_live(const char *name, struct run *r, uint64_t looks, uint64_t at_once)
{
	const uint64_t began_us = clock_monotonic_us();
	const double began_cpu = cpu_us();
	ask_all(r, looks, at_once, false);
	say(name, r->rows, looks, (double)(clock_monotonic_us() - began_us), cpu_us() - began_cpu,
		0);
}

static void measure_directory(uint32_t rows)
{
	char directory[] = "/dev/shm/bench-gate-XXXXXX";
	char command[100];
	static const struct popkey_rules rules = {3600000, 3600000, 128};
	must(mkdtemp(directory) != NULL);
	const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct run r = {.loop = loop_new(), .rows = rows, .key = buffer_new(GATE_OPEN_KEY_MAX)};
	r.gated = gated_of(r.loop);
	r.gated->live = files_new(r.gated, r.loop, fd, files_watch(fd), &rules);
	const uint64_t began_us = clock_monotonic_us();
	ask_all(&r, rows, 1, true);
	printf("directory  %8u rows  opened in %.1f ms\n", rows,
		(double)(clock_monotonic_us() - began_us) / 1e3);
	measure_live("directory", &r, LOOKS, 1);
	snprintf(command, sizeof command, "rm -r %s", directory);
	must(system(command) == 0);
}

static struct gate_live *dialled;
static int dial_port;

static void dial(void *context)
{
	(void)context;
	const struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)dial_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	redis_connected(dialled, fd);
}

static void measure_redis(uint32_t rows)
{
	struct run r = {.loop = loop_new(), .rows = rows, .key = buffer_new(GATE_OPEN_KEY_MAX)};
	const struct redis_spec spec = {.name = VIEW("redis"), .dial = dial};
	r.gated = gated_of(r.loop);
	dialled = redis_new(r.gated, r.loop, &spec);
	r.gated->live = dialled;
	for (unsigned i = 0; i < 20; i++)
		loop_turn(r.loop, 20);
	const uint64_t began_us = clock_monotonic_us();
	ask_all(&r, rows, 256, true);
	printf("redis      %8u rows  opened in %.1f ms\n", rows,
		(double)(clock_monotonic_us() - began_us) / 1e3);
	measure_live("redis/64", &r, LOOKS / 5, 64);
	measure_live("redis/1", &r, LOOKS / 50, 1);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {10, 10000, 1000000};
	const struct view what = view_text(argc > 1 ? argv[1] : "");
	log_threshold((enum log_level)(LOG_ERROR + 1));
	if (view_equal(what, VIEW("redis")) && argc > 2)
		dial_port = atoi(argv[2]);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (view_equal(what, VIEW("table")))
			measure_table(sizes[i]);
		else if (view_equal(what, VIEW("directory")))
			measure_directory(sizes[i]);
		else if (view_equal(what, VIEW("redis")) && dial_port)
			measure_redis(sizes[i]);
		else
			return 64;
	}
	return 0;
}
