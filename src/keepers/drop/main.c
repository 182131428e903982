#include "keepers/drop/dropd.h"

#include <unistd.h>

#define EXIT_USAGE 64

static struct dropd dropd;

static void begin(struct program *p)
{
	dropd_begin(&dropd, p);
}

static const char *config(struct program *p, uint64_t generation, int fd)
{
	struct snapshot *snapshot = NULL;
	(void)p;
	(void)generation;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "drop cannot read its snapshot";
	dropd_config(&dropd, snapshot);
	return NULL;
}

static void given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	if (role == GIVEN_DIRECTORY)
		dropd.directory = fd;
	else
		close(fd);
}

static void warm(struct program *p)
{
	(void)p;
	dropd_warm(&dropd);
}

static void prepare(struct program *p)
{
	(void)p;
	dropd_prepare(&dropd);
}

static void go(struct program *p)
{
	(void)p;
	dropd_go(&dropd);
}

static void called(struct program *p, uint32_t stream, struct view name, int fd)
{
	(void)p;
	dropd_called(&dropd, stream, name, fd);
}

static void drain(struct program *p)
{
	(void)p;
	dropd_drain(&dropd);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	struct buffer b = buffer_new(1024);
	const bool known = view_equal(program_word(words, 0), VIEW("status"));
	if (known)
		text_add(&b, "files={}\nhanded_in={}\nreturned={}\nignored={}\nbeyond={}\n",
			text_number(dropd.count), text_number(dropd.counts.handed_in),
			text_number(dropd.counts.returned), text_number(dropd.ignored),
			text_number(dropd.beyond));
	program_output(p, stream, buffer_view(&b));
	program_done(p, stream, known ? 0 : EXIT_USAGE);
	buffer_free(&b);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {
		.begin = begin,
		.config = config,
		.given = given,
		.warm = warm,
		.prepare = prepare,
		.go = go,
		.called = called,
		.drain = drain,
		.command = command,
	};
	return program_main(PROGRAM_DROP, &ops, argc, argv);
}
