#include "keepers/spool/spoold.h"

bool held_is(const struct spool_recipient *r)
{
	return (r->attempts & ATTEMPTS_HELD) != 0;
}

static enum error set(struct spoold *d, const struct spool_entry *entry, uint32_t recipient,
	unsigned attempts, struct view reason)
{
	return spool_state_set(d->spool, entry->id, recipient,
		&(struct spool_change){.state = SPOOL_DEFERRED,
			.attempts = (uint16_t)attempts,
			.next_attempt_s = entry->recipients[recipient].next_attempt_s,
			.reason = reason});
}

/* While the log has no room for it, it is looked at again and again. */
void held_park(struct spoold *d, const struct spool_entry *entry, uint32_t recipient)
{
	const unsigned attempts = entry->recipients[recipient].attempts;
	if (!(attempts & ATTEMPTS_PARKED) &&
		set(d, entry, recipient, attempts | ATTEMPTS_PARKED, HELD_REASON) != ERROR_NONE)
		scan_again(d, entry->id, recipient);
}

/* Where it is now it stays until its turn comes; then it is parked. */
enum error held_hold(struct spoold *d, const struct spool_entry *entry, uint32_t recipient)
{
	const struct spool_recipient *r = &entry->recipients[recipient];
	if (held_is(r))
		return ERROR_PROTOCOL;
	return set(d, entry, recipient, r->attempts | ATTEMPTS_HELD, HELD_REASON);
}

enum error held_release(struct spoold *d, const struct spool_entry *entry, uint32_t recipient)
{
	const struct spool_recipient *r = &entry->recipients[recipient];
	const bool was_parked = (r->attempts & ATTEMPTS_PARKED) != 0;
	if (!held_is(r))
		return ERROR_PROTOCOL;
	const enum error error = set(d, entry, recipient,
		r->attempts & ~(unsigned)(ATTEMPTS_HELD | ATTEMPTS_PARKED), VIEW_NONE);
	if (!error && was_parked && !(r->notes & (NOTE_LOOSE | NOTE_UNREADABLE)))
		scan_again(d, entry->id, recipient);
	return error;
}
