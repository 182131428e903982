#include "base/random.h"
#include "faces/resolve/resolved.h"

struct ask *ask_new(struct resolved *d, enum program_id id)
{
	if (d->asks >= QUESTIONS_MAX || d->asks_of[id] >= QUESTIONS_OF_PROGRAM_MAX) {
		d->counts.refused++;
		return NULL;
	}
	struct ask *a = memory_new(1, sizeof *a);
	*a = (struct ask){.resolved = d,
		.generation = generation_hold(d->generation),
		.id = id,
		.memory = arena_new(RESOLVE_NAME_MAX + 64)};
	d->asks++;
	d->asks_of[id]++;
	d->counts.questions++;
	return a;
}

void ask_free(struct ask **at)
{
	struct ask *a = *at;
	*at = NULL;
	a->resolved->asks--;
	a->resolved->asks_of[a->id]--;
	question_free(&a->question);
	generation_drop(&a->generation);
	arena_reset(&a->memory);
	memory_free(a);
}

static void done(void *context, struct question *q, const struct question_result *result)
{
	struct ask *a = context;
	(void)q; /* ends with the ask */
	a->resolved->counts.temporary += lookup_is_temporary(result->outcome);
	a->answered(a, result);
	ask_free(&a);
}

void ask_start(struct ask *a, struct question_given *given, ask_answered *answered)
{
	const struct asker asker = resolver_asker(a->generation->resolver);
	given->self = a->generation->snapshot->servername;
	given->seed = random_u64();
	a->code = given->code;
	a->answered = answered;
	a->question = question_new(&asker, given, done, a);
	question_start(a->question);
}
