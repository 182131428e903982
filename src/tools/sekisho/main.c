/*
 * The command `sekisho`: everything that a person does with the server. `sekisho serve` is the server
 * itself (parent/serve.h); the others read the configuration, change the users, or ask the running
 * server over its command socket.
 */
#include "parent/options.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/commands.h"
#include "tools/sekisho/say.h"

#include <stdlib.h>
#include <unistd.h>

#define HELP_MAX 65536u

static int print_help(const struct command *command)
{
	struct buffer b = buffer_new(HELP_MAX);
	if (command && command->run_raw) {
		char help[] = "--help";
		char *words[] = {help, NULL};
		return command->run_raw(1, words);
	}
	if (command)
		command_add_help(&b, command);
	else
		commands_add_help(&b);
	say_octets(buffer_view(&b));
	buffer_free(&b);
	return EXIT_FINE;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct call call = {.config = options_config(), .state = options_state()};
	struct buffer problem = buffer_new(4096);
	if (command->run_raw)
		return command->run_raw(argc, argv);
	if (!call_parse(command, argc, argv, &call, &problem)) {
		say_trouble("{}; see `sekisho {} --help`", text_raw(buffer_view(&problem)),
			text_string(command->name));
		return EXIT_USAGE;
	}
	return call.wants_help ? print_help(command) : command->run(&call);
}

/* Directories named before the command hold for every one of them: by the environment, which is
 * what all of them read. False when it is no such option. */
static bool take_global(int argc, char **argv, int *at)
{
	static const struct {
		struct view option;
		const char *variable;
	} globals[] = {{VIEW("--config"), "SEKISHO_CONFIG"}, {VIEW("--state"), "SEKISHO_STATE"}};
	struct view name, value;
	const bool is_joined = view_split(view_text(argv[*at]), '=', &name, &value);
	for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
		if (!view_equal(name, globals[i].option) || (!is_joined && *at + 1 == argc))
			continue;
		const char *given = is_joined ? argv[*at] + name.length + 1 : argv[*at + 1];
		if (!*given || setenv(globals[i].variable, given, 1) != 0)
			return false;
		*at += is_joined ? 1 : 2;
		return true;
	}
	return false;
}

static int no_such_command(const char *word)
{
	say_trouble("\"{}\" is no {}; see `sekisho --help`", text_string(word),
		text_string(*word == '-' ? "option" : "command"));
	return EXIT_USAGE;
}

static int help_for(int argc, char **argv)
{
	const struct command *command = argc > 0 ? command_find(view_text(argv[0])) : NULL;
	if (argc > 0 && !command)
		return no_such_command(argv[0]);
	return print_help(command);
}

int main(int argc, char **argv)
{
	int at = 1;
	while (at < argc && take_global(argc, argv, &at))
		;
	const struct view word = at < argc ? view_text(argv[at]) : VIEW_NONE;
	if (view_equal(word, VIEW("--help")) || view_equal(word, VIEW("-h")))
		return print_help(NULL);
	if (view_equal(word, VIEW("help")))
		return help_for(argc - at - 1, argv + at + 1);
	if (view_equal(word, VIEW("version")) || view_equal(word, VIEW("--version"))) {
		say("sekisho {}", text_string(SEKISHO_VERSION));
		return EXIT_FINE;
	}
	if (at >= argc) {
		struct buffer b = buffer_new(HELP_MAX);
		commands_add_help(&b);
		say_to(STDERR_FILENO, buffer_view(&b));
		buffer_free(&b);
		return EXIT_USAGE;
	}
	const struct command *command = command_find(word);
	return command ? run(command, argc - at - 1, argv + at + 1) : no_such_command(argv[at]);
}
