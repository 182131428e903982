#include "keepers/deliver/deliverd.h"

#define ARENA_MAX (8u << 20)
#define HEADER_MAX (1u << 20)

/* --- life of a message -------------------------------------------------------------------- */

static void link_message(struct incoming *in)
{
	struct deliverd *d = in->deliverd;
	in->older = d->newest;
	*(d->newest ? &d->newest->newer : &d->oldest) = in;
	d->newest = in;
}

static void free_message(struct incoming *in)
{
	struct deliverd *d = in->deliverd;
	*(in->newer ? &in->newer->older : &d->newest) = in->older;
	*(in->older ? &in->older->newer : &d->oldest) = in->newer;
	for (struct placing *p = in->first; p; p = p->next) {
		if (p->file.fd >= 0 && in->is_large && !p->running) {
			const struct maildir_place place = deliver_place_of(d, p->box);
			maildir_abandon(&place, &p->file);
		}
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
	if (in->number && in->unanswered == 0) {
		channel_say(d->spool, DELIVER_FINISHED, in->number);
		streams_take(&d->streams, in->number);
		in->number = 0;
	}
	if (!in->number && in->jobs == 0 && !duplicate_holds(in))
		free_message(in);
}

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

/* The text begins with the mailbox's name and a NUL, by which spool finds its queue. */
void incoming_result(struct placing *p, enum deliver_outcome outcome, struct view text)
{
	struct incoming *in = p->message;
	struct deliverd *d = in->deliverd;
	if (p->answered)
		return;
	p->answered = true;
	in->unanswered--;
	struct buffer b = buffer_new(256);
	buffer_add(&b, p->box->name);
	buffer_add_octet(&b, 0);
	buffer_add(&b, view_first(text, 160));
	if (in->number)
		channel_say(d->spool, DELIVER_RESULT, in->number, frame_number(p->recipient),
			frame_number((uint64_t)outcome), frame_bytes(buffer_view(&b)));
	buffer_free(&b);
	d->delivered += outcome == DELIVER_PLACED;
	d->duplicates += outcome == DELIVER_DUPLICATE;
	d->deferred += outcome == DELIVER_DEFERRED;
	log_info(outcome_word(outcome), fact_hex("id", in->id.value),
		fact_view("mailbox", p->box->name), fact_view("for", p->forward_path),
		fact_view("reverse_path", in->reverse_path),
		fact_view(text.length ? "why" : "by", text.length ? text : VIEW("maildir")));
	if (in->repeat && p->box->repairs && outcome != DELIVER_DEFERRED) {
		p->box->repairs--;
		settle_check(d);
	}
}

/* --- what spool says ---------------------------------------------------------------------- */

static bool add_placing(struct incoming *in, const struct envelope_delivery *delivery)
{
	struct deliverd *d = in->deliverd;
	struct placing *p = arena_get(&in->arena, sizeof *p);
	if (!p || !arena_copy(&in->arena, delivery->forward_path, &p->forward_path))
		return false;
	p->message = in;
	p->box = box_get(d, delivery->mailbox);
	p->recipient = delivery->index;
	p->file.fd = -1;
	p->header = buffer_new(HEADER_MAX);
	struct placing **at = &in->first;
	while (*at)
		at = &(*at)->next;
	*at = p;
	in->unanswered++;
	return true;
}

static bool read_recipients(struct incoming *in, struct view packed)
{
	struct cursor c = cursor_of(packed);
	struct envelope_delivery delivery;
	while (envelope_delivery_next(&c, &delivery))
		if (!add_placing(in, &delivery))
			return false;
	return cursor_done(&c) && in->first;
}

static void begin(struct deliverd *d, const struct frame *frame)
{
	struct incoming *in = memory_new(1, sizeof *in);
	*in = (struct incoming){.deliverd = d,
		.number = frame->stream,
		.id = {frame->values[0].number},
		.birth = frame->values[1].number,
		.size = frame->values[2].number,
		.arrival_s = (int64_t)frame->values[3].number,
		.repeat = frame->values[4].number & DELIVER_REPEAT,
		.arena = arena_new(ARENA_MAX),
		.content = buffer_new(2 * WHOLE_MAX),
		.chunk = buffer_new(2 * WHOLE_MAX)};
	in->is_large = in->size > WHOLE_MAX;
	link_message(in);
	must(streams_put(&d->streams, in->number, in) == ERROR_NONE);
	header_scan_start(&in->scan, HEADER_MAX);
	if (!read_recipients(in, frame->values[5].bytes) ||
		!arena_copy(&in->arena, frame->values[6].bytes, &in->reverse_path) ||
		(in->is_large && in->first->next)) {
		program_peer_broken(d->program, PROGRAM_SPOOL, "recipients that do not fit");
		log_flush();
		must(!"spool speaks nonsense");
	}
	if (d->snapshot->numbers[SETTING_DUPLICATEWINDOW] > 0)
		in->digest = digest_new();
	if (in->is_large)
		large_begin(in->first);
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
	in->received += octets.length;
	look_at(in, octets);
	buffer_add(&in->content, octets);
	must(!buffer_failed(&in->content)); /* within the credit we gave */
	if (in->is_large)
		large_more(in);
}

static void end(struct incoming *in)
{
	in->ended = true;
	if (in->received != in->size) {
		log_error("a mail came from spool with another size", fact_hex("id", in->id.value));
		for (struct placing *p = in->first; p; p = p->next)
			incoming_result(
				p, DELIVER_DEFERRED, VIEW("it came incomplete from the spool"));
		incoming_check(in);
		return;
	}
	if (in->digest)
		digest_end(&in->digest, in->body);
	if (in->is_large) {
		large_more(in);
		return;
	}
	header_scan_finish(&in->scan);
	const bool known = duplicate_is_wanted(in);
	in->jobs++; /* hold it while the recipients are walked */
	for (struct placing *p = in->first; p; p = p->next)
		if (known)
			duplicate_claim(p);
		else
			place_submit(p);
	in->jobs--;
	incoming_check(in);
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

static void expect(struct deliverd *d, struct view names)
{
	struct cursor c = cursor_of(names);
	d->expecting = true;
	while (cursor_left(&c)) {
		const struct view name = cursor_take(&c, cursor_u8(&c));
		if (name.length)
			box_get(d, name)->repairs++;
	}
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
		end(in);
		return;
	case DELIVER_EXPECT:
		expect(d, frame->values[0].bytes);
		return;
	case DELIVER_EXPECTED:
		d->expecting = false;
		settle_check(d);
		return;
	case DELIVER_MARKED:
		settle_marked(d, frame->values[0].number);
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
	struct deliverd *d = context;
	struct incoming *in = item;
	streams_take(&d->streams, number);
	in->number = 0;
	duplicate_forget(in);
	incoming_check(in);
}

static void forget_repairs(struct deliverd *d)
{
	for (size_t i = 0; i < sizeof d->boxes / sizeof *d->boxes; i++)
		for (struct box *b = d->boxes[i]; b; b = b->next)
			b->repairs = 0;
}

static void closed(void *context, const char *broken)
{
	struct deliverd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_SPOOL, broken);
	channel_free(&d->spool);
	streams_each(&d->streams, orphan, d);
	/* a new spool tells anew what must be repaired; until then nobody reads */
	forget_repairs(d);
	d->expecting = true;
	d->asked = 0;
	d->round++; /* what it had not made durable is asked for anew */
}

static const struct channel_handler handler = {state_of, said, closed};

void incoming_connect(struct deliverd *d, int fd)
{
	if (d->spool)
		closed(d, NULL);
	d->spool = channel_new(d->program->loop, &spool_deliver, FRAME_B, fd, &handler, d);
}

/* --- what does not come back -------------------------------------------------------------- */

/* A job that hangs is answered for, and so is all that waits behind it. */
void incoming_sweep(struct deliverd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct incoming *newer;
	for (struct incoming *in = d->oldest; in; in = newer) {
		newer = in->newer;
		if (!in->number)
			continue;
		for (struct placing *p = in->first; p; p = p->next)
			if (p->running && !p->answered && now_ms - p->began_ms > HUNG_MS) {
				p->box->late++;
				atomic_store(&p->box->broken, true);
				incoming_result(p, DELIVER_DEFERRED,
					VIEW("the mailbox's disk does not answer"));
			}
		incoming_check(in);
	}
}

bool incoming_is_quiet(const struct deliverd *d)
{
	return d->oldest == NULL;
}
