#include "faces/smtpd/smtpd.h"

/* How long what is under way may take when the server stops; the parent waits 30 s for us. */
#define DRAIN_MS 25000u

bool is_memory_left(const struct smtpd *d)
{
	const size_t queued = d->spool ? channel_backlog(d->spool) : 0;
	return d->memory + queued <= SMTPD_MEMORY_MAX;
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

static bool is_drain_over(const struct smtpd *d, uint64_t now_ms)
{
	return d->program->draining && now_ms - d->draining_ms > DRAIN_MS;
}

/* RFC 5321 §4.5.3.2, and the pace of smtp_limits.h; all on the monotonic clock. */
static void check_time(struct session *s, uint64_t now_ms)
{
	const struct smtp_limits *limits = &s->generation->config.limits;
	const struct place_pace pace = {limits->busy_grace_ms, limits->busy_octets_s};
	if (name_is_overdue(s, now_ms)) {
		name_give_up(s);
		return;
	}
	const bool in_handshake = s->handshake || smtp_server_state(&s->smtp) == SMTP_STATE_TLS;
	const uint32_t patience_ms =
		in_handshake ? limits->handshake_ms : smtp_server_deadline_ms(&s->smtp);
	const bool is_overdue = now_ms - s->active_ms > patience_ms;
	if (is_overdue && in_handshake)
		give_up_handshake(s);
	else if (is_overdue && (s->waiting || s->wants_credit))
		give_up_waiting(s);
	else if (is_overdue)
		session_stop(s, SMTP_STOP_TIMEOUT);
	else if (is_drain_over(s->smtpd, now_ms))
		session_stop(s, SMTP_STOP_SHUTDOWN);
	else if (place_is_behind(&s->guest.place, &pace, 1, now_ms))
		session_stop(s, SMTP_STOP_SLOW);
}

void patience_sweep(struct smtpd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct place *next;
	for (struct place *p = places_first(&d->room.places); p; p = next) {
		next = places_after(&d->room.places, p);
		check_time(p->owner, now_ms);
	}
	room_sweep(&d->room, now_ms);
}
