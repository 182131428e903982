/* EHLO, HELO, MAIL, RCPT. */
#include "base/text.h"
#include "protocol/smtp_machine.h"
#include "protocol/smtp_params.h"

static const struct reply no_name = REPLY(501, 5, 5, 4, "helo-syntax",
	"Please give the full name of your host, such as mail.example.org");
static const struct reply loose_name = REPLY(550, 5, 7, 1, "helo-name",
	"A full host name such as mail.example.org, or an address in brackets, is wanted here");
static const struct reply helo_refused =
	REPLY(550, 5, 7, 1, "helo", "This server does not talk to a host of that name");
static const struct reply mail_ok = REPLY(250, 2, 1, 0, NULL, "The sender is fine");
static const struct reply mail_refused =
	REPLY(550, 5, 7, 1, "mail", "Mail of this sender is not taken here");
static const struct reply rcpt_ok = REPLY(250, 2, 1, 5, NULL, "The recipient is fine");
static const struct reply rcpt_refused =
	REPLY(550, 5, 1, 1, "rcpt", "Mail for this recipient is not taken here");
static const struct reply mail_syntax =
	REPLY(501, 5, 5, 2, "mail-syntax", "Please write MAIL FROM:<address>");
static const struct reply rcpt_syntax =
	REPLY(501, 5, 5, 2, "rcpt-syntax", "Please write RCPT TO:<address>");
static const struct reply too_many_mails = REPLY(
	421, 4, 7, 0, "mails", "Enough mails for one session; please connect again for the others");
static const struct reply too_many_rcpts = REPLY(452, 4, 5, 3, "recipients",
	"Too many recipients for one mail; please send it again to the others");
static const struct reply far_too_many_rcpts = REPLY(421, 4, 7, 0, "recipients",
	"Far too many recipients for one mail; please connect again and send fewer");
static const struct reply too_many_unknown = REPLY(421, 4, 7, 0, "refused-recipients",
	"Too many recipients had to be refused; please check the list and come back");
static const struct reply needs_utf8 = REPLY(553, 5, 6, 7, "smtputf8",
	"The address has letters outside ASCII; MAIL must say SMTPUTF8 for that");

static const struct reply needs_tls = REPLY(530, 5, 7, 10, "requiretls",
	"REQUIRETLS can be said under TLS only; please begin that first, with STARTTLS");

/* --- EHLO and HELO ----------------------------------------------------------------------------- */

/* A full domain name or a literal; an address without its brackets only looks like a domain. */
static bool is_full_name(const struct helo_name *helo)
{
	struct ip ip;
	if (helo->is_loose || ip_parse(helo->given, &ip))
		return false;
	return helo->is_literal || domain_is_full(helo->domain);
}

static void serve_hello(
	struct smtp_server *s, struct view argument, bool is_ehlo, struct buffer *out)
{
	struct view name = view_trim(argument);
	struct helo_name helo;
	if (view_is_empty(name) || helo_parse(name, &s->command, &helo) != ADDRESS_OK) {
		smtp_refuse(s, out, &no_name);
		return;
	}
	if (!s->facts.is_inside && !is_full_name(&helo)) {
		smtp_refuse(s, out, &loose_name);
		return;
	}
	struct smtp_ask *ask = smtp_ask_open(s, SMTP_ASK_HELO);
	ask->helo = helo;
	ask->is_ehlo = is_ehlo;
}

void smtp_serve_ehlo(struct smtp_server *s, struct view argument, struct buffer *out)
{
	serve_hello(s, argument, true, out);
}

void smtp_serve_helo(struct smtp_server *s, struct view argument, struct buffer *out)
{
	serve_hello(s, argument, false, out);
}

static void say_keywords(const struct smtp_server *s, struct buffer *out)
{
	const struct smtp_limits *limits = &s->config->limits;
	text_add(out, "250-{} is pleased to meet you\r\n", text_view(s->config->servername));
	text_add(out, "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n");
	text_add(out, "250-SIZE {}\r\n", text_number(limits->size_octets));
	text_add(out, "250-LIMITS MAILMAX={} RCPTMAX={}\r\n", text_number(limits->mails),
		text_number(limits->recipients));
	if (smtp_tls_is_offered(s))
		text_add(out, "250-STARTTLS\r\n");
	if (s->facts.tls_active)
		text_add(out, "250-REQUIRETLS\r\n");
	if (smtp_auth_is_offered(s))
		text_add(out, "250-AUTH {}\r\n", text_view(s->facts.mechanisms));
	if (s->config->etrn)
		text_add(out, "250-ETRN\r\n");
	text_add(out, "250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n");
}

void smtp_finish_helo(struct smtp_server *s, struct buffer *out)
{
	if (s->answer.verdict == SMTP_REFUSE) {
		/* RFC 5321 §4.1.4: the state stays as it was */
		s->errors++;
		smtp_say_answer(s, out, &helo_refused);
		return;
	}
	const bool is_ehlo = s->ask.is_ehlo;
	smtp_drop_transaction(s);
	arena_reset(&s->session);
	s->session = s->command; /* the name lives in it */
	s->command = arena_new(s->session.max);
	s->helo = s->ask.helo;
	s->has_helo = true;
	s->is_ehlo = is_ehlo;
	smtp_enter(s, SMTP_STATE_READY);
	if (is_ehlo)
		say_keywords(s, out);
	else
		text_add(
			out, "250 {} is pleased to meet you\r\n", text_view(s->config->servername));
}

/* --- MAIL -------------------------------------------------------------------------------------- */

/* Takes "FROM:" or "TO:" off the front. A space behind the colon is wrong by RFC 5321 §3.3 and
 * common; it changes nothing. */
static bool take_word(struct view *argument, struct view word)
{
	if (!view_starts_nocase(*argument, word))
		return false;
	*argument = view_from(*argument, word.length);
	while (view_at(*argument, 0) == ' ')
		*argument = view_from(*argument, 1);
	return true;
}

/* The address is wrong: 501, said with what is wrong about it. `detail` of X.1.detail. */
static void refuse_address(
	struct smtp_server *s, enum address_problem problem, uint16_t detail, struct buffer *out)
{
	if (problem == ADDRESS_MEMORY) {
		smtp_decline(s, out, &smtp_reply_no_memory);
		return;
	}
	const struct reply reply = {
		.code = 501,
		.enhanced = {5, 1, detail},
		.text = view_text(address_problem_text(problem)),
		.rule = "address-syntax",
	};
	smtp_refuse(s, out, &reply);
}

static bool transaction_begin(struct smtp_server *s)
{
	s->mail = arena_get(&s->transaction, sizeof *s->mail);
	if (!s->mail)
		return false;
	s->mail->last_next = &s->mail->first;
	return true;
}

/* Reads reverse-path and parameters; false when a refusal was said. */
static bool read_mail(struct smtp_server *s, struct view argument, struct buffer *out)
{
	struct smtp_mail *mail = s->mail;
	struct cursor c = cursor_of(argument);
	const enum address_problem problem = path_parse(&c, PATH_UTF8 | PATH_NULL_OK,
		&s->transaction, &mail->reverse_path, &mail->had_route);
	if (problem != ADDRESS_OK) {
		refuse_address(s, problem, 7, out);
		return false;
	}
	const struct reply *wrong = smtp_params_mail(cursor_rest(&c), &s->transaction, mail);
	if (!wrong && mail->reverse_path.is_utf8 && !mail->smtputf8)
		wrong = &needs_utf8;
	if (!wrong && mail->requiretls && !s->facts.tls_active)
		wrong = &needs_tls;
	if (wrong) {
		smtp_refuse(s, out, wrong);
		return false;
	}
	const uint64_t limit = s->config->limits.size_octets;
	if (limit && mail->size_octets > limit) {
		smtp_decline(s, out, &smtp_reply_too_large);
		return false;
	}
	return true;
}

void smtp_serve_mail(struct smtp_server *s, struct view argument, struct buffer *out)
{
	if (!take_word(&argument, VIEW("FROM:"))) {
		smtp_refuse(s, out, &mail_syntax);
		return;
	}
	if (s->mails >= s->config->limits.mails) {
		smtp_decline(s, out, &too_many_mails);
		return;
	}
	if (!transaction_begin(s)) {
		smtp_decline(s, out, &smtp_reply_no_memory);
		return;
	}
	if (read_mail(s, argument, out))
		smtp_ask_open(s, SMTP_ASK_MAIL);
	else
		smtp_drop_transaction(s);
}

void smtp_finish_mail(struct smtp_server *s, struct buffer *out)
{
	const bool refused = s->answer.verdict == SMTP_REFUSE;
	smtp_say_answer(s, out, refused ? &mail_refused : &mail_ok);
	if (refused)
		smtp_drop_transaction(s);
	else
		smtp_enter(s, SMTP_STATE_MAIL);
}

/* --- RCPT -------------------------------------------------------------------------------------- */

/* A client that does not read our 452 must end somewhere, too. */
static void refuse_excess(struct smtp_server *s, struct buffer *out)
{
	s->excess_rcpts++;
	smtp_decline(s, out,
		s->excess_rcpts <= s->config->limits.recipients ? &too_many_rcpts
								: &far_too_many_rcpts);
}

/* Reads forward-path and parameters; false when a refusal was said. */
static bool read_rcpt(
	struct smtp_server *s, struct view argument, struct smtp_recipient *r, struct buffer *out)
{
	struct cursor c = cursor_of(argument);
	const enum address_problem problem = path_parse(&c, PATH_UTF8 | PATH_POSTMASTER_OK,
		&s->transaction, &r->forward_path, &r->had_route);
	if (problem != ADDRESS_OK) {
		refuse_address(s, problem, 3, out);
		return false;
	}
	const struct reply *wrong = smtp_params_rcpt(cursor_rest(&c), s->mail, &s->transaction, r);
	if (!wrong && r->forward_path.is_utf8 && !s->mail->smtputf8)
		wrong = &needs_utf8;
	if (wrong)
		smtp_refuse(s, out, wrong);
	return !wrong;
}

void smtp_serve_rcpt(struct smtp_server *s, struct view argument, struct buffer *out)
{
	if (!take_word(&argument, VIEW("TO:"))) {
		smtp_refuse(s, out, &rcpt_syntax);
		return;
	}
	if (s->mail->recipients >= s->config->limits.recipients) {
		refuse_excess(s, out);
		return;
	}
	struct smtp_recipient *recipient = arena_get(&s->transaction, sizeof *recipient);
	if (!recipient) {
		refuse_excess(s, out);
		return;
	}
	if (read_rcpt(s, argument, recipient, out))
		smtp_ask_open(s, SMTP_ASK_RCPT)->recipient = recipient;
}

/* The same recipient as the owner was asked about; the ask shows it read-only. */
static void recipient_link(struct smtp_mail *mail, struct smtp_recipient *recipient, uint64_t tag)
{
	recipient->tag = tag;
	*mail->last_next = recipient;
	mail->last_next = &recipient->next;
	mail->recipients++;
}

void smtp_finish_rcpt(struct smtp_server *s, struct buffer *out)
{
	if (s->answer.verdict != SMTP_REFUSE) {
		recipient_link(s->mail, (struct smtp_recipient *)s->ask.recipient, s->answer.tag);
		smtp_enter(s, SMTP_STATE_RCPT);
		smtp_say_answer(s, out, &rcpt_ok);
		return;
	}
	const uint16_t code = s->answer.reply.code;
	if (code == 0 || code >= 500)
		s->refused_rcpts++;
	if (s->refused_rcpts < s->config->limits.refused_rcpts)
		smtp_say_answer(s, out, &rcpt_refused);
	else
		smtp_decline(s, out, &too_many_unknown);
}
