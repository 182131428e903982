#include "keepers/spool/spoold.h"

#include "base/random.h"

#include <fcntl.h>
#include <unistd.h>

#define TICK_MS 1000u

static struct spoold spoold;

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)p;
	(void)generation;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "spool cannot read its snapshot";
	snapshot_drop(&spoold.snapshot);
	spoold.snapshot = snapshot;
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)workers;
	if (id == PROGRAM_SMTPD && worker < SMTPD_WORKERS_MAX)
		receive_connect(&spoold, worker, fd);
	else if (id == PROGRAM_DELIVER && spoold.spool)
		dispatch_connect(&spoold, fd);
	else if (id == PROGRAM_DELIVER && spoold.early_deliver < 0)
		spoold.early_deliver = fd;
	else
		close(fd);
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	if (role == GIVEN_DIRECTORY)
		spoold.directory = fd;
	else
		close(fd);
}

/* This boot of the machine: within it what was placed is trusted (DESIGN §5). */
static void read_boot_id(uint8_t boot_id[SPOOL_BOOT_OCTETS])
{
	char text[37];
	struct buffer hex = buffer_new(32);
	struct buffer raw = buffer_new(SPOOL_BOOT_OCTETS);
	const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (text[i] != '-' && text[i] != '\n')
			buffer_add_octet(&hex, (uint8_t)text[i]);
	if (!buffer_add_unhex(&raw, buffer_view(&hex)) || raw.length != SPOOL_BOOT_OCTETS) {
		/* unknown: nothing that was placed before is trusted */
		random_octets(boot_id, SPOOL_BOOT_OCTETS);
	} else {
		must(view_copy(buffer_view(&raw), boot_id, SPOOL_BOOT_OCTETS));
	}
	buffer_free(&hex);
	buffer_free(&raw);
}

static uint8_t boot_id[SPOOL_BOOT_OCTETS];

static void begin(struct program *p)
{
	spoold.program = p;
	p->state = &spoold;
	spoold.early_deliver = -1;
	spoold.last_pending = &spoold.first_pending;
	spoold.backlog_last = &spoold.backlog;
	spoold.dispatched = streams_new(DISPATCH_STREAMS_MAX + 64);
	spoold.finals = buffer_new(256u << 20);
	for (size_t i = 0; i < SMTPD_WORKERS_MAX; i++) {
		spoold.receivers[i].spoold = &spoold;
		spoold.receivers[i].streams = streams_new(RECEIVE_STREAMS_MAX);
	}
	read_boot_id(boot_id);
}

static void prepare(struct program *p)
{
	(void)p;
	disk_work_start(&spoold);
}

static void tick(void *context)
{
	struct spoold *d = context;
	uint64_t free_octets = 0;
	if (disk_space(d->disk, &free_octets) == ERROR_NONE)
		d->free_octets = free_octets;
	spool_set_free_floor(d->spool, d->snapshot->numbers[SETTING_FREESPACE]);
	spool_tick(d->spool, d->free_octets);
	receive_retry(d);
	dispatch_pump(d);
	timer_set(d->tick, TICK_MS);
}

static void recover(struct spoold *d)
{
	struct spool_limits limits = spool_limits_default;
	struct spool_report report;
	limits.free_floor_octets = d->snapshot->numbers[SETTING_FREESPACE];
	limits.recipients_per_message = ENVELOPE_RECIPIENTS_MAX;
	d->disk = disk_posix_new(d->directory);
	const enum error error = spool_open(d->disk, &limits, view_of(boot_id, sizeof boot_id),
		random_u64(), &d->spool, &report);
	if (error) {
		log_error("the spool cannot be opened; is its directory there, and ours?",
			fact_error(error));
		log_flush();
		_exit(73);
	}
	log_info("spool open", fact_hex("birth", spool_birth(d->spool)),
		fact_number("messages", report.messages),
		fact_number("recipients", report.recipients),
		fact_number("segments", report.segments),
		fact_number("torn_octets", report.torn_octets),
		fact_number("corrupt_records", report.corrupt_records),
		fact_number("large_missing", report.large_missing));
}

static void go(struct program *p)
{
	struct spoold *d = &spoold;
	recover(d);
	d->hook = (struct turn_hook){.run = disk_work_kick, .context = d};
	loop_add_hook(p->loop, &d->hook);
	d->tick = timer_new(p->loop, tick, d);
	tick(d);
	if (d->early_deliver >= 0)
		dispatch_connect(d, d->early_deliver);
}

void spoold_check_drained(struct spoold *d)
{
	static bool said;
	if (said || !d->program->draining || !receive_is_quiet(d) || !dispatch_is_quiet(d))
		return;
	if (!spool_is_clean(d->spool)) {
		spool_flush(d->spool);
		return;
	}
	said = true;
	program_drained(d->program);
}

static void drain(struct program *p)
{
	(void)p;
	spoold_check_drained(&spoold);
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
