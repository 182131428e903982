#include "base/files.h"
#include "config/parent_facts.h"
#include "config/snapshot.h"
#include "config/users_file.h"
#include "parent/alone.h"
#include "parent/environment.h"
#include "parent/notify.h"
#include "parent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors of sekisho-config, see its main.c. */
enum {
	READER_DIRECTORY = 3,
	READER_SANDBOX = 4,
	READER_FIRST_SECRET = 5,
	READER_FIRST_OUT = READER_FIRST_SECRET + SETTING_SECRETS
};

enum run_kind {
	RUN_READER, /* sekisho-config */
	RUN_CERTIFICATE, /* behind it: a look at the certificate */
	RUN_USERS, /* a change of the users file */
};

static const char not_taken[] = "the configuration was not taken over, what ran before goes on\n";
static const char certificate_stays[] =
	"the certificate was not taken over, the one before stays in force; the log says why\n";

struct configuration_run {
	pid_t pid;
	enum run_kind kind;
	struct log_pipe *log;
	uint64_t generation;
	int out[PROGRAM_IDS]; /* index PROGRAM_CONFIG: for ourselves */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_all(int *secrets)
{
	for (unsigned i = 0; i < SETTING_SECRETS; i++)
		close_fd(&secrets[i]);
}

static void run_free(struct configuration_run **at)
{
	struct configuration_run *run = *at;
	*at = NULL;
	log_pipe_free(&run->log);
	for (size_t i = 0; i < PROGRAM_IDS; i++)
		close_fd(&run->out[i]);
	memory_free(run);
}

/* --- in the child ------------------------------------------------------------------------- */

/* Brings `fds` to the numbers 3, 4, …: first out of the way, then into place. */
static bool place_descriptors(const int *fds, int count)
{
	int high[READER_FIRST_OUT + PROGRAM_IDS];
	for (int i = 0; i < count; i++)
		high[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD, 100) : -1;
	for (int i = 0; i < count; i++) {
		if (high[i] < 0)
			close(READER_DIRECTORY + i);
		else if (dup2(high[i], READER_DIRECTORY + i) < 0)
			return false;
	}
	return close_range((unsigned)(READER_DIRECTORY + count), ~0u, 0) == 0;
}

_Noreturn static void exec_reader(struct serve *s, const struct configuration_run *run, int log,
	int sandbox, const int *secrets)
{
	char generation[24];
	char name[256];
	char path[OPTIONS_PATH_MAX + 32];
	struct buffer b = buffer_new(512);
	text_add(&b, "{}", text_number(run->generation));
	must(view_to_text(buffer_view(&b), generation, sizeof generation));
	buffer_clear(&b);
	text_add(&b, "{}/sekisho-config", text_raw(view_text(s->options.programs)));
	int fds[READER_FIRST_OUT - READER_DIRECTORY + PROGRAM_IDS] = {s->config_directory, sandbox};
	for (int i = 0; i < SETTING_SECRETS; i++)
		fds[READER_FIRST_SECRET - READER_DIRECTORY + i] = secrets[i];
	for (int i = 1; i < PROGRAM_IDS; i++)
		fds[READER_FIRST_OUT - READER_DIRECTORY + i - 1] = run->out[i];
	if (!view_to_text(buffer_view(&b), path, sizeof path) ||
		!view_to_text(s->options.name, name, sizeof name) || dup2(log, 2) < 0 ||
		!place_descriptors(fds, READER_FIRST_OUT - READER_DIRECTORY + PROGRAM_IDS - 1))
		_exit(71);
	execle(path, "sekisho-config", generation, s->options.state, name, (char *)NULL,
		environment_of_programs());
	_exit(72);
}

static int sandbox_file(struct serve *s)
{
	struct sandbox_spec spec;
	struct program_place place = s->places[PROGRAM_CONFIG];
	place.directories[PROGRAM_ROLE_CONFIG] = READER_DIRECTORY;
	if (program_sandbox(program_of(PROGRAM_CONFIG), &place, &spec) != ERROR_NONE)
		return -1;
	bool ok = true;
	for (int fd = READER_DIRECTORY; fd < READER_FIRST_OUT + PROGRAM_IDS - 1; fd++)
		ok = ok && sandbox_spec_keep(&spec, fd);
	struct buffer b = buffer_new(65536);
	sandbox_spec_add(&b, &spec);
	const int fd = ok ? memfd_create("sandbox", MFD_CLOEXEC) : -1;
	if (fd >= 0 && pwrite(fd, b.data, b.length, 0) != (ssize_t)b.length)
		must(!"a memory file takes a page");
	buffer_free(&b);
	return fd;
}

/* --- running the reader ------------------------------------------------------------------- */

static struct configuration_run *start_reader(struct serve *s)
{
	struct configuration_run *run = memory_new(1, sizeof *run);
	int log[2];
	run->kind = RUN_READER;
	run->generation = s->generation + 1;
	for (size_t i = 0; i < PROGRAM_IDS; i++)
		run->out[i] = i ? memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
	int secrets[SETTING_SECRETS];
	for (unsigned i = 0; i < SETTING_SECRETS; i++)
		secrets[i] = openat(s->config_directory, setting_secret(i)->name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int sandbox = sandbox_file(s);
	if (sandbox < 0 || pipe2(log, O_CLOEXEC) != 0) {
		close_all(secrets);
		close_fd(&sandbox);
		run_free(&run);
		return NULL;
	}
	log_flush();
	run->pid = fork();
	if (run->pid == 0)
		exec_reader(s, run, log[1], sandbox, secrets);
	close(log[1]);
	close_all(secrets);
	close_fd(&sandbox);
	run->log = log_pipe_new(s->loop, log[0], VIEW("config"));
	if (run->pid < 0)
		run_free(&run);
	return run;
}

static bool is_good(const struct configuration_run *run, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		log_error("the configuration reader died",
			fact_number("signal", (uint64_t)WTERMSIG(status)));
	else if (WEXITSTATUS(status) > 1)
		log_error("the configuration reader did not run",
			fact_number("exit", (uint64_t)WEXITSTATUS(status)));
	(void)run;
	return false;
}

static bool open_mailboxes(struct serve *s, struct view where)
{
	char path[OPTIONS_PATH_MAX];
	if (s->directories[PROGRAM_ROLE_MAILBOXES] >= 0)
		return true; /* a reload: told by the programs when it differs */
	if (!view_to_text(where, path, sizeof path))
		return false;
	const struct program_place *deliver = &s->places[PROGRAM_DELIVER];
	const struct owner owner = {deliver->uid, deliver->group, s->is_root};
	int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0 && errno == ENOENT)
		at = directory_ensure(path, 02770, &owner);
	if (at < 0)
		log_error("the directory of the mailboxes cannot be made or opened",
			fact_text("directory", path), fact_errno(errno));
	s->directories[PROGRAM_ROLE_MAILBOXES] = at;
	if (at >= 0)
		boot_read(at, &s->boot);
	return at >= 0 && alone_lock_directory(at);
}

/* The listening sockets are made once. */
static void take_ports(struct serve *s, const struct parent_facts *facts)
{
	bool same = s->submission_count == facts->submission_count;
	for (uint32_t i = 0; same && i < facts->submission_count; i++)
		same = s->submission[i].number == facts->submission[i].number &&
		       s->submission[i].tls == facts->submission[i].tls;
	if (s->generation > 0 && !same)
		log_warning("the setting submission has changed, which takes effect at the next "
			    "start of the server");
	if (s->generation > 0)
		return;
	s->submission_count = facts->submission_count;
	for (uint32_t i = 0; i < facts->submission_count; i++)
		s->submission[i] = facts->submission[i];
}

/* One that is there stays as it is: its mode says who else may open the gate. */
static bool open_openings(struct serve *s, struct view where)
{
	char path[GATESTORE_PATH_MAX + 1];
	const struct program_place *gate = &s->places[PROGRAM_GATE];
	const struct owner owner = {gate->uid, gate->gid, s->is_root};
	if (!view_to_text(where, path, sizeof path))
		return false;
	int at = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 && errno == ENOENT)
		at = directory_ensure(path, 02775, &owner);
	if (at < 0)
		log_error("the directory that gatestore names cannot be made or opened",
			fact_text("directory", path), fact_errno(errno));
	s->directories[PROGRAM_ROLE_OPENINGS] = at;
	return at >= 0;
}

/* What the gate stands on is decided once. */
static bool take_gatestore(struct serve *s, const struct parent_facts *facts)
{
	struct buffer text = buffer_new(GATESTORE_TEXT_MAX);
	gatestore_add(&text, &facts->gatestore);
	const bool same = view_equal(buffer_view(&text), view_text(s->gatestore));
	if (s->generation > 0 && !same)
		log_warning("the setting gatestore has changed, which takes effect at the next "
			    "start of "
			    "the server");
	bool fine = s->generation > 0 ||
		    view_to_text(buffer_view(&text), s->gatestore, sizeof s->gatestore);
	if (s->generation == 0 && facts->gatestore.kind == GATESTORE_DIRECTORY)
		fine = fine && open_openings(s, facts->gatestore.path);
	buffer_free(&text);
	return fine;
}

static bool take_facts(struct serve *s, int fd)
{
	char text[PARENT_FACTS_MAX];
	struct parent_facts facts;
	const ssize_t n = pread(fd, text, sizeof text, 0);
	if (n <= 0 || !parent_facts_read(view_of(text, (size_t)n), &facts) ||
		!view_to_text(facts.servername, s->servername, sizeof s->servername) ||
		!open_mailboxes(s, facts.mailboxes))
		return false;
	take_ports(s, &facts);
	if (!take_gatestore(s, &facts))
		return false;
	place_tell_name(s);
	return view_to_text(facts.certificate, s->certificate_file, sizeof s->certificate_file) &&
	       view_to_text(facts.certificate_key, s->key_file, sizeof s->key_file);
}

static bool adopt(struct serve *s, struct configuration_run *run)
{
	if (!take_facts(s, run->out[PROGRAM_CONFIG]))
		return false;
	s->generation = run->generation;
	for (size_t i = 1; i < PROGRAM_IDS; i++) {
		fcntl(run->out[i], F_ADD_SEALS,
			F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
		close_fd(&s->snapshots[i]);
		s->snapshots[i] = run->out[i];
		run->out[i] = -1;
	}
	return true;
}

bool configuration_first(struct serve *s)
{
	struct configuration_run *run = start_reader(s);
	int status = 0;
	if (!run) {
		log_error("the configuration reader cannot be started", fact_errno(errno));
		return false;
	}
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	const bool good = is_good(run, status) && adopt(s, run);
	run_free(&run);
	return good;
}

uint64_t configuration_reload(struct serve *s)
{
	if (s->configuring) {
		s->reload_again = true;
		return s->readings + 1;
	}
	notify_reloading();
	s->readings++;
	s->configuring = start_reader(s);
	if (s->configuring)
		return s->readings;
	log_error("the configuration reader cannot be started", fact_errno(errno));
	if (s->commands)
		commands_read(s->commands, s->readings, 0, not_taken);
	return 0;
}

/* What the reader has read is in force; the certificate's turn comes. */
static bool go_on_with_certificate(struct serve *s, struct configuration_run *run)
{
	log_info("configuration reloaded", fact_number("generation", s->generation));
	for (size_t i = 0; i < s->child_count; i++)
		child_configure(&s->children[i]);
	run->kind = RUN_CERTIFICATE;
	run->pid = certificate_look(s);
	return run->pid > 0;
}

static void end_run(struct serve *s)
{
	run_free(&s->configuring);
	notify_ready();
	if (s->reload_again) {
		s->reload_again = false;
		configuration_reload(s);
	}
}

/* Its askers are told; a change of the users file has none. */
static void end_reading(struct serve *s, uint64_t generation, const char *problem)
{
	if (s->commands)
		commands_read(s->commands, s->readings, generation, problem);
	end_run(s);
}

bool configuration_reap(struct serve *s, pid_t pid, int status)
{
	struct configuration_run *run = s->configuring;
	if (!run || run->pid != pid)
		return false;
	switch (run->kind) {
	case RUN_READER:
		if (!is_good(run, status) || !adopt(s, run)) {
			log_error("the configuration was not taken over; what ran before goes on");
			end_reading(s, 0, not_taken);
		} else if (!go_on_with_certificate(s, run)) {
			end_reading(s, s->generation, certificate_stays);
		}
		break;
	case RUN_CERTIFICATE:
		end_reading(
			s, s->generation, certificate_looked(s, status) ? NULL : certificate_stays);
		break;
	case RUN_USERS:
		s->reload_again |= is_good(run, status);
		end_run(s);
		break;
	}
	return true;
}

/* A child does it, with the parent's rights: it may wait for the lock of somebody's `sekisho user`. */
void configuration_verifier(
	struct serve *s, struct view name, struct view before, struct view after)
{
	if (s->configuring)
		return; /* auth will say it again at the next login */
	const struct users_change change = {
		.kind = USERS_REPLACE, .name = name, .verifier = after, .expected = before};
	struct configuration_run *run = memory_new(1, sizeof *run);
	run->kind = RUN_USERS;
	for (size_t i = 0; i < PROGRAM_IDS; i++)
		run->out[i] = -1;
	log_flush();
	run->pid = fork();
	if (run->pid == 0)
		_exit(users_file_change(s->config_directory, &change) == ERROR_NONE ? 0 : 1);
	if (run->pid < 0)
		run_free(&run);
	s->configuring = run;
}
