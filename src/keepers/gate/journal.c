#include "keepers/gate/gated.h"

#include "base/clock.h"
#include "base/log.h"

/* --- collecting --------------------------------------------------------------------------- */

static void collected(struct journal *j)
{
	if (j->idle)
		timer_set(j->timer, JOURNAL_EVERY_MS);
	j->idle = false;
	if (!buffer_failed(&j->waiting))
		return;
	buffer_free(&j->waiting);
	j->waiting = buffer_new(JOURNAL_OCTETS_MAX);
	j->anew = true;
}

void journal_written(struct gated *g, const struct gate_row *row)
{
	if (g->journal.anew)
		return;
	gate_batch_write(&g->journal.waiting, row->key, row->facts, row->ends_ms);
	collected(&g->journal);
}

void journal_removed(struct gated *g, struct view key)
{
	if (g->journal.anew)
		return;
	gate_batch_remove(&g->journal.waiting, key);
	collected(&g->journal);
}

void journal_begin(struct gated *g)
{
	g->journal.waiting = buffer_new(JOURNAL_OCTETS_MAX);
	g->journal.writing = buffer_new(GATE_BATCH_OCTETS_MAX);
	g->journal.mark = buffer_new(GATE_CLOCK_MARK_OCTETS);
}

/* --- writing ------------------------------------------------------------------------------ */

static void add_durable(void *context, const struct gate_row *row)
{
	struct buffer *batch = context;
	if (row->durable)
		gate_batch_write(batch, row->key, row->facts, row->ends_ms);
}

/* In the thread: touches what only it has while `busy` holds. */
static void write_batch(void *context)
{
	struct journal *j = &((struct gated *)context)->journal;
	j->result = gate_store_apply(j->store, buffer_view(&j->writing), buffer_view(&j->mark));
}

/* Idle: a machine that has nothing to do sleeps. */
static void wait(struct journal *j)
{
	j->idle = !j->anew && j->waiting.length == 0 && !j->draining;
	timer_set(j->timer, j->draining ? 0
			    : j->result ? JOURNAL_RETRY_MS
			    : j->idle	? JOURNAL_MARK_MS
					: JOURNAL_EVERY_MS);
}

static void wrote_batch(void *context)
{
	struct gated *g = context;
	struct journal *j = &g->journal;
	j->busy = false;
	j->batches++;
	if (j->result && j->result != j->failing)
		log_error("the gate's store fails; rows are kept in memory until it works",
			fact_error(j->result));
	if (!j->result && j->failing)
		log_info("the gate's store works again");
	j->failing = j->result;
	/* what was in a failed batch is not kept apart: everything is written when it works again */
	j->anew = j->anew || j->result != ERROR_NONE;
	if (j->writing.capacity > JOURNAL_OCTETS_MAX)
		buffer_free(&j->writing);
	if (j->draining && (j->result || (j->waiting.length == 0 && !j->anew)))
		g->drained(g->context);
	else
		wait(j);
}

static void fill_batch(struct gated *g)
{
	struct journal *j = &g->journal;
	buffer_clear(&j->writing);
	buffer_clear(&j->mark);
	gate_clock_mark(&g->clock, clock_boot_ms(), &j->mark);
	if (j->anew) {
		buffer_clear(&j->waiting);
		gate_batch_clear(&j->writing);
		gate_table_each(g->table, gated_now_ms(g), add_durable, &j->writing);
		j->anew = false;
		return;
	}
	struct buffer collected_now = j->waiting;
	j->waiting = j->writing;
	j->waiting.max = JOURNAL_OCTETS_MAX;
	j->writing = collected_now;
	j->writing.max = GATE_BATCH_OCTETS_MAX;
}

static void on_timer(void *context)
{
	struct gated *g = context;
	struct journal *j = &g->journal;
	if (j->busy)
		return; /* its end sets the timer */
	j->idle = false;
	fill_batch(g);
	j->busy = true;
	const struct job job = {.work = write_batch, .done = wrote_batch, .context = g};
	must(workers_submit(j->workers, &job) == ERROR_NONE);
}

static void on_finished(void *context, unsigned what)
{
	struct journal *j = context;
	(void)what;
	workers_reap(j->workers);
}

void journal_go(struct gated *g, struct workers *workers)
{
	struct journal *j = &g->journal;
	j->workers = workers;
	j->reaper = watch_new(g->loop, workers_descriptor(workers), on_finished, j);
	watch_want(j->reaper, WATCH_READ);
	j->timer = timer_new(g->loop, on_timer, g);
	timer_set(j->timer, 0);
}

void journal_end(struct gated *g)
{
	struct journal *j = &g->journal;
	watch_free(&j->reaper);
	workers_free(&j->workers);
	timer_free(&j->timer);
	buffer_free(&j->waiting);
	buffer_free(&j->writing);
	buffer_free(&j->mark);
	gate_store_free(&j->store);
}

void journal_drain(struct gated *g)
{
	g->journal.draining = true;
	timer_set(g->journal.timer, 0);
}
