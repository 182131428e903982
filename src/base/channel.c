#include "base/channel.h"

#include "base/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_STEP (128u << 10)
#define QUEUE_MAX (CHANNEL_BACKLOG_MAX + FRAME_HEADER + FRAME_MAX)

struct queue {
	struct buffer octets;
	size_t written; /* octets at the front that the kernel has */
};

struct channel {
	struct loop *loop;
	const struct frame_protocol *protocol;
	enum frame_side ours;
	int fd;
	struct watch *watch;
	const struct channel_handler *handler;
	void *context;
	struct turn_hook hook;
	struct queue control;
	struct queue bulk;
	size_t bulk_frame_left; /* octets of a partly written bulk frame: must be finished first */
	struct buffer in;
	bool open;
	bool reading;
	bool holding; /* frames stand in `in` until the other end has read */
	bool free_me;
	struct timer *overrun; /* the backlog is at its end: closes, soon; null: not so */
};

static void close_channel(struct channel *c, const char *broken)
{
	if (!c->open)
		return;
	c->open = false;
	watch_want(c->watch, WATCH_NOTHING);
	if (broken)
		log_error("channel broken", fact_text("channel", c->protocol->name),
			fact_text("why", broken));
	c->handler->closed(c->context, broken);
}

void channel_break(struct channel *c, const char *why)
{
	close_channel(c, why);
}

/* Null: nobody watches. */
static void (*printed)(const char *protocol, struct view line);

static void trace(struct channel *c, const char *mark, const struct frame *frame)
{
	if (!printed)
		return;
	struct buffer line = buffer_new(4096);
	text_add(&line, "{} {} ", text_string(c->protocol->name), text_string(mark));
	frame_print(&line, frame);
	printed(c->protocol->name, buffer_view(&line));
	buffer_free(&line);
}

/* One frame from the front of `v`: its length, 0 when it is not whole yet or the channel closed. */
static size_t take_frame(struct channel *c, struct view v)
{
	struct frame_head head;
	if (!frame_head(v, &head))
		return 0;
	const struct frame_row *row = frame_row(c->protocol, head.code, !c->ours);
	if (!row) {
		close_channel(c, "a code that this side may not say");
		return 0;
	}
	if (v.length - FRAME_HEADER < head.length)
		return 0;
	if (!(row->states & c->handler->state(c->context, head.stream))) {
		log_error("out of order", fact_text("said", row->name));
		close_channel(c, "said in a state that does not allow it");
		return 0;
	}
	struct frame frame;
	if (!frame_read(row, head.stream, view_part(v, FRAME_HEADER, head.length), &frame)) {
		log_error("bad fields", fact_text("said", row->name));
		close_channel(c, "fields that do not fit their row");
		return 0;
	}
	trace(c, "<", &frame);
	c->handler->said(c->context, &frame);
	return FRAME_HEADER + head.length;
}

static void take_frames(struct channel *c)
{
	size_t at = 0;
	size_t step = 1;
	while (c->open && step > 0 && channel_backlog(c) <= CHANNEL_BACKLOG_HIGH) {
		step = take_frame(c, view_from(buffer_view(&c->in), at));
		at += step;
	}
	c->holding = step > 0;
	buffer_drop(&c->in, at);
	if (c->in.length == 0 && c->in.capacity > 2 * READ_STEP)
		buffer_free(&c->in);
}

static void read_some(struct channel *c)
{
	uint8_t *room = buffer_room(&c->in, READ_STEP);
	must(room != NULL);
	const ssize_t n = read(c->fd, room, READ_STEP);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_channel(c, NULL);
		return;
	}
	buffer_grown(&c->in, (size_t)n);
	take_frames(c);
}

static size_t queue_left(const struct queue *q)
{
	return q->octets.length - q->written;
}

static void queue_took(struct queue *q, size_t length)
{
	q->written += length;
	if (q->written == q->octets.length) {
		q->written = 0;
		if (q->octets.capacity > 4 * READ_STEP)
			buffer_free(&q->octets);
		else
			buffer_clear(&q->octets);
	} else if (q->written > (1u << 20)) {
		buffer_drop(&q->octets, q->written);
		q->written = 0;
	}
}

/* Follows `length` written bulk octets through frame boundaries. */
static void bulk_took(struct channel *c, size_t length)
{
	struct view sent = view_part(buffer_view(&c->bulk.octets), c->bulk.written, SIZE_MAX);
	size_t left = length;
	size_t in_frame = c->bulk_frame_left;
	while (left > 0) {
		if (in_frame == 0) {
			struct frame_head head;
			must(frame_head(sent, &head));
			in_frame = FRAME_HEADER + head.length;
		}
		const size_t step = left < in_frame ? left : in_frame;
		in_frame -= step;
		left -= step;
		sent = view_from(sent, step);
	}
	c->bulk_frame_left = in_frame;
	queue_took(&c->bulk, length);
}

static int write_parts(struct channel *c, struct iovec parts[3])
{
	int count = 0;
	const struct view bulk = view_from(buffer_view(&c->bulk.octets), c->bulk.written);
	const struct view begun = view_first(bulk, c->bulk_frame_left);
	const struct view control = view_from(buffer_view(&c->control.octets), c->control.written);
	const struct view order[3] = {begun, control, view_from(bulk, begun.length)};
	for (size_t i = 0; i < 3; i++)
		if (order[i].length)
			parts[count++] = (struct iovec){(void *)order[i].at, order[i].length};
	return count;
}

static void took(struct channel *c, size_t length)
{
	const size_t begun = length < c->bulk_frame_left ? length : c->bulk_frame_left;
	const size_t control_left = queue_left(&c->control);
	if (begun)
		bulk_took(c, begun);
	length -= begun;
	const size_t control = length < control_left ? length : control_left;
	if (control)
		queue_took(&c->control, control);
	if (length > control)
		bulk_took(c, length - control);
}

static void write_out(void *context)
{
	struct channel *c = context;
	while (c->open && channel_backlog(c)) {
		struct iovec parts[3];
		const ssize_t n = writev(c->fd, parts, write_parts(c, parts));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			/* the reading side will see the end and tell the owner: never from a hook */
			buffer_free(&c->control.octets);
			buffer_free(&c->bulk.octets);
			c->control.written = 0;
			c->bulk.written = 0;
			c->bulk_frame_left = 0;
			break;
		}
		if (n < 0)
			break;
		took(c, (size_t)n);
	}
	if (!c->open)
		return;
	const bool is_high = c->holding || channel_backlog(c) > CHANNEL_BACKLOG_HIGH;
	watch_want(c->watch, (is_high ? 0u : WATCH_READ) |
				     (channel_backlog(c) || c->holding ? WATCH_WRITE : 0u));
}

static void on_ready(void *context, unsigned what)
{
	struct channel *c = context;
	c->reading = true;
	if ((what & WATCH_READ) && !c->holding)
		read_some(c);
	if (what & WATCH_WRITE)
		write_out(c);
	if (c->open && c->holding)
		take_frames(c);
	c->reading = false;
	if (c->free_me)
		channel_free(&c);
}

/* Some field is a secret: then nothing that was said stays in memory. */
static bool carries_secrets(const struct frame_protocol *p)
{
	for (size_t i = 0; i < p->count; i++)
		for (size_t f = 0; f < FRAME_FIELDS; f++)
			if (p->rows[i].fields[f].secret)
				return true;
	return false;
}

static struct buffer new_buffer(const struct frame_protocol *p, size_t max)
{
	return carries_secrets(p) ? buffer_new_secret(max) : buffer_new(max);
}

struct channel *channel_new(struct loop *loop, const struct frame_protocol *protocol,
	enum frame_side ours, int fd, const struct channel_handler *handler, void *context)
{
	struct channel *c = memory_new(1, sizeof *c);
	*c = (struct channel){.loop = loop,
		.protocol = protocol,
		.ours = ours,
		.fd = fd,
		.handler = handler,
		.context = context,
		.control.octets = new_buffer(protocol, QUEUE_MAX),
		.bulk.octets = new_buffer(protocol, QUEUE_MAX),
		.in = new_buffer(protocol, FRAME_MAX + FRAME_HEADER + READ_STEP),
		.open = true};
	c->hook = (struct turn_hook){.run = write_out, .context = c};
	loop_add_hook(loop, &c->hook);
	c->watch = watch_new(loop, fd, on_ready, c);
	watch_want(c->watch, WATCH_READ);
	return c;
}

void channel_free(struct channel **at)
{
	struct channel *c = *at;
	*at = NULL;
	if (!c)
		return;
	c->open = false;
	if (c->reading && !c->free_me) { /* asked from inside a callback: later */
		c->free_me = true;
		watch_want(c->watch, WATCH_NOTHING);
		return;
	}
	loop_remove_hook(c->loop, &c->hook);
	timer_free(&c->overrun);
	watch_free(&c->watch);
	close(c->fd);
	buffer_free(&c->control.octets);
	buffer_free(&c->bulk.octets);
	buffer_free(&c->in);
	memory_free(c);
}

static void trace_sent(
	struct channel *c, uint16_t code, uint32_t stream, const struct frame_value *values)
{
	struct frame frame = {.row = &c->protocol->rows[code], .stream = stream};
	for (size_t i = 0; i < FRAME_FIELDS && frame.row->fields[i].name; i++)
		frame.values[i] = values[i];
	trace(c, ">", &frame);
}

static void overrun(void *context)
{
	struct channel *c = context;
	c->reading = true;
	close_channel(c, "does not read what it is told");
	c->reading = false;
	if (c->free_me)
		channel_free(&c);
}

/* Not from inside the sender. */
static void give_up(struct channel *c)
{
	if (c->overrun)
		return;
	c->overrun = timer_new(c->loop, overrun, c);
	timer_set(c->overrun, 0);
}

void channel_send(
	struct channel *c, uint16_t code, uint32_t stream, const struct frame_value *values)
{
	if (!channel_is_open(c))
		return;
	must(frame_row(c->protocol, code, c->ours) != NULL);
	if (channel_backlog(c) > CHANNEL_BACKLOG_MAX) {
		give_up(c);
		return;
	}
	struct queue *q = c->protocol->rows[code].bulk ? &c->bulk : &c->control;
	frame_add(&q->octets, c->protocol, code, stream, values);
	if (printed)
		trace_sent(c, code, stream, values);
}

size_t channel_backlog(const struct channel *c)
{
	return queue_left(&c->control) + queue_left(&c->bulk);
}

bool channel_is_open(const struct channel *c)
{
	return c && c->open;
}

void channel_trace(void (*print)(const char *protocol, struct view line))
{
	printed = print;
}
