#include "keepers/spool/spoold.h"

#include "base/clock.h"
#include "base/random.h"

#define ROOM_FIRST 4u
#define FIRST_DELAY_MS 1000u
#define LAST_DELAY_MS 600000u /* ten minutes: a mailbox is ours, its trouble is usually short */

static uint64_t key_of(struct view mailbox)
{
	return view_hash(mailbox) | 1u << 16; /* never one of disk_work.c's own */
}

struct lane *lane_find(const struct spoold *d, struct view mailbox)
{
	const uint64_t key = key_of(mailbox);
	struct lane *lane = d->lanes[key % LANE_SLOTS];
	while (lane && !(lane->key == key && view_equal(lane->mailbox, mailbox)))
		lane = lane->chain;
	return lane;
}

struct lane *lane_get(struct spoold *d, struct view mailbox)
{
	struct lane *lane = lane_find(d, mailbox);
	if (lane)
		return lane;
	lane = memory_new(1, sizeof *lane + mailbox.length);
	must(view_copy(mailbox, lane + 1, mailbox.length));
	lane->spoold = d;
	lane->mailbox = view_of(lane + 1, mailbox.length);
	lane->key = key_of(mailbox);
	struct lane **slot = &d->lanes[lane->key % LANE_SLOTS];
	lane->chain = *slot;
	*slot = lane;
	d->lane_count++;
	return lane;
}

/* --- the ring of those that may send ------------------------------------------------------ */

static bool may_send(const struct lane *lane)
{
	if (!lane->count)
		return false;
	if (!lane->in_trouble)
		return lane->out < LANE_OUT_MAX;
	return lane->out == 0 && lane->due_ms <= loop_now_ms(lane->spoold->program->loop);
}

static void leave_ring(struct lane *lane)
{
	struct spoold *d = lane->spoold;
	if (!lane->next)
		return;
	if (d->sending == lane)
		d->sending = lane->next == lane ? NULL : lane->next;
	lane->next->before = lane->before;
	lane->before->next = lane->next;
	lane->next = lane->before = NULL;
}

/* At the end, which is before the first. */
static void join_ring(struct lane *lane)
{
	struct spoold *d = lane->spoold;
	if (lane->next)
		return;
	struct lane *first = d->sending ? d->sending : lane;
	lane->next = first;
	lane->before = d->sending ? first->before : lane;
	first->before->next = lane;
	first->before = lane;
	if (!d->sending) {
		d->sending = lane;
		lane->next = lane->before = lane;
	}
}

static void settle(struct lane *lane)
{
	if (may_send(lane))
		join_ring(lane);
	else
		leave_ring(lane);
}

/* --- mail --------------------------------------------------------------------------------- */

static struct lane_mail *at(const struct lane *lane, uint32_t i)
{
	return &lane->mail[(lane->first + i) & (lane->room - 1)];
}

static void grow(struct lane *lane)
{
	const uint32_t room = lane->room ? lane->room * 2 : ROOM_FIRST;
	struct lane_mail *mail = memory_new(room, sizeof *mail);
	for (uint32_t i = 0; i < lane->count; i++)
		mail[i] = *at(lane, i);
	memory_free(lane->mail);
	lane->mail = mail;
	lane->first = 0;
	lane->room = room;
}

static bool is_before(const struct lane_mail *a, struct spool_id id, uint32_t recipient)
{
	return a->id.value != id.value ? a->id.value < id.value : a->recipient < recipient;
}

/* How many stand before it: mail keeps the order of its arrival in a mailbox. */
static uint32_t place_of(const struct lane *lane, struct spool_id id, uint32_t recipient)
{
	uint32_t low = 0;
	uint32_t high = lane->count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (is_before(at(lane, middle), id, recipient))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What comes back stands near the front, what is new at the end: the shorter side moves. */
void lane_add(struct lane *lane, struct spool_id id, uint32_t recipient)
{
	if (lane->count == lane->room)
		grow(lane);
	const uint32_t place = place_of(lane, id, recipient);
	if (place < lane->count && at(lane, place)->id.value == id.value &&
		at(lane, place)->recipient == recipient)
		return;
	lane->count++;
	if (place < lane->count / 2) {
		lane->first = (lane->first - 1) & (lane->room - 1);
		for (uint32_t i = 0; i < place; i++)
			*at(lane, i) = *at(lane, i + 1);
	} else {
		for (uint32_t i = lane->count - 1; i > place; i--)
			*at(lane, i) = *at(lane, i - 1);
	}
	*at(lane, place) = (struct lane_mail){id, recipient};
	lane->spoold->waiting++;
	settle(lane);
}

struct lane_mail lane_take(struct lane *lane)
{
	must(lane->count > 0);
	const struct lane_mail mail = *at(lane, 0);
	lane->first = (lane->first + 1) & (lane->room - 1);
	lane->count--;
	lane->spoold->waiting--;
	settle(lane);
	return mail;
}

bool lane_is_free(const struct lane *lane)
{
	return !lane->in_trouble && !lane->count && !lane->unbegun && lane->out < LANE_OUT_MAX;
}

static void free_lane(struct lane *lane)
{
	struct spoold *d = lane->spoold;
	leave_ring(lane);
	d->waiting -= lane->count;
	struct lane **link = &d->lanes[lane->key % LANE_SLOTS];
	while (*link != lane)
		link = &(*link)->chain;
	*link = lane->chain;
	d->lane_count--;
	memory_free(lane->mail);
	memory_free(lane);
}

bool lane_send(struct lane *lane)
{
	lane->out++;
	lane->spoold->probes += lane->in_trouble;
	settle(lane);
	return lane->in_trouble;
}

void lane_sent(struct lane *lane, bool was_probe)
{
	lane->out--;
	lane->spoold->probes -= was_probe;
	if (!lane->count && !lane->out) /* its trouble is forgotten: nobody waits */
		free_lane(lane);
	else
		settle(lane);
}

/* --- trouble ------------------------------------------------------------------------------ */

/* Several may fail together: they count once. */
int64_t lane_failed(struct lane *lane, struct view reason)
{
	const uint64_t now_ms = loop_now_ms(lane->spoold->program->loop);
	if (!lane->in_trouble || lane->due_ms <= now_ms) {
		const uint32_t shift = lane->attempts < 12 ? lane->attempts : 12;
		uint64_t delay_ms = (uint64_t)FIRST_DELAY_MS << shift;
		if (delay_ms > LAST_DELAY_MS)
			delay_ms = LAST_DELAY_MS;
		lane->attempts++;
		lane->due_ms = now_ms + delay_ms - random_below(delay_ms / 4);
	}
	lane->in_trouble = true;
	lane->reason_length = (uint8_t)view_first(reason, DELIVER_TEXT_MAX).length;
	must(view_copy(view_first(reason, DELIVER_TEXT_MAX), lane->reason, sizeof lane->reason));
	settle(lane);
	return clock_wall_s() + (int64_t)((lane->due_ms - now_ms + 999) / 1000);
}

void lane_worked(struct lane *lane)
{
	lane->in_trouble = false;
	lane->attempts = 0;
	settle(lane);
}

void lanes_tick(struct spoold *d)
{
	for (size_t i = 0; d->lane_count && i < LANE_SLOTS; i++)
		for (struct lane *lane = d->lanes[i]; lane; lane = lane->chain)
			if (lane->in_trouble)
				settle(lane);
	lanes_pump(d);
}

void lanes_hurry(struct spoold *d)
{
	for (size_t i = 0; i < LANE_SLOTS; i++)
		for (struct lane *lane = d->lanes[i]; lane; lane = lane->chain)
			lane->due_ms = 0;
	lanes_tick(d);
}

void lanes_hurry_one(struct spoold *d, struct view mailbox)
{
	struct lane *lane = lane_find(d, mailbox);
	if (!lane)
		return;
	lane->due_ms = 0;
	settle(lane);
}

/* --- sending ------------------------------------------------------------------------------ */

/* One of each, in turn: nobody waits for another's thousands. Tries of those in trouble never take
 * all streams, so disks that hang leave room for the others. Not before scan is done: what it finds
 * is older than what has come meanwhile. */
void lanes_pump(struct spoold *d)
{
	uint32_t skipped = 0;
	while (scan_is_done(d) && d->sending && skipped < d->lane_count && outgoing_has_room(d)) {
		struct lane *lane = d->sending;
		d->sending = lane->next;
		if (lane->in_trouble && d->probes >= PROBES_MAX) {
			skipped++;
			continue;
		}
		outgoing_from_lane(lane);
	}
}

void lanes_each(struct spoold *d,
	void (*each)(struct spoold *d, struct view mailbox, struct lane_mail mail))
{
	for (size_t i = 0; i < LANE_SLOTS; i++)
		for (struct lane *lane = d->lanes[i]; lane; lane = lane->chain)
			for (uint32_t k = 0; k < lane->count; k++)
				each(d, lane->mailbox, *at(lane, k));
}

void lanes_end(struct spoold *d)
{
	for (size_t i = 0; i < LANE_SLOTS; i++)
		while (d->lanes[i])
			free_lane(d->lanes[i]);
}
