#include "channels/watch.h"
#include "faces/popd/popd.h"

/*
 * `sekisho trace`: the dialogue of a session as transcripts show it. Messages are counted, not shown;
 * what is said in a login is blanked here, at the source.
 */

static bool is_secret(enum pop3_state before, struct view line)
{
	return before == POP3_STATE_SASL || view_starts_nocase(line, VIEW("pass ")) ||
	       view_starts_nocase(line, VIEW("auth "));
}

static void show_input(
	const struct session *s, struct view client, enum pop3_state before, struct view octets)
{
	struct view line;
	while (octets.length) {
		const struct view all = octets;
		view_split(all, '\n', &line, &octets);
		if (is_secret(before, line))
			watch_show(client, s->id, "C:", VIEW("(login, not shown)"));
		else
			watch_show_lines(client, s->id, "C:", line);
	}
}

static void show_output(const struct session *s, struct view client, struct view octets)
{
	if (view_starts(octets, VIEW("+ ")))
		watch_show(client, s->id, "S:", VIEW("+ (login, not shown)"));
	else
		watch_show_lines(client, s->id, "S:", octets);
}

/* The address, when this session is watched; else nothing. */
static struct view client_watched(const struct session *s, struct buffer *text)
{
	ip_add(text, &s->guest.client);
	return watch_wants(buffer_view(text), s->id) ? buffer_view(text) : VIEW_NONE;
}

enum pop3_want trace_step(struct session *s, struct cursor *in, struct buffer *out)
{
	struct buffer text = buffer_new(64);
	const struct view client = client_watched(s, &text);
	const enum pop3_state before = pop3_server_state(s->pop3);
	const size_t consumed = in->at;
	const size_t said = out->length;
	const enum pop3_want want = pop3_server_step(s->pop3, in, out);
	if (client.length) {
		show_input(s, client, before, view_part(in->all, consumed, in->at - consumed));
		show_output(s, client, view_from(buffer_view(out), said));
	}
	buffer_free(&text);
	return want;
}

void trace_output(const struct session *s, struct view octets)
{
	struct buffer text = buffer_new(64);
	const struct view client = client_watched(s, &text);
	if (client.length)
		show_output(s, client, octets);
	buffer_free(&text);
}

void trace_content(const struct session *s, size_t octets)
{
	struct buffer text = buffer_new(64);
	const struct view client = client_watched(s, &text);
	if (client.length)
		watch_show_octets(client, s->id, "S:", octets);
	buffer_free(&text);
}
