#include "faces/relay/relay.h"

static uint32_t slot_of(struct view name)
{
	return (uint32_t)(view_hash(name) % DESTINATION_SLOTS);
}

struct destination *destination_get(struct relayd *d, struct view name)
{
	struct destination **slot = &d->destinations[slot_of(name)];
	struct destination *at = *slot;
	while (at && !view_equal(at->name, name))
		at = at->chain;
	if (at)
		return destination_hold(at);
	at = memory_new(1, sizeof *at + name.length);
	must(view_copy(name, at + 1, name.length));
	at->relayd = d;
	at->name = view_of(at + 1, name.length);
	at->users = 1;
	at->arena = arena_new(DEPARTURE_MEMORY_MAX);
	at->chain = *slot;
	*slot = at;
	return at;
}

struct destination *destination_hold(struct destination *at)
{
	at->users++;
	return at;
}

void destination_drop(struct destination **where)
{
	struct destination *at = *where;
	*where = NULL;
	if (!at || --at->users)
		return;
	struct destination **link = &at->relayd->destinations[slot_of(at->name)];
	while (*link != at)
		link = &(*link)->chain;
	*link = at->chain;
	arena_reset(&at->arena);
	memory_free(at);
}

/* --- idle sessions ------------------------------------------------------------------------ */

void destination_add_idle(struct destination *at, struct session *s)
{
	must(!s->is_idle);
	s->is_idle = true;
	s->idle_before = NULL;
	s->idle_next = at->idle;
	if (at->idle)
		at->idle->idle_before = s;
	at->idle = s;
	at->idle_count++;
}

void destination_remove_idle(struct destination *at, struct session *s)
{
	if (!s->is_idle)
		return;
	if (s->idle_before)
		s->idle_before->idle_next = s->idle_next;
	else
		at->idle = s->idle_next;
	if (s->idle_next)
		s->idle_next->idle_before = s->idle_before;
	s->is_idle = false;
	at->idle_count--;
}

struct session *destination_take_idle(struct destination *at, enum security_wish wish)
{
	struct session *s = at->idle;
	while (s && s->facts.wish != wish)
		s = s->idle_next;
	if (s)
		destination_remove_idle(at, s);
	return s;
}

/* --- hosts and policy ---------------------------------------------------------------------- */

static struct view kept(struct destination *at, struct view why)
{
	struct view copy;
	return arena_copy(&at->arena, why, &copy) ? copy : VIEW_NONE;
}

/* Each that waits goes on, or ends; new ones may come to wait meanwhile. */
static void answered(struct destination *at)
{
	struct departure *p = at->waiting;
	if (--at->open == 0) {
		at->waiting = NULL;
		at->known_until_ms = 0;
		if (at->outcome == LOOKUP_OK && !at->is_policy_unknown)
			at->known_until_ms = loop_now_ms(at->relayd->program->loop) + HOSTS_KEPT_MS;
		while (p) {
			struct departure *next = p->next;
			p->next = NULL;
			attempt_known(p);
			p = next;
		}
	}
	destination_drop(&at);
}

static void on_hosts(struct resolve_question *q, const struct resolve_answer *answer)
{
	struct destination *at = q->context;
	at->outcome = answer->outcome;
	if (answer->outcome != LOOKUP_OK) {
		at->why = kept(at, answer->why);
	} else if (!hosts_copy(&answer->hosts, &at->arena, &at->hosts)) {
		at->outcome = LOOKUP_TEMPORARY;
		at->why = VIEW("there is no memory for its hosts");
	}
	answered(at);
}

static void on_policy(struct policy_question *q, const struct policy_answer *answer)
{
	struct destination *at = q->context;
	at->is_policy_unknown = answer->outcome == FETCH_UNKNOWN;
	if (at->is_policy_unknown && at->outcome == LOOKUP_OK)
		at->why = kept(at, answer->why);
	if (answer->outcome == FETCH_FOUND &&
		!sts_policy_copy(&answer->policy, &at->arena, &at->policy)) {
		at->is_policy_unknown = true;
		at->why = VIEW("there is no memory for its policy");
	}
	answered(at);
}

bool destination_is_known(const struct destination *at)
{
	return at->known_until_ms > loop_now_ms(at->relayd->program->loop);
}

const struct smarthost *destination_next_host(
	const struct snapshot *s, const struct destination *at)
{
	const struct backup *backup = snapshot_find_backup(s, (struct domain){at->name});
	if (backup)
		return &backup->next;
	return s->has_smarthost ? &s->smarthost : NULL;
}

static bool ask_hosts(struct destination *at)
{
	const struct smarthost *next = destination_next_host(at->relayd->snapshot, at);
	struct resolve_client *resolve = at->relayd->resolve;
	at->question = (struct resolve_question){.answered = on_hosts, .context = at};
	if (next)
		return resolve_client_addresses(
			resolve, &at->question, next->name.name, next->port);
	return resolve_client_hosts(resolve, &at->question, at->name);
}

/* Neither a host that the settings name nor an address has a policy. */
static bool may_have_policy(const struct destination *at)
{
	return !destination_next_host(at->relayd->snapshot, at) &&
	       !view_starts(at->name, VIEW("["));
}

static bool ask(struct destination *at)
{
	arena_reset(&at->arena);
	at->policy = (struct sts_policy){.mode = STS_MODE_NONE};
	at->is_policy_unknown = false;
	at->outcome = LOOKUP_OK;
	at->why = VIEW_NONE;
	if (!ask_hosts(at))
		return false;
	destination_hold(at);
	at->open = 1;
	if (!may_have_policy(at))
		return true;
	at->policy_question = (struct policy_question){.answered = on_policy, .context = at};
	if (policy_ask(at->relayd, &at->policy_question, at->name)) {
		destination_hold(at);
		at->open++;
	} else {
		at->is_policy_unknown = true;
		at->why = VIEW("policies cannot be asked for just now");
	}
	return true;
}

bool destination_ask(struct destination *at, struct departure *p)
{
	if (!at->open && !ask(at))
		return false;
	p->next = at->waiting;
	at->waiting = p;
	return true;
}

void destination_forget(struct destination *at, struct departure *p)
{
	for (struct departure **link = &at->waiting; *link; link = &(*link)->next)
		if (*link == p) {
			*link = p->next;
			p->next = NULL;
			return;
		}
}
