/*
 * Programs of this machine that post mail: the socket that anybody may connect to. The kernel says whose
 * the other end is, a look-up finds his name (names.h), and the connection goes to a worker of smtpd, which
 * speaks SMTP on it. The parent reads nothing from it. The keeper `drop` gets its connections here, too: it
 * has read from the file system whose mail it has.
 *
 * A worker has no more than PARENT_CALLERS_MAX of them unread in its control socket, so that many callers
 * cannot fill it; who is not handed over within a few seconds is let go, and sendmail(1) puts his mail into
 * the directory instead.
 */
#include "channels/caller.h"
#include "channels/command.h"
#include "parent/names.h"
#include "parent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS_MAX 64u
#define CALLS_OF_DROP 8u /* of these places; nobody else has them */
#define PATIENCE_MS 8000u
#define SWEEP_MS 1000u
#define BACKLOG 128

struct call {
	int fd; /* -1: a free place */
	uint32_t uid;
	uint64_t since_ms;
	struct child *drop; /* who called, when it is that keeper: its end is in `other` */
	int other;
	uint32_t stream;
};

struct callers {
	struct serve *serve;
	int directory;
	int fd;
	struct watch *watch;
	struct timer *sweep;
	struct call calls[CALLS_MAX];
	uint32_t turn; /* which worker is next */
};

static struct call *free_place(struct callers *c, size_t from)
{
	for (size_t i = from; i < CALLS_MAX; i++)
		if (c->calls[i].fd < 0)
			return &c->calls[i];
	return NULL;
}

/* What cannot be said shows as the death of the program. */
static void answer_drop(const struct call *call, struct view name, int fd)
{
	if (child_say(call->drop, fd, PARENT_CALLED, call->stream, frame_bytes(name)))
		log_info("drop has gone while it was called back");
}

/* It comes to nothing. */
static void end_call(struct call *call)
{
	close(call->fd);
	call->fd = -1;
	if (!call->drop)
		return;
	answer_drop(call, VIEW_NONE, -1);
	close(call->other);
}

/* --- handing over -------------------------------------------------------------------------- */

static struct child *next_worker(struct callers *c)
{
	struct serve *s = c->serve;
	for (size_t i = 0; i < s->child_count; i++) {
		struct child *child = &s->children[(c->turn + i) % s->child_count];
		if (child->row->id != PROGRAM_SMTPD || child->state != CHILD_UP ||
			child->callers >= PARENT_CALLERS_MAX)
			continue;
		c->turn = (uint32_t)(child - s->children) + 1;
		return child;
	}
	return NULL;
}

static void hand_over(struct callers *c, struct call *call)
{
	struct view name;
	const enum names_found found = names_find(c->serve->names, call->uid, &name);
	if (found == NAMES_SOUGHT)
		return;
	struct child *worker = found == NAMES_FOUND ? next_worker(c) : NULL;
	if (found == NAMES_FOUND && !worker)
		return;
	if (!worker || child_say(worker, call->fd, PARENT_CALLER, 0, frame_number(call->uid),
			       frame_bytes(name)) != ERROR_NONE) {
		end_call(call);
		return;
	}
	worker->callers++;
	close(call->fd);
	call->fd = -1;
	if (call->drop) {
		answer_drop(call, name, call->other);
		close(call->other);
	}
}

void callers_go(struct callers *c)
{
	bool some = false;
	for (size_t i = 0; i < CALLS_MAX; i++) {
		if (c->calls[i].fd >= 0)
			hand_over(c, &c->calls[i]);
		some |= c->calls[i].fd >= 0;
	}
	if (some)
		timer_set(c->sweep, SWEEP_MS);
	watch_want(c->watch,
		free_place(c, CALLS_OF_DROP) && !c->serve->stopping ? WATCH_READ : WATCH_NOTHING);
}

static void sweep(void *context)
{
	struct callers *c = context;
	const uint64_t now_ms = loop_now_ms(c->serve->loop);
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (c->calls[i].fd >= 0 && now_ms - c->calls[i].since_ms > PATIENCE_MS)
			end_call(&c->calls[i]);
	callers_go(c);
}

void callers_taken(struct callers *c, struct child *worker)
{
	if (worker->callers > 0)
		worker->callers--;
	callers_go(c);
}

/* --- who calls ------------------------------------------------------------------------------ */

static void on_ready(void *context, unsigned what)
{
	(void)what;
	struct callers *c = context;
	struct call *place = free_place(c, CALLS_OF_DROP);
	struct ucred who;
	socklen_t length = sizeof who;
	const int fd = place ? accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) {
		close(fd);
		return;
	}
	*place = (struct call){
		.fd = fd, .uid = (uint32_t)who.uid, .since_ms = loop_now_ms(c->serve->loop)};
	callers_go(c);
}

void callers_call(struct callers *c, struct child *drop, uint32_t stream, uint32_t uid)
{
	int ends[2];
	struct call *place = c->serve->stopping ? NULL : free_place(c, 0);
	struct call call = {.uid = uid,
		.since_ms = loop_now_ms(c->serve->loop),
		.drop = drop,
		.stream = stream};
	if (!place || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		answer_drop(&call, VIEW_NONE, -1);
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	call.fd = ends[0];
	call.other = ends[1];
	*place = call;
	callers_go(c);
}

void callers_lost(struct callers *c, const struct child *drop)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (c->calls[i].fd >= 0 && c->calls[i].drop == drop)
			end_call(&c->calls[i]);
}

/* --- the socket ----------------------------------------------------------------------------- */

struct callers *callers_new(struct serve *s)
{
	struct callers *c = memory_new(1, sizeof *c);
	c->serve = s;
	for (size_t i = 0; i < CALLS_MAX; i++)
		c->calls[i].fd = -1;
	c->fd = listen_local(s, CALLER_SOCKET_NAME, BACKLOG, &c->directory);
	if (c->fd < 0) {
		log_error("the socket for mail of this machine cannot be made",
			fact_text("state", s->options.state), fact_text("file", CALLER_SOCKET_NAME),
			fact_errno(errno));
		memory_free(c);
		return NULL;
	}
	c->sweep = timer_new(s->loop, sweep, c);
	c->watch = watch_new(s->loop, c->fd, on_ready, c);
	watch_want(c->watch, WATCH_READ);
	return c;
}

void callers_stop(struct callers *c)
{
	watch_want(c->watch, WATCH_NOTHING);
	shutdown(c->fd, SHUT_RDWR); /* who comes now finds nobody */
	unlinkat(c->directory, CALLER_SOCKET_NAME, 0);
}

void callers_free(struct callers **at)
{
	struct callers *c = *at;
	*at = NULL;
	if (!c)
		return;
	callers_stop(c);
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (c->calls[i].fd >= 0)
			end_call(&c->calls[i]);
	watch_free(&c->watch);
	timer_free(&c->sweep);
	close(c->fd);
	close(c->directory);
	memory_free(c);
}
