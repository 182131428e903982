#include "channels/watch.h"
#include "faces/smtpd/smtpd.h"

/*
 * `sekisho trace`: the dialogue of a session as transcripts show it (tests/transcripts). Content is
 * counted, not shown; what is said in a login is blanked here, at the source.
 */

static const struct view hidden = {(const uint8_t *)"(login, not shown)", 18};

static bool is_secret(const struct session *s, struct view line)
{
	return smtp_server_state(&s->smtp) == SMTP_STATE_AUTH ||
	       view_starts_nocase(line, VIEW("auth "));
}

static bool is_content(enum smtp_state state)
{
	return state == SMTP_STATE_DATA || state == SMTP_STATE_CHUNK;
}

static void show_input(
	const struct session *s, struct view client, enum smtp_state before, struct view octets)
{
	if (octets.length && is_content(before))
		watch_show_octets(client, s->id, "C:", octets.length);
	else if (octets.length && is_secret(s, octets))
		watch_show(client, s->id, "C:", hidden);
	else
		watch_show_lines(client, s->id, "C:", octets);
}

static void show_output(const struct session *s, struct view client, struct view octets)
{
	if (view_starts(octets, VIEW("334 ")))
		watch_show(client, s->id, "S: 334", hidden);
	else
		watch_show_lines(client, s->id, "S:", octets);
}

enum smtp_want trace_step(struct session *s, struct cursor *in, struct buffer *out)
{
	struct buffer text = buffer_new(64);
	ip_add(&text, &s->facts.client);
	const struct view client = buffer_view(&text);
	const bool shown = watch_wants(client, s->id);
	const enum smtp_state before = smtp_server_state(&s->smtp);
	const size_t consumed = in->at;
	const size_t said = out->length;
	const enum smtp_want want = smtp_server_step(&s->smtp, in, out);
	if (shown) {
		show_input(s, client, before, view_part(in->all, consumed, in->at - consumed));
		show_output(s, client, view_from(buffer_view(out), said));
	}
	buffer_free(&text);
	return want;
}
