#include "store/schedule.h"

#include "store/schedule_heap.h"

#define SLOTS_FIRST 256u
#define ROOM_FIRST 4u
#define WAKE UINT32_MAX /* the recipient number of an entry that stands for its destination */

const struct schedule_limits schedule_limits_default = {
	.first_s = 120, .last_s = 3600, .window_first = 5, .window_max = 20, .unproven_max = 1024};

struct ready {
	struct spool_id id;
	uint32_t recipient;
};

struct schedule_destination {
	struct schedule_destination *chain; /* of the hash */
	struct schedule_destination *next; /* of the ring of those that may send, or null */
	struct schedule_destination *before;
	struct view name;
	uint64_t hash;
	struct ready *ready; /* a ring */
	uint32_t first;
	uint32_t count;
	uint32_t room; /* a power of two, or 0 */
	uint32_t waiting; /* entries in the heap */
	uint32_t active;
	uint32_t window;
	uint32_t failures;
	uint32_t down_until_s; /* 0: it is not */
	bool is_proven;
	uint8_t reason_length;
	uint8_t reason[SCHEDULE_REASON_MAX];
};

struct schedule {
	struct schedule_limits limits;
	uint64_t random;
	struct schedule_destination **slots;
	uint32_t slot_count; /* a power of two */
	uint32_t destinations;
	uint32_t down;
	uint32_t unproven; /* works out with destinations that are not proven */
	uint64_t count;
	struct schedule_destination *sending; /* ring of those that may send */
	struct schedule_heap heap;
};

struct schedule *schedule_new(const struct schedule_limits *limits, uint64_t random)
{
	struct schedule *s = memory_new(1, sizeof *s);
	s->limits = *limits;
	s->random = random;
	s->slots = memory_new(SLOTS_FIRST, sizeof(struct schedule_destination *));
	s->slot_count = SLOTS_FIRST;
	return s;
}

void schedule_set_limits(struct schedule *s, const struct schedule_limits *limits)
{
	s->limits = *limits;
}

/* splitmix64: jitter needs no secret. */
static uint32_t random_upto(struct schedule *s, uint32_t n)
{
	uint64_t x = s->random += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return n ? (uint32_t)((x ^ x >> 31) % n) : 0;
}

uint32_t schedule_delay_s(struct schedule *s, uint32_t attempts)
{
	uint32_t delay_s = s->limits.first_s;
	for (uint32_t i = 1; i < attempts && delay_s < s->limits.last_s; i++)
		delay_s *= 2;
	if (delay_s > s->limits.last_s)
		delay_s = s->limits.last_s;
	return delay_s - random_upto(s, delay_s / 4);
}

/* --- destinations --------------------------------------------------------------------------- */

static struct schedule_destination *find(const struct schedule *s, struct view name)
{
	const uint64_t hash = view_hash(name);
	struct schedule_destination *d = s->slots[hash & (s->slot_count - 1)];
	while (d && !(d->hash == hash && view_equal(d->name, name)))
		d = d->chain;
	return d;
}

static void grow_slots(struct schedule *s)
{
	const uint32_t count = s->slot_count * 2;
	struct schedule_destination **slots =
		memory_new(count, sizeof(struct schedule_destination *));
	for (uint32_t i = 0; i < s->slot_count; i++)
		while (s->slots[i]) {
			struct schedule_destination *d = s->slots[i];
			s->slots[i] = d->chain;
			d->chain = slots[d->hash & (count - 1)];
			slots[d->hash & (count - 1)] = d;
		}
	memory_free(s->slots);
	s->slots = slots;
	s->slot_count = count;
}

static struct schedule_destination *get(struct schedule *s, struct view name)
{
	struct schedule_destination *d = find(s, name);
	if (d)
		return d;
	if (s->destinations == s->slot_count)
		grow_slots(s);
	d = memory_new(1, sizeof *d + name.length);
	must(view_copy(name, d + 1, name.length));
	d->name = view_of(d + 1, name.length);
	d->hash = view_hash(name);
	d->window = 1;
	struct schedule_destination **slot = &s->slots[d->hash & (s->slot_count - 1)];
	d->chain = *slot;
	*slot = d;
	s->destinations++;
	return d;
}

static void leave_ring(struct schedule *s, struct schedule_destination *d)
{
	if (!d->next)
		return;
	if (s->sending == d)
		s->sending = d->next == d ? NULL : d->next;
	d->next->before = d->before;
	d->before->next = d->next;
	d->next = d->before = NULL;
}

/* At the end, which is before the first. */
static void join_ring(struct schedule *s, struct schedule_destination *d)
{
	if (d->next)
		return;
	if (!s->sending) {
		s->sending = d->next = d->before = d;
		return;
	}
	d->next = s->sending;
	d->before = s->sending->before;
	d->before->next = d;
	d->next->before = d;
}

static void forget(struct schedule *s, struct schedule_destination *d)
{
	struct schedule_destination **link = &s->slots[d->hash & (s->slot_count - 1)];
	leave_ring(s, d);
	while (*link != d)
		link = &(*link)->chain;
	*link = d->chain;
	s->destinations--;
	s->down -= d->down_until_s != 0;
	memory_free(d->ready);
	memory_free(d);
}

/* Into the ring or out of it, or away. What is down is kept for its time by its entry in the heap. */
static void settle(struct schedule *s, struct schedule_destination *d, uint32_t now_s)
{
	const uint32_t window = d->down_until_s ? (d->down_until_s <= now_s) : d->window;
	if (d->count && d->active < window)
		join_ring(s, d);
	else
		leave_ring(s, d);
	if (!d->count && !d->active && !d->waiting)
		forget(s, d);
}

void schedule_free(struct schedule **at)
{
	struct schedule *s = *at;
	if (!s)
		return;
	for (uint32_t i = 0; i < s->slot_count; i++)
		while (s->slots[i]) {
			must(!s->slots[i]->active);
			forget(s, s->slots[i]);
		}
	schedule_heap_free(&s->heap);
	memory_free(s->slots);
	memory_free(s);
	*at = NULL;
}

/* --- the queue of one ------------------------------------------------------------------------ */

static struct ready *ready_at(const struct schedule_destination *d, uint32_t i)
{
	return &d->ready[(d->first + i) & (d->room - 1)];
}

static void grow_ready(struct schedule_destination *d)
{
	if (d->count < d->room)
		return;
	const uint32_t room = d->room ? d->room * 2 : ROOM_FIRST;
	struct ready *ready = memory_new(room, sizeof *ready);
	for (uint32_t i = 0; i < d->count; i++)
		ready[i] = *ready_at(d, i);
	memory_free(d->ready);
	d->ready = ready;
	d->first = 0;
	d->room = room;
}

static void push(struct schedule *s, struct schedule_destination *d, struct ready item)
{
	grow_ready(d);
	d->count++;
	*ready_at(d, d->count - 1) = item;
	s->count++;
}

static void push_front(struct schedule *s, struct schedule_destination *d, struct ready item)
{
	grow_ready(d);
	d->first = (d->first - 1) & (d->room - 1);
	d->count++;
	*ready_at(d, 0) = item;
	s->count++;
}

static struct ready pop(struct schedule *s, struct schedule_destination *d)
{
	const struct ready item = *ready_at(d, 0);
	d->first = (d->first + 1) & (d->room - 1);
	d->count--;
	s->count--;
	if (d->count)
		return item;
	memory_free(d->ready);
	d->ready = NULL;
	d->first = d->room = 0;
	return item;
}

void schedule_add(struct schedule *s, struct view destination, struct spool_id id,
	uint32_t recipient, uint32_t due_s, uint32_t now_s)
{
	struct schedule_destination *d = get(s, destination);
	if (due_s <= now_s) {
		push(s, d, (struct ready){id, recipient});
		settle(s, d, now_s);
		return;
	}
	schedule_heap_add(&s->heap, (struct schedule_wait){d, id, due_s, recipient});
	d->waiting++;
	s->count++;
}

void schedule_put_back(struct schedule *s, const struct schedule_work *work)
{
	for (uint32_t i = work->count; i > 0; i--)
		push_front(s, work->destination, (struct ready){work->id, work->recipients[i - 1]});
}

/* --- time ------------------------------------------------------------------------------------ */

/* Those whose time has come. */
static void wake(struct schedule *s, uint32_t now_s)
{
	struct schedule_wait w;
	while (schedule_heap_take(&s->heap, now_s, &w)) {
		struct schedule_destination *d = w.destination;
		d->waiting--;
		if (w.recipient != WAKE) {
			s->count--;
			push(s, d, (struct ready){w.id, w.recipient});
		} else if (d->down_until_s && d->down_until_s <= now_s && !d->count && !d->active) {
			s->down--;
			d->down_until_s = 0; /* nobody waits: forgotten, or as new */
		}
		settle(s, d, now_s);
	}
}

uint32_t schedule_due_s(const struct schedule *s)
{
	return schedule_heap_due_s(&s->heap);
}

void schedule_hurry(struct schedule *s, struct view destination, uint32_t now_s)
{
	struct schedule_destination *only = destination.length ? find(s, destination) : NULL;
	if (destination.length && !only)
		return;
	for (uint32_t i = 0; i < s->heap.count; i++) {
		struct schedule_wait *w = &s->heap.waits[i];
		if (only && w->destination != only)
			continue;
		w->due_s = now_s;
		if (w->destination->down_until_s)
			w->destination->down_until_s = now_s ? now_s : 1;
	}
	schedule_heap_order(&s->heap);
	wake(s, now_s);
}

/* --- works ----------------------------------------------------------------------------------- */

static void begin(struct schedule *s, struct schedule_destination *d, uint32_t now_s)
{
	d->active++;
	s->unproven += !d->is_proven;
	settle(s, d, now_s);
}

bool schedule_pass(struct schedule *s, struct view destination, uint32_t now_s,
	struct schedule_destination **destination_out)
{
	struct schedule_destination *d = get(s, destination);
	const bool may = !d->count && !d->down_until_s && d->active < d->window &&
			 (d->is_proven || s->unproven < s->limits.unproven_max);
	if (may)
		begin(s, d, now_s);
	else
		settle(s, d, now_s);
	*destination_out = may ? d : NULL;
	return may;
}

static void fill(struct schedule *s, struct schedule_destination *d, struct schedule_work *work)
{
	work->destination = d;
	work->id = ready_at(d, 0)->id;
	work->count = 0;
	do
		work->recipients[work->count++] = pop(s, d).recipient;
	while (d->count && work->count < SCHEDULE_RECIPIENTS_MAX &&
		ready_at(d, 0)->id.value == work->id.value);
}

bool schedule_take(struct schedule *s, uint32_t now_s, struct schedule_work *work)
{
	wake(s, now_s);
	struct schedule_destination *d = s->sending;
	if (s->unproven >= s->limits.unproven_max)
		while (d && !d->is_proven) {
			d = d->next;
			if (d == s->sending)
				return false;
		}
	if (!d)
		return false;
	s->sending = d->next;
	fill(s, d, work);
	begin(s, d, now_s);
	return true;
}

static void fail(
	struct schedule *s, struct schedule_destination *d, struct view reason, uint32_t now_s)
{
	const struct view kept = view_first(reason, SCHEDULE_REASON_MAX);
	const bool is_told = d->down_until_s > now_s; /* several fail together: they count once */
	d->reason_length = (uint8_t)kept.length;
	must(view_copy(kept, d->reason, sizeof d->reason));
	if (is_told)
		return;
	d->failures++;
	s->down += d->down_until_s == 0;
	d->window = 1;
	d->down_until_s = now_s + schedule_delay_s(s, d->failures);
	schedule_heap_add(
		&s->heap, (struct schedule_wait){d, (struct spool_id){0}, d->down_until_s, WAKE});
	d->waiting++;
}

static void work_well(struct schedule *s, struct schedule_destination *d)
{
	s->down -= d->down_until_s != 0;
	d->down_until_s = 0;
	d->failures = 0;
	d->reason_length = 0;
	if (d->window < s->limits.window_first)
		d->window = s->limits.window_first;
	else if (d->window < s->limits.window_max)
		d->window++;
}

void schedule_end(struct schedule *s, struct schedule_destination *d, enum schedule_health health,
	struct view reason, uint32_t now_s)
{
	must(d->active > 0);
	d->active--;
	s->unproven -= !d->is_proven;
	const bool was_proven = d->is_proven;
	switch (health) {
	case SCHEDULE_WORKS:
		d->is_proven = true;
		work_well(s, d);
		break;
	case SCHEDULE_BUSY:
		if (d->active) {
			d->is_proven = true;
			d->window = d->window > 1 ? d->window / 2 : 1;
		} else { /* not even one */
			fail(s, d, reason, now_s);
		}
		break;
	case SCHEDULE_FAILS:
		d->is_proven = false;
		fail(s, d, reason, now_s);
		break;
	case SCHEDULE_SILENT:
		break;
	}
	if (d->is_proven && !was_proven)
		s->unproven -= d->active;
	else if (!d->is_proven && was_proven)
		s->unproven += d->active;
	settle(s, d, now_s);
}

/* --- looking --------------------------------------------------------------------------------- */

bool schedule_look(const struct schedule *s, struct view destination, struct schedule_facts *facts)
{
	const struct schedule_destination *d = find(s, destination);
	if (!d)
		return false;
	*facts = (struct schedule_facts){.ready = d->count,
		.active = d->active,
		.window = d->window,
		.failures = d->failures,
		.down_until_s = d->down_until_s,
		.reason = view_of(d->reason, d->reason_length)};
	return true;
}

struct view schedule_name(const struct schedule_destination *d)
{
	return d->name;
}

uint64_t schedule_count(const struct schedule *s)
{
	return s->count;
}

uint32_t schedule_destinations(const struct schedule *s)
{
	return s->destinations;
}

uint32_t schedule_down(const struct schedule *s)
{
	return s->down;
}
