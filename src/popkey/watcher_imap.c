#include "popkey/watcher_machine.h"

bool watcher_literal(struct view line, uint64_t *size, bool *is_non_sync)
{
	const size_t brace = view_find_last(line, '{');
	if (brace == VIEW_NOT_FOUND || !view_ends(line, VIEW("}")))
		return false;
	struct view number = view_part(line, brace + 1, line.length - brace - 2);
	*is_non_sync = view_ends(number, VIEW("+")) || view_ends(number, VIEW("-"));
	if (*is_non_sync)
		number = view_first(number, number.length - 1);
	return view_to_u64(number, UINT32_MAX, size);
}

static uint32_t find(const struct watcher *w, struct view tag)
{
	uint32_t i = 0;
	while (i < w->owed_count &&
		!view_equal(view_of(w->owed[i].tag, w->owed[i].tag_length), tag))
		i++;
	return i;
}

static enum watcher_command command_of(struct view word)
{
	if (view_equal_nocase(word, VIEW("LOGIN")))
		return WATCHER_LOGIN;
	if (view_equal_nocase(word, VIEW("AUTHENTICATE")))
		return WATCHER_SASL;
	if (view_equal_nocase(word, VIEW("STARTTLS")))
		return WATCHER_TLS;
	return WATCHER_PLAIN;
}

/* The tag is taken before the command has come to its end: a reply may come first. */
static void begin(struct watcher *w, struct view line)
{
	struct view tag, rest, word, arguments;
	const bool is_command = view_split(line, ' ', &tag, &rest);
	view_split(rest, ' ', &word, &arguments);
	if (!is_command || !tag.length || tag.length > WATCHER_TAG_MAX || !word.length ||
		view_equal(tag, VIEW("+")) || view_equal(tag, VIEW("*")) ||
		find(w, tag) < w->owed_count)
		watcher_blind(w);
	else
		watcher_owe(w, command_of(word), tag);
}

static void finish(struct watcher *w)
{
	struct view tag, rest, word, arguments;
	view_split(buffer_view(&w->client.text), ' ', &tag, &rest);
	view_split(rest, ' ', &word, &arguments);
	switch (command_of(word)) {
	case WATCHER_LOGIN:
		watcher_login_user(w, arguments);
		break;
	case WATCHER_SASL:
		watcher_sasl_begin(w, arguments);
		break;
	case WATCHER_PLAIN:
	case WATCHER_MANY:
	case WATCHER_USER:
	case WATCHER_TLS:
		break;
	}
	w->is_incomplete = false;
	w->client.part_at = 0;
	buffer_clear(&w->client.text);
}

void watcher_imap_line(struct watcher *w)
{
	struct watcher_line *l = &w->client;
	const struct view part = view_from(buffer_view(&l->text), l->part_at);
	uint64_t literal = 0;
	bool is_non_sync = false;
	if (!w->is_incomplete)
		begin(w, part);
	if (watcher_is_over(w))
		return;
	if (!watcher_literal(part, &literal, &is_non_sync)) {
		/* "{99999999999+}", "{+5}": a literal to some, and none to us */
		if (view_ends(part, VIEW("}")) && view_find(part, '{') != VIEW_NOT_FOUND)
			watcher_blind(w);
		else
			finish(w);
		return;
	}
	/* Without LITERAL+ (RFC 7888), of which we know nothing, what follows are commands; and in AUTHENTICATE no literal
	 * stands, so that a "+" asks for something else. */
	if (is_non_sync || w->owed[w->owed_count - 1].command == WATCHER_SASL) {
		watcher_blind(w);
		return;
	}
	w->is_incomplete = true;
	buffer_add(&l->text, VIEW("\r\n"));
	l->part_at = l->text.length;
	w->is_literal_asked = true;
	w->literal_asked = literal;
}

/* --- replies -------------------------------------------------------------------------------- */

static void go_on(struct watcher *w)
{
	if (!w->is_literal_asked) {
		watcher_challenge(w);
		return;
	}
	w->is_literal_asked = false;
	w->client.literal = w->literal_asked;
}

static void tagged(struct watcher *w, uint32_t at, struct view rest)
{
	struct view status, text;
	const enum watcher_command command = w->owed[at].command;
	const bool is_incomplete = w->is_incomplete && at == w->owed_count - 1;
	view_split(rest, ' ', &status, &text);
	const bool is_ok = view_equal_nocase(status, VIEW("OK"));
	if (is_incomplete || (!is_ok && !view_equal_nocase(status, VIEW("NO")) &&
				     !view_equal_nocase(status, VIEW("BAD")))) {
		watcher_blind(w);
		return;
	}
	watcher_paid(w, at);
	if (is_ok && (command == WATCHER_LOGIN || command == WATCHER_SASL))
		watcher_succeed(w);
	else if (is_ok && command == WATCHER_TLS)
		watcher_blind(w);
	else if (!is_ok)
		watcher_refused(w, command);
}

void watcher_imap_reply(struct watcher *w, struct view line)
{
	struct view tag, rest;
	view_split(line, ' ', &tag, &rest);
	if (view_equal(tag, VIEW("*")))
		return;
	if (view_equal(tag, VIEW("+"))) {
		go_on(w);
		return;
	}
	const uint32_t at = find(w, tag);
	if (at < w->owed_count)
		tagged(w, at, rest);
}
