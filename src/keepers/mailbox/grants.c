#include "keepers/mailbox/mailboxd.h"

#include "config/users.h"

static uint32_t state_of(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GRANT_STATE_ANY;
}

void grant_drop(struct grant *g)
{
	if (g->visit)
		visit_leave(g->visit);
	streams_take(&g->popd->grants, g->number);
	memory_free(g);
}

/* Without a grant in the end, popd will hear that there is none. */
static void note(struct mailboxd *d, uint32_t worker, uint32_t number, struct view mailbox)
{
	if (worker >= POPD_WORKERS_MAX || user_name_check(mailbox) != USER_OK ||
		mailbox.length > MAILBOX_NAME_MAX) {
		log_error("auth granted what cannot be", fact_number("worker", worker),
			fact_view("mailbox", mailbox));
		return;
	}
	struct popd_end *popd = &d->popds[worker];
	struct grant *old = streams_get(&popd->grants, number);
	if (old)
		grant_drop(old);
	struct grant *g = memory_new(1, sizeof *g);
	*g = (struct grant){.popd = popd,
		.number = number,
		.state = MAILBOX_STATE_IDLE,
		.mailbox_length = mailbox.length};
	must(view_copy(mailbox, g->mailbox, sizeof g->mailbox));
	if (streams_put(&popd->grants, number, g) != ERROR_NONE) {
		log_warning("too many sessions are logged in", fact_number("worker", worker));
		memory_free(g);
	}
}

static void said(void *context, const struct frame *frame)
{
	struct mailboxd *d = context;
	const uint32_t worker = (uint32_t)frame->values[0].number;
	struct grant *g;
	switch ((enum auth_mailbox_code)frame->row->code) {
	case GRANT_GIVE:
		note(d, worker, frame->stream, frame->values[1].bytes);
		channel_say(d->auth, GRANT_GIVEN, frame->stream, frame_number(worker));
		return;
	case GRANT_TAKE:
		g = worker < POPD_WORKERS_MAX ? streams_get(&d->popds[worker].grants, frame->stream)
					      : NULL;
		if (g)
			grant_drop(g);
		return;
	case GRANT_GIVEN:
	case GRANT_CODES:
		return;
	}
}

static void forget_one(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	struct grant *g = item;
	g->is_forgotten = true;
	if (!g->visit)
		grant_drop(g);
}

/* Sessions that are open go on, but nobody will take their grants back any more. */
static void closed(void *context, const char *broken)
{
	struct mailboxd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_AUTH, 0, broken);
	channel_free(&d->auth);
	for (size_t i = 0; i < POPD_WORKERS_MAX; i++)
		streams_each(&d->popds[i].grants, forget_one, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void grants_connect(struct mailboxd *d, int fd)
{
	if (d->auth)
		closed(d, NULL);
	d->auth = channel_new(d->program->loop, &auth_mailbox, FRAME_B, fd, &handler, d);
}
