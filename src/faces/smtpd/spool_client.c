#include "faces/smtpd/smtpd.h"

#define STREAMS_MAX 65536u

static uint32_t state_of(void *context, uint32_t number)
{
	struct smtpd *d = context;
	const struct stream *stream = streams_get(&d->streams, number);
	if (!stream)
		return RECEIVE_STATE_IDLE;
	if (stream->is_start)
		return RECEIVE_STATE_STARTING;
	return stream->committed ? RECEIVE_STATE_COMMITTING : RECEIVE_STATE_RECEIVING;
}

static void free_stream(struct smtpd *d, struct stream *stream)
{
	streams_take(&d->streams, stream->number);
	if (stream->session && stream->session->transaction)
		stream->session->transaction->stream = NULL;
	memory_free(stream);
}

/* The line of each accepted mail: who, which way (N-1), how much. */
static void log_accepted(const struct session *s, uint64_t id)
{
	const struct smtp_mail *mail = smtp_server_mail(&s->smtp);
	struct buffer client = buffer_new(64);
	struct buffer path = buffer_new(1024);
	ip_add(&client, &s->facts.client);
	if (!address_is_null(&mail->reverse_path))
		address_add(&path, &mail->reverse_path);
	struct fact facts[11 + POSTER_FACTS_MAX] = {fact_hex("session", s->id), fact_hex("id", id),
		fact_text("class", route_class_name(s->transaction->class)),
		fact_view("client", buffer_view(&client)),
		fact_view("reverse_path", buffer_view(&path)),
		fact_number("recipients", mail->recipients),
		fact_number("mailboxes", s->transaction->mailboxes.count),
		fact_number("octets", mail->content_octets),
		fact_text("with", smtp_server_protocol(&s->smtp))};
	const size_t known = 9 + session_poster_facts(s, &facts[9]);
	if (mail->requiretls || mail->tls_not_required)
		facts[known] = fact_text("tls", mail->requiretls ? "required" : "not-required");
	log_write(LOG_INFO, "mail accepted", facts);
	buffer_free(&client);
	buffer_free(&path);
}

static void accepted(struct smtpd *d, struct stream *stream, uint64_t id)
{
	struct session *s = stream->session;
	d->counts.mails++;
	if (!s) { /* it will be sent twice, if the client did not wait for its 250: RFC 5321 §6.1 */
		log_info(stream->is_ours ? "notice accepted"
					 : "mail accepted after its session ended",
			fact_hex("session", stream->session_id), fact_hex("id", id),
			fact_text("class", route_class_name(stream->class)));
		free_stream(d, stream);
		return;
	}
	log_accepted(s, id);
	free_stream(d, stream);
	struct buffer text = buffer_new(128);
	text_add(&text, "Thank you, this mail is safe here as {}", text_hex(id));
	session_answer(s, &(struct smtp_answer){.verdict = SMTP_ACCEPT,
				  .reply = {.code = 250,
					  .enhanced = {2, 0, 0},
					  .text = buffer_view(&text),
					  .rule = "accepted"}});
	buffer_free(&text);
	session_continue(s);
}

struct reply spool_refusal(enum error error)
{
	if (error == ERROR_SPACE)
		return (struct reply)REPLY(
			452, 4, 3, 1, "no-space", "The disk here is full, please try again later");
	if (error == ERROR_LIMIT)
		return (struct reply)REPLY(452, 4, 3, 1, "spool-limit",
			"Too much mail is waiting here, please try again later");
	return (struct reply)REPLY(451, 4, 3, 0, "spool-trouble",
		"This mail could not be stored just now, please try again later");
}

/* Spool will not take it, or is gone. Before COMMIT the machine still expects content: it is told at
 * the end, and what comes until then is thrown away. */
static void refused(struct smtpd *d, struct stream *stream, enum error error)
{
	struct session *s = stream->session;
	const bool committed = stream->committed;
	stream->refused = true;
	stream->error = error;
	if (!committed) {
		if (s && s->wants_credit)
			session_continue(s);
		return;
	}
	const bool is_ours = stream->is_ours;
	free_stream(d, stream);
	if (is_ours)
		log_warning("a notice to a user was not taken by spool", fact_error(error));
	if (!s)
		return;
	const struct reply reply = spool_refusal(error);
	session_refuse(s, &(struct refusal){.at = "commit", .error = error}, &reply, false);
	session_continue(s);
}

bool spool_is_there(const struct smtpd *d)
{
	return channel_is_open(d->spool) && streams_count(&d->streams) < STREAMS_MAX;
}

/* Null when spool is not there. */
static struct stream *new_stream(struct smtpd *d, const struct stream *what)
{
	struct stream *stream = memory_new(1, sizeof *stream);
	*stream = *what;
	stream->credit = RECEIVE_CREDIT_FIRST;
	do
		stream->number = ++d->last_stream;
	while (stream->number == 0 || streams_get(&d->streams, stream->number));
	if (spool_is_there(d) && streams_put(&d->streams, stream->number, stream) == ERROR_NONE)
		return stream;
	memory_free(stream);
	return NULL;
}

/* --- ETRN --------------------------------------------------------------------------------- */

static void started(
	struct smtpd *d, struct stream *stream, enum start_outcome outcome, uint64_t pending)
{
	struct session *s = stream->session;
	streams_take(&d->streams, stream->number);
	memory_free(stream);
	if (!s)
		return;
	s->start = NULL;
	session_etrn_answered(s, outcome, pending);
}

bool spool_start(struct session *s, struct view domains)
{
	struct smtpd *d = s->smtpd;
	s->start = new_stream(
		d, &(struct stream){.session = s, .session_id = s->id, .is_start = true});
	if (!s->start)
		return false;
	channel_say(d->spool, RECEIVE_START, s->start->number, frame_bytes(domains));
	return true;
}

/* The answer will come all the same. */
void spool_forget_start(struct session *s)
{
	if (s->start)
		s->start->session = NULL;
	s->start = NULL;
}

/* ------------------------------------------------------------------------------------------ */

static void said(void *context, const struct frame *frame)
{
	struct smtpd *d = context;
	struct stream *stream = streams_get(&d->streams, frame->stream);
	if (!stream)
		return; /* aborted meanwhile */
	switch ((enum smtpd_spool_code)frame->row->code) {
	case RECEIVE_CREDIT:
		stream->credit += frame->values[0].number;
		if (stream->session && stream->session->wants_credit)
			session_continue(stream->session);
		return;
	case RECEIVE_ACCEPTED:
		accepted(d, stream, frame->values[0].number);
		return;
	case RECEIVE_REFUSED:
		refused(d, stream, (enum error)frame->values[0].number);
		return;
	case RECEIVE_STARTED:
		started(d, stream, (enum start_outcome)frame->values[0].number,
			frame->values[1].number);
		return;
	case RECEIVE_BEGIN:
	case RECEIVE_CONTENT:
	case RECEIVE_COMMIT:
	case RECEIVE_ABORT:
	case RECEIVE_START:
	case RECEIVE_CODES:
		return;
	}
}

static void lose_one(void *context, uint32_t number, void *item)
{
	struct stream *stream = item;
	(void)number;
	stream->lost = true;
	if (stream->is_start)
		started(context, stream, START_NOT, 0);
	else
		refused(context, stream, ERROR_CLOSED);
}

static void closed(void *context, const char *broken)
{
	struct smtpd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_SPOOL, 0, broken);
	channel_free(&d->spool);
	streams_each(&d->streams, lose_one, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void spool_client_connect(struct smtpd *d, int fd)
{
	if (d->spool)
		closed(d, NULL);
	d->spool = channel_new(d->program->loop, &smtpd_spool, FRAME_A, fd, &handler, d);
}

/* Null when spool is not there. */
static struct stream *begin(struct smtpd *d, const struct stream *what, uint64_t size_octets)
{
	struct stream *stream = new_stream(d, what);
	if (stream)
		channel_say(d->spool, RECEIVE_BEGIN, stream->number,
			frame_number(stream->session_id), frame_number(size_octets));
	return stream;
}

struct stream *spool_begin(struct session *s, uint64_t size_octets)
{
	return begin(s->smtpd,
		&(struct stream){.session = s, .session_id = s->id, .class = s->transaction->class},
		size_octets);
}

bool spool_post(struct smtpd *d, uint64_t session, struct view content, struct view envelope)
{
	must(content.length <= RECEIVE_CHUNK_MAX);
	struct stream *stream = begin(d,
		&(struct stream){.session_id = session, .class = ROUTE_IN_IN, .is_ours = true},
		content.length);
	if (!stream)
		return false;
	channel_say(d->spool, RECEIVE_CONTENT, stream->number, frame_bytes(content));
	channel_say(d->spool, RECEIVE_COMMIT, stream->number, frame_bytes(envelope));
	stream->committed = true;
	return true;
}

void spool_abort(struct smtpd *d, struct stream **at)
{
	struct stream *stream = *at;
	*at = NULL;
	if (!stream)
		return;
	stream->session = NULL;
	if (stream->committed)
		return; /* its answer is still to come */
	if (!stream->lost && channel_is_open(d->spool))
		channel_say(d->spool, RECEIVE_ABORT, stream->number);
	free_stream(d, stream);
}
