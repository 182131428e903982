#include "popkey/watcher_machine.h"

/* Commands of the AUTHORIZATION state (RFC 1939, 1734, 2449, 2595, 5034, 6856). */
static const struct {
	struct view word;
	enum watcher_command command; /* with an argument */
	enum watcher_command alone;
} rows[] = {
	{VIEW("APOP"), WATCHER_LOGIN, WATCHER_PLAIN},
	{VIEW("AUTH"), WATCHER_SASL, WATCHER_MANY},
	{VIEW("CAPA"), WATCHER_MANY, WATCHER_MANY},
	{VIEW("LANG"), WATCHER_PLAIN, WATCHER_MANY},
	{VIEW("NOOP"), WATCHER_PLAIN, WATCHER_PLAIN},
	{VIEW("PASS"), WATCHER_LOGIN, WATCHER_PLAIN},
	{VIEW("QUIT"), WATCHER_PLAIN, WATCHER_PLAIN},
	{VIEW("STLS"), WATCHER_TLS, WATCHER_TLS},
	{VIEW("USER"), WATCHER_USER, WATCHER_PLAIN},
	{VIEW("UTF8"), WATCHER_PLAIN, WATCHER_PLAIN},
};

static void take_user(struct watcher *w, struct view word, struct view argument)
{
	if (view_equal_nocase(word, VIEW("USER")))
		watcher_set_user(w, argument);
	else if (view_equal_nocase(word, VIEW("APOP"))) /* the digest has no space */
		watcher_set_user(w, view_first(argument, view_find_last(argument, ' ')));
	else if (view_equal_nocase(word, VIEW("AUTH")))
		watcher_sasl_begin(w, argument);
}

void watcher_pop3_command(struct watcher *w, struct view line)
{
	struct view word, argument;
	view_split(line, ' ', &word, &argument);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (view_equal_nocase(word, rows[i].word)) {
			watcher_owe(
				w, argument.length ? rows[i].command : rows[i].alone, VIEW_NONE);
			if (argument.length && !watcher_is_over(w))
				take_user(w, word, argument);
			return;
		}
	watcher_blind(w);
}

static void succeeded(struct watcher *w, enum watcher_command command)
{
	switch (command) {
	case WATCHER_LOGIN:
	case WATCHER_SASL:
		watcher_succeed(w);
		break;
	case WATCHER_TLS:
		watcher_blind(w);
		break;
	case WATCHER_MANY:
		w->is_in_many = true;
		break;
	case WATCHER_PLAIN:
	case WATCHER_USER:
		break;
	}
}

bool watcher_is_word(struct view line, struct view word)
{
	const int behind = view_at(line, word.length);
	return view_starts_nocase(line, word) && (behind == -1 || behind == ' ');
}

void watcher_pop3_reply(struct watcher *w, struct view line)
{
	if (w->is_in_many) {
		w->is_in_many = !view_equal(line, VIEW("."));
		return;
	}
	if (!w->owed_count) {
		watcher_blind(w);
		return;
	}
	const enum watcher_command command = w->owed[0].command;
	if (watcher_is_word(line, VIEW("+"))) {
		watcher_challenge(w);
		return;
	}
	const bool is_ok = watcher_is_word(line, VIEW("+OK"));
	if (!is_ok && !watcher_is_word(line, VIEW("-ERR"))) {
		watcher_blind(w);
		return;
	}
	watcher_paid(w, 0);
	if (is_ok)
		succeeded(w, command);
	else
		watcher_refused(w, command);
}
