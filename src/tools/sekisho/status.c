#include "tools/sekisho/status.h"

#include "parent/programs.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include <unistd.h>

#define ANSWER_MAX (1u << 20)
#define NAME_COLUMN 12u
#define STATE_COLUMN 10u
#define NUMBER_COLUMN 10u
#define BROKEN_COLUMN 8u

struct report {
	const char *state;
	bool json;
	bool all_up;
	struct view programs; /* the parent's lines */
	struct buffer out;
};

static void pad(struct buffer *b, size_t start, size_t width)
{
	do
		buffer_add_octet(b, ' ');
	while (!buffer_failed(b) && b->length - start < width);
}

static void add_column(struct buffer *b, struct view text, size_t width)
{
	const size_t start = b->length;
	text_add_escaped(b, text);
	pad(b, start, width);
}

static void add_number_column(struct buffer *b, uint64_t n, size_t width)
{
	const size_t start = b->length;
	text_add(b, "{}", text_number(n));
	pad(b, start, width);
}

static void add_row(struct buffer *b, const struct status_program *p)
{
	add_column(b, p->name, NAME_COLUMN);
	add_column(b, p->state, STATE_COLUMN);
	add_number_column(b, p->pid, NUMBER_COLUMN);
	add_number_column(b, p->restarts, NUMBER_COLUMN);
	add_number_column(b, p->broken, BROKEN_COLUMN);
	status_add_age(b, p->seconds);
	buffer_add_octet(b, '\n');
}

static void add_row_json(struct buffer *b, const struct status_program *p, bool is_first)
{
	buffer_add(b, is_first ? VIEW("{\"name\":") : VIEW(",\n {\"name\":"));
	text_add_json(b, p->name);
	buffer_add(b, VIEW(",\"state\":"));
	text_add_json(b, p->state);
	text_add(b, ",\"pid\":{},\"restarts\":{},\"broken\":{},\"seconds\":{}}",
		text_number(p->pid), text_number(p->restarts), text_number(p->broken),
		text_number(p->seconds));
}

static void add_programs(struct report *r)
{
	struct view left = r->programs;
	struct status_program p;
	bool is_first = true;
	if (r->json)
		buffer_add(&r->out, VIEW("{\"programs\":["));
	else
		buffer_add(
			&r->out, VIEW("program     state     process   restarts  broken  for\n"));
	while (left.length) {
		if (!status_take_program(&left, &p))
			continue;
		if (r->json)
			add_row_json(&r->out, &p, is_first);
		else
			add_row(&r->out, &p);
		is_first = false;
		r->all_up = r->all_up && view_equal(p.state, VIEW("up"));
	}
}

/* Whether any worker of it runs, so that it can be asked. */
static bool is_up(const struct report *r, struct view program)
{
	struct view left = r->programs;
	struct status_program p;
	while (left.length)
		if (status_take_program(&left, &p) && view_equal(p.state, VIEW("up")) &&
			view_equal(status_program_of(p.name), program))
			return true;
	return false;
}

/* A program that knows no `status` has none, and one that dies under the question too. */
static void add_details(struct report *r, const struct program_row *row, bool *is_first)
{
	struct buffer answer = buffer_new(ANSWER_MAX);
	struct status_pairs pairs;
	const struct view name = view_text(row->name);
	if (row->kind != PROGRAM_SHORT_LIVED && is_up(r, name) &&
		ask_text(r->state, name, VIEW("status"), &answer) == EXIT_FINE) {
		status_read_pairs(buffer_view(&answer), &pairs);
		if (pairs.count && r->json) {
			buffer_add(&r->out, *is_first ? VIEW("") : VIEW(",\n "));
			text_add_json(&r->out, name);
			buffer_add_octet(&r->out, ':');
			status_add_pairs_json(&r->out, &pairs);
			*is_first = false;
		} else if (pairs.count) {
			text_add(&r->out, "{}: ", text_string(row->name));
			status_add_pairs(&r->out, &pairs);
			buffer_add_octet(&r->out, '\n');
		}
	}
	buffer_free(&answer);
}

static void add_all(struct report *r)
{
	bool is_first = true;
	add_programs(r);
	buffer_add(&r->out, r->json ? VIEW("],\n\"status\":{") : VIEW("\n"));
	for (unsigned i = 0; i < programs_count(); i++)
		add_details(r, program_at(i), &is_first);
	if (r->json)
		text_add(&r->out, "},\n\"ok\":{}}\n", text_string(r->all_up ? "true" : "false"));
}

int run_status(const struct call *call)
{
	struct buffer programs = buffer_new(ANSWER_MAX);
	struct report r = {.state = call->state,
		.json = call_has(call, VIEW("--json")),
		.all_up = true,
		.out = buffer_new(ANSWER_MAX)};
	int code = ask_text(call->state, VIEW("parent"), VIEW("programs"), &programs);
	r.programs = buffer_view(&programs);
	if (code == EXIT_FINE) {
		add_all(&r);
		say_octets(buffer_view(&r.out));
		code = r.all_up ? EXIT_FINE : EXIT_NO;
	} else {
		say_to(STDERR_FILENO, r.programs);
	}
	buffer_free(&r.out);
	buffer_free(&programs);
	return code;
}
