/*
 * auth: users, password verifiers, SASL (DESIGN §1). A keeper without a disk and without a network: the
 * verifiers are in its snapshot, which is given to nobody else.
 */
#include "base/log.h"
#include "base/random.h"
#include "channels/program.h"
#include "keepers/auth/authd.h"

#define EXIT_USAGE 64

static struct authd authd;
static struct workers *workers;

static void rewrite(void *context, struct view name, struct view before, struct view after)
{
	log_info("imported hash to be rewritten", fact_view("user", name));
	program_verifier(context, name, before, after);
}

static void broken(void *context, enum program_id id, uint32_t worker, const char *why)
{
	program_peer_broken(context, id, worker, why);
}

static void drained(void *context)
{
	program_drained(context);
}

static void begin(struct program *p)
{
	static const uint8_t none[VERIFIER_KEY_OCTETS];
	const struct authd_hooks hooks = {
		.rewrite = rewrite, .broken = broken, .drained = drained, .context = p};
	authd_begin(&authd, p->loop, &authd_limits_default, &hooks, none);
}

static const char *config(struct program *p, uint64_t generation, int fd)
{
	struct snapshot *snapshot = NULL;
	(void)p;
	(void)generation;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "the snapshot does not hold together";
	authd_config(&authd, snapshot);
	return NULL;
}

static void peer(struct program *p, enum program_id id, uint32_t worker, uint32_t count, int fd)
{
	(void)p;
	(void)count;
	authd_connect(&authd, id, worker, fd);
}

static void take_fake_key(struct program *p)
{
	struct buffer key = buffer_new(VERIFIER_KEY_OCTETS);
	const bool given = buffer_add_unhex(&key, program_option(p, VIEW("fake-salt"))) &&
			   key.length == VERIFIER_KEY_OCTETS;
	if (given) {
		must(view_copy(buffer_view(&key), authd.fake_key, sizeof authd.fake_key));
	} else {
		log_warning(
			"no secret for unknown users' salts was given: they change at each start");
		random_octets(authd.fake_key, sizeof authd.fake_key);
	}
	buffer_free_secret(&key);
}

static void warm(struct program *p)
{
	take_fake_key(p);
	verifier_warm();
	sasl_warm();
}

static void prepare(struct program *p)
{
	static const struct workers_limits limits = {
		.threads = AUTH_HASH_THREADS, .queue_max = AUTH_HASH_QUEUE};
	(void)p;
	workers = workers_new(&limits, "auth-hash");
	must(workers != NULL);
}

static void go(struct program *p)
{
	(void)p;
	authd_go(&authd, workers);
}

static void drain(struct program *p)
{
	(void)p;
	authd_drain(&authd);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	const size_t skip = view_equal(program_word(words, 0), VIEW("auth")) ? 1 : 0;
	const struct authd_counts *c = &authd.counts;
	struct buffer b = buffer_new(1024);
	const bool known = view_equal(program_word(words, skip), VIEW("status"));
	if (known)
		text_add(&b,
			"right={} wrong={} refused={} temporary={} exchanges={} users={} gate={} "
			"mailbox={}\n",
			text_number(c->right), text_number(c->wrong), text_number(c->refused),
			text_number(c->temporary), text_number(authd.exchanges),
			text_number(authd.snapshot ? authd.snapshot->user_count : 0),
			text_string(gate_client_is_up(&authd.gate) ? "up" : "down"),
			text_string(channel_is_open(authd.mailbox) ? "up" : "down"));
	else
		buffer_add(&b, VIEW("auth answers: status\n"));
	program_output(p, stream, buffer_view(&b));
	program_done(p, stream, known ? 0 : EXIT_USAGE);
	buffer_free(&b);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {
		.begin = begin,
		.config = config,
		.peer = peer,
		.warm = warm,
		.prepare = prepare,
		.go = go,
		.drain = drain,
		.command = command,
	};
	return program_main(PROGRAM_AUTH, &ops, argc, argv);
}
