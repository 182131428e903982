/* `sekisho trace`: lines of one or more programs, as they come, until Ctrl-C. */
#include "tools/sekisho/trace.h"
#include "channels/peers.h"
#include "parent/programs.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define LINE_ROOM (1u << 20)

/* Ctrl-C is how it ends, and no failure. */
static void on_interrupt(int number)
{
	(void)number;
	_exit(EXIT_FINE);
}

struct source {
	struct ask ask;
	struct view program;
	struct buffer line; /* not ended yet: lines of two programs do not mix */
	bool open;
};

bool trace_question_of(struct view what, struct trace_question *q)
{
	struct view left, right;
	*q = (struct trace_question){{VIEW("smtpd"), VIEW("popd")}, what, VIEW_NONE};
	if (!view_starts(what, VIEW("channel:")))
		return !view_is_empty(what);
	if (!view_split(view_from(what, VIEW("channel:").length), '-', &left, &right))
		return false;
	const struct program_row *a = program_find(left);
	const struct program_row *b = program_find(right);
	const struct program_pair *pair = a && b ? program_pair_of(a->id, b->id) : NULL;
	if (!pair)
		return false;
	/* both ends see every frame: one is enough */
	q->programs[0] = view_text(program_of(pair->a)->name);
	q->programs[1] = VIEW_NONE;
	q->what = VIEW("channel:");
	q->protocol = view_text(pair->protocol);
	return true;
}

static void print_lines(void *context, struct view octets)
{
	struct source *s = context;
	if (octets.length > buffer_left(&s->line)) { /* a line without end */
		say_octets(buffer_view(&s->line));
		buffer_clear(&s->line);
	}
	buffer_add(&s->line, octets);
	const size_t end = view_find_last(buffer_view(&s->line), '\n');
	if (end == VIEW_NOT_FOUND)
		return;
	say_octets(view_first(buffer_view(&s->line), end + 1));
	buffer_drop(&s->line, end + 1);
}

static int begin(
	struct source *s, const char *state, struct view program, const struct trace_question *q)
{
	struct buffer words = buffer_new(ASK_WORDS_MAX + 1);
	s->program = program;
	s->line = buffer_new(LINE_ROOM);
	buffer_add(&words, VIEW("trace\0"));
	buffer_add(&words, q->what);
	buffer_add(&words, q->protocol);
	const int code = ask_begin(&s->ask, state, program, buffer_view(&words));
	s->open = code == EXIT_FINE;
	buffer_free(&words);
	return code;
}

static void finish(struct source *s)
{
	say_octets(buffer_view(&s->line));
	buffer_clear(&s->line);
	if (s->ask.exit_code == EXIT_USAGE)
		say_trouble("{} cannot trace that", text_view(s->program));
	else if (s->ask.exit_code == EXIT_LATER)
		say_trouble("{} is gone for now", text_view(s->program));
	s->open = false;
	ask_end(&s->ask);
}

static void follow(struct source *sources, size_t count)
{
	const struct sigaction catching = {.sa_handler = on_interrupt};
	sigaction(SIGINT, &catching, NULL);
	sigaction(SIGTERM, &catching, NULL);
	for (;;) {
		struct pollfd polls[TRACE_PROGRAMS];
		bool any = false;
		for (size_t i = 0; i < count; i++) {
			polls[i] = (struct pollfd){
				.fd = sources[i].open ? sources[i].ask.fd : -1, .events = POLLIN};
			any = any || sources[i].open;
		}
		if (!any)
			return;
		if (poll(polls, count, -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			if (!sources[i].open || !polls[i].revents)
				continue;
			ask_step(&sources[i].ask, print_lines, &sources[i]);
			if (sources[i].ask.done)
				finish(&sources[i]);
		}
	}
}

/* As good as the best of its programs. */
static int code_of(const struct source *sources, size_t count)
{
	int code = sources[0].ask.exit_code;
	for (size_t i = 1; i < count; i++)
		code = sources[i].ask.exit_code < code ? sources[i].ask.exit_code : code;
	return code;
}

int run_trace(const struct call *call)
{
	struct source sources[TRACE_PROGRAMS] = {{.open = false}};
	struct trace_question q;
	size_t count = 0;
	int code = EXIT_FINE;
	if (!trace_question_of(call_word(call, 0), &q)) {
		say_trouble("\"{}\" is neither an address nor a session nor a channel such as "
			    "channel:smtpd-spool",
			text_view(call_word(call, 0)));
		return EXIT_USAGE;
	}
	while (count < TRACE_PROGRAMS && code == EXIT_FINE && !view_is_empty(q.programs[count])) {
		code = begin(&sources[count], call->state, q.programs[count], &q);
		count++;
	}
	if (code == EXIT_FINE) {
		follow(sources, count);
		code = code_of(sources, count);
	}
	for (size_t i = 0; i < count; i++) {
		ask_end(&sources[i].ask);
		buffer_free(&sources[i].line);
	}
	return code;
}
