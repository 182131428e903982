#include "parent/logs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 8192
#define READ_STEP 65536

struct log_pipe {
	struct watch *watch;
	int fd;
	struct buffer in;
	struct buffer out;
	char tag[32];
};

static bool wants_time(void)
{
	static int answer = -1;
	if (answer < 0)
		answer = getenv("JOURNAL_STREAM") == NULL;
	return answer == 1;
}

static void add_two(struct buffer *b, int n)
{
	buffer_add_octet(b, (uint8_t)('0' + n / 10 % 10));
	buffer_add_octet(b, (uint8_t)('0' + n % 10));
}

/* 2030-01-31T12:34:56Z: UTC, so that lines of several hosts can be laid side by side. */
static void add_time(struct buffer *b)
{
	const time_t now = (time_t)clock_wall_s();
	struct tm t;
	gmtime_r(&now, &t);
	text_add(b, "{}-", text_number((uint64_t)t.tm_year + 1900));
	add_two(b, t.tm_mon + 1);
	buffer_add_octet(b, '-');
	add_two(b, t.tm_mday);
	buffer_add_octet(b, 'T');
	add_two(b, t.tm_hour);
	buffer_add_octet(b, ':');
	add_two(b, t.tm_min);
	buffer_add_octet(b, ':');
	add_two(b, t.tm_sec);
	buffer_add(b, VIEW("Z "));
}

static void begin_own_line(struct buffer *line)
{
	if (wants_time())
		add_time(line);
	buffer_add(line, VIEW("program=parent "));
}

void logs_of_parent(void)
{
	log_prefix(begin_own_line);
}

static void print_line(struct log_pipe *p, struct view line)
{
	if (wants_time())
		add_time(&p->out);
	text_add(&p->out, "program={} ", text_string(p->tag));
	/* our own lines are escaped already; what a library wrote to stderr is not */
	if (view_is_ascii(line) && view_is_printable(line, true))
		buffer_add(&p->out, line);
	else
		text_add_escaped(&p->out, line);
	buffer_add_octet(&p->out, '\n');
}

static void print_lines(struct log_pipe *p, bool all)
{
	struct view rest = buffer_view(&p->in);
	size_t at;
	while ((at = view_find(rest, '\n')) != VIEW_NOT_FOUND || rest.length >= LINE_MAX_OCTETS) {
		const struct view line =
			view_first(rest, at < LINE_MAX_OCTETS ? at : LINE_MAX_OCTETS);
		print_line(p, line);
		rest = view_from(rest, line.length + (line.length == at));
	}
	if (all && rest.length) {
		print_line(p, rest);
		rest = VIEW_NONE;
	}
	buffer_drop(&p->in, p->in.length - rest.length);
	if (p->out.length && write(STDERR_FILENO, p->out.data, p->out.length) < 0) {
		/* nobody to tell */
	}
	buffer_clear(&p->out);
}

static bool read_some(struct log_pipe *p)
{
	uint8_t *room = buffer_room(&p->in, READ_STEP);
	const ssize_t n = room ? read(p->fd, room, READ_STEP) : -1;
	if (n <= 0)
		return n < 0;
	buffer_grown(&p->in, (size_t)n);
	print_lines(p, false);
	return true;
}

static void on_ready(void *context, unsigned what)
{
	(void)what;
	struct log_pipe *p = context;
	if (!read_some(p))
		watch_want(p->watch, WATCH_NOTHING);
}

struct log_pipe *log_pipe_new(struct loop *loop, int fd, struct view tag)
{
	struct log_pipe *p = memory_new(1, sizeof *p);
	p->fd = fd;
	p->in = buffer_new(LINE_MAX_OCTETS + READ_STEP);
	p->out = buffer_new(4 * READ_STEP);
	must(view_to_text(tag, p->tag, sizeof p->tag));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	p->watch = watch_new(loop, fd, on_ready, p);
	watch_want(p->watch, WATCH_READ);
	return p;
}

void log_pipe_free(struct log_pipe **at)
{
	struct log_pipe *p = *at;
	if (!p)
		return;
	size_t before;
	do
		before = p->in.length;
	while (read_some(p) && p->in.length != before);
	print_lines(p, true);
	watch_free(&p->watch);
	close(p->fd);
	buffer_free(&p->in);
	buffer_free(&p->out);
	memory_free(p);
	*at = NULL;
}
