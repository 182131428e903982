/* popkey-wrap(8): N-21 (c), N-22. Stands between who authenticates and the mail program. */
#include "tools/popkey/session.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
	"usage: popkey-wrap [options] PROGRAM [argument...]\n"
	"\n"
	"Runs PROGRAM, a POP or IMAP server whose user has logged in, and opens the\n"
	"gate for its client: while it runs, and for a short time after.\n"
	"\n"
	"  --imap             opens for a short time now, and not at the end\n"
	"  --start-only       opens as a session does, and leaves the end to its clock\n"
	"  --user-from NAME   the variable that says who has logged in\n"
	"  --address-from NAME  the variable that says from where\n" COMMON_HELP
	"\nSee popkey-wrap(8).\n";

struct wrap {
	struct common common;
	bool is_imap;
	bool is_start_only;
	const char *user_from;
	const char *address_from;
};

static bool take_imap(void *options, const char *value)
{
	(void)value;
	((struct wrap *)options)->is_imap = true;
	return true;
}

static bool take_start_only(void *options, const char *value)
{
	(void)value;
	((struct wrap *)options)->is_start_only = true;
	return true;
}

static bool take_user_from(void *options, const char *value)
{
	((struct wrap *)options)->user_from = value;
	return true;
}

static bool take_address_from(void *options, const char *value)
{
	((struct wrap *)options)->address_from = value;
	return true;
}

static const struct option own[] = {
	{"--imap", take_imap, false},
	{"--start-only", take_start_only, false},
	{"--user-from", take_user_from, true},
	{"--address-from", take_address_from, true},
};

/* --- the child ------------------------------------------------------------------------------ */

/* What is sent to us is meant for it. SIGCHLD is ours; the rest cannot be caught, or says that we are at fault. */
static sigset_t passed_on(void)
{
	static const int not [] = {SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP,
		SIGSYS, SIGTTIN, SIGTTOU, SIGTSTP, SIGPIPE};
	sigset_t set;
	sigfillset(&set);
	for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
		sigdelset(&set, not [i]);
	return set;
}

/* A group that was lent to us for the directory is not the child's. */
static void give_up_group(void)
{
	if (getegid() != getgid() && setresgid(getgid(), getgid(), getgid()) != 0)
		_exit(COMMON_SYSTEM);
}

/* The connection ends when the child lets go of it, so we hold none of it. */
static void let_go(int directory)
{
	signal(SIGPIPE, SIG_IGN); /* nobody reads what we say: no reason to go before him */
	const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
		if (nothing < 0 || dup2(nothing, fd) < 0)
			close(fd);
	if (directory < 0) {
		close_range(STDERR_FILENO + 1, ~0u, 0);
		return;
	}
	if (directory > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)directory - 1, 0);
	close_range((unsigned)directory + 1, ~0u, 0);
}

/* Waits for the end of the child; its status. */
static int stay(pid_t child)
{
	sigset_t wanted = passed_on();
	sigaddset(&wanted, SIGCHLD);
	for (;;) {
		siginfo_t info;
		int status;
		const int number = sigwaitinfo(&wanted, &info);
		const pid_t ended = waitpid(child, &status, WNOHANG);
		if (ended == child)
			return status;
		if (ended < 0 && errno != EINTR)
			return 0;
		if (number > 0 && number != SIGCHLD)
			kill(child, number);
	}
}

/* As the child ended: by the same code, or by the same signal, without a core file of ours. */
static int end_as(int status)
{
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	const int number = WTERMSIG(status);
	const struct rlimit none = {0, 0};
	sigset_t set;
	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	return 128 + number;
}

static int run(struct session *s, char **argv)
{
	sigset_t before, ours = passed_on();
	struct sigaction child_before;
	sigaddset(&ours, SIGCHLD);
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &child_before);
	sigprocmask(SIG_BLOCK, &ours, &before);
	const pid_t child = fork();
	if (child == 0 || child < 0) { /* without a process of its own it is served all the same */
		give_up_group();
		sigaction(SIGCHLD, &child_before, NULL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		common_become(argv);
		_exit(COMMON_NO_PROGRAM);
	}
	let_go(s->directory);
	const int status = stay(child);
	session_end(s);
	return end_as(status);
}

static const struct command command = {
	"popkey-wrap", help, own, sizeof own / sizeof *own, .runs = true};

int main(int argc, char **argv)
{
	struct wrap w = {.common = COMMON_NEW};
	struct session s;
	int at;
	if (!command_read(&command, argc, argv, &w.common, &at))
		return at;
	if (w.is_imap && w.is_start_only) {
		tell("--imap and --start-only open for different times: which of them?");
		return COMMON_USAGE;
	}
	session_init(&s, &w.common, w.is_imap, w.address_from);
	session_begin(&s, client_user(w.user_from));
	if (!s.is_begun || w.is_start_only) {
		give_up_group();
		common_become(argv + at);
		return COMMON_NO_PROGRAM;
	}
	return run(&s, argv + at);
}
