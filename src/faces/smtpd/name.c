#include "faces/smtpd/smtpd.h"

/* The verified name of a stranger (F-4): asked of `resolve` before the greeting, and waited for a moment only. Who
 * has none, or whose name servers are slow, is greeted all the same: the name can make us refuse (F-7), its
 * absence cannot. Who comes to post logs in, and is somebody then. */

#define NAME_WAIT_MS 5000u

static void keep(struct session *s, struct view name)
{
	s->verified_name = memory_new(name.length, 1);
	must(view_copy(name, s->verified_name, name.length));
	s->facts.verified_name.name = view_of(s->verified_name, name.length);
}

static void answered(struct resolve_question *q, const struct resolve_answer *answer)
{
	struct session *s = q->context;
	if (answer->outcome == LOOKUP_OK)
		keep(s, answer->name.name);
	session_greet(s);
}

/* Said once, not for each who comes. */
static void note_absence(struct smtpd *d, bool is_absent)
{
	if (is_absent && !d->names_missing)
		log_warning("names of clients cannot be looked up: resolve is not there");
	d->names_missing = is_absent;
}

bool name_seek(struct session *s)
{
	struct smtpd *d = s->smtpd;
	if (s->facts.side == ROUTE_INSIDE || s->kind != LISTEN_SMTP || s->is_name_sought)
		return false;
	s->is_name_sought = true;
	s->name_question = (struct resolve_question){.answered = answered, .context = s};
	note_absence(d, !resolve_client_is_up(d->resolve));
	return resolve_client_name(d->resolve, &s->name_question, &s->facts.client);
}

bool name_is_overdue(const struct session *s, uint64_t now_ms)
{
	return s->name_question.stream && now_ms - s->active_ms > NAME_WAIT_MS;
}

void name_give_up(struct session *s)
{
	resolve_client_forget(s->smtpd->resolve, &s->name_question);
	session_greet(s);
}

void name_forget(struct session *s)
{
	resolve_client_forget(s->smtpd->resolve, &s->name_question);
	memory_free(s->verified_name);
	s->verified_name = NULL;
}
