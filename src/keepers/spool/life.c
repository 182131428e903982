#include "keepers/spool/spoold.h"

#include "base/random.h"

#define TICK_MS 1000u
#define JOBS_MAX 8192
#define FINALS_OCTETS_MAX (256u << 20)

struct spoold *spoold_new(struct program *program)
{
	struct spoold *d = memory_new(1, sizeof *d);
	*d = (struct spoold){.program = program,
		.early_deliver = -1,
		.limits = spool_limits_default,
		.jobs_max = JOBS_MAX,
		.outgoing = streams_new(OUTGOING_MAX),
		.departing = streams_new(DEPARTING_MAX),
		.reports = streams_new(REPORT_STREAMS_MAX),
		.schedule = schedule_new(&schedule_limits_default, random_u64()),
		.names = buffer_new(65536),
		.finals = buffer_new(FINALS_OCTETS_MAX)};
	d->limits.recipients_per_message = ENVELOPE_RECIPIENTS_MAX;
	d->last_pending = &d->first_pending;
	d->last_report = &d->first_report;
	for (size_t i = 0; i < SMTPD_WORKERS_MAX; i++) {
		d->receivers[i].spoold = d;
		d->receivers[i].streams = streams_new(RECEIVE_STREAMS_MAX);
	}
	return d;
}

enum error spoold_open(struct spoold *d, struct disk *disk, uint64_t random)
{
	struct spool_report report;
	d->limits.free_floor_octets = d->snapshot->numbers[SETTING_FREESPACE];
	d->disk = disk;
	const enum error error = spool_open(
		d->disk, &d->limits, view_of(d->boot, sizeof d->boot), random, &d->spool, &report);
	if (error)
		return error;
	log_info("spool open", fact_hex("birth", spool_birth(d->spool)),
		fact_number("messages", report.messages),
		fact_number("recipients", report.recipients),
		fact_number("segments", report.segments),
		fact_number("torn_octets", report.torn_octets),
		fact_number("corrupt_records", report.corrupt_records),
		fact_number("large_missing", report.large_missing));
	scan_start(d);
	return ERROR_NONE;
}

/* What was written lazily becomes durable when nothing comes any more: mail that was delivered is then
 * out of the log for good. */
static void flush_when_idle(struct spoold *d)
{
	struct spool_status status;
	spool_status(d->spool, &status);
	if (status.batches == d->batches_seen && !spool_is_clean(d->spool))
		spool_flush(d->spool);
	d->batches_seen = status.batches;
}

static void tick(void *context)
{
	struct spoold *d = context;
	uint64_t free_octets = 0;
	if (disk_space(d->disk, &free_octets) == ERROR_NONE)
		d->free_octets = free_octets;
	spool_set_free_floor(d->spool, d->snapshot->numbers[SETTING_FREESPACE]);
	spool_tick(d->spool, d->free_octets);
	flush_when_idle(d);
	receive_retry(d);
	scan_tick(d);
	scan_pump(d);
	lanes_tick(d);
	remote_pump(d);
	expiry_tick(d);
	reports_retry(d);
	reports_pump(d);
	timer_set(d->tick, TICK_MS);
}

void spoold_go(struct spoold *d)
{
	d->hook = (struct turn_hook){.run = disk_work_kick, .context = d};
	loop_add_hook(d->program->loop, &d->hook);
	d->tick = timer_new(d->program->loop, tick, d);
	tick(d);
	if (d->early_deliver >= 0)
		results_connect(d, d->early_deliver);
	d->early_deliver = -1;
}

void spoold_check_drained(struct spoold *d)
{
	if (d->drained || !d->program->draining || !receive_is_quiet(d) || !outgoing_is_quiet(d) ||
		!reports_are_quiet(d))
		return;
	if (!spool_is_clean(d->spool)) {
		spool_flush(d->spool);
		return;
	}
	d->drained = true;
	program_drained(d->program);
}

void spoold_free(struct spoold **at)
{
	struct spoold *d = *at;
	if (!d)
		return;
	receive_end(d);
	results_end(d);
	outgoing_lost(d);
	relay_side_end(d);
	reports_end(d);
	workers_free(&d->pool); /* what was out has come back */
	lanes_end(d);
	if (d->tick)
		loop_remove_hook(d->program->loop, &d->hook);
	timer_free(&d->tick);
	watch_free(&d->pool_watch);
	spool_free(&d->spool);
	streams_free(&d->outgoing);
	streams_free(&d->departing);
	streams_free(&d->reports);
	schedule_free(&d->schedule);
	for (size_t i = 0; i < SMTPD_WORKERS_MAX; i++)
		streams_free(&d->receivers[i].streams);
	buffer_free(&d->names);
	snapshot_drop(&d->snapshot);
	memory_free(d);
	*at = NULL;
}
