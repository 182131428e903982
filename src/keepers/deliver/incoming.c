#include "keepers/deliver/deliverd.h"

#include "base/clock.h"

#define ARENA_MAX (8u << 20)
#define HEADER_MAX (1u << 20)

/* --- life of a message -------------------------------------------------------------------- */

struct incoming *incoming_new(struct deliverd *d, uint32_t number)
{
	struct incoming *in = memory_new(1, sizeof *in);
	*in = (struct incoming){.deliverd = d,
		.number = number,
		.arena = arena_new(ARENA_MAX),
		.content = buffer_new(2 * DELIVER_CREDIT_LARGE),
		.chunk = buffer_new(2 * DELIVER_CREDIT_LARGE)};
	header_scan_start(&in->scan, HEADER_MAX);
	if (d->snapshot->numbers[SETTING_DUPLICATEWINDOW] > 0)
		in->digest = digest_new();
	in->older = d->newest;
	*(d->newest ? &d->newest->newer : &d->oldest) = in;
	d->newest = in;
	return in;
}

static void free_message(struct incoming *in)
{
	struct deliverd *d = in->deliverd;
	*(in->newer ? &in->newer->older : &d->newest) = in->older;
	*(in->older ? &in->older->newer : &d->oldest) = in->newer;
	for (struct placing *p = in->first; p; p = p->next) {
		box_leave(p);
		maildir_abandon(&p->file);
		buffer_free(&p->header);
	}
	if (in->digest)
		digest_end(&in->digest, in->body);
	buffer_free(&in->content);
	buffer_free(&in->chunk);
	arena_reset(&in->arena);
	memory_free(in);
	deliver_check_drained(d);
}

void incoming_check(struct incoming *in)
{
	struct deliverd *d = in->deliverd;
	if (in->number && in->ended && in->unanswered == 0) {
		channel_say(d->spool, DELIVER_FINISHED, in->number);
		streams_take(&d->streams, in->number);
		in->number = 0;
	}
	if (!in->number && in->jobs == 0 && !duplicate_holds(in))
		free_message(in);
}

void incoming_orphan(struct incoming *in)
{
	streams_take(&in->deliverd->streams, in->number);
	in->number = 0;
	for (struct placing *p = in->first; p; p = p->next) {
		box_leave(p); /* what has no job yet gets none */
		atomic_store(&p->given_up, true);
	}
	duplicate_forget(in);
	incoming_check(in);
}

bool incoming_add(struct incoming *in, const struct envelope_delivery *delivery)
{
	struct placing *p = arena_get(&in->arena, sizeof *p);
	if (!p || !arena_copy(&in->arena, delivery->forward_path, &p->forward_path))
		return false;
	p->message = in;
	p->box = box_get(in->deliverd, delivery->mailbox);
	p->recipient = delivery->index;
	p->file = maildir_file_none();
	p->header = buffer_new(HEADER_MAX);
	*(in->last ? &in->last->next : &in->first) = p;
	in->last = p;
	in->unanswered++;
	box_line_up(p);
	return true;
}

/* --- results ------------------------------------------------------------------------------ */

static const char *outcome_word(enum deliver_outcome outcome)
{
	switch (outcome) {
	case DELIVER_PLACED:
		return "delivered";
	case DELIVER_DUPLICATE:
		return "duplicate dropped";
	case DELIVER_DEFERRED:
		return "delivery deferred";
	}
	return "unknown";
}

/* While a job is out nothing is known of what it has found. A duplicate never got as far as a file:
 * its mailbox shall not wait for one. */
static bool has_looked(const struct placing *p, enum deliver_outcome outcome)
{
	return outcome != DELIVER_DEFERRED || (!p->running && p->file.looked);
}

void incoming_result(struct placing *p, enum deliver_outcome outcome, struct view text)
{
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	if (p->answered || !in->number)
		return;
	const bool looked = has_looked(p, outcome);
	p->answered = true;
	in->unanswered--;
	if (p->running)
		p->box->late++;
	box_leave(p);
	channel_say(d->spool, DELIVER_RESULT, in->number, frame_number(p->recipient),
		frame_number((uint64_t)outcome), frame_number(looked),
		frame_bytes(view_first(text, DELIVER_TEXT_MAX)));
	d->delivered += outcome == DELIVER_PLACED;
	d->duplicates += outcome == DELIVER_DUPLICATE;
	d->deferred += outcome == DELIVER_DEFERRED;
	log_info(outcome_word(outcome), fact_hex("id", in->id.value),
		fact_view("mailbox", p->box->name), fact_view("for", p->forward_path),
		fact_view("reverse_path", in->reverse_path),
		fact_view(text.length ? "why" : "by", text.length ? text : VIEW("maildir")));
	if (outcome == DELIVER_DEFERRED && p->error != ERROR_CLOSED)
		atomic_store(&p->box->broken, true);
	if (in->how & DELIVER_REPAIR && looked && p->box->repairs)
		p->box->repairs--;
}

/* --- what does not come back -------------------------------------------------------------- */

static unsigned *hung_count(struct placing *p)
{
	struct deliverd *d = p->message->deliverd;
	return p->box->device ? &d->devices[p->box->device - 1].hung : &d->unknown_hung;
}

/* A job that hangs; or one that waits behind such ones, in its mailbox or on its file system. */
static bool is_lost(struct placing *p, uint64_t now_ms)
{
	const uint64_t began_ms = atomic_load(&p->began_ms);
	if (began_ms)
		return now_ms > began_ms + HUNG_MS;
	const unsigned most = p->box->device ? THREADS_PER_DEVICE : UNKNOWN_HUNG_MAX;
	const uint64_t waits_ms = now_ms - p->submitted_ms;
	return p->box->late || waits_ms > WAITED_MS ||
	       (waits_ms > HUNG_MS && *hung_count(p) >= most);
}

static void sweep_message(struct incoming *in, uint64_t now_ms)
{
	for (struct placing *p = in->first; p; p = p->next) {
		if (!p->running || p->answered || !is_lost(p, now_ms))
			continue;
		p->hung = atomic_load(&p->began_ms) != 0;
		*hung_count(p) += p->hung;
		atomic_store(&p->box->broken, true);
		atomic_store(&p->given_up, true);
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, VIEW("the mailbox's disk does not answer"));
	}
}

void incoming_sweep(struct deliverd *d)
{
	const uint64_t now_ms = clock_monotonic_ms();
	struct incoming *newer;
	for (struct incoming *in = d->oldest; in; in = newer) {
		newer = in->newer;
		if (!in->number)
			continue;
		sweep_message(in, now_ms);
		incoming_check(in);
	}
	/* those that waited in line behind them */
	for (size_t i = 0; d->oldest && i < BOX_SLOTS; i++)
		for (struct box *b = d->boxes[i]; b; b = b->next)
			box_go_on(b);
}

bool incoming_is_quiet(const struct deliverd *d)
{
	return d->oldest == NULL;
}
