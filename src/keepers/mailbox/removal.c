#include "keepers/mailbox/mailboxd.h"

void removal_mark(struct visit *v, struct view numbers)
{
	struct cursor c = cursor_of(numbers);
	while (cursor_left(&c) >= 4) {
		const uint32_t number = cursor_u32(&c);
		if (number == 0 || number > v->list.count)
			continue;
		struct maildir_row *row = &v->list.rows[number - 1];
		v->to_remove += !(row->flags & MAILDIR_ROW_REMOVE);
		row->flags |= MAILDIR_ROW_REMOVE;
	}
}

static void unmark(struct visit *v)
{
	for (uint32_t i = 0; i < v->list.count; i++)
		v->list.rows[i].flags &= (uint8_t)~MAILDIR_ROW_REMOVE;
}

/* An orphan's mailbox is free for others from here on. */
static void over(struct visit *v)
{
	struct mailboxd *d = v->mailboxd;
	struct grant *g = v->grant;
	const struct maildir_removal r = v->removal;
	d->counts.removed += r.removed;
	d->counts.not_removed += r.failed;
	if (r.failed)
		log_error("messages could not be removed", fact_view("mailbox", v->place.mailbox),
			fact_number("removed", r.removed), fact_number("failed", r.failed),
			fact_error(r.error));
	v->to_remove = 0;
	v->removal = (struct maildir_removal){0};
	visit_enter(v, VISIT_READY);
	if (!g) {
		visit_job_over(v);
		return;
	}
	g->state = MAILBOX_STATE_READY;
	channel_say(g->popd->channel, MAILBOX_RESULT, g->number, frame_number(r.removed),
		frame_number(r.failed));
}

static void fail_all(struct visit *v, enum error error)
{
	unmark(v);
	v->removal.failed += v->to_remove - v->removal.removed - v->removal.failed;
	v->removal.error = error;
	over(v);
}

static void remove_job(void *context)
{
	struct visit *v = context;
	maildir_list_remove(&v->place, &v->list, REMOVE_STEP, &v->removal);
	v->error = v->removal.next < v->list.count ? ERROR_NONE : maildir_list_sync(&v->place);
}

static void remove_step(struct visit *v);

static void step_done(void *context)
{
	struct visit *v = context;
	if (!visit_job_over(v))
		return;
	if (v->removal.next < v->list.count) {
		remove_step(v);
		return;
	}
	if (v->error) { /* they are unlinked, but a power cut may bring them back: nothing is promised */
		v->removal.failed += v->removal.removed;
		v->removal.removed = 0;
		v->removal.error = v->error;
	}
	over(v);
}

static void remove_step(struct visit *v)
{
	if (!disk_work_submit(v, remove_job, step_done))
		fail_all(v, ERROR_LIMIT);
}

/* A file that is not yet delivered for good must not be unlinked: after a power cut it would be
 * written again (DESIGN §5). */
void removal_begin(struct visit *v)
{
	v->grant->state = MAILBOX_STATE_ASKED;
	v->removal = (struct maildir_removal){0};
	if (!v->to_remove) {
		over(v);
		return;
	}
	visit_enter(v, VISIT_SETTLING_SYNC);
	settle_ask(v, true);
}

void removal_settled(struct visit *v, enum error error)
{
	if (error) {
		fail_all(v, error);
		return;
	}
	visit_enter(v, VISIT_REMOVING);
	remove_step(v);
}
