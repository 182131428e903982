/*
 * In the places of popd and mailbox: users log in, with SCRAM, stay for a while, and leave; mailbox notes whose session is
 * whose. Both are killed as any program is.
 */
#include "world.h"

#include "../unit/keepers/scram_client.h"
#include "base/channel.h"
#include "channels/auth_mailbox.h"
#include "channels/face_auth.h"

#define AGAIN_US 1000000u

struct popd_place {
	struct actor *actor;
	struct channel *auth;
	struct timer *timer;
};

static struct pop *pop_of(struct world *w, uint32_t stream)
{
	for (unsigned i = 0; i < w->popkey.pop_count; i++)
		if (w->popkey.pops[i].stream == stream && stream)
			return &w->popkey.pops[i];
	return NULL;
}

/* --- what is due --------------------------------------------------------------------------- */

static void log_in(struct popd_place *d, struct pop *p)
{
	struct world *w = d->actor->world;
	const bool is_wrong = w->plant_popkey == POPKEY_PLANT_NEIGHBOUR;
	const struct ip client = world_client((p->client + is_wrong) % CLIENT_INSIDE);
	struct scram_client scram;
	char first[700];
	if (!channel_is_open(d->auth)) {
		p->due_us += AGAIN_US;
		return;
	}
	p->stream = ++w->popkey.streams;
	p->state = POP_ASKING;
	judge_pop_asked(w, p);
	scram_first(&scram, world_mailbox(p->user), "nonce", "n,,", first, sizeof first);
	channel_say(d->auth, AUTH_START, p->stream, frame_number(AUTH_SERVICE_POP),
		frame_number(AUTH_FLAG_TLS | AUTH_FLAG_INITIAL), frame_bytes(VIEW("SCRAM-SHA-256")),
		frame_bytes(view_text(first)),
		frame_bytes(view_of(client.octets, sizeof client.octets)),
		frame_number(AUTH_BINDING_NONE), frame_bytes(VIEW_NONE), frame_number(p->stream));
}

/* Hosts send as he in the last moment in which he may, and in the one after it; a neighbour meanwhile. */
static void leave(struct popd_place *d, struct pop *p)
{
	struct world *w = d->actor->world;
	const uint64_t last_ms = w->script.monotonic_us / 1000 + POP_AFTER_S * 1000u;
	p->state = POP_OVER;
	judge_pop_ended(w, p);
	world_try(w, p->user, p->client, last_ms * 1000 + world_draw(w, 1000));
	world_try(w, p->user, p->client, (last_ms + 1) * 1000);
	world_try(w, (p->user + 1) % MAILBOXES, p->client, last_ms * 1000 - world_draw(w, 9000000));
	if (w->plant_popkey != POPKEY_PLANT_UNHEARD && channel_is_open(d->auth))
		channel_say(d->auth, AUTH_LEAVE, p->stream);
}

static void set_timer(struct popd_place *d)
{
	const struct world *w = d->actor->world;
	uint64_t due_us = UINT64_MAX;
	for (unsigned i = 0; i < w->popkey.pop_count; i++) {
		const struct pop *p = &w->popkey.pops[i];
		if ((p->state == POP_WAITING || p->state == POP_OPEN) && p->due_us < due_us)
			due_us = p->due_us;
	}
	if (due_us == UINT64_MAX)
		timer_stop(d->timer);
	else if (due_us <= w->script.monotonic_us)
		timer_set(d->timer, 0);
	else
		timer_set(d->timer, (due_us - w->script.monotonic_us + 999) / 1000);
}

static void on_timer(void *context)
{
	struct popd_place *d = context;
	struct world *w = d->actor->world;
	for (unsigned i = 0; i < w->popkey.pop_count; i++) {
		struct pop *p = &w->popkey.pops[i];
		if (p->due_us > w->script.monotonic_us)
			continue;
		if (p->state == POP_WAITING)
			log_in(d, p);
		else if (p->state == POP_OPEN)
			leave(d, p);
	}
	set_timer(d);
}

/* --- what auth says ------------------------------------------------------------------------ */

static void answer(struct popd_place *d, const struct pop *p, struct view challenge)
{
	static struct scram_client scram; /* its salted password serves all */
	char text[900], final[1100] = "", first[700];
	must(view_to_text(challenge, text, sizeof text));
	scram_first(&scram, world_mailbox(p->user), "nonce", "n,,", first, sizeof first);
	if (!view_starts(challenge, VIEW("v=")))
		scram.is_salted = scram_final(&scram, text, "pencil", final, sizeof final) != 0;
	channel_say(d->auth, AUTH_STEP, p->stream, frame_bytes(view_text(final)));
}

/* Where a session lasts longer than its clock, hosts send as he in the clock's last moment and after it. */
static void enter(struct world *w, struct pop *p)
{
	p->state = POP_OPEN;
	p->due_us = w->script.monotonic_us + p->lasts_us;
	judge_pop_opened(w, p);
	if (p->lasts_us <= POP_SESSION_S * UINT64_C(1000000))
		return;
	world_try(w, p->user, p->client, p->session_ends_ms * 1000 + world_draw(w, 1000));
	world_try(w, p->user, p->client, (p->session_ends_ms + 1) * 1000);
}

/* Another session tries it again; this one may be open still. */
static void fail(struct world *w, struct pop *p)
{
	struct pop *next = &w->popkey.pops[w->popkey.pop_count];
	p->state = POP_OVER;
	judge_pop_lost(w, p);
	if (w->popkey.pop_count == POPS_MAX)
		return;
	*next = (struct pop){.user = p->user,
		.client = p->client,
		.lasts_us = p->lasts_us,
		.due_us = w->script.monotonic_us + AGAIN_US};
	w->popkey.pop_count++;
}

static void said(void *context, const struct frame *frame)
{
	struct popd_place *d = context;
	struct world *w = d->actor->world;
	struct pop *p = pop_of(w, frame->stream);
	if (!p || p->state != POP_ASKING)
		return;
	switch ((enum face_auth_code)frame->row->code) {
	case AUTH_CHALLENGE:
		answer(d, p, frame->values[0].bytes);
		break;
	case AUTH_SUCCESS:
		enter(w, p);
		break;
	case AUTH_FAILURE:
		fail(w, p);
		break;
	case AUTH_START:
	case AUTH_STEP:
	case AUTH_CANCEL:
	case AUTH_LEAVE:
	case AUTH_CODES:
		break;
	}
	set_timer(d);
}

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct popd_place *d = context;
	const struct pop *p = pop_of(d->actor->world, stream);
	return p && p->state == POP_ASKING ? AUTH_STATE_ASKED : AUTH_STATE_IDLE;
}

static void closed(void *context, const char *why)
{
	struct popd_place *d = context;
	if (why)
		program_peer_broken(&d->actor->program, PROGRAM_AUTH, 0, why);
	channel_free(&d->auth);
	for (unsigned i = 0; i < d->actor->world->popkey.pop_count; i++)
		if (d->actor->world->popkey.pops[i].state == POP_ASKING)
			fail(d->actor->world, &d->actor->world->popkey.pops[i]);
	set_timer(d);
}

static bool start(struct actor *a)
{
	struct popd_place *d = memory_new(1, sizeof *d);
	d->actor = a;
	d->timer = timer_new(a->program.loop, on_timer, d);
	a->self = d;
	set_timer(d);
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	static const struct channel_handler handler = {state_of, said, closed};
	struct popd_place *d = a->self;
	(void)peer;
	(void)worker;
	if (d->auth)
		closed(d, NULL);
	d->auth = channel_new(a->program.loop, &face_auth, FRAME_A, fd, &handler, d);
}

const struct actor_kind actor_popd = {PROGRAM_POPD, start, connect_peer};

/* --- mailbox ------------------------------------------------------------------------------- */

struct mailbox_place {
	struct actor *actor;
	struct channel *auth;
};

static uint32_t mailbox_state_of(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GRANT_STATE_ANY;
}

static void mailbox_said(void *context, const struct frame *frame)
{
	struct mailbox_place *m = context;
	if (frame->row->code == GRANT_GIVE)
		channel_say(
			m->auth, GRANT_GIVEN, frame->stream, frame_number(frame->values[0].number));
}

static void mailbox_closed(void *context, const char *why)
{
	struct mailbox_place *m = context;
	if (why)
		program_peer_broken(&m->actor->program, PROGRAM_AUTH, 0, why);
	channel_free(&m->auth);
}

static bool mailbox_start(struct actor *a)
{
	struct mailbox_place *m = memory_new(1, sizeof *m);
	m->actor = a;
	a->self = m;
	return true;
}

static void mailbox_connect(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	static const struct channel_handler handler = {
		mailbox_state_of, mailbox_said, mailbox_closed};
	struct mailbox_place *m = a->self;
	(void)peer;
	(void)worker;
	if (m->auth)
		mailbox_closed(m, NULL);
	m->auth = channel_new(a->program.loop, &auth_mailbox, FRAME_B, fd, &handler, m);
}

const struct actor_kind actor_mailbox = {PROGRAM_MAILBOX, mailbox_start, mailbox_connect};
