#include "mail/ip.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include "base/text.h"

#include <unistd.h>

/* The gate answers a page at a time, as the queue does. */
#define PAGE_OCTETS_MAX (9u << 20)

enum verb { VERB_LIST, VERB_OPEN, VERB_CLOSE, VERB_COUNTS, VERBS };
static const char *const verbs[VERBS] = {"list", "open", "close", "counts"};

struct question {
	enum verb verb;
	bool json;
	struct buffer words; /* behind the verb */
	uint64_t after;
	uint64_t changed;
	bool some;
};

static enum verb verb_of(struct view word)
{
	enum verb v = VERB_LIST;
	while (v < VERBS && !view_equal(word, view_text(verbs[v])))
		v++;
	return v;
}

static void add_word(struct question *q, const char *key, struct view value)
{
	if (!value.length)
		return;
	buffer_add_octet(&q->words, 0);
	text_add(&q->words, "{}{}", text_string(key), text_raw(value));
}

/* The words of the command; false when they are not to be understood. */
static bool read_words(struct question *q, const struct call *call)
{
	struct ip ip;
	const struct view first = call_word(call, 0);
	const bool is_verb = first.length && verb_of(first) != VERBS;
	const unsigned at = is_verb ? 1 : 0;
	const unsigned count = call->word_count - at;
	q->verb = is_verb ? verb_of(first) : VERB_LIST;
	q->json = call_has(call, VIEW("--json"));
	switch (q->verb) {
	case VERB_LIST:
		if (q->json)
			add_word(q, "", VIEW("--json"));
		add_word(q, ip_parse(call_word(call, at), &ip) ? "address=" : "user=",
			call_word(call, at));
		return count <= 1;
	case VERB_OPEN:
		add_word(q, "address=", call_word(call, at));
		add_word(q, "user=", call_word(call, at + 1));
		add_word(q, "seconds=", call_word(call, at + 2));
		return (count == 2 || count == 3) && !q->json;
	case VERB_CLOSE:
		add_word(q, "address=", call_word(call, at));
		add_word(q, "user=", call_word(call, at + 1));
		return (count == 1 || count == 2) && !q->json;
	case VERB_COUNTS:
		return count == 0 && !q->json;
	case VERBS:
		break;
	}
	return false;
}

static uint64_t take_number(struct view *text, struct view key)
{
	uint64_t n = 0;
	return view_to_u64(ask_take_line(text, key), UINT64_MAX, &n) ? n : 0;
}

static void take_page(struct question *q, struct view page)
{
	q->after = take_number(&page, VIEW("next="));
	q->changed += take_number(&page, VIEW("changed="));
	if (!page.length)
		return;
	if (q->json && q->some)
		say_octets(VIEW(",\n"));
	say_octets(page);
	q->some = true;
}

static int ask_page(struct question *q, const struct call *call)
{
	struct buffer words = buffer_new(ASK_WORDS_MAX);
	struct buffer answer = buffer_new(PAGE_OCTETS_MAX);
	text_add(&words, "gate{}{}", text_raw(VIEW("\0")), text_string(verbs[q->verb]));
	buffer_add(&words, buffer_view(&q->words));
	if (q->after)
		text_add(&words, "{}after={}", text_raw(VIEW("\0")), text_number(q->after));
	const int code = ask_text(call->state, VIEW("gate"), buffer_view(&words), &answer);
	if (code == EXIT_FINE)
		take_page(q, buffer_view(&answer));
	else
		say_to(STDERR_FILENO, buffer_view(&answer));
	buffer_free(&words);
	buffer_free(&answer);
	return code;
}

static int ask_pages(struct question *q, const struct call *call)
{
	const bool lists = q->verb == VERB_LIST;
	int code;
	if (lists && q->json)
		say_octets(VIEW("["));
	do
		code = ask_page(q, call);
	while (code == EXIT_FINE && q->after);
	if (lists && q->json)
		say_octets(VIEW("]\n"));
	else if (lists && code == EXIT_FINE && !q->some)
		say("nobody");
	if (q->verb != VERB_CLOSE || code != EXIT_FINE)
		return code;
	say("{} closed", text_number(q->changed));
	return q->changed ? EXIT_FINE : EXIT_NO;
}

int run_gate(const struct call *call)
{
	struct question q = {.words = buffer_new(ASK_WORDS_MAX / 2)};
	int code = EXIT_USAGE;
	if (read_words(&q, call))
		code = ask_pages(&q, call);
	else
		say_trouble("that is not to be understood; see `sekisho gate --help`");
	buffer_free(&q.words);
	return code;
}
