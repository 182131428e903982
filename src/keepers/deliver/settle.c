#include "keepers/deliver/deliverd.h"

/* One that spool has never named has nothing to be waited for: what mailbox asks for makes none. */
static bool is_repaired(const struct deliverd *d, const struct box *box)
{
	return !d->expecting && (!box || !box->repairs);
}

static bool is_synced(const struct deliverd *d, const struct box *box)
{
	if (!box || !box->device || !box->unsynced_turn)
		return true;
	const struct device *device = &d->devices[box->device - 1];
	/* turn n covers what was placed while turn was n; n syncs done means turn n has ended */
	return device->done >= box->unsynced_turn;
}

/* Its files are synced; spool must know it for good as well, or after a power cut it would have what
 * was unlinked written again. What an earlier deliver, or a spool that died, had said is not known to
 * be durable: so the first time it is asked for in any case. */
static bool is_recorded(struct deliverd *d, struct settler *s)
{
	if (!s->round)
		s->round = d->round;
	if (d->recorded >= s->round)
		return true;
	if (!d->asked && channel_is_open(d->spool)) {
		d->asked = d->round;
		channel_say(d->spool, DELIVER_MARK, 0, frame_number(d->asked));
	}
	return false;
}

static bool is_settled(struct deliverd *d, struct settler *s)
{
	struct box *box = box_find(d, s->mailbox);
	if (!is_repaired(d, box))
		return false;
	if (is_synced(d, box)) {
		if (box)
			box->repaired = false;
		return !s->sync || is_recorded(d, s);
	}
	/* what was repaired is read only when a second power cut cannot tear it again */
	if (!s->sync && !box->repaired)
		return true;
	s->round = 0; /* what is synced now must be recorded, too */
	sync_now(&d->devices[box->device - 1]);
	return false;
}

/* Takes it out of the list. */
static void answer(struct deliverd *d, struct settler **at, enum error error)
{
	struct settler *s = *at;
	*at = s->next;
	streams_take(&d->settling, s->stream);
	if (channel_is_open(d->mailbox))
		channel_say(d->mailbox, SETTLE_DONE, s->stream, frame_number((uint64_t)error));
	memory_free(s);
}

void settle_check(struct deliverd *d)
{
	struct settler **at = &d->settlers;
	while (*at)
		if (is_settled(d, *at))
			answer(d, at, ERROR_NONE);
		else
			at = &(*at)->next;
}

static bool waits_for(
	const struct deliverd *d, const struct settler *s, const struct device *device)
{
	const struct box *box = box_find(d, s->mailbox);
	return box && (s->sync || box->repaired) && box->device &&
	       &d->devices[box->device - 1] == device;
}

void settle_fail(struct deliverd *d, const struct device *device)
{
	struct settler **at = &d->settlers;
	while (*at)
		if (waits_for(d, *at, device))
			answer(d, at, device->error);
		else
			at = &(*at)->next;
}

bool settle_marked(struct deliverd *d, uint64_t round)
{
	if (!d->asked || round != d->asked)
		return false;
	d->asked = 0;
	d->recorded = round;
	settle_check(d);
	return true;
}

static uint32_t state_of(void *context, uint32_t stream)
{
	struct deliverd *d = context;
	return streams_get(&d->settling, stream) ? SETTLE_STATE_ASKED : SETTLE_STATE_IDLE;
}

static void said(void *context, const struct frame *frame)
{
	struct deliverd *d = context;
	const struct view mailbox = frame->values[0].bytes;
	struct settler *s = memory_new(1, sizeof *s + mailbox.length);
	must(view_copy(mailbox, s + 1, mailbox.length));
	*s = (struct settler){.next = d->settlers,
		.stream = frame->stream,
		.mailbox = view_of(s + 1, mailbox.length),
		.sync = frame->values[1].number == 1};
	if (streams_put(&d->settling, s->stream, s) != ERROR_NONE) {
		memory_free(s);
		channel_break(d->mailbox, "more questions than there may be");
		return;
	}
	d->settlers = s;
	settle_check(d);
}

void settle_end(struct deliverd *d)
{
	channel_free(&d->mailbox);
	while (d->settlers) {
		struct settler *next = d->settlers->next;
		streams_take(&d->settling, d->settlers->stream);
		memory_free(d->settlers);
		d->settlers = next;
	}
}

static void closed(void *context, const char *broken)
{
	struct deliverd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_MAILBOX, 0, broken);
	settle_end(d);
}

static const struct channel_handler handler = {state_of, said, closed};

void settle_connect(struct deliverd *d, int fd)
{
	if (d->mailbox)
		closed(d, NULL);
	d->mailbox = channel_new(d->program->loop, &mailbox_deliver, FRAME_B, fd, &handler, d);
}
