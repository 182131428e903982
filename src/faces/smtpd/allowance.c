#include "faces/smtpd/smtpd.h"

/*
 * How many recipients a user may write to in an hour and in a day (N-8). Counters of `gate`, so that all
 * workers and all sessions of a user share them. At each RCPT both are looked at; what is accepted is
 * added, so that an impatient program that tries again and again does not put off its own time. While the
 * gate is away nobody can be counted, and users are asked to come back in a moment.
 */

#define HOUR_MS (3600u * 1000)
#define DAY_MS (86400u * 1000)
#define KEY_MAX 128u

struct allowance {
	struct session *session;
	struct gate_question questions[2];
	uint64_t counts[2];
	unsigned waits_for;
	bool failed;
};

static const struct window {
	enum setting_id limit;
	uint32_t window_ms;
	const char *key;
	const char *time; /* as people say it */
	const char *rule;
} windows[2] = {
	{SETTING_USERMAILSHOUR, HOUR_MS, "mails:hour:", "an hour", "user-limit-hour"},
	{SETTING_USERMAILSDAY, DAY_MS, "mails:day:", "a day", "user-limit-day"},
};

static void add_key(struct buffer *b, const struct session *s, const struct window *w)
{
	text_add(b, "{}{}", text_string(w->key), text_raw(session_poster(s)));
}

static uint64_t limit_of(const struct session *s, size_t i)
{
	return s->transaction->generation->snapshot->numbers[windows[i].limit];
}

/* --- asking ------------------------------------------------------------------------------- */

static void answered(struct gate_question *q, const struct gate_answer *answer)
{
	struct allowance *a = q->context;
	a->counts[q - a->questions] = answer->count;
	a->failed |= answer->failed;
	if (--a->waits_for == 0)
		session_allowance_known(a->session);
}

static bool ask(struct session *s, size_t i)
{
	struct allowance *a = s->allowance;
	struct buffer key = buffer_new(KEY_MAX);
	a->questions[i] = (struct gate_question){.answered = answered, .context = a};
	add_key(&key, s, &windows[i]);
	const bool asked = gate_client_ask(&s->smtpd->gate, &a->questions[i], GATE_COUNT,
		(const struct frame_value[]){frame_bytes(buffer_view(&key)), frame_number(0),
			frame_number(windows[i].window_ms)});
	a->waits_for += asked;
	buffer_free(&key);
	return asked;
}

bool allowance_ask(struct session *s)
{
	if (!s->allowance)
		s->allowance = memory_new(1, sizeof *s->allowance);
	*s->allowance = (struct allowance){.session = s};
	if (ask(s, 0) && ask(s, 1))
		return true;
	allowance_forget(s);
	return false;
}

void allowance_forget(struct session *s)
{
	struct allowance *a = s->allowance;
	for (size_t i = 0; a && i < 2; i++)
		gate_client_forget(&s->smtpd->gate, &a->questions[i]);
}

void allowance_free(struct session *s)
{
	allowance_forget(s);
	memory_free(s->allowance);
	s->allowance = NULL;
}

/* --- judging ------------------------------------------------------------------------------ */

const struct reply *allowance_away(void)
{
	static const struct reply away = REPLY(451, 4, 3, 0, "gate-away",
		"What you may send cannot be counted just now, please try again in a moment");
	return &away;
}

bool allowance_is_used_up(const struct session *s, struct buffer *text, struct reply *reply_out)
{
	const struct allowance *a = s->allowance;
	if (a->failed) {
		*reply_out = *allowance_away();
		return true;
	}
	for (size_t i = 0; i < 2; i++) {
		const uint64_t limit = limit_of(s, i);
		if (a->counts[i] < limit)
			continue;
		text_add(text,
			"You have written to {} recipients in {}, which is the limit of this "
			"server; please try again later, within {} some of it is free again",
			text_number(limit), text_string(windows[i].time),
			text_string(windows[i].time));
		*reply_out = (struct reply){.code = 450,
			.enhanced = {4, 7, 1},
			.text = buffer_view(text),
			.rule = windows[i].rule};
		return true;
	}
	return false;
}

/* Four fifths of the limit, and the limit, are told to whoever reads the log, to the user and to the postmaster: a
 * password may be stolen. */
static void warn(struct session *s, size_t i, uint64_t count)
{
	const uint64_t limit = limit_of(s, i);
	const uint64_t nearly = (limit * 4 + 4) / 5;
	if (count != nearly && count != limit)
		return;
	struct buffer client = buffer_new(64);
	ip_add(&client, &s->facts.client);
	log_warning(count == limit ? "a user has written to as many as the limit allows"
				   : "a user comes near the limit of recipients",
		fact_view("login", session_poster(s)),
		fact_text("limit", setting_get(windows[i].limit)->name), fact_number("is", limit),
		fact_number("recipients", count), fact_text("within", windows[i].time),
		fact_hex("session", s->id), fact_view("client", buffer_view(&client)));
	buffer_free(&client);
	notice_limit(s, &(struct limit_notice){.is_reached = count == limit,
				.is_of_day = windows[i].window_ms == DAY_MS,
				.count = count,
				.limit = limit,
				.window_ms = windows[i].window_ms});
}

void allowance_use(struct session *s)
{
	for (size_t i = 0; i < 2; i++) {
		struct buffer key = buffer_new(KEY_MAX);
		add_key(&key, s, &windows[i]);
		gate_client_tell(&s->smtpd->gate, GATE_COUNT,
			(const struct frame_value[]){frame_bytes(buffer_view(&key)),
				frame_number(1), frame_number(windows[i].window_ms)});
		buffer_free(&key);
		warn(s, i, s->allowance->counts[i] + 1);
	}
}
