/* From the greeting to the login. */
#include "protocol/smtp_client_machine.h"

#include "base/text.h"

#define COMMAND_LINE_MAX 512u /* octets with CRLF; RFC 5321 §4.5.3.1.4 */
#define LIMIT_MAX 1000000u /* of a number in LIMITS; RFC 9422 has six digits */

static bool is_accepted(const struct smtp_client *c)
{
	return c->reply.code / 100 == 2;
}

/* 4xx or 5xx; what else is neither is nonsense, and the end. */
static bool is_refused(struct smtp_client *c)
{
	if (c->reply.code / 100 != 3)
		return true;
	client_end_misplaced(c);
	return false;
}

/* --- what is offered --------------------------------------------------------------------------- */

static void offers_size(struct smtp_client_facts *f, struct view value)
{
	f->has_size = true;
	if (!view_to_u64(view_trim(value), UINT64_MAX, &f->size_octets))
		f->size_octets = 0;
}

static void offers_auth(struct smtp_client_facts *f, struct view value)
{
	bool more = true;
	while (more) {
		struct view word;
		more = view_split(value, ' ', &word, &value);
		f->has_plain |= view_equal_nocase(word, VIEW("PLAIN"));
		f->has_login |= view_equal_nocase(word, VIEW("LOGIN"));
	}
}

/* RFC 9422 §4. A limit of nothing would be none; it is not believed. */
static void offers_limits(struct smtp_client_facts *f, struct view value)
{
	bool more = true;
	while (more) {
		struct view word;
		struct view name;
		struct view number;
		uint32_t n;
		more = view_split(value, ' ', &word, &value);
		if (!view_split(word, '=', &name, &number) || !view_to_u32(number, LIMIT_MAX, &n) ||
			n == 0)
			continue;
		if (view_equal_nocase(name, VIEW("RCPTMAX")))
			f->rcpt_max = n;
		if (view_equal_nocase(name, VIEW("MAILMAX")))
			f->mail_max = n;
	}
}

static void offers_flag(struct smtp_client_facts *f, struct view name)
{
	const struct {
		struct view name;
		bool *flag;
	} flags[] = {
		{VIEW("PIPELINING"), &f->has_pipelining},
		{VIEW("CHUNKING"), &f->has_chunking},
		{VIEW("8BITMIME"), &f->has_8bitmime},
		{VIEW("SMTPUTF8"), &f->has_smtputf8},
		{VIEW("DSN"), &f->has_dsn},
		{VIEW("ENHANCEDSTATUSCODES"), &f->has_enhanced},
		{VIEW("STARTTLS"), &f->has_starttls},
		{VIEW("REQUIRETLS"), &f->has_requiretls},
	};
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (view_equal_nocase(name, flags[i].name))
			*flags[i].flag = true;
}

void client_read_keyword(struct smtp_client *c, struct view line)
{
	struct view name;
	struct view value;
	if (c->reply.lines < 2 || !is_accepted(c))
		return;
	view_split(line, ' ', &name, &value);
	if (view_equal_nocase(name, VIEW("SIZE")))
		offers_size(&c->facts, value);
	else if (view_equal_nocase(name, VIEW("LIMITS")))
		offers_limits(&c->facts, value);
	else if (view_equal_nocase(name, VIEW("AUTH")))
		offers_auth(&c->facts, value);
	else if (view_starts_nocase(line, VIEW("AUTH=")))
		offers_auth(&c->facts, view_from(line, 5)); /* as it was before RFC 2554 */
	else
		offers_flag(&c->facts, name);
}

/* What an earlier EHLO said is void, that in clear before TLS in any case (RFC 3207 §4.2). */
static void forget_offers(struct smtp_client *c)
{
	c->facts = (struct smtp_client_facts){
		.name = c->facts.name, .tls_active = c->facts.tls_active};
}

/* --- the way to READY -------------------------------------------------------------------------- */

static void log_in(struct smtp_client *c)
{
	const bool may = c->facts.tls_active || c->settings.login_in_clear;
	if (view_is_empty(c->settings.user))
		client_enter(c, SMTP_CLIENT_STATE_READY);
	else if (!may)
		client_end_why(c, SMTP_CLIENT_END_LOGIN,
			"a login is needed, and there is no TLS to hide it");
	else if (!c->facts.has_plain && !c->facts.has_login)
		client_end_why(c, SMTP_CLIENT_END_LOGIN,
			"a login is needed, and the host offers neither AUTH PLAIN nor LOGIN");
	else
		client_enter(c, SMTP_CLIENT_STATE_AUTH);
}

static void after_hello(struct smtp_client *c)
{
	if (c->facts.tls_active || c->settings.tls == SMTP_CLIENT_TLS_NEVER)
		log_in(c);
	else if (c->facts.has_starttls)
		client_enter(c, SMTP_CLIENT_STATE_STARTTLS);
	else if (c->settings.tls == SMTP_CLIENT_TLS_MUST)
		client_end_why(c, SMTP_CLIENT_END_TLS,
			"TLS is required, and the host does not offer STARTTLS");
	else
		log_in(c);
}

void client_on_greeting(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (is_accepted(c)) {
		struct view name;
		struct view rest;
		view_split(smtp_reply_words(&c->reply), ' ', &name, &rest);
		if (!arena_copy(
			    &c->session, view_first(name, SMTP_CLIENT_NAME_MAX), &c->facts.name))
			c->facts.name = VIEW_NONE;
		client_enter(c, SMTP_CLIENT_STATE_EHLO);
	} else if (is_refused(c)) {
		client_end_reply(c, SMTP_CLIENT_END_REFUSED, SMTP_CLIENT_CONNECT);
	}
}

void client_on_ehlo(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (is_accepted(c)) {
		c->facts.is_esmtp = true;
		after_hello(c);
	} else if (is_refused(c)) {
		/* RFC 5321 §3.2: whatever the 5xx says, an old server may take HELO */
		if (c->reply.code >= 500)
			client_enter(c, SMTP_CLIENT_STATE_HELO);
		else
			client_end_reply(c, SMTP_CLIENT_END_REFUSED, SMTP_CLIENT_EHLO);
	}
}

void client_on_helo(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	if (is_accepted(c))
		after_hello(c);
	else if (is_refused(c))
		client_end_reply(c, SMTP_CLIENT_END_REFUSED, SMTP_CLIENT_HELO);
}

void client_on_starttls(struct smtp_client *c, const struct cursor *in)
{
	if (is_accepted(c) && cursor_left(in)) {
		client_end_why(c, SMTP_CLIENT_END_NONSENSE,
			"octets in clear came behind the reply to STARTTLS");
	} else if (is_accepted(c)) {
		client_enter(c, SMTP_CLIENT_STATE_TLS);
	} else if (is_refused(c)) {
		c->facts.tls_refused = true;
		if (c->settings.tls == SMTP_CLIENT_TLS_MUST)
			client_end_reply(c, SMTP_CLIENT_END_TLS, SMTP_CLIENT_STARTTLS);
		else
			log_in(c);
	}
}

static void write_hello(struct smtp_client *c, const char *verb, enum smtp_client_command command,
	struct buffer *out)
{
	forget_offers(c);
	text_add(out, "{} {}\r\n", text_string(verb), text_view(c->settings.name));
	client_said(c, command);
}

void client_write_ehlo(struct smtp_client *c, struct buffer *out)
{
	write_hello(c, "EHLO", SMTP_CLIENT_EHLO, out);
}

void client_write_helo(struct smtp_client *c, struct buffer *out)
{
	write_hello(c, "HELO", SMTP_CLIENT_HELO, out);
}

void client_write_starttls(struct smtp_client *c, struct buffer *out)
{
	buffer_add(out, VIEW("STARTTLS\r\n"));
	client_said(c, SMTP_CLIENT_STARTTLS);
}

/* --- login, RFC 4954 --------------------------------------------------------------------------- */

/* RFC 4616: authorization identity (none), name, password. */
static void add_plain(const struct smtp_client *c, struct buffer *out)
{
	struct buffer plain = buffer_new_secret(2 * SMTP_CLIENT_SECRET_MAX + 2);
	buffer_add_octet(&plain, 0);
	buffer_add(&plain, c->settings.user);
	buffer_add_octet(&plain, 0);
	buffer_add(&plain, c->settings.password);
	buffer_add_base64(out, buffer_view(&plain));
	buffer_free_secret(&plain);
}

/* RFC 4954 §4: an initial response that would make the command too long is said on its own. */
static enum client_login write_plain(const struct smtp_client *c, struct buffer *out)
{
	const size_t octets = c->settings.user.length + c->settings.password.length + 2;
	const size_t line = sizeof "AUTH PLAIN \r\n" - 1 + (octets + 2) / 3 * 4;
	if (line > COMMAND_LINE_MAX) {
		buffer_add(out, VIEW("AUTH PLAIN"));
		return CLIENT_LOGIN_BOTH;
	}
	buffer_add(out, VIEW("AUTH PLAIN "));
	add_plain(c, out);
	return CLIENT_LOGIN_SAID;
}

static enum client_login write_login_command(const struct smtp_client *c, struct buffer *out)
{
	if (c->facts.has_plain)
		return write_plain(c, out);
	buffer_add(out, VIEW("AUTH LOGIN"));
	return CLIENT_LOGIN_USER;
}

void client_write_auth(struct smtp_client *c, struct buffer *out)
{
	switch (c->login) {
	case CLIENT_LOGIN_COMMAND:
		c->login = write_login_command(c, out);
		break;
	case CLIENT_LOGIN_USER:
		buffer_add_base64(out, c->settings.user);
		c->login = CLIENT_LOGIN_PASSWORD;
		break;
	case CLIENT_LOGIN_PASSWORD:
		buffer_add_base64(out, c->settings.password);
		c->login = CLIENT_LOGIN_SAID;
		break;
	case CLIENT_LOGIN_BOTH:
		add_plain(c, out);
		c->login = CLIENT_LOGIN_SAID;
		break;
	case CLIENT_LOGIN_SAID:
		must(false);
	}
	buffer_add(out, VIEW("\r\n"));
	client_said(c, SMTP_CLIENT_AUTH);
}

void client_on_auth(struct smtp_client *c, const struct cursor *in)
{
	(void)in;
	const bool is_challenge = c->reply.code == 334;
	if (is_challenge && c->login != CLIENT_LOGIN_SAID)
		return;
	if (c->reply.code == 235 && c->login == CLIENT_LOGIN_SAID) {
		c->facts.is_logged_in = true;
		client_enter(c, SMTP_CLIENT_STATE_READY);
	} else if (c->reply.code >= 400) {
		client_end_reply(c, SMTP_CLIENT_END_LOGIN, SMTP_CLIENT_AUTH);
	} else {
		client_end_misplaced(c);
	}
}
