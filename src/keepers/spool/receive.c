#include "keepers/spool/spoold.h"

#include "base/clock.h"

struct incoming {
	struct incoming *next; /* of the pending COMMITs */
	struct receiver *receiver; /* null: its smtpd is gone */
	struct spoold *spoold;
	uint32_t number;
	uint64_t session;
	uint64_t ticket;
	struct buffer content; /* collected, or waiting to be written to `large` */
	struct buffer writing; /* with the job */
	struct spool_large *large;
	struct buffer envelope;
	uint32_t recipients;
	bool refused;
	bool aborted;
	bool committed;
	bool appended;
	bool job; /* one is out */
	bool finish; /* it writes the last octets and syncs */
	enum error error;
};

static uint32_t state_of(void *context, uint32_t number)
{
	struct receiver *r = context;
	const struct incoming *in = streams_get(&r->streams, number);
	if (!in)
		return RECEIVE_STATE_IDLE;
	if (in->refused)
		return RECEIVE_STATE_REFUSED;
	return in->committed ? RECEIVE_STATE_COMMITTING : RECEIVE_STATE_RECEIVING;
}

static void free_incoming(struct incoming *in)
{
	struct spoold *d = in->spoold;
	must(!in->job);
	d->collecting -= in->content.length;
	if (in->large)
		spool_large_abort(d->spool, &in->large);
	if (in->receiver)
		streams_take(&in->receiver->streams, in->number);
	buffer_free(&in->content);
	buffer_free(&in->writing);
	buffer_free(&in->envelope);
	memory_free(in);
	spoold_check_drained(d);
}

/* Says no. Before COMMIT the stream stays until smtpd has said its COMMIT or ABORT. */
static void refuse(struct incoming *in, enum error error)
{
	struct spoold *d = in->spoold;
	const bool over = in->committed || in->aborted || !in->receiver;
	if (in->receiver && !in->aborted && !in->refused)
		channel_say(in->receiver->channel, RECEIVE_REFUSED, in->number,
			frame_number((uint64_t)error), frame_bytes(view_text(error_name(error))));
	in->refused = true;
	in->error = error;
	d->collecting -= in->content.length;
	buffer_free(&in->content);
	if (over && !in->job)
		free_incoming(in);
}

static void append(struct incoming *in);

/* --- large contents ----------------------------------------------------------------------- */

static void write_job(void *context)
{
	struct incoming *in = context;
	if (in->writing.length)
		in->error =
			spool_large_write(in->spoold->disk, in->large, buffer_view(&in->writing));
	if (!in->error && in->finish)
		in->error = spool_large_finish(in->spoold->disk, in->large);
}

static void start_write(struct incoming *in);

/* A step of it has come, or all. There is credit for more than a step, so one always comes. */
static bool has_step(const struct incoming *in)
{
	return in->content.length >= RECEIVE_CREDIT_FIRST ||
	       (in->committed && (in->content.length || !in->finish));
}

static void written(void *context)
{
	struct incoming *in = context;
	const size_t length = in->writing.length;
	in->job = false;
	buffer_clear(&in->writing);
	if (in->aborted || !in->receiver || in->refused) {
		if (in->aborted || !in->receiver || in->committed)
			free_incoming(in);
		return;
	}
	if (in->error) {
		refuse(in, in->error);
		return;
	}
	if (!in->committed)
		channel_say(
			in->receiver->channel, RECEIVE_CREDIT, in->number, frame_number(length));
	if (has_step(in))
		start_write(in); /* it may be refused, and gone after that */
	else if (in->committed)
		append(in);
}

/* The job takes what was collected; when COMMIT was said it also syncs. */
static void start_write(struct incoming *in)
{
	if (in->job)
		return;
	struct spoold *d = in->spoold;
	const struct buffer empty = in->writing;
	d->collecting -= in->content.length;
	in->writing = in->content;
	in->content = empty;
	in->job = true;
	in->finish = in->committed;
	if (!disk_work_submit(d, write_job, written, in, in->ticket)) {
		in->job = false;
		refuse(in, ERROR_LIMIT);
	}
}

/* Too long for the log (by default, all credit of the beginning is used): it gets a file of its own. */
static void grow_large(struct incoming *in)
{
	if (!in->large) {
		const enum error error = spool_large_begin(in->spoold->spool, &in->large);
		if (error) {
			refuse(in, error);
			return;
		}
		channel_say(in->receiver->channel, RECEIVE_CREDIT, in->number,
			frame_number(RECEIVE_CREDIT_LARGE - RECEIVE_CREDIT_FIRST));
	}
	if (has_step(in))
		start_write(in);
}

/* --- what smtpd says ---------------------------------------------------------------------- */

static void begin(struct receiver *r, const struct frame *frame)
{
	struct spoold *d = r->spoold;
	struct incoming *in = memory_new(1, sizeof *in);
	*in = (struct incoming){.receiver = r,
		.spoold = d,
		.number = frame->stream,
		.session = frame->values[0].number,
		.ticket = r->ticket_base | frame->stream,
		.content = buffer_new(2 * RECEIVE_CREDIT_LARGE),
		.writing = buffer_new(2 * RECEIVE_CREDIT_LARGE),
		.envelope = buffer_new(RECEIVE_ENVELOPE_MAX)};
	if (streams_put(&r->streams, in->number, in) != ERROR_NONE) {
		/* no place to remember that it was refused: the channel's peer is out of bounds */
		channel_say(r->channel, RECEIVE_REFUSED, in->number, frame_number(ERROR_LIMIT),
			frame_bytes(VIEW("streams")));
		memory_free(in);
		return;
	}
	struct spool_status status;
	spool_status(d->spool, &status);
	if (status.messages_refused)
		refuse(in, ERROR_SPACE);
	else if (d->collecting > RECEIVE_OCTETS_MAX || d->program->draining)
		refuse(in, ERROR_LIMIT);
}

static void content(struct incoming *in, struct view octets)
{
	struct spoold *d = in->spoold;
	if (in->refused)
		return;
	buffer_add(&in->content, octets);
	if (buffer_failed(&in->content)) { /* more than its credit */
		refuse(in, ERROR_PROTOCOL);
		return;
	}
	d->collecting += octets.length;
	if (in->large || in->content.length >= d->limits.inline_octets)
		grow_large(in);
}

static uint32_t count_recipients(struct view form)
{
	struct arena a = arena_new(8u << 20);
	struct envelope e;
	const uint32_t n = envelope_read(form, &a, &e) ? e.recipient_count : 0;
	arena_reset(&a);
	return n;
}

static void commit(struct incoming *in, struct view envelope)
{
	in->committed = true;
	if (in->refused) {
		if (!in->job)
			free_incoming(in);
		return;
	}
	in->recipients = count_recipients(envelope);
	buffer_add(&in->envelope, envelope);
	if (in->recipients == 0) {
		refuse(in, ERROR_SYNTAX);
		return;
	}
	if (in->large)
		start_write(in);
	else
		append(in);
}

static void abort_stream(struct incoming *in)
{
	in->aborted = true;
	if (!in->job)
		free_incoming(in);
}

/* It is answered at once: no stream is kept. */
static void start(struct receiver *r, const struct frame *frame)
{
	uint64_t pending = 0;
	const enum start_outcome outcome =
		remote_start(r->spoold, frame->values[0].bytes, &pending);
	channel_say(r->channel, RECEIVE_STARTED, frame->stream, frame_number(outcome),
		frame_number(pending));
}

static void said(void *context, const struct frame *frame)
{
	struct receiver *r = context;
	struct incoming *in = streams_get(&r->streams, frame->stream);
	switch ((enum smtpd_spool_code)frame->row->code) {
	case RECEIVE_BEGIN:
		begin(r, frame);
		return;
	case RECEIVE_CONTENT:
		content(in, frame->values[0].bytes);
		return;
	case RECEIVE_COMMIT:
		commit(in, frame->values[0].bytes);
		return;
	case RECEIVE_ABORT:
		abort_stream(in);
		return;
	case RECEIVE_START:
		start(r, frame);
		return;
	case RECEIVE_CREDIT:
	case RECEIVE_REFUSED:
	case RECEIVE_ACCEPTED:
	case RECEIVE_STARTED:
	case RECEIVE_CODES:
		return;
	}
}

/* --- into the log ------------------------------------------------------------------------- */

static void add_pending(struct incoming *in)
{
	struct spoold *d = in->spoold;
	in->next = NULL;
	*d->last_pending = in;
	d->last_pending = &in->next;
}

static void append(struct incoming *in)
{
	struct spoold *d = in->spoold;
	const struct view parts[1] = {buffer_view(&in->content)};
	const struct spool_message message = {.arrival_s = clock_wall_s(),
		.recipients = in->recipients,
		.envelope = buffer_view(&in->envelope),
		.content = parts,
		.content_count = 1,
		.large = in->large,
		.ticket = in->ticket};
	struct spool_id id;
	const enum error error = spool_append(d->spool, &message, &id);
	if (error == ERROR_BUSY) {
		add_pending(in);
		return;
	}
	if (error) {
		refuse(in, error);
		return;
	}
	in->large = NULL;
	in->appended = true;
	d->collecting -= in->content.length;
	buffer_free(&in->content);
	buffer_free(&in->envelope);
}

void receive_retry(struct spoold *d)
{
	struct incoming *in = d->first_pending;
	d->first_pending = NULL;
	d->last_pending = &d->first_pending;
	while (in) {
		struct incoming *next = in->next;
		if (in->receiver)
			append(in);
		else
			free_incoming(in);
		in = next;
	}
}

/* Finds the stream whose COMMIT this was; null when its smtpd has gone. */
static struct incoming *find_ticket(struct spoold *d, uint64_t ticket)
{
	const uint32_t worker = ticket >> 32 & 0xff;
	if (worker >= SMTPD_WORKERS_MAX)
		return NULL;
	struct incoming *in = streams_get(&d->receivers[worker].streams, (uint32_t)ticket);
	return in && in->ticket == ticket && in->appended ? in : NULL;
}

void receive_outcome(struct spoold *d, const struct spool_outcome *outcome)
{
	struct incoming *in = find_ticket(d, outcome->ticket);
	if (!in)
		return;
	if (outcome->kind == SPOOL_ACCEPTED) {
		channel_say(in->receiver->channel, RECEIVE_ACCEPTED, in->number,
			frame_number(outcome->id.value));
		free_incoming(in);
	} else {
		refuse(in, outcome->error);
	}
}

/* --- the channel -------------------------------------------------------------------------- */

static void orphan(void *context, uint32_t number, void *item)
{
	(void)context;
	struct incoming *in = item;
	struct receiver *r = in->receiver;
	streams_take(&r->streams, number);
	in->receiver = NULL;
	/* appended: nobody waits for its outcome; pending: receive_retry frees it */
	if (in->job || (in->committed && !in->appended && !in->refused))
		return;
	free_incoming(in);
}

static void closed(void *context, const char *broken)
{
	struct receiver *r = context;
	const uint32_t worker = (uint32_t)(r - r->spoold->receivers);
	if (broken)
		program_peer_broken(r->spoold->program, PROGRAM_SMTPD, worker, broken);
	channel_free(&r->channel);
	streams_each(&r->streams, orphan, r);
}

static const struct channel_handler handler = {state_of, said, closed};

void receive_connect(struct spoold *d, uint32_t worker, int fd)
{
	must(worker < SMTPD_WORKERS_MAX);
	struct receiver *r = &d->receivers[worker];
	if (r->channel)
		closed(r, NULL);
	/* tickets of an earlier channel of this worker find nobody */
	r->ticket_base = ++d->last_epoch << 40 | (uint64_t)worker << 32;
	r->channel = channel_new(d->program->loop, &smtpd_spool, FRAME_B, fd, &handler, r);
}

bool receive_is_quiet(const struct spoold *d)
{
	for (size_t i = 0; i < SMTPD_WORKERS_MAX; i++)
		if (streams_count(&d->receivers[i].streams))
			return false;
	return !d->first_pending;
}

void receive_end(struct spoold *d)
{
	for (size_t i = 0; i < SMTPD_WORKERS_MAX; i++)
		if (d->receivers[i].channel)
			closed(&d->receivers[i], NULL);
	receive_retry(d); /* frees those that waited */
}
