/* popkey-export(8): keeps another server's map true to the gate, and answers those who ask (N-23). */
#include "tools/popkey/export.h"

#include "base/files.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SENDERS_MAX ((size_t)4 << 20)

static const char help[] =
	"usage: popkey-export [options]\n"
	"\n"
	"Tells other SMTP servers for whom the gate is open.\n"
	"\n"
	"  --map FILE         keeps FILE true: a row for each open address\n"
	"  --format FORM      postfix, cidr, sendmail, or hosts (Exim) (postfix)\n"
	"  --value TEXT       what a row, and an answer, says (OK; sendmail: RELAY)\n"
	"  --rebuild COMMAND  what is run when FILE has changed, by sh(1)\n"
	"  --once             writes FILE once, and ends\n"
	"  --pid-file FILE    where its process id is kept; SIGUSR1 wakes it\n"
	"  --policy WHERE     answers as Postfix policy service\n"
	"  --socketmap WHERE  answers as socket map; WHERE: unix:PATH, inet:ADDRESS:PORT\n"
	"  --domains WORDS    policy: only mail of the user who has opened it, whose\n"
	"                     addresses are NAME@DOMAIN of these domains\n"
	"  --senders FILE     the same, by lines \"user: address address\"\n"
	"  --anybody          where nobody knows who has opened it, any sender goes\n" COMMON_HELP
	"\nSee popkey-export(8).\n";

/* --- options ---------------------------------------------------------------------------------- */

static bool take_map(void *options, const char *value)
{
	((struct export *)options)->map = value;
	return true;
}

static bool take_format(void *options, const char *value)
{
	static const struct {
		struct view name;
		enum access_format format;
	} rows[] = {{VIEW("postfix"), ACCESS_POSTFIX}, {VIEW("cidr"), ACCESS_CIDR},
		{VIEW("sendmail"), ACCESS_SENDMAIL}, {VIEW("hosts"), ACCESS_HOSTS}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (view_equal(view_text(value), rows[i].name)) {
			((struct export *)options)->format = rows[i].format;
			((struct export *)options)->has_format = true;
			return true;
		}
	say_trouble(
		"--format takes postfix, cidr, sendmail or hosts, and not {}", text_string(value));
	return false;
}

/* It stands in a line of a map, and in an answer. */
static bool take_value(void *options, const char *value)
{
	((struct export *)options)->value = value;
	if (*value && view_is_printable(view_text(value), true))
		return true;
	say_trouble("--value takes printable text");
	return false;
}

static bool take_rebuild(void *options, const char *value)
{
	((struct export *)options)->rebuild = value;
	return true;
}

static bool take_once(void *options, const char *value)
{
	(void)value;
	((struct export *)options)->is_once = true;
	return true;
}

static bool take_pid_file(void *options, const char *value)
{
	((struct export *)options)->pid_file = value;
	return true;
}

static bool add_listener(struct export *e, const char *where, bool is_policy)
{
	if (e->listener_count == EXPORT_LISTENERS_MAX) {
		say_trouble("it listens in {} places at most", text_number(EXPORT_LISTENERS_MAX));
		return false;
	}
	e->listeners[e->listener_count++] =
		(struct export_listener){.where = where, .is_policy = is_policy, .fd = -1};
	return true;
}

static bool take_policy(void *options, const char *value)
{
	return add_listener(options, value, true);
}

static bool take_socketmap(void *options, const char *value)
{
	return add_listener(options, value, false);
}

static bool take_domains(void *options, const char *value)
{
	struct export *e = options;
	e->domains = value;
	return true;
}

static bool take_senders(void *options, const char *value)
{
	struct export *e = options;
	e->senders = value;
	return true;
}

static bool take_anybody(void *options, const char *value)
{
	(void)value;
	((struct export *)options)->takes_unknown = true;
	return true;
}

static const struct option own[] = {
	{"--map", take_map, true},
	{"--format", take_format, true},
	{"--value", take_value, true},
	{"--rebuild", take_rebuild, true},
	{"--once", take_once, false},
	{"--pid-file", take_pid_file, true},
	{"--policy", take_policy, true},
	{"--socketmap", take_socketmap, true},
	{"--domains", take_domains, true},
	{"--senders", take_senders, true},
	{"--anybody", take_anybody, false},
};

static bool has_listener(const struct export *e, bool is_policy)
{
	for (size_t i = 0; i < e->listener_count; i++)
		if (e->listeners[i].is_policy == is_policy)
			return true;
	return false;
}

/* What would say nothing to anybody, though it is there to keep somebody out. */
static const char *in_vain(const struct export *e)
{
	const bool is_bound = e->domains || e->senders;
	if (!has_listener(e, true) && is_bound)
		return "--domains and --senders go with --policy: nothing else knows the sender";
	if (e->takes_unknown && !is_bound)
		return "--anybody goes with --domains or --senders: without them any sender goes";
	if (!e->map && e->has_format)
		return "--format goes with --map";
	if (e->value && e->format == ACCESS_HOSTS && !e->listener_count)
		return "--value has no place in --format hosts: its rows are addresses alone";
	return NULL;
}

/* What does not fit together. */
static const char *contradiction(const struct export *e)
{
	const bool is_cut = e->common.rules.ipv6_prefix < 128;
	if (!e->map && (e->is_once || e->rebuild))
		return "--once and --rebuild go with --map";
	if (e->is_once && (e->listener_count || e->pid_file))
		return "--once ends at once: nobody could ask, or find it by its pid";
	if (!e->map && !e->listener_count)
		return "--map, --policy or --socketmap: what is to be done?";
	if (e->map && is_cut && (e->format == ACCESS_POSTFIX || e->format == ACCESS_SENDMAIL))
		return "--ipv6 64 goes with --format cidr and hosts: the others name single "
		       "addresses";
	return in_vain(e);
}

/* --- starting --------------------------------------------------------------------------------- */

static bool read_senders(struct export *e)
{
	e->own_senders = buffer_new(SENDERS_MAX);
	if (!e->senders || file_read(AT_FDCWD, e->senders, &e->own_senders) == ERROR_NONE)
		return true;
	say_trouble("{} cannot be read", text_string(e->senders));
	return false;
}

static bool write_pid(const struct export *e)
{
	struct buffer b = buffer_new(32);
	text_add(&b, "{}\n", text_number((uint64_t)getpid()));
	const bool ok = !e->pid_file ||
			file_replace(AT_FDCWD, e->pid_file, buffer_view(&b), 0644) == ERROR_NONE;
	buffer_free(&b);
	if (!ok)
		say_trouble("{} cannot be written", text_string(e->pid_file));
	return ok;
}

static int run(struct export *e)
{
	if (!read_senders(e))
		return COMMON_SYSTEM;
	if (e->is_once) {
		const bool ok = map_refresh(e) && e->directory >= 0;
		return map_finish(e) && ok ? COMMON_FINE : COMMON_SYSTEM;
	}
	e->loop = loop_new();
	signal(SIGPIPE, SIG_IGN);
	if (!serve_start(e) || !write_pid(e))
		return COMMON_SYSTEM;
	directory_start(e);
	map_start(e);
	loop_run(e->loop);
	map_close(e);
	if (e->pid_file)
		unlink(e->pid_file);
	return COMMON_FINE;
}

static const struct command command = {"popkey-export", help, own, sizeof own / sizeof *own};

int main(int argc, char **argv)
{
	static struct export e = {.common = {.path = COMMON_DIRECTORY, .rules = POPKEY_RULES},
		.directory = -1,
		.inotify = -1};
	int at;
	if (!command_read(&command, argc, argv, &e.common, &at))
		return at;
	const char *wrong = at < argc ? "there are words behind the options" : contradiction(&e);
	if (wrong) {
		say_trouble("{}", text_string(wrong));
		return COMMON_USAGE;
	}
	if (!e.value)
		e.value = e.format == ACCESS_SENDMAIL ? "RELAY" : "OK";
	return run(&e);
}
