#include "keepers/deliver/deliverd.h"

#define BOXES_MAX (1u << 20) /* names that spool may bring up */

/* --- what spool says ---------------------------------------------------------------------- */

static bool read_recipients(struct incoming *in, struct view packed)
{
	struct cursor c = cursor_of(packed);
	struct envelope_delivery delivery;
	while (envelope_delivery_next(&c, &delivery))
		if (!incoming_add(in, &delivery))
			return false;
	return cursor_done(&c) && in->first && in->deliverd->box_count <= BOXES_MAX;
}

static void begin(struct deliverd *d, const struct frame *frame)
{
	if (streams_count(&d->streams) >= STREAMS_MAX) {
		channel_break(d->spool, "more streams than there may be");
		return;
	}
	struct incoming *in = incoming_new(d, frame->stream);
	in->id.value = frame->values[0].number;
	in->birth = frame->values[1].number;
	in->size = frame->values[2].number;
	in->arrival_s = (int64_t)frame->values[3].number;
	in->how = (uint32_t)frame->values[4].number;
	in->is_large = in->size > WHOLE_MAX;
	must(streams_put(&d->streams, in->number, in) == ERROR_NONE);
	if (!read_recipients(in, frame->values[5].bytes) ||
		!arena_copy(&in->arena, frame->values[6].bytes, &in->reverse_path) ||
		(in->first->next && (in->is_large || in->how & DELIVER_AGAIN))) {
		channel_break(d->spool, "recipients that do not fit");
		return;
	}
	if (in->how & DELIVER_AGAIN)
		atomic_store(&in->first->box->broken, false);
	if (!in->is_large)
		return;
	place_header(in->first);
	channel_say(d->spool, DELIVER_CREDIT, in->number,
		frame_number(DELIVER_CREDIT_LARGE - DELIVER_CREDIT_FIRST));
}

/* The header section up to its end, then the body into the digest. */
static void look_at(struct incoming *in, struct view octets)
{
	if (!in->digest)
		return;
	if (in->scan.end == HEADER_END_NOT_YET)
		octets = view_from(octets, header_scan_feed(&in->scan, octets));
	if (in->scan.end != HEADER_END_NOT_YET)
		digest_add(in->digest, octets);
}

static void content(struct incoming *in, struct view octets)
{
	struct deliverd *d = in->deliverd;
	in->received += octets.length;
	buffer_add(&in->content, octets);
	if (buffer_failed(&in->content) || in->received > in->size) {
		channel_break(d->spool, "more octets than were granted or announced");
		return;
	}
	look_at(in, octets);
	if (in->is_large)
		large_more(in);
}

static void give_up(struct incoming *in)
{
	for (struct placing *p = in->first; p; p = p->next) {
		p->error = ERROR_CLOSED;
		incoming_result(p, DELIVER_DEFERRED, VIEW("it came incomplete from the spool"));
	}
}

static void whole(struct incoming *in)
{
	if (in->digest)
		digest_end(&in->digest, in->body);
	if (in->is_large) {
		large_more(in);
		return;
	}
	header_scan_finish(&in->scan);
	const bool known = duplicate_is_wanted(in);
	for (struct placing *p = in->first; p; p = p->next)
		if (p->answered)
			continue;
		else if (known)
			duplicate_claim(p);
		else
			place_ready(p);
}

static void end(struct incoming *in, bool is_whole)
{
	struct deliverd *d = in->deliverd;
	if (is_whole && in->received != in->size) {
		channel_break(d->spool, "a mail of another size than announced");
		return;
	}
	in->ended = true;
	in->jobs++; /* hold it while the recipients are walked */
	if (is_whole)
		whole(in);
	else
		give_up(in);
	in->jobs--;
	incoming_check(in);
}

static void expect(struct deliverd *d, struct view names)
{
	struct cursor c = cursor_of(names);
	d->expecting = true;
	while (cursor_left(&c)) {
		const struct view name = cursor_take(&c, cursor_u8(&c));
		if (name.length)
			box_get(d, name)->repairs++;
	}
	if (cursor_failed(&c) || d->box_count > BOXES_MAX)
		channel_break(d->spool, "names that do not fit");
}

static uint32_t state_of(void *context, uint32_t number)
{
	struct deliverd *d = context;
	if (number == 0)
		return DELIVER_STATE_ZERO;
	const struct incoming *in = streams_get(&d->streams, number);
	if (!in)
		return DELIVER_STATE_IDLE;
	return in->ended ? DELIVER_STATE_PLACING : DELIVER_STATE_SENDING;
}

static void said(void *context, const struct frame *frame)
{
	struct deliverd *d = context;
	struct incoming *in = frame->stream ? streams_get(&d->streams, frame->stream) : NULL;
	switch ((enum spool_deliver_code)frame->row->code) {
	case DELIVER_BEGIN:
		begin(d, frame);
		return;
	case DELIVER_CONTENT:
		must(in != NULL); /* the row's states allow no other */
		content(in, frame->values[0].bytes);
		return;
	case DELIVER_END:
		must(in != NULL);
		end(in, frame->values[0].number == 1);
		return;
	case DELIVER_EXPECT:
		expect(d, frame->values[0].bytes);
		return;
	case DELIVER_EXPECTED:
		d->expecting = false;
		settle_check(d);
		return;
	case DELIVER_MARKED:
		if (!settle_marked(d, frame->values[0].number))
			channel_break(d->spool, "marked what was not asked");
		return;
	case DELIVER_MARK:
	case DELIVER_CREDIT:
	case DELIVER_RESULT:
	case DELIVER_FINISHED:
	case DELIVER_DELIVERED:
	case DELIVER_LOST:
	case DELIVER_CODES:
		return;
	}
}

/* --- the channel -------------------------------------------------------------------------- */

static void orphan(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	incoming_orphan(item);
}

static void forget_troubles(struct deliverd *d)
{
	for (size_t i = 0; i < BOX_SLOTS; i++)
		for (struct box *b = d->boxes[i]; b; b = b->next) {
			b->repairs = 0;
			atomic_store(&b->broken, false);
		}
}

static void closed(void *context, const char *broken)
{
	struct deliverd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_SPOOL, 0, broken);
	channel_free(&d->spool);
	streams_each(&d->streams, orphan, d);
	/* a new spool tells anew what must be repaired; until then nobody reads */
	forget_troubles(d);
	sync_forget(d);
	d->expecting = true;
	d->asked = 0;
	d->round++; /* what it had not made durable is asked for anew */
}

static const struct channel_handler handler = {state_of, said, closed};

void spool_connect(struct deliverd *d, int fd)
{
	if (d->spool)
		closed(d, NULL);
	d->spool = channel_new(d->program->loop, &spool_deliver, FRAME_B, fd, &handler, d);
}
