#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include <unistd.h>

int run_reload(const struct call *call)
{
	struct buffer answer = buffer_new(65536);
	const int code = ask_text(call->state, VIEW("parent"), VIEW("reload"), &answer);
	if (code == EXIT_FINE)
		say("the configuration is in force");
	else
		say_to(STDERR_FILENO, buffer_view(&answer));
	buffer_free(&answer);
	return code;
}
