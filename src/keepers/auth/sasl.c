#include "keepers/auth/sasl.h"

#include "base/text.h"

#include <gsasl.h>

#define KEYS_BASE64_MAX 512u

struct sasl {
	enum sasl_mechanism mechanism;
	Gsasl_session *session;
	struct sasl_owner owner;
	struct buffer authid;
	struct buffer authzid;
	struct buffer password;
	const char *reason;
	bool began;
	bool found;
};

static Gsasl *library;

const char *sasl_mechanism_name(enum sasl_mechanism mechanism)
{
	switch (mechanism) {
	case SASL_NONE:
		return "none";
	case SASL_PLAIN:
		return "PLAIN";
	case SASL_LOGIN:
		return "LOGIN";
	case SASL_SCRAM:
		return "SCRAM-SHA-256";
	case SASL_SCRAM_PLUS:
		return "SCRAM-SHA-256-PLUS";
	}
	return "unknown";
}

enum sasl_mechanism sasl_mechanism_of(struct view name)
{
	for (enum sasl_mechanism m = SASL_PLAIN; m <= SASL_SCRAM_PLUS; m++)
		if (view_equal_nocase(name, view_text(sasl_mechanism_name(m))))
			return m;
	return SASL_NONE;
}

bool sasl_takes_password(enum sasl_mechanism mechanism)
{
	return mechanism == SASL_PLAIN || mechanism == SASL_LOGIN;
}

/* --- what libgsasl asks ------------------------------------------------------------------- */

static void wipe_property(Gsasl_session *session, Gsasl_property property)
{
	const char *text = gsasl_property_fast(session, property);
	if (text)
		bytes_wipe((void *)(uintptr_t)text, view_text(text).length);
}

static int set_text(Gsasl_session *session, Gsasl_property property, const struct buffer *text)
{
	return gsasl_property_set_raw(session, property, (const char *)text->data, text->length);
}

static int take_keys(struct sasl *s, Gsasl_session *session)
{
	struct sasl_keys keys = {.salt = buffer_new(KEYS_BASE64_MAX),
		.stored_key = buffer_new(KEYS_BASE64_MAX),
		.server_key = buffer_new(KEYS_BASE64_MAX)};
	struct buffer iterations = buffer_new(16);
	buffer_add(&s->authid, view_text(gsasl_property_fast(session, GSASL_AUTHID)));
	buffer_add(&s->authzid, view_text(gsasl_property_fast(session, GSASL_AUTHZID)));
	s->owner.find(s->owner.context, buffer_view(&s->authid), &keys);
	text_add(&iterations, "{}", text_number(keys.iterations));
	s->found = true;
	int code = set_text(session, GSASL_SCRAM_ITER, &iterations);
	code = code ? code : set_text(session, GSASL_SCRAM_SALT, &keys.salt);
	code = code ? code : set_text(session, GSASL_SCRAM_STOREDKEY, &keys.stored_key);
	code = code ? code : set_text(session, GSASL_SCRAM_SERVERKEY, &keys.server_key);
	buffer_free_secret(&keys.salt);
	buffer_free_secret(&keys.stored_key);
	buffer_free_secret(&keys.server_key);
	buffer_free(&iterations);
	return code;
}

static int asked(Gsasl *unused, Gsasl_session *session, Gsasl_property property)
{
	struct sasl *s = gsasl_session_hook_get(session);
	(void)unused;
	if (property == GSASL_SCRAM_ITER && !s->found)
		return take_keys(s, session);
	return GSASL_NO_CALLBACK;
}

/* --- one exchange ------------------------------------------------------------------------- */

void sasl_warm(void)
{
	if (library)
		return;
	must(gsasl_init(&library) == GSASL_OK);
	gsasl_callback_set(library, asked);
}

static bool set_binding(struct sasl *s, enum auth_binding kind, struct view binding)
{
	if (kind == AUTH_BINDING_NONE || binding.length == 0)
		return true;
	struct buffer text = buffer_new(256);
	buffer_add_base64(&text, binding);
	const bool fine =
		!buffer_failed(&text) &&
		set_text(s->session,
			kind == AUTH_BINDING_EXPORTER ? GSASL_CB_TLS_EXPORTER : GSASL_CB_TLS_UNIQUE,
			&text) == GSASL_OK;
	buffer_free_secret(&text);
	return fine;
}

struct sasl *sasl_new(enum sasl_mechanism mechanism, enum auth_binding binding_kind,
	struct view binding, const struct sasl_owner *owner)
{
	must(library && mechanism != SASL_NONE);
	struct sasl *s = memory_new(1, sizeof *s);
	s->mechanism = mechanism;
	s->owner = *owner;
	s->authid = buffer_new(AUTH_RESPONSE_MAX);
	s->authzid = buffer_new(AUTH_RESPONSE_MAX);
	s->password = buffer_new(AUTH_RESPONSE_MAX);
	s->reason = "";
	if (sasl_takes_password(mechanism))
		return s;
	if (gsasl_server_start(library, sasl_mechanism_name(mechanism), &s->session) != GSASL_OK) {
		s->session = NULL;
		sasl_free(&s);
		return NULL;
	}
	gsasl_session_hook_set(s->session, s);
	if (!set_binding(s, binding_kind, binding))
		sasl_free(&s);
	return s;
}

/* What libgsasl would let pass. */
static const char *objection(const struct sasl *s, struct view response)
{
	if (response.length == 0)
		return "an empty response";
	if (view_find(response, 0) != VIEW_NOT_FOUND)
		return "a NUL in SCRAM";
	if (s->mechanism == SASL_SCRAM && !s->began && view_at(response, 0) == 'p')
		return "a channel binding in a mechanism that has none";
	return NULL;
}

static enum sasl_event event_of(struct sasl *s, int code)
{
	switch (code) {
	case GSASL_NEEDS_MORE:
		return SASL_CHALLENGE;
	case GSASL_OK:
		return SASL_PROVED;
	case GSASL_NO_CB_TLS_EXPORTER:
	case GSASL_NO_CB_TLS_UNIQUE:
		s->reason = "a channel binding that this session does not have";
		return SASL_BAD;
	case GSASL_AUTHENTICATION_ERROR:
		s->reason = s->found ? "wrong proof or channel binding"
				     : "channel binding refused, or a downgrade";
		return SASL_BAD;
	case GSASL_MALLOC_ERROR:
		s->reason = "no memory";
		return SASL_FAILED;
	default:
		s->reason = "malformed";
		return SASL_SYNTAX;
	}
}

/* RFC 4616 §2: authorization identity NUL authentication identity NUL password. */
static enum sasl_event step_plain(struct sasl *s, struct view response)
{
	struct view authzid;
	struct view authid;
	struct view password;
	if (!view_split(response, 0, &authzid, &response) ||
		!view_split(response, 0, &authid, &password) ||
		view_find(password, 0) != VIEW_NOT_FOUND) {
		s->reason = "not three fields";
		return SASL_SYNTAX;
	}
	buffer_add(&s->authzid, authzid);
	buffer_add(&s->authid, authid);
	buffer_add(&s->password, password);
	return SASL_PASSWORD;
}

struct view sasl_first_challenge(const struct sasl *s)
{
	return s->mechanism == SASL_LOGIN ? VIEW("Username:") : VIEW_NONE;
}

static enum sasl_event step_login(struct sasl *s, struct view response, struct buffer *output)
{
	const bool is_name = !s->began;
	s->began = true;
	if (view_find(response, 0) != VIEW_NOT_FOUND) {
		s->reason = "a NUL in LOGIN";
		return SASL_SYNTAX;
	}
	buffer_add(is_name ? &s->authid : &s->password, response);
	if (!is_name)
		return SASL_PASSWORD;
	buffer_add(output, VIEW("Password:"));
	return SASL_CHALLENGE;
}

static enum sasl_event step_scram(struct sasl *s, struct view response, struct buffer *output)
{
	s->reason = objection(s, response);
	if (s->reason)
		return SASL_SYNTAX;
	s->reason = "";
	s->began = true;
	char *out = NULL;
	size_t length = 0;
	const int code =
		gsasl_step(s->session, (const char *)response.at, response.length, &out, &length);
	if (out) {
		buffer_add(output, view_of(out, length));
		bytes_wipe(out, length);
		gsasl_free(out);
	}
	if (code == GSASL_OK && !s->found) {
		s->reason = "finished without a name";
		return SASL_SYNTAX;
	}
	return event_of(s, code);
}

static enum sasl_event step_any(struct sasl *s, struct view response, struct buffer *output)
{
	switch (s->mechanism) {
	case SASL_PLAIN:
		return step_plain(s, response);
	case SASL_LOGIN:
		return step_login(s, response, output);
	case SASL_SCRAM:
	case SASL_SCRAM_PLUS:
		return step_scram(s, response, output);
	case SASL_NONE:
		break;
	}
	return SASL_FAILED;
}

enum sasl_event sasl_step(struct sasl *s, struct view response, struct buffer *output)
{
	buffer_clear(output);
	const enum sasl_event event = step_any(s, response, output);
	if (buffer_failed(output) || buffer_failed(&s->authid) || buffer_failed(&s->authzid) ||
		buffer_failed(&s->password))
		return SASL_FAILED;
	return event;
}

struct view sasl_authid(const struct sasl *s)
{
	return buffer_view(&s->authid);
}

struct view sasl_authzid(const struct sasl *s)
{
	return buffer_view(&s->authzid);
}

struct view sasl_password(const struct sasl *s)
{
	return buffer_view(&s->password);
}

const char *sasl_reason(const struct sasl *s)
{
	return s->reason;
}

void sasl_free(struct sasl **at)
{
	static const Gsasl_property secrets[] = {GSASL_SCRAM_SALT, GSASL_SCRAM_STOREDKEY,
		GSASL_SCRAM_SERVERKEY, GSASL_CB_TLS_EXPORTER, GSASL_CB_TLS_UNIQUE};
	struct sasl *s = *at;
	*at = NULL;
	if (!s)
		return;
	if (s->session) {
		for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
			wipe_property(s->session, secrets[i]);
		gsasl_finish(s->session);
	}
	buffer_free_secret(&s->authid);
	buffer_free_secret(&s->authzid);
	buffer_free_secret(&s->password);
	memory_free(s);
}
