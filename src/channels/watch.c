#include "channels/watch.h"

#include "base/text.h"

#define LINE_SHOWN 600u
#define CHANNEL VIEW("channel:")

struct watcher {
	struct program *program;
	uint32_t stream; /* of the command; 0: a free place */
	char what[WATCH_WHAT_MAX];
	size_t length;
};

static struct watcher watchers[WATCHERS_MAX];
static unsigned count;

static struct view what_of(const struct watcher *w)
{
	return view_of(w->what, w->length);
}

/* --- channels ----------------------------------------------------------------------------- */

static void on_frame(const char *protocol, struct view line)
{
	struct buffer out = buffer_new(8192);
	text_add(&out, "{}\n", text_raw(line));
	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		const struct view what = what_of(&watchers[i]);
		if (watchers[i].stream && view_starts(what, CHANNEL) &&
			view_equal(view_from(what, CHANNEL.length), view_text(protocol)))
			program_output(watchers[i].program, watchers[i].stream, buffer_view(&out));
	}
	buffer_free(&out);
}

static void see_to_channels(void)
{
	bool any = false;
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		any = any || (watchers[i].stream && view_starts(what_of(&watchers[i]), CHANNEL));
	channel_trace(any ? on_frame : NULL);
}

/* --- who watches -------------------------------------------------------------------------- */

static struct watcher *find(uint32_t stream)
{
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		if (watchers[i].stream == stream)
			return &watchers[i];
	return NULL;
}

void watch_command(struct program *p, uint32_t stream, struct view what)
{
	struct watcher *w = find(0);
	const bool is_shown = p->ops->has_sessions || view_starts(what, CHANNEL);
	if (!is_shown || what.length == 0 || what.length > WATCH_WHAT_MAX) {
		program_done(p, stream, 64);
		return;
	}
	if (!w) {
		program_output(p, stream, VIEW("too many are watching already\n"));
		program_done(p, stream, 75);
		return;
	}
	must(view_copy(what, w->what, sizeof w->what));
	w->length = what.length;
	w->program = p;
	w->stream = stream;
	count++;
	see_to_channels();
}

void watch_cancel(uint32_t stream)
{
	struct watcher *w = stream ? find(stream) : NULL;
	if (!w)
		return;
	w->stream = 0;
	count--;
	see_to_channels();
}

/* --- sessions ----------------------------------------------------------------------------- */

static bool fits(const struct watcher *w, struct view client, uint64_t session)
{
	const struct view what = what_of(w);
	uint64_t id;
	return w->stream &&
	       (view_equal(what, VIEW("all")) || view_equal_nocase(what, client) ||
		       (what.length == 16 && view_to_hex64(what, &id) && id == session));
}

bool watch_is_on(void)
{
	return count > 0;
}

bool watch_wants(struct view client, uint64_t session)
{
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		if (fits(&watchers[i], client, session))
			return true;
	return false;
}

void watch_show(struct view client, uint64_t session, const char *mark, struct view line)
{
	struct buffer out = buffer_new(4 * LINE_SHOWN + 64);
	text_add(&out, "{} {} {}\n", text_hex(session), text_string(mark),
		text_view(view_first(line, LINE_SHOWN)));
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		if (fits(&watchers[i], client, session))
			program_output(watchers[i].program, watchers[i].stream, buffer_view(&out));
	buffer_free(&out);
}

void watch_show_lines(struct view client, uint64_t session, const char *mark, struct view octets)
{
	struct view line;
	while (octets.length) {
		const struct view all = octets;
		view_split(all, '\n', &line, &octets);
		if (view_ends(line, VIEW("\r")))
			line.length--;
		watch_show(client, session, mark, line);
	}
}

void watch_show_octets(struct view client, uint64_t session, const char *mark, size_t octets)
{
	struct buffer text = buffer_new(64);
	text_add(&text, "({} octets of content)", text_number(octets));
	watch_show(client, session, mark, buffer_view(&text));
	buffer_free(&text);
}
