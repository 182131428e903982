#include "keepers/deliver/deliverd.h"

/* A content that does not fit into memory has one recipient a stream. Its octets go to the file in
 * tmp/ as they come; credit follows the writing. It is claimed at gate last, before it gets its
 * name: its body is known only then. */

static void write_work(void *context)
{
	struct placing *p = context;
	struct incoming *in = p->message;
	const struct view parts[2] = {
		in->begun ? VIEW_NONE : buffer_view(&p->header), buffer_view(&in->chunk)};
	if (!place_began(p)) {
		maildir_abandon(&p->file);
		return;
	}
	if (!in->begun)
		p->error = place_begin(p);
	if (!p->error)
		p->error = maildir_write(&p->file, parts, 2);
	if (p->error) {
		maildir_abandon(&p->file);
		atomic_store(&p->box->broken, true);
	}
}

static void write_done(void *context)
{
	struct placing *p = context;
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	const size_t length = in->chunk.length;
	place_back(p);
	in->begun = true;
	in->writing = false;
	buffer_clear(&in->chunk);
	if (in->number && !in->ended && length)
		channel_say(d->spool, DELIVER_CREDIT, in->number, frame_number(length));
	if (!in->number || p->answered)
		maildir_abandon(&p->file);
	large_more(in);
	settle_check(d);
	incoming_check(in);
}

static void finish_work(void *context)
{
	struct placing *p = context;
	if (!place_began(p)) { /* since its last octets were written */
		maildir_abandon(&p->file);
		return;
	}
	p->error = maildir_finish(&p->file);
	if (p->error)
		atomic_store(&p->box->broken, true);
}

static void finish_done(void *context)
{
	struct placing *p = context;
	place_back(p);
	place_after(p);
}

static void start_write(struct placing *p)
{
	struct incoming *in = p->message;
	const struct buffer empty = in->chunk;
	in->chunk = in->content;
	in->content = empty;
	in->writing = place_submit(p, write_work, write_done);
	if (!in->writing) {
		buffer_clear(&in->chunk);
		p->error = ERROR_LIMIT;
		incoming_result(p, DELIVER_DEFERRED, NO_PLACE);
	}
}

/* After a failure the rest is still taken, and let go, until END. */
static void drain(struct incoming *in, struct placing *p)
{
	if (in->content.length && !in->ended && in->number)
		channel_say(in->deliverd->spool, DELIVER_CREDIT, in->number,
			frame_number(in->content.length));
	buffer_clear(&in->content);
	incoming_result(p, DELIVER_DEFERRED, place_why(p->error));
}

/* A step of it has come, or the rest. */
static bool has_step(const struct incoming *in)
{
	return in->content.length >= WHOLE_MAX || (in->ended && in->content.length);
}

/* The message must be held, or checked afterwards. */
void large_more(struct incoming *in)
{
	struct placing *p = in->first;
	if (in->writing || p->running)
		return;
	if (!p->error && !p->answered && in->number && has_step(in))
		start_write(p);
	if (p->error || p->answered || !in->number) {
		drain(in, p);
		return;
	}
	if (in->writing || !in->ended || p->ready || p->claims || p->claimed || p->parked)
		return;
	header_scan_finish(&in->scan);
	if (duplicate_is_wanted(in))
		duplicate_claim(p);
	else
		place_ready(p);
}

void large_finish(struct placing *p)
{
	if (!place_submit(p, finish_work, finish_done)) {
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, NO_PLACE);
	}
}
