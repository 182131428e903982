/* popkey-log(8): N-21 (a). Reads the log of a POP or IMAP server, and opens the gate for those who have logged in. */
#include "tools/popkey/log.h"
#include "tools/sekisho/say.h"

#include <signal.h>

static const char help[] =
	"usage: popkey-log [options] --file FILE | --journal UNIT | --socket PATH |\n"
	"                  --udp ADDRESS:PORT | --stdin\n"
	"\n"
	"Opens the gate for those who log in at a POP or IMAP server, as its log says.\n"
	"\n"
	"  --file FILE        follows a file, also when it is rotated\n"
	"  --journal UNIT     follows the journal of a unit (dovecot.service)\n"
	"  --socket PATH      is a syslog socket\n"
	"  --udp WHERE        takes syslog datagrams, at ADDRESS:PORT\n"
	"  --stdin            reads lines until they end\n"
	"  --server NAME      dovecot, courier, cyrus, uw: whose log it is (all four)\n"
	"  --pattern REGEX    another server's POP3 logins, with %{address} and %{user}\n"
	"  --imap-pattern REGEX  another server's IMAP logins\n"
	"  --window SECONDS   how long a POP3 login opens (300)\n"
	"  --verbose          says each opening\n" COMMON_HELP "\nSee popkey-log(8).\n";

static bool set_source(void *options, enum source source, const char *where)
{
	struct log *l = options;
	if (l->source != SOURCE_NONE) {
		say_trouble("one place is followed; start another popkey-log for another");
		return false;
	}
	l->source = source;
	l->where = where;
	return true;
}

static bool take_file(void *options, const char *value)
{
	return set_source(options, SOURCE_FILE, value);
}

static bool take_journal(void *options, const char *value)
{
	return set_source(options, SOURCE_JOURNAL, value);
}

static bool take_socket(void *options, const char *value)
{
	return set_source(options, SOURCE_SOCKET, value);
}

static bool take_udp(void *options, const char *value)
{
	return set_source(options, SOURCE_UDP, value);
}

static bool take_stdin(void *options, const char *value)
{
	return set_source(options, SOURCE_STDIN, value);
}

static bool take_server(void *options, const char *value)
{
	((struct log *)options)->servers = value;
	return true;
}

static bool add_own(struct log *l, const char *text, bool is_imap)
{
	if (l->own_count == LOGLINES_MAX) {
		say_trouble("there are too many patterns");
		return false;
	}
	l->own[l->own_count].text = text;
	l->own[l->own_count++].is_imap = is_imap;
	return true;
}

static bool take_pattern(void *options, const char *value)
{
	return add_own(options, value, false);
}

static bool take_imap_pattern(void *options, const char *value)
{
	return add_own(options, value, true);
}

static bool take_window(void *options, const char *value)
{
	return option_seconds(value, &((struct log *)options)->window_ms);
}

static bool take_verbose(void *options, const char *value)
{
	(void)value;
	((struct log *)options)->is_verbose = true;
	return true;
}

static const struct option own[] = {
	{"--file", take_file, true},
	{"--journal", take_journal, true},
	{"--socket", take_socket, true},
	{"--udp", take_udp, true},
	{"--stdin", take_stdin, false},
	{"--server", take_server, true},
	{"--pattern", take_pattern, true},
	{"--imap-pattern", take_imap_pattern, true},
	{"--window", take_window, true},
	{"--verbose", take_verbose, false},
};

/* Only what is said is looked for: a pattern of another server is one more place for a mistake. */
static bool make_patterns(struct log *l)
{
	const bool has_any = l->servers || l->own_count;
	struct view names = has_any ? view_text(l->servers) : VIEW("dovecot courier cyrus uw");
	struct view name;
	struct buffer problem = buffer_new(8192);
	bool ok = true;
	l->patterns = loglines_new();
	while (ok && names.length) {
		view_split(names, ' ', &name, &names);
		ok = !name.length || loglines_add_known(l->patterns, name);
		if (!ok)
			say_trouble("{} is no server whose log is known; --pattern says another's",
				text_view(name));
	}
	for (size_t i = 0; ok && i < l->own_count; i++) {
		ok = loglines_add(
			l->patterns, view_text(l->own[i].text), l->own[i].is_imap, &problem);
		if (!ok)
			say_trouble("{}", text_raw(buffer_view(&problem)));
	}
	buffer_free(&problem);
	return ok;
}

static void end(void *context)
{
	loop_stop(context);
}

static int run(struct log *l)
{
	if (!make_patterns(l))
		return COMMON_USAGE;
	l->directory = common_open(&l->common);
	if (l->directory < 0)
		return COMMON_SYSTEM;
	l->loop = loop_new();
	loop_signal(l->loop, SIGTERM, end, l->loop);
	loop_signal(l->loop, SIGINT, end, l->loop);
	if (!source_start(l))
		return COMMON_SYSTEM;
	log_open_start(l);
	loop_run(l->loop);
	return COMMON_FINE;
}

static const struct command command = {"popkey-log", help, own, sizeof own / sizeof *own};

int main(int argc, char **argv)
{
	static struct log l = {.common = {.path = COMMON_DIRECTORY, .rules = POPKEY_RULES},
		.window_ms = 300000,
		.fd = -1};
	int at;
	if (!command_read(&command, argc, argv, &l.common, &at))
		return at;
	if (at < argc || l.source == SOURCE_NONE) {
		say_trouble("one of --file, --journal, --socket, --udp, --stdin, and nothing "
			    "behind the options; see --help");
		return COMMON_USAGE;
	}
	return run(&l);
}
