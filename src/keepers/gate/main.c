/*
 * gate: what the site remembers for a while (DESIGN §6). A keeper: no network; one directory, in which
 * its store's file lies; answers only those whom the parent connected.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "channels/program.h"
#include "keepers/gate/files.h"
#include "keepers/gate/redis.h"
#include "store/gate_lmdb.h"

#include <errno.h>
#include <unistd.h>

static struct {
	struct gated gated;
	struct gate_clock_facts facts;
	struct workers *workers;
	struct snapshot *snapshot;
	struct gate_live *redis; /* null: there is none */
	struct gate_live *files;
	int directory;
	int openings; /* the directory of gatestore; -1: there is none */
	int notices; /* of what changes in it */
} gate = {.directory = -1, .openings = -1, .notices = -1};

static void take_boot(const struct program *p)
{
	struct buffer octets = buffer_new(GATE_CLOCK_BOOT_OCTETS);
	if (buffer_add_unhex(&octets, program_option(p, VIEW("boot"))) &&
		octets.length == GATE_CLOCK_BOOT_OCTETS)
		must(view_copy(buffer_view(&octets), gate.facts.boot, sizeof gate.facts.boot));
	buffer_free(&octets);
}

static void begin(struct program *p)
{
	gate.gated.loop = p->loop;
}

/* Without popkey others may still write there, by the paper's clocks. */
static struct popkey_rules rules_of(const struct snapshot *s)
{
	const struct popkey clocks = popkey_is_on(&s->popkey) ? s->popkey : POPKEY_DEFAULT;
	return (struct popkey_rules){.gate_ms = clocks.after_s * UINT64_C(1000),
		.session_ms = clocks.session_s * UINT64_C(1000),
		.ipv6_prefix = (uint8_t)s->numbers[SETTING_POPKEYIPV6]};
}

static const char *config(struct program *p, uint64_t generation, int fd)
{
	struct snapshot *snapshot = NULL;
	(void)p;
	(void)generation;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "gate cannot read its snapshot";
	gated_config(&gate.gated, snapshot);
	snapshot_drop(&gate.snapshot);
	gate.snapshot = snapshot;
	if (gate.files) {
		const struct popkey_rules rules = rules_of(snapshot);
		files_configure(gate.files, &rules);
	}
	return NULL;
}

static void broken(void *context, enum program_id id, uint32_t worker, const char *why)
{
	program_peer_broken(context, id, worker, why);
}

static void drained(void *context)
{
	program_drained(context);
}

static void given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	if (role == GIVEN_DIRECTORY && gate.directory < 0)
		gate.directory = fd;
	else if (role == GIVEN_OPENINGS && gate.openings < 0)
		gate.openings = fd;
	else
		close(fd);
}

static void peer(struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)workers;
	gated_connect(&gate.gated, id, worker, fd);
}

/* A gate without a disk still slows guesses and finds duplicates; without a gate mail would wait. */
static struct gate_store *open_store(void)
{
	struct gate_store *store;
	bool damaged = false;
	enum error error = ERROR_MISSING;
	/* the directory may be our root by now, or only reachable through its descriptor */
	if (gate.directory >= 0 && fchdir(gate.directory) == 0)
		error = gate_lmdb_open(".", GATE_LMDB_OCTETS_DEFAULT, &damaged, &store);
	if (damaged)
		log_error("the gate's store was damaged and begun anew; the old one was set aside",
			fact_text("file", "gate.mdb.damaged"));
	if (!error)
		return store;
	log_error("the gate's store cannot be opened: all is forgotten when the gate ends",
		fact_error(error));
	return gate_store_memory();
}

/* As our own user, before the system-call filter: what the store opens, it opens as it will run. */
static void prepare(struct program *p)
{
	static const struct workers_limits limits = {.threads = 1, .queue_max = 2};
	gate.gated.broken = broken;
	gate.gated.drained = drained;
	gate.gated.context = p;
	take_boot(p);
	gate.facts.wall_ms = clock_wall_ms();
	gate.facts.monotonic_ms = clock_boot_ms();
	const struct gate_seed seed = {random_u64(), random_u64()};
	gated_begin(&gate.gated, &gate_limits_default, seed, &gate.facts, open_store());
	if (gate.openings >= 0) {
		gate.notices = files_watch(gate.openings);
		if (gate.notices < 0)
			log_error("the directory that gatestore names cannot be watched: nobody is "
				  "open",
				fact_errno(errno));
	}
	gate.workers = workers_new(&limits, "gate-store");
	must(gate.workers != NULL);
}

static void dial(void *context)
{
	program_call(context, 1, 0);
}

static void called(struct program *p, uint32_t stream, struct view name, int fd)
{
	(void)p;
	(void)stream;
	(void)name;
	if (gate.redis)
		redis_connected(gate.redis, fd);
	else if (fd >= 0)
		close(fd);
}

/* As the configuration was at the start of the program. */
static void go_live(struct program *p, const struct snapshot *s)
{
	struct buffer name = buffer_new(GATESTORE_TEXT_MAX);
	gatestore_add(&name, &s->gatestore);
	if (gatestore_is_redis(&s->gatestore)) {
		const struct redis_spec spec = {.name = buffer_view(&name),
			.user = s->gatestore_user,
			.password = s->gatestore_password,
			.database = s->gatestore.database,
			.dial = dial,
			.context = p};
		gate.redis = redis_new(&gate.gated, p->loop, &spec);
		gate.gated.live = gate.redis;
	}
	if (gate.openings >= 0) {
		const struct popkey_rules rules = rules_of(s);
		gate.files = files_new(&gate.gated, p->loop, gate.openings, gate.notices, &rules);
		gate.gated.live = gate.files;
	}
	buffer_free(&name);
}

static void go(struct program *p)
{
	go_live(p, gate.snapshot);
	gated_go(&gate.gated, p->loop, gate.workers);
}

static void drain(struct program *p)
{
	(void)p;
	gated_drain(&gate.gated);
}

struct answer {
	struct program *program;
	uint32_t stream;
};

static void output(void *context, struct view octets)
{
	const struct answer *a = context;
	program_output(a->program, a->stream, octets);
}

static void done(void *context, unsigned exit_code)
{
	struct answer *a = context;
	program_done(a->program, a->stream, exit_code);
	memory_free(a);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	struct answer *a = memory_new(1, sizeof *a);
	*a = (struct answer){p, stream};
	gated_command(&gate.gated, words, &(struct gate_asker){output, done, a});
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {
		.begin = begin,
		.config = config,
		.called = called,
		.peer = peer,
		.given = given,
		.prepare = prepare,
		.go = go,
		.drain = drain,
		.command = command,
	};
	return program_main(PROGRAM_GATE, &ops, argc, argv);
}
