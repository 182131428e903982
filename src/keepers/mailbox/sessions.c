#include "keepers/mailbox/mailboxd.h"

static uint32_t state_of(void *context, uint32_t stream)
{
	struct popd_end *popd = context;
	const struct grant *g = streams_get(&popd->grants, stream);
	return g ? g->state : MAILBOX_STATE_IDLE;
}

/* --- opening and closing ------------------------------------------------------------------ */

void session_fail(struct grant *g, enum mailbox_failure why)
{
	g->state = MAILBOX_STATE_IDLE;
	g->popd->mailboxd->counts.refused++;
	channel_say(g->popd->channel, MAILBOX_FAILED, g->number, frame_number(why));
	if (g->is_forgotten)
		grant_drop(g);
}

void session_opened(struct visit *v)
{
	struct grant *g = v->grant;
	g->state = MAILBOX_STATE_READY;
	v->mailboxd->counts.opened++;
	channel_say(g->popd->channel, MAILBOX_OPENED, g->number, frame_number(v->list.count),
		frame_number(v->list.sent_octets));
}

static void open_mailbox(struct popd_end *popd, struct grant *g, uint32_t stream)
{
	if (!g) {
		log_warning("a mailbox was asked for without a grant",
			fact_number("worker", popd->worker), fact_number("stream", stream));
		channel_say(popd->channel, MAILBOX_FAILED, stream, frame_number(MAILBOX_NO_GRANT));
		return;
	}
	g->state = MAILBOX_STATE_OPENING;
	visit_open(popd->mailboxd, g);
}

/* The grant stands until auth takes it back, unless auth does not know of it. */
static void close_mailbox(struct grant *g)
{
	g->state = MAILBOX_STATE_IDLE;
	if (g->visit)
		visit_leave(g->visit);
	if (g->is_forgotten)
		grant_drop(g);
}

/* --- rows --------------------------------------------------------------------------------- */

static void say_page(struct visit *v, uint32_t first, uint32_t count)
{
	struct buffer page = buffer_new(MAILBOX_PAGE_ROWS * MAILBOX_ROW_MAX);
	for (uint32_t i = 0; i < count && first && first - 1 < v->list.count - i; i++) {
		const struct maildir_row *row = &v->list.rows[first - 1 + i];
		const struct view unique_id = maildir_list_unique_id(&v->list, row);
		if (row->flags & MAILDIR_ROW_GONE)
			continue;
		buffer_add_u32(&page, first + i);
		buffer_add_u64(&page, row->sent_octets);
		buffer_add_octet(&page, (uint8_t)unique_id.length);
		buffer_add(&page, unique_id);
	}
	must(!buffer_failed(&page));
	channel_say(v->grant->popd->channel, MAILBOX_PAGE, v->grant->number,
		frame_bytes(buffer_view(&page)));
	buffer_free(&page);
}

/* ------------------------------------------------------------------------------------------ */

static void said(void *context, const struct frame *frame)
{
	struct popd_end *popd = context;
	struct grant *g = streams_get(&popd->grants, frame->stream);
	struct visit *v = g ? g->visit : NULL;
	const uint64_t number = frame->values[0].number;
	const enum popd_mailbox_code code = (enum popd_mailbox_code)frame->row->code;
	if (!v && code != MAILBOX_OPEN)
		return; /* CLOSE or CREDIT that crossed the end */
	switch (code) {
	case MAILBOX_OPEN:
		open_mailbox(popd, g, frame->stream);
		return;
	case MAILBOX_ROWS:
		say_page(v, (uint32_t)number, (uint32_t)frame->values[1].number);
		return;
	case MAILBOX_FETCH:
		content_begin(v, (uint32_t)number);
		return;
	case MAILBOX_STOP:
		content_stop(v);
		return;
	case MAILBOX_CREDIT:
		content_credit(v, number);
		return;
	case MAILBOX_REMOVE:
		removal_mark(v, frame->values[0].bytes);
		return;
	case MAILBOX_REMOVED:
		removal_begin(v);
		return;
	case MAILBOX_CLOSE:
		close_mailbox(g);
		return;
	case MAILBOX_OPENED:
	case MAILBOX_FAILED:
	case MAILBOX_PAGE:
	case MAILBOX_CONTENT:
	case MAILBOX_END:
	case MAILBOX_GONE:
	case MAILBOX_RESULT:
	case MAILBOX_CODES:
		return;
	}
}

static void drop_grant(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	grant_drop(item);
}

/* That popd is gone, and with it all whom auth named to it. */
static void closed(void *context, const char *broken)
{
	struct popd_end *popd = context;
	if (broken)
		program_peer_broken(popd->mailboxd->program, PROGRAM_POPD, popd->worker, broken);
	channel_free(&popd->channel);
	streams_each(&popd->grants, drop_grant, popd);
}

static const struct channel_handler handler = {state_of, said, closed};

/* Grants that came before the channel stay: auth may have been quicker than the parent. */
void sessions_connect(struct mailboxd *d, uint32_t worker, int fd)
{
	must(worker < POPD_WORKERS_MAX);
	struct popd_end *popd = &d->popds[worker];
	if (popd->channel)
		closed(popd, NULL);
	popd->channel = channel_new(d->program->loop, &popd_mailbox, FRAME_B, fd, &handler, popd);
}
