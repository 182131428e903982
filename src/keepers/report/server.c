#include "keepers/report/reportd.h"

#include "base/log.h"

#include <unistd.h>

static void check_drained(struct reportd *d)
{
	if (d->draining && streams_count(&d->letters) == 0)
		d->hooks.drained(d->hooks.context);
}

/* --- streams ------------------------------------------------------------------------------ */

static struct letter *begin(struct reportd *d, uint32_t number)
{
	struct letter *l = memory_new(1, sizeof *l);
	*l = (struct letter){.reportd = d,
		.snapshot = snapshot_hold(d->snapshot),
		.arena = arena_new(LETTER_ARENA_MAX),
		.number = number,
		.state = REPORT_STATE_IDLE};
	if (streams_put(&d->letters, number, l) == ERROR_NONE)
		return l;
	letter_free(&l);
	return NULL;
}

static void end(struct reportd *d, uint32_t number)
{
	struct letter *l = streams_take(&d->letters, number);
	letter_free(&l);
}

static uint32_t state_of(void *context, uint32_t number)
{
	const struct reportd *d = context;
	const struct letter *l = streams_get(&d->letters, number);
	return l ? l->state : REPORT_STATE_IDLE;
}

/* Null, or what is wrong with it. */
static const char *take(struct reportd *d, const struct frame *frame)
{
	struct letter *l = streams_get(&d->letters, frame->stream);
	switch ((enum spool_report_code)frame->row->code) {
	case REPORT_REPORT:
		l = begin(d, frame->stream);
		return l ? letter_report(l, frame) : "more reports at once than there may be";
	case REPORT_RECIPIENT:
		return letter_recipient(l, frame);
	case REPORT_ASK:
		return letter_ask(l);
	case REPORT_CONTENT:
		return letter_content(l, frame->values[0].bytes);
	case REPORT_WANT:
	case REPORT_MAIL:
	case REPORT_NONE:
	case REPORT_CODES:
		break;
	}
	return "what report says itself";
}

static void said(void *context, const struct frame *frame)
{
	struct reportd *d = context;
	const char *wrong = take(d, frame);
	if (wrong) {
		channel_break(d->spool, wrong);
		return;
	}
	if (state_of(d, frame->stream) == REPORT_STATE_IDLE) {
		end(d, frame->stream);
		check_drained(d);
	}
}

static void end_one(void *context, uint32_t number, void *item)
{
	(void)item;
	end(context, number);
}

static void closed(void *context, const char *broken)
{
	struct reportd *d = context;
	if (broken)
		d->hooks.broken(d->hooks.context, broken);
	channel_free(&d->spool);
	streams_each(&d->letters, end_one, d);
	check_drained(d);
}

/* --- the whole ---------------------------------------------------------------------------- */

void reportd_begin(struct reportd *d, struct loop *loop, const struct reportd_hooks *hooks)
{
	*d = (struct reportd){
		.loop = loop, .hooks = *hooks, .letters = streams_new(REPORT_STREAMS_MAX)};
}

void reportd_config(struct reportd *d, struct snapshot *snapshot)
{
	snapshot_drop(&d->snapshot);
	d->snapshot = snapshot;
}

void reportd_connect(struct reportd *d, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	if (d->spool)
		closed(d, NULL);
	d->spool = channel_new(d->loop, &spool_report, FRAME_B, fd, &handler, d);
}

void reportd_drain(struct reportd *d)
{
	d->draining = true;
	check_drained(d);
}

void reportd_end(struct reportd *d)
{
	channel_free(&d->spool);
	streams_each(&d->letters, end_one, d);
	streams_free(&d->letters);
	snapshot_drop(&d->snapshot);
}
