#include "keepers/auth/authd.h"

#include "base/log.h"

#include <unistd.h>

const struct authd_limits authd_limits_default = {
	.exchanges_max =
		16384, /* a waiting client holds one: as many as sessions, or few keep all out */
	.hashes_per_address = 8,
	.exchange_ms = 120000,
	.gate_ms = 2000,
	.grant_ms = 10000,
	.opening_ms = 250,
	.session_ms = 24u * 60u * 60u * 1000u,
};

/* --- faces -------------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct auth_face *face = context;
	const struct exchange *ex = streams_get(&face->exchanges, stream);
	if (!ex)
		return AUTH_STATE_IDLE;
	const bool waits = ex->phase == EXCHANGE_WAITING || ex->phase == EXCHANGE_EXPIRED;
	return waits ? AUTH_STATE_WAITING : AUTH_STATE_ASKED;
}

static void leave(struct auth_face *face, uint32_t stream)
{
	struct exchange *ex = streams_get(&face->exchanges, stream);
	grants_take(face, stream);
	if (ex)
		exchange_cancel(ex);
}

static void said(void *context, const struct frame *frame)
{
	struct auth_face *face = context;
	switch ((enum face_auth_code)frame->row->code) {
	case AUTH_START:
		exchange_start(face, frame);
		return;
	case AUTH_STEP:
		exchange_feed(streams_get(&face->exchanges, frame->stream), frame->values[0].bytes);
		return;
	case AUTH_CANCEL: /* or a success that crosses it: nobody is there to have it */
	case AUTH_LEAVE:
		leave(face, frame->stream);
		return;
	case AUTH_CHALLENGE:
	case AUTH_SUCCESS:
	case AUTH_FAILURE:
	case AUTH_CODES:
		return;
	}
}

static void cancel_one(void *context, uint32_t stream, void *item)
{
	(void)item;
	leave(context, stream);
}

static void closed(void *context, const char *why)
{
	struct auth_face *face = context;
	struct authd *a = face->authd;
	if (why && a->hooks.broken)
		a->hooks.broken(a->hooks.context, face->id, face->worker, why);
	channel_free(&face->channel);
	streams_each(&face->exchanges, cancel_one, face);
	grants_take_all(face);
}

static struct auth_face *face_slot(struct authd *a, enum program_id id, uint32_t worker)
{
	struct auth_face *unused = NULL;
	for (size_t i = 0; i < AUTH_FACES_MAX; i++) {
		struct auth_face *face = &a->faces[i];
		if (face->id == id && face->worker == worker)
			return face;
		if (!unused && face->id == PROGRAM_NONE)
			unused = face;
	}
	return unused;
}

static void connect_face(struct authd *a, enum program_id id, uint32_t worker, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	struct auth_face *face = face_slot(a, id, worker);
	if (!face) {
		log_error("too many faces", fact_text("peer", program_id_name(id)));
		close(fd);
		return;
	}
	if (face->channel)
		closed(face, NULL);
	if (face->id == PROGRAM_NONE) {
		face->exchanges = streams_new(a->limits.exchanges_max);
		face->grants = streams_new(AUTH_GRANTS_MAX);
	}
	face->authd = a;
	face->id = id;
	face->worker = worker;
	face->channel = channel_new(a->loop, &face_auth, FRAME_B, fd, &handler, face);
}

/* --- the whole ---------------------------------------------------------------------------- */

static void gate_broken(void *context, const char *why)
{
	struct authd *a = context;
	if (a->hooks.broken)
		a->hooks.broken(a->hooks.context, PROGRAM_GATE, 0, why);
}

void authd_begin(struct authd *a, struct loop *loop, const struct authd_limits *limits,
	const struct authd_hooks *hooks, const uint8_t *fake_key)
{
	a->loop = loop;
	a->limits = *limits;
	a->hooks = *hooks;
	a->gate.broken = gate_broken;
	a->gate.context = a;
	must(view_copy(view_of(fake_key, sizeof a->fake_key), a->fake_key, sizeof a->fake_key));
}

static void on_finished(void *context, unsigned what)
{
	struct authd *a = context;
	(void)what;
	workers_reap(a->workers);
}

void authd_go(struct authd *a, struct workers *workers)
{
	a->workers = workers;
	a->reaper = watch_new(a->loop, workers_descriptor(workers), on_finished, a);
	watch_want(a->reaper, WATCH_READ);
}

void authd_config(struct authd *a, struct snapshot *snapshot)
{
	snapshot_drop(&a->snapshot);
	memory_free(a->rewritten);
	a->snapshot = snapshot;
	a->rewritten = memory_new((size_t)snapshot->user_count + 1, 1);
}

void authd_connect(struct authd *a, enum program_id id, uint32_t worker, int fd)
{
	if (id == PROGRAM_GATE)
		gate_client_connect(&a->gate, a->loop, fd);
	else if (id == PROGRAM_MAILBOX)
		grants_connect(a, fd);
	else if ((id == PROGRAM_SMTPD || id == PROGRAM_POPD) && worker < 256)
		connect_face(a, id, worker, fd);
	else
		close(fd);
}

void authd_drain(struct authd *a)
{
	a->draining = true;
	if (a->exchanges == 0)
		a->hooks.drained(a->hooks.context);
}
