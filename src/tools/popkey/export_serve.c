#include "popkey/asked.h"
#include "tools/popkey/export.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 1000u
#define BACKLOG 256
#define IDLE_MS 600000u /* Postfix lets go after 300 s */
#define STEP 4096u

struct asker {
	struct export *export;
	bool is_policy;
	int fd;
	struct watch *watch;
	struct timer *idle;
	struct buffer in;
	struct buffer out;
};

static void asker_end(struct asker *a)
{
	watch_free(&a->watch);
	timer_free(&a->idle);
	close(a->fd);
	buffer_free(&a->in);
	buffer_free(&a->out);
	a->export->client_count--;
	memory_free(a);
}

static void asker_idle(void *context)
{
	asker_end(context);
}

/* --- answers ---------------------------------------------------------------------------------- */

enum verdict { VERDICT_CLOSED, VERDICT_OPEN, VERDICT_UNKNOWN };

/* What only names may do is not for those whose name nobody knows. */
static bool lets_through(
	const struct export *e, const struct popkey_row *row, const struct view *sender)
{
	if (!sender || (!e->domains && !e->senders))
		return true;
	return row->user.length ? access_is_own(row->user, *sender, view_text(e->domains),
					  buffer_view(&e->own_senders))
				: e->takes_unknown;
}

/* `sender`: null where only the address is known. */
static enum verdict judge(struct export *e, struct view address, const struct view *sender)
{
	struct ip ip;
	struct popkey_walk walk;
	struct popkey_file file;
	struct popkey_row row;
	const uint64_t now_ms = common_now_ms();
	bool is_open = false;
	if (!ip_parse(address, &ip) || ip_is_loopback(&ip))
		return VERDICT_CLOSED;
	const enum error error = names_walk(e->names, &ip, &walk);
	while (!error && !is_open && popkey_walk_next(&walk, &file)) {
		struct popkey_rows rows = popkey_rows_of(&file, &e->common.rules);
		while (!is_open && popkey_rows_next(&rows, &row))
			is_open = popkey_row_is_open(&row, now_ms) && lets_through(e, &row, sender);
	}
	popkey_walk_end(&walk);
	return error ? VERDICT_UNKNOWN : is_open ? VERDICT_OPEN : VERDICT_CLOSED;
}

/* What cannot be known is closed: the server goes on to its other rules. */
static void answer_policy(struct asker *a, const struct policy_request *r)
{
	const bool is_open = judge(a->export, r->client_address, &r->sender) == VERDICT_OPEN;
	text_add(&a->out, "action={}\n\n",
		is_open ? text_string(a->export->value) : text_string("DUNNO"));
}

static void answer_map(struct asker *a, struct view key)
{
	switch (judge(a->export, key, NULL)) {
	case VERDICT_OPEN:
		asked_map_answer(&a->out, VIEW("OK"), view_text(a->export->value));
		break;
	case VERDICT_CLOSED:
		asked_map_answer(&a->out, VIEW("NOTFOUND"), VIEW_NONE);
		break;
	case VERDICT_UNKNOWN:
		asked_map_answer(&a->out, VIEW("TEMP"), VIEW("the gate is away"));
		break;
	}
}

/* --- one who asks ----------------------------------------------------------------------------- */

static enum asked take(struct asker *a)
{
	struct policy_request request;
	struct view map, key;
	size_t taken = 0;
	const enum asked asked = a->is_policy ? asked_policy(buffer_view(&a->in), &request, &taken)
					      : asked_map(buffer_view(&a->in), &map, &key, &taken);
	if (asked == ASKED_WHOLE) {
		if (a->is_policy)
			answer_policy(a, &request);
		else
			answer_map(a, key);
		buffer_drop(&a->in, taken);
	}
	return asked;
}

/* False: it has ended. */
static bool say_out(struct asker *a)
{
	while (a->out.length) {
		const ssize_t n = send(a->fd, a->out.data, a->out.length, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		buffer_drop(&a->out, (size_t)n);
	}
	return true;
}

/* Who does not read his answers is not read. */
static void asker_ready(void *context, unsigned what)
{
	struct asker *a = context;
	enum asked asked = ASKED_PART;
	bool ok = true;
	timer_set(a->idle, IDLE_MS);
	if (what & WATCH_READ) {
		uint8_t *room = buffer_room(&a->in, STEP);
		const ssize_t n = room ? recv(a->fd, room, STEP, 0) : 0;
		ok = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
		if (n > 0)
			buffer_grown(&a->in, (size_t)n);
	}
	if (ok)
		ok = say_out(a);
	while (ok && !a->out.length && (asked = take(a)) == ASKED_WHOLE)
		ok = say_out(a);
	if (!ok || asked == ASKED_BROKEN)
		asker_end(a);
	else
		watch_want(a->watch, a->out.length ? WATCH_WRITE : WATCH_READ);
}

static void listener_ready(void *context, unsigned what)
{
	struct export_listener *l = context;
	(void)what;
	const int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (l->export->client_count == CLIENTS_MAX) {
		close(fd); /* the server puts its client off */
		return;
	}
	struct asker *a = memory_new(1, sizeof *a);
	*a = (struct asker){.export = l->export,
		.is_policy = l->is_policy,
		.fd = fd,
		.in = buffer_new(ASKED_MAX + STEP),
		.out = buffer_new(ASKED_MAX)};
	a->watch = watch_new(l->export->loop, fd, asker_ready, a);
	a->idle = timer_new(l->export->loop, asker_idle, a);
	timer_set(a->idle, IDLE_MS);
	watch_want(a->watch, WATCH_READ);
	l->export->client_count++;
}

/* --- listening -------------------------------------------------------------------------------- */

/* Whoever may enter its directory may ask. By the mask: before a chmod(2) another could take its name. */
static int socket_for_all(struct view path)
{
	const mode_t before = umask(0111);
	const int fd = socket_at_path(path, SOCK_STREAM);
	umask(before);
	return fd;
}

static void names_ready(void *context, unsigned what)
{
	struct export *e = context;
	(void)what;
	(void)names_update(e->names);
}

static void know_names(struct export *e)
{
	e->names = names_new(e->common.path, &e->common.rules, NAMES_MAX);
	(void)names_update(e->names);
	if (names_descriptor(e->names) < 0) {
		say_trouble("changes cannot be watched: each question reads the directory");
		return;
	}
	e->names_watch = watch_new(e->loop, names_descriptor(e->names), names_ready, e);
	watch_want(e->names_watch, WATCH_READ);
}

bool serve_start(struct export *e)
{
	if (e->listener_count)
		know_names(e);
	for (size_t i = 0; i < e->listener_count; i++) {
		struct export_listener *l = &e->listeners[i];
		const struct view where = view_text(l->where);
		errno = EINVAL;
		l->export = e;
		l->fd = view_starts(where, VIEW("unix:")) ? socket_for_all(view_from(where, 5))
			: view_starts(where, VIEW("inet:"))
				? socket_at_port(view_from(where, 5), SOCK_STREAM)
				: -1;
		if (l->fd < 0 || listen(l->fd, BACKLOG) != 0) {
			say_trouble("{}: nobody can be listened to there: {}", text_view(where),
				text_string(strerrordesc_np(errno)));
			return false;
		}
		l->watch = watch_new(e->loop, l->fd, listener_ready, l);
		watch_want(l->watch, WATCH_READ);
	}
	return true;
}
