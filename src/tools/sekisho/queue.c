#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include <unistd.h>

/* The first octets are held back: an answer that is short and a refusal goes to standard error. */
#define HELD_MAX 65536u

struct printing {
	struct buffer held;
	bool is_flowing;
	bool some;
};

static void print(void *context, struct view octets)
{
	struct printing *p = context;
	p->some = p->some || octets.length;
	if (!p->is_flowing && octets.length <= buffer_left(&p->held)) {
		buffer_add(&p->held, octets);
		return;
	}
	if (!p->is_flowing)
		say_octets(buffer_view(&p->held));
	p->is_flowing = true;
	say_octets(octets);
}

static bool is_change(const struct call *call)
{
	const struct view verb = call_word(call, 0);
	if (view_equal(verb, VIEW("retry")))
		return true;
	return call->word_count == 2 &&
	       (view_equal(verb, VIEW("return")) || view_equal(verb, VIEW("delete")));
}

static void add_words(struct buffer *b, const struct call *call)
{
	buffer_add(b, VIEW("queue"));
	for (unsigned i = 0; i < call->word_count; i++) {
		buffer_add_octet(b, 0);
		buffer_add(b, call_word(call, i));
	}
	if (call_has(call, VIEW("--json")))
		buffer_add(b, VIEW("\0--json"));
}

int run_queue(const struct call *call)
{
	const bool json = call_has(call, VIEW("--json"));
	struct printing p = {.held = buffer_new(HELD_MAX)};
	struct buffer words = buffer_new(ASK_WORDS_MAX);
	if (call->word_count && (json || !is_change(call))) {
		say_trouble("queue takes retry [DOMAIN], return ID or delete ID; see sekisho queue "
			    "--help");
		return EXIT_USAGE;
	}
	add_words(&words, call);
	const int code = ask_all(call->state, VIEW("spool"), buffer_view(&words), print, &p);
	buffer_free(&words);
	if (!p.is_flowing)
		say_to(code == EXIT_FINE ? STDOUT_FILENO : STDERR_FILENO, buffer_view(&p.held));
	if (code == EXIT_FINE && !p.some && !json)
		say("the queue is empty");
	buffer_free(&p.held);
	return code;
}
