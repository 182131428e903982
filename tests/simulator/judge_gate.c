/*
 * What the gate may let through, and must, from scripted time and what was said: to the very tick where time stands
 * while things happen, which is so in half of the worlds; else within the time that a word was on its way.
 */
#include "world.h"

#include "keepers/gate/gated.h"
#include "mail/gate_open.h"

#define OPENING_US \
	200000u /* auth waits no longer than that, and a little, for the gate (authd_limits) */

static uint64_t now_ms(const struct world *w)
{
	return w->script.monotonic_us / 1000;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_alive(struct world *w, enum program_id id)
{
	return world_actor(w, id, 0)->alive;
}

/* A word that is said now reaches auth, and auth's the gate, unless one of them dies on the way. */
static void note_way(struct world *w, struct pop *p)
{
	const bool is_there = is_alive(w, PROGRAM_AUTH) && is_alive(w, PROGRAM_GATE);
	p->deaths = is_there ? w->popkey.deaths : UINT32_MAX;
}

static bool nobody_died(const struct world *w, const struct pop *p)
{
	return p->deaths == w->popkey.deaths;
}

/* --- a session ----------------------------------------------------------------------------- */

void judge_pop_asked(struct world *w, struct pop *p)
{
	p->asked_ms = now_ms(w);
	note_way(w, p);
}

void judge_pop_opened(struct world *w, struct pop *p)
{
	world_say(w, "%s fetches at %u", world_mailbox(p->user), p->client);
	p->session_ends_ms = p->session_may_ms = now_ms(w) + POP_SESSION_S * 1000u;
	if (!nobody_died(w, p) || now_ms(w) - p->asked_ms > OPENING_US / 1000)
		return;
	p->has_opening = true;
	p->sure_from_ms = now_ms(w);
	p->sure_until_ms = p->asked_ms + POP_SESSION_S * 1000u;
}

void judge_pop_lost(struct world *w, struct pop *p)
{
	(void)w;
	p->is_lost = p->is_unsettled = true;
	p->sure_until_ms = 0;
}

void judge_pop_ended(struct world *w, struct pop *p)
{
	const uint64_t until_ms = now_ms(w) + POP_AFTER_S * 1000u;
	world_say(w, "%s at %u is through", world_mailbox(p->user), p->client);
	p->ended_ms = now_ms(w);
	p->is_unsettled = true;
	note_way(w, p);
	/* the one row goes when the other is there: no moment between them is closed */
	if (p->sure_until_ms < now_ms(w))
		p->sure_until_ms = 0;
	else
		p->sure_until_ms = p->has_opening && nobody_died(w, p)
					   ? until_ms
					   : least(p->sure_until_ms, until_ms);
}

static void settle(struct world *w, struct pop *p)
{
	const uint64_t until_ms = now_ms(w) + POP_AFTER_S * 1000u;
	p->is_unsettled = false;
	if (p->is_lost) {
		p->session_ends_ms = p->session_may_ms = now_ms(w) + POP_SESSION_S * 1000u;
		p->after_may_ms = until_ms;
		return;
	}
	p->after_may_ms = until_ms;
	if (!nobody_died(w, p) || !p->has_opening) {
		p->sure_until_ms = least(p->sure_until_ms, p->session_ends_ms);
		return;
	}
	p->is_closed = true;
	p->session_may_ms = least(p->session_may_ms, now_ms(w));
	if (!p->sure_until_ms) {
		p->sure_from_ms = now_ms(w);
		p->sure_until_ms = p->ended_ms + POP_AFTER_S * 1000u;
	}
}

void judge_stillness(struct world *w)
{
	const int64_t planted = w->plant_popkey == POPKEY_PLANT_LATE	? 1
				: w->plant_popkey == POPKEY_PLANT_EARLY ? -1
									: 0;
	for (unsigned i = 0; i < w->popkey.pop_count; i++) {
		if (!w->popkey.pops[i].is_unsettled)
			continue;
		settle(w, &w->popkey.pops[i]);
		actor_gate_delay(world_actor(w, PROGRAM_GATE, 0), planted);
	}
}

/* --- deaths -------------------------------------------------------------------------------- */

/* When the row that the store has kept ends; 0: it has none. */
static uint64_t kept_ms(struct world *w, const struct pop *p, struct view tail)
{
	const struct ip client = world_client(p->client);
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	struct cursor c = cursor_of(buffer_view(&w->gate_rows));
	struct gate_batch_step step;
	uint64_t ends_ms = 0;
	gate_open_key(&key, &client, view_text(world_mailbox(p->user)), tail);
	while (gate_batch_read(&c, &step)) {
		if (step.kind == GATE_BATCH_CLEAR)
			ends_ms = 0;
		else if (view_equal(step.key, buffer_view(&key)))
			ends_ms = step.kind == GATE_BATCH_WRITE
					  ? step.ends_ms - (uint64_t)w->script.wall_ms
					  : 0;
	}
	buffer_free(&key);
	return ends_ms;
}

static void forget(struct world *w, struct pop *p)
{
	struct buffer tail = buffer_new(GATE_OPEN_TAIL_MAX);
	text_add(&tail, "{}", text_hex(p->stream));
	const uint64_t session_ms = kept_ms(w, p, buffer_view(&tail));
	const uint64_t after_ms = kept_ms(w, p, VIEW_NONE);
	buffer_free(&tail);
	if (!session_ms)
		p->session_may_ms = least(p->session_may_ms, now_ms(w));
	else if (p->is_closed) /* that it was closed is forgotten */
		p->session_may_ms = p->session_ends_ms;
	if (!after_ms)
		p->after_may_ms = least(p->after_may_ms, now_ms(w));
	if ((p->ended_ms ? after_ms : session_ms) < p->sure_until_ms)
		p->sure_until_ms = 0;
}

void judge_gate_forgets(struct world *w)
{
	for (unsigned i = 0; i < w->popkey.pop_count; i++)
		if (w->popkey.pops[i].stream)
			forget(w, &w->popkey.pops[i]);
}

/* popd's end, and mailbox's, is the end of all sessions; auth's leaves them to their clock. */
static void bereave(struct world *w, struct pop *p, enum program_id id)
{
	if (id == PROGRAM_AUTH) {
		p->has_opening = false;
		return;
	}
	if (id == PROGRAM_GATE || (p->state != POP_ASKING && p->state != POP_OPEN))
		return;
	if (p->state == POP_OPEN)
		judge_pop_ended(w, p);
	else if (id == PROGRAM_POPD)
		judge_pop_lost(w, p);
	if (p->state == POP_OPEN || id == PROGRAM_POPD)
		p->state = POP_OVER;
}

void judge_death(struct world *w, enum program_id id)
{
	if (id != PROGRAM_AUTH && id != PROGRAM_GATE && id != PROGRAM_MAILBOX && id != PROGRAM_POPD)
		return;
	w->popkey.deaths++;
	for (unsigned i = 0; i < w->popkey.pop_count; i++)
		bereave(w, &w->popkey.pops[i], id);
}

/* --- RCPT ---------------------------------------------------------------------------------- */

static bool may_be_open(const struct pop *p, uint64_t from_ms, uint64_t until_ms)
{
	if (!p->stream || p->asked_ms > until_ms)
		return false;
	return p->state == POP_ASKING || p->is_unsettled || p->session_may_ms >= from_ms ||
	       p->after_may_ms >= from_ms;
}

static bool is_surely_open(const struct pop *p, uint64_t from_ms, uint64_t until_ms)
{
	return p->sure_until_ms && p->sure_from_ms <= from_ms && p->sure_until_ms >= until_ms;
}

void judge_rcpt(struct world *w, const struct try *t, unsigned code)
{
	const uint64_t until_ms = now_ms(w);
	bool may = false, must_be = false;
	for (unsigned i = 0; i < w->popkey.pop_count; i++) {
		const struct pop *p = &w->popkey.pops[i];
		if (p->user != t->user || p->client != t->client)
			continue;
		may |= may_be_open(p, t->said_ms, until_ms);
		must_be |= is_surely_open(p, t->said_ms, until_ms);
	}
	world_say(w, "%s sends from %u: %u", world_mailbox(t->user), t->client, code);
	w->popkey.judged[!may ? 0 : must_be ? 1 : 2]++;
	if (code == 250 && !may)
		world_trouble(w, "a stranger at %u sends as %s", t->client, world_mailbox(t->user));
	if (code == 550 && must_be)
		world_trouble(w, "%s has fetched at %u, and may not send", world_mailbox(t->user),
			t->client);
	if (code != 250 && code != 550 && (code < 400 || code >= 500 || w->is_quiet))
		world_trouble(w, "who sends as %s is told %u", world_mailbox(t->user), code);
}
