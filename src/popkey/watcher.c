#include "popkey/watcher_machine.h"

#define SERVER_LINE_MAX 8192u

void watcher_init(struct watcher *w, enum watcher_protocol protocol)
{
	*w = (struct watcher){.protocol = protocol,
		.client.text = buffer_new_secret(WATCHER_LINE_MAX),
		.server.text = buffer_new(SERVER_LINE_MAX)};
}

void watcher_free(struct watcher *w)
{
	buffer_free_secret(&w->client.text);
	buffer_free(&w->server.text);
}

bool watcher_is_over(const struct watcher *w)
{
	return w->state == WATCHER_OPEN || w->state == WATCHER_BLIND;
}

struct view watcher_user(const struct watcher *w)
{
	return view_of(w->user, w->user_length);
}

/* --- what replies are owed ------------------------------------------------------------------ */

void watcher_blind(struct watcher *w)
{
	w->state = WATCHER_BLIND;
	w->user_length = 0;
	watcher_free(w);
}

void watcher_owe(struct watcher *w, enum watcher_command command, struct view tag)
{
	if (w->owed_count == WATCHER_OWED_MAX) {
		watcher_blind(w);
		return;
	}
	struct watcher_owed *owed = &w->owed[w->owed_count++];
	*owed = (struct watcher_owed){.command = command, .tag_length = (uint8_t)tag.length};
	must(view_copy(tag, owed->tag, sizeof owed->tag));
}

void watcher_paid(struct watcher *w, uint32_t at)
{
	must(at < w->owed_count);
	w->owed_count--;
	for (uint32_t i = at; i < w->owed_count; i++)
		w->owed[i] = w->owed[i + 1];
}

static bool client_is_quiet(const struct watcher *w)
{
	return !w->client.text.length && !w->client.has_cr && !w->client.literal &&
	       !w->is_literal_asked && !w->may_answer;
}

void watcher_succeed(struct watcher *w)
{
	if (w->owed_count != 0 || !client_is_quiet(w)) {
		watcher_blind(w);
		return;
	}
	w->state = WATCHER_OPEN;
	watcher_free(w);
}

void watcher_refused(struct watcher *w, enum watcher_command command)
{
	if (w->has_sent_long) {
		watcher_blind(w);
		return;
	}
	switch (command) {
	case WATCHER_SASL:
		w->may_answer = false;
		w->user_length = 0;
		break;
	case WATCHER_USER:
	case WATCHER_LOGIN:
		w->user_length = 0; /* who logs in next may be the one before, whose name is lost */
		break;
	case WATCHER_PLAIN:
	case WATCHER_MANY:
	case WATCHER_TLS:
		break;
	}
}

void watcher_challenge(struct watcher *w)
{
	if (w->owed_count != 1 || w->owed[0].command != WATCHER_SASL || !client_is_quiet(w))
		watcher_blind(w);
	else
		w->may_answer = true;
}

/* --- the client ----------------------------------------------------------------------------- */

static void client_line(struct watcher *w)
{
	const struct view line = buffer_view(&w->client.text);
	w->has_sent_long |= line.length > WATCHER_SURE_MAX;
	if (w->may_answer) {
		w->may_answer = false;
		watcher_sasl_response(w, line);
		buffer_clear(&w->client.text);
	} else if (w->protocol == WATCHER_POP3) {
		watcher_pop3_command(w, line);
		buffer_clear(&w->client.text);
	} else {
		watcher_imap_line(w);
	}
}

/* The server has not said yet whether it wants to hear this. */
static bool is_unasked(const struct watcher *w)
{
	return w->is_literal_asked ||
	       (w->owed_count && w->owed[w->owed_count - 1].command == WATCHER_SASL &&
		       !w->may_answer && !w->is_incomplete);
}

static bool is_long(const struct watcher *w)
{
	return w->protocol == WATCHER_POP3 && !w->may_answer &&
	       w->client.text.length > WATCHER_POP3_LINE_MAX - 2;
}

static void client_octet(struct watcher *w, uint8_t octet)
{
	struct watcher_line *l = &w->client;
	if (l->literal) {
		l->literal--;
		buffer_add_octet(&l->text, octet);
		l->part_at = l->text.length;
	} else if (is_unasked(w) || (l->has_cr && octet != '\n')) {
		watcher_blind(w);
		return;
	} else if (l->has_cr) {
		l->has_cr = false;
		client_line(w);
	} else if (octet == '\r') {
		l->has_cr = true;
	} else if (octet < ' ' || octet == 0x7f) {
		watcher_blind(w);
		return;
	} else {
		buffer_add_octet(&l->text, octet);
	}
	if (!watcher_is_over(w) && (buffer_failed(&l->text) || is_long(w)))
		watcher_blind(w);
}

void watcher_client(struct watcher *w, struct view octets)
{
	for (size_t i = 0; i < octets.length && !watcher_is_over(w); i++)
		client_octet(w, octets.at[i]);
}

/* --- the server ----------------------------------------------------------------------------- */

static void greeting(struct watcher *w, struct view line)
{
	const struct view good = w->protocol == WATCHER_POP3 ? VIEW("+OK") : VIEW("* OK");
	if (watcher_is_word(line, good))
		w->state = WATCHER_WATCHING;
	else
		watcher_blind(w); /* PREAUTH, too: nobody has logged in here */
}

/* A reply that goes on behind a literal is judged by its beginning. */
static void server_line(struct watcher *w, struct view line)
{
	uint64_t literal = 0;
	bool unused;
	const bool goes_on = w->goes_on;
	w->goes_on = w->protocol == WATCHER_IMAP && watcher_literal(line, &literal, &unused);
	w->server.literal = literal;
	if (w->goes_on && view_at(line, 0) != '*')
		watcher_blind(w);
	else if (w->state == WATCHER_GREETING)
		greeting(w, line);
	else if (w->protocol == WATCHER_POP3)
		watcher_pop3_reply(w, line);
	else if (!goes_on)
		watcher_imap_reply(w, line);
}

static void server_octet(struct watcher *w, uint8_t octet)
{
	struct buffer *text = &w->server.text;
	if (w->server.literal) {
		w->server.literal--;
		return;
	}
	if (octet != '\n') {
		buffer_add_octet(text, octet);
		if (buffer_failed(text))
			watcher_blind(w);
		return;
	}
	struct view line = buffer_view(text);
	if (view_ends(line, VIEW("\r")))
		line = view_first(line, line.length - 1);
	server_line(w, line);
	if (!watcher_is_over(w))
		buffer_clear(text);
}

bool watcher_server(struct watcher *w, struct view octets)
{
	if (watcher_is_over(w))
		return false;
	for (size_t i = 0; i < octets.length && !watcher_is_over(w); i++)
		server_octet(w, octets.at[i]);
	return w->state == WATCHER_OPEN;
}
