#include "keepers/auth/authd.h"

static struct auth_face *popd_of(struct authd *a, uint64_t worker)
{
	for (size_t i = 0; i < AUTH_FACES_MAX; i++)
		if (a->faces[i].id == PROGRAM_POPD && a->faces[i].worker == worker)
			return &a->faces[i];
	return NULL;
}

static void drop_if_done(struct auth_face *face, uint32_t stream, struct grant *grant)
{
	if (grant->held || grant->outstanding)
		return;
	streams_take(&face->grants, stream);
	memory_free(grant);
}

bool grants_give(struct exchange *ex, struct view user)
{
	struct auth_face *face = ex->face;
	if (!channel_is_open(ex->authd->mailbox))
		return false;
	struct grant *grant = streams_get(&face->grants, ex->stream);
	if (!grant) {
		grant = memory_new(1, sizeof *grant);
		if (streams_put(&face->grants, ex->stream, grant) != ERROR_NONE) {
			memory_free(grant);
			return false;
		}
	}
	grant->held = true;
	grant->outstanding++;
	grant->waiting = ex;
	channel_say(ex->authd->mailbox, GRANT_GIVE, ex->stream, frame_number(face->worker),
		frame_bytes(user));
	return true;
}

void grants_take(struct auth_face *face, uint32_t stream)
{
	struct grant *grant = streams_get(&face->grants, stream);
	if (!grant || !grant->held)
		return;
	grant->held = false;
	grant->waiting = NULL;
	opening_end(face->authd, &grant->opening);
	if (channel_is_open(face->authd->mailbox))
		channel_say(face->authd->mailbox, GRANT_TAKE, stream, frame_number(face->worker));
	drop_if_done(face, stream, grant);
}

static void take_one(void *context, uint32_t stream, void *item)
{
	(void)item;
	grants_take(context, stream);
}

void grants_take_all(struct auth_face *face)
{
	streams_each(&face->grants, take_one, face);
}

void grants_forget(struct exchange *ex)
{
	struct grant *grant = ex->face ? streams_get(&ex->face->grants, ex->stream) : NULL;
	if (grant && grant->waiting == ex)
		grant->waiting = NULL;
}

/* --- the channel -------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GRANT_STATE_ANY;
}

/* GIVEN answers GIVEs in their order: only the last one's counts, since an earlier one may have been
 * for somebody else. */
static void said(void *context, const struct frame *frame)
{
	struct authd *a = context;
	struct auth_face *face = popd_of(a, frame->values[0].number);
	struct grant *grant = face ? streams_get(&face->grants, frame->stream) : NULL;
	if (!grant || grant->outstanding == 0)
		return;
	grant->outstanding--;
	struct exchange *ex = grant->outstanding ? NULL : grant->waiting;
	if (ex)
		grant->waiting = NULL;
	drop_if_done(face, frame->stream, grant);
	if (ex)
		exchange_granted(ex, true);
}

/* With its process mailbox forgot every grant: these sessions have nothing more to fetch. */
static void forget_one(void *context, uint32_t stream, void *item)
{
	struct auth_face *face = context;
	struct grant *grant = item;
	struct exchange *ex = grant->waiting;
	opening_end(face->authd, &grant->opening);
	streams_take(&face->grants, stream);
	memory_free(grant);
	if (ex)
		exchange_granted(ex, false);
}

static void closed(void *context, const char *why)
{
	struct authd *a = context;
	if (why && a->hooks.broken)
		a->hooks.broken(a->hooks.context, PROGRAM_MAILBOX, 0, why);
	channel_free(&a->mailbox);
	for (size_t i = 0; i < AUTH_FACES_MAX; i++)
		streams_each(&a->faces[i].grants, forget_one, &a->faces[i]);
}

void grants_connect(struct authd *a, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	if (a->mailbox)
		closed(a, NULL);
	a->mailbox = channel_new(a->loop, &auth_mailbox, FRAME_A, fd, &handler, a);
}
