#include "keepers/spool/spoold.h"

#include "base/clock.h"

/* A monotonic clock of seconds that is never 0. */
uint32_t remote_now_s(const struct spoold *d)
{
	return (uint32_t)(loop_now_ms(d->program->loop) / 1000) + 1;
}

/* The log has wall clock times, which may have jumped since: never later than the schedule allows. */
static uint32_t due_s(const struct spoold *d, const struct spool_recipient *r)
{
	const int64_t ahead_s = r->next_attempt_s - clock_wall_s();
	const int64_t most_s = d->retry_last_s;
	if (r->state != SPOOL_DEFERRED || ahead_s <= 0)
		return 0;
	return remote_now_s(d) + (uint32_t)(ahead_s < most_s ? ahead_s : most_s);
}

/* With a smarthost there is one destination, and it has no name; but for mail that is kept for its site. */
#define SMARTHOST VIEW("*")

static bool is_backup(const struct spoold *d, struct view target)
{
	return snapshot_find_backup(d->snapshot, (struct domain){target}) != NULL;
}

struct view remote_destination(const struct spoold *d, struct view target)
{
	return d->snapshot->has_smarthost && !is_backup(d, target) ? SMARTHOST : target;
}

static void add(struct spoold *d, struct view destination, const struct spool_entry *entry,
	uint32_t recipient)
{
	const struct spool_recipient *r = &entry->recipients[recipient];
	if (!spool_state_is_final((enum spool_state)r->state))
		schedule_add(d->schedule, destination, entry->id, recipient, due_s(d, r),
			remote_now_s(d));
}

void remote_add(
	struct spoold *d, struct view target, const struct spool_entry *entry, uint32_t recipient)
{
	spool_note(d->spool, entry->id, recipient, NOTE_REMOTE, 0);
	add(d, remote_destination(d, target), entry, recipient);
}

static bool is_still_right(const struct spoold *d, struct view destination)
{
	if (view_equal(destination, SMARTHOST))
		return d->snapshot->has_smarthost;
	return view_equal(destination, remote_destination(d, destination));
}

/* The smarthost may have come or gone meanwhile: then its envelope says where it goes now. */
void remote_again(struct spoold *d, struct view destination, const struct spool_entry *entry,
	uint32_t recipient)
{
	if (is_still_right(d, destination))
		add(d, destination, entry, recipient);
	else
		scan_again(d, entry->id, recipient);
}

/* --- called for --------------------------------------------------------------------------- */

/* Whether it may be tried now, which is noted. Strangers may ask as often as they like. */
static bool may_start(struct spoold *d, struct view domain)
{
	const uint64_t hash = view_hash(domain);
	const uint32_t now_s = remote_now_s(d);
	struct start *start = &d->starts[hash % START_SLOTS];
	if (start->hash == hash && start->at_s && now_s - start->at_s < START_EVERY_S)
		return false;
	*start = (struct start){hash, now_s};
	return true;
}

/* What waits; once it was hurried, all of it is ready. */
static uint64_t pending_of(const struct spoold *d, struct view domain)
{
	struct schedule_facts facts;
	return schedule_look(d->schedule, domain, &facts) ? facts.ready + facts.active : 0;
}

enum start_outcome remote_start(struct spoold *d, struct view domains, uint64_t *pending)
{
	bool has_started = false;
	struct view domain;
	*pending = 0;
	if (!scan_is_done(d) || d->program->draining || !channel_is_open(d->relay))
		return START_NOT;
	while (domains.length) {
		(void)view_split(domains, ' ', &domain, &domains);
		if (!is_backup(d, domain))
			continue;
		const bool may = may_start(d, domain);
		if (may)
			schedule_hurry(d->schedule, domain, remote_now_s(d));
		*pending += pending_of(d, domain);
		has_started |= may;
	}
	if (!has_started)
		return START_RECENT;
	remote_pump(d);
	return START_STARTED;
}

/* ------------------------------------------------------------------------------------------ */

void remote_config(struct spoold *d)
{
	struct schedule_limits limits = schedule_limits_default;
	limits.first_s = (uint32_t)d->snapshot->numbers[SETTING_RETRYFIRST];
	limits.last_s = (uint32_t)d->snapshot->numbers[SETTING_RETRYLAST];
	if (limits.last_s < limits.first_s)
		limits.last_s = limits.first_s;
	d->retry_last_s = limits.last_s;
	schedule_set_limits(d->schedule, &limits);
}

/* Not before scan is done: what it finds is older than what has come meanwhile. */
void remote_pump(struct spoold *d)
{
	struct schedule_work work;
	while (scan_is_done(d) && departing_has_room(d) &&
		schedule_take(d->schedule, remote_now_s(d), &work))
		departing_from_schedule(d, &work);
}
