#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include "base/text.h"

#include <unistd.h>

/* The server answers a page at a time, so that neither it nor the parent holds more than that however long
 * the queue is, and however slowly it is read. */
#define PAGE_OCTETS_MAX (65u << 20)

/* Verbs, what they need, and how their end is told. */
static const struct verb {
	const char *name;
	const char *past; /* null: it only looks */
	bool needs_selection;
} shows = {"list", NULL, false}, shows_json = {"json", NULL, false},
  verbs[] = {
	  {"retry", "tried now", false},
	  {"hold", "held", true},
	  {"release", "released", true},
	  {"return", "returned", true},
	  {"delete", "deleted", true},
};

static const struct verb *verb_find(struct view name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (view_equal(name, view_text(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

/* --- the question --------------------------------------------------------------------------- */

static void add_word(struct buffer *b, const char *key, struct view value)
{
	if (!value.length)
		return;
	buffer_add_octet(b, 0);
	text_add(b, "{}={}", text_string(key), text_raw(value));
}

static bool is_id(struct view word)
{
	uint64_t id;
	return view_to_hex64(word, &id);
}

/* The selection, as words; false when a word is not to be understood. */
static bool add_selection(struct buffer *b, const struct call *call, unsigned word)
{
	const struct view what = call_word(call, word);
	if (call->word_count > word + 1)
		return false;
	add_word(b, is_id(what) ? "id" : "domain", what);
	add_word(b, "sender", call_value(call, VIEW("--sender")));
	add_word(b, "recipient", call_value(call, VIEW("--recipient")));
	add_word(b, "domain", call_value(call, VIEW("--domain")));
	return true;
}

static void add_question(
	struct buffer *b, const struct verb *verb, struct view selection, struct view after)
{
	buffer_clear(b);
	text_add(b, "queue{}{}", text_raw(VIEW("\0")), text_string(verb->name));
	buffer_add(b, selection);
	add_word(b, "after", after);
}

/* --- the answer ----------------------------------------------------------------------------- */

struct progress {
	uint64_t changed;
	uint64_t busy;
	bool some;
	bool json;
};

static uint64_t number_of(struct view text)
{
	uint64_t number = 0;
	return view_to_u64(text, UINT64_MAX, &number) ? number : 0;
}

static void take_changes(struct progress *p, struct view lines)
{
	while (lines.length) {
		struct view key;
		struct view value;
		view_split(lines, '\n', &key, &lines);
		view_split(key, '=', &key, &value);
		if (view_equal(key, VIEW("changed")))
			p->changed += number_of(value);
		else if (view_equal(key, VIEW("busy")))
			p->busy += number_of(value);
	}
}

static void show(struct progress *p, struct view page)
{
	if (!page.length)
		return;
	if (p->json && p->some)
		say_octets(VIEW(",\n"));
	say_octets(page);
	p->some = true;
}

/* One page; its successor in `next`, empty after the last. */
static int ask_page(const struct call *call, struct view question, const struct verb *verb,
	struct progress *p, struct buffer *next)
{
	struct buffer answer = buffer_new(PAGE_OCTETS_MAX);
	const int code = ask_text(call->state, VIEW("spool"), question, &answer);
	struct view rest = buffer_view(&answer);
	buffer_clear(next);
	if (code == EXIT_FINE)
		buffer_add(next, ask_take_line(&rest, VIEW("next=")));
	if (code != EXIT_FINE)
		say_to(STDERR_FILENO, rest);
	else if (verb->past)
		take_changes(p, rest);
	else
		show(p, rest);
	buffer_free(&answer);
	return code;
}

static int ask_pages(
	const struct call *call, const struct verb *verb, struct view selection, struct progress *p)
{
	struct buffer question = buffer_new(ASK_WORDS_MAX);
	struct buffer next = buffer_new(64);
	int code;
	do {
		struct buffer after = buffer_new(64);
		buffer_add(&after, buffer_view(&next));
		add_question(&question, verb, selection, buffer_view(&after));
		buffer_free(&after);
		code = ask_page(call, buffer_view(&question), verb, p, &next);
	} while (code == EXIT_FINE && next.length);
	buffer_free(&question);
	buffer_free(&next);
	return code;
}

/* --- the end -------------------------------------------------------------------------------- */

static int tell(const struct verb *verb, const struct progress *p)
{
	struct buffer b = buffer_new(512);
	if (!verb->needs_selection && !p->changed && !p->busy) {
		say("nothing waits there");
		buffer_free(&b);
		return EXIT_FINE;
	}
	if (!p->changed && !p->busy)
		buffer_add(&b, VIEW("there is no such mail in the queue"));
	else
		text_add(&b, "{} recipients {}", text_number(p->changed), text_string(verb->past));
	if (p->busy)
		text_add(&b, "; {} on their way just now, try again", text_number(p->busy));
	buffer_add_octet(&b, '\n');
	say_to(p->changed ? STDOUT_FILENO : STDERR_FILENO, buffer_view(&b));
	buffer_free(&b);
	return p->changed && !p->busy ? EXIT_FINE : EXIT_NO;
}

static int look(const struct call *call, const struct verb *verb, struct view selection)
{
	struct progress p = {.json = verb == &shows_json};
	if (p.json)
		say_octets(VIEW("["));
	const int code = ask_pages(call, verb, selection, &p);
	if (code == EXIT_FINE && p.json)
		say_octets(VIEW("]\n"));
	else if (code == EXIT_FINE && !p.some)
		say(selection.length ? "there is no such mail in the queue" : "the queue is empty");
	return code;
}

static int change(const struct call *call, const struct verb *verb, struct view selection)
{
	struct progress p = {0};
	const int code = ask_pages(call, verb, selection, &p);
	return code == EXIT_FINE ? tell(verb, &p) : code;
}

/* All of it, or all of a domain: nothing is looked at one by one. */
static int hurry(const struct call *call, struct view selection)
{
	struct buffer question = buffer_new(ASK_WORDS_MAX);
	struct buffer answer = buffer_new(4096);
	add_question(&question, verb_find(VIEW("retry")), selection, VIEW_NONE);
	const int code = ask_text(call->state, VIEW("spool"), buffer_view(&question), &answer);
	say_to(code == EXIT_FINE ? STDOUT_FILENO : STDERR_FILENO, buffer_view(&answer));
	buffer_free(&question);
	buffer_free(&answer);
	return code;
}

static bool is_wide(const struct call *call, unsigned words)
{
	return !call_has(call, VIEW("--sender")) && !call_has(call, VIEW("--recipient")) &&
	       !call_has(call, VIEW("--domain")) &&
	       (call->word_count <= words || !is_id(call_word(call, words)));
}

static int run(
	const struct call *call, const struct verb *verb, struct view selection, unsigned words)
{
	if (!verb->past)
		return look(call, verb, selection);
	if (!verb->needs_selection && is_wide(call, words))
		return hurry(call, selection);
	return change(call, verb, selection);
}

int run_queue(const struct call *call)
{
	const struct verb *verb = verb_find(call_word(call, 0));
	const unsigned words = verb ? 1 : 0; /* before the selection */
	const bool json = call_has(call, VIEW("--json"));
	struct buffer selection = buffer_new(ASK_WORDS_MAX);
	int code = EXIT_USAGE;
	if (!verb)
		verb = json ? &shows_json : &shows;
	if ((json && verb->past) || !add_selection(&selection, call, words))
		say_trouble("queue takes a verb and a selection; see sekisho queue --help");
	else if (verb->needs_selection && !selection.length && !call_has(call, VIEW("--all")))
		say_trouble("which mail? an id, a domain, --sender, --recipient, or --all");
	else
		code = run(call, verb, buffer_view(&selection), words);
	buffer_free(&selection);
	return code;
}
