#include "faces/smtpd/smtpd.h"

#include "base/clock.h"
#include "base/random.h"
#include "mail/originator.h"

/*
 * What a user posts, and what leaves the site from one of its networks: its header section is held back
 * until it is whole, judged (N-7), completed (RFC 6409 §8), and only then goes to spool. What is refused
 * is thrown away as it comes, and the reply is said at its end.
 */

#define ARENA_MAX (64u << 10)
#define SHOWN_MAX 1024u

struct posting {
	struct originator originator;
	bool is_over; /* judged */
	bool is_refused;
	struct reply reply; /* of is_refused; its text is in the transaction's arena or static */
	struct view what; /* the address that was refused, in the same */
};

void posting_begin(struct session *s)
{
	struct transaction *t = s->transaction;
	if (!route_is_bound(&t->facts) && !t->leaves)
		return;
	t->posting = memory_new(1, sizeof *t->posting);
	originator_start(&t->posting->originator, s->generation->config.limits.header_octets,
		t->content.max);
}

void posting_free(struct posting **at)
{
	struct posting *p = *at;
	*at = NULL;
	if (!p)
		return;
	originator_free(&p->originator);
	memory_free(p);
}

size_t posting_memory(const struct posting *p)
{
	return p ? p->originator.held.capacity : 0;
}

/* --- judging ------------------------------------------------------------------------------ */

static void refuse(struct posting *p, struct reply reply)
{
	p->is_refused = true;
	p->reply = reply;
	buffer_free(&p->originator.held);
}

static void refuse_problem(struct posting *p, enum originator_problem problem)
{
	struct reply reply = {.code = 554,
		.enhanced = {5, 6, 0},
		.text = view_text(originator_problem_text(problem)),
		.rule = originator_problem_name(problem)};
	if (problem == ORIGINATOR_MEMORY) {
		reply.code = 452;
		reply.enhanced = (struct enhanced){4, 3, 1};
	}
	refuse(p, reply);
}

static struct view shown(struct arena *a, const struct address *address)
{
	struct buffer b = buffer_new(SHOWN_MAX);
	struct view copy = VIEW_NONE;
	address_add(&b, address);
	if (!arena_copy(a, buffer_view(&b), &copy))
		copy = VIEW_NONE;
	buffer_free(&b);
	return copy;
}

/* False when it is not one that may be written. */
static bool judge_author(struct session *s, const struct address *author)
{
	struct transaction *t = s->transaction;
	const struct route_verdict v =
		route_author(t->generation->snapshot, &t->facts, author, &t->arena);
	if (v.accepted)
		return true;
	t->posting->what = shown(&t->arena, author);
	refuse(t->posting, (struct reply){.code = v.code,
				   .enhanced = {5, 7, 1},
				   .text = v.text,
				   .rule = route_is_bound(&t->facts) ? "author-not-own"
								     : "author-not-of-site"});
	return false;
}

static bool judge_authors(struct session *s, const struct originator_fields *fields)
{
	for (size_t i = 0; i < fields->from.count; i++)
		if (!judge_author(s, &fields->from.list[i]))
			return false;
	return !fields->has_sender || judge_author(s, &fields->sender);
}

static void complete(struct session *s, const struct originator_fields *fields)
{
	struct transaction *t = s->transaction;
	const struct address *reverse_path = &smtp_server_mail(&s->smtp)->reverse_path;
	const int64_t now_s = clock_wall_s();
	struct originator_seed seed = {.message_id = {.wall_s = now_s},
		.time_s = now_s,
		.server = t->generation->snapshot->servername,
		.sender = address_is_null(reverse_path) ? &fields->from.list[0] : reverse_path};
	random_octets(seed.message_id.random, sizeof seed.message_id.random);
	originator_add_missing(&t->header, fields, &seed);
}

static void judge(struct session *s)
{
	struct posting *p = s->transaction->posting;
	struct arena a = arena_new(ARENA_MAX);
	struct originator_fields fields;
	const enum originator_problem problem = originator_look(&p->originator, &a, &fields);
	p->is_over = true;
	if (problem != ORIGINATOR_OK)
		refuse_problem(p, problem);
	else if (judge_authors(s, &fields))
		complete(s, &fields);
	arena_reset(&a);
}

/* --- content comes ------------------------------------------------------------------------ */

bool posting_take(struct session *s)
{
	struct transaction *t = s->transaction;
	struct posting *p = t->posting;
	if (!p)
		return true;
	if (!p->is_over && originator_take(&p->originator, &t->content))
		judge(s);
	if (p->is_refused)
		buffer_clear(&t->content);
	return p->is_over && !p->is_refused;
}

const struct reply *posting_end(struct session *s, struct view *what_out)
{
	struct posting *p = s->transaction->posting;
	*what_out = VIEW_NONE;
	if (!p)
		return NULL;
	if (!posting_take(s) && !p->is_over) {
		originator_finish(&p->originator);
		judge(s);
	}
	*what_out = p->what;
	return p->is_refused ? &p->reply : NULL;
}

struct buffer *posting_held(struct posting *p)
{
	static struct buffer nothing;
	return p ? &p->originator.held : &nothing;
}
