#include "keepers/deliver/deliverd.h"

/* A content that does not fit into memory has one recipient a stream. Its octets go to the file in
 * tmp/ as they come; credit follows the writing. It is claimed at gate last, before it gets its
 * name: its body is known only then. */

static void make_name(const struct placing *p, struct buffer *name)
{
	const struct incoming *in = p->message;
	maildir_name_add(name, &(struct maildir_name){.birth = in->birth,
				       .id = in->id,
				       .recipient = p->recipient,
				       .arrival_s = in->arrival_s,
				       .octets = in->size + p->header.length,
				       .host = in->deliverd->snapshot->servername.name});
}

static void write_work(void *context)
{
	struct placing *p = context;
	struct incoming *in = p->message;
	const struct maildir_place place = deliver_place_of(in->deliverd, p->box);
	const struct view parts[2] = {
		in->begun ? VIEW_NONE : buffer_view(&p->header), buffer_view(&in->chunk)};
	if (!p->error && atomic_load(&p->box->broken))
		p->error = ERROR_BUSY;
	if (!p->error && !in->begun) {
		struct buffer name = buffer_new(MAILDIR_NAME_MAX);
		make_name(p, &name);
		p->error = maildir_begin(&place, buffer_view(&name), in->repeat, &p->file);
		buffer_free(&name);
		p->device = p->file.device;
	}
	if (!p->error)
		p->error = maildir_write(&p->file, parts, 2);
	if (p->error) {
		maildir_abandon(&place, &p->file);
		atomic_store(&p->box->broken, true);
	}
}

static void write_done(void *context)
{
	struct placing *p = context;
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	const size_t length = in->chunk.length;
	p->running = false;
	in->begun = true;
	in->writing = false;
	buffer_clear(&in->chunk);
	if (in->number && !in->ended && length)
		channel_say(d->spool, DELIVER_CREDIT, in->number, frame_number(length));
	if (!in->number || p->answered) {
		p->error = p->error ? p->error : ERROR_CLOSED;
		if (p->file.fd >= 0) {
			const struct maildir_place place = deliver_place_of(d, p->box);
			maildir_abandon(&place, &p->file);
		}
	}
	p->box->jobs--;
	in->jobs--;
	if (p->box->jobs == 0 && p->box->late == 0)
		atomic_store(&p->box->broken, false);
	large_more(in);
}

static void finish_work(void *context)
{
	struct placing *p = context;
	const struct maildir_place place = deliver_place_of(p->message->deliverd, p->box);
	p->error = maildir_finish(&place, &p->file);
	if (p->error)
		atomic_store(&p->box->broken, true);
}

static void finish_done(void *context)
{
	struct placing *p = context;
	p->running = false;
	place_after(p);
}

static bool submit(struct placing *p, void (*work)(void *), void (*done)(void *))
{
	struct incoming *in = p->message;
	p->began_ms = loop_now_ms(in->deliverd->program->loop);
	p->running = deliver_submit(in->deliverd, p->box, work, done, p);
	if (p->running) {
		in->jobs++;
		p->box->jobs++;
	} else {
		p->error = ERROR_LIMIT;
	}
	return p->running;
}

static void start_write(struct placing *p)
{
	struct incoming *in = p->message;
	const struct buffer empty = in->chunk;
	in->chunk = in->content;
	in->content = empty;
	in->writing = submit(p, write_work, write_done);
	if (!in->writing)
		buffer_clear(&in->chunk);
}

void large_begin(struct placing *p)
{
	place_header(p);
}

/* After a failure the rest is still taken, and let go, until END. */
static void drain(struct incoming *in, struct placing *p)
{
	if (in->content.length && !in->ended && in->number)
		channel_say(in->deliverd->spool, DELIVER_CREDIT, in->number,
			frame_number(in->content.length));
	buffer_clear(&in->content);
	if (in->ended || !in->number) {
		incoming_result(p, DELIVER_DEFERRED,
			p->error == ERROR_SPACE ? VIEW("the mailbox's disk is full")
						: VIEW("the mailbox's disk failed"));
		incoming_check(in);
	}
}

void large_more(struct incoming *in)
{
	struct placing *p = in->first;
	if (in->writing)
		return;
	if (p->error || p->answered || !in->number) {
		drain(in, p);
		return;
	}
	if (in->content.length) {
		start_write(p);
		if (p->error)
			drain(in, p);
		return;
	}
	if (!in->ended || p->running || p->claims || p->claimed || p->parked)
		return;
	header_scan_finish(&in->scan);
	if (duplicate_is_wanted(in))
		duplicate_claim(p);
	else
		large_finish(p);
}

void large_finish(struct placing *p)
{
	if (!submit(p, finish_work, finish_done)) {
		duplicate_release(p);
		drain(p->message, p);
	}
}
