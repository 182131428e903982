#include "keepers/deliver/deliverd.h"

#include "mail/trace.h"

struct maildir_place deliver_place_of(const struct deliverd *d, const struct box *box)
{
	return (struct maildir_place){.root = d->root, .mailbox = box->name, .after = d->after};
}

bool deliver_submit(struct deliverd *d, struct box *box, void (*work)(void *), void (*done)(void *),
	void *context)
{
	const struct job job = {.work = work,
		.done = done,
		.context = context,
		.key = box->key,
		.group = box->device ? box->device : DEVICES_MAX + 1};
	return workers_submit(d->pool, &job) == ERROR_NONE;
}

/* Paths were parsed by smtpd and stand as they were given: a backslash of a quoted local-part is one.
 * But smtpd may have been broken into: what no path can hold is escaped. */
static struct text_arg path_text(struct view path)
{
	bool is_plain = view_is_utf8(path);
	for (size_t i = 0; i < path.length; i++)
		is_plain = is_plain && path.at[i] >= 0x20 && path.at[i] != 0x7f;
	return is_plain ? text_raw(path) : text_view(path);
}

/* Return-Path and Delivered-To (RFC 5321 §4.4). */
void place_header(struct placing *p)
{
	buffer_clear(&p->header);
	text_add(&p->header, "Return-Path: <{}>\r\nDelivered-To: {}\r\n",
		path_text(p->message->reverse_path), path_text(p->forward_path));
}

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

static void place_work(void *context)
{
	struct placing *p = context;
	const struct incoming *in = p->message;
	const struct maildir_place place = deliver_place_of(in->deliverd, p->box);
	const struct view parts[2] = {buffer_view(&p->header), buffer_view(&in->content)};
	struct buffer name = buffer_new(MAILDIR_NAME_MAX);
	if (atomic_load(&p->box->broken)) {
		p->error = ERROR_BUSY;
		return;
	}
	make_name(p, &name);
	p->error = buffer_failed(&name)
			   ? ERROR_LIMIT
			   : maildir_begin(&place, buffer_view(&name), in->repeat, &p->file);
	buffer_free(&name);
	if (!p->error) {
		p->device = p->file.device;
		p->error = maildir_write(&p->file, parts, 2);
		if (!p->error)
			p->error = maildir_finish(&place, &p->file);
		else
			maildir_abandon(&place, &p->file);
	}
	if (p->error)
		atomic_store(&p->box->broken, true);
}

static struct view why(enum error error)
{
	switch (error) {
	case ERROR_SPACE:
		return VIEW("the mailbox's disk is full");
	case ERROR_DENIED:
		return VIEW("the mailbox's directory is not ours to write: see its owner and mode");
	case ERROR_BUSY:
		return VIEW("an earlier mail for this mailbox could not be delivered");
	case ERROR_LIMIT:
		return VIEW("the name of the file would be too long");
	case ERROR_MEMORY:
		return VIEW("no memory or descriptors are left");
	case ERROR_NONE:
	case ERROR_IO:
	case ERROR_MISSING:
	case ERROR_EXISTS:
	case ERROR_SYNTAX:
	case ERROR_CLOSED:
	case ERROR_PROTOCOL:
	case ERROR_CORRUPT:
		break;
	}
	return VIEW("the mailbox's disk failed");
}

void place_after(struct placing *p)
{
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	struct box *box = p->box;
	const bool was_late = p->answered;
	box->jobs--;
	box->late -= was_late;
	if (box->jobs == 0)
		atomic_store(&box->broken, false);
	if (p->file.mended)
		log_warning("a file was mended after a power cut", fact_hex("id", in->id.value),
			fact_view("mailbox", box->name));
	struct device *device = p->error ? NULL : sync_device(d, p->device, box);
	if (!p->error && !was_late && device) {
		incoming_result(p, DELIVER_PLACED, VIEW_NONE);
		sync_placed(device, p);
	} else {
		/* a late one that worked was already deferred: it comes again, and is found */
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, p->error ? why(p->error) : VIEW("late"));
	}
	in->jobs--;
	incoming_check(in);
}

static void place_done(void *context)
{
	struct placing *p = context;
	p->running = false;
	place_after(p);
}

void place_submit(struct placing *p)
{
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	if (p->box->late) {
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, VIEW("the mailbox's disk does not answer"));
		return;
	}
	place_header(p);
	p->began_ms = loop_now_ms(d->program->loop);
	p->running = deliver_submit(d, p->box, place_work, place_done, p);
	if (p->running) {
		in->jobs++;
		p->box->jobs++;
	} else {
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, VIEW("too many deliveries are waiting"));
	}
}
