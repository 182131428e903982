#include "keepers/spool/spoold.h"

#define THREADS 4
#define JOBS_OF_LOG 2u /* a batch and a chore: they find a place however much others have to do */

/* Batches have the disk's attention first: they run alone in their lane, others share the rest. */
enum { KEY_BATCH = 1, KEY_CHORE = 2 };

static void reap(void *context, unsigned what)
{
	(void)what;
	struct spoold *d = context;
	workers_reap(d->pool);
}

void disk_work_start(struct spoold *d)
{
	const struct workers_limits limits = {
		.threads = THREADS, .queue_max = d->jobs_max + JOBS_OF_LOG};
	d->pool = workers_new(&limits, "spool-disk");
	must(d->pool != NULL);
}

static bool submit(
	struct spoold *d, void (*work)(void *), void (*done)(void *), void *context, uint64_t key)
{
	if (!d->pool_watch) {
		d->pool_watch = watch_new(d->program->loop, workers_descriptor(d->pool), reap, d);
		watch_want(d->pool_watch, WATCH_READ);
	}
	const struct job job = {.work = work, .done = done, .context = context, .key = key};
	return workers_submit(d->pool, &job) == ERROR_NONE;
}

bool disk_work_submit(
	struct spoold *d, void (*work)(void *), void (*done)(void *), void *context, uint64_t key)
{
	const struct workers_counts jobs = workers_count(d->pool);
	return jobs.waiting + jobs.running + jobs.finished < d->jobs_max &&
	       submit(d, work, done, context, key);
}

/* --- the log ------------------------------------------------------------------------------ */

static void batch_work(void *context)
{
	struct batch_job *job = context;
	job->error = spool_batch_write(job->spoold->disk, job->batch);
}

static void outcomes(struct spoold *d)
{
	struct spool_outcome outcome;
	while (spool_outcome_next(d->spool, &outcome)) {
		if (outcome.kind == SPOOL_FINISHED)
			continue;
		receive_outcome(d, &outcome);
		reports_outcome(d, &outcome);
		if (outcome.kind == SPOOL_ACCEPTED)
			outgoing_accepted(d, &outcome);
	}
}

static void batch_done(void *context)
{
	struct batch_job *job = context;
	struct spoold *d = job->spoold;
	d->batch_out = false;
	if (job->error)
		log_error(
			"the spool's disk failed: this batch is refused, the log goes on elsewhere",
			fact_error(job->error));
	spool_batch_done(d->spool, job->batch);
	outcomes(d);
	results_settle(d);
	receive_retry(d);
	reports_retry(d);
	spoold_check_drained(d);
}

/* --- chores ------------------------------------------------------------------------------- */

static void chore_work(void *context)
{
	struct chore_job *job = context;
	/* what failed is in the chore, and tried again by spool_tick */
	if (spool_chore_do(job->spoold->disk, job->chore) != ERROR_NONE)
		return;
}

static void chore_done(void *context)
{
	struct chore_job *job = context;
	struct spoold *d = job->spoold;
	d->chore_out = false;
	spool_chore_done(d->spool, job->chore);
	outcomes(d);
	receive_retry(d);
	spoold_check_drained(d);
}

void disk_work_kick(void *context)
{
	struct spoold *d = context;
	if (!d->spool)
		return;
	if (!d->batch_out && (d->batch.batch = spool_batch_take(d->spool))) {
		d->batch.spoold = d;
		d->batch_out = true;
		must(submit(d, batch_work, batch_done, &d->batch, KEY_BATCH));
		receive_retry(d); /* the next batch has room */
	} else if (!d->batch_out) {
		outcomes(d); /* what found no space */
	}
	if (!d->chore_out && (d->chore.chore = spool_chore_take(d->spool))) {
		d->chore.spoold = d;
		d->chore_out = true;
		must(submit(d, chore_work, chore_done, &d->chore, KEY_CHORE));
	}
}
