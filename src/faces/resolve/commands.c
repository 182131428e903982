#include "faces/resolve/resolved.h"

#define EXIT_NO 1
#define EXIT_USAGE 64
#define EXIT_LATER 75
#define OUTPUT_MAX (1u << 20)

static void say_status(struct resolved *d, uint32_t stream)
{
	const struct resolver *r = d->generation->resolver;
	const struct resolver_counts *c = resolver_counts(r);
	struct buffer b = buffer_new(4096);
	text_add(&b,
		"questions={} temporary={} refused={} under_way={} lookups={} failed={} late={} "
		"bogus={} trust_anchors={}\n",
		text_number(d->counts.questions), text_number(d->counts.temporary),
		text_number(d->counts.refused), text_number(d->asks), text_number(c->asked),
		text_number(c->failed), text_number(c->late), text_number(c->bogus),
		text_string(anchors_state_name(resolver_anchors(r))));
	program_output(d->program, stream, buffer_view(&b));
	program_done(d->program, stream, 0);
	buffer_free(&b);
}

/* --- a look-up ---------------------------------------------------------------------------- */

static void take_out(struct ask *a)
{
	struct ask **at = &a->resolved->operators;
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
}

static void answered(struct ask *a, const struct question_result *result)
{
	struct program *p = a->resolved->program;
	struct buffer b = buffer_new(OUTPUT_MAX);
	const unsigned code = result->outcome == LOOKUP_OK	     ? 0
			      : lookup_is_temporary(result->outcome) ? EXIT_LATER
								     : EXIT_NO;
	take_out(a);
	if (a->wants_json)
		print_result_json(&b, a->code, a->name, result);
	else
		print_result(&b, a->code, a->name, result);
	program_output(p, a->stream, buffer_view(&b));
	program_done(p, a->stream, code);
	buffer_free(&b);
}

static const struct {
	const char *word;
	enum any_resolve_code code;
} questions[] = {{"hosts", RESOLVE_HOSTS}, {"client", RESOLVE_CLIENT}, {"texts", RESOLVE_TEXTS}};
#define QUESTIONS (sizeof questions / sizeof *questions)

/* False when the words are no question: KIND NAME [--json]. */
static bool read_words(struct view words, struct question_given *given)
{
	size_t i = 0;
	while (i < QUESTIONS && !view_equal(program_word(words, 0), view_text(questions[i].word)))
		i++;
	given->name = program_word(words, 1);
	if (i == QUESTIONS || given->name.length > RESOLVE_NAME_MAX)
		return false;
	given->code = questions[i].code;
	return given->code != RESOLVE_CLIENT || ip_parse(given->name, &given->client);
}

static void look_up(struct resolved *d, uint32_t stream, struct view words)
{
	struct question_given given = {0};
	if (!read_words(words, &given)) {
		program_done(d->program, stream, EXIT_USAGE);
		return;
	}
	struct ask *a = ask_new(d, PROGRAM_NONE);
	if (!a) {
		program_done(d->program, stream, EXIT_LATER);
		return;
	}
	a->stream = stream;
	a->wants_json = view_equal(program_word(words, 2), VIEW("--json"));
	must(arena_copy(&a->memory, given.name, &a->name));
	a->next = d->operators;
	d->operators = a;
	ask_start(a, &given, answered);
}

void resolved_command(struct program *p, uint32_t stream, struct view words)
{
	struct resolved *d = p->state;
	if (view_equal(program_word(words, 0), VIEW("status")))
		say_status(d, stream);
	else
		look_up(d, stream, words);
}

void resolved_cancel(struct program *p, uint32_t stream)
{
	struct resolved *d = p->state;
	struct ask *a = d->operators;
	while (a && a->stream != stream)
		a = a->next;
	if (!a)
		return;
	take_out(a);
	ask_free(&a);
}
