#include "tools/sekisho/ask.h"

#include "channels/command.h"
#include "tools/sekisho/command.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK_STREAM 1u
#define READ_STEP 32768u

/* --- connecting --------------------------------------------------------------------------- */

/* Descriptor, or -1 with errno. */
static int connect_to(const char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int directory = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;
	if (directory < 0)
		return -1;
	must(local_socket_path(
		directory, COMMAND_SOCKET_NAME, address.sun_path, sizeof address.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	const int problem = errno;
	close(directory);
	if (!ok && fd >= 0)
		close(fd);
	errno = problem;
	return ok ? fd : -1;
}

static int refused(const char *state, int problem)
{
	if (problem == ENOENT || problem == ENOTDIR) {
		say_trouble("the server is not running (no socket in {})", text_string(state));
		return EXIT_NOT_RUNNING;
	}
	if (problem == ECONNREFUSED) {
		say_trouble("the server is not running (nobody listens in {})", text_string(state));
		return EXIT_NOT_RUNNING;
	}
	if (problem == EACCES || problem == EPERM) {
		say_trouble("the server at {} may be asked by root, and by the user who runs it",
			text_string(state));
		return EXIT_PERMISSION;
	}
	say_trouble("{}: {}", text_string(state), text_string(strerrordesc_np(problem)));
	return problem == ENAMETOOLONG ? EXIT_USAGE : EXIT_IO;
}

static bool send_all(int fd, struct view octets)
{
	while (octets.length) {
		const ssize_t n = send(fd, octets.at, octets.length, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		octets = view_from(octets, (size_t)n);
	}
	return true;
}

int ask_begin(struct ask *ask, const char *state, struct view program, struct view words)
{
	*ask = (struct ask){.fd = -1, .in = buffer_new(FRAME_HEADER + FRAME_MAX + READ_STEP)};
	if (words.length > ASK_WORDS_MAX) {
		say_trouble("that is too long to ask");
		return EXIT_USAGE;
	}
	ask->fd = connect_to(state);
	if (ask->fd < 0)
		return refused(state, errno);
	struct buffer out = buffer_new(FRAME_MAX);
	const struct frame_value values[] = {frame_bytes(program), frame_bytes(words)};
	frame_add(&out, &command_protocol, COMMAND_ASK, ASK_STREAM, values);
	/* a server that closes at once has its say when the answer is read */
	if (!send_all(ask->fd, buffer_view(&out)))
		shutdown(ask->fd, SHUT_WR);
	buffer_free(&out);
	return EXIT_FINE;
}

/* --- the answer --------------------------------------------------------------------------- */

static void finish(struct ask *ask, int exit_code)
{
	ask->done = true;
	ask->exit_code = exit_code;
}

/* One frame from the front of what came; false when it is not whole yet, or the answer is over. */
static bool take_frame(struct ask *ask, ask_output *output, void *context)
{
	struct frame_head head;
	struct frame frame;
	const struct view in = buffer_view(&ask->in);
	if (ask->done || !frame_head(in, &head))
		return false;
	if (head.length <= FRAME_MAX && in.length < FRAME_HEADER + (size_t)head.length)
		return false;
	const struct frame_row *row = frame_row(&command_protocol, head.code, FRAME_B);
	if (head.length > FRAME_MAX || head.stream != ASK_STREAM || !row ||
		!frame_read(row, head.stream, view_part(in, FRAME_HEADER, head.length), &frame)) {
		say_trouble("the server gave an answer that is none: is it another version?");
		finish(ask, EXIT_INTERNAL);
		return false;
	}
	if (head.code == COMMAND_OUTPUT)
		output(context, frame.values[0].bytes);
	else
		finish(ask, (int)frame.values[0].number);
	buffer_drop(&ask->in, FRAME_HEADER + (size_t)head.length);
	return true;
}

static void lost(struct ask *ask)
{
	if (!ask->heard) {
		say_trouble("the server did not answer: it lets in root and the user who runs it, "
			    "and 32 questions at once");
		finish(ask, EXIT_PERMISSION);
	} else {
		say_trouble("the server went away in the middle of its answer");
		finish(ask, EXIT_LATER);
	}
}

void ask_step(struct ask *ask, ask_output *output, void *context)
{
	uint8_t *room = buffer_room(&ask->in, READ_STEP);
	must(room != NULL); /* frames are taken out before the next read, and are no longer */
	const ssize_t n = read(ask->fd, room, READ_STEP);
	if (n < 0 && errno == EINTR)
		return;
	if (n < 0 && errno == EAGAIN) {
		say_trouble("no answer within {} s: a program of the server hangs",
			text_number(ask->patience_s));
		finish(ask, EXIT_LATER);
		return;
	}
	if (n <= 0) {
		lost(ask);
		return;
	}
	buffer_grown(&ask->in, (size_t)n);
	ask->heard = true;
	while (take_frame(ask, output, context))
		;
}

void ask_end(struct ask *ask)
{
	if (ask->fd >= 0)
		close(ask->fd);
	ask->fd = -1;
	buffer_free(&ask->in);
}

int ask_patiently(const char *state, struct view program, struct view words, unsigned patience_s,
	ask_output *output, void *context)
{
	struct ask ask;
	const int begun = ask_begin(&ask, state, program, words);
	const struct timeval patience = {.tv_sec = patience_s};
	ask.patience_s = patience_s;
	if (begun == EXIT_FINE)
		setsockopt(ask.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	while (begun == EXIT_FINE && !ask.done)
		ask_step(&ask, output, context);
	const int code = begun == EXIT_FINE ? ask.exit_code : begun;
	ask_end(&ask);
	return code;
}

int ask_all(const char *state, struct view program, struct view words, ask_output *output,
	void *context)
{
	return ask_patiently(state, program, words, ASK_PATIENCE_S, output, context);
}

static void collect(void *context, struct view octets)
{
	buffer_add(context, octets);
}

int ask_text(const char *state, struct view program, struct view words, struct buffer *answer)
{
	return ask_all(state, program, words, collect, answer);
}

bool ask_is_running(const char *state)
{
	const int fd = connect_to(state);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

struct view ask_take_line(struct view *rest, struct view key)
{
	struct view line, behind;
	view_split(*rest, '\n', &line, &behind);
	if (!view_starts(line, key))
		return VIEW_NONE;
	*rest = behind;
	return view_from(line, key.length);
}
