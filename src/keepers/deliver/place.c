#include "keepers/deliver/deliverd.h"

#include "base/clock.h"
#include "mail/trace.h"

struct maildir_place deliver_place_of(const struct deliverd *d, const struct box *box)
{
	return (struct maildir_place){
		.disk = d->disk, .root = d->root, .mailbox = box->name, .after = d->after};
}

/* --- jobs --------------------------------------------------------------------------------- */

/* Those of mailboxes of which nothing is known have no cap of their own, until too many of them have
 * been lost: then they may wait for each other. */
static uint32_t group_of(const struct deliverd *d, const struct box *box)
{
	if (box->device)
		return box->device;
	return d->unknown_hung < UNKNOWN_HUNG_MAX ? 0 : DEVICES_MAX + 1;
}

bool place_submit(struct placing *p, void (*work)(void *), void (*done)(void *))
{
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	const struct job job = {.work = work,
		.done = done,
		.context = p,
		.key = p->box->key,
		.group = group_of(d, p->box)};
	atomic_store(&p->began_ms, 0);
	p->submitted_ms = loop_now_ms(d->program->loop);
	if (!in->begun)
		p->sync_failures = d->sync_failures;
	p->running = workers_submit(d->pool, &job) == ERROR_NONE;
	in->jobs += p->running;
	p->box->jobs += p->running;
	return p->running;
}

bool place_began(struct placing *p)
{
	atomic_store(&p->began_ms, clock_monotonic_ms());
	if (atomic_load(&p->given_up) || atomic_load(&p->box->broken))
		p->error = ERROR_BUSY;
	return !p->error;
}

void place_back(struct placing *p)
{
	struct box *box = p->box;
	struct deliverd *d = p->message->deliverd;
	p->running = false;
	p->message->jobs--;
	box->jobs--;
	if (p->answered)
		box->late--;
	if (p->hung)
		(*(box->device ? &d->devices[box->device - 1].hung : &d->unknown_hung))--;
	p->hung = false;
}

/* --- the file ----------------------------------------------------------------------------- */

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

static void place_name(const struct placing *p, struct buffer *name)
{
	const struct incoming *in = p->message;
	maildir_name_add(name, &(struct maildir_name){.birth = in->birth,
				       .id = in->id,
				       .recipient = p->recipient,
				       .arrival_s = in->arrival_s,
				       .octets = in->size + p->header.length,
				       .host = in->deliverd->snapshot->servername.name});
}

enum error place_begin(struct placing *p)
{
	const struct incoming *in = p->message;
	const struct maildir_place place = deliver_place_of(in->deliverd, p->box);
	struct buffer name = buffer_new(MAILDIR_NAME_MAX);
	enum error error = ERROR_LIMIT;
	if (!p->box->tidied)
		maildir_tidy(&place, in->birth);
	p->box->tidied = true;
	place_name(p, &name);
	if (!buffer_failed(&name))
		error = maildir_begin(&place, buffer_view(&name), in->how, &p->file);
	buffer_free(&name);
	return error;
}

static void place_work(void *context)
{
	struct placing *p = context;
	const struct incoming *in = p->message;
	const struct view parts[2] = {buffer_view(&p->header), buffer_view(&in->content)};
	if (!place_began(p))
		return;
	p->error = place_begin(p);
	if (!p->error) {
		p->error = maildir_write(&p->file, parts, 2);
		if (!p->error)
			p->error = maildir_finish(&p->file);
		else
			maildir_abandon(&p->file);
	}
	if (p->error)
		atomic_store(&p->box->broken, true);
}

struct view place_why(enum error error)
{
	switch (error) {
	case ERROR_NONE:
		return VIEW("late");
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
	case ERROR_CLOSED:
		return VIEW("it came incomplete from the spool");
	case ERROR_MISSING: /* what is missing is made, so there is a link to nowhere */
	case ERROR_EXISTS:
		return VIEW("a file or a link stands where a directory of the mailbox belongs");
	case ERROR_IO:
	case ERROR_SYNTAX:
	case ERROR_PROTOCOL:
	case ERROR_CORRUPT:
		break;
	}
	return VIEW("the mailbox's disk failed");
}

/* The file has its name: when will it be durable? Null when nobody can know. */
static struct device *watch_it(struct placing *p)
{
	struct box *box = p->box;
	struct deliverd *d = p->message->deliverd;
	struct device *device = sync_device(d, p->file.device, maildir_take_watch(&p->file));
	if (!device)
		log_error("a file system of mailboxes cannot be watched",
			fact_view("mailbox", box->name));
	else
		box->device = (uint32_t)(device - d->devices) + 1;
	return device;
}

void place_after(struct placing *p)
{
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	struct box *box = p->box;
	if (p->file.mended)
		log_warning("a torn file was written anew", fact_hex("id", in->id.value),
			fact_view("mailbox", box->name));
	if (!p->error && p->sync_failures != d->sync_failures)
		p->error = ERROR_IO; /* part of it may have been written before that, and lost */
	struct device *device = p->error ? NULL : watch_it(p);
	maildir_close(&p->file);
	if (device && !p->answered) {
		box->repaired |= in->how & DELIVER_REPAIR;
		sync_placed(device, p);
		incoming_result(p, DELIVER_PLACED, VIEW_NONE);
	} else {
		/* a late one that worked was already deferred: it comes again, and is found */
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, place_why(p->error));
	}
	settle_check(d);
	incoming_check(in);
}

static void place_done(void *context)
{
	struct placing *p = context;
	place_back(p);
	place_after(p);
}

void place_ready(struct placing *p)
{
	p->ready = true;
	if (p->in_line)
		box_go_on(p->box);
}

void place_go(struct placing *p)
{
	struct incoming *in = p->message;
	if (p->answered)
		return;
	in->jobs++; /* hold it */
	if (p->box->late) {
		duplicate_release(p);
		incoming_result(p, DELIVER_DEFERRED, VIEW("the mailbox's disk does not answer"));
	} else if (in->is_large) {
		large_finish(p);
	} else {
		place_header(p);
		if (!place_submit(p, place_work, place_done)) {
			duplicate_release(p);
			incoming_result(p, DELIVER_DEFERRED, NO_PLACE);
		}
	}
	in->jobs--;
	incoming_check(in);
}
