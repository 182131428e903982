#include "keepers/deliver/deliverd.h"

#define SETTLERS_MAX 65536u

static bool is_synced(const struct deliverd *d, const struct box *box)
{
	if (!box->device || !box->unsynced_turn)
		return true;
	const struct device *device = &d->devices[box->device - 1];
	/* turn n covers what was placed while turn was n; n syncs done means turn n has ended */
	return device->done >= box->unsynced_turn;
}

static bool is_settled(struct deliverd *d, const struct settler *s)
{
	if (d->expecting || s->box->repairs)
		return false;
	if (!s->sync || is_synced(d, s->box))
		return true;
	sync_now(&d->devices[s->box->device - 1]);
	return false;
}

void settle_check(struct deliverd *d)
{
	struct settler **at = &d->settlers;
	while (*at) {
		struct settler *s = *at;
		if (!is_settled(d, s)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		streams_take(&d->settling, s->stream);
		if (channel_is_open(d->mailbox))
			channel_say(d->mailbox, SETTLE_DONE, s->stream, frame_number(ERROR_NONE));
		memory_free(s);
	}
}

static uint32_t state_of(void *context, uint32_t stream)
{
	struct deliverd *d = context;
	return streams_get(&d->settling, stream) ? SETTLE_STATE_ASKED : SETTLE_STATE_IDLE;
}

static void said(void *context, const struct frame *frame)
{
	struct deliverd *d = context;
	struct settler *s = memory_new(1, sizeof *s);
	*s = (struct settler){.next = d->settlers,
		.stream = frame->stream,
		.box = box_get(d, frame->values[0].bytes),
		.sync = frame->values[1].number == 1};
	if (streams_put(&d->settling, s->stream, s) != ERROR_NONE) {
		memory_free(s);
		return;
	}
	d->settlers = s;
	settle_check(d);
}

static void closed(void *context, const char *broken)
{
	struct deliverd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_MAILBOX, broken);
	channel_free(&d->mailbox);
	while (d->settlers) {
		struct settler *next = d->settlers->next;
		streams_take(&d->settling, d->settlers->stream);
		memory_free(d->settlers);
		d->settlers = next;
	}
}

static const struct channel_handler handler = {state_of, said, closed};

void settle_connect(struct deliverd *d, int fd)
{
	if (d->mailbox)
		closed(d, NULL);
	else
		d->settling = streams_new(SETTLERS_MAX);
	d->mailbox = channel_new(d->program->loop, &mailbox_deliver, FRAME_B, fd, &handler, d);
}
