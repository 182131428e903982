#include "keepers/spool/spoold.h"

#define EXPECT_OCTETS 60000u
#define UNREADABLE_MS 600000u
#define SHORTAGE_MS 5000u

static bool is_open(const struct spool_recipient *r)
{
	return !spool_state_is_final((enum spool_state)r->state);
}

/* --- who is loose ------------------------------------------------------------------------- */

static void loosen(struct spoold *d, const struct spool_entry *entry, uint32_t i, unsigned notes)
{
	spool_note(d->spool, entry->id, i, NOTE_LOOSE | notes, NOTE_UNREADABLE);
	d->loose++;
	if (entry->id.value <= d->scanned.value)
		d->scanned.value = entry->id.value - 1;
}

void scan_start(struct spoold *d)
{
	const uint64_t boot_first = spool_boot_first(d->spool).value;
	for (const struct spool_entry *e = spool_oldest(d->spool); e; e = e->newer)
		for (uint32_t i = 0; i < e->recipient_count; i++) {
			const struct spool_recipient *r = &e->recipients[i];
			const bool doubt = e->id.value < boot_first && !r->placed_this_boot;
			if (is_open(r))
				loosen(d, e, i, NOTE_HANDED | (doubt ? NOTE_DOUBTFUL : 0));
		}
	d->reads_are_true = spool_boot_is_new(d->spool);
}

void scan_again(struct spoold *d, struct spool_id id, uint32_t recipient)
{
	const struct spool_entry *entry = spool_find(d->spool, id);
	if (entry && recipient < entry->recipient_count && is_open(&entry->recipients[recipient]))
		loosen(d, entry, recipient, NOTE_HANDED);
}

void scan_placed(struct spoold *d)
{
	for (const struct spool_entry *e = spool_oldest(d->spool); e; e = e->newer)
		for (uint32_t i = 0; i < e->recipient_count; i++)
			if (e->recipients[i].state == SPOOL_PLACED &&
				!(e->recipients[i].notes & NOTE_LOOSE))
				loosen(d, e, i, 0);
}

void scan_unreadable(struct spoold *d, struct spool_id id, uint32_t recipient, enum error error)
{
	const bool is_shortage = error == ERROR_MEMORY || error == ERROR_LIMIT;
	const uint64_t due_ms =
		loop_now_ms(d->program->loop) + (is_shortage ? SHORTAGE_MS : UNREADABLE_MS);
	if (!d->unreadable++ || due_ms < d->unreadable_due_ms)
		d->unreadable_due_ms = due_ms;
	spool_note(d->spool, id, recipient, NOTE_UNREADABLE, NOTE_LOOSE);
}

void scan_tick(struct spoold *d)
{
	if (!d->unreadable || loop_now_ms(d->program->loop) < d->unreadable_due_ms)
		return;
	d->unreadable = 0;
	for (const struct spool_entry *e = spool_oldest(d->spool); e; e = e->newer)
		for (uint32_t i = 0; i < e->recipient_count; i++)
			if (e->recipients[i].notes & NOTE_UNREADABLE)
				loosen(d, e, i, 0);
	scan_pump(d);
}

/* --- telling deliver what to expect ------------------------------------------------------- */

static void expect_one(struct buffer *names, struct view mailbox)
{
	buffer_add_octet(names, (uint8_t)mailbox.length);
	buffer_add(names, mailbox);
}

static void expect_say(struct spoold *d, struct buffer *names)
{
	if (names->length && channel_is_open(d->deliver))
		channel_say(d->deliver, DELIVER_EXPECT, 0, frame_bytes(buffer_view(names)));
	buffer_clear(names);
}

static void expect_all(struct spoold *d, struct view mailbox, struct lane_mail mail)
{
	const struct spool_entry *entry = spool_find(d->spool, mail.id);
	struct buffer *names = &d->names;
	if (!entry || !(entry->recipients[mail.recipient].notes & NOTE_DOUBTFUL) ||
		!is_open(&entry->recipients[mail.recipient]))
		return;
	expect_one(names, mailbox);
	if (names->length > EXPECT_OCTETS)
		expect_say(d, names);
}

static void expected(struct spoold *d)
{
	if (!d->expecting || !channel_is_open(d->deliver))
		return;
	d->expecting = false;
	channel_say(d->deliver, DELIVER_EXPECTED, 0);
}

void scan_expect(struct spoold *d)
{
	d->expecting = true;
	lanes_each(d, expect_all);
	expect_say(d, &d->names);
	scan_pump(d);
}

/* --- reading envelopes -------------------------------------------------------------------- */

static bool has_loose(const struct spool_entry *entry)
{
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		if (entry->recipients[i].notes & NOTE_LOOSE && is_open(&entry->recipients[i]))
			return true;
	return false;
}

static void work(void *context)
{
	struct scan_job *job = context;
	for (uint32_t i = 0; i < job->count; i++) {
		struct scan_message *m = &job->messages[i];
		m->envelope = buffer_new(RECEIVE_ENVELOPE_MAX);
		m->error = spool_read_envelope(job->spoold->disk, &m->where, &m->envelope);
	}
}

static void into_lanes(struct spoold *d, const struct spool_entry *entry, const struct envelope *e)
{
	for (uint32_t i = 0; i < entry->recipient_count && i < e->recipient_count; i++) {
		const struct spool_recipient *r = &entry->recipients[i];
		if (!(r->notes & NOTE_LOOSE))
			continue;
		spool_note(d->spool, entry->id, i, 0, NOTE_LOOSE);
		if (!is_open(r))
			continue;
		if (e->recipients[i].notify & ENVELOPE_NOTIFY_SUCCESS)
			spool_note(d->spool, entry->id, i, NOTE_SUCCESS, 0);
		if (held_is(r)) {
			held_park(d, entry, i);
			continue;
		}
		if (e->recipients[i].kind == ENVELOPE_REMOTE) {
			remote_add(d, e->recipients[i].target, entry, i);
			continue;
		}
		if (r->notes & NOTE_DOUBTFUL && d->expecting)
			expect_one(&d->names, e->recipients[i].target);
		if (d->names.length > EXPECT_OCTETS)
			expect_say(d, &d->names);
		lane_add(lane_get(d, e->recipients[i].target), entry->id, i);
	}
}

static void put_aside(struct spoold *d, const struct spool_entry *entry, enum error error)
{
	log_error("an envelope in the spool cannot be read", fact_hex("id", entry->id.value),
		fact_error(error));
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		if (entry->recipients[i].notes & NOTE_LOOSE)
			scan_unreadable(d, entry->id, i, error);
}

static void take(struct spoold *d, struct scan_message *m)
{
	struct arena a = arena_new(ENVELOPE_ARENA_MAX);
	struct envelope e;
	const struct spool_entry *entry = spool_find(d->spool, m->id);
	if (entry && m->error)
		put_aside(d, entry, m->error);
	else if (entry && !envelope_read(buffer_view(&m->envelope), &a, &e))
		put_aside(d, entry, ERROR_CORRUPT);
	else if (entry)
		into_lanes(d, entry, &e);
	arena_reset(&a);
	buffer_free(&m->envelope);
	spool_read_end(d->spool, &m->where);
}

static void done(void *context)
{
	struct scan_job *job = context;
	struct spoold *d = job->spoold;
	job->out = false;
	for (uint32_t i = 0; i < job->count; i++)
		take(d, &job->messages[i]);
	expect_say(d, &d->names);
	scan_pump(d);
	lanes_pump(d);
	remote_pump(d);
	spoold_check_drained(d);
}

static void collect(struct spoold *d)
{
	struct scan_job *job = &d->scan;
	job->spoold = d;
	job->count = 0;
	const struct spool_entry *e = spool_after(d->spool, d->scanned);
	for (; e && job->count < SCAN_MESSAGES; e = e->newer) {
		struct scan_message *m = &job->messages[job->count];
		d->scanned = e->id;
		if (!has_loose(e) || spool_read_begin(d->spool, e->id, &m->where) != ERROR_NONE)
			continue;
		m->id = e->id;
		job->count++;
	}
	if (!e && !job->count)
		d->loose = 0;
}

void scan_pump(struct spoold *d)
{
	if (d->scan.out)
		return;
	if (d->loose)
		collect(d);
	if (!d->loose) {
		expected(d);
		return;
	}
	d->scan.out = disk_work_submit(d, work, done, &d->scan, 0);
	if (d->scan.out)
		return;
	d->scanned.value = d->scan.messages[0].id.value - 1; /* the tick tries again */
	for (uint32_t i = 0; i < d->scan.count; i++)
		spool_read_end(d->spool, &d->scan.messages[i].where);
}

bool scan_is_done(const struct spoold *d)
{
	return !d->scan.out && !d->loose;
}
