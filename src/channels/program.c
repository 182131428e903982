#include "channels/program.h"

#include "base/log.h"
#include "base/sandbox.h"
#include "channels/control.h"
#include "channels/watch.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define CONTROL_FD 3
#define DESCRIPTORS_LOOKED_AT 1024
#define OUTPUT_STEP 32000u
#define OUTGOING_MAX (512u << 20)

static struct buffer options;
static struct buffer sandbox;
static struct buffer packet;
/* As they were handed over: the keeper's own, and the one that the gate may have besides. */
static int directory = -1;
static int openings = -1;
static struct buffer outgoing = {.max = OUTGOING_MAX};
static size_t sent; /* octets at the front of `outgoing` that the parent has */
static struct watch *control;
static struct turn_hook turn_end;
static uint32_t peer_starts[PROGRAM_IDS][PEER_WORKERS_MAX]; /* as the parent counts them */

_Noreturn static void end(unsigned code)
{
	log_flush();
	_exit((int)code);
}

/* Sends what waits for the parent, a frame a packet, until its socket is full. */
static void flush_control(void)
{
	struct frame_head head;
	while (frame_head(view_from(buffer_view(&outgoing), sent), &head)) {
		const struct view frame =
			view_part(buffer_view(&outgoing), sent, FRAME_HEADER + head.length);
		const enum error error = control_send_frame(CONTROL_FD, frame, -1);
		if (error == ERROR_BUSY)
			break;
		if (error)
			end(error == ERROR_CLOSED ? 0 : 70);
		sent += frame.length;
	}
	if (sent == outgoing.length) {
		buffer_free(&outgoing);
		sent = 0;
	}
	if (control)
		watch_want(control, WATCH_READ | (outgoing.length ? WATCH_WRITE : 0u));
}

static void say_values(enum parent_code code, uint32_t stream, const struct frame_value *values)
{
	frame_add(&outgoing, &parent_program, (uint16_t)code, stream, values);
}
#define say(code, stream, ...)       \
	say_values((code), (stream), \
		(const struct frame_value[]){__VA_ARGS__ __VA_OPT__(, ){.number = 0}})

static void take_config(struct program *p, const struct frame *frame, int fd)
{
	const uint64_t generation = frame->values[0].number;
	const char *problem = "the snapshot is missing";
	if (fd >= 0)
		problem = p->ops->config ? p->ops->config(p, generation, fd) : NULL;
	if (fd >= 0)
		close(fd);
	say(PARENT_CONFIGURED, 0, frame_number(generation), frame_bytes(view_text(problem)));
}

static void close_unless(bool taken, int fd)
{
	if (!taken && fd >= 0)
		close(fd);
}

static void take_peer(struct program *p, const struct frame *frame, int fd)
{
	const enum program_id id = (enum program_id)frame->values[0].number;
	const uint32_t worker = (uint32_t)frame->values[1].number;
	const bool taken = p->ops->peer && fd >= 0 && frame->values[0].number < PROGRAM_IDS &&
			   worker < PEER_WORKERS_MAX;
	if (taken) {
		peer_starts[id][worker] = (uint32_t)frame->values[3].number;
		p->ops->peer(p, id, worker, (uint32_t)frame->values[2].number, fd);
	}
	close_unless(taken, fd);
}

static void take_caller(struct program *p, const struct frame *frame, int fd)
{
	const bool taken = p->ops->caller && fd >= 0;
	if (taken)
		p->ops->caller(p, (uint32_t)frame->values[0].number, frame->values[1].bytes, fd);
	close_unless(taken, fd);
	say(PARENT_CALLER_TAKEN, 0);
}

static void take_command(struct program *p, const struct frame *frame)
{
	const struct view words = frame->values[0].bytes;
	if (view_equal(program_word(words, 0), VIEW("trace"))) {
		watch_command(p, frame->stream, program_word(words, 1));
		return;
	}
	if (p->ops->command) {
		p->ops->command(p, frame->stream, words);
		return;
	}
	program_output(p, frame->stream, VIEW("this program answers no commands\n"));
	program_done(p, frame->stream, 64);
}

static void take_drain(struct program *p)
{
	p->draining = true;
	if (p->ops->drain)
		p->ops->drain(p);
	else
		program_drained(p);
}

/* One frame of the parent; false for what belongs to the start only. */
static void take(struct program *p, const struct frame *frame, int fd)
{
	switch ((enum parent_code)frame->row->code) {
	case PARENT_CONFIG:
		take_config(p, frame, fd);
		return;
	case PARENT_PEER:
		take_peer(p, frame, fd);
		return;
	case PARENT_LISTEN:
		close_unless(p->ops->listen != NULL, fd);
		if (p->ops->listen)
			p->ops->listen(p, (enum parent_listen)frame->values[0].number, fd);
		return;
	case PARENT_GIVEN:
		if (frame->values[0].number == GIVEN_DIRECTORY)
			directory = fd;
		if (frame->values[0].number == GIVEN_OPENINGS)
			openings = fd;
		close_unless(p->ops->given != NULL, fd);
		if (p->ops->given)
			p->ops->given(p, (enum parent_given)frame->values[0].number, fd);
		return;
	case PARENT_COMMAND:
		take_command(p, frame);
		return;
	case PARENT_CANCEL:
		watch_cancel(frame->stream);
		if (p->ops->cancel)
			p->ops->cancel(p, frame->stream);
		return;
	case PARENT_DRAIN:
		take_drain(p);
		return;
	case PARENT_CALLER:
		take_caller(p, frame, fd);
		return;
	case PARENT_CALLED:
		close_unless(p->ops->called != NULL, fd);
		if (p->ops->called)
			p->ops->called(p, frame->stream, frame->values[0].bytes, fd);
		return;
	case PARENT_START:
	case PARENT_GO:
	case PARENT_READY:
	case PARENT_CONFIGURED:
	case PARENT_DRAINED:
	case PARENT_OUTPUT:
	case PARENT_DONE:
	case PARENT_PEER_BROKEN:
	case PARENT_VERIFIER:
	case PARENT_CALLER_TAKEN:
	case PARENT_CALL:
	case PARENT_CODES:
		break;
	}
	close_unless(false, fd);
}

static void on_control(void *context, unsigned what)
{
	struct program *p = context;
	if (what == WATCH_WRITE)
		return; /* the end of the turn sends */
	struct frame frame;
	int fd;
	enum error error;
	while ((error = control_receive(CONTROL_FD, FRAME_A, &packet, &frame, &fd)) == ERROR_NONE)
		take(p, &frame, fd);
	if (error != ERROR_BUSY)
		end(error == ERROR_CLOSED ? 0 : 70);
}

static void take_start(struct program *p, const struct frame *frame)
{
	p->worker = (uint32_t)frame->values[0].number;
	p->workers = (uint32_t)frame->values[1].number;
	sandbox = buffer_new(65536);
	buffer_add(&sandbox, frame->values[2].bytes);
	options = buffer_new(4096);
	buffer_add(&options, frame->values[3].bytes);
	p->options = buffer_view(&options);
}

/* The descriptor is still blocking here: the parent hands over everything up to GO. */
static void take_everything(struct program *p)
{
	for (;;) {
		struct frame frame;
		int fd;
		const enum error error = control_receive(CONTROL_FD, FRAME_A, &packet, &frame, &fd);
		if (error)
			end(error == ERROR_CLOSED ? 0 : 70);
		if (frame.row->code == PARENT_GO)
			return;
		if (frame.row->code == PARENT_START)
			take_start(p, &frame);
		else
			take(p, &frame, fd);
	}
}

_Noreturn static void sandbox_failed(const struct sandbox_report *report)
{
	log_error("cannot enter the sandbox", fact_text("step", report->failed),
		fact_errno(report->failed_errno));
	end(71);
}

/* The parent speaks of descriptors by what they are for; here they have numbers. All that is open was
 * handed over or made by us: nothing else survived the start. */
static bool complete_spec(struct sandbox_spec *spec)
{
	spec->root_descriptor = directory;
	for (uint32_t i = 0; i < spec->rule_count; i++) {
		spec->rules[i].descriptor = i ? openings : directory;
		if (spec->rules[i].descriptor < 0)
			return false;
	}
	for (int fd = CONTROL_FD; fd < DESCRIPTORS_LOOKED_AT; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && !sandbox_spec_keep(spec, fd))
			return false;
	return true;
}

/* Threads are started between the two steps: they inherit the first and get the second. */
static void enter_sandbox(struct program *p)
{
	static struct sandbox_spec spec;
	struct sandbox_report report;
	struct cursor c = cursor_of(buffer_view(&sandbox));
	if (!sandbox_spec_read(&c, &spec) || !complete_spec(&spec)) {
		log_error("the parent sent no sandbox that can be read");
		end(71);
	}
	buffer_free(&sandbox);
	if (sandbox_confine(&spec, &report) != ERROR_NONE)
		sandbox_failed(&report);
	if (p->ops->prepare)
		p->ops->prepare(p);
	if (sandbox_seal(&spec, &report) != ERROR_NONE)
		sandbox_failed(&report);
	struct buffer text = buffer_new(4096);
	sandbox_report_add_missing(&text, &report, ",");
	say(PARENT_READY, 0, frame_bytes(buffer_view(&text)));
	buffer_free(&text);
}

static void end_turn(void *context)
{
	(void)context;
	flush_control();
	log_flush();
}

int program_main(enum program_id id, const struct program_ops *ops, int argc, char **argv)
{
	(void)argv;
	if (argc > 1 || fcntl(CONTROL_FD, F_GETFD) < 0) {
		log_error("this program is started by `sekisho serve`, not by hand",
			fact_text("program", program_id_name(id)));
		end(64);
	}
	signal(SIGPIPE, SIG_IGN);
	must_hook(log_flush);
	packet = buffer_new(CONTROL_PACKET_MAX);
	struct program *p = memory_new(1, sizeof *p);
	p->id = id;
	p->ops = ops;
	p->loop = loop_new();
	turn_end = (struct turn_hook){.run = end_turn};
	loop_add_hook(p->loop, &turn_end);
	if (ops->begin)
		ops->begin(p);
	take_everything(p);
	if (ops->warm)
		ops->warm(p);
	fcntl(CONTROL_FD, F_SETFL, O_NONBLOCK);
	control = watch_new(p->loop, CONTROL_FD, on_control, p);
	watch_want(control, WATCH_READ);
	enter_sandbox(p);
	if (ops->go)
		ops->go(p);
	loop_run(p->loop);
	end(0);
}

struct view program_option(const struct program *p, struct view key)
{
	struct view rest = p->options;
	while (rest.length) {
		struct view line, name, value;
		view_split(rest, '\n', &line, &rest);
		if (view_split(line, '=', &name, &value) && view_equal(name, key))
			return value;
	}
	return VIEW_NONE;
}

void program_output(struct program *p, uint32_t stream, struct view octets)
{
	(void)p;
	while (octets.length) {
		const struct view part = view_first(octets, OUTPUT_STEP);
		say(PARENT_OUTPUT, stream, frame_bytes(part));
		octets = view_from(octets, part.length);
	}
}

void program_done(struct program *p, uint32_t stream, unsigned exit_code)
{
	(void)p;
	say(PARENT_DONE, stream, frame_number(exit_code));
}

struct view program_word(struct view words, size_t n)
{
	struct view word = VIEW_NONE;
	for (size_t i = 0; i <= n; i++)
		view_split(words, 0, &word, &words);
	return word;
}

void program_drained(struct program *p)
{
	(void)p;
	say(PARENT_DRAINED, 0);
}

void program_peer_broken(struct program *p, enum program_id id, uint32_t worker, const char *why)
{
	(void)p;
	must(id < PROGRAM_IDS && worker < PEER_WORKERS_MAX);
	say(PARENT_PEER_BROKEN, 0, frame_number(id), frame_number(worker),
		frame_number(peer_starts[id][worker]),
		frame_bytes(view_first(view_text(why), PEER_WHY_MAX)));
}

void program_call(struct program *p, uint32_t stream, uint32_t uid)
{
	(void)p;
	say(PARENT_CALL, stream, frame_number(uid));
}

void program_verifier(struct program *p, struct view name, struct view before, struct view after)
{
	(void)p;
	say(PARENT_VERIFIER, 0, frame_bytes(name), frame_bytes(before), frame_bytes(after));
}
