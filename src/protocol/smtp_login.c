/* AUTH (RFC 4954) and STARTTLS (RFC 3207). What a mechanism means is the owner's business. */
#include "base/text.h"
#include "protocol/smtp_machine.h"

static const struct reply no_auth = REPLY(
	502, 5, 5, 1, "auth-not-offered", "Logging in is not possible on this port of this server");
static const struct reply auth_needs_tls = REPLY(538, 5, 7, 11, "auth-needs-tls",
	"Passwords are taken under TLS only; please begin it with STARTTLS");
static const struct reply auth_again =
	REPLY(503, 5, 5, 1, "auth-again", "You are logged in already");
static const struct reply auth_mechanism = REPLY(504, 5, 5, 4, "auth-mechanism",
	"This way of logging in is not known here; EHLO lists them");
static const struct reply auth_syntax = REPLY(501, 5, 5, 2, "auth-syntax",
	"What stands behind AUTH cannot be read: a mechanism, then perhaps base64");
static const struct reply auth_cancelled =
	REPLY(501, 5, 7, 0, "auth-cancelled", "The login was given up, as you asked");
static const struct reply auth_ok = REPLY(235, 2, 7, 0, NULL, "You are logged in");
static const struct reply auth_failed =
	REPLY(535, 5, 7, 8, "auth-failed", "The name or the password is wrong");
static const struct reply too_many_logins = REPLY(421, 4, 7, 0, "auth-attempts",
	"Too many logins failed; please check name and password and come back");
static const struct reply tls_ready = REPLY(220, 2, 0, 0, NULL, "Please begin TLS now");
static const struct reply tls_again = REPLY(503, 5, 5, 1, "starttls-again", "TLS is on already");
static const struct reply no_tls =
	REPLY(502, 5, 5, 1, "starttls-not-offered", "TLS is not possible on this server");
static const struct reply no_argument =
	REPLY(501, 5, 5, 4, "argument", "STARTTLS takes nothing behind it");
static const struct reply after_login =
	REPLY(503, 5, 5, 1, "order", "TLS cannot begin after a login; please begin it first");

bool smtp_auth_is_offered(const struct smtp_server *s)
{
	return s->facts.mechanisms.length &&
	       (s->facts.tls_active || (s->facts.is_loopback && !s->facts.tls_required));
}

bool smtp_tls_is_offered(const struct smtp_server *s)
{
	return s->facts.tls_offered && !s->facts.tls_active && !s->is_authenticated;
}

static bool has_mechanism(struct view list, struct view name)
{
	bool more = true;
	while (more) {
		struct view word;
		more = view_split(list, ' ', &word, &list);
		if (word.length && view_equal(word, name))
			return true;
	}
	return false;
}

/* Null when AUTH may begin. */
static const struct reply *auth_refusal(const struct smtp_server *s)
{
	if (s->is_authenticated)
		return &auth_again;
	if (!s->facts.mechanisms.length)
		return &no_auth;
	return smtp_auth_is_offered(s) ? NULL : &auth_needs_tls;
}

/* The mechanism in upper case, in the memory of this command; false when it is none of ours. */
static bool read_mechanism(struct smtp_server *s, struct view text, struct view *mechanism_out)
{
	uint8_t *upper = text.length <= 20 ? arena_get(&s->command, text.length) : NULL;
	if (!upper)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		const uint8_t octet = text.at[i];
		upper[i] = octet >= 'a' && octet <= 'z' ? (uint8_t)(octet - 32) : octet;
	}
	*mechanism_out = view_of(upper, text.length);
	return has_mechanism(s->facts.mechanisms, *mechanism_out);
}

/* "=" stands for no octets in an initial response (RFC 4954 §4). */
static bool read_base64(struct smtp_server *s, struct view text, bool is_initial)
{
	buffer_free_secret(&s->secret);
	if (is_initial && view_equal(text, VIEW("=")))
		return true;
	if (is_initial && view_is_empty(text))
		return false;
	return buffer_add_unbase64(&s->secret, text);
}

void smtp_serve_auth(struct smtp_server *s, struct view argument, struct buffer *out)
{
	struct view name;
	struct view initial;
	struct view mechanism;
	const bool has_initial = view_split(argument, ' ', &name, &initial);
	const struct reply *refusal = auth_refusal(s);
	if (!refusal && view_is_empty(name))
		refusal = &auth_syntax;
	if (!refusal && !read_mechanism(s, name, &mechanism))
		refusal = &auth_mechanism;
	if (!refusal && has_initial && !read_base64(s, initial, true))
		refusal = &auth_syntax;
	if (refusal) {
		smtp_refuse(s, out, refusal);
		return;
	}
	struct smtp_ask *ask = smtp_ask_open(s, SMTP_ASK_AUTH);
	ask->mechanism = mechanism;
	ask->has_response = has_initial;
	ask->response = buffer_view(&s->secret);
}

void smtp_serve_auth_line(struct smtp_server *s, struct view line, struct buffer *out)
{
	const bool cancelled = view_equal(line, VIEW("*"));
	if (cancelled || !read_base64(s, line, false)) {
		smtp_enter(s, SMTP_STATE_READY);
		smtp_refuse(s, out, cancelled ? &auth_cancelled : &auth_syntax);
		return;
	}
	struct smtp_ask *ask = smtp_ask_open(s, SMTP_ASK_AUTH_STEP);
	ask->has_response = true;
	ask->response = buffer_view(&s->secret);
}

static void finish_refused(struct smtp_server *s, struct buffer *out)
{
	const uint16_t code = s->answer.reply.code;
	smtp_enter(s, SMTP_STATE_READY);
	if (code == 0 || code >= 500)
		s->auth_failures++;
	if (s->auth_failures >= s->config->limits.auth_attempts)
		smtp_decline(s, out, &too_many_logins);
	else
		smtp_say_answer(s, out, &auth_failed);
}

void smtp_finish_auth(struct smtp_server *s, struct buffer *out)
{
	switch (s->answer.verdict) {
	case SMTP_CHALLENGE:
		smtp_enter(s, SMTP_STATE_AUTH);
		smtp_say_answer(s, out, &auth_failed);
		return;
	case SMTP_ACCEPT:
		smtp_enter(s, SMTP_STATE_READY);
		s->is_authenticated = true;
		s->auth_failures = 0;
		smtp_say_answer(s, out, &auth_ok);
		return;
	case SMTP_REFUSE:
		finish_refused(s, out);
		return;
	}
}

void smtp_serve_starttls(struct smtp_server *s, struct view argument, struct buffer *out)
{
	const struct reply *refusal = NULL;
	if (s->facts.tls_active)
		refusal = &tls_again;
	else if (!s->facts.tls_offered)
		refusal = &no_tls;
	else if (!view_is_empty(argument))
		refusal = &no_argument;
	else if (s->is_authenticated)
		refusal = &after_login;
	if (refusal) {
		smtp_refuse(s, out, refusal);
		return;
	}
	smtp_say(s, out, &tls_ready);
	smtp_enter(s, SMTP_STATE_TLS);
}

void smtp_server_tls_started(struct smtp_server *s, const struct smtp_facts *facts)
{
	must(s->state == SMTP_STATE_TLS && facts->tls_active);
	smtp_drop_transaction(s);
	arena_reset(&s->session);
	s->facts = *facts;
	s->has_helo = false;
	s->is_ehlo = false;
	s->is_authenticated = false;
	s->scanned = 0;
	smtp_enter(s, SMTP_STATE_GREETED);
}
