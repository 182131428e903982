#include "keepers/spool/spoold.h"

#include "base/random.h"

#include <unistd.h>

/* What is needed before the program's state is there, and its directory. */
static int directory = -1;

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)generation;
	struct spoold *d = p->state;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "spool cannot read its snapshot";
	snapshot_drop(&d->snapshot);
	d->snapshot = snapshot;
	remote_config(d);
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)workers;
	struct spoold *d = p->state;
	if (id == PROGRAM_SMTPD && worker < SMTPD_WORKERS_MAX)
		receive_connect(d, worker, fd);
	else if (id == PROGRAM_DELIVER && d->spool)
		results_connect(d, fd);
	else if (id == PROGRAM_DELIVER && d->early_deliver < 0)
		d->early_deliver = fd;
	else if (id == PROGRAM_RELAY)
		relay_side_connect(d, fd);
	else if (id == PROGRAM_REPORT)
		reports_connect(d, fd);
	else
		close(fd);
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	if (role == GIVEN_DIRECTORY)
		directory = fd;
	else
		close(fd);
}

static void begin(struct program *p)
{
	p->state = spoold_new(p);
}

/* Without them nothing that was placed before is trusted. */
static void take_boot(const struct program *p, struct spoold *d)
{
	struct buffer octets = buffer_new(SPOOL_BOOT_OCTETS);
	const struct view machine =
		view_first(program_option(p, VIEW("boot")), 2 * SPOOL_BOOT_MACHINE_OCTETS);
	if (buffer_add_unhex(&octets, machine) &&
		buffer_add_unhex(&octets, program_option(p, VIEW("mount"))) &&
		octets.length == SPOOL_BOOT_OCTETS)
		must(view_copy(buffer_view(&octets), d->boot, sizeof d->boot));
	else
		random_octets(d->boot, sizeof d->boot);
	buffer_free(&octets);
}

static void prepare(struct program *p)
{
	take_boot(p, p->state);
	disk_work_start(p->state);
}

static void go(struct program *p)
{
	const enum error error = spoold_open(p->state, disk_posix_new(directory), random_u64());
	if (error) {
		log_error("the spool cannot be opened; is its directory there, and ours?",
			fact_error(error));
		log_flush();
		_exit(73);
	}
	spoold_go(p->state);
}

static void drain(struct program *p)
{
	spoold_check_drained(p->state);
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
		.command = spoold_command};
	return program_main(PROGRAM_SPOOL, &ops, argc, argv);
}
