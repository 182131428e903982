/* popkey-filter(8): N-21 (b). Stands between the client and a POP or IMAP server, and hands every octet on as it comes. */
#include "popkey/watcher.h"
#include "tools/popkey/session.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 65536u

static const char help[] =
	"usage: popkey-filter [options] PROGRAM [argument...]\n"
	"\n"
	"Runs PROGRAM, a POP or IMAP server, with its client behind it, and opens the\n"
	"gate when the server's reply shows that a login has succeeded.\n"
	"\n"
	"  --imap             IMAP: opens for a short time at the login\n" COMMON_HELP
	"\nSee popkey-filter(8).\n";

struct filter {
	struct common common;
	bool is_imap;
};

static bool take_imap(void *options, const char *value)
{
	(void)value;
	((struct filter *)options)->is_imap = true;
	return true;
}

static const struct option own[] = {{"--imap", take_imap, false}};

/* --- one way -------------------------------------------------------------------------------- */

/* Octets from one end to the other: what was read is written before more is read. */
struct way {
	int from; /* -1: it has ended */
	int to; /* -1: nobody reads there any more */
	size_t at;
	size_t length;
	uint8_t room[ROOM];
};

struct passage {
	struct way up; /* client to server */
	struct way down;
	struct watcher watcher;
	struct session session;
};

/* An end of a way of its own: no other way goes through that descriptor. */
static void way_close_from(struct way *w)
{
	if (w->from > STDERR_FILENO)
		shutdown(w->from, SHUT_RD);
	w->from = -1;
}

/* The other end reads an end of file: a socket of our own, or the client's, in that direction alone. */
static void way_close_to(struct way *w)
{
	if (w->to >= 0 && shutdown(w->to, SHUT_WR) != 0 && errno == ENOTSOCK)
		close(w->to);
	w->to = -1;
	w->length = w->at = 0;
}

static bool is_later(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void way_write(struct way *w)
{
	const ssize_t n = write(w->to, w->room + w->at, w->length - w->at);
	if (n < 0 && !is_later()) {
		way_close_to(w);
		way_close_from(w);
	} else if (n > 0) {
		w->at += (size_t)n;
		if (w->at == w->length)
			w->at = w->length = 0;
	}
}

/* What was read now; nothing at its end. */
static struct view way_read(struct way *w)
{
	const ssize_t n = read(w->from, w->room, sizeof w->room);
	if (n > 0) {
		w->length = (size_t)n;
		return view_of(w->room, w->length);
	}
	if (n == 0 || !is_later()) {
		way_close_from(w);
		way_close_to(w);
	}
	return VIEW_NONE;
}

/* The gate is open before the client can know that it is. */
static void look(struct passage *p, struct way *w, struct view octets)
{
	if (!octets.length || watcher_is_over(&p->watcher))
		return;
	if (w == &p->up)
		watcher_client(&p->watcher, octets);
	else if (watcher_server(&p->watcher, octets))
		session_begin(&p->session, watcher_user(&p->watcher));
}

static void turn(struct passage *p, struct way *w, short ready)
{
	if (w->length) {
		if (ready)
			way_write(w);
	} else if (w->from >= 0 && ready) {
		look(p, w, way_read(w));
		if (w->length)
			way_write(w);
	}
}

/* Waits for the end of a way that has something to do; a server that has closed both of its ends is done. */
static void pass(struct passage *p)
{
	struct way *const ways[] = {&p->up, &p->down};
	while (p->down.from >= 0 || p->down.length) {
		struct pollfd fds[2];
		for (size_t i = 0; i < 2; i++)
			fds[i] =
				(struct pollfd){.fd = ways[i]->length ? ways[i]->to : ways[i]->from,
					.events = ways[i]->length ? POLLOUT : POLLIN};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < 2; i++)
			turn(p, ways[i], fds[i].revents);
	}
}

/* --- the server ----------------------------------------------------------------------------- */

/* Sockets, not pipes: servers ask their descriptors for things that pipes do not know. Two, so that either way can end alone. */
static pid_t start(struct passage *p, char **argv)
{
	int up[2], down[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, up) != 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, down) != 0)
		return -1;
	shutdown(up[1], SHUT_WR);
	shutdown(down[1], SHUT_RD);
	const pid_t child = fork();
	if (child == 0) {
		if (dup2(up[1], STDIN_FILENO) < 0 || dup2(down[1], STDOUT_FILENO) < 0)
			_exit(COMMON_SYSTEM);
		common_become(argv);
		_exit(COMMON_NO_PROGRAM);
	}
	close(up[1]);
	close(down[1]);
	p->up.to = up[0];
	p->down.from = down[0];
	return child;
}

static void no_waiting(int fd)
{
	const int flags = fcntl(fd, F_GETFL);
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* The server has ended, or will: nobody reads what it may still say. */
static int status_of(pid_t child)
{
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct filter *f, char **argv)
{
	static struct passage p = {.up = {.from = STDIN_FILENO}, .down = {.to = STDOUT_FILENO}};
	session_init(&p.session, &f->common, f->is_imap, NULL);
	if (p.session.directory < 0) {
		common_become(argv); /* nothing will be opened: there is nothing to look for */
		return COMMON_NO_PROGRAM;
	}
	watcher_init(&p.watcher, f->is_imap ? WATCHER_IMAP : WATCHER_POP3);
	signal(SIGCHLD, SIG_DFL);
	const pid_t child = start(&p, argv);
	if (child < 0) {
		common_become(argv);
		return COMMON_NO_PROGRAM;
	}
	signal(SIGPIPE, SIG_IGN);
	const int ends[] = {p.up.from, p.up.to, p.down.from, p.down.to};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		no_waiting(ends[i]);
	pass(&p);
	session_end(&p.session);
	watcher_free(&p.watcher);
	close(ends[1]);
	close(ends[2]);
	return status_of(child);
}

static const struct command command = {
	"popkey-filter", help, own, sizeof own / sizeof *own, .runs = true};

int main(int argc, char **argv)
{
	struct filter f = {.common = COMMON_NEW};
	int at;
	if (!command_read(&command, argc, argv, &f.common, &at))
		return at;
	return run(&f, argv + at);
}
