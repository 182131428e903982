#include "faces/smtpd/smtpd.h"

/*
 * A program of this machine that posts mail: sendmail(1), or the keeper `drop` in its place. The kernel has
 * named its user, the parent has found his name, and no login is wanted. A system user who is also a user of
 * ours is that one, with his addresses; root may write for the site.
 */

#define ROOT 0u

void caller_arrived(struct program *p, uint32_t uid, struct view name, int fd)
{
	static const struct ip loopback = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	session_begin(p->state,
		&(struct arrival){.fd = fd, .client = loopback, .caller = name, .caller_uid = uid},
		LISTEN_SMTP);
}

void caller_judge(struct session *s)
{
	struct route_facts *f = &s->facts;
	if (view_is_empty(f->caller))
		return;
	const struct snapshot *snapshot = s->generation->snapshot;
	const uint32_t user = snapshot_find_user(snapshot, f->caller);
	f->login = user == SNAPSHOT_NOT_FOUND ? VIEW_NONE : f->caller;
	f->is_trusted = f->caller_uid == ROOT;
}

const struct route_facts *session_facts(const struct session *s)
{
	return s->transaction ? &s->transaction->facts : &s->facts;
}

struct view session_poster(const struct session *s)
{
	const struct route_facts *f = session_facts(s);
	return f->caller.length ? f->caller : f->login;
}

size_t session_poster_facts(const struct session *s, struct fact *facts)
{
	const struct route_facts *f = session_facts(s);
	size_t n = 0;
	if (!route_is_known(f))
		return 0;
	if (f->gate == ROUTE_GATE_OPEN)
		facts[n++] = fact_text("by", "gate");
	const bool has_login = n == 0 && !f->caller.length;
	facts[n++] = fact_view(has_login ? "login" : "user", session_poster(s));
	return n;
}
