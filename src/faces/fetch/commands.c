#include "faces/fetch/fetchd.h"

#include "base/text.h"

#define EXIT_NO 1
#define EXIT_USAGE 64
#define EXIT_LATER 75
#define OUTPUT_MAX (64u << 10)

/* `policy DOMAIN [--json]` of an operator. */
struct operator_ask {
	struct fetchd *fetchd;
	uint32_t stream;
	bool wants_json;
	struct policy_question question;
	struct operator_ask *next;
};

static void say_status(struct fetchd *d, uint32_t stream)
{
	struct buffer b = buffer_new(1024);
	text_add(&b, "questions={} fetched={} failed={} domains={} under_way={}\n",
		text_number(d->counts.questions), text_number(d->counts.fetched),
		text_number(d->counts.failed), text_number(d->domains),
		text_number(web_count(d->web)));
	program_output(d->program, stream, buffer_view(&b));
	program_done(d->program, stream, 0);
	buffer_free(&b);
}

static void print(struct buffer *b, const struct policy_answer *a, const struct sts_policy *p)
{
	if (a->outcome != FETCH_FOUND) {
		text_add(b, "MTA-STS: {}\n", text_string(a->why));
		return;
	}
	text_add(b, "MTA-STS: {}, id {}, kept for {} s more; hosts:",
		text_string(sts_mode_name(p->mode)), text_view(a->id), text_number(a->left_s));
	for (uint32_t i = 0; i < p->mx_count; i++)
		text_add(b, " {}", text_view(p->mx[i]));
	buffer_add(b, VIEW("\n"));
}

static void print_json(struct buffer *b, const struct policy_answer *a, const struct sts_policy *p)
{
	text_add(b, "{\"outcome\":\"{}\"", text_string(fetch_outcome_name(a->outcome)));
	if (a->outcome != FETCH_FOUND) {
		buffer_add(b, VIEW(",\"why\":"));
		text_add_json(b, view_text(a->why));
		buffer_add(b, VIEW("}\n"));
		return;
	}
	text_add(b, ",\"mode\":\"{}\",\"id\":\"{}\",\"max_age\":{},\"left\":{},\"mx\":[",
		text_string(sts_mode_name(p->mode)), text_raw(a->id), text_number(p->max_age_s),
		text_number(a->left_s));
	for (uint32_t i = 0; i < p->mx_count; i++)
		text_add(b, "{}\"{}\"", text_string(i ? "," : ""), text_raw(p->mx[i]));
	buffer_add(b, VIEW("]}\n"));
}

static void leave(struct operator_ask *ask)
{
	struct operator_ask **at = &ask->fetchd->operators;
	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	policy_forget(&ask->question);
	memory_free(ask);
}

static void answered(struct policy_question *q, const struct policy_answer *a)
{
	struct operator_ask *ask = q->context;
	struct program *p = ask->fetchd->program;
	struct buffer b = buffer_new(OUTPUT_MAX);
	struct arena arena = arena_new(OUTPUT_MAX);
	struct sts_policy policy = {.mode = STS_MODE_NONE};
	must(a->outcome != FETCH_FOUND || sts_policy_read(a->packed, &arena, &policy));
	(ask->wants_json ? print_json : print)(&b, a, &policy);
	program_output(p, ask->stream, buffer_view(&b));
	program_done(p, ask->stream,
		a->outcome == FETCH_FOUND     ? 0
		: a->outcome == FETCH_UNKNOWN ? EXIT_LATER
					      : EXIT_NO);
	arena_reset(&arena);
	buffer_free(&b);
	leave(ask);
}

static void look_up(struct fetchd *d, uint32_t stream, struct view words)
{
	struct operator_ask *ask = memory_new(1, sizeof *ask);
	*ask = (struct operator_ask){.fetchd = d,
		.stream = stream,
		.wants_json = view_equal(program_word(words, 2), VIEW("--json")),
		.question = {.answered = answered, .context = ask},
		.next = d->operators};
	d->operators = ask;
	policy_ask(d, &ask->question, program_word(words, 1));
}

void fetchd_command(struct program *p, uint32_t stream, struct view words)
{
	struct fetchd *d = p->state;
	const struct view word = program_word(words, 0);
	if (view_equal(word, VIEW("status")))
		say_status(d, stream);
	else if (view_equal(word, VIEW("policy")) && host_name_is_sound(program_word(words, 1)))
		look_up(d, stream, words);
	else
		program_done(p, stream, EXIT_USAGE);
}

void fetchd_cancel(struct program *p, uint32_t stream)
{
	struct fetchd *d = p->state;
	struct operator_ask *ask = d->operators;
	while (ask && ask->stream != stream)
		ask = ask->next;
	if (ask)
		leave(ask);
}
