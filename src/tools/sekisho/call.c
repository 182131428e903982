#include "tools/sekisho/call.h"

#include "base/text.h"
#include "parent/options.h"

static const struct option_row common[] = {
	{"--config", "DIR", "configuration directory (/etc/sekisho)"},
	{"--state", "DIR", "where mail and keys are kept (/var/lib/sekisho)"},
	{"--help", NULL, "this text"},
};
#define COMMON (sizeof common / sizeof *common)

/* Index of the option among the command's, or COMMAND_OPTIONS_MAX. */
static unsigned find_option(const struct command *command, struct view name)
{
	for (unsigned i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
		if (view_equal(name, view_text(command->options[i].name)))
			return i;
	return COMMAND_OPTIONS_MAX;
}

/* --- reading ------------------------------------------------------------------------------ */

struct reading {
	struct call *call;
	struct buffer *problem;
	int argc;
	char **argv;
	int at;
	bool only_words; /* "--" was seen */
};

static bool refuse(struct reading *r, const char *format, const char *word)
{
	text_add(r->problem, format, text_string(word));
	return false;
}

/* `inner` is what stands behind "=", or null. */
static bool take_value(struct reading *r, const char *name, const char *inner, const char **to)
{
	if (!inner && r->at < r->argc)
		inner = r->argv[r->at++];
	if (!inner || !*inner)
		return refuse(r, "{} needs a value", name);
	*to = inner;
	return true;
}

static bool take_option(struct reading *r, const char *word)
{
	const struct view whole = view_text(word);
	struct view name, after;
	const char *inner = view_split(whole, '=', &name, &after) ? word + name.length + 1 : NULL;
	if (view_equal(name, VIEW("--config")))
		return take_value(r, "--config", inner, &r->call->config);
	if (view_equal(name, VIEW("--state")))
		return take_value(r, "--state", inner, &r->call->state);
	const unsigned i = find_option(r->call->command, name);
	if (i == COMMAND_OPTIONS_MAX)
		return refuse(r, "{} is not an option of this command", word);
	const struct option_row *row = &r->call->command->options[i];
	if (row->value)
		return take_value(r, row->name, inner, &r->call->values[i]);
	if (inner)
		return refuse(r, "{} takes no value", row->name);
	r->call->values[i] = row->name;
	return true;
}

static bool take_word(struct reading *r, const char *word)
{
	if (r->call->word_count == r->call->command->words_max)
		return refuse(r, "\"{}\" is one word too many", word);
	r->call->words[r->call->word_count++] = word;
	return true;
}

static bool take(struct reading *r)
{
	const char *word = r->argv[r->at++];
	const struct view v = view_text(word);
	if (r->only_words || v.length < 2 || !view_starts(v, VIEW("-")))
		return take_word(r, word);
	if (view_equal(v, VIEW("--"))) {
		r->only_words = true;
		return true;
	}
	if (view_equal(v, VIEW("--help")) || view_equal(v, VIEW("-h"))) {
		r->call->wants_help = true;
		return true;
	}
	return take_option(r, word);
}

static void make_absolute(struct call *call)
{
	call->config = options_absolute(call->config);
	call->state = options_absolute(call->state);
}

bool call_parse(const struct command *command, int argc, char **argv, struct call *call_out,
	struct buffer *problem)
{
	must(command->words_max <= COMMAND_WORDS_MAX);
	struct reading r = {.call = call_out, .problem = problem, .argc = argc, .argv = argv};
	call_out->command = command;
	while (r.at < argc && !call_out->wants_help)
		if (!take(&r))
			return false;
	make_absolute(call_out);
	if (!call_out->wants_help && call_out->word_count < command->words_min)
		return refuse(&r, "something is missing: it takes {}", command->usage);
	return true;
}

struct view call_word(const struct call *call, unsigned n)
{
	return n < call->word_count ? view_text(call->words[n]) : VIEW_NONE;
}

struct view call_value(const struct call *call, struct view name)
{
	const unsigned i = find_option(call->command, name);
	must(i < COMMAND_OPTIONS_MAX);
	return view_text(call->values[i]);
}

bool call_has(const struct call *call, struct view name)
{
	return !view_is_empty(call_value(call, name));
}

/* --- help --------------------------------------------------------------------------------- */

#define HELP_COLUMN 20u

static void add_option(struct buffer *b, const struct option_row *row)
{
	const size_t start = b->length;
	text_add(b, "  {}", text_string(row->name));
	if (row->value)
		text_add(b, " {}", text_string(row->value));
	do
		buffer_add_octet(b, ' ');
	while (!buffer_failed(b) && b->length - start < HELP_COLUMN);
	text_add(b, "{}\n", text_string(row->help));
}

void command_add_help(struct buffer *b, const struct command *command)
{
	text_add(b, "usage: sekisho {}{}{} [options]\n\n", text_string(command->name),
		text_string(*command->usage ? " " : ""), text_string(command->usage));
	buffer_add(b, view_text(command->text));
	buffer_add_octet(b, '\n');
	for (unsigned i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
		add_option(b, &command->options[i]);
	for (unsigned i = 0; i < COMMON; i++)
		add_option(b, &common[i]);
	buffer_add(b, VIEW("\nExample:\n"));
	buffer_add(b, view_text(command->example));
}
