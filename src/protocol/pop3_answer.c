#include "protocol/pop3_session.h"

/* The answers that fit each ask. */
#define FITS(kind) (1u << (kind))
#define LOGIN_ANSWERS \
	(FITS(POP3_ANSWER_OPENED) | FITS(POP3_ANSWER_REFUSED) | FITS(POP3_ANSWER_TROUBLE))
static const unsigned fitting[] = {
	[POP3_ASK_NONE] = 0,
	[POP3_ASK_PASSWORD] = LOGIN_ANSWERS,
	[POP3_ASK_SASL_START] = LOGIN_ANSWERS | FITS(POP3_ANSWER_CHALLENGE),
	[POP3_ASK_SASL_STEP] = LOGIN_ANSWERS | FITS(POP3_ANSWER_CHALLENGE),
	[POP3_ASK_CANCEL] = FITS(POP3_ANSWER_DONE),
	[POP3_ASK_ROWS] = FITS(POP3_ANSWER_ROWS) | FITS(POP3_ANSWER_TROUBLE),
	[POP3_ASK_FETCH] =
		FITS(POP3_ANSWER_CONTENT) | FITS(POP3_ANSWER_MISSING) | FITS(POP3_ANSWER_TROUBLE),
	[POP3_ASK_REMOVE] = FITS(POP3_ANSWER_REMOVED) | FITS(POP3_ANSWER_TROUBLE),
};

/* --- login */

static void back_to_authorization(struct pop3_server *s)
{
	pop3_forget_login(s);
	if (s->state == POP3_STATE_SASL)
		pop3_enter(s, POP3_STATE_AUTHORIZATION);
}

static void refused(struct pop3_server *s, enum pop3_refusal refusal, struct buffer *out)
{
	switch (refusal) {
	case POP3_REFUSAL_BAD:
		pop3_say(s, out, POP3_ERR_AUTH, POP3_TEXT_REFUSED_BAD);
		break;
	case POP3_REFUSAL_SYNTAX:
		pop3_say(s, out, POP3_ERR, POP3_TEXT_REFUSED_SYNTAX);
		break;
	case POP3_REFUSAL_IN_USE:
		pop3_say(s, out, POP3_ERR_IN_USE, POP3_TEXT_REFUSED_IN_USE);
		break;
	case POP3_REFUSAL_TEMPORARY:
		pop3_say(s, out, POP3_ERR_TEMPORARY, POP3_TEXT_REFUSED_TEMPORARY);
		break;
	case POP3_REFUSAL_PERMANENT:
		pop3_say(s, out, POP3_ERR_PERMANENT, POP3_TEXT_REFUSED_PERMANENT);
		break;
	case POP3_REFUSAL_DELAY:
		pop3_say(s, out, POP3_ERR_TEMPORARY, POP3_TEXT_REFUSED_DELAY);
		break;
	}
	back_to_authorization(s);
	if (++s->counts.failed_logins >= s->settings->login_attempts_max)
		pop3_close(s, "too many failed logins"); /* the reply above says why */
}

static void opened(struct pop3_server *s, const struct pop3_answer *a, struct buffer *out)
{
	if (a->count > POP3_MESSAGES_MAX) {
		pop3_say(s, out, POP3_ERR_PERMANENT, POP3_TEXT_TOO_MANY_MESSAGES,
			text_number(POP3_MESSAGES_MAX));
		pop3_close(s, "too many messages");
		return;
	}
	pop3_forget_login(s);
	s->count = a->count;
	s->octets = a->octets;
	pop3_enter(s, POP3_STATE_TRANSACTION);
	pop3_say(s, out, POP3_OK, POP3_TEXT_OPENED, text_number(a->count), text_number(a->octets));
}

static bool challenge(struct pop3_server *s, struct view octets, struct buffer *out)
{
	if (octets.length > POP3_SASL_MAX)
		return false;
	buffer_add(out, VIEW("+ "));
	buffer_add_base64(out, octets);
	buffer_add(out, VIEW("\r\n"));
	must(s->state == POP3_STATE_SASL);
	return true;
}

/* --- rows */

static bool row_is_sound(const struct pop3_row *row, uint32_t least, uint32_t most)
{
	return row->number >= least && row->number <= most && row->unique_id.length &&
	       row->unique_id.length <= POP3_UNIQUE_ID_MAX &&
	       view_is_printable(row->unique_id, false);
}

static bool rows_are_sound(const struct pop3_ask *ask, const struct pop3_answer *a)
{
	uint32_t least = ask->number;
	const uint32_t most = ask->number + ask->count - 1;
	for (size_t i = 0; i < a->row_count; i++) {
		if (!row_is_sound(&a->rows[i], least, most))
			return false;
		least = a->rows[i].number + 1;
	}
	return a->row_count <= ask->count;
}

static void add_row(
	struct buffer *out, const char *lead, const struct pop3_row *row, bool unique_id)
{
	text_add(out, "{}{} {}\r\n", text_string(lead), text_number(row->number),
		unique_id ? text_raw(row->unique_id) : text_number(row->octets));
}

static void add_page(struct pop3_server *s, uint32_t first, uint32_t count,
	const struct pop3_answer *a, struct buffer *out)
{
	const bool unique_id = s->purpose == POP3_PURPOSE_UIDL;
	if (first == 1 && unique_id)
		pop3_say(s, out, POP3_OK, POP3_TEXT_UNIQUE_IDS);
	else if (first == 1)
		pop3_say(s, out, POP3_OK, POP3_TEXT_LISTING,
			text_number(s->count - s->deleted_count),
			text_number(s->octets - s->deleted_octets));
	for (size_t i = 0; i < a->row_count; i++)
		if (!pop3_is_deleted(s, a->rows[i].number))
			add_row(out, "", &a->rows[i], unique_id);
	s->list_next = first + count;
}

static void one_row(struct pop3_server *s, const struct pop3_row *row, struct buffer *out)
{
	if (s->purpose == POP3_PURPOSE_DELE) {
		pop3_mark_deleted(s, row->number, row->octets);
		pop3_say(s, out, POP3_OK, POP3_TEXT_DELETED);
	} else {
		add_row(out, POP3_OK, row, s->purpose == POP3_PURPOSE_UIDL_ONE);
	}
}

static bool rows(struct pop3_server *s, const struct pop3_ask *ask, const struct pop3_answer *a,
	struct buffer *out)
{
	if (!rows_are_sound(ask, a))
		return false;
	if (s->list_next)
		add_page(s, ask->number, ask->count, a, out);
	else if (!a->row_count)
		pop3_say(s, out, POP3_ERR, POP3_TEXT_GONE);
	else
		one_row(s, a->rows, out);
	return true;
}

/* --- content */

static void content_begins(
	struct pop3_server *s, const struct pop3_ask *ask, uint64_t octets, struct buffer *out)
{
	if (ask->whole)
		pop3_say(s, out, POP3_OK, POP3_TEXT_CONTENT, text_number(octets));
	else
		pop3_say(s, out, POP3_OK, POP3_TEXT_TOP, text_number(s->top_lines));
	pop3_content_start(&s->content, !s->is_utf8, !ask->whole, s->top_lines);
	s->is_sending = true;
}

bool pop3_server_content(
	struct pop3_server *s, struct cursor *content, bool last, struct buffer *out)
{
	if (!s->is_sending)
		return false;
	if (pop3_content_add(&s->content, content, last, out))
		return true;
	if (!s->content.is_top)
		s->counts.retrieved++;
	s->counts.retrieved_octets += s->content.sent;
	pop3_content_end(&s->content);
	s->is_sending = false;
	return false;
}

void pop3_server_content_failed(struct pop3_server *s)
{
	pop3_close(s, "content broke off");
}

/* --- removing, trouble */

static bool removed(struct pop3_server *s, uint32_t left, struct buffer *out)
{
	if (left > s->deleted_count)
		return false;
	if (left)
		pop3_say(s, out, POP3_ERR_TEMPORARY, POP3_TEXT_NOT_REMOVED, text_number(left));
	else
		pop3_say(s, out, POP3_OK, POP3_TEXT_BYE_REMOVED, text_number(s->deleted_count));
	pop3_close(s, "quit");
	return true;
}

static void trouble(struct pop3_server *s, const struct pop3_ask *ask, struct buffer *out)
{
	switch (ask->kind) {
	case POP3_ASK_PASSWORD:
	case POP3_ASK_SASL_START:
	case POP3_ASK_SASL_STEP:
		refused(s, POP3_REFUSAL_TEMPORARY, out);
		return;
	case POP3_ASK_REMOVE:
		removed(s, s->deleted_count, out);
		return;
	case POP3_ASK_ROWS:
		if (s->list_next > 1) {
			pop3_close(s, "listing broke off"); /* +OK and rows are out already */
			return;
		}
		s->list_next = 0;
		break;
	case POP3_ASK_FETCH:
	case POP3_ASK_CANCEL:
	case POP3_ASK_NONE:
		break;
	}
	pop3_say(s, out, POP3_ERR_TEMPORARY, POP3_TEXT_TROUBLE);
}

static bool handle(struct pop3_server *s, const struct pop3_ask *ask, const struct pop3_answer *a,
	struct buffer *out)
{
	switch (a->kind) {
	case POP3_ANSWER_CHALLENGE:
		return challenge(s, a->challenge, out);
	case POP3_ANSWER_OPENED:
		opened(s, a, out);
		return true;
	case POP3_ANSWER_REFUSED:
		refused(s, a->refusal, out);
		return true;
	case POP3_ANSWER_ROWS:
		return rows(s, ask, a, out);
	case POP3_ANSWER_CONTENT:
		content_begins(s, ask, a->octets, out);
		return true;
	case POP3_ANSWER_MISSING:
		pop3_say(s, out, POP3_ERR, POP3_TEXT_GONE);
		return true;
	case POP3_ANSWER_REMOVED:
		return removed(s, a->count, out);
	case POP3_ANSWER_DONE:
		return true;
	case POP3_ANSWER_TROUBLE:
		trouble(s, ask, out);
		return true;
	}
	return false;
}

bool pop3_server_answer(struct pop3_server *s, const struct pop3_answer *answer, struct buffer *out)
{
	const struct pop3_ask ask = s->ask;
	if (s->state == POP3_STATE_CLOSED)
		return true; /* closed meanwhile */
	pop3_ask_done(s);
	if ((fitting[ask.kind] & FITS(answer->kind)) && handle(s, &ask, answer, out))
		return true;
	pop3_close(s, "an answer that does not fit");
	return false;
}
