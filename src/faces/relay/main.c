#include "faces/relay/relay.h"

#include <unistd.h>

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)generation;
	struct relayd *d = p->state;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "relay cannot read its snapshot";
	relayd_config(d, snapshot);
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)worker;
	(void)workers;
	struct relayd *d = p->state;
	if (id == PROGRAM_SPOOL)
		spool_side_connect(d, fd);
	else if (id == PROGRAM_RESOLVE)
		resolve_client_connect(d->resolve, fd);
	else if (id == PROGRAM_FETCH)
		policy_connect(d, fd);
	else
		close(fd);
}

static void begin(struct program *p)
{
	p->state = relayd_new(p);
}

static void warm(struct program *p)
{
	relayd_warm(p->state);
}

static void go(struct program *p)
{
	relayd_go(p->state);
}

static void drain(struct program *p)
{
	relayd_drain(p->state);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	if (view_equal(program_word(words, 0), VIEW("status")))
		relayd_status(p->state, stream);
	else
		program_done(p, stream, 64);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.config = on_config,
		.peer = on_peer,
		.warm = warm,
		.go = go,
		.drain = drain,
		.command = command};
	return program_main(PROGRAM_RELAY, &ops, argc, argv);
}
