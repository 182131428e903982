#include "faces/smtpd/smtpd.h"

#include "base/clock.h"
#include "base/random.h"
#include "config/route_expand.h"
#include "mail/envelope.h"
#include "mail/notice.h"

/*
 * A user and the postmaster are told that he has come near to a limit, or has reached it (N-8): by mail, once in that limit's
 * time, of which `gate` keeps count. The session may be over by then. A notice that cannot be sent is only in the log,
 * where it stands in any case.
 */

#define ARENA_MAX (1u << 20)
#define PATH_MAX_OCTETS 512u
#define ENVELOPE_OCTETS_MAX 65536u

struct telling {
	struct gate_question question;
	struct smtpd *smtpd;
	struct generation *generation;
	struct limit_notice what;
	uint64_t session_id;
	struct ip client;
	struct buffer user;
};

static void telling_free(struct telling *t)
{
	generation_drop(&t->generation);
	buffer_free(&t->user);
	memory_free(t);
}

/* --- who is told ---------------------------------------------------------------------------- */

static bool add_name(const struct snapshot *s, struct view name, struct route_set *set)
{
	return route_expand(s, name_find(s, name, s->first_domain), 0, set) == EXPAND_OK;
}

static struct view address_of(struct arena *a, const struct snapshot *s, struct view name)
{
	struct buffer b = buffer_new(PATH_MAX_OCTETS);
	struct view copy = VIEW_NONE;
	text_add(&b, "{}@{}", text_raw(name), text_raw(s->first_domain.name));
	const bool ok = !buffer_failed(&b) && arena_copy(a, buffer_view(&b), &copy);
	buffer_free(&b);
	return ok ? copy : VIEW_NONE;
}

/* The envelope: null reverse-path, and whoever reads the user's mail or the postmaster's. */
static bool add_envelope(
	const struct telling *t, struct arena *a, const struct notice *n, struct buffer *form)
{
	const struct snapshot *s = t->generation->snapshot;
	struct route_set set = route_set_new(a);
	struct buffer source = buffer_new(PATH_MAX_OCTETS);
	const bool has_user = add_name(s, n->user, &set);
	const uint32_t of_user = set.count;
	const bool has_postmaster = add_name(s, VIEW("postmaster"), &set);
	struct envelope_recipient *all = arena_get_array(a, set.count, sizeof *all);
	const struct fact of = fact_hex("notice-of-session", t->session_id);
	fact_add(&source, &of);
	bool ok = (has_user || has_postmaster) && all;
	for (uint32_t i = 0; ok && i < set.count; i++) {
		ok = route_fill_recipient(
			s, &set.mailboxes[i], i < of_user ? n->to : n->postmaster, a, &all[i]);
		all[i].notify = ENVELOPE_NOTIFY_NEVER;
	}
	if (ok)
		envelope_add(form, &(struct envelope){.source = buffer_view(&source),
					   .recipients = all,
					   .recipient_count = set.count});
	buffer_free(&source);
	return ok && !buffer_failed(form);
}

/* --- the mail ------------------------------------------------------------------------------- */

static void post(const struct telling *t, const struct notice *n, struct arena *a)
{
	struct buffer content = buffer_new(2 * NOTICE_OCTETS_MAX);
	struct buffer form = buffer_new(ENVELOPE_OCTETS_MAX);
	const bool ok =
		notice_compose(&content, n) && add_envelope(t, a, n, &form) &&
		spool_post(t->smtpd, t->session_id, buffer_view(&content), buffer_view(&form));
	if (!ok)
		log_warning("a notice to a user could not be sent", fact_view("user", n->user));
	buffer_free(&content);
	buffer_free(&form);
}

static void tell(const struct telling *t)
{
	struct arena a = arena_new(ARENA_MAX);
	const struct snapshot *s = t->generation->snapshot;
	struct buffer client = buffer_new(64);
	const struct view user = buffer_view(&t->user);
	ip_add(&client, &t->client);
	struct notice n = {.is_reached = t->what.is_reached,
		.is_of_day = t->what.is_of_day,
		.count = t->what.count,
		.limit = t->what.limit,
		.user = user,
		.to = address_of(&a, s, user),
		.postmaster = address_of(&a, s, VIEW("postmaster")),
		.client = buffer_view(&client),
		.server = s->servername,
		.site = s->first_domain,
		.now_s = clock_wall_s()};
	random_octets(n.random, sizeof n.random);
	post(t, &n, &a);
	buffer_free(&client);
	arena_reset(&a);
}

/* The first of that limit's time. */
static void counted(struct gate_question *q, const struct gate_answer *answer)
{
	struct telling *t = q->context;
	if (!answer->failed && answer->count == 1)
		tell(t);
	telling_free(t);
}

void notice_limit(struct session *s, const struct limit_notice *what)
{
	struct telling *t = memory_new(1, sizeof *t);
	struct buffer key = buffer_new(GATE_KEY_MAX);
	*t = (struct telling){.question = {.answered = counted, .context = t},
		.smtpd = s->smtpd,
		.generation = generation_hold(s->generation),
		.what = *what,
		.session_id = s->id,
		.client = s->facts.client,
		.user = buffer_new(GATE_KEY_MAX)};
	buffer_add(&t->user, session_poster(s));
	text_add(&key, "mails:told:{}:{}:{}", text_string(what->is_of_day ? "day" : "hour"),
		text_string(what->is_reached ? "reached" : "near"), text_raw(session_poster(s)));
	if (!gate_client_ask(&s->smtpd->gate, &t->question, GATE_COUNT,
		    (const struct frame_value[]){frame_bytes(buffer_view(&key)), frame_number(1),
			    frame_number(what->window_ms)}))
		telling_free(t);
	buffer_free(&key);
}
