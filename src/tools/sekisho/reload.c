#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"
#include "tools/sekisho/site.h"

#include <unistd.h>

static int find_errors(struct site *site, const void *context, struct buffer *answer)
{
	(void)context;
	site_add_errors(answer, site);
	return EXIT_FINE;
}

/* The configuration is read here as the server has just read it: its findings went to the log. */
static void say_why(const struct call *call)
{
	const struct site_question question = {
		.config = call->config, .state = call->state, .work = find_errors};
	struct buffer errors = buffer_new(SITE_ANSWER_MAX);
	if (site_ask(&question, &errors) == EXIT_FINE)
		say_to(STDERR_FILENO, buffer_view(&errors));
	buffer_free(&errors);
}

int run_reload(const struct call *call)
{
	struct buffer answer = buffer_new(65536);
	const int code = ask_text(call->state, VIEW("parent"), VIEW("reload"), &answer);
	if (code == EXIT_FINE)
		say("the configuration is in force");
	else
		say_to(STDERR_FILENO, buffer_view(&answer));
	if (code == EXIT_NO)
		say_why(call);
	buffer_free(&answer);
	return code;
}
