#include "base/loop.h"

#include "base/clock.h"
#include "base/script.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/epoll.h>

#define READY_MAX 256 /* descriptors ready at a time, scripted */

struct loop_signal {
	struct event event;
	timer_fire *caught;
	void *context;
	struct loop_signal *next;
};

struct loop {
	struct event_base *base;
	struct turn_hook *hooks;
	struct loop_signal *signals;
	uint64_t now_ms;
	bool stopping;
	bool scripted; /* `base` is not used, but what follows */
	struct watch *watches;
	struct timer *timers;
	size_t ready; /* watches that the look `seen` found ready */
	uint64_t seen;
	uint64_t due_us; /* of the first timer, unless `timers_changed` */
	bool timers_changed;
};

struct watch {
	struct event event;
	struct loop *loop;
	watch_ready *ready;
	void *context;
	int fd;
	unsigned what;
	unsigned ready_now; /* scripted: as the look `seen` found it */
	uint64_t seen;
	struct watch *next; /* scripted */
};

struct timer {
	struct event event;
	struct loop *loop;
	timer_fire *fire;
	void *context;
	uint64_t due_us; /* scripted; UINT64_MAX: not set */
	struct timer *next; /* scripted */
};

struct loop *loop_new(void)
{
	struct loop *loop = memory_new(1, sizeof *loop);
	loop->now_ms = clock_monotonic_ms();
	loop->scripted = script_in_force() != NULL;
	loop->due_us = UINT64_MAX;
	if (loop->scripted)
		return loop;
	struct event_config *config = event_config_new();
	must(config != NULL);
	/* many wants change and change back within a turn: tell the kernel once */
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	must(loop->base != NULL);
	return loop;
}

void loop_free(struct loop **at)
{
	struct loop *loop = *at;
	if (!loop)
		return;
	while (loop->signals) {
		struct loop_signal *next = loop->signals->next;
		event_del(&loop->signals->event);
		memory_free(loop->signals);
		loop->signals = next;
	}
	if (loop->base)
		event_base_free(loop->base);
	memory_free(loop);
	*at = NULL;
}

static void run_hooks(struct loop *loop)
{
	struct turn_hook *hook = loop->hooks;
	while (hook) {
		struct turn_hook *next = hook->next;
		hook->run(hook->context);
		hook = next;
	}
}

static void turn(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_ONCE);
	loop->now_ms = clock_monotonic_ms();
	run_hooks(loop);
}

void loop_run(struct loop *loop)
{
	loop->stopping = false;
	run_hooks(loop);
	while (!loop->stopping)
		turn(loop);
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

static struct timeval interval(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

void loop_turn(struct loop *loop, uint64_t wait_ms)
{
	const struct timeval wait = interval(wait_ms);
	event_base_loopexit(loop->base, &wait);
	turn(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

static void on_watch(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	struct watch *watch = context;
	watch->loop->now_ms = clock_monotonic_ms();
	watch->ready(watch->context,
		(events & EV_READ ? WATCH_READ : 0u) | (events & EV_WRITE ? WATCH_WRITE : 0u));
}

struct watch *watch_new(struct loop *loop, int fd, watch_ready *ready, void *context)
{
	struct watch *watch = memory_new(1, sizeof *watch);
	*watch = (struct watch){.loop = loop, .ready = ready, .context = context, .fd = fd};
	if (loop->scripted) {
		watch->next = loop->watches;
		loop->watches = watch;
	}
	return watch;
}

/* In the epoll of the script. Who closed the descriptor before is gone from there. */
static void want_scripted(struct watch *watch, unsigned what)
{
	const struct script *script = script_in_force();
	const int change = !what ? EPOLL_CTL_DEL : watch->what ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	struct epoll_event event = {.data.ptr = watch,
		.events = (what & WATCH_READ ? (uint32_t)EPOLLIN : 0u) |
			  (what & WATCH_WRITE ? (uint32_t)EPOLLOUT : 0u)};
	const bool is_told = script && epoll_ctl(script->ready, change, watch->fd, &event) == 0;
	must(is_told || !script || !what);
	watch->what = what;
	watch->ready_now &= what;
}

void watch_want(struct watch *watch, unsigned what)
{
	if (what == watch->what)
		return;
	if (watch->loop->scripted) {
		want_scripted(watch, what);
		return;
	}
	if (watch->what)
		event_del(&watch->event);
	watch->what = what;
	if (!what)
		return;
	const short events = (short)(EV_PERSIST | (what & WATCH_READ ? EV_READ : 0) |
				     (what & WATCH_WRITE ? EV_WRITE : 0));
	event_assign(&watch->event, watch->loop->base, watch->fd, events, on_watch, watch);
	must(event_add(&watch->event, NULL) == 0);
}

void watch_free(struct watch **at)
{
	if (!*at)
		return;
	watch_want(*at, WATCH_NOTHING);
	struct watch **link = &(*at)->loop->watches;
	while (*link && *link != *at)
		link = &(*link)->next;
	if (*link)
		*link = (*at)->next;
	memory_free(*at);
	*at = NULL;
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	struct timer *timer = context;
	timer->loop->now_ms = clock_monotonic_ms();
	timer->fire(timer->context);
}

struct timer *timer_new(struct loop *loop, timer_fire *fire, void *context)
{
	struct timer *timer = memory_new(1, sizeof *timer);
	timer->loop = loop;
	timer->fire = fire;
	timer->context = context;
	timer->due_us = UINT64_MAX;
	if (loop->scripted) {
		timer->next = loop->timers;
		loop->timers = timer;
	} else {
		evtimer_assign(&timer->event, loop->base, on_timer, timer);
	}
	return timer;
}

static void set_scripted(struct timer *timer, uint64_t due_us)
{
	timer->due_us = due_us;
	timer->loop->timers_changed = true;
}

void timer_set(struct timer *timer, uint64_t delay_ms)
{
	const struct timeval delay = interval(delay_ms);
	if (timer->loop->scripted)
		set_scripted(timer, clock_monotonic_us() + delay_ms * 1000);
	else
		event_add(&timer->event, &delay);
}

void timer_stop(struct timer *timer)
{
	if (timer->loop->scripted)
		set_scripted(timer, UINT64_MAX);
	else
		event_del(&timer->event);
}

void timer_free(struct timer **at)
{
	if (!*at)
		return;
	timer_stop(*at);
	struct timer **link = &(*at)->loop->timers;
	while (*link && *link != *at)
		link = &(*link)->next;
	if (*link)
		*link = (*at)->next;
	memory_free(*at);
	*at = NULL;
}

void loop_add_hook(struct loop *loop, struct turn_hook *hook)
{
	hook->next = loop->hooks;
	loop->hooks = hook;
}

void loop_remove_hook(struct loop *loop, struct turn_hook *hook)
{
	for (struct turn_hook **at = &loop->hooks; *at; at = &(*at)->next)
		if (*at == hook) {
			*at = hook->next;
			return;
		}
}

static void on_signal(evutil_socket_t number, short events, void *context)
{
	(void)number;
	(void)events;
	struct loop_signal *s = context;
	s->caught(s->context);
}

void loop_signal(struct loop *loop, int number, timer_fire *caught, void *context)
{
	if (loop->scripted)
		return;
	struct loop_signal *s = memory_new(1, sizeof *s);
	s->caught = caught;
	s->context = context;
	s->next = loop->signals;
	loop->signals = s;
	evsignal_assign(&s->event, loop->base, number, on_signal, s);
	must(event_add(&s->event, NULL) == 0);
}

/* --- scripted ------------------------------------------------------------------------------ */

/* One system call for all loops: the simulator looks before every step. */
void loop_script_look(void)
{
	struct epoll_event events[READY_MAX];
	struct script *script = script_in_force();
	const int count = epoll_wait(script->ready, events, READY_MAX, 0);
	must(count >= 0 && count < READY_MAX);
	script->looks++;
	for (int i = 0; i < count; i++) {
		struct watch *w = events[i].data.ptr;
		const uint32_t seen = events[i].events;
		const bool ended = seen & (EPOLLHUP | EPOLLERR);
		w->ready_now = ((seen & EPOLLIN || ended ? WATCH_READ : 0u) |
				       (seen & EPOLLOUT || ended ? WATCH_WRITE : 0u)) &
			       w->what;
		if (w->loop->seen != script->looks)
			w->loop->ready = 0;
		w->loop->seen = w->seen = script->looks;
		w->loop->ready++;
	}
}

bool watch_script_is_ready(const struct watch *watch)
{
	return watch->ready_now && watch->seen == script_in_force()->looks;
}

static bool is_due(const struct timer *timer)
{
	return timer->due_us <= clock_monotonic_us();
}

uint64_t loop_script_due_us(struct loop *loop)
{
	if (loop->timers_changed) {
		loop->due_us = UINT64_MAX;
		for (const struct timer *t = loop->timers; t; t = t->next)
			if (t->due_us < loop->due_us)
				loop->due_us = t->due_us;
		loop->timers_changed = false;
	}
	return loop->due_us;
}

size_t loop_script_events(struct loop *loop)
{
	size_t count = loop->seen == script_in_force()->looks ? loop->ready : 0;
	if (loop_script_due_us(loop) > clock_monotonic_us())
		return count;
	for (const struct timer *t = loop->timers; t; t = t->next)
		count += is_due(t);
	return count;
}

static void timer_happens(struct timer *timer)
{
	timer_stop(timer);
	timer->fire(timer->context);
}

/* What happens may free watches and timers: nothing of the lists is looked at after it. */
static void happen(struct loop *loop, size_t n)
{
	for (struct watch *w = loop->watches; w; w = w->next)
		if (watch_script_is_ready(w) && n-- == 0) {
			w->ready(w->context, w->ready_now);
			return;
		}
	for (struct timer *t = loop->timers; t; t = t->next)
		if (is_due(t) && n-- == 0) {
			timer_happens(t);
			return;
		}
}

void loop_script_happen(struct loop *loop, size_t n)
{
	loop->now_ms = clock_monotonic_ms();
	happen(loop, n);
	run_hooks(loop);
}

void loop_script_forget(struct loop *loop)
{
	for (struct watch *w = loop->watches; w; w = w->next)
		watch_want(w, WATCH_NOTHING);
}
