#include "faces/smtpd/smtpd.h"

/*
 * `sekisho trace`: the dialogue of sessions as transcripts show it (tests/transcripts), while somebody
 * watches. Content is counted, not shown; what a client says in a login is blanked here, at the
 * source. Also the frames of our channels.
 */

#define LINE_SHOWN 600u

static struct {
	struct program *program;
	uint32_t stream; /* of the command; 0: nobody watches */
	char what[128];
	size_t what_length;
} watching;

bool trace_is_on(const struct session *s)
{
	if (!watching.stream)
		return false;
	const struct view what = view_of(watching.what, watching.what_length);
	if (view_equal(what, VIEW("all")))
		return true;
	struct buffer text = buffer_new(64);
	ip_add(&text, &s->facts.client);
	bool hit = view_equal(what, buffer_view(&text));
	buffer_clear(&text);
	text_add(&text, "{}", text_hex(s->id));
	hit = hit || view_equal(what, buffer_view(&text));
	buffer_free(&text);
	return hit;
}

static void show(const struct session *s, const char *mark, struct view line)
{
	struct buffer out = buffer_new(2048);
	text_add(&out, "{} {} {}\n", text_hex(s->id), text_string(mark),
		text_view(view_first(line, LINE_SHOWN)));
	program_output(watching.program, watching.stream, buffer_view(&out));
	buffer_free(&out);
}

static bool is_secret(const struct session *s, struct view line)
{
	return smtp_server_state(&s->smtp) == SMTP_STATE_AUTH ||
	       view_starts_nocase(line, VIEW("auth "));
}

static bool is_content(enum smtp_state state)
{
	return state == SMTP_STATE_DATA || state == SMTP_STATE_CHUNK;
}

void trace_input(const struct session *s, enum smtp_state before, struct view octets)
{
	if (octets.length == 0)
		return;
	if (is_content(before)) {
		struct buffer text = buffer_new(64);
		text_add(&text, "({} octets of content)", text_number(octets.length));
		show(s, "C:", buffer_view(&text));
		buffer_free(&text);
		return;
	}
	struct view line;
	while (octets.length) {
		view_split(octets, '\n', &line, &octets);
		if (view_ends(line, VIEW("\r")))
			line.length--;
		show(s, "C:", is_secret(s, line) ? VIEW("(login, not shown)") : line);
	}
}

void trace_output(const struct session *s, struct view octets)
{
	struct view line;
	while (octets.length) {
		view_split(octets, '\n', &line, &octets);
		if (view_ends(line, VIEW("\r")))
			line.length--;
		show(s, "S:",
			view_starts(line, VIEW("334 ")) ? VIEW("334 (login, not shown)") : line);
	}
}

void trace_frames(void *context, struct view line)
{
	(void)context;
	struct buffer out = buffer_new(8192);
	text_add(&out, "{}\n", text_view(line));
	program_output(watching.program, watching.stream, buffer_view(&out));
	buffer_free(&out);
}

/* `trace WHAT`: an address, a session, "all", or "channel:smtpd-spool". */
void trace_start(struct smtpd *d, uint32_t stream, struct view what)
{
	const bool channel = view_equal(what, VIEW("channel:smtpd-spool"));
	if (watching.stream || what.length == 0 ||
		!view_copy(what, watching.what, sizeof watching.what)) {
		program_output(d->program, stream,
			VIEW("somebody else is watching already, or there is nothing to watch\n"));
		program_done(d->program, stream, 75);
		return;
	}
	watching.what_length = what.length;
	watching.program = d->program;
	watching.stream = stream;
	if (channel && d->spool)
		channel_trace(d->spool, trace_frames, d);
}

void trace_stop(struct smtpd *d, uint32_t stream)
{
	if (watching.stream != stream)
		return;
	watching.stream = 0;
	if (d->spool)
		channel_trace(d->spool, NULL, NULL);
}
