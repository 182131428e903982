/* Who logs in, as far as that is said in the open. What cannot be read is nobody: the gate opens for an address then, and
 * for no name. */
#include "popkey/watcher_machine.h"

enum mechanism {
	MECHANISM_OTHER,
	MECHANISM_PLAIN,
	MECHANISM_LOGIN,
	MECHANISM_CRAM,
	MECHANISM_SCRAM,
	MECHANISM_OAUTH,
	MECHANISM_XOAUTH2,
};

void watcher_set_user(struct watcher *w, struct view user)
{
	const bool fits = user.length <= sizeof w->user;
	w->user_length = fits ? user.length : 0;
	must(view_copy(view_first(user, w->user_length), w->user, sizeof w->user));
}

/* --- LOGIN ---------------------------------------------------------------------------------- */

static void quoted(struct watcher *w, struct view text)
{
	struct buffer user = buffer_new(WATCHER_USER_MAX);
	size_t i = 1;
	for (; i < text.length && text.at[i] != '"'; i++) {
		if (text.at[i] == '\\')
			i++;
		if (i < text.length)
			buffer_add_octet(&user, text.at[i]);
	}
	if (i < text.length && !buffer_failed(&user))
		watcher_set_user(w, buffer_view(&user));
	buffer_free(&user);
}

static void literal(struct watcher *w, struct view text)
{
	const size_t end = view_find(text, '\n');
	uint64_t size = 0;
	bool unused;
	if (end != VIEW_NOT_FOUND && end > 0 &&
		watcher_literal(view_first(text, end - 1), &size, &unused))
		watcher_set_user(w, view_part(text, end + 1, (size_t)size));
}

void watcher_login_user(struct watcher *w, struct view arguments)
{
	w->user_length = 0;
	if (view_at(arguments, 0) == '"')
		quoted(w, arguments);
	else if (view_at(arguments, 0) == '{')
		literal(w, arguments);
	else
		watcher_set_user(w, view_first(arguments, view_find(arguments, ' ')));
}

/* --- SASL ----------------------------------------------------------------------------------- */

/* RFC 4616: authorization identity NUL authentication identity NUL password. Some servers let the first in, where the second may
 * become him, and some the second, whatever the first: of two, nobody. */
static struct view of_plain(struct view response)
{
	struct view identity, rest, name, password;
	if (!view_split(response, '\0', &identity, &rest) ||
		!view_split(rest, '\0', &name, &password))
		return VIEW_NONE;
	return identity.length && !view_equal(identity, name) ? VIEW_NONE : name;
}

/* "a=hana" is hana. Names with "=2C" in them are nobody's. */
static struct view name_in(struct view field, struct view letter)
{
	if (!view_starts(field, letter))
		return VIEW_NONE;
	const struct view name = view_from(field, letter.length);
	return view_find(name, '=') == VIEW_NOT_FOUND ? name : VIEW_NONE;
}

/* RFC 5801 §4, RFC 5802 §7: "n,a=hana,n=taro,r=…" is taro, who comes as hana: nobody, as in PLAIN. */
static struct view of_scram(struct view response)
{
	struct view binding, identity, rest, name;
	if (!view_split(response, ',', &binding, &rest) || !view_split(rest, ',', &identity, &rest))
		return VIEW_NONE;
	view_split(rest, ',', &name, &rest);
	const struct view user = name_in(name, VIEW("n="));
	return identity.length && !view_equal(name_in(identity, VIEW("a=")), user) ? VIEW_NONE
										   : user;
}

/* RFC 7628 §3.1: "n,a=hana,…", and whose the token is stands in the token. */
static struct view of_oauth(struct view response)
{
	struct view binding, identity, rest;
	if (!view_split(response, ',', &binding, &rest) || !view_split(rest, ',', &identity, &rest))
		return VIEW_NONE;
	return name_in(identity, VIEW("a="));
}

static struct view of_xoauth2(struct view response)
{
	return view_starts(response, VIEW("user="))
		       ? view_first(view_from(response, 5), view_find(view_from(response, 5), 1))
		       : VIEW_NONE;
}

static struct view user_in(enum mechanism mechanism, struct view response)
{
	switch (mechanism) {
	case MECHANISM_OTHER:
		break;
	case MECHANISM_PLAIN:
		return of_plain(response);
	case MECHANISM_LOGIN:
		return response;
	case MECHANISM_CRAM: /* RFC 2195: the digest has no space */
		return view_first(response, view_find_last(response, ' '));
	case MECHANISM_SCRAM:
		return of_scram(response);
	case MECHANISM_OAUTH:
		return of_oauth(response);
	case MECHANISM_XOAUTH2:
		return of_xoauth2(response);
	}
	return VIEW_NONE;
}

void watcher_sasl_response(struct watcher *w, struct view line)
{
	if (w->responses++ > 0)
		return; /* the first says who */
	struct buffer response = buffer_new_secret(WATCHER_LINE_MAX);
	if (buffer_add_unbase64(&response, line))
		watcher_set_user(w, user_in((enum mechanism)w->mechanism, buffer_view(&response)));
	buffer_free_secret(&response);
}

void watcher_sasl_begin(struct watcher *w, struct view arguments)
{
	static const struct {
		struct view name;
		enum mechanism mechanism;
	} rows[] = {
		{VIEW("PLAIN"), MECHANISM_PLAIN},
		{VIEW("LOGIN"), MECHANISM_LOGIN},
		{VIEW("CRAM-MD5"), MECHANISM_CRAM},
		{VIEW("SCRAM-SHA-1"), MECHANISM_SCRAM},
		{VIEW("SCRAM-SHA-1-PLUS"), MECHANISM_SCRAM},
		{VIEW("SCRAM-SHA-256"), MECHANISM_SCRAM},
		{VIEW("SCRAM-SHA-256-PLUS"), MECHANISM_SCRAM},
		{VIEW("OAUTHBEARER"), MECHANISM_OAUTH},
		{VIEW("XOAUTH2"), MECHANISM_XOAUTH2},
	};
	struct view name, initial;
	const bool has_initial = view_split(arguments, ' ', &name, &initial);
	w->user_length = 0;
	w->responses = 0;
	w->mechanism = MECHANISM_OTHER;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (view_equal_nocase(name, rows[i].name))
			w->mechanism = (uint8_t)rows[i].mechanism;
	if (has_initial && initial.length)
		watcher_sasl_response(w, initial);
}
