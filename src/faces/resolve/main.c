#include "faces/resolve/resolved.h"

#include "base/log.h"

static const char *on_config(struct program *p, uint64_t number, int fd)
{
	struct resolved *d = p->state;
	struct snapshot *snapshot;
	const char *why;
	(void)number;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "resolve cannot read its snapshot";
	struct generation *fresh = generation_new(p->loop, snapshot, &why);
	if (!fresh) {
		snapshot_drop(&snapshot);
		return why;
	}
	generation_drop(&d->generation);
	d->generation = fresh;
	if (snapshot->anchor_count == 0)
		log_warning(
			"there is no DNSSEC trust anchor: nothing is validated, and DANE is off",
			fact_text("remedy", "install the package dns-root-data"));
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)workers;
	resolved_connect(p->state, id, worker, fd);
}

static void begin(struct program *p)
{
	struct resolved *d = memory_new(1, sizeof *d);
	d->program = p;
	p->state = d;
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.config = on_config,
		.peer = on_peer,
		.command = resolved_command,
		.cancel = resolved_cancel};
	return program_main(PROGRAM_RESOLVE, &ops, argc, argv);
}
