#include "parent/options.h"

#include "base/text.h"

#include <stdlib.h>
#include <unistd.h>

/* Never freed: it is wanted until the end. */
const char *options_absolute(const char *path)
{
	char here[OPTIONS_PATH_MAX];
	if (*path == '/' || !*path || !getcwd(here, sizeof here))
		return path;
	struct buffer b = buffer_new(2 * OPTIONS_PATH_MAX);
	text_add(&b, "{}/{}", text_raw(view_text(here)), text_raw(view_text(path)));
	buffer_add_octet(&b, 0);
	return buffer_failed(&b) ? path : (const char *)b.data;
}

const char *options_config(void)
{
	const char *set = getenv("SEKISHO_CONFIG");
	return set && *set ? options_absolute(set) : "/etc/sekisho";
}

const char *options_state(void)
{
	const char *set = getenv("SEKISHO_STATE");
	return set && *set ? options_absolute(set) : "/var/lib/sekisho";
}

/* FOLDER + `to` as text in `path`, when sekisho-config lies there. */
static bool has_programs(struct view folder, const char *to, char *path, size_t room)
{
	char program[OPTIONS_PATH_MAX + 32];
	struct buffer b = buffer_new(sizeof program - 1);
	text_add(&b, "{}{}", text_raw(folder), text_string(to));
	const bool fits = view_to_text(buffer_view(&b), path, room);
	buffer_add(&b, VIEW("/sekisho-config"));
	const bool found = fits && !buffer_failed(&b) &&
			   view_to_text(buffer_view(&b), program, sizeof program) &&
			   access(program, X_OK) == 0;
	buffer_free(&b);
	return found;
}

/* Beside the command where it was built, in PREFIX/lib/sekisho when it is PREFIX/bin/sekisho. */
static bool find_programs(char *path, size_t room)
{
	char self[OPTIONS_PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof self);
	const struct view v = view_of(self, n > 0 ? (size_t)n : 0);
	const size_t slash = view_find_last(v, '/');
	if (slash == VIEW_NOT_FOUND)
		return false;
	const struct view folder = view_first(v, slash);
	const size_t parent = view_find_last(folder, '/');
	return has_programs(folder, "", path, room) ||
	       (parent != VIEW_NOT_FOUND &&
		       has_programs(view_first(folder, parent), "/lib/sekisho", path, room));
}

const char *options_programs(void)
{
	static char path[OPTIONS_PATH_MAX];
	const char *set = getenv("SEKISHO_PROGRAMS");
	if (set && *set)
		return set;
	return path[0] || find_programs(path, sizeof path) ? path : "/usr/lib/sekisho";
}

struct option_row {
	const char *name;
	const char *takes; /* for the sentence about a value that is none */
	bool (*take)(struct serve_options *o, const char *value);
};

static bool take_config(struct serve_options *o, const char *value)
{
	o->config = options_absolute(value);
	return *value != 0;
}

static bool take_state(struct serve_options *o, const char *value)
{
	o->state = options_absolute(value);
	return *value != 0;
}

static bool take_address(struct serve_options *o, const char *value)
{
	return o->address_count < OPTIONS_ADDRESSES_MAX &&
	       ip_parse(view_text(value), &o->addresses[o->address_count++]);
}

/* Of a base N: SMTP on N+525, submission on N+587, over TLS on N+465, POP3 on N+110, over TLS on N+995. */
static bool take_port_base(struct serve_options *o, const char *value)
{
	uint32_t base;
	if (!view_to_u32(view_text(value), 64540, &base))
		return false;
	o->smtp_port = (uint16_t)(base + 525);
	o->pop3_port = (uint16_t)(base + 110);
	o->pop3s_port = (uint16_t)(base + 995);
	o->submission_port = (uint16_t)(base + 587);
	o->submissions_port = (uint16_t)(base + 465);
	return true;
}

static bool take_port(const char *value, uint16_t *port)
{
	uint32_t n;
	const bool ok = view_to_u32(view_text(value), 65535, &n) && n > 0;
	*port = ok ? (uint16_t)n : 0;
	return ok;
}

static bool take_smtp_port(struct serve_options *o, const char *value)
{
	return take_port(value, &o->smtp_port);
}

static bool take_pop3_port(struct serve_options *o, const char *value)
{
	return take_port(value, &o->pop3_port);
}

static bool take_pop3s_port(struct serve_options *o, const char *value)
{
	return take_port(value, &o->pop3s_port);
}

static bool take_submission_port(struct serve_options *o, const char *value)
{
	return take_port(value, &o->submission_port);
}

static bool take_submissions_port(struct serve_options *o, const char *value)
{
	return take_port(value, &o->submissions_port);
}

static bool take_workers(struct serve_options *o, const char *value)
{
	return view_to_u32(view_text(value), 16, &o->workers) && o->workers > 0;
}

static const struct option_row rows[] = {
	{"--config", "a directory", take_config},
	{"--state", "a directory", take_state},
	{"--address", "an IP address, up to eight times", take_address},
	{"--port-base", "a number from 0 to 64540", take_port_base},
	{"--smtp-port", "a port, 1 to 65535", take_smtp_port},
	{"--pop3-port", "a port, 1 to 65535", take_pop3_port},
	{"--pop3s-port", "a port, 1 to 65535", take_pop3s_port},
	{"--submission-port", "a port, 1 to 65535", take_submission_port},
	{"--submissions-port", "a port, 1 to 65535", take_submissions_port},
	{"--workers", "a number from 1 to 16", take_workers},
};

static const struct option_row *find_row(struct view name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (view_equal(name, view_text(rows[i].name)))
			return &rows[i];
	return NULL;
}

/* A name that the configuration may go before; one that is none is a slip in any case. */
static bool is_full_name(struct view name)
{
	struct arena a = arena_new(4096);
	struct domain domain;
	const bool is_full =
		domain_parse(name, true, &a, &domain) == ADDRESS_OK && domain_is_full(domain);
	arena_reset(&a);
	return is_full;
}

static bool take_name(struct serve_options *o, struct view word, struct buffer *problem)
{
	if (o->name.length)
		text_add(problem, "one NAME is enough: \"{}\" is one too many", text_view(word));
	else if (!is_full_name(word))
		text_add(problem, "\"{}\" is no full host name, such as mail.example.org",
			text_view(word));
	o->name = word;
	return problem->length == 0;
}

bool serve_options_parse(
	int argc, char **argv, struct serve_options *o, struct buffer *problem, bool *help_out)
{
	*o = (struct serve_options){.config = options_config(),
		.state = options_state(),
		.programs = options_programs(),
		.smtp_port = 25,
		.pop3_port = 110,
		.pop3s_port = 995,
		.submission_port = 587,
		.submissions_port = 465};
	*help_out = false;
	for (int i = 0; i < argc; i++) {
		const struct view word = view_text(argv[i]);
		const struct option_row *row = find_row(word);
		if (view_equal(word, VIEW("--help")) || view_equal(word, VIEW("-h"))) {
			*help_out = true;
			return true;
		}
		if (!row && !view_starts(word, VIEW("-"))) {
			if (!take_name(o, word, problem))
				return false;
			continue;
		}
		if (!row) {
			text_add(problem,
				"\"{}\" is not an option of serve; see sekisho serve --help",
				text_view(word));
			return false;
		}
		if (i + 1 == argc || !row->take(o, argv[++i])) {
			text_add(problem, "{} takes {}, not \"{}\"; see sekisho serve --help",
				text_view(word), text_string(row->takes),
				text_string(i < argc ? argv[i] : ""));
			return false;
		}
	}
	return true;
}
