/* DATA and BDAT: the content from its first octet to the final reply. */
#include "base/text.h"
#include "protocol/smtp_machine.h"

static const struct reply start =
	REPLY(354, 0, 0, 0, NULL, "Send the mail; end it with a line of one dot");
static const struct reply no_stream = REPLY(
	452, 4, 3, 1, "content", "The mail cannot be stored at the moment; please try again later");
static const struct reply chunk_ok = REPLY(250, 2, 0, 0, NULL, "This part has come; go on");
static const struct reply commit_ok = REPLY(250, 2, 6, 0, NULL, "The mail is safe here");
static const struct reply commit_failed =
	REPLY(451, 4, 3, 0, "commit", "The mail could not be stored; please try again later");
static const struct reply no_argument =
	REPLY(501, 5, 5, 4, "argument", "DATA takes nothing behind it");
static const struct reply bdat_syntax = REPLY(501, 5, 5, 4, "bdat-syntax",
	"Please write BDAT and a number of octets; closing, as it is not known how many follow");
static const struct reply header_large = REPLY(
	552, 5, 3, 4, "header-size", "The header of the mail is larger than this server takes");
static const struct reply loops = REPLY(554, 5, 4, 6, "received-count",
	"The mail has gone through too many servers; it seems to go round in circles");
static const struct reply synchronisation = REPLY(554, 5, 5, 0, "smuggling-before-reply",
	"Something was sent behind DATA before its reply could be read");

static const struct reply problems[] = {
	[SMTP_CONTENT_BARE_CR] = REPLY(554, 5, 6, 0, "smuggling-bare-cr",
		"The mail has a lone CR; lines end in CR LF in SMTP, and nothing else is taken"),
	[SMTP_CONTENT_BARE_LF] = REPLY(554, 5, 6, 0, "smuggling-bare-lf",
		"The mail has a lone LF; lines end in CR LF in SMTP, and nothing else is taken"),
	[SMTP_CONTENT_NUL] = REPLY(554, 5, 6, 0, "smuggling-nul", "The mail has a NUL octet in it"),
	[SMTP_CONTENT_LONG_LINE] = REPLY(554, 5, 6, 0, "line-length",
		"The mail has a line that is longer than SMTP allows; please send it encoded"),
};

/* --- what comes -------------------------------------------------------------------------------- */

/* The mail will be refused: the owner's stream is void at once, the rest is read and thrown away,
 * and the reply stands where the client reads it (F-6: no cost in disk). */
static void fail(struct smtp_server *s, const struct reply *why)
{
	s->receipt->failed = why;
	s->receipt->to = NULL;
	s->wants_drop = s->is_content_open;
	s->is_content_open = false;
}

static bool has_failed(const struct smtp_receipt *r)
{
	return r->failed || r->failed_line.length;
}

/* Far beyond the limit nobody reads on: twice as much has come, or is announced. */
static bool is_hopeless(const struct smtp_server *s, uint64_t more)
{
	const uint64_t limit = s->config->limits.size_octets;
	const uint64_t come = s->mail ? s->mail->content_octets : 0;
	return limit && (come > limit * 2 || more > limit * 2 - come);
}

static void check_limits(struct smtp_server *s)
{
	const struct smtp_limits *limits = &s->config->limits;
	const struct header_scan *header = &s->receipt->header;
	if (limits->size_octets && s->mail->content_octets > limits->size_octets)
		fail(s, &smtp_reply_too_large);
	else if (header->end == HEADER_END_LARGE)
		fail(s, &header_large);
	else if (header->counts[HEADER_RECEIVED] > limits->received_fields)
		fail(s, &loops);
}

/* Decoded octets: judged, then passed on. */
static void take_run(struct smtp_server *s, struct view run)
{
	struct smtp_receipt *r = s->receipt;
	s->mail->content_octets += run.length;
	if (!r->to)
		return;
	if (r->header.end == HEADER_END_NOT_YET)
		header_scan_feed(&r->header, run);
	check_limits(s);
	if (r->to) {
		buffer_add(r->to, run);
		must(!buffer_failed(r->to));
	}
}

/* Decodes what `in` has until something stops it. */
static enum smtp_content_event decode(
	struct smtp_server *s, struct cursor *in, enum smtp_want *want_out)
{
	struct smtp_receipt *r = s->receipt;
	for (;;) {
		const size_t room = r->to ? buffer_left(r->to) : SIZE_MAX;
		struct view run;
		if (s->wants_drop || is_hopeless(s, 0))
			return SMTP_CONTENT_MORE;
		if (room < 2) {
			*want_out = SMTP_WANT_CONTENT;
			return SMTP_CONTENT_MORE;
		}
		const enum smtp_content_event event =
			smtp_content_next(&r->content, in, room, &run);
		if (event != SMTP_CONTENT_RUN)
			return event;
		take_run(s, run);
	}
}

static void refuse_content(struct smtp_server *s, struct buffer *out)
{
	const struct smtp_receipt *r = s->receipt;
	if (r->failed)
		smtp_decline(s, out, r->failed);
	else
		buffer_add(out, r->failed_line);
}

/* All of the content has come. */
static void end_content(struct smtp_server *s, struct buffer *out)
{
	if (!has_failed(s->receipt) && s->receipt->header.end == HEADER_END_NOT_YET) {
		header_scan_finish(&s->receipt->header);
		check_limits(s);
	}
	/* RFC 8689 §4.1: who says both wants the stricter */
	s->mail->tls_not_required =
		!s->mail->requiretls && header_scan_tls_not_required(&s->receipt->header);
	if (!has_failed(s->receipt)) {
		s->mail->passes = s->receipt->header.received_by;
		smtp_ask_open(s, SMTP_ASK_COMMIT);
		return;
	}
	refuse_content(s, out);
	smtp_drop_transaction(s);
	smtp_enter(s, SMTP_STATE_READY);
}

void smtp_finish_commit(struct smtp_server *s, struct buffer *out)
{
	const bool refused = s->answer.verdict == SMTP_REFUSE;
	s->is_content_open = false;
	smtp_say_answer(s, out, refused ? &commit_failed : &commit_ok);
	if (!refused)
		s->idle_commands = 0;
	s->mails++;
	smtp_drop_transaction(s);
	smtp_enter(s, SMTP_STATE_READY);
}

static bool receive_data(
	struct smtp_server *s, struct cursor *in, struct buffer *out, enum smtp_want *want_out)
{
	const enum smtp_content_event event = decode(s, in, want_out);
	if (is_hopeless(s, 0)) {
		smtp_refuse_close(s, out, &smtp_reply_too_large);
		return true;
	}
	switch (event) {
	case SMTP_CONTENT_END:
		end_content(s, out);
		return true;
	case SMTP_CONTENT_BAD:
		smtp_refuse_close(s, out, &problems[s->receipt->content.problem]);
		return true;
	case SMTP_CONTENT_RUN:
	case SMTP_CONTENT_MORE:
		break;
	}
	return s->wants_drop; /* then step has something to say, and comes back */
}

/* --- chunks ------------------------------------------------------------------------------------ */

/* The last chunk is over: completes a line that it left open. */
static void end_last(struct smtp_server *s, struct buffer *out)
{
	struct view run;
	if (!has_failed(s->receipt)) {
		if (!smtp_content_finish(&s->receipt->content, &run)) {
			smtp_refuse_close(s, out, &problems[s->receipt->content.problem]);
			return;
		}
		take_run(s, run);
	}
	end_content(s, out);
}

static void end_chunk(struct smtp_server *s, struct buffer *out)
{
	if (s->receipt->is_last) {
		end_last(s, out);
		return;
	}
	smtp_enter(s, SMTP_STATE_BDAT);
	if (has_failed(s->receipt))
		refuse_content(s, out);
	else
		smtp_say(s, out, &chunk_ok);
}

static uint64_t drop_octets(struct cursor *in, uint64_t most)
{
	const size_t left = cursor_left(in);
	return cursor_take(in, left < most ? left : (size_t)most).length;
}

/* Decodes the part of `in` that belongs to the chunk. */
static enum smtp_content_event decode_chunk(
	struct smtp_server *s, struct cursor *in, enum smtp_want *want_out)
{
	struct smtp_receipt *r = s->receipt;
	const size_t left = cursor_left(in);
	const size_t most = r->chunk_left < left ? (size_t)r->chunk_left : left;
	struct cursor part = cursor_of(view_first(cursor_rest(in), most));
	const enum smtp_content_event event = decode(s, &part, want_out);
	r->chunk_left -= part.at;
	cursor_take(in, part.at);
	return event;
}

static bool receive_chunk(
	struct smtp_server *s, struct cursor *in, struct buffer *out, enum smtp_want *want_out)
{
	struct smtp_receipt *r = s->receipt;
	if (has_failed(r)) {
		r->chunk_left -= drop_octets(in, r->chunk_left);
	} else if (decode_chunk(s, in, want_out) == SMTP_CONTENT_BAD) {
		smtp_refuse_close(s, out, &problems[r->content.problem]);
		return true;
	}
	if (r->chunk_left || s->wants_drop)
		return s->wants_drop;
	/* the last line may want its CRLF */
	if (r->is_last && r->to && buffer_left(r->to) < 2) {
		*want_out = SMTP_WANT_CONTENT;
		return false;
	}
	end_chunk(s, out);
	return true;
}

static bool receive_skip(struct smtp_server *s, struct cursor *in, struct buffer *out)
{
	s->skip_octets -= drop_octets(in, s->skip_octets);
	if (s->skip_octets)
		return false;
	smtp_enter(s, s->skip_back);
	smtp_refuse(s, out, s->skip_reply);
	return true;
}

bool smtp_receive(
	struct smtp_server *s, struct cursor *in, struct buffer *out, enum smtp_want *want_out)
{
	if (s->state == SMTP_STATE_SKIP)
		return receive_skip(s, in, out);
	if (s->state == SMTP_STATE_CHUNK)
		return receive_chunk(s, in, out, want_out);
	return receive_data(s, in, out, want_out);
}

/* --- DATA and BDAT ----------------------------------------------------------------------------- */

static bool receipt_begin(struct smtp_server *s, bool is_bdat)
{
	const struct smtp_limits *limits = &s->config->limits;
	s->receipt = arena_get(&s->transaction, sizeof *s->receipt);
	if (!s->receipt)
		return false;
	s->receipt->content = smtp_content_new(!is_bdat, limits->text_line_octets - 2);
	header_scan_start(&s->receipt->header, limits->header_octets);
	header_scan_count_by(&s->receipt->header, s->config->servername);
	s->mail->is_bdat = is_bdat;
	return true;
}

void smtp_serve_data(struct smtp_server *s, struct view argument, struct buffer *out)
{
	if (!view_is_empty(argument))
		smtp_refuse(s, out, &no_argument);
	else if (!receipt_begin(s, false))
		smtp_decline(s, out, &smtp_reply_no_memory);
	else
		smtp_ask_open(s, SMTP_ASK_CONTENT);
}

static bool read_bdat(struct view argument, uint64_t *octets_out, bool *is_last_out)
{
	struct view number;
	struct view rest;
	view_split(argument, ' ', &number, &rest);
	rest = view_trim(rest);
	*is_last_out = view_equal_nocase(rest, VIEW("LAST"));
	return view_to_u64(number, INT64_MAX, octets_out) && (*is_last_out || view_is_empty(rest));
}

/* Null when a chunk may come now. */
static const struct reply *bdat_refusal(const struct smtp_server *s)
{
	if (s->state == SMTP_STATE_GREETED)
		return &smtp_reply_helo_first;
	if (s->state == SMTP_STATE_READY)
		return &smtp_reply_rcpt_first;
	return s->state == SMTP_STATE_MAIL ? &smtp_reply_no_recipient : NULL;
}

static void skip_chunk(struct smtp_server *s, uint64_t octets, const struct reply *reply)
{
	s->skip_octets = octets;
	s->skip_reply = reply;
	s->skip_back = s->state;
	smtp_enter(s, SMTP_STATE_SKIP);
}

static void begin_chunk(struct smtp_server *s, uint64_t octets, bool is_last)
{
	const uint64_t limit = s->config->limits.size_octets;
	struct smtp_receipt *r = s->receipt;
	r->chunk_left = octets;
	r->is_last = is_last;
	if (has_failed(r))
		s->mail->content_octets += octets;
	else if (limit && octets > limit - s->mail->content_octets)
		fail(s, &smtp_reply_too_large);
	smtp_enter(s, SMTP_STATE_CHUNK);
}

void smtp_serve_bdat(struct smtp_server *s, struct view argument, struct buffer *out)
{
	uint64_t octets;
	bool is_last;
	if (!read_bdat(argument, &octets, &is_last)) {
		smtp_refuse_close(s, out, &bdat_syntax);
		return;
	}
	if (is_hopeless(s, octets)) {
		smtp_refuse_close(s, out, &smtp_reply_too_large);
		return;
	}
	if (octets == 0 && !is_last && !smtp_count_idle(s, out))
		return;
	const struct reply *refusal = bdat_refusal(s);
	if (refusal) {
		skip_chunk(s, octets, refusal);
		return;
	}
	if (s->state == SMTP_STATE_BDAT) {
		begin_chunk(s, octets, is_last);
		return;
	}
	if (!receipt_begin(s, true)) {
		smtp_refuse_close(s, out, &smtp_reply_no_memory);
		return;
	}
	begin_chunk(s, octets, is_last);
	if (!has_failed(s->receipt))
		smtp_ask_open(s, SMTP_ASK_CONTENT);
}

/* The owner has no stream for us. A chunk's octets come all the same; the reply stands behind them,
 * and behind those of each later chunk (RFC 3030 §2). */
static void refuse_stream(struct smtp_server *s, struct buffer *out)
{
	if (s->state == SMTP_STATE_CHUNK && !s->answer.close && s->answer.reply.code != 421) {
		struct smtp_receipt *r = s->receipt;
		if (!arena_copy(&s->transaction, buffer_view(&s->pending), &r->failed_line) ||
			!r->failed_line.length)
			r->failed = &no_stream;
		buffer_clear(&s->pending);
		return;
	}
	smtp_say_answer(s, out, &no_stream);
	smtp_drop_transaction(s);
	smtp_enter(s, SMTP_STATE_READY);
}

void smtp_finish_content(struct smtp_server *s, const struct cursor *in, struct buffer *out)
{
	if (s->answer.verdict == SMTP_REFUSE) {
		refuse_stream(s, out);
		return;
	}
	must(s->answer.content && s->answer.content->length == 0 && s->answer.content->max >= 2);
	s->receipt->to = s->answer.content;
	s->is_content_open = true;
	if (s->state == SMTP_STATE_CHUNK)
		return;
	if (cursor_left(in)) {
		smtp_refuse_close(s, out, &synchronisation);
		return;
	}
	smtp_enter(s, SMTP_STATE_DATA);
	smtp_say(s, out, &start);
}
