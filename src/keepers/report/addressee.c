#include "keepers/report/addressee.h"

#include "base/text.h"
#include "config/route_expand.h"

/* --- of whom ------------------------------------------------------------------------------ */

/* RFC 3461 §4.1; when nothing was said, of failures and of delays. */
static bool is_wanted(enum dsn_action action, unsigned notify)
{
	if (notify & ENVELOPE_NOTIFY_NEVER)
		return false;
	switch (action) {
	case DSN_FAILED:
		return notify == 0 || notify & ENVELOPE_NOTIFY_FAILURE;
	case DSN_DELAYED:
		return notify == 0 || notify & ENVELOPE_NOTIFY_DELAY;
	case DSN_DELIVERED:
	case DSN_RELAYED:
	case DSN_EXPANDED:
		break;
	}
	return notify & ENVELOPE_NOTIFY_SUCCESS;
}

uint32_t addressee_filter(
	const struct envelope *original, struct addressee_told *told, uint32_t count)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < count; i++)
		if (is_wanted(told[i].recipient.action, original->recipients[told[i].index].notify))
			told[kept++] = told[i];
	return kept;
}

static bool has_failed(const struct addressee_told *told, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (told[i].recipient.action == DSN_FAILED)
			return true;
	return false;
}

/* --- to whom ------------------------------------------------------------------------------ */

struct search {
	const struct snapshot *s;
	struct arena *arena;
	struct address *remote; /* the sender, who is elsewhere; or null */
	struct route_set set; /* mailboxes of ours */
	struct view postmaster; /* its address, once it is in the set */
	uint32_t copies_from; /* mailboxes of the set from here on are the postmaster's */
};

/* postmaster@DOMAIN, wherever that leads. */
static enum expand_result find_postmaster(struct search *f)
{
	const struct domain domain = f->s->first_domain;
	struct buffer path = buffer_new(ENVELOPE_PATH_MAX);
	text_add(&path, "postmaster@{}", text_raw(domain.name));
	const bool ok = arena_copy(f->arena, buffer_view(&path), &f->postmaster);
	buffer_free(&path);
	if (!ok)
		return EXPAND_MEMORY;
	return route_expand(f->s, name_find(f->s, VIEW("postmaster"), domain), 0, &f->set);
}

/* Where the reverse-path leads; EXPAND_UNKNOWN: nowhere. */
static enum expand_result find_sender(struct search *f, struct view reverse_path)
{
	struct address *address = arena_get(f->arena, sizeof *address);
	if (!address)
		return EXPAND_MEMORY;
	if (address_parse(reverse_path, true, f->arena, address) != ADDRESS_OK)
		return EXPAND_UNKNOWN;
	if (!address->is_literal && snapshot_has_domain(f->s, address->domain))
		return route_expand(
			f->s, name_find(f->s, address->local_plain, address->domain), 0, &f->set);
	if (!address->is_literal && !domain_is_full(address->domain))
		return EXPAND_UNKNOWN;
	f->remote = address;
	return EXPAND_OK;
}

/* --- the envelope's recipients ------------------------------------------------------------ */

static bool fill(const struct search *f, struct addressee *to)
{
	uint32_t count = 0;
	to->recipients =
		arena_get_array(f->arena, (size_t)f->set.count + 1, sizeof *to->recipients);
	if (!to->recipients)
		return false;
	const struct route_mailbox sender = {.remote = f->remote};
	if (f->remote &&
		!route_fill_recipient(f->s, &sender, to->path, f->arena, &to->recipients[count++]))
		return false;
	for (uint32_t i = 0; i < f->set.count; i++)
		if (!route_fill_recipient(f->s, &f->set.mailboxes[i],
			    i < f->copies_from ? to->path : f->postmaster, f->arena,
			    &to->recipients[count++]))
			return false;
	to->recipient_count = count;
	return true;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool nobody(struct addressee *to, const char *why)
{
	*to = (struct addressee){.kind = ADDRESSEE_NOBODY, .why = why};
	return true;
}

static bool tell_postmaster(struct search *f, struct addressee *to)
{
	const enum expand_result result = find_postmaster(f);
	if (result == EXPAND_MEMORY)
		return false;
	if (result != EXPAND_OK)
		return nobody(to, "there is no sender, and no postmaster");
	to->kind = ADDRESSEE_POSTMASTER;
	to->path = f->postmaster;
	return fill(f, to);
}

static bool tell_sender(
	struct search *f, struct view reverse_path, bool with_copies, struct addressee *to)
{
	to->kind = ADDRESSEE_SENDER;
	to->path = reverse_path;
	f->copies_from = f->set.count;
	if (with_copies) {
		const enum expand_result result = find_postmaster(f);
		if (result == EXPAND_MEMORY)
			return false;
		to->has_copies = f->set.count > f->copies_from;
	}
	return fill(f, to);
}

bool addressee_find(const struct snapshot *s, const struct envelope *original,
	const struct addressee_told *told, uint32_t count, struct arena *a, struct addressee *to)
{
	struct search f = {.s = s, .arena = a, .set = route_set_new(a)};
	const bool failed = has_failed(told, count);
	f.set.max = ADDRESSEE_MAILBOXES_MAX;
	*to = (struct addressee){0};
	if (count == 0)
		return nobody(to, "NOTIFY asks for no report of this");
	if (original->flags & ENVELOPE_NO_REPORT)
		return nobody(to, "it told the postmaster that a sender could not be told");
	if (view_is_empty(original->reverse_path))
		return failed ? tell_postmaster(&f, to) : nobody(to, "it has no sender");
	const enum expand_result result = find_sender(&f, original->reverse_path);
	if (result == EXPAND_MEMORY)
		return false;
	if (result == EXPAND_OK)
		return tell_sender(
			&f, original->reverse_path, failed && s->numbers[SETTING_REPORTCOPIES], to);
	return failed ? tell_postmaster(&f, to) : nobody(to, "its sender leads to nobody");
}
