#include "faces/smtpd/smtpd.h"

/*
 * Room for all (law 4): the limits in all and of one address, who makes room, and the time limits
 * of everybody. The rules are in faces/shared/places.h; here they meet the counts of all workers.
 */

#define CROWD_MIN 16u /* so few sessions are no crowd, whatever the limit */

enum place_side session_side(const struct session *s)
{
	return s->facts.side == ROUTE_INSIDE ? PLACE_INSIDE : PLACE_OUTSIDE;
}

/* --- limits ------------------------------------------------------------------------------- */

struct crowd {
	uint32_t limit;
	uint32_t total; /* of all workers */
	uint32_t side;
	uint32_t share;
};

static struct crowd crowd_of(const struct smtpd *d, enum place_side side)
{
	const uint32_t limit = (uint32_t)d->generation->snapshot->numbers[SETTING_SESSIONLIMIT];
	const uint32_t total = census_total(d->census);
	const uint32_t inside = census_inside(d->census);
	/* workers count at their own time: what one has not added up yet may be missing */
	const uint32_t outside = total > inside ? total - inside : 0;
	return (struct crowd){
		limit, total, side == PLACE_INSIDE ? inside : outside, places_share(limit)};
}

/* How many of that side are too many. */
static uint32_t excess_of(const struct crowd *c, enum place_side side)
{
	const uint32_t of_side = c->side > c->share ? c->side - c->share : 0;
	const uint32_t in_all =
		side == PLACE_OUTSIDE && c->total > c->limit ? c->total - c->limit : 0;
	return of_side > in_all ? of_side : in_all;
}

static bool make_room(
	struct smtpd *d, enum place_side side, bool side_is_full, const struct place *newcomer)
{
	struct place *giver = places_giver(&d->places, side, side_is_full, newcomer);
	if (giver)
		session_stop(giver->owner, SMTP_STOP_ROOM);
	return giver != NULL;
}

/* Nobody of this worker can make room, but one of another may, in a second: so long a sixteenth more
 * is taken. */
static uint32_t slack_of(const struct smtpd *d, uint32_t limit)
{
	if (d->program->workers < 2)
		return 0;
	return limit / 16 ? limit / 16 : 1;
}

bool room_for(struct session *s)
{
	struct smtpd *d = s->smtpd;
	const enum place_side side = session_side(s);
	const struct crowd c = crowd_of(d, side);
	const bool worker_is_full = d->sessions > d->sessions_max;
	if (c.total <= c.limit && c.side <= c.share && !worker_is_full)
		return true;
	if (make_room(d, side, c.side > c.share, &s->place))
		return true;
	const uint32_t slack = slack_of(d, c.limit);
	return !worker_is_full && c.total <= c.limit + slack && c.side <= c.share + slack;
}

bool room_for_one_more_of(const struct session *s)
{
	/* an inside client is not limited by itself: an office may sit behind one address */
	return s->facts.side == ROUTE_INSIDE ||
	       census_count(s->smtpd->census, s->facts.client.octets) <=
		       s->generation->snapshot->numbers[SETTING_CLIENTLIMIT];
}

bool room_in_memory(const struct smtpd *d)
{
	const size_t queued = d->spool ? channel_backlog(d->spool) : 0;
	return d->memory + queued <= SMTPD_MEMORY_MAX;
}

/* --- once a second ------------------------------------------------------------------------ */

/* Who shares a stranger's grace (places.h): the sessions of its address; and when one network has more
 * than a sixteenth of all places, a crowd that may have an address for each session, those of the
 * network. */
static uint32_t fellows_of(void *context, const struct place *p)
{
	const struct session *s = p->owner;
	const struct smtpd *d = context;
	const uint64_t crowd = d->generation->snapshot->numbers[SETTING_SESSIONLIMIT] / 16;
	const uint32_t network = census_network(d->census, s->facts.client.octets);
	if (network > crowd && network > CROWD_MIN)
		return network;
	return census_count(d->census, s->facts.client.octets);
}

/* What is too much for all workers together is given up by all of them together. */
static void give_up_excess(struct smtpd *d, enum place_side side)
{
	const struct crowd c = crowd_of(d, side);
	const uint32_t workers = d->program->workers;
	uint32_t excess = (excess_of(&c, side) + workers - 1) / workers;
	while (excess-- && make_room(d, side, true, NULL))
		;
}

/* In a handshake nothing can be said. */
static void give_up_handshake(struct session *s)
{
	log_info(
		"TLS failed", fact_hex("session", s->id), fact_text("why", "no handshake in time"));
	session_end(s, true);
}

/* We owe an answer that does not come. After the time for the final reply the client has gone, too
 * (RFC 5321 §4.5.3.2.6), and what spool may still say finds nobody. */
static void give_up_waiting(struct session *s)
{
	const enum smtp_ask_kind ask = smtp_server_ask(&s->smtp)->kind;
	log_warning("no answer in time", fact_hex("session", s->id),
		fact_text("to", ask == SMTP_ASK_NONE ? "content" : smtp_ask_name(ask)));
	if (ask == SMTP_ASK_COMMIT)
		session_end(s, false);
	else
		session_stop(s, SMTP_STOP_TROUBLE);
}

/* RFC 5321 §4.5.3.2, and the pace of smtp_limits.h; all on the monotonic clock. */
static void check_time(struct session *s, uint64_t now_ms)
{
	const struct smtp_limits *limits = &s->generation->config.limits;
	const struct place_pace pace = {limits->busy_grace_ms, limits->busy_octets_s};
	const bool is_overdue = now_ms - s->active_ms > smtp_server_deadline_ms(&s->smtp);
	if (is_overdue && smtp_server_state(&s->smtp) == SMTP_STATE_TLS)
		give_up_handshake(s);
	else if (is_overdue && (s->waiting || s->wants_credit))
		give_up_waiting(s);
	else if (is_overdue)
		session_stop(s, SMTP_STOP_TIMEOUT);
	else if (place_is_behind(&s->place, &pace, 1, now_ms))
		session_stop(s, SMTP_STOP_SLOW);
}

void room_sweep(struct smtpd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	const struct smtp_limits *limits = &d->generation->config.limits;
	const struct place_pace pace = {limits->crowd_grace_ms, limits->crowd_octets_s};
	struct place *next;
	for (struct place *p = places_first(&d->places); p; p = next) {
		next = places_after(&d->places, p);
		check_time(p->owner, now_ms);
	}
	places_judge(&d->places, &pace, fellows_of, d, now_ms);
	give_up_excess(d, PLACE_OUTSIDE);
	give_up_excess(d, PLACE_INSIDE);
}
