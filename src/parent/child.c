#include "channels/control.h"
#include "parent/environment.h"
#include "parent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MAX_MS 30000u
#define STABLE_MS 60000u /* who ran this long has earned a quick restart */
#define CONTROL_FD 3

const char *child_state_name(enum child_state state)
{
	switch (state) {
	case CHILD_DOWN:
		return "down";
	case CHILD_STARTING:
		return "starting";
	case CHILD_UP:
		return "up";
	case CHILD_DRAINED:
		return "drained";
	}
	return "unknown";
}

struct child *child_find(struct serve *s, enum program_id id, uint32_t worker)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].row->id == id && s->children[i].worker == worker)
			return &s->children[i];
	return NULL;
}

static void restart_due(void *context)
{
	child_start_again(context);
}

void child_init(struct serve *s, const struct program_row *row, uint32_t worker, uint32_t workers)
{
	must(s->child_count < CHILDREN_MAX);
	struct child *c = &s->children[s->child_count++];
	*c = (struct child){
		.serve = s, .row = row, .worker = worker, .workers = workers, .control = -1};
	struct buffer tag = buffer_new(sizeof c->tag - 1);
	text_add(&tag, "{}", text_string(row->name));
	if (workers > 1)
		text_add(&tag, ".{}", text_number(worker));
	must(view_to_text(buffer_view(&tag), c->tag, sizeof c->tag));
	buffer_free(&tag);
	c->restart = timer_new(s->loop, restart_due, c);
}

/* --- talking ------------------------------------------------------------------------------ */

enum error child_send(
	struct child *c, uint16_t code, uint32_t stream, const struct frame_value *values, int fd)
{
	if (c->control < 0)
		return ERROR_CLOSED;
	const enum error error = control_send(c->control, code, stream, values, fd);
	/* its queue is full: it has stopped listening to us, and is no good any more */
	if (error == ERROR_BUSY) {
		log_error("a program does not take what the parent says: killed",
			fact_text("of", c->tag));
		kill(c->pid, SIGKILL);
	}
	return error;
}

/* What cannot be said shows as the death of the program, which is handled where it is seen. */
static void said(enum error error)
{
	(void)error;
}

static bool is_running(const struct child *c)
{
	return c->state == CHILD_STARTING || c->state == CHILD_UP;
}

void child_configure(struct child *c)
{
	if (is_running(c))
		said(child_say(c, c->serve->snapshots[c->row->id], PARENT_CONFIG, 0,
			frame_number(c->serve->generation)));
}

/* --- starting ----------------------------------------------------------------------------- */

_Noreturn static void exec_program(struct child *c, int control, int log)
{
	char path[OPTIONS_PATH_MAX + 32];
	char name[64];
	struct buffer b = buffer_new(512);
	text_add(&b, "sekisho-{}", text_string(c->row->name));
	must(view_to_text(buffer_view(&b), name, sizeof name));
	buffer_clear(&b);
	text_add(&b, "{}/{}", text_raw(view_text(c->serve->options.programs)), text_string(name));
	must(view_to_text(buffer_view(&b), path, sizeof path));
	const int null = open("/dev/null", O_RDWR);
	const int high = fcntl(control, F_DUPFD, 100);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0 ||
		dup2(high, CONTROL_FD) < 0 || close_range(CONTROL_FD + 1, ~0u, 0) != 0)
		_exit(71);
	setsid(); /* Ctrl-C is for the parent, which then drains */
	execle(path, name, (char *)NULL, environment_of_programs());
	_exit(72);
}

static bool spawn(struct child *c)
{
	int control[2];
	int log[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
		return false;
	if (pipe2(log, O_CLOEXEC) != 0) {
		close(control[0]);
		close(control[1]);
		return false;
	}
	fcntl(log[0], F_SETPIPE_SZ, 1 << 20);
	/* the writing end must never make a program wait for us */
	fcntl(log[1], F_SETFL, O_NONBLOCK);
	log_flush();
	c->pid = fork();
	if (c->pid == 0)
		exec_program(c, control[1], log[1]);
	close(control[1]);
	close(log[1]);
	if (c->pid < 0) {
		close(control[0]);
		close(log[0]);
		return false;
	}
	const int size = 1 << 20;
	setsockopt(control[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	fcntl(control[0], F_SETFL, O_NONBLOCK);
	c->control = control[0];
	c->log = log_pipe_new(c->serve->loop, log[0], view_text(c->tag));
	c->watch = watch_new(c->serve->loop, c->control, control_ready, c);
	watch_want(c->watch, WATCH_READ);
	return true;
}

static void add_boot(struct buffer *options, const struct boot *boot)
{
	buffer_add(options, VIEW("boot="));
	buffer_add_hex(options, view_of(boot->machine, sizeof boot->machine));
	buffer_add(options, VIEW("\nmount="));
	buffer_add_hex(options, view_of(boot->mount, sizeof boot->mount));
	buffer_add_octet(options, '\n');
}

/* The descriptors of the sandbox are found by the program: it keeps what it was handed. */
static bool say_start(struct child *c)
{
	struct serve *s = c->serve;
	struct sandbox_spec spec;
	struct program_place place = s->places[c->row->id];
	if (program_sandbox(c->row, &place, &spec) != ERROR_NONE)
		return false;
	struct buffer sandbox = buffer_new(65536);
	struct buffer options = buffer_new(4096);
	sandbox_spec_add(&sandbox, &spec);
	text_add(&options, "state={}\n", text_raw(view_text(s->options.state)));
	if (c->row->id == PROGRAM_AUTH)
		text_add(&options, "fake-salt={}\n", text_raw(s->fake_salt));
	if (c->row->id == PROGRAM_GATE || c->row->id == PROGRAM_SPOOL)
		add_boot(&options, &s->boot);
	said(child_say(c, -1, PARENT_START, 0, frame_number(c->worker), frame_number(c->workers),
		frame_bytes(buffer_view(&sandbox)), frame_bytes(buffer_view(&options))));
	buffer_free(&sandbox);
	buffer_free(&options);
	return true;
}

static void give(struct child *c)
{
	struct serve *s = c->serve;
	for (unsigned i = 0; i < c->row->directory_count; i++) {
		const enum program_role role = c->row->directories[i].role;
		if (s->directories[role] >= 0)
			said(child_say(c, s->directories[role], PARENT_GIVEN, 0,
				frame_number(role == PROGRAM_ROLE_OPENINGS ? GIVEN_OPENINGS
									   : GIVEN_DIRECTORY)));
	}
	if (c->row->given & 1u << GIVEN_CENSUS)
		said(child_say(
			c, s->census[c->row->id], PARENT_GIVEN, 0, frame_number(GIVEN_CENSUS)));
	if (c->row->given & 1u << GIVEN_CERTIFICATE)
		said(child_say(
			c, s->certificate, PARENT_GIVEN, 0, frame_number(GIVEN_CERTIFICATE)));
	if (c->row->given & 1u << GIVEN_KEY)
		said(child_say(c, s->key, PARENT_GIVEN, 0, frame_number(GIVEN_KEY)));
	if (c->row->given & 1u << GIVEN_SECRET)
		said(child_say(c, s->secret, PARENT_GIVEN, 0, frame_number(GIVEN_SECRET)));
	for (size_t i = 0; i < s->listening_count; i++)
		if (c->row->listens & (1u << s->listening[i].kind))
			said(child_say(c, s->listening[i].fd, PARENT_LISTEN, 0,
				frame_number(s->listening[i].kind)));
}

void child_give_again(struct child *c, int fd, enum parent_given role)
{
	if (is_running(c))
		said(child_say(c, fd, PARENT_GIVEN, 0, frame_number(role)));
}

bool child_start(struct child *c)
{
	if (!spawn(c)) {
		log_error(
			"a program cannot be started", fact_text("of", c->tag), fact_errno(errno));
		return false;
	}
	c->state = CHILD_STARTING;
	c->started_ms = loop_now_ms(c->serve->loop);
	c->generation = 0;
	c->is_broken = false;
	c->accused_ms = 0;
	c->callers = 0;
	if (!say_start(c))
		return false;
	give(c);
	child_configure(c);
	return true;
}

void child_connect(struct child *a, struct child *b)
{
	int ends[2];
	if (!is_running(a) || !is_running(b) || !program_is_peer(a->row->id, b->row->id))
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("no channel can be made", fact_errno(errno));
		return;
	}
	said(child_say(a, ends[0], PARENT_PEER, 0, frame_number(b->row->id),
		frame_number(b->worker), frame_number(b->workers), frame_number(b->restarts)));
	said(child_say(b, ends[1], PARENT_PEER, 0, frame_number(a->row->id),
		frame_number(a->worker), frame_number(a->workers), frame_number(a->restarts)));
	close(ends[0]);
	close(ends[1]);
}

void child_go(struct child *c)
{
	said(child_say(c, -1, PARENT_GO, 0));
}

/* Doubles with each failure, up to half a minute. */
static uint64_t take_wait(struct child *c)
{
	const unsigned shift = c->failures < 9 ? c->failures : 9;
	const uint64_t wait_ms = (uint64_t)BACKOFF_FIRST_MS << shift;
	c->failures++;
	return wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
}

void child_start_again(struct child *c)
{
	struct serve *s = c->serve;
	if (s->stopping)
		return;
	if (!child_start(c)) {
		if (c->state == CHILD_DOWN) /* no memory or descriptor for it: later */
			timer_set(c->restart, take_wait(c));
		else
			kill(c->pid, SIGKILL);
		return;
	}
	c->restarts++;
	for (size_t i = 0; i < s->child_count; i++)
		if (&s->children[i] != c)
			child_connect(c, &s->children[i]);
	child_go(c);
}

/* --- what it is blamed for ----------------------------------------------------------------- */

void child_is_broken(struct child *c, const char *by, struct view why)
{
	if (!is_running(c) || c->is_broken)
		return;
	log_error("a program said what it may not: it is ended and started anew",
		fact_text("of", c->tag), fact_text("told_by", by), fact_view("why", why));
	c->is_broken = true;
	c->broken++;
	kill(c->pid, SIGKILL);
}

void child_accuses(
	struct child *c, enum program_id id, uint32_t worker, uint32_t start, struct view why)
{
	struct child *peer = child_find(c->serve, id, worker);
	const uint64_t now_ms = loop_now_ms(c->serve->loop);
	if (!peer || !program_is_peer(c->row->id, id)) {
		child_is_broken(c, "parent", VIEW("it accuses a program that is no peer of it"));
		return;
	}
	if (peer->restarts != start || !is_running(peer) || peer->is_broken)
		return;
	const bool again = c->accused_ms && now_ms - c->accused_ms < STABLE_MS;
	c->accused_ms = now_ms;
	child_is_broken(peer, c->tag, why);
	if (again)
		child_is_broken(c, "parent", VIEW("it accuses one peer after another"));
}

/* --- dying -------------------------------------------------------------------------------- */

static void log_death(const struct child *c, int status, uint64_t wait_ms)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error("a program tried what its sandbox forbids and was killed",
			fact_text("of", c->tag), fact_number("restart_in_ms", wait_ms));
	else if (WIFSIGNALED(status))
		log_error("a program was killed", fact_text("of", c->tag),
			fact_number("signal", (uint64_t)WTERMSIG(status)),
			fact_number("restart_in_ms", wait_ms));
	else
		log_error("a program has ended", fact_text("of", c->tag),
			fact_number("exit", (uint64_t)WEXITSTATUS(status)),
			fact_number("restart_in_ms", wait_ms));
}

void child_reaped(struct child *c, int status)
{
	struct serve *s = c->serve;
	const bool was_drained = c->state == CHILD_DRAINED;
	if (loop_now_ms(s->loop) - c->started_ms > STABLE_MS)
		c->failures = 0;
	c->state = CHILD_DOWN;
	c->pid = 0;
	watch_free(&c->watch);
	close(c->control);
	c->control = -1;
	log_pipe_free(&c->log);
	if (s->census_view[c->row->id])
		census_clear(s->census_view[c->row->id], c->worker);
	if (s->commands)
		commands_lost(s->commands, c);
	if (c->row->id == PROGRAM_DROP)
		callers_lost(s->callers, c);
	if (s->stopping) {
		if (!was_drained)
			serve_child_drained(s);
		return;
	}
	const uint64_t wait_ms = take_wait(c);
	log_death(c, status, wait_ms);
	timer_set(c->restart, wait_ms);
}
