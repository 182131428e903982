#include "tools/sekisho/password.h"

#include "base/random.h"
#include "config/verifier.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#define ADVISED_OCTETS 8u

void password_generate(struct buffer *out)
{
	const struct view alphabet = VIEW(PASSWORD_ALPHABET);
	for (unsigned group = 0; group < PASSWORD_GROUPS; group++) {
		if (group)
			buffer_add_octet(out, '-');
		for (unsigned i = 0; i < PASSWORD_GROUP_OCTETS; i++)
			buffer_add_octet(out, alphabet.at[random_below(alphabet.length)]);
	}
}

/* --- a line ------------------------------------------------------------------------------- */

static volatile sig_atomic_t caught;
static const sigset_t *
	mask_of_waiting; /* signals come while we wait, and not just before it; null: as they are */

static void catch_signal(int number)
{
	caught = number;
}

/* False: a signal ends the waiting. */
static bool wait_for_octet(int fd)
{
	struct pollfd watched = {.fd = fd, .events = POLLIN};
	while (!caught && ppoll(&watched, 1, NULL, mask_of_waiting) < 0 && errno == EINTR)
		;
	return !caught;
}

/* Octet by octet: what stands behind the line belongs to somebody else. */
bool password_read_line(int fd, struct buffer *out)
{
	while (wait_for_octet(fd)) {
		uint8_t octet;
		const ssize_t n = read(fd, &octet, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || octet == '\n')
			break;
		buffer_add_octet(out, octet);
	}
	if (view_ends(buffer_view(out), VIEW("\r")))
		buffer_truncate(out, out->length - 1);
	return !caught && !buffer_failed(out) && out->length > 0;
}

/* --- the terminal ------------------------------------------------------------------------- */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define SIGNALS (sizeof signals / sizeof *signals)

/* Whatever ends the command, the terminal gets its echo back first. */
static bool ask_hidden(const char *question, struct buffer *out)
{
	struct termios shown;
	struct sigaction before[SIGNALS];
	const struct sigaction catching = {.sa_handler = catch_signal};
	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	struct termios hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	caught = 0;
	sigset_t blocked, mask;
	sigemptyset(&blocked);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, &mask);
	mask_of_waiting = &mask;
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &catching, &before[i]);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	say_to(STDERR_FILENO, view_text(question));
	const bool ok = password_read_line(STDIN_FILENO, out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	say_to(STDERR_FILENO, VIEW("\n"));
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	mask_of_waiting = NULL;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (caught)
		raise(caught);
	return ok;
}

static bool ask_twice(struct buffer *out)
{
	struct buffer again = buffer_new(VERIFIER_PASSWORD_MAX);
	bool ok = ask_hidden("Password: ", out) && ask_hidden("Once more: ", &again);
	if (!ok)
		say_trouble("no password was given");
	if (ok && !view_equal_secret(buffer_view(out), buffer_view(&again))) {
		say_trouble("the two passwords differ; nothing was changed");
		ok = false;
	}
	buffer_free_secret(&again);
	return ok;
}

static bool take_line(struct buffer *out)
{
	if (password_read_line(STDIN_FILENO, out))
		return true;
	if (buffer_failed(out))
		say_trouble("the password is longer than {} octets",
			text_number(VERIFIER_PASSWORD_MAX));
	else
		say_trouble("no password came on standard input; give it as one line, or use "
			    "--generate");
	return false;
}

bool password_read(struct buffer *out)
{
	if (isatty(STDIN_FILENO) ? !ask_twice(out) : !take_line(out))
		return false;
	if (out->length < ADVISED_OCTETS)
		say_trouble("note: a password of fewer than {} characters is soon guessed",
			text_number(ADVISED_OCTETS));
	return true;
}
