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

int run_queue(const struct call *call)
{
	const bool json = call_has(call, VIEW("--json"));
	struct printing p = {.held = buffer_new(HELD_MAX)};
	const int code = ask_all(call->state, VIEW("spool"),
		json ? VIEW("queue\0--json") : VIEW("queue"), print, &p);
	if (!p.is_flowing)
		say_to(code == EXIT_FINE ? STDOUT_FILENO : STDERR_FILENO, buffer_view(&p.held));
	if (code == EXIT_FINE && !p.some && !json)
		say("the queue is empty");
	buffer_free(&p.held);
	return code;
}
