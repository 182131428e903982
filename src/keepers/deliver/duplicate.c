#include "keepers/deliver/deliverd.h"

/*
 * F-15: the same mail (Message-ID and body) to one mailbox is delivered once. The row "seen:DIGEST"
 * at gate holds the spool id that came first and whether that one is delivered, durably:
 *
 *	no row            ours now: claimed, pending
 *	our own id        a repetition of our own delivery: never a duplicate
 *	another, durable  duplicate: dropped by the rule, in the log
 *	another, pending  under way here: parked until it is durable, or has failed and released its row.
 *	                  Not under way here: left behind by a crash; the row is taken over
 *
 * Without gate, and whenever something is unclear, the mail is delivered: twice is better than never.
 */

#define FACTS_OCTETS 9 /* u64 spool id, u8 state */
#define PARKED_MAX_MS 30000u /* monotonic */
enum { SEEN_PENDING = 1, SEEN_DELIVERED = 2 };

enum question_kind { QUESTION_CLAIM, QUESTION_TAKE_OVER, QUESTION_OTHER };

struct question {
	struct deliverd *deliverd;
	struct placing *placing; /* null: nobody waits for it */
	enum question_kind kind;
};

bool duplicate_is_wanted(const struct incoming *in)
{
	return in->deliverd->snapshot->numbers[SETTING_DUPLICATEWINDOW] > 0 &&
	       header_scan_message_id(&in->scan).length > 0;
}

/* --- rows --------------------------------------------------------------------------------- */

/* What is equal: mailbox, Message-ID, body. Trace fields differ and are left out. */
static void make_digest(struct placing *p)
{
	const struct incoming *in = p->message;
	struct digest *g = digest_new();
	const struct view id = header_scan_message_id(&in->scan);
	const uint8_t lengths[2] = {(uint8_t)p->box->name.length, (uint8_t)(id.length & 0xff)};
	digest_add(g, view_of(lengths, sizeof lengths));
	digest_add(g, p->box->name);
	digest_add(g, id);
	digest_add(g, view_of(in->body, sizeof in->body));
	digest_end(&g, p->digest);
}

static struct buffer key_of(struct view digest)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	buffer_add(&key, VIEW("seen:"));
	buffer_add(&key, digest);
	return key;
}

static struct buffer facts_of(uint64_t id, uint8_t state)
{
	struct buffer facts = buffer_new(FACTS_OCTETS);
	buffer_add_u64(&facts, id);
	buffer_add_octet(&facts, state);
	return facts;
}

static uint64_t lifetime_ms(const struct deliverd *d)
{
	return d->snapshot->numbers[SETTING_DUPLICATEWINDOW] * 1000;
}

/* --- asking ------------------------------------------------------------------------------- */

static uint32_t ask_gate(struct deliverd *d, struct placing *p, enum question_kind kind)
{
	const uint32_t number = ++d->last_question ? d->last_question : ++d->last_question;
	struct question *q = memory_new(1, sizeof *q);
	*q = (struct question){d, p, kind};
	if (!channel_is_open(d->gate) || streams_put(&d->questions, number, q) != ERROR_NONE) {
		memory_free(q);
		return 0;
	}
	if (p)
		p->question = number;
	return number;
}

static void go_on(struct placing *p)
{
	struct incoming *in = p->message;
	p->claims = false;
	p->parked = false;
	in->jobs++; /* hold it */
	place_ready(p);
	in->jobs--;
	incoming_check(in);
}

void duplicate_claim(struct placing *p)
{
	struct deliverd *d = p->message->deliverd;
	if (!p->parked && !p->claims)
		make_digest(p);
	const uint32_t number = ask_gate(d, p, QUESTION_CLAIM);
	if (!number) {
		go_on(p);
		return;
	}
	p->claims = true;
	struct buffer key = key_of(view_of(p->digest, sizeof p->digest));
	struct buffer facts = facts_of(p->message->id.value, SEEN_PENDING);
	channel_say(d->gate, GATE_CLAIM, number, frame_bytes(buffer_view(&key)),
		frame_bytes(buffer_view(&facts)), frame_number(lifetime_ms(d)));
	buffer_free(&facts);
	buffer_free(&key);
}

/* Writes a row where `before` stands; nobody waits unless `p` does. */
static bool change_row(struct deliverd *d, struct placing *p, struct view digest,
	struct view before, struct view after)
{
	const uint32_t number = ask_gate(d, p, p ? QUESTION_TAKE_OVER : QUESTION_OTHER);
	if (!number)
		return false;
	struct buffer key = key_of(digest);
	if (after.length)
		channel_say(d->gate, GATE_CHANGE, number, frame_bytes(buffer_view(&key)),
			frame_bytes(before), frame_bytes(after), frame_number(lifetime_ms(d)));
	else
		channel_say(d->gate, GATE_CLOSE, number, frame_bytes(buffer_view(&key)),
			frame_bytes(before));
	buffer_free(&key);
	return true;
}

void duplicate_release(struct placing *p)
{
	if (!p->claimed)
		return;
	p->claimed = false;
	struct buffer facts = facts_of(p->message->id.value, SEEN_PENDING);
	change_row(p->message->deliverd, NULL, view_of(p->digest, sizeof p->digest),
		buffer_view(&facts), VIEW_NONE);
	buffer_free(&facts);
}

void duplicate_delivered(struct deliverd *d, struct view keys)
{
	struct cursor c = cursor_of(keys);
	while (cursor_left(&c) >= DIGEST_OCTETS + 8) {
		const struct view digest = cursor_take(&c, DIGEST_OCTETS);
		const uint64_t id = cursor_u64(&c);
		struct buffer before = facts_of(id, SEEN_PENDING);
		struct buffer after = facts_of(id, SEEN_DELIVERED);
		change_row(d, NULL, digest, buffer_view(&before), buffer_view(&after));
		buffer_free(&before);
		buffer_free(&after);
	}
}

/* --- answers ------------------------------------------------------------------------------ */

static bool has_row(struct view keys, struct view digest, uint64_t id)
{
	struct cursor c = cursor_of(keys);
	while (cursor_left(&c) >= DIGEST_OCTETS + 8) {
		const bool same = view_equal(cursor_take(&c, DIGEST_OCTETS), digest);
		if (cursor_u64(&c) == id && same)
			return true;
	}
	return false;
}

/* Still being delivered here, or placed and not yet synced. */
static bool is_under_way(const struct deliverd *d, uint64_t id, struct view digest)
{
	for (const struct incoming *in = d->newest; in; in = in->older)
		if (in->id.value == id && in->number)
			return true;
	for (uint32_t i = 0; i < d->device_count; i++)
		if (has_row(buffer_view(&d->devices[i].keys), digest, id) ||
			has_row(buffer_view(&d->devices[i].syncing_keys), digest, id))
			return true;
	return false;
}

static void park(struct placing *p)
{
	if (!p->parked)
		p->parked_ms = loop_now_ms(p->message->deliverd->program->loop);
	p->parked = true;
	p->claims = false;
	box_go_on(p->box);
}

static void drop(struct placing *p, uint64_t first)
{
	struct incoming *in = p->message;
	struct buffer text = buffer_new(160);
	text_add(&text, "rule=duplicate first={}", text_hex(first));
	p->claims = false;
	p->parked = false;
	struct box *box = p->box;
	incoming_result(p, DELIVER_DUPLICATE, buffer_view(&text));
	buffer_free(&text);
	incoming_check(in);
	box_go_on(box);
}

static void on_row(struct placing *p, struct view facts)
{
	struct deliverd *d = p->message->deliverd;
	struct cursor c = cursor_of(facts);
	const uint64_t id = cursor_u64(&c);
	const uint8_t state = cursor_u8(&c);
	const struct view digest = view_of(p->digest, sizeof p->digest);
	if (!cursor_done(&c)) {
		go_on(p);
	} else if (id == p->message->id.value) {
		p->claimed = state == SEEN_PENDING;
		go_on(p);
	} else if (state == SEEN_DELIVERED) {
		drop(p, id);
	} else if (is_under_way(d, id, digest)) {
		park(p);
	} else {
		struct buffer ours = facts_of(p->message->id.value, SEEN_PENDING);
		if (!change_row(d, p, digest, facts, buffer_view(&ours)))
			go_on(p);
		buffer_free(&ours);
	}
}

static void answered(struct question *q, const struct frame *frame)
{
	struct placing *p = q->placing;
	const enum question_kind kind = q->kind;
	memory_free(q);
	if (!p)
		return;
	p->question = 0;
	if (p->message->number == 0 || p->answered) {
		p->claims = false;
		incoming_check(p->message);
		return;
	}
	if (frame && frame->row->code == GATE_ROW && kind == QUESTION_CLAIM) {
		on_row(p, frame->values[0].bytes);
		return;
	}
	if (frame && frame->row->code == GATE_NONE && kind == QUESTION_TAKE_OVER) {
		duplicate_claim(p); /* it is not as it was: delivered meanwhile, or released */
		return;
	}
	p->claimed = frame && frame->row->code == GATE_ROW;
	go_on(p);
}

static uint32_t state_of(void *context, uint32_t stream)
{
	struct deliverd *d = context;
	return streams_get(&d->questions, stream) ? GATE_STATE_ASKED : GATE_STATE_IDLE;
}

static void said(void *context, const struct frame *frame)
{
	struct deliverd *d = context;
	answered(streams_take(&d->questions, frame->stream), frame);
}

static void fail_one(void *context, uint32_t number, void *item)
{
	struct deliverd *d = context;
	streams_take(&d->questions, number);
	answered(item, NULL);
}

static void closed(void *context, const char *broken)
{
	struct deliverd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_GATE, 0, broken);
	channel_free(&d->gate);
	streams_each(&d->questions, fail_one, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void duplicate_connect(struct deliverd *d, int fd)
{
	if (d->gate)
		closed(d, NULL);
	d->gate = channel_new(d->program->loop, &any_gate, FRAME_A, fd, &handler, d);
}

/* --- those that wait ---------------------------------------------------------------------- */

void duplicate_sweep(struct deliverd *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct incoming *newer;
	for (struct incoming *in = d->oldest; in; in = newer) {
		newer = in->newer;
		in->jobs++; /* hold it */
		for (struct placing *p = in->first; p && in->number; p = p->next) {
			if (!p->parked || p->question || p->answered)
				continue;
			if (now_ms - p->parked_ms > PARKED_MAX_MS)
				go_on(p);
			else
				duplicate_claim(p);
		}
		in->jobs--;
		incoming_check(in);
	}
}

bool duplicate_holds(const struct incoming *in)
{
	for (const struct placing *p = in->first; p; p = p->next)
		if (p->question)
			return true;
	return false;
}

void duplicate_forget(struct incoming *in)
{
	for (struct placing *p = in->first; p; p = p->next)
		p->parked = false;
}

void duplicate_end(struct deliverd *d)
{
	channel_free(&d->gate);
	streams_each(&d->questions, fail_one, d);
}
