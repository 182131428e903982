#include "keepers/mailbox/mailboxd.h"

#include <unistd.h>

#define TICK_MS 500u

static struct mailboxd mailboxd;

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)p;
	(void)generation;
	struct snapshot *snapshot;
	struct view before, after;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "mailbox cannot read its snapshot";
	if (!mailboxes_split(snapshot->mailboxes, &before, &after)) {
		snapshot_drop(&snapshot);
		return "mailbox finds no LOCALPART in the setting mailboxes";
	}
	snapshot_drop(&mailboxd.snapshot);
	mailboxd.snapshot = snapshot;
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)workers;
	if (id == PROGRAM_POPD && worker < POPD_WORKERS_MAX)
		sessions_connect(&mailboxd, worker, fd);
	else if (id == PROGRAM_AUTH)
		grants_connect(&mailboxd, fd);
	else if (id == PROGRAM_DELIVER)
		settle_connect(&mailboxd, fd);
	else
		close(fd);
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	if (role == GIVEN_DIRECTORY)
		mailboxd.directory = fd;
	else
		close(fd);
}

static void begin(struct program *p)
{
	struct mailboxd *d = &mailboxd;
	d->program = p;
	p->state = d;
	d->disk = mail_disk_posix();
	d->directory = -1;
	d->questions = streams_new(2 * VISITS_MAX);
	for (uint32_t i = 0; i < POPD_WORKERS_MAX; i++)
		d->popds[i] = (struct popd_end){
			.mailboxd = d, .worker = i, .grants = streams_new(GRANTS_MAX)};
}

static void prepare(struct program *p)
{
	(void)p;
	disk_work_start(&mailboxd);
}

static void tick(void *context)
{
	struct mailboxd *d = context;
	settle_tick(d);
	visits_tick(d);
	timer_set(d->tick, TICK_MS);
}

static void go(struct program *p)
{
	must(mailboxd.snapshot && mailboxd.directory >= 0);
	mailboxd.tick = timer_new(p->loop, tick, &mailboxd);
	timer_set(mailboxd.tick, TICK_MS);
}

static void drain(struct program *p)
{
	(void)p;
	mailboxd_check_drained(&mailboxd);
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
		.command = mailboxd_command};
	return program_main(PROGRAM_MAILBOX, &ops, argc, argv);
}
