#include "channels/caller.h"
#include "channels/command.h"
#include "parent/names.h"
#include "parent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 16
#define ASKERS_MAX 32
#define ASKERS_OF_ALL 16 /* of them may be people who may ask for their own queue only */
#define MAILQ "mailq"

struct asker {
	struct commands *commands;
	struct channel *channel;
	uint32_t stream; /* at the program; 0: nothing asked yet */
	unsigned waits_for; /* programs (workers of one) whose DONE is missing */
	enum program_id program;
	unsigned exit_code;
	uint64_t reading; /* of the configuration, by number, that it waits for; 0: none */
	uint64_t generation; /* that it waits for all programs to take; 0: none */
	uint32_t uid; /* as the kernel says */
	bool is_operator; /* may ask everything */
	bool wants_mailq; /* as soon as its name is known */
	uint64_t mailq_after; /* which page: behind that mail; 0: the first */
};

struct commands {
	struct serve *serve;
	int fd;
	struct watch *watch;
	struct asker *askers[ASKERS_MAX];
	uint32_t last_stream;
	int directory; /* the state directory */
};

static struct asker *find_asker(struct commands *c, uint32_t stream)
{
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (c->askers[i] && stream && c->askers[i]->stream == stream)
			return c->askers[i];
	return NULL;
}

static void free_asker(struct asker *a)
{
	struct commands *c = a->commands;
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (c->askers[i] == a)
			c->askers[i] = NULL;
	channel_free(&a->channel);
	memory_free(a);
}

/* --- saying ------------------------------------------------------------------------------- */

static void add_child(struct buffer *b, const struct child *c, uint64_t now_ms)
{
	text_add(b, "{}\t{}\t{}\t{}\t{}\t{}\n", text_string(c->tag),
		text_string(child_state_name(c->state)),
		text_number(c->pid > 0 ? (uint64_t)c->pid : 0), text_number(c->restarts),
		text_number(c->broken),
		text_number(c->pid > 0 ? (now_ms - c->started_ms) / 1000 : 0));
}

static void say(struct asker *a, struct view octets)
{
	while (octets.length) {
		const struct view part = view_first(octets, 32768);
		channel_say(a->channel, COMMAND_OUTPUT, 1, frame_bytes(part));
		octets = view_from(octets, part.length);
	}
}

static void finish(struct asker *a, unsigned exit_code)
{
	channel_say(a->channel, COMMAND_DONE, 1, frame_number(exit_code));
	a->stream = 0;
	a->exit_code = 0;
	a->reading = 0;
	a->generation = 0;
}

/* --- reloads: answered when all programs go by it, so that a password that was changed counts --- */

static bool have_all(const struct serve *s, uint64_t generation)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].state == CHILD_UP && s->children[i].generation < generation)
			return false;
	return true;
}

void commands_configured(struct commands *c)
{
	for (size_t i = 0; i < ASKERS_MAX; i++) {
		struct asker *a = c->askers[i];
		if (a && a->generation && have_all(c->serve, a->generation))
			finish(a, a->exit_code);
	}
}

void commands_read(struct commands *c, uint64_t reading, uint64_t generation, const char *problem)
{
	for (size_t i = 0; i < ASKERS_MAX; i++) {
		struct asker *a = c->askers[i];
		if (!a || !a->reading || a->reading > reading)
			continue;
		a->reading = 0;
		a->generation = generation;
		a->exit_code = problem != NULL;
		say(a, view_text(problem));
		if (!generation)
			finish(a, 1);
	}
	commands_configured(c);
}

/* --- what the parent answers -------------------------------------------------------------- */

/* `programs`: a line each: name, state, pid, restarts, times broken, seconds. `name`: the one that was
 * given to serve, if one was. `reload`. */
static void ask_parent(struct asker *a, struct view words)
{
	struct serve *s = a->commands->serve;
	if (view_equal(words, VIEW("programs"))) {
		struct buffer b = buffer_new(65536);
		for (size_t i = 0; i < s->child_count; i++)
			add_child(&b, &s->children[i], loop_now_ms(s->loop));
		say(a, buffer_view(&b));
		buffer_free(&b);
		finish(a, 0);
	} else if (view_equal(words, VIEW("name"))) {
		say(a, s->options.name);
		finish(a, 0);
	} else if (view_equal(words, VIEW("reload"))) {
		a->stream = ++a->commands->last_stream;
		a->reading = configuration_reload(s);
		if (!a->reading)
			finish(a, 75);
	} else {
		finish(a, 64);
	}
}

/* --- what programs answer ----------------------------------------------------------------- */

static void ask_programs(struct asker *a, struct view program, struct view words)
{
	struct serve *s = a->commands->serve;
	a->stream = ++a->commands->last_stream;
	for (size_t i = 0; i < s->child_count; i++) {
		struct child *c = &s->children[i];
		if (!view_equal(view_text(c->row->name), program) || c->state != CHILD_UP)
			continue;
		a->program = c->row->id;
		if (child_say(c, -1, PARENT_COMMAND, a->stream, frame_bytes(words)) == ERROR_NONE)
			a->waits_for++;
	}
	if (a->waits_for == 0) {
		say(a, VIEW("this program is not running just now, see `sekisho status`\n"));
		finish(a, 75);
	}
}

/* Everybody's own mail; all of it for those who may ask everything. */
static void ask_spool_mailq(struct asker *a, struct view name)
{
	struct buffer words = buffer_new(256);
	buffer_add(&words, VIEW("queue\0" MAILQ));
	if (!a->is_operator)
		text_add(&words, "{}poster={}", text_raw(VIEW("\0")), text_raw(name));
	if (a->mailq_after)
		text_add(&words, "{}after={}", text_raw(VIEW("\0")), text_hex(a->mailq_after));
	ask_programs(a, VIEW("spool"), buffer_view(&words));
	buffer_free(&words);
}

static void ask_mailq(struct asker *a)
{
	struct view name = VIEW_NONE;
	const enum names_found found =
		a->is_operator ? NAMES_FOUND : names_find(a->commands->serve->names, a->uid, &name);
	a->wants_mailq = found == NAMES_SOUGHT;
	if (!a->stream)
		a->stream = ++a->commands->last_stream; /* no more questions until it is answered */
	if (found == NAMES_FOUND) {
		ask_spool_mailq(a, name);
	} else if (found == NAMES_FAILED) {
		say(a, VIEW("your name could not be looked up just now\n"));
		finish(a, 75);
	}
}

/* `mailq`, and behind it perhaps `after=` and the id of a mail. */
static bool is_mailq(struct asker *a, struct view program, struct view words)
{
	struct view verb, after;
	const bool has_after = view_split(words, 0, &verb, &after);
	a->mailq_after = 0;
	return view_equal(program, VIEW("parent")) && view_equal(verb, VIEW(MAILQ)) &&
	       (!has_after || (view_starts(after, VIEW("after=")) &&
				      view_to_hex64(view_from(after, 6), &a->mailq_after)));
}

void commands_name_known(struct commands *c)
{
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (c->askers[i] && c->askers[i]->wants_mailq)
			ask_mailq(c->askers[i]);
}

static void refuse(struct asker *a)
{
	say(a, VIEW("this server may be asked by root, and by the user who runs it\n"));
	finish(a, 77);
}

void commands_output(struct commands *c, uint32_t stream, struct view octets)
{
	struct asker *a = find_asker(c, stream);
	if (a)
		say(a, octets);
}

void commands_done(struct commands *c, uint32_t stream, unsigned exit_code)
{
	struct asker *a = find_asker(c, stream);
	if (!a)
		return;
	if (exit_code > a->exit_code)
		a->exit_code = exit_code;
	if (--a->waits_for == 0)
		finish(a, a->exit_code);
}

void commands_lost(struct commands *c, const struct child *child)
{
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (c->askers[i] && c->askers[i]->stream && c->askers[i]->program == child->row->id)
			commands_done(c, c->askers[i]->stream, 75);
	commands_configured(c);
}

/* --- the socket --------------------------------------------------------------------------- */

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct asker *a = context;
	return stream == 1 && !a->stream ? COMMAND_STATE_IDLE : COMMAND_STATE_ASKED;
}

static void said(void *context, const struct frame *frame)
{
	struct asker *a = context;
	if (is_mailq(a, frame->values[0].bytes, frame->values[1].bytes))
		ask_mailq(a);
	else if (!a->is_operator)
		refuse(a);
	else if (view_equal(frame->values[0].bytes, VIEW("parent")))
		ask_parent(a, frame->values[1].bytes);
	else
		ask_programs(a, frame->values[0].bytes, frame->values[1].bytes);
}

static void closed(void *context, const char *broken)
{
	(void)broken;
	struct asker *a = context;
	struct serve *s = a->commands->serve;
	for (size_t i = 0; a->stream && i < s->child_count; i++)
		if (s->children[i].row->id == a->program &&
			child_say(&s->children[i], -1, PARENT_CANCEL, a->stream) != ERROR_NONE)
			continue;
	free_asker(a);
}

static const struct channel_handler handler = {state_of, said, closed};

static struct asker *place_for(struct commands *c, bool is_operator)
{
	size_t free_place = ASKERS_MAX, of_all = 0;
	for (size_t i = 0; i < ASKERS_MAX; i++) {
		if (!c->askers[i])
			free_place = i;
		of_all += c->askers[i] && !c->askers[i]->is_operator;
	}
	if (free_place == ASKERS_MAX || (!is_operator && of_all >= ASKERS_OF_ALL))
		return NULL;
	c->askers[free_place] = memory_new(1, sizeof(struct asker));
	return c->askers[free_place];
}

static void on_ready(void *context, unsigned what)
{
	(void)what;
	struct commands *c = context;
	struct ucred who;
	socklen_t length = sizeof who;
	const int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	const bool is_known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0;
	const bool is_operator = is_known && (who.uid == 0 || who.uid == geteuid());
	struct asker *a = is_known ? place_for(c, is_operator) : NULL;
	if (!a) {
		close(fd);
		return;
	}
	a->commands = c;
	a->uid = (uint32_t)who.uid;
	a->is_operator = is_operator;
	a->channel = channel_new(c->serve->loop, &command_protocol, FRAME_B, fd, &handler, a);
}

struct commands *commands_new(struct serve *s)
{
	struct commands *c = memory_new(1, sizeof *c);
	c->serve = s;
	c->fd = listen_local(s, COMMAND_SOCKET_NAME, BACKLOG, &c->directory);
	if (c->fd < 0) {
		log_error("the command socket cannot be made", fact_text("state", s->options.state),
			fact_text("file", COMMAND_SOCKET_NAME), fact_errno(errno));
		memory_free(c);
		return NULL;
	}
	c->watch = watch_new(s->loop, c->fd, on_ready, c);
	watch_want(c->watch, WATCH_READ);
	return c;
}

void commands_free(struct commands **at)
{
	struct commands *c = *at;
	*at = NULL;
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (c->askers[i])
			free_asker(c->askers[i]);
	watch_free(&c->watch);
	close(c->fd);
	unlinkat(c->directory, COMMAND_SOCKET_NAME, 0);
	close(c->directory);
	memory_free(c);
}
