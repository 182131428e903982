#include "keepers/mailbox/mailboxd.h"

#include <errno.h>
#include <unistd.h>

static void over(struct visit *v, enum popd_mailbox_code code)
{
	struct grant *g = v->grant;
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	buffer_free(&v->chunk);
	visit_enter(v, VISIT_READY);
	g->state = MAILBOX_STATE_READY;
	channel_say(g->popd->channel, code, g->number);
}

/* --- the job ------------------------------------------------------------------------------ */

static enum error open_message(struct visit *v)
{
	const enum error error = maildir_list_open(&v->place, &v->list, v->row, &v->fd);
	v->offset = 0;
	v->size_octets = v->row->octets;
	return error;
}

/* Exactly `wanted` octets, or the file was cut meanwhile. */
static enum error read_chunk(struct visit *v)
{
	while (v->chunk.length < v->wanted) {
		const size_t left = v->wanted - v->chunk.length;
		uint8_t *room = buffer_room(&v->chunk, left);
		if (!room)
			return ERROR_MEMORY;
		const ssize_t n = pread(v->fd, room, left, (off_t)(v->offset + v->chunk.length));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_of_errno(errno);
		if (n == 0)
			return ERROR_CORRUPT;
		buffer_grown(&v->chunk, (size_t)n);
	}
	return ERROR_NONE;
}

static void read_job(void *context)
{
	struct visit *v = context;
	v->error = v->fd < 0 ? open_message(v) : ERROR_NONE;
	if (v->error)
		return;
	const uint64_t left = v->size_octets - v->offset;
	if (v->wanted > left)
		v->wanted = left;
	v->error = read_chunk(v);
}

/* ------------------------------------------------------------------------------------------ */

static void go_on(struct visit *v);

static void log_gone(const struct visit *v)
{
	if (v->error == ERROR_MISSING)
		return; /* somebody else removed it: an everyday thing */
	log_warning("a message cannot be read", fact_view("mailbox", v->place.mailbox),
		fact_view("name", maildir_list_name(&v->list, v->row)), fact_error(v->error));
}

static void say_chunk(struct visit *v)
{
	struct view rest = buffer_view(&v->chunk);
	v->offset += rest.length;
	v->credit -= rest.length;
	while (rest.length) {
		const struct view part = view_first(rest, MAILBOX_CHUNK_MAX);
		channel_say(v->grant->popd->channel, MAILBOX_CONTENT, v->grant->number,
			frame_bytes(part));
		rest = view_from(rest, part.length);
	}
	buffer_clear(&v->chunk);
}

static void chunk_read(void *context)
{
	struct visit *v = context;
	struct mailboxd *d = v->mailboxd;
	if (!visit_job_over(v))
		return;
	if (v->error) {
		d->counts.gone++;
		log_gone(v);
		over(v, MAILBOX_GONE);
		return;
	}
	if (v->stopping) {
		over(v, MAILBOX_END);
		return;
	}
	say_chunk(v);
	if (v->offset < v->size_octets) {
		go_on(v);
		return;
	}
	d->counts.fetched++;
	over(v, MAILBOX_END);
}

/* The next piece, when there is credit for a whole chunk or for the rest. */
static void go_on(struct visit *v)
{
	const uint64_t left = v->size_octets - v->offset;
	if (v->job || (v->credit < MAILBOX_CHUNK_MAX && v->credit < left))
		return;
	/* the job may not look at `credit`, which grows meanwhile */
	v->wanted = v->credit < MAILBOX_CREDIT_FIRST ? v->credit : MAILBOX_CREDIT_FIRST;
	if (!disk_work_submit(v, read_job, chunk_read)) {
		v->error = ERROR_LIMIT;
		log_gone(v);
		over(v, MAILBOX_GONE);
	}
}

void content_begin(struct visit *v, uint32_t number)
{
	visit_enter(v, VISIT_FETCHING);
	v->grant->state = MAILBOX_STATE_FETCHING;
	v->stopping = false;
	v->credit = MAILBOX_CREDIT_FIRST;
	v->offset = 0;
	v->size_octets = 0; /* the job finds out */
	if (number == 0 || number > v->list.count ||
		v->list.rows[number - 1].flags & MAILDIR_ROW_GONE) {
		over(v, MAILBOX_GONE);
		return;
	}
	v->row = &v->list.rows[number - 1];
	go_on(v);
}

void content_credit(struct visit *v, uint64_t octets)
{
	if (v->phase != VISIT_FETCHING)
		return;
	/* never more than at the beginning: what popd gives back it has had; and a credit that crossed
	 * the end of the message before is no gift */
	v->credit += octets;
	if (v->credit > MAILBOX_CREDIT_FIRST)
		v->credit = MAILBOX_CREDIT_FIRST;
	go_on(v);
}

void content_stop(struct visit *v)
{
	if (v->phase != VISIT_FETCHING)
		return; /* its END is on the way */
	v->grant->state = MAILBOX_STATE_STOPPING;
	v->stopping = true;
	if (!v->job)
		over(v, MAILBOX_END);
}
