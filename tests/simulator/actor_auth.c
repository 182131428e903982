#include "world.h"

#include "config/users.h"
#include "config/verifier.h"
#include "keepers/auth/authd.h"

static void broken(void *context, enum program_id id, uint32_t worker, const char *why)
{
	program_peer_broken(context, id, worker, why);
}

static void drained(void *context)
{
	program_drained(context);
}

static void rewrite(void *context, struct view name, struct view before, struct view after)
{
	program_verifier(context, name, before, after);
}

static bool start(struct actor *a)
{
	static const struct workers_limits limits = {
		.threads = AUTH_HASH_THREADS, .queue_max = AUTH_HASH_QUEUE};
	static const uint8_t fake_key[VERIFIER_KEY_OCTETS] = "a secret of this installation..";
	struct authd *d = memory_new(1, sizeof *d);
	sasl_warm();
	authd_begin(d, a->program.loop, &authd_limits_default,
		&(struct authd_hooks){rewrite, broken, drained, &a->program}, fake_key);
	authd_config(d, snapshot_hold(a->world->snapshot));
	a->pool = workers_new(&limits, "auth-hash");
	authd_go(d, a->pool);
	a->self = d;
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	authd_connect(a->self, peer, worker, fd);
}

const struct actor_kind actor_auth = {PROGRAM_AUTH, start, connect_peer};

/* SCRAM's costly part is the client's (actor_popd.c), who has done it once. */
struct view actor_auth_verifier(void)
{
	static struct buffer made = {.max = 600};
	if (!made.length)
		must(verifier_make(
			VIEW("pencil"), VIEW("sixteen octets.."), USER_ITERATIONS_MIN, &made));
	return buffer_view(&made);
}
