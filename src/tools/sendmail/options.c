#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

/* What an option means to us. Those that only tune another server are taken and ignored, so that programs written
 * for it go on; what would change the meaning of the call is refused with a sentence. */
struct row {
	char letter;
	bool takes_value; /* behind it, or in the next word */
	bool (*take)(struct options *o, struct view value); /* null: ignored */
	const char *refusal; /* not null: refused */
};

/* --- values ------------------------------------------------------------------------------- */

static bool take_t(struct options *o, struct view value)
{
	(void)value;
	o->takes_recipients = true;
	return true;
}

static bool take_i(struct options *o, struct view value)
{
	(void)value;
	o->ignores_dots = true;
	return true;
}

static bool take_v(struct options *o, struct view value)
{
	(void)value;
	o->is_verbose = true;
	return true;
}

static bool take_newaliases(struct options *o, struct view value)
{
	(void)value;
	o->task = TASK_ALIASES;
	return true;
}

static bool take_sender(struct options *o, struct view value)
{
	const bool is_bracketed = view_starts(value, VIEW("<")) && view_ends(value, VIEW(">"));
	o->has_sender = true;
	o->sender = is_bracketed ? view_part(value, 1, value.length - 2) : value;
	return true;
}

static bool take_full_name(struct options *o, struct view value)
{
	o->full_name = value;
	return true;
}

static bool take_body(struct options *o, struct view value)
{
	if (view_equal_nocase(value, VIEW("8BITMIME")))
		o->is_8bit = true;
	else if (!view_equal_nocase(value, VIEW("7BIT"))) {
		say_trouble("-B takes 7BIT or 8BITMIME, and not {}", text_view(value));
		return false;
	}
	return true;
}

static bool take_old_option(struct options *o, struct view value)
{
	if (view_equal(value, VIEW("i")) || view_equal(value, VIEW("itrue")))
		o->ignores_dots = true;
	return true;
}

static bool take_option(struct options *o, struct view value)
{
	if (view_equal_nocase(value, VIEW("IgnoreDots")) ||
		view_starts_nocase(value, VIEW("IgnoreDots=t")))
		o->ignores_dots = true;
	return true;
}

static bool take_ret(struct options *o, struct view value)
{
	if (view_equal_nocase(value, VIEW("full")))
		o->ret = SMTP_RET_FULL;
	else if (view_equal_nocase(value, VIEW("hdrs")))
		o->ret = SMTP_RET_HDRS;
	else {
		say_trouble("-R takes full or hdrs, and not {}", text_view(value));
		return false;
	}
	return true;
}

static unsigned notify_of(struct view word)
{
	static const struct {
		struct view word;
		unsigned notify;
	} words[] = {
		{VIEW("never"), ENVELOPE_NOTIFY_NEVER},
		{VIEW("success"), ENVELOPE_NOTIFY_SUCCESS},
		{VIEW("failure"), ENVELOPE_NOTIFY_FAILURE},
		{VIEW("delay"), ENVELOPE_NOTIFY_DELAY},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (view_equal_nocase(word, words[i].word))
			return words[i].notify;
	return 0;
}

static bool take_notify(struct options *o, struct view value)
{
	struct view word, rest = value;
	o->notify = 0;
	do {
		view_split(rest, ',', &word, &rest);
		const unsigned notify = notify_of(word);
		if (!notify) {
			say_trouble("-N takes never, or of success, failure, delay those that are "
				    "wanted, separated by commas, and not {}",
				text_view(value));
			return false;
		}
		o->notify |= notify;
	} while (rest.length);
	if ((o->notify & ENVELOPE_NOTIFY_NEVER) && o->notify != ENVELOPE_NOTIFY_NEVER) {
		say_trouble("-N takes never alone");
		return false;
	}
	return true;
}

static bool take_envid(struct options *o, struct view value)
{
	o->envid = value;
	return true;
}

static bool take_mode(struct options *o, struct view value)
{
	static const struct {
		char mode;
		enum sendmail_task task;
	} modes[] = {{'m', TASK_POST}, {'p', TASK_QUEUE}, {'s', TASK_PASS}, {'i', TASK_ALIASES}};
	for (size_t i = 0; value.length == 1 && i < sizeof modes / sizeof *modes; i++)
		if (view_at(value, 0) == modes[i].mode) {
			o->task = modes[i].task;
			return true;
		}
	say_trouble(
		"-b{} is not done here: -bm posts mail, -bp lists the queue, -bs speaks SMTP; the "
		"server is run by sekisho serve, and sekisho explain tests addresses",
		text_view(value));
	return false;
}

/* ------------------------------------------------------------------------------------------ */

static const struct row rows[] = {
	{'A', true, NULL, NULL},
	{'B', true, take_body, NULL},
	{'b', true, take_mode, NULL},
	{'C', true, NULL, "there is one configuration, that of the server (sekisho-settings(5))"},
	{'F', true, take_full_name, NULL},
	{'f', true, take_sender, NULL},
	{'G', false, NULL, NULL},
	{'h', true, NULL, NULL},
	{'I', false, take_newaliases, NULL},
	{'i', false, take_i, NULL},
	{'L', true, NULL, NULL},
	{'m', false, NULL, NULL},
	{'N', true, take_notify, NULL},
	{'n', false, NULL, NULL},
	{'O', true, take_option, NULL},
	{'o', true, take_old_option, NULL},
	{'p', true, NULL, NULL},
	{'R', true, take_ret, NULL},
	{'r', true, take_sender, NULL},
	{'T', false, NULL, NULL},
	{'t', false, take_t, NULL},
	{'U', false, NULL, NULL},
	{'V', true, take_envid, NULL},
	{'v', false, take_v, NULL},
	{'X', true, NULL, "no file is written for others; sekisho trace shows dialogues"},
	{'e', true, NULL, NULL},
};

static const struct row *row_of(int letter)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

/* -q and -d take a value only where it stands behind them. */
static bool take_word_alone(struct options *o, struct view word)
{
	if (view_equal(word, VIEW("-q"))) {
		o->task = TASK_RETRY;
		return true;
	}
	if (view_starts(word, VIEW("-q"))) {
		say_trouble("{} is not done here: the server tries the queue by itself; -q tries "
			    "it now",
			text_view(word));
		return false;
	}
	return true; /* -d: for those who look for faults in another program */
}

struct reading {
	struct options *options;
	int argc;
	char **argv;
	int at;
};

static bool take_letter(struct reading *r, const struct row *row, struct view behind, bool *took)
{
	struct view value = VIEW_NONE;
	*took = row->takes_value;
	if (row->takes_value) {
		if (!behind.length && r->at + 1 >= r->argc) {
			say_trouble("-{} needs a value", text_view(view_of(&row->letter, 1)));
			return false;
		}
		value = behind.length ? behind : view_text(r->argv[++r->at]);
	}
	if (row->refusal) {
		say_trouble("-{} is not taken: {}", text_view(view_of(&row->letter, 1)),
			text_string(row->refusal));
		return false;
	}
	return !row->take || row->take(r->options, value);
}

static bool take_word(struct reading *r)
{
	const struct view word = view_text(r->argv[r->at]);
	if (view_equal(word, VIEW("--help"))) {
		r->options->task = TASK_HELP;
		return true;
	}
	if (view_at(word, 1) == 'q' || view_at(word, 1) == 'd')
		return take_word_alone(r->options, word);
	bool took = false;
	for (size_t i = 1; i < word.length && !took; i++) {
		const struct row *row = row_of(word.at[i]);
		if (!row) {
			say_trouble("{} is no option that is known here; sendmail(1) lists them",
				text_view(word));
			return false;
		}
		if (!take_letter(r, row, view_from(word, i + 1), &took))
			return false;
	}
	return true;
}

static void set_by_name(struct options *o, const char *self)
{
	const struct view path = view_text(self);
	const size_t slash = view_find_last(path, '/');
	const struct view name = slash == VIEW_NOT_FOUND ? path : view_from(path, slash + 1);
	if (view_equal(name, VIEW("mailq")))
		o->task = TASK_QUEUE;
	else if (view_equal(name, VIEW("newaliases")))
		o->task = TASK_ALIASES;
}

/* Recipients may stand before options, as getopt(3) has it; they are moved to the front. */
bool options_read(int argc, char **argv, struct options *o)
{
	struct reading r = {.options = o, .argc = argc, .argv = argv, .at = 1};
	bool only_words = false;
	int words = 1;
	*o = (struct options){.task = TASK_POST};
	set_by_name(o, argc > 0 ? argv[0] : "");
	for (; r.at < argc; r.at++) {
		const struct view word = view_text(argv[r.at]);
		if (only_words || word.length < 2 || view_at(word, 0) != '-')
			argv[words++] = argv[r.at];
		else if (view_equal(word, VIEW("--")))
			only_words = true;
		else if (!take_word(&r))
			return false;
	}
	argv[words < argc ? words : argc] = NULL;
	o->recipients = argc > 0 ? argv + 1 : argv;
	return true;
}
