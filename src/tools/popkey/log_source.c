/* Where lines come from: a file that is rotated under us, the journal, a socket, standard input. */
#include "tools/popkey/log.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP 65536u
#define TICK_MS 500u /* a file that has another name now; a journal that has gone */
#define PAUSE_MAX_MS 60000u /* where there is no journalctl */

/* --- lines ------------------------------------------------------------------------------------ */

static void lines_anew(struct lines *s)
{
	s->is_skipping = false;
	buffer_clear(&s->text);
}

static void take_line(struct log *l, struct view line)
{
	if (view_ends(line, VIEW("\r")))
		line = view_first(line, line.length - 1);
	log_line(l, line);
}

static void take(struct log *l, struct view octets)
{
	struct lines *s = &l->lines;
	while (octets.length) {
		const size_t end = view_find(octets, '\n');
		buffer_add(&s->text, view_first(octets, end));
		s->is_skipping |= buffer_failed(&s->text);
		if (end == VIEW_NOT_FOUND)
			return;
		if (!s->is_skipping)
			take_line(l, buffer_view(&s->text));
		s->is_skipping = false;
		buffer_clear(&s->text);
		octets = view_from(octets, end + 1);
	}
}

/* Reads what is there; false at its end. */
static bool read_some(struct log *l)
{
	static uint8_t room[STEP];
	const ssize_t n = read(l->fd, room, sizeof room);
	if (n > 0)
		take(l, view_of(room, (size_t)n));
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- a file ------------------------------------------------------------------------------------ */

static void restart_file(struct log *l, uint64_t at)
{
	l->file_at = at;
	l->seen_length = 0;
	lines_anew(&l->lines);
}

static bool open_file(struct log *l, bool at_end)
{
	struct stat s;
	l->fd = open(l->where, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (l->fd < 0 || fstat(l->fd, &s) != 0)
		return false;
	l->file_number = s.st_ino;
	restart_file(l, at_end ? (uint64_t)s.st_size : 0);
	return true;
}

/* The last octets of what was read. */
static void remember(struct log *l, struct view octets)
{
	struct buffer b = buffer_new(2 * LOG_SEEN_MAX);
	buffer_add(&b, view_of(l->seen, l->seen_length));
	buffer_add(&b,
		view_from(octets, octets.length > LOG_SEEN_MAX ? octets.length - LOG_SEEN_MAX : 0));
	buffer_drop(&b, b.length > LOG_SEEN_MAX ? b.length - LOG_SEEN_MAX : 0);
	l->seen_length = b.length;
	must(view_copy(buffer_view(&b), l->seen, sizeof l->seen));
	buffer_free(&b);
}

static void read_file(struct log *l)
{
	static uint8_t room[STEP];
	ssize_t n;
	while (l->fd >= 0 && (n = pread(l->fd, room, sizeof room, (off_t)l->file_at)) > 0) {
		const struct view octets = view_of(room, (size_t)n);
		l->file_at += octets.length;
		remember(l, octets);
		take(l, octets);
	}
}

/* What was read is no longer there: it was cut short and written anew, perhaps to the same length. */
static bool is_another(const struct log *l)
{
	uint8_t now[LOG_SEEN_MAX];
	const ssize_t n = pread(l->fd, now, l->seen_length, (off_t)(l->file_at - l->seen_length));
	return n < 0 || !view_equal(view_of(now, (size_t)n), view_of(l->seen, l->seen_length));
}

/* Another file has its name: what was written to the old one is read first. */
static void look_at_file(struct log *l)
{
	struct stat s;
	if (l->fd >= 0 && fstat(l->fd, &s) == 0 &&
		((uint64_t)s.st_size < l->file_at || is_another(l)))
		restart_file(l, 0);
	read_file(l);
	if (stat(l->where, &s) != 0 || (l->fd >= 0 && s.st_ino == l->file_number))
		return;
	read_file(l);
	if (l->fd >= 0)
		close(l->fd);
	if (open_file(l, false))
		read_file(l);
}

static void file_tick(void *context)
{
	struct log *l = context;
	look_at_file(l);
	timer_set(l->tick, TICK_MS);
}

/* Its changes wake us at once; its going and coming is seen at the next tick. */
static void file_changed(void *context, unsigned what)
{
	struct log *l = context;
	static uint8_t room[STEP];
	(void)what;
	while (read(l->inotify, room, sizeof room) > 0)
		continue;
	look_at_file(l);
}

static bool follow_file(struct log *l)
{
	char folder[4096];
	const struct view path = view_text(l->where);
	const size_t slash = view_find_last(path, '/');
	const struct view above = slash == VIEW_NOT_FOUND ? VIEW(".") : view_first(path, slash + 1);
	if (!open_file(l, true) && errno != ENOENT) { /* later, all of it would be new */
		say_trouble("{} cannot be read: {}", text_string(l->where),
			text_string(strerrordesc_np(errno)));
		return false;
	}
	l->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (l->inotify < 0 || !view_to_text(above, folder, sizeof folder) ||
		inotify_add_watch(l->inotify, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
		say_trouble("{}: its folder cannot be watched: {}", text_string(l->where),
			text_string(strerrordesc_np(errno)));
		return false;
	}
	l->tick = timer_new(l->loop, file_tick, l);
	l->watch = watch_new(l->loop, l->inotify, file_changed, l);
	watch_want(l->watch, WATCH_READ);
	timer_set(l->tick, TICK_MS);
	return true;
}

/* --- the journal -------------------------------------------------------------------------------- */

static void journal_begin(void *context);

static void journal_ready(void *context, unsigned what)
{
	struct log *l = context;
	(void)what;
	if (read_some(l)) {
		l->pause_ms = TICK_MS;
		return;
	}
	watch_free(&l->watch);
	close(l->fd);
	waitpid(l->child, NULL, 0);
	if (l->pause_ms == TICK_MS)
		say_trouble("journalctl has ended, and is started again");
	timer_set(l->tick, l->pause_ms);
	l->pause_ms = l->pause_ms < PAUSE_MAX_MS ? 2 * l->pause_ms : PAUSE_MAX_MS;
}

/* By unit: a field of the journal's own, which no message can say. With a head: a message may have many lines, and only the
 * first of them begins with one. */
static void journal_begin(void *context)
{
	struct log *l = context;
	int ends[2];
	lines_anew(&l->lines); /* half a line of one that has ended is no beginning */
	if (pipe2(ends, O_CLOEXEC) != 0) {
		timer_set(l->tick, TICK_MS);
		return;
	}
	l->child = fork();
	if (l->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (dup2(ends[1], STDOUT_FILENO) >= 0)
			execlp("journalctl", "journalctl", "-f", "-n", "0", "-o", "short-iso", "-u",
				l->where, (char *)NULL);
		_exit(COMMON_NO_PROGRAM);
	}
	close(ends[1]);
	l->fd = ends[0];
	fcntl(l->fd, F_SETFL, O_NONBLOCK);
	l->watch = watch_new(l->loop, l->fd, journal_ready, l);
	watch_want(l->watch, WATCH_READ);
}

/* --- sockets: a datagram is a line ---------------------------------------------------------------- */

static void socket_ready(void *context, unsigned what)
{
	struct log *l = context;
	static uint8_t room[STEP];
	(void)what;
	const ssize_t n = recv(l->fd, room, sizeof room, MSG_TRUNC);
	if (n <= 0 || (size_t)n > sizeof room)
		return;
	struct view line = view_of(room, (size_t)n);
	while (line.length &&
		(view_at(line, line.length - 1) == '\n' || view_at(line, line.length - 1) == '\0'))
		line = view_first(line, line.length - 1);
	log_line(l, line);
}

static bool listen_to(struct log *l, int fd)
{
	if (fd < 0) {
		say_trouble("{}: cannot be listened to: {}", text_string(l->where),
			text_string(strerrordesc_np(errno)));
		return false;
	}
	l->fd = fd;
	l->watch = watch_new(l->loop, fd, socket_ready, l);
	watch_want(l->watch, WATCH_READ);
	return true;
}

/* --- standard input --------------------------------------------------------------------------------- */

/* A file cannot be waited for, and need not be. */
static void stdin_tick(void *context)
{
	struct log *l = context;
	if (read_some(l))
		timer_set(l->tick, 0);
	else
		loop_stop(l->loop);
}

static void stdin_ready(void *context, unsigned what)
{
	struct log *l = context;
	(void)what;
	if (!read_some(l))
		loop_stop(l->loop);
}

static bool follow_stdin(struct log *l)
{
	struct stat s;
	l->fd = STDIN_FILENO;
	if (fstat(l->fd, &s) == 0 && S_ISREG(s.st_mode)) {
		l->tick = timer_new(l->loop, stdin_tick, l);
		timer_set(l->tick, 0);
		return true;
	}
	fcntl(l->fd, F_SETFL, O_NONBLOCK);
	l->watch = watch_new(l->loop, l->fd, stdin_ready, l);
	watch_want(l->watch, WATCH_READ);
	return true;
}

bool source_start(struct log *l)
{
	l->lines.text = buffer_new(LOGLINE_MAX);
	switch (l->source) {
	case SOURCE_FILE:
		return follow_file(l);
	case SOURCE_JOURNAL:
		l->pause_ms = TICK_MS;
		l->tick = timer_new(l->loop, journal_begin, l);
		journal_begin(l);
		return true;
	case SOURCE_SOCKET:
		return listen_to(l, socket_at_path(view_text(l->where), SOCK_DGRAM));
	case SOURCE_UDP:
		return listen_to(l, socket_at_port(view_text(l->where), SOCK_DGRAM));
	case SOURCE_STDIN:
		return follow_stdin(l);
	case SOURCE_NONE:
		break;
	}
	return false;
}
