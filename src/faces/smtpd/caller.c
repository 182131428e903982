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

struct view session_poster(const struct session *s)
{
	return s->facts.caller.length ? s->facts.caller : s->facts.login;
}

size_t session_poster_fact(const struct session *s, struct fact *fact)
{
	if (!session_poster(s).length)
		return 0;
	*fact = fact_view(s->facts.caller.length ? "user" : "login", session_poster(s));
	return 1;
}
