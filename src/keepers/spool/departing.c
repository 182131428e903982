#include "keepers/spool/spoold.h"

#define LIST_OCTETS_MAX (SCHEDULE_RECIPIENTS_MAX * ENVELOPE_DEPARTURE_MAX)

bool departing_has_room(const struct spoold *d)
{
	return channel_is_open(d->relay) && !d->program->draining &&
	       streams_count(&d->departing) < DEPARTING_MAX &&
	       d->departing_octets < DEPARTING_OCTETS_MAX;
}

struct outgoing *departing_find(const struct spoold *d, uint32_t number)
{
	struct outgoing *o = streams_get(&d->departing, number);
	return o && o->begun ? o : NULL;
}

static void add(struct outgoing *o, uint32_t number)
{
	o->recipients[o->recipient_count++] = (struct outgoing_recipient){.number = number};
	o->unanswered++;
}

/* --- the ways in -------------------------------------------------------------------------- */

/* Those that have ended meanwhile are left out. */
void departing_from_schedule(struct spoold *d, const struct schedule_work *work)
{
	const struct spool_entry *entry = spool_find(d->spool, work->id);
	struct outgoing *o = NULL;
	for (uint32_t i = 0; entry && i < work->count; i++) {
		const uint32_t number = work->recipients[i];
		if (spool_state_is_final((enum spool_state)entry->recipients[number].state) ||
			entry->recipients[number].notes & NOTE_REPORTING)
			continue;
		if (held_is(&entry->recipients[number])) {
			held_park(d, entry, number);
			continue;
		}
		if (!o)
			o = outgoing_new(d, entry, work->count, work->destination);
		add(o, number);
	}
	if (!o) {
		schedule_end(d->schedule, work->destination, SCHEDULE_SILENT, VIEW_NONE,
			remote_now_s(d));
		return;
	}
	o->key = (uint64_t)o->number << 17 | 1u << 16; /* never one of disk_work.c's own */
	outgoing_read(o);
}

void departing_at_hand(struct spoold *d, const struct spool_entry *entry, const struct envelope *e,
	uint32_t recipient, struct schedule_destination *destination, struct view content)
{
	struct outgoing *o = outgoing_new(d, entry, 1, destination);
	add(o, recipient);
	outgoing_send(o, entry, e, content);
}

/* A transaction has one reverse-path: who leaves with another goes in the next. */
static void leave_for_another(struct outgoing *o, struct outgoing_recipient *r)
{
	r->answered = true;
	r->again = true;
	o->unanswered--;
}

/* An alias may lead to an address beyond ASCII, though the mail that came was none such. */
static uint16_t flags_of(const struct envelope_recipient *r)
{
	return view_is_ascii(r->forward_path) ? 0 : ENVELOPE_SMTPUTF8;
}

void departing_begin(struct outgoing *o, const struct spool_entry *entry, const struct envelope *e)
{
	struct spoold *d = o->spoold;
	struct buffer list = buffer_new(LIST_OCTETS_MAX);
	const struct envelope_recipient *first = &e->recipients[o->recipients[0].number];
	const struct view reverse_path = envelope_reverse_path(e, first);
	for (uint32_t i = 0; i < o->recipient_count; i++) {
		const struct envelope_recipient *r = &e->recipients[o->recipients[i].number];
		if (flags_of(r) == flags_of(first) &&
			view_equal(envelope_reverse_path(e, r), reverse_path))
			envelope_departure_add(
				&list, &(struct envelope_departure){o->recipients[i].number,
					       r->notify, r->forward_path, r->orcpt});
		else
			leave_for_another(o, &o->recipients[i]);
	}
	channel_say(d->relay, RELAY_BEGIN, o->number, frame_number(o->id.value),
		frame_number(entry->content_octets), frame_number((uint64_t)entry->arrival_s),
		frame_number(e->flags | flags_of(first)),
		frame_bytes(schedule_name(o->destination)), frame_bytes(buffer_view(&list)),
		frame_bytes(reverse_path), frame_bytes(e->envid));
	buffer_free(&list);
}

/* --- the end ------------------------------------------------------------------------------ */

/* Who was not answered was not tried. */
static bool goes_on(const struct outgoing_recipient *r)
{
	return r->again || !r->answered;
}

void departing_end(struct outgoing *o, enum schedule_health health, struct view reason)
{
	struct spoold *d = o->spoold;
	struct buffer name = buffer_new(ENVELOPE_DESTINATION_MAX);
	const struct spool_entry *entry = spool_find(d->spool, o->id);
	buffer_add(&name, schedule_name(o->destination));
	/* first the destination: what goes back may not be sent while it is thought to be well */
	schedule_end(d->schedule, o->destination, health, reason, remote_now_s(d));
	for (uint32_t i = 0; i < o->recipient_count; i++)
		if (entry && goes_on(&o->recipients[i]))
			remote_again(d, buffer_view(&name), entry, o->recipients[i].number);
	buffer_free(&name);
	outgoing_leave(o);
	scan_pump(d);
}

static void lose(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	departing_end(item, SCHEDULE_SILENT, VIEW_NONE);
}

void departing_lost(struct spoold *d)
{
	streams_each(&d->departing, lose, d);
}
