#include "keepers/spool/spoold.h"

#include "base/clock.h"

#define TOLD_A_TICK 100u /* reasons are read from the log for each */
#define REASON_OCTETS_MAX 512u

bool expiry_is_over(const struct spoold *d, const struct spool_entry *entry)
{
	return clock_wall_s() - entry->arrival_s >=
	       (int64_t)d->snapshot->numbers[SETTING_QUEUELIFE];
}

/* A recipient elsewhere that waits and is not held, and of which nobody is being told. */
static bool waits(const struct spool_recipient *r)
{
	return r->notes & NOTE_REMOTE && !(r->notes & (NOTE_REPORTING | NOTE_LOOSE)) &&
	       !held_is(r) && !spool_state_is_final((enum spool_state)r->state);
}

/* --- telling ------------------------------------------------------------------------------- */

static struct view reason_of(
	const struct spoold *d, const struct spool_entry *entry, uint32_t i, struct buffer *b)
{
	if (entry->recipients[i].state == SPOOL_DEFERRED &&
		spool_read_reason(d->disk, &entry->recipients[i], entry->id, b) == ERROR_NONE &&
		b->length)
		return buffer_view(b);
	return VIEW("its host could not be reached");
}

static bool tell(struct spoold *d, const struct spool_entry *entry, uint32_t i,
	enum report_after after, struct report_line line)
{
	struct buffer b = buffer_new(REASON_OCTETS_MAX);
	line.index = i;
	line.reason = reason_of(d, entry, i, &b);
	const bool ok = reports_add(d, entry->id, after, &line);
	buffer_free(&b);
	return ok;
}

static bool warn(struct spoold *d, const struct spool_entry *entry)
{
	const struct report_line line = {.action = DSN_DELAYED,
		.status = VIEW("4.4.7"),
		.until_s = entry->arrival_s + (int64_t)d->snapshot->numbers[SETTING_QUEUELIFE]};
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		if (waits(&entry->recipients[i]) &&
			!(entry->recipients[i].attempts & ATTEMPTS_WARNED) &&
			!tell(d, entry, i, REPORT_WARNED, line))
			return false;
	return true;
}

/* True: something of it was told. */
static bool end(struct spoold *d, const struct spool_entry *entry)
{
	const struct report_line line = {.action = DSN_FAILED, .status = VIEW("5.4.7")};
	bool told = false;
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		if (waits(&entry->recipients[i]) && !outgoing_has(d, entry->id, i))
			told = tell(d, entry, i, REPORT_FAILED, line) || told;
	return told;
}

/* --- time ---------------------------------------------------------------------------------- */

static void warn_all(struct spoold *d)
{
	const int64_t after_s = (int64_t)d->snapshot->numbers[SETTING_DELAYWARNING];
	const int64_t now_s = clock_wall_s();
	unsigned told = 0;
	const struct spool_entry *e = spool_after(d->spool, d->warned);
	for (; e && after_s && now_s - e->arrival_s >= after_s && told < TOLD_A_TICK;
		e = e->newer) {
		if (!warn(d, e))
			break;
		d->warned = e->id;
		told++;
	}
}

static void end_all(struct spoold *d)
{
	unsigned told = 0;
	const struct spool_entry *e = spool_oldest(d->spool);
	for (; e && expiry_is_over(d, e) && told < TOLD_A_TICK && d->reports_count < REPORTS_MAX;
		e = e->newer)
		told += end(d, e);
}

/* What scan has not read yet is not known to be elsewhere. */
void expiry_tick(struct spoold *d)
{
	if (!scan_is_done(d))
		return;
	end_all(d);
	warn_all(d);
	reports_close(d);
}
