/*
 * sekisho-config, short-lived: reads and checks the configuration directory for the parent, and writes
 * a snapshot for each program, with just what that program may see (DESIGN §1). Confined before it
 * reads the first octet of the configuration.
 *
 *	sekisho-config GENERATION STATE NAME	descriptors: 3 the directory, 4 the sandbox, 5… the files
 *						of settings with secrets (each may be missing), then
 *						a memory file for each program of channels/peers.h in
 *						order; that of `config` itself gets what the parent
 *						goes by (config/parent_facts.h)
 *
 * Exit 0: snapshots written. 1: the configuration has errors, told on the log.
 */
#include "base/log.h"
#include "base/sandbox.h"
#include "channels/peers.h"
#include "config/check.h"
#include "config/directory.h"
#include "config/parent_facts.h"
#include "config/snapshot.h"
#include "config/suffix.h"
#include "config/system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FD_DIRECTORY = 3,
	FD_SANDBOX = 4,
	FD_FIRST_SECRET = 5,
	FD_FIRST_OUT = FD_FIRST_SECRET + SETTING_SECRETS
};

static const unsigned sections[PROGRAM_IDS] = {
	[PROGRAM_SMTPD] = SNAPSHOT_FOR_SMTPD,
	[PROGRAM_POPD] = SNAPSHOT_FOR_POPD,
	[PROGRAM_SPOOL] = SNAPSHOT_FOR_SPOOL,
	[PROGRAM_DELIVER] = SNAPSHOT_FOR_DELIVER,
	[PROGRAM_MAILBOX] = SNAPSHOT_FOR_MAILBOX,
	[PROGRAM_AUTH] = SNAPSHOT_FOR_AUTH,
	[PROGRAM_GATE] = SNAPSHOT_FOR_GATE,
	[PROGRAM_KEYS] = SNAPSHOT_FOR_KEYS,
	[PROGRAM_RESOLVE] = SNAPSHOT_FOR_RESOLVE,
	[PROGRAM_REPORT] = SNAPSHOT_FOR_REPORT,
	[PROGRAM_RELAY] = SNAPSHOT_FOR_RELAY,
	[PROGRAM_FETCH] = SNAPSHOT_FOR_FETCH,
	[PROGRAM_DROP] = SNAPSHOT_FOR_DROP,
};

static bool confine(void)
{
	struct buffer form = buffer_new(65536);
	static struct sandbox_spec spec;
	struct sandbox_report report;
	uint8_t *room = buffer_room(&form, 65536);
	const ssize_t n = room ? pread(FD_SANDBOX, room, 65536, 0) : -1;
	if (n <= 0)
		return false;
	buffer_grown(&form, (size_t)n);
	struct cursor c = cursor_of(buffer_view(&form));
	const bool read_it = sandbox_spec_read(&c, &spec);
	buffer_free(&form);
	if (!read_it)
		return false;
	if (sandbox_enter(&spec, &report) == ERROR_NONE)
		return true;
	log_error("cannot enter the sandbox", fact_text("step", report.failed),
		fact_errno(report.failed_errno));
	return false;
}

/* It may be read by few; the parent opened it for us. */
static enum error read_secret(int fd, struct buffer *out)
{
	struct stat facts;
	if (fstat(fd, &facts) != 0)
		return ERROR_MISSING;
	for (;;) {
		uint8_t *room =
			buffer_room(out, 65536 < buffer_left(out) ? 65536 : buffer_left(out));
		const size_t step = 65536 < buffer_left(out) ? 65536 : buffer_left(out);
		if (!room || step == 0)
			return ERROR_LIMIT;
		const ssize_t n = pread(fd, room, step, (off_t)out->length);
		if (n < 0)
			return ERROR_IO;
		if (n == 0)
			return ERROR_NONE;
		buffer_grown(out, (size_t)n);
	}
}

static struct config_files plain;

static enum error read_file(void *context, struct view name, struct buffer *out)
{
	(void)context;
	for (unsigned i = 0; i < SETTING_SECRETS; i++)
		if (view_equal(name, view_text(setting_secret(i)->name)))
			return read_secret(FD_FIRST_SECRET + (int)i, out);
	return plain.read(plain.context, name, out);
}

static void log_findings(const struct findings *findings)
{
	static const enum log_level levels[FINDING_LEVELS] = {[FINDING_NOTE] = LOG_DEBUG,
		[FINDING_WARNING] = LOG_WARNING,
		[FINDING_ERROR] = LOG_ERROR};
	for (const struct finding *f = findings->first; f; f = f->next)
		log_at(levels[f->level], "configuration", fact_view("file", f->file),
			fact_number("line", f->line), fact_view("what", f->text),
			fact_view("remedy", f->remedy));
}

static bool write_out(enum program_id id, struct view octets)
{
	while (octets.length) {
		const ssize_t n = write(FD_FIRST_OUT + (int)id - 1, octets.at, octets.length);
		if (n <= 0)
			return false;
		octets = view_from(octets, (size_t)n);
	}
	return true;
}

static bool write_snapshots(const struct config *config, uint64_t generation)
{
	struct buffer facts = buffer_new(PARENT_FACTS_MAX);
	for (int id = 1; id < PROGRAM_IDS; id++) {
		struct buffer blob = buffer_new(SNAPSHOT_MAX);
		if (!sections[id])
			continue;
		snapshot_encode(config, sections[id], generation, &blob);
		if (buffer_failed(&blob) || !write_out((enum program_id)id, buffer_view(&blob)))
			return false;
		buffer_free(&blob);
	}
	parent_facts_add(&facts, config);
	const bool ok = !buffer_failed(&facts) && write_out(PROGRAM_CONFIG, buffer_view(&facts));
	buffer_free(&facts);
	return ok;
}

/* Without a setting, mailboxes lie below the state directory. */
static void default_mailboxes(struct config *config, const char *state, struct arena *a)
{
	struct buffer path = buffer_new(512);
	text_add(&path, "{}/mail/LOCALPART/", text_raw(view_text(state)));
	if (config->origins[SETTING_MAILBOXES].kind == ORIGIN_DEFAULT && !buffer_failed(&path) &&
		!arena_copy(a, buffer_view(&path), &config->mailboxes))
		log_error("no memory for the mailboxes' path");
	buffer_free(&path);
}

int main(int argc, char **argv)
{
	struct arena a = arena_new(CONFIG_ARENA_MAX);
	struct findings findings = findings_new(&a);
	struct config_directory directory = {.fd = FD_DIRECTORY};
	struct config config;
	uint64_t generation;
	if (argc != 4 || !view_to_u64(view_text(argv[1]), UINT64_MAX, &generation)) {
		log_error("this program is started by `sekisho serve`, not by hand");
		log_flush();
		return 64;
	}
	struct config_facts facts = {.argument = view_text(argv[3])};
	system_facts(&facts);
	suffix_warm();
	if (!confine() || config_directory_list(&directory, &a, &plain) != ERROR_NONE) {
		log_error("the configuration directory cannot be read");
		log_flush();
		return 71;
	}
	struct config_files files = plain;
	files.read = read_file;
	const bool whole = config_read(&files, &facts, &a, &findings, &config);
	if (whole)
		default_mailboxes(&config, argv[2], &a);
	const bool checked = whole && config_check(&config, &findings);
	log_findings(&findings);
	const bool sound = checked && !findings_have_error(&findings);
	const bool good = sound && write_snapshots(&config, generation);
	if (!checked)
		log_error("the configuration does not fit into memory");
	else if (sound && !good)
		log_error("the snapshots cannot be written");
	log_flush();
	return good ? 0 : 1;
}
