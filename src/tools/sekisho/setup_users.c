#include "parent/programs.h"
#include "tools/sekisho/command.h"
#include "tools/sekisho/say.h"
#include "tools/sekisho/setup.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 16
#define NAME_TAKEN 9 /* exit code of groupadd and useradd: somebody else just made it */
#define CANNOT_RUN 127

static int run_program(const char *const *words)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char *environment[] = {path, NULL};
	char *copy[WORDS_MAX + 1] = {NULL};
	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		copy[i] =
			(char *)(uintptr_t)words[i]; /* execve takes them as not const, and keeps */
	int status;
	const pid_t pid = fork();
	if (pid == 0) {
		execve(copy[0], copy, environment);
		_exit(CANNOT_RUN);
	}
	if (pid < 0)
		return CANNOT_RUN;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CANNOT_RUN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CANNOT_RUN;
}

static int run_or_say(const char *const *words, const char *what, const char *name)
{
	const int code = run_program(words);
	if (code == CANNOT_RUN) {
		say_trouble("{} cannot be run; install the package passwd", text_string(words[0]));
		return EXIT_SYSTEM;
	}
	if (code != 0 && code != NAME_TAKEN) {
		say_trouble("the {} {} could not be made: {} ended with {}", text_string(what),
			text_string(name), text_string(words[0]), text_number((uint64_t)code));
		return EXIT_SYSTEM;
	}
	say("made the system {} {}", text_string(what), text_string(name));
	return EXIT_FINE;
}

static int make_group(const char *name)
{
	const char *const words[] = {"/usr/sbin/groupadd", "-r", name, NULL};
	return getgrnam(name) ? EXIT_FINE : run_or_say(words, "group", name);
}

static int make_user(const char *name)
{
	const char *const words[] = {"/usr/sbin/useradd", "-r", "-M", "-d", "/nonexistent", "-s",
		"/usr/sbin/nologin", "-g", name, name, NULL};
	const struct passwd *user = getpwnam(name);
	if (user && user->pw_uid == 0) {
		say_trouble(
			"the system user {} has the number of root; remove it", text_string(name));
		return EXIT_SYSTEM;
	}
	return user ? EXIT_FINE : run_or_say(words, "user", name);
}

int setup_users(void)
{
	int code = EXIT_FINE;
	for (unsigned i = 0; i < programs_count() && code == EXIT_FINE; i++) {
		const struct program_row *row = program_at(i);
		if (row->group)
			code = make_group(row->group);
		if (code == EXIT_FINE)
			code = make_group(row->user);
		if (code == EXIT_FINE)
			code = make_user(row->user);
	}
	return code;
}
