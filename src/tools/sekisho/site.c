#include "tools/sekisho/site.h"

#include "base/sandbox.h"
#include "config/check.h"
#include "config/directory.h"
#include "config/suffix.h"
#include "config/system.h"
#include "parent/programs.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_STEP 65536u
#define NOBODY 65534u

struct reader {
	const struct site_question *question;
	struct view name; /* as given to serve, or empty */
	int directory; /* -1: there is none */
	int users; /* may be readable by root alone; -1: there is none */
	int out; /* pipe to the command */
	struct config_files plain;
};

/* --- the name ------------------------------------------------------------------- */

/* What the server that runs here was given, so that commands see the same site; empty when it was given
 * none, or nobody runs whom we may ask. */
static struct view running_name(const char *state)
{
	static char name[ADDRESS_DOMAIN_MAX + 1];
	struct buffer answer = buffer_new(ADDRESS_DOMAIN_MAX);
	if (!ask_is_running(state) ||
		ask_text(state, VIEW("parent"), VIEW("name"), &answer) != EXIT_FINE ||
		buffer_failed(&answer) || !view_to_text(buffer_view(&answer), name, sizeof name))
		name[0] = 0;
	buffer_free(&answer);
	return view_text(name);
}

/* --- confinement -------------------------------------------------------------------------- */

/* The user as whom the server's own reader runs, so that what it may not read shows here too. */
static void choose_user(struct sandbox_spec *spec)
{
	const struct passwd *user = getpwnam(program_of(PROGRAM_CONFIG)->user);
	const bool is_there = user && user->pw_uid != 0 && user->pw_gid != 0;
	spec->uid = is_there ? (uint32_t)user->pw_uid : NOBODY;
	spec->gid = is_there ? (uint32_t)user->pw_gid : NOBODY;
}

static bool confine(const struct reader *r)
{
	struct sandbox_spec spec = sandbox_spec_new();
	struct sandbox_report report;
	choose_user(&spec);
	spec.limits.open_files = 64;
	spec.limits.address_space_octets = program_of(PROGRAM_CONFIG)->limits.address_space_octets;
	spec.calls = SANDBOX_CALLS_DISK_READ;
	bool fits = sandbox_spec_keep(&spec, r->directory) && sandbox_spec_keep(&spec, r->users) &&
		    sandbox_spec_keep(&spec, r->out);
	if (r->directory >= 0) {
		spec.root = SANDBOX_ROOT_DIRECTORY;
		spec.root_descriptor = r->directory;
		fits = fits && sandbox_spec_rule(&spec, r->directory, NULL, SANDBOX_READ);
	}
	must(fits);
	if (sandbox_enter(&spec, &report) == ERROR_NONE)
		return true;
	say_trouble("cannot enter the sandbox: {}: {}", text_string(report.failed),
		text_string(strerrordesc_np(report.failed_errno)));
	return false;
}

/* --- reading, in the child ---------------------------------------------------------------- */

static enum error read_users(int fd, struct buffer *out)
{
	ssize_t n;
	do {
		const size_t left = buffer_left(out);
		const size_t step = left < READ_STEP ? left : READ_STEP;
		uint8_t *room = step ? buffer_room(out, step) : NULL;
		if (!room)
			return ERROR_LIMIT;
		n = pread(fd, room, step, (off_t)out->length);
		if (n > 0)
			buffer_grown(out, (size_t)n);
	} while (n > 0);
	return n == 0 ? ERROR_NONE : error_of_errno(errno);
}

static enum error read_file(void *context, struct view name, struct buffer *out)
{
	const struct reader *r = context;
	if (r->users >= 0 && view_equal(name, VIEW("users")))
		return read_users(r->users, out);
	return r->plain.read(r->plain.context, name, out);
}

/* Without a setting, mailboxes lie below the state directory. */
static bool default_mailboxes(struct config *config, const char *state, struct arena *a)
{
	struct buffer path = buffer_new(512);
	bool ok = true;
	text_add(&path, "{}/mail/LOCALPART/", text_raw(view_text(state)));
	if (config->origins[SETTING_MAILBOXES].kind == ORIGIN_DEFAULT)
		ok = !buffer_failed(&path) && arena_copy(a, buffer_view(&path), &config->mailboxes);
	buffer_free(&path);
	return ok;
}

static bool read_site(struct reader *r, const struct config_facts *facts, struct site *site)
{
	struct config_directory directory = {.fd = r->directory};
	if (r->directory >= 0 &&
		config_directory_list(&directory, site->arena, &r->plain) != ERROR_NONE)
		return false;
	struct config_files files = r->plain;
	files.read = read_file;
	files.context = r;
	return config_read(&files, facts, site->arena, &site->findings, &site->config) &&
	       default_mailboxes(&site->config, r->question->state, site->arena) &&
	       config_check(&site->config, &site->findings);
}

_Noreturn static void child(struct reader *r)
{
	struct arena a = arena_new(CONFIG_ARENA_MAX);
	static struct site site;
	struct buffer answer = buffer_new(SITE_ANSWER_MAX);
	struct config_facts facts = {.argument = r->name};
	system_facts(&facts);
	suffix_warm();
	if (!confine(r))
		_exit(EXIT_SYSTEM);
	site.arena = &a;
	site.findings = findings_new(&a);
	site.has_directory = r->directory >= 0;
	if (!read_site(r, &facts, &site)) {
		say_trouble(
			"the configuration in {} cannot be read", text_string(r->question->config));
		_exit(EXIT_IO);
	}
	const int code = r->question->work(&site, r->question->context, &answer);
	say_to(r->out, buffer_view(&answer));
	_exit(buffer_failed(&answer) ? EXIT_INTERNAL : code);
}

/* --- the command's side ------------------------------------------------------------------- */

static int open_reader(struct reader *r)
{
	r->users = -1;
	r->directory = open(r->question->config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->directory < 0 && errno != ENOENT) {
		const int problem = errno;
		say_trouble("{} cannot be opened: {}", text_string(r->question->config),
			text_string(strerrordesc_np(problem)));
		return problem == EACCES ? EXIT_PERMISSION : EXIT_IO;
	}
	if (r->directory >= 0)
		r->users = openat(
			r->directory, "users", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	if (r->users >= 0 && (fstat(r->users, &status) != 0 || !S_ISREG(status.st_mode))) {
		close(r->users);
		r->users = -1;
	}
	return EXIT_FINE;
}

/* What does not fit is read off and lost: the child must not hang. */
static void collect(int fd, struct buffer *answer)
{
	uint8_t chunk[READ_STEP];
	ssize_t n;
	while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buffer_add(answer, view_of(chunk, (size_t)n));
}

static int await(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_SYSTEM;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	say_trouble("reading the configuration died of signal {}",
		text_number((uint64_t)WTERMSIG(status)));
	return EXIT_INTERNAL;
}

int site_ask(const struct site_question *question, struct buffer *answer)
{
	struct reader r = {.question = question, .name = question->name};
	int ends[2];
	int code = open_reader(&r);
	if (code != EXIT_FINE)
		return code;
	if (view_is_empty(r.name))
		r.name = running_name(question->state);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return EXIT_SYSTEM;
	r.out = ends[1];
	const pid_t pid = fork();
	if (pid == 0)
		child(&r);
	close(ends[1]);
	if (pid < 0)
		say_trouble("no process can be started: {}", text_string(strerrordesc_np(errno)));
	else
		collect(ends[0], answer);
	code = pid < 0 ? EXIT_SYSTEM : await(pid);
	close(ends[0]);
	if (r.directory >= 0)
		close(r.directory);
	if (r.users >= 0)
		close(r.users);
	return buffer_failed(answer) ? EXIT_INTERNAL : code;
}

void site_add_errors(struct buffer *b, const struct site *site)
{
	for (const struct finding *f = site->findings.first; f; f = f->next)
		if (f->level == FINDING_ERROR)
			finding_add(b, f);
}
