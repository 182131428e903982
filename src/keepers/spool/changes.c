#include "keepers/spool/spoold.h"

#include "base/text.h"

static void answer(struct spoold *d, uint32_t stream, unsigned code, struct view text)
{
	program_output(d->program, stream, text);
	program_done(d->program, stream, code);
}

/* --- retry -------------------------------------------------------------------------------- */

static void retry(struct spoold *d, uint32_t stream, struct view domain)
{
	schedule_hurry(d->schedule, domain.length ? remote_destination(d, domain) : VIEW_NONE,
		remote_now_s(d));
	if (!domain.length)
		lanes_hurry(d);
	remote_pump(d);
	answer(d, stream, 0, VIEW("what waits is tried now\n"));
}

/* --- return and delete -------------------------------------------------------------------- */

enum outcome { OUTCOME_DONE, OUTCOME_UNDER_WAY, OUTCOME_OVER };

static enum outcome change_one(
	struct spoold *d, const struct spool_entry *entry, uint32_t i, bool deletes)
{
	const struct spool_recipient *r = &entry->recipients[i];
	const struct report_line line = {.index = i,
		.action = DSN_FAILED,
		.status = VIEW("5.7.0"),
		.reason = VIEW("the postmaster of this server has taken it out of the queue")};
	if (spool_state_is_final((enum spool_state)r->state))
		return OUTCOME_OVER;
	if (r->state == SPOOL_PLACED || r->notes & (NOTE_REPORTING | NOTE_LOOSE) ||
		outgoing_has(d, entry->id, i))
		return OUTCOME_UNDER_WAY;
	if (!deletes)
		return reports_add(d, entry->id, REPORT_FAILED, &line) ? OUTCOME_DONE
								       : OUTCOME_UNDER_WAY;
	results_set(d, entry->id, i,
		&(struct spool_change){
			.state = SPOOL_DROPPED, .reason = VIEW("deleted by the postmaster")});
	return OUTCOME_DONE;
}

static void change(struct spoold *d, uint32_t stream, struct view id_text, bool deletes)
{
	struct spool_id id;
	uint32_t done = 0;
	uint32_t under_way = 0;
	struct buffer b = buffer_new(256);
	const struct spool_entry *entry =
		view_to_hex64(id_text, &id.value) ? spool_find(d->spool, id) : NULL;
	for (uint32_t i = 0; entry && i < entry->recipient_count; i++) {
		const enum outcome outcome = change_one(d, entry, i, deletes);
		done += outcome == OUTCOME_DONE;
		under_way += outcome == OUTCOME_UNDER_WAY;
	}
	reports_close(d);
	if (entry)
		log_info(deletes ? "the queue: deleted" : "the queue: returned",
			fact_view("id", id_text), fact_number("recipients", done));
	if (!entry)
		buffer_add(&b, VIEW("there is no mail of that id in the queue\n"));
	else
		text_add(&b, "{} recipients {}{}\n", text_number(done),
			text_string(deletes ? "deleted" : "returned"),
			text_string(
				under_way ? "; others are on their way just now, try again" : ""));
	answer(d, stream, entry && !under_way ? 0 : 1, buffer_view(&b));
	buffer_free(&b);
}

bool changes_command(struct spoold *d, uint32_t stream, struct view words)
{
	const struct view verb = program_word(words, 1);
	const struct view what = program_word(words, 2);
	if (view_equal(verb, VIEW("retry")))
		retry(d, stream, what);
	else if (view_equal(verb, VIEW("return")) || view_equal(verb, VIEW("delete")))
		change(d, stream, what, view_equal(verb, VIEW("delete")));
	else
		return false;
	return true;
}
