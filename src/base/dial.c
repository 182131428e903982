#include "base/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

struct attempt {
	struct dial *dial;
	struct watch *watch;
	int fd; /* -1: not under way */
};

struct dial {
	struct loop *loop;
	struct timer *step; /* the next address */
	struct timer *most;
	dial_done *done;
	void *context;
	struct dial_address addresses[DIAL_ADDRESSES_MAX];
	struct attempt attempts[DIAL_ADDRESSES_MAX];
	size_t count;
	size_t next;
	size_t under_way;
	uint16_t port;
	const char *why; /* the last failure */
};

static const char *reason_of(int problem)
{
	switch (problem) {
	case ECONNREFUSED:
		return "the connection was refused";
	case ETIMEDOUT:
		return "it does not answer";
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return "there is no way to it";
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return "there is no memory or descriptor left for a connection";
	default:
		return "the connection failed";
	}
}

static void stop(struct attempt *a)
{
	if (a->fd < 0)
		return;
	watch_free(&a->watch);
	close(a->fd);
	a->fd = -1;
	a->dial->under_way--;
}

/* The owner may free it from inside, and still look at the address. */
static void tell(struct dial *d, int fd, const struct dial_address *address, const char *why)
{
	const struct dial_address copy = address ? *address : (struct dial_address){{0}};
	timer_stop(d->step);
	timer_stop(d->most);
	for (size_t i = 0; i < d->next; i++)
		stop(&d->attempts[i]);
	d->done(d->context, fd, address ? &copy : NULL, why);
}

static void ready(void *context, unsigned what)
{
	struct attempt *a = context;
	struct dial *d = a->dial;
	int problem = 0;
	socklen_t size = sizeof problem;
	(void)what;
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
		problem = errno;
	if (problem) {
		d->why = reason_of(problem);
		stop(a);
		timer_set(d->step, 0);
		return;
	}
	const int fd = a->fd;
	watch_free(&a->watch);
	a->fd = -1;
	d->under_way--;
	tell(d, fd, &d->addresses[a - d->attempts], NULL);
}

static bool is_v4(const struct dial_address *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return view_equal(view_of(a->octets, 12), view_of(mapped, 12));
}

static int start_connecting(const struct dial_address *a, uint16_t port)
{
	const int on = 1;
	const bool v4 = is_v4(a);
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	must(view_copy(view_of(a->octets + 12, 4), &a4.sin_addr, 4));
	must(view_copy(view_of(a->octets, 16), &a6.sin6_addr, 16));
	const int fd =
		socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, v4 ? (struct sockaddr *)&a4 : (struct sockaddr *)&a6,
		    v4 ? sizeof a4 : sizeof a6) == 0 ||
		errno == EINPROGRESS)
		return fd;
	const int problem = errno;
	close(fd);
	errno = problem;
	return -1;
}

/* The next address, or the end when none is left and none is under way. */
static void step(void *context)
{
	struct dial *d = context;
	if (d->next == d->count) {
		if (!d->under_way)
			tell(d, -1, NULL, d->why);
		return;
	}
	struct attempt *a = &d->attempts[d->next];
	a->fd = start_connecting(&d->addresses[d->next++], d->port);
	if (a->fd < 0) {
		d->why = reason_of(errno);
		timer_set(d->step, 0);
		return;
	}
	d->under_way++;
	a->watch = watch_new(d->loop, a->fd, ready, a);
	watch_want(a->watch, WATCH_WRITE);
	if (d->next < d->count)
		timer_set(d->step, DIAL_STEP_MS);
}

static void too_long(void *context)
{
	struct dial *d = context;
	tell(d, -1, NULL, "it does not answer");
}

struct dial *dial_new(struct loop *loop, const struct dial_address *addresses, size_t count,
	uint16_t port, uint64_t most_ms, dial_done *done, void *context)
{
	struct dial *d = memory_new(1, sizeof *d);
	*d = (struct dial){.loop = loop,
		.done = done,
		.context = context,
		.count = count < DIAL_ADDRESSES_MAX ? count : DIAL_ADDRESSES_MAX,
		.port = port,
		.why = "it has no address"};
	for (size_t i = 0; i < d->count; i++) {
		d->addresses[i] = addresses[i];
		d->attempts[i] = (struct attempt){.dial = d, .fd = -1};
	}
	d->step = timer_new(loop, step, d);
	d->most = timer_new(loop, too_long, d);
	timer_set(d->step, 0);
	timer_set(d->most, most_ms);
	return d;
}

void dial_free(struct dial **at)
{
	struct dial *d = *at;
	*at = NULL;
	if (!d)
		return;
	for (size_t i = 0; i < d->next; i++)
		stop(&d->attempts[i]);
	timer_free(&d->step);
	timer_free(&d->most);
	memory_free(d);
}
