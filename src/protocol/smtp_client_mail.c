/* The envelope: what is said of a mail, and what the replies mean for its recipients. */
#include "protocol/smtp_client_machine.h"

#include "base/text.h"
#include "protocol/smtp_params.h"

#define TEXTS_MEMORY (1u << 20)
#define ADDRESS_MEMORY 4096u

#define OURS(outcome_, subject_, detail_, text_)                            \
	{                                                                   \
		.outcome = SMTP_CLIENT_##outcome_, .said = {                \
			.command = SMTP_CLIENT_NOTHING,                     \
			.enhanced = {5, (subject_), (detail_)},             \
			.text = {(const uint8_t *)text_, sizeof(text_) - 1} \
		}                                                           \
	}

/* What no retry mends, and no server needs to be asked. */
static const struct smtp_client_result too_large =
	OURS(REFUSED, 3, 4, "The mail is larger than the host takes");
static const struct smtp_client_result needs_smtputf8 = OURS(REFUSED, 6, 7,
	"The mail or an address of it needs SMTPUTF8 (UTF-8 in addresses or header), and the host "
	"does not take that");
static const struct smtp_client_result needs_requiretls = OURS(REFUSED, 7, 30,
	"The sender wants TLS all the way (REQUIRETLS), and the host does not promise that");
static const struct smtp_client_result bad_recipient =
	OURS(REFUSED, 1, 3, "The address of the recipient is none that can be said in SMTP");
static const struct smtp_client_result bad_sender =
	OURS(REFUSED, 1, 7, "The address of the sender is none that can be said in SMTP");

/* --- results ----------------------------------------------------------------------------------- */

void client_settle(
	struct smtp_client *c, enum client_whom whom, const struct smtp_client_result *result)
{
	for (uint32_t i = 0; i < c->t.count; i++) {
		struct client_attempt *a = &c->t.attempts[i];
		const bool is_meant = whom == CLIENT_ALL || (whom == CLIENT_ASKED && a->is_asked) ||
				      (whom == CLIENT_ACCEPTED && a->is_accepted);
		if (a->result.outcome == SMTP_CLIENT_PENDING && is_meant)
			a->result = *result;
	}
}

static enum smtp_client_outcome outcome_of(uint16_t code)
{
	return code < 300 ? SMTP_CLIENT_SENT : code < 500 ? SMTP_CLIENT_LATER : SMTP_CLIENT_REFUSED;
}

static struct smtp_client_result result_of(struct smtp_client *c, enum smtp_client_command command)
{
	return (struct smtp_client_result){.outcome = outcome_of(c->reply.code),
		.said = client_reply(c, command, &c->t.texts)};
}

void client_settle_end(struct smtp_client *c)
{
	struct smtp_client_result result = {.outcome = SMTP_CLIENT_LOST, .said = c->end.said};
	if (c->end.kind == SMTP_CLIENT_END_CLOSING) {
		/* Some close for the sake of one recipient, who has heard it: the others are not to
		 * share that fate for ever. */
		if (c->end.said.command != SMTP_CLIENT_RCPT)
			result.outcome = SMTP_CLIENT_LATER;
		else if (c->t.accepted)
			result.outcome = SMTP_CLIENT_AGAIN;
	} else if (c->t.is_ended) {
		/* RFC 1047: the server may have taken it and only we do not know. Of a content that
		 * went out with the envelope not even who was accepted is known. */
		result.outcome = SMTP_CLIENT_UNCERTAIN;
		client_settle(c, CLIENT_ASKED, &result);
		result.outcome = SMTP_CLIENT_LOST;
	}
	client_settle(c, CLIENT_ALL, &result);
}

void client_finish(struct smtp_client *c)
{
	static const struct smtp_client_result left = {.outcome = SMTP_CLIENT_AGAIN,
		.said = {.command = SMTP_CLIENT_NOTHING,
			.text = VIEW("The host takes no more recipients at once")}};
	client_settle(c, CLIENT_ALL, &left);
	c->t.mail = NULL;
	client_enter(c, SMTP_CLIENT_STATE_RESULTS);
}

void client_transaction_free(struct client_transaction *t)
{
	memory_free(t->attempts);
	arena_reset(&t->texts);
	*t = (struct client_transaction){.texts = arena_new(TEXTS_MEMORY)};
}

const struct smtp_client_result *smtp_client_result(const struct smtp_client *c, uint32_t index)
{
	must(index < c->t.count);
	return &c->t.attempts[index].result;
}

/* --- what can be said at all --------------------------------------------------------------------- */

static const struct smtp_client_result *check_path(
	const struct smtp_client_mail *mail, struct view path, const struct smtp_client_result *bad)
{
	struct arena a = arena_new(ADDRESS_MEMORY);
	struct address address;
	const bool is_fine = address_parse(path, true, &a, &address) == ADDRESS_OK &&
			     path.length <= ADDRESS_PATH_MAX - 2;
	const bool needs_utf8 = is_fine && address.is_utf8 && !mail->smtputf8;
	arena_reset(&a);
	return needs_utf8 ? &needs_smtputf8 : is_fine ? NULL : bad;
}

static const struct smtp_client_result *check_mail(
	const struct smtp_client_facts *f, const struct smtp_client_mail *mail)
{
	if (mail->requiretls && !(f->tls_active && f->has_requiretls))
		return &needs_requiretls;
	if (mail->smtputf8 && !f->has_smtputf8)
		return &needs_smtputf8;
	if (f->size_octets && mail->size_octets > f->size_octets)
		return &too_large;
	return view_is_empty(mail->reverse_path)
		       ? NULL
		       : check_path(mail, mail->reverse_path, &bad_sender);
}

/* Chooses whom to ask, as many as the server takes at once. */
static uint32_t choose(struct smtp_client *c)
{
	const struct smtp_client_mail *mail = c->t.mail;
	const uint32_t most = c->facts.rcpt_max ? c->facts.rcpt_max : mail->recipient_count;
	uint32_t asked = 0;
	for (uint32_t i = 0; i < mail->recipient_count && asked < most; i++) {
		const struct smtp_client_result *wrong =
			check_path(mail, mail->recipients[i].forward_path, &bad_recipient);
		if (wrong)
			c->t.attempts[i].result = *wrong;
		c->t.attempts[i].is_asked = !wrong;
		asked += !wrong;
	}
	return asked;
}

void smtp_client_mail(struct smtp_client *c, const struct smtp_client_mail *mail)
{
	must(mail->recipient_count > 0);
	client_enter(c, SMTP_CLIENT_STATE_ENVELOPE);
	client_transaction_free(&c->t);
	c->reply.utf8 = mail->smtputf8;
	c->t.kept = *mail;
	c->t.mail = &c->t.kept;
	c->t.count = mail->recipient_count;
	c->t.attempts = memory_new(mail->recipient_count, sizeof *c->t.attempts);
	c->t.left_octets = mail->size_octets;
	c->t.is_chunk = c->facts.has_chunking;
	c->t.is_line_start = true;
	c->t.stage = c->needs_reset ? CLIENT_SAYS_RSET : CLIENT_SAYS_MAIL;
	const struct smtp_client_result *wrong = check_mail(&c->facts, mail);
	if (wrong)
		client_settle(c, CLIENT_ALL, wrong);
	if (wrong || choose(c) == 0)
		client_finish(c);
}

/* --- commands ---------------------------------------------------------------------------------- */

/* What cannot stand in a parameter is left out: it was checked when it came in, by another program. */
static bool is_sayable(struct view value, size_t most, bool utf8)
{
	return value.length <= most && smtp_params_is_value(value, utf8);
}

static void write_mail(struct smtp_client *c, struct buffer *out)
{
	const struct smtp_client_mail *mail = c->t.mail;
	const struct smtp_client_facts *f = &c->facts;
	buffer_add(out, VIEW("MAIL FROM:<"));
	buffer_add(out, mail->reverse_path);
	buffer_add_octet(out, '>');
	if (f->has_size)
		text_add(out, " SIZE={}", text_number(mail->size_octets));
	if (f->has_8bitmime && mail->is_8bitmime)
		buffer_add(out, VIEW(" BODY=8BITMIME"));
	if (mail->smtputf8)
		buffer_add(out, VIEW(" SMTPUTF8"));
	if (mail->requiretls)
		buffer_add(out, VIEW(" REQUIRETLS"));
	if (f->has_dsn && mail->ret != SMTP_RET_NONE)
		buffer_add(out, mail->ret == SMTP_RET_FULL ? VIEW(" RET=FULL") : VIEW(" RET=HDRS"));
	if (f->has_dsn && is_sayable(mail->envid, SMTP_ENVID_MAX, false))
		text_add(out, " ENVID={}", text_raw(mail->envid));
	buffer_add(out, VIEW("\r\n"));
	client_said(c, SMTP_CLIENT_MAIL);
	c->mails++;
}

static void write_notify(unsigned notify, struct buffer *out)
{
	static const struct {
		unsigned flag;
		struct view name;
	} names[] = {
		{ENVELOPE_NOTIFY_NEVER, VIEW("NEVER")},
		{ENVELOPE_NOTIFY_SUCCESS, VIEW("SUCCESS")},
		{ENVELOPE_NOTIFY_FAILURE, VIEW("FAILURE")},
		{ENVELOPE_NOTIFY_DELAY, VIEW("DELAY")},
	};
	bool is_first = true;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!(notify & names[i].flag))
			continue;
		buffer_add(out, is_first ? VIEW(" NOTIFY=") : VIEW(","));
		buffer_add(out, names[i].name);
		is_first = false;
	}
}

static void write_rcpt(struct smtp_client *c, struct buffer *out)
{
	const struct smtp_client_mail *mail = c->t.mail;
	const struct smtp_client_recipient *r = &mail->recipients[c->t.next_said++];
	buffer_add(out, VIEW("RCPT TO:<"));
	buffer_add(out, r->forward_path);
	buffer_add_octet(out, '>');
	if (c->facts.has_dsn)
		write_notify(r->notify, out);
	if (c->facts.has_dsn && is_sayable(r->orcpt, SMTP_ORCPT_MAX, mail->smtputf8))
		text_add(out, " ORCPT={}", text_raw(r->orcpt));
	buffer_add(out, VIEW("\r\n"));
	client_said(c, SMTP_CLIENT_RCPT);
}

static bool finds_next(const struct client_transaction *t, uint32_t *index)
{
	while (*index < t->count && !t->attempts[*index].is_asked)
		(*index)++;
	return *index < t->count;
}

/* DATA goes out with the group where the server pipelines; else when it is known that somebody accepts. */
static bool write_data(struct smtp_client *c, struct buffer *out)
{
	c->t.stage = CLIENT_SAYS_ALL;
	if (c->t.is_chunk || c->t.is_mail_refused)
		return false;
	buffer_add(out, VIEW("DATA\r\n"));
	client_said(c, SMTP_CLIENT_DATA);
	return true;
}

static bool write_stage(struct smtp_client *c, struct buffer *out)
{
	switch (c->t.stage) {
	case CLIENT_SAYS_RSET:
		buffer_add(out, VIEW("RSET\r\n"));
		client_said(c, SMTP_CLIENT_RSET);
		c->t.stage = CLIENT_SAYS_MAIL;
		return true;
	case CLIENT_SAYS_MAIL:
		write_mail(c, out);
		c->t.stage = CLIENT_SAYS_RCPT;
		return true;
	case CLIENT_SAYS_RCPT:
		if (!c->t.is_mail_refused && finds_next(&c->t, &c->t.next_said)) {
			write_rcpt(c, out);
			return true;
		}
		c->t.stage = CLIENT_SAYS_DATA;
		return true;
	case CLIENT_SAYS_DATA:
		return write_data(c, out);
	case CLIENT_SAYS_ALL:
		return false;
	}
	return false;
}

/* Everything was said and answered, and there is nobody to send content for. */
static bool is_over(const struct smtp_client *c)
{
	const uint32_t wanted = c->t.mail->all_or_none ? c->t.count : 1;
	const bool is_refused =
		c->t.is_mail_refused || (c->t.stage >= CLIENT_SAYS_DATA && c->t.accepted < wanted);
	return is_refused && client_waits(c) == 0;
}

bool client_write_envelope(struct smtp_client *c, struct buffer *out)
{
	if (c->state != SMTP_CLIENT_STATE_ENVELOPE)
		return false;
	if (is_over(c)) {
		c->needs_reset = c->t.is_mail_accepted;
		client_finish(c);
		return false;
	}
	const bool is_single = !c->facts.has_pipelining ||
			       (c->t.mail->all_or_none && c->t.stage == CLIENT_SAYS_DATA);
	if (client_waits(c) > 0 && is_single)
		return false;
	return write_stage(c, out);
}

/* --- replies ----------------------------------------------------------------------------------- */

void client_on_rset(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (c->reply.code < 300)
		c->needs_reset = false;
	else if (c->reply.code < 400)
		client_end_misplaced(c);
	else
		client_end_reply(c, SMTP_CLIENT_END_REFUSED, SMTP_CLIENT_RSET);
}

void client_on_mail(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (c->reply.code < 300) {
		c->t.is_mail_accepted = true;
	} else if (c->reply.code < 400) {
		client_end_misplaced(c);
	} else {
		const struct smtp_client_result result = result_of(c, SMTP_CLIENT_MAIL);
		c->t.is_mail_refused = true;
		client_settle(c, CLIENT_ALL, &result);
	}
}

/* RFC 5321 §4.5.3.1.10: the server takes those before and not this one. 552 was how RFC 821 said it; with
 * an enhanced code of another kind it is about a mailbox. */
static bool is_one_too_many(const struct smtp_client *c)
{
	const struct enhanced e = c->reply.enhanced;
	const bool is_said = e.class == 0 || (e.subject == 5 && e.detail == 3);
	return (c->reply.code == 452 || c->reply.code == 552) && is_said;
}

static struct smtp_client_result rcpt_result(struct smtp_client *c)
{
	struct smtp_client_result result = result_of(c, SMTP_CLIENT_RCPT);
	if (is_one_too_many(c))
		result.outcome = c->t.accepted ? SMTP_CLIENT_AGAIN : SMTP_CLIENT_LATER;
	return result;
}

void client_on_rcpt(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	must(finds_next(&c->t, &c->t.next_answered));
	struct client_attempt *a = &c->t.attempts[c->t.next_answered++];
	if (c->reply.code / 100 == 3) {
		client_end_misplaced(c);
	} else if (c->t.is_mail_refused) {
		return; /* 503, or an odd server's yes: there is no transaction */
	} else if (c->reply.code < 300) {
		a->is_accepted = true;
		c->t.accepted++;
	} else {
		a->result = rcpt_result(c);
	}
}

void client_on_data(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (c->reply.code < 300) {
		client_end_misplaced(c);
	} else if (c->reply.code < 400) {
		/* RFC 2920 §3.1: a server may let DATA in although all recipients were refused */
		c->t.is_void = c->t.accepted == 0;
		client_enter(c, SMTP_CLIENT_STATE_CONTENT);
		client_said(c, SMTP_CLIENT_CONTENT);
	} else {
		const struct smtp_client_result result = result_of(c, SMTP_CLIENT_DATA);
		client_settle(c, CLIENT_ACCEPTED, &result);
		c->needs_reset = c->t.is_mail_accepted;
		client_finish(c);
	}
}

void client_on_content(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (c->reply.code / 100 == 3 || (!c->t.is_ended && c->reply.code < 300)) {
		client_end_misplaced(c);
		return;
	}
	const struct smtp_client_result result = result_of(c, SMTP_CLIENT_CONTENT);
	client_settle(c, CLIENT_ACCEPTED, &result);
	c->needs_reset = c->t.accepted == 0 || c->reply.code >= 400;
	if (c->t.is_ended)
		client_finish(c);
	else /* in the middle: the rest of the content would be taken for commands */
		client_end_reply(c, SMTP_CLIENT_END_REFUSED, SMTP_CLIENT_CONTENT);
}
