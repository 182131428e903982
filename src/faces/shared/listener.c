#include "faces/shared/listener.h"

#include "base/log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
#define PAUSE_MS 100u

struct listener {
	struct loop *loop;
	struct watch *watch;
	struct timer *pause;
	int fd;
	bool rests;
	listener_arrived *arrived;
	void *context;
};

static bool ip_of_socket(const struct sockaddr_storage *address, struct ip *ip, uint16_t *port)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u = {.any = *address};
	*ip = u.any.ss_family == AF_INET6 ? ip_of_v6(&u.v6.sin6_addr) : ip_of_v4(u.v4.sin_addr);
	*port = ntohs(u.any.ss_family == AF_INET6 ? u.v6.sin6_port : u.v4.sin_port);
	return u.any.ss_family == AF_INET || u.any.ss_family == AF_INET6;
}

/* No descriptor or memory is left: stop for a moment rather than spin. */
static void rest(struct listener *l, int problem)
{
	log_warning("cannot accept a connection now", fact_errno(problem));
	watch_want(l->watch, WATCH_NOTHING);
	timer_set(l->pause, PAUSE_MS);
}

static void rested(void *context)
{
	struct listener *l = context;
	watch_want(l->watch, l->rests ? WATCH_NOTHING : WATCH_READ);
}

void listener_rest(struct listener *l, bool rests)
{
	if (l->rests == rests)
		return;
	l->rests = rests;
	rested(l);
}

static bool accept_one(struct listener *l)
{
	struct sockaddr_storage peer;
	struct sockaddr_storage own;
	socklen_t length = sizeof peer;
	struct arrival arrival = {.fd = accept4(l->fd, (struct sockaddr *)&peer, &length,
					  SOCK_NONBLOCK | SOCK_CLOEXEC)};
	if (arrival.fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(l, errno);
		return errno == ECONNABORTED || errno == EINTR;
	}
	const int on = 1;
	setsockopt(arrival.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	length = sizeof own;
	uint16_t own_port;
	if (getsockname(arrival.fd, (struct sockaddr *)&own, &length) != 0 ||
		!ip_of_socket(&peer, &arrival.client, &arrival.client_port) ||
		!ip_of_socket(&own, &arrival.local, &own_port)) {
		close(arrival.fd);
		return true;
	}
	l->arrived(l->context, &arrival);
	return true;
}

static void on_ready(void *context, unsigned what)
{
	(void)what;
	struct listener *l = context;
	for (int i = 0; i < ACCEPTS_PER_TURN && !l->rests && accept_one(l); i++)
		;
}

struct listener *listener_new(struct loop *loop, int fd, listener_arrived *arrived, void *context)
{
	struct listener *l = memory_new(1, sizeof *l);
	*l = (struct listener){.loop = loop, .fd = fd, .arrived = arrived, .context = context};
	l->watch = watch_new(loop, fd, on_ready, l);
	l->pause = timer_new(loop, rested, l);
	watch_want(l->watch, WATCH_READ);
	return l;
}

void listener_free(struct listener **at)
{
	struct listener *l = *at;
	if (!l)
		return;
	watch_free(&l->watch);
	timer_free(&l->pause);
	close(l->fd);
	memory_free(l);
	*at = NULL;
}
