#include "keepers/deliver/deliverd.h"

#include <sys/stat.h>
#include <unistd.h>

static struct deliverd *state_of(const struct program *p)
{
	return p->state;
}

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)generation;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) == ERROR_NONE && deliverd_config(state_of(p), snapshot))
		return NULL;
	return "deliver cannot read its snapshot";
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)worker;
	(void)workers;
	if (id == PROGRAM_SPOOL)
		spool_connect(state_of(p), fd);
	else if (id == PROGRAM_GATE)
		duplicate_connect(state_of(p), fd);
	else if (id == PROGRAM_MAILBOX)
		settle_connect(state_of(p), fd);
	else
		close(fd);
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	if (role == GIVEN_DIRECTORY)
		deliverd_root(state_of(p), fd);
	else
		close(fd);
}

static void begin(struct program *p)
{
	umask(0007); /* files 0660, directories 2770 */
	p->state = deliverd_new(p, mail_disk_posix());
}

static void prepare(struct program *p)
{
	deliverd_prepare(state_of(p));
}

static void go(struct program *p)
{
	deliverd_go(state_of(p));
}

static void drain(struct program *p)
{
	deliver_check_drained(state_of(p));
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	if (!view_equal(program_word(words, 0), VIEW("status"))) {
		program_done(p, stream, 64);
		return;
	}
	struct buffer b = buffer_new(1024);
	deliverd_status(state_of(p), &b);
	program_output(p, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(p, stream, 0);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.config = on_config,
		.peer = on_peer,
		.given = on_given,
		.prepare = prepare,
		.go = go,
		.drain = drain,
		.command = command};
	return program_main(PROGRAM_DELIVER, &ops, argc, argv);
}
