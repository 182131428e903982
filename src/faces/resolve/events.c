#include "faces/resolve/events.h"

#include <sys/time.h>

#include <unbound-event.h>

struct base {
	struct ub_event_base super; /* first: what libunbound holds is a pointer to it */
	struct loop *loop;
};

typedef void happened(int fd, short bits, void *argument);

struct event {
	struct ub_event super; /* first */
	struct loop *loop;
	int fd; /* -1: a timer */
	short bits;
	happened *call;
	void *argument;
	struct watch *watch; /* null: not active, or a timer */
	struct timer *timer; /* null: no time limit is set */
	uint64_t limit_ms;
};

static struct base *base_of(struct ub_event_base *super)
{
	return (struct base *)super;
}

static struct event *event_of(struct ub_event *super)
{
	return (struct event *)super;
}

static void stop(struct event *e)
{
	watch_free(&e->watch);
	timer_free(&e->timer);
}

/* It may be freed from inside: nothing of it is looked at afterwards. */
static void happen(struct event *e, short bits)
{
	if (!(e->bits & UB_EV_PERSIST))
		stop(e);
	else if (e->timer)
		timer_set(e->timer, e->limit_ms);
	e->call(e->fd, bits, e->argument);
}

static void on_ready(void *context, unsigned what)
{
	happen(context, (short)((what & WATCH_READ ? UB_EV_READ : 0) |
				(what & WATCH_WRITE ? UB_EV_WRITE : 0)));
}

static void on_time(void *context)
{
	happen(context, UB_EV_TIMEOUT);
}

/* --- an event ----------------------------------------------------------------------------- */

static void event_add_bits(struct ub_event *super, short bits)
{
	struct event *e = event_of(super);
	e->bits = (short)(e->bits | bits);
}

static void event_take_bits(struct ub_event *super, short bits)
{
	struct event *e = event_of(super);
	e->bits = (short)(e->bits & ~bits);
}

static void event_set_fd(struct ub_event *super, int fd)
{
	event_of(super)->fd = fd;
}

static void event_release(struct ub_event *super)
{
	stop(event_of(super));
	memory_free(event_of(super));
}

static uint64_t ms_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000 + ((uint64_t)t->tv_usec + 999) / 1000;
}

static int event_start(struct ub_event *super, struct timeval *limit)
{
	struct event *e = event_of(super);
	const unsigned what = (e->bits & UB_EV_READ ? WATCH_READ : 0u) |
			      (e->bits & UB_EV_WRITE ? WATCH_WRITE : 0u);
	stop(e);
	if (e->fd >= 0 && what) {
		e->watch = watch_new(e->loop, e->fd, on_ready, e);
		watch_want(e->watch, what);
	}
	if (limit) {
		e->limit_ms = ms_of(limit);
		e->timer = timer_new(e->loop, on_time, e);
		timer_set(e->timer, e->limit_ms);
	}
	return 0;
}

static int event_stop(struct ub_event *super)
{
	stop(event_of(super));
	return 0;
}

static int event_start_timer(struct ub_event *super, struct ub_event_base *base, happened *call,
	void *argument, struct timeval *delay)
{
	struct event *e = event_of(super);
	stop(e);
	e->loop = base_of(base)->loop;
	e->fd = -1;
	e->bits = UB_EV_TIMEOUT;
	e->call = call;
	e->argument = argument;
	return event_start(super, delay);
}

static int signal_start(struct ub_event *super, struct timeval *limit)
{
	(void)super;
	(void)limit;
	return -1; /* not called by libunbound */
}

static int signal_stop(struct ub_event *super)
{
	(void)super;
	return -1;
}

static void windows_unregister(struct ub_event *super)
{
	(void)super;
}

static void windows_would_block(struct ub_event *super, int bits)
{
	(void)super;
	(void)bits;
}

static struct ub_event_vmt event_calls = {event_add_bits, event_take_bits, event_set_fd,
	event_release, event_start, event_stop, event_start_timer, event_stop, signal_start,
	signal_stop, windows_unregister, windows_would_block};

/* --- the base ----------------------------------------------------------------------------- */

static void base_release(struct ub_event_base *super)
{
	(void)super; /* events_free does it */
}

static int base_run(struct ub_event_base *super)
{
	(void)super;
	return -1; /* the program's loop runs */
}

static int base_leave(struct ub_event_base *super, struct timeval *after)
{
	(void)super;
	(void)after;
	return 0;
}

static struct ub_event *base_new_event(
	struct ub_event_base *super, int fd, short bits, happened *call, void *argument)
{
	struct event *e = memory_new(1, sizeof *e);
	*e = (struct event){.super = {UB_EVENT_MAGIC, &event_calls},
		.loop = base_of(super)->loop,
		.fd = fd,
		.bits = bits,
		.call = call,
		.argument = argument};
	return &e->super;
}

static struct ub_event *base_new_signal(
	struct ub_event_base *super, int fd, happened *call, void *argument)
{
	(void)super;
	(void)fd;
	(void)call;
	(void)argument;
	return NULL;
}

static struct ub_event *base_new_windows(
	struct ub_event_base *super, void *event, happened *call, void *argument)
{
	(void)super;
	(void)event;
	(void)call;
	(void)argument;
	return NULL;
}

static struct ub_event_base_vmt base_calls = {
	base_release, base_run, base_leave, base_new_event, base_new_signal, base_new_windows};

struct ub_event_base *events_new(struct loop *loop)
{
	struct base *b = memory_new(1, sizeof *b);
	*b = (struct base){.super = {UB_EVENT_MAGIC, &base_calls}, .loop = loop};
	return &b->super;
}

void events_free(struct ub_event_base **at)
{
	if (*at)
		memory_free(base_of(*at));
	*at = NULL;
}
