#include "parent/serve.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "parent/alone.h"
#include "parent/names.h"
#include "parent/notify.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_PHASE_MS 30000u

static const char help[] =
	"usage: sekisho serve [NAME] [options]\n"
	"\n"
	"Runs the mail server in the foreground. NAME is this host's full name,\n"
	"such as mail.example.org; without it the file `servername` of the\n"
	"configuration, or the system's own name, is taken.\n"
	"\n"
	"  --config DIR       configuration directory (/etc/sekisho)\n"
	"  --state DIR        where mail and keys are kept (/var/lib/sekisho)\n"
	"  --address IP       listen on this address only; may be repeated\n"
	"  --port-base N      ports above 1024: SMTP N+525, submission N+587, over\n"
	"                     TLS N+465, POP3 N+110, over TLS N+995\n"
	"  --smtp-port N      --submission-port N  --submissions-port N\n"
	"  --pop3-port N      --pop3s-port N\n"
	"  --workers N        processes for each of smtpd and popd\n"
	"\n"
	"SIGHUP reloads the configuration, SIGTERM finishes what is under way and\n"
	"ends.  See sekisho(8).\n";

/* --- state of the whole ------------------------------------------------------------------- */

void serve_child_ready(struct serve *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].state != CHILD_UP)
			return;
	if (s->announced)
		return;
	s->announced = true;
	log_info("ready", fact_text("servername", s->servername),
		fact_number("smtp", s->options.smtp_port),
		fact_number("submission", s->options.submission_port),
		fact_number("submissions", s->options.submissions_port),
		fact_number("pop3", s->options.pop3_port),
		fact_number("pop3s", s->options.pop3s_port));
	notify_ready();
}

void serve_reload(struct serve *s)
{
	(void)configuration_reload(s);
}

/* --- the end ------------------------------------------------------------------------------ */

/* Nothing more is handed in, then sessions finish, then who served them, then spool what it has handed out, then
 * deliver its sync, and relay takes its leave; the gate writes what they all have told it. Who is not here has
 * nothing to finish. */
static const enum program_id stop_order[][2] = {{PROGRAM_DROP, PROGRAM_DROP},
	{PROGRAM_SMTPD, PROGRAM_POPD}, {PROGRAM_MAILBOX, PROGRAM_AUTH},
	{PROGRAM_SPOOL, PROGRAM_REPORT}, {PROGRAM_DELIVER, PROGRAM_RELAY},
	{PROGRAM_GATE, PROGRAM_GATE}};
#define STOP_PHASES (sizeof stop_order / sizeof *stop_order)

static bool is_of_phase(const struct child *c, unsigned phase)
{
	return phase < STOP_PHASES &&
	       (c->row->id == stop_order[phase][0] || c->row->id == stop_order[phase][1]);
}

static void next_phase(struct serve *s);

static bool phase_is_over(const struct serve *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (is_of_phase(&s->children[i], s->stop_phase) && s->children[i].state == CHILD_UP)
			return false;
	return true;
}

void serve_child_drained(struct serve *s)
{
	if (s->stopping && phase_is_over(s))
		next_phase(s);
}

static void begin_phase(struct serve *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (is_of_phase(&s->children[i], s->stop_phase) &&
			s->children[i].state == CHILD_UP &&
			child_say(&s->children[i], -1, PARENT_DRAIN, 0) != ERROR_NONE)
			s->children[i].state = CHILD_DRAINED;
	timer_set(s->stop_timer, STOP_PHASE_MS);
}

static void next_phase(struct serve *s)
{
	do
		s->stop_phase++;
	while (s->stop_phase < STOP_PHASES && phase_is_over(s));
	if (s->stop_phase < STOP_PHASES)
		begin_phase(s);
	else
		loop_stop(s->loop);
}

static void phase_took_too_long(void *context)
{
	struct serve *s = context;
	for (size_t i = 0; i < s->child_count; i++)
		if (is_of_phase(&s->children[i], s->stop_phase) && s->children[i].state == CHILD_UP)
			log_warning("what is under way does not end by itself: going on without it",
				fact_text("of", s->children[i].tag));
	next_phase(s);
}

static void on_terminate(void *context)
{
	struct serve *s = context;
	if (s->stopping) { /* asked twice: at once */
		loop_stop(s->loop);
		return;
	}
	log_info("stopping: finishing what is under way");
	notify_stopping();
	s->stopping = true;
	for (size_t i = 0; i < s->listening_count; i++)
		close(s->listening[i].fd);
	callers_stop(s->callers);
	begin_phase(s);
	if (phase_is_over(s))
		next_phase(s);
}

static void on_hangup(void *context)
{
	serve_reload(context);
}

static void on_child(void *context)
{
	struct serve *s = context;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (configuration_reap(s, pid, status))
			continue;
		for (size_t i = 0; i < s->child_count; i++)
			if (s->children[i].pid == pid) {
				child_reaped(&s->children[i], status);
				break;
			}
	}
}

/* --- the start ---------------------------------------------------------------------------- */

static uint32_t workers_of(const struct serve *s, const struct program_row *row)
{
	if (row->kind != PROGRAM_FACE)
		return 1;
	uint32_t n = s->options.workers;
	if (n == 0)
		n = row->workers_default;
	return n < row->workers_max ? n : row->workers_max;
}

static bool make_census(struct serve *s, const struct program_row *row, uint32_t workers)
{
	s->census[row->id] = census_create(workers);
	s->census_view[row->id] =
		s->census[row->id] >= 0 ? census_map(s->census[row->id], 0, workers) : NULL;
	return s->census_view[row->id] != NULL;
}

static bool make_children(struct serve *s)
{
	for (unsigned i = 0; i < programs_count(); i++) {
		const struct program_row *row = program_at(i);
		const uint32_t workers = workers_of(s, row);
		if (row->kind == PROGRAM_SHORT_LIVED)
			continue;
		if (row->kind == PROGRAM_FACE && !make_census(s, row, workers))
			return false;
		for (unsigned d = 0; d < row->directory_count; d++)
			s->places[row->id].directories[row->directories[d].role] =
				s->directories[row->directories[d].role];
		for (uint32_t w = 0; w < workers; w++)
			child_init(s, row, w, workers);
	}
	return true;
}

static bool start_all(struct serve *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (!child_start(&s->children[i]))
			return false;
	for (size_t i = 0; i < s->child_count; i++)
		for (size_t k = i + 1; k < s->child_count; k++)
			child_connect(&s->children[i], &s->children[k]);
	for (size_t i = 0; i < s->child_count; i++)
		child_go(&s->children[i]);
	return true;
}

static void on_name_known(void *context)
{
	struct serve *s = context;
	callers_go(s->callers);
	commands_name_known(s->commands);
}

static void flush_log(void *context)
{
	(void)context;
	log_flush();
}

static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int serve(struct serve *s)
{
	static struct turn_hook log_hook = {.run = flush_log};
	s->loop = loop_new();
	loop_add_hook(s->loop, &log_hook);
	s->stop_timer = timer_new(s->loop, phase_took_too_long, s);
	if (!place_prepare(s) || !listen_start(s) || !configuration_first(s) ||
		!listen_submission(s) || !certificate_first(s) || !make_children(s))
		return 1;
	loop_signal(s->loop, SIGTERM, on_terminate, s);
	loop_signal(s->loop, SIGINT, on_terminate, s);
	loop_signal(s->loop, SIGHUP, on_hangup, s);
	loop_signal(s->loop, SIGCHLD, on_child, s);
	const struct program_place *reader = &s->places[PROGRAM_CONFIG];
	s->names = names_new(s->loop, reader->uid, reader->gid, s->is_root, on_name_known, s);
	s->commands = commands_new(s);
	s->callers = callers_new(s);
	if (!s->commands || !s->callers || !start_all(s))
		return 1;
	loop_run(s->loop);
	commands_free(&s->commands);
	callers_free(&s->callers);
	names_free(&s->names);
	log_info("stopped");
	alone_end();
	return 0;
}

static void print(int fd, struct view text)
{
	if (descriptor_write_all(fd, text) != ERROR_NONE)
		return; /* nobody is left to tell it to */
}

int serve_main(int argc, char **argv)
{
	static struct serve s;
	struct buffer told = buffer_new(2048);
	struct buffer problem = buffer_new(1024);
	bool wants_help;
	if (!serve_options_parse(argc, argv, &s.options, &problem, &wants_help)) {
		text_add(&told, "sekisho serve: {}\n", text_raw(buffer_view(&problem)));
		print(STDERR_FILENO, buffer_view(&told));
		return 64;
	}
	if (wants_help) {
		print(STDOUT_FILENO, view_text(help));
		return 0;
	}
	for (size_t i = 0; i < PROGRAM_ROLES; i++)
		s.directories[i] = -1;
	s.certificate = s.key = s.new_certificate = s.new_key = s.secret = -1;
	for (size_t i = 0; i < PROGRAM_IDS; i++) {
		s.snapshots[i] = -1;
		s.census[i] = -1;
		for (size_t k = 0; k < PROGRAM_ROLES; k++)
			s.places[i].directories[k] = -1;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	must_hook(log_flush);
	logs_of_parent();
	const int code = serve(&s);
	log_flush();
	return code;
}
