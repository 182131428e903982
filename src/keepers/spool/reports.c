#include "keepers/spool/spoold.h"

#include "base/clock.h"

#define LINES_OCTETS_MAX (REPORT_RECIPIENTS_MAX * 2048u)
#define TICKET_WORKER 0xffu /* of no smtpd's: see receive.c */

enum stage {
	STAGE_WAITING, /* for a place among those at work */
	STAGE_READING, /* its envelope */
	STAGE_ASKED, /* `report` has it */
	STAGE_READING_CONTENT,
	STAGE_COMPOSING,
	STAGE_APPENDING, /* for room in a batch */
	STAGE_APPENDED, /* for the sync */
};

/* What is to be told of some recipients of a message, and what they become after that. */
struct report {
	struct spoold *spoold;
	struct report *next; /* of those that wait for a place */
	uint32_t number; /* of the stream, and in the ticket */
	enum stage stage;
	struct spool_id id;
	enum report_after after;
	struct buffer lines; /* packed: what RECIPIENT says */
	uint32_t indices[REPORT_RECIPIENTS_MAX];
	uint32_t count;
	int64_t arrival_s;
	uint64_t octets;
	struct spool_where where; /* pinned: the message may end meanwhile */
	bool over; /* only the job is waited for */
	bool reading;
	uint32_t want; /* octets of content */
	struct buffer envelope; /* of the original, then of the report */
	struct buffer content; /* the same */
	enum error error;
};

/* --- being made --------------------------------------------------------------------------- */

static void add_text(struct buffer *b, struct view v, size_t max)
{
	v = view_first(v, max);
	buffer_add_u32(b, (uint32_t)v.length);
	buffer_add(b, v);
}

static struct view take_text(struct cursor *c)
{
	return cursor_take(c, cursor_u32(c));
}

static void add_line(struct report *r, const struct report_line *line)
{
	struct buffer *b = &r->lines;
	buffer_add_u32(b, line->index);
	buffer_add_u32(b, line->action);
	buffer_add_u64(b, (uint64_t)line->until_s);
	add_text(b, line->status, DSN_STATUS_MAX);
	add_text(b, line->host, REPORT_HOST_MAX);
	add_text(b, line->address, REPORT_ADDRESS_MAX);
	add_text(b, line->reply, REPORT_REPLY_MAX);
	add_text(b, line->reason, REPORT_REASON_MAX);
	r->indices[r->count++] = line->index;
}

static struct report *report_new(struct spoold *d, struct spool_id id, enum report_after after)
{
	const struct spool_entry *entry = spool_find(d->spool, id);
	struct report *r = memory_new(1, sizeof *r);
	*r = (struct report){.spoold = d,
		.id = id,
		.after = after,
		.arrival_s = entry ? entry->arrival_s : 0,
		.octets = entry ? entry->content_octets : 0,
		.lines = buffer_new(LINES_OCTETS_MAX),
		.envelope = buffer_new(RECEIVE_ENVELOPE_MAX),
		.content = buffer_new(REPORT_MAIL_MAX)};
	if (spool_read_begin(d->spool, id, &r->where) != ERROR_NONE) {
		memory_free(r);
		return NULL;
	}
	d->reports_count++;
	return r;
}

static void report_free(struct report *r)
{
	struct spoold *d = r->spoold;
	if (!r->over && r->number)
		streams_take(&d->reports, r->number);
	r->over = true;
	if (r->reading)
		return;
	spool_read_end(d->spool, &r->where);
	buffer_free(&r->lines);
	buffer_free(&r->envelope);
	buffer_free(&r->content);
	d->reports_count--;
	memory_free(r);
	spoold_check_drained(d);
}

/* --- the end ------------------------------------------------------------------------------ */

static void settle_one(struct report *r, uint32_t index, struct view reason)
{
	struct spoold *d = r->spoold;
	const struct spool_entry *entry = spool_find(d->spool, r->id);
	struct spool_change change = {.state = SPOOL_FAILED, .reason = reason};
	if (r->after == REPORT_FAILED)
		spool_note(d->spool, r->id, index, 0, NOTE_REPORTING);
	if (r->after == REPORT_NOTHING || !entry)
		return;
	if (r->after == REPORT_WARNED) {
		const struct spool_recipient *was = &entry->recipients[index];
		change.state = SPOOL_DEFERRED;
		change.attempts = was->attempts | ATTEMPTS_WARNED;
		change.next_attempt_s = was->next_attempt_s;
	}
	results_set(d, r->id, index, &change);
}

/* The report is in the log, or nobody is to be told. */
static void finish(struct report *r)
{
	struct spoold *d = r->spoold;
	struct cursor c = cursor_of(buffer_view(&r->lines));
	for (uint32_t i = 0; i < r->count; i++) {
		(void)cursor_take(&c, 16); /* index, action, until */
		for (unsigned k = 0; k < 3; k++)
			(void)take_text(&c);
		const struct view reply = take_text(&c);
		const struct view reason = take_text(&c);
		settle_one(r, r->indices[i], reply.length ? reply : reason);
	}
	report_free(r);
	reports_pump(d);
}

/* It cannot be told now: the recipients are looked at again, and fail again. */
static void give_up(struct report *r, const char *why, enum error error)
{
	struct spoold *d = r->spoold;
	log_error(why, fact_hex("id", r->id.value), fact_error(error));
	for (uint32_t i = 0; r->after == REPORT_FAILED && i < r->count; i++) {
		spool_note(d->spool, r->id, r->indices[i], 0, NOTE_REPORTING);
		scan_unreadable(d, r->id, r->indices[i], error);
	}
	report_free(r);
}

/* --- into the log ------------------------------------------------------------------------- */

static void append(struct report *r)
{
	struct spoold *d = r->spoold;
	struct arena a = arena_new(ENVELOPE_ARENA_MAX);
	struct envelope e;
	const struct view parts[1] = {buffer_view(&r->content)};
	const bool sound =
		envelope_read(buffer_view(&r->envelope), &a, &e) && e.recipient_count > 0;
	const struct spool_message message = {.arrival_s = clock_wall_s(),
		.recipients = e.recipient_count,
		.envelope = buffer_view(&r->envelope),
		.content = parts,
		.content_count = 1,
		.ticket = (uint64_t)TICKET_WORKER << 32 | r->number};
	struct spool_id id;
	const enum error error = sound ? spool_append(d->spool, &message, &id) : ERROR_CORRUPT;
	arena_reset(&a);
	r->stage = error ? STAGE_APPENDING : STAGE_APPENDED;
	if (error && error != ERROR_BUSY && error != ERROR_SPACE)
		give_up(r, "a report cannot be stored", error);
}

static void append_again(void *context, uint32_t number, void *item)
{
	struct report *r = item;
	(void)context;
	(void)number;
	if (r->stage == STAGE_APPENDING)
		append(r);
}

void reports_retry(struct spoold *d)
{
	if (streams_count(&d->reports))
		streams_each(&d->reports, append_again, d);
}

void reports_outcome(struct spoold *d, const struct spool_outcome *outcome)
{
	if ((outcome->ticket >> 32) != TICKET_WORKER)
		return;
	struct report *r = streams_get(&d->reports, (uint32_t)outcome->ticket);
	if (!r || r->stage != STAGE_APPENDED)
		return;
	if (outcome->kind == SPOOL_ACCEPTED)
		finish(r);
	else
		append(r);
}

static void wait_for_place(struct report *r)
{
	struct spoold *d = r->spoold;
	r->stage = STAGE_WAITING;
	r->next = NULL;
	*d->last_report = r;
	d->last_report = &r->next;
}

static void restart(struct report *r)
{
	struct spoold *d = r->spoold;
	if (r->number)
		streams_take(&d->reports, r->number);
	r->number = 0;
	buffer_free(&r->envelope);
	buffer_free(&r->content);
	wait_for_place(r);
}

/* --- reading ------------------------------------------------------------------------------ */

static void read_job(void *context)
{
	struct report *r = context;
	struct disk *disk = r->spoold->disk;
	size_t length;
	if (r->stage == STAGE_READING) {
		r->error = spool_read_envelope(disk, &r->where, &r->envelope);
		return;
	}
	uint8_t *room = buffer_room(&r->content, r->want);
	r->error = room ? spool_read_content(disk, &r->where, 0, room, r->want, &length)
			: ERROR_MEMORY;
	if (!r->error)
		buffer_grown(&r->content, length);
}

static void tell(struct report *r)
{
	struct spoold *d = r->spoold;
	const int64_t now_s = clock_wall_s();
	struct cursor c = cursor_of(buffer_view(&r->lines));
	r->stage = STAGE_ASKED;
	channel_say(d->report, REPORT_REPORT, r->number, frame_number(r->id.value),
		frame_number((uint64_t)r->arrival_s), frame_number(r->octets),
		frame_bytes(buffer_view(&r->envelope)));
	for (uint32_t i = 0; i < r->count; i++) {
		const uint32_t recipient = cursor_u32(&c);
		const uint32_t action = cursor_u32(&c);
		const uint64_t until_s = cursor_u64(&c);
		const struct view status = take_text(&c);
		const struct view host = take_text(&c);
		const struct view address = take_text(&c);
		const struct view reply = take_text(&c);
		channel_say(d->report, REPORT_RECIPIENT, r->number, frame_number(recipient),
			frame_number(action), frame_bytes(status), frame_bytes(host),
			frame_bytes(address), frame_bytes(reply), frame_bytes(take_text(&c)),
			frame_number((uint64_t)now_s), frame_number(until_s));
	}
	channel_say(d->report, REPORT_ASK, r->number);
	buffer_free(&r->envelope);
}

static void say_content(struct report *r)
{
	r->stage = STAGE_COMPOSING;
	if (r->error)
		log_error(
			"a mail in the spool cannot be read: its sender is told without its header",
			fact_hex("id", r->id.value), fact_error(r->error));
	channel_say(r->spoold->report, REPORT_CONTENT, r->number,
		frame_bytes(buffer_view(&r->content)));
	buffer_free(&r->content);
}

static void read_done(void *context)
{
	struct report *r = context;
	struct spoold *d = r->spoold;
	r->reading = false;
	if (r->over)
		report_free(r);
	else if (!channel_is_open(d->report))
		restart(r);
	else if (r->stage == STAGE_READING && r->error)
		give_up(r, "an envelope in the spool cannot be read", r->error);
	else if (r->stage == STAGE_READING)
		tell(r);
	else
		say_content(r);
}

static void read_on(struct report *r, enum stage stage)
{
	struct spoold *d = r->spoold;
	r->stage = stage;
	r->reading = disk_work_submit(
		d, read_job, read_done, r, (uint64_t)r->number << 17 | 1u << 16 | 1u);
	if (!r->reading)
		restart(r);
}

/* --- the queue ---------------------------------------------------------------------------- */

/* False: it waits again, as the pool has no place for its reading. */
static bool begin(struct report *r)
{
	struct spoold *d = r->spoold;
	do
		r->number = ++d->last_report_number;
	while (r->number == 0 || streams_get(&d->reports, r->number));
	must(streams_put(&d->reports, r->number, r) == ERROR_NONE);
	read_on(r, STAGE_READING);
	return r->reading;
}

void reports_pump(struct spoold *d)
{
	while (d->first_report && channel_is_open(d->report) &&
		streams_count(&d->reports) < REPORT_STREAMS_MAX) {
		struct report *r = d->first_report;
		d->first_report = r->next;
		if (!d->first_report)
			d->last_report = &d->first_report;
		if (!begin(r))
			return; /* the tick tries again */
	}
}

/* The last one made is added to, when it speaks of the same message. */
bool reports_add(struct spoold *d, struct spool_id id, enum report_after after,
	const struct report_line *line)
{
	struct report *r = d->newest_report;
	if (!r || r->id.value != id.value || r->after != after ||
		r->count == REPORT_RECIPIENTS_MAX) {
		reports_close(d);
		r = d->reports_count < REPORTS_MAX ? report_new(d, id, after) : NULL;
		d->newest_report = r;
	}
	if (!r)
		return false;
	add_line(r, line);
	if (after == REPORT_FAILED) /* the others go on meanwhile */
		spool_note(d->spool, id, line->index, NOTE_REPORTING, 0);
	return true;
}

void reports_close(struct spoold *d)
{
	struct report *r = d->newest_report;
	d->newest_report = NULL;
	if (!r)
		return;
	wait_for_place(r);
	reports_pump(d);
}

/* --- the channel -------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t number)
{
	const struct spoold *d = context;
	const struct report *r = streams_get(&d->reports, number);
	if (!r)
		return REPORT_STATE_IDLE;
	switch (r->stage) {
	case STAGE_ASKED:
		return REPORT_STATE_ASKED;
	case STAGE_READING_CONTENT:
		return REPORT_STATE_GIVING;
	case STAGE_COMPOSING:
		return REPORT_STATE_COMPOSING;
	case STAGE_WAITING:
	case STAGE_READING:
	case STAGE_APPENDING:
	case STAGE_APPENDED:
		return REPORT_STATE_IDLE;
	}
	return REPORT_STATE_IDLE;
}

static void said(void *context, const struct frame *frame)
{
	struct spoold *d = context;
	struct report *r = streams_get(&d->reports, frame->stream);
	must(r != NULL); /* the rows' states allow no other */
	switch ((enum spool_report_code)frame->row->code) {
	case REPORT_NONE:
		finish(r); /* `report` has logged why */
		return;
	case REPORT_WANT:
		r->want = (uint32_t)frame->values[0].number;
		if (r->want)
			read_on(r, STAGE_READING_CONTENT);
		else
			say_content(r);
		return;
	case REPORT_MAIL:
		buffer_add(&r->envelope, frame->values[0].bytes);
		buffer_add(&r->content, frame->values[1].bytes);
		append(r);
		return;
	case REPORT_REPORT:
	case REPORT_RECIPIENT:
	case REPORT_ASK:
	case REPORT_CONTENT:
	case REPORT_CODES:
		return;
	}
}

static void lose(void *context, uint32_t number, void *item)
{
	struct report *r = item;
	(void)context;
	(void)number;
	if (!r->reading && r->stage != STAGE_APPENDING && r->stage != STAGE_APPENDED)
		restart(r);
}

static void closed(void *context, const char *broken)
{
	struct spoold *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_REPORT, 0, broken);
	channel_free(&d->report);
	streams_each(&d->reports, lose, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void reports_connect(struct spoold *d, int fd)
{
	if (d->report)
		closed(d, NULL);
	d->report = channel_new(d->program->loop, &spool_report, FRAME_A, fd, &handler, d);
	if (d->spool)
		reports_pump(d);
}

bool reports_are_quiet(const struct spoold *d)
{
	return !streams_count(&d->reports);
}

static void drop(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	report_free(item);
}

void reports_end(struct spoold *d)
{
	channel_free(&d->report);
	reports_close(d);
	streams_each(&d->reports, drop, d);
	while (d->first_report) {
		struct report *r = d->first_report;
		d->first_report = r->next;
		report_free(r);
	}
}
