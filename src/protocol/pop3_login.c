#include "protocol/pop3_session.h"

bool pop3_may_login(const struct pop3_server *s)
{
	return s->is_tls || s->is_loopback;
}

void pop3_forget_login(struct pop3_server *s)
{
	buffer_free(&s->user);
}

/* A mechanism that binds to TLS is there under TLS only (RFC 5802 §6). */
static bool is_offered(const struct pop3_server *s, struct view mechanism)
{
	return mechanism.length && (s->is_tls || !view_ends(mechanism, VIEW("-PLUS")));
}

/* The mechanisms that are offered now, each behind `before` and in front of `after`. */
static bool add_mechanisms(
	const struct pop3_server *s, struct buffer *out, struct view before, struct view after)
{
	bool any = false;
	struct view rest = s->settings->mechanisms;
	while (pop3_may_login(s) && rest.length) {
		struct view mechanism;
		view_split(rest, ' ', &mechanism, &rest);
		if (!is_offered(s, mechanism))
			continue;
		buffer_add(out, before);
		buffer_add(out, mechanism);
		buffer_add(out, after);
		any = true;
	}
	return any;
}

/* RFC 2449 §5. What depends on encryption is as it is at this moment; else the same before and after
 * the login. */
void pop3_capa(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length) {
		pop3_bad_syntax(s, out, "CAPA");
		return;
	}
	pop3_say(s, out, POP3_OK, POP3_TEXT_CAPABILITIES);
	buffer_add(out, VIEW("TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
			     "EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n"));
	if (s->settings->offers_stls && !s->is_tls)
		buffer_add(out, VIEW("STLS\r\n"));
	if (pop3_may_login(s))
		buffer_add(out, VIEW("USER\r\n"));
	const size_t before = out->length;
	buffer_add(out, VIEW("SASL"));
	if (add_mechanisms(s, out, VIEW(" "), VIEW_NONE))
		buffer_add(out, VIEW("\r\n"));
	else
		buffer_truncate(out, before);
	buffer_add(out, VIEW(".\r\n"));
}

void pop3_stls(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length) {
		pop3_bad_syntax(s, out, "STLS");
	} else if (s->is_tls || !s->settings->offers_stls) {
		pop3_refuse(s, out, s->is_tls ? POP3_TEXT_STLS_ALREADY : POP3_TEXT_STLS_NONE);
	} else {
		/* take_line answers, when nothing stands behind it. */
		pop3_enter(s, POP3_STATE_TLS);
	}
}

/* RFC 6856 §2.1. */
void pop3_utf8(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length) {
		pop3_bad_syntax(s, out, "UTF8");
		return;
	}
	s->is_utf8 = true;
	pop3_say(s, out, POP3_OK, POP3_TEXT_UTF8);
}

static void list_languages(struct pop3_server *s, struct buffer *out)
{
	pop3_say(s, out, POP3_OK, POP3_TEXT_LANGUAGES);
	for (int l = 0; l < POP3_LANGUAGES; l++)
		text_add(out, "{} {}\r\n", text_string(pop3_language_tag((enum pop3_language)l)),
			text_string(pop3_language_name((enum pop3_language)l)));
	buffer_add(out, VIEW("i-default English\r\n.\r\n"));
}

/* RFC 6856 §3. */
void pop3_lang(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (!rest.length) {
		list_languages(s, out);
		return;
	}
	enum pop3_language language;
	if (!pop3_language_find(rest, &language)) {
		pop3_say(s, out, POP3_ERR, POP3_TEXT_LANGUAGE_UNKNOWN);
		return;
	}
	s->language = language;
	text_add(out, "+OK {} {}\r\n", text_string(pop3_language_tag(language)),
		text_string(pop3_text_format(language, POP3_TEXT_LANGUAGE_SET)));
}

/* UTF-8 without controls: what `user` and `password` of an ask promise. */
static bool is_login_text(struct view v)
{
	for (size_t i = 0; i < v.length; i++)
		if (view_at(v, i) < ' ' || view_at(v, i) == 0x7f)
			return false;
	return v.length && view_is_utf8(v);
}

void pop3_user(struct pop3_server *s, struct view rest, struct buffer *out)
{
	pop3_forget_login(s);
	if (!rest.length) {
		pop3_bad_syntax(s, out, "USER name");
	} else if (!is_login_text(rest)) {
		pop3_refuse(s, out, POP3_TEXT_NOT_UTF8);
	} else {
		buffer_add(&s->user, rest);
		pop3_say(s, out, POP3_OK, POP3_TEXT_USER_OK);
	}
}

void pop3_pass(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (!s->user.length) {
		pop3_refuse(s, out, POP3_TEXT_USER_FIRST);
	} else if (!rest.length) {
		pop3_bad_syntax(s, out, "PASS password");
	} else if (!is_login_text(rest)) {
		pop3_refuse(s, out, POP3_TEXT_NOT_UTF8);
	} else {
		buffer_add(&s->secret, rest);
		s->ask = (struct pop3_ask){
			.kind = POP3_ASK_PASSWORD,
			.user = buffer_view(&s->user),
			.password = buffer_view(&s->secret),
		};
	}
}

static bool find_mechanism(const struct pop3_server *s, struct view name, struct view *found_out)
{
	struct view rest = s->settings->mechanisms;
	while (rest.length) {
		view_split(rest, ' ', found_out, &rest);
		if (view_equal_nocase(name, *found_out) && is_offered(s, *found_out))
			return true;
	}
	return false;
}

/* Decodes a response into `secret`; false when it is no base64 or too long. */
static bool take_response(struct pop3_server *s, struct view base64)
{
	buffer_clear(&s->secret);
	return buffer_add_unbase64(&s->secret, base64) && s->secret.length <= POP3_SASL_MAX;
}

static void list_mechanisms(struct pop3_server *s, struct buffer *out)
{
	pop3_say(s, out, POP3_OK, POP3_TEXT_MECHANISMS);
	add_mechanisms(s, out, VIEW_NONE, VIEW("\r\n"));
	buffer_add(out, VIEW(".\r\n"));
}

/* RFC 5034 §4. "=" is an initial response of no octets. */
void pop3_auth(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (!rest.length) {
		list_mechanisms(s, out);
		return;
	}
	struct view name;
	struct view initial;
	const bool has_initial = view_split(rest, ' ', &name, &initial);
	const bool is_empty = view_equal(initial, VIEW("="));
	struct view mechanism;
	if (!find_mechanism(s, name, &mechanism)) {
		pop3_refuse(s, out, POP3_TEXT_MECHANISM_UNKNOWN);
		return;
	}
	if (has_initial && !take_response(s, is_empty ? VIEW_NONE : initial)) {
		pop3_refuse(s, out, POP3_TEXT_BASE64);
		return;
	}
	pop3_forget_login(s);
	pop3_enter(s, POP3_STATE_SASL);
	s->ask = (struct pop3_ask){
		.kind = POP3_ASK_SASL_START,
		.mechanism = mechanism,
		.has_initial = has_initial,
		.initial = buffer_view(&s->secret),
	};
}

void pop3_sasl_break(struct pop3_server *s)
{
	buffer_free_secret(&s->secret);
	pop3_enter(s, POP3_STATE_AUTHORIZATION);
	s->ask = (struct pop3_ask){.kind = POP3_ASK_CANCEL};
}

void pop3_sasl_line(struct pop3_server *s, struct view line, struct buffer *out)
{
	if (view_equal(line, VIEW("*"))) {
		pop3_sasl_break(s);
		pop3_refuse(s, out, POP3_TEXT_CANCELLED);
	} else if (!take_response(s, line)) {
		pop3_sasl_break(s);
		pop3_refuse(s, out, POP3_TEXT_BASE64);
	} else {
		s->ask = (struct pop3_ask){
			.kind = POP3_ASK_SASL_STEP,
			.has_initial = true,
			.initial = buffer_view(&s->secret),
		};
	}
}
