/*
 * report: tells senders what became of their mail (DESIGN §1). A keeper without a disk and without a
 * network; it has one peer.
 */
#include "base/log.h"
#include "channels/program.h"
#include "keepers/report/reportd.h"

#include <unistd.h>

#define EXIT_USAGE 64

static struct reportd reportd;

static void broken(void *context, const char *why)
{
	program_peer_broken(context, PROGRAM_SPOOL, 0, why);
}

static void drained(void *context)
{
	program_drained(context);
}

static void begin(struct program *p)
{
	const struct reportd_hooks hooks = {.broken = broken, .drained = drained, .context = p};
	reportd_begin(&reportd, p->loop, &hooks);
}

static const char *config(struct program *p, uint64_t generation, int fd)
{
	struct snapshot *snapshot = NULL;
	(void)p;
	(void)generation;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "report cannot read its snapshot";
	reportd_config(&reportd, snapshot);
	return NULL;
}

static void peer(struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)worker;
	(void)workers;
	if (id == PROGRAM_SPOOL)
		reportd_connect(&reportd, fd);
	else
		close(fd);
}

static void drain(struct program *p)
{
	(void)p;
	reportd_drain(&reportd);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	const size_t skip = view_equal(program_word(words, 0), VIEW("report")) ? 1 : 0;
	struct buffer b = buffer_new(1024);
	const bool known = view_equal(program_word(words, skip), VIEW("status"));
	if (known)
		text_add(&b, "reports={} postmaster={} nobody={} under-way={} spool={}\n",
			text_number(reportd.counts.reports), text_number(reportd.counts.postmaster),
			text_number(reportd.counts.nobody),
			text_number(streams_count(&reportd.letters)),
			text_string(channel_is_open(reportd.spool) ? "up" : "down"));
	else
		buffer_add(&b, VIEW("report answers: status\n"));
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
		.drain = drain,
		.command = command,
	};
	return program_main(PROGRAM_REPORT, &ops, argc, argv);
}
