#include "keepers/spool/spoold.h"

#include "base/text.h"

/* --- retry -------------------------------------------------------------------------------- */

void changes_retry(struct spoold *d, uint32_t stream, struct view domain)
{
	schedule_hurry(d->schedule, domain.length ? remote_destination(d, domain) : VIEW_NONE,
		remote_now_s(d));
	if (!domain.length)
		lanes_hurry(d);
	remote_pump(d);
	program_output(d->program, stream, VIEW("what waits is tried now\n"));
	program_done(d->program, stream, 0);
}

/* --- one recipient ------------------------------------------------------------------------ */

enum outcome { OUTCOME_DONE, OUTCOME_BUSY, OUTCOME_NOTHING };

static enum outcome of_error(enum error error)
{
	if (error == ERROR_PROTOCOL)
		return OUTCOME_NOTHING;
	return error ? OUTCOME_BUSY : OUTCOME_DONE;
}

typedef enum outcome change_one(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	const struct envelope_recipient *r);

static enum outcome hold_one(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	const struct envelope_recipient *r)
{
	(void)r;
	return of_error(held_hold(d, entry, i));
}

static enum outcome release_one(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	const struct envelope_recipient *r)
{
	(void)r;
	return of_error(held_release(d, entry, i));
}

/* All that waits for its destination, or mailbox, goes with it. */
static enum outcome retry_one(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	const struct envelope_recipient *r)
{
	if (held_is(&entry->recipients[i]))
		return OUTCOME_NOTHING;
	if (r->kind == ENVELOPE_REMOTE)
		schedule_hurry(d->schedule, remote_destination(d, r->target), remote_now_s(d));
	else
		lanes_hurry_one(d, r->target);
	return OUTCOME_DONE;
}

static enum outcome return_one(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	const struct envelope_recipient *r)
{
	(void)r;
	const struct report_line line = {.index = i,
		.action = DSN_FAILED,
		.status = VIEW("5.7.0"),
		.reason = VIEW("the postmaster of this server has taken it out of the queue")};
	return reports_add(d, entry->id, REPORT_FAILED, &line) ? OUTCOME_DONE : OUTCOME_BUSY;
}

static enum outcome delete_one(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	const struct envelope_recipient *r)
{
	(void)r;
	results_set(d, entry->id, i,
		&(struct spool_change){
			.state = SPOOL_DROPPED, .reason = VIEW("deleted by the postmaster")});
	return OUTCOME_DONE;
}

/* --- a page of them ------------------------------------------------------------------------ */

static const struct change {
	const char *verb;
	const char *past;
	change_one *one;
} changes[] = {
	{"hold", "held", hold_one},
	{"release", "released", release_one},
	{"retry", "tried", retry_one},
	{"return", "returned", return_one},
	{"delete", "deleted", delete_one},
};

static const struct change *find(struct view verb)
{
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		if (view_equal(verb, view_text(changes[i].verb)))
			return &changes[i];
	return NULL;
}

bool changes_has(struct view verb)
{
	return find(verb) != NULL;
}

/* What is on its way just now is nobody's to change; what is placed is in its mailbox. */
static enum outcome apply(const struct change *change, struct spoold *d,
	const struct spool_entry *entry, uint32_t i, const struct envelope_recipient *r)
{
	const struct spool_recipient *state = &entry->recipients[i];
	if (spool_state_is_final((enum spool_state)state->state) || state->state == SPOOL_PLACED ||
		(change->one == release_one && !held_is(state)))
		return OUTCOME_NOTHING;
	if (state->notes & (NOTE_REPORTING | NOTE_LOOSE) || outgoing_has(d, entry->id, i))
		return OUTCOME_BUSY;
	return change->one(d, entry, i, r);
}

static void change_each(struct page *p, const struct spool_entry *entry, const struct envelope *e,
	const struct page_message *m)
{
	const struct change *change = find(p->verb);
	uint32_t done = 0;
	(void)m;
	for (uint32_t i = 0; change && i < e->recipient_count; i++) {
		if (!selection_has_recipient(&p->selection, &e->recipients[i]))
			continue;
		const enum outcome outcome = apply(change, p->spoold, entry, i, &e->recipients[i]);
		done += outcome == OUTCOME_DONE;
		p->busy += outcome == OUTCOME_BUSY;
	}
	reports_close(p->spoold);
	p->changed += done;
	if (done)
		log_info("the queue was changed", fact_text("what", change->past),
			fact_hex("id", entry->id.value), fact_number("recipients", done));
}

static void change_end(struct page *p)
{
	text_add(&p->out, "changed={}\nbusy={}\n", text_number(p->changed), text_number(p->busy));
}

const struct page_ops change_page = {.each = change_each, .end = change_end};
