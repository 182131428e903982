#include "keepers/spool/spoold.h"

#include "base/random.h"

#define FIRST_DELAY_MS 1000u
#define LAST_DELAY_MS 600000u /* ten minutes: a mailbox is ours, its trouble is usually short */

static size_t slot_of(struct view mailbox)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < mailbox.length; i++)
		h = (h ^ mailbox.at[i]) * 1099511628211u;
	return (size_t)(h % 1024);
}

struct waiting *waiting_find(struct spoold *d, struct view mailbox)
{
	if (!d->waiting_all)
		return NULL;
	for (struct waiting *w = d->waiting_hash[slot_of(mailbox)]; w; w = w->next)
		if (view_equal(w->mailbox, mailbox))
			return w;
	return NULL;
}

static struct waiting *make(struct spoold *d, struct view mailbox)
{
	struct waiting *w = memory_new(1, sizeof *w + mailbox.length);
	must(view_copy(mailbox, w + 1, mailbox.length));
	w->mailbox = view_of(w + 1, mailbox.length);
	w->last_next = &w->first;
	w->next = d->waiting_hash[slot_of(mailbox)];
	d->waiting_hash[slot_of(mailbox)] = w;
	w->later = d->waiting_all;
	d->waiting_all = w;
	return w;
}

static void free_waiting(struct spoold *d, struct waiting *w)
{
	for (struct waiting **at = &d->waiting_hash[slot_of(w->mailbox)]; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			break;
		}
	for (struct waiting **at = &d->waiting_all; *at; at = &(*at)->later)
		if (*at == w) {
			*at = w->later;
			break;
		}
	while (w->first) {
		struct waiting_mail *next = w->first->next;
		memory_free(w->first);
		w->first = next;
	}
	memory_free(w);
}

static bool is_before(const struct waiting_mail *a, const struct waiting_mail *b)
{
	return a->id.value != b->id.value ? a->id.value < b->id.value : a->recipient < b->recipient;
}

/* What comes back goes in by its id: mail keeps the order of its arrival in a mailbox. */
static void insert(struct waiting *w, struct waiting_mail *m, bool front)
{
	struct waiting_mail **at = front ? &w->first : w->last_next;
	while (*at && is_before(*at, m))
		at = &(*at)->next;
	m->next = *at;
	*at = m;
	if (!m->next)
		w->last_next = &m->next;
}

static void arm(struct spoold *d);

void waiting_add(struct spoold *d, struct view mailbox, struct spool_id id, uint32_t recipient,
	bool repeat, bool front)
{
	struct waiting *w = waiting_find(d, mailbox);
	if (!w)
		w = make(d, mailbox);
	struct waiting_mail *m = memory_new(1, sizeof *m);
	*m = (struct waiting_mail){.id = id, .recipient = recipient, .repeat = repeat};
	insert(w, m, front);
}

uint32_t waiting_failed(struct spoold *d, struct view mailbox)
{
	struct waiting *w = waiting_find(d, mailbox);
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	must(w != NULL);
	if (w->due_ms > now_ms && !w->probing)
		return w->attempts; /* one of several that failed together */
	const uint32_t shift = w->attempts < 12 ? w->attempts : 12;
	uint64_t delay_ms = (uint64_t)FIRST_DELAY_MS << shift;
	if (delay_ms > LAST_DELAY_MS)
		delay_ms = LAST_DELAY_MS;
	w->attempts++;
	w->probing = false;
	w->due_ms = now_ms + delay_ms - random_below(delay_ms / 4);
	arm(d);
	return w->attempts;
}

void waiting_worked(struct spoold *d, struct view mailbox)
{
	struct waiting *w = waiting_find(d, mailbox);
	if (!w || !w->probing)
		return;
	struct waiting_mail *m = w->first;
	w->first = NULL;
	w->last_next = &w->first;
	free_waiting(d, w);
	while (m) {
		struct waiting_mail *next = m->next;
		dispatch_again(d, m->id, m->recipient, m->repeat);
		memory_free(m);
		m = next;
	}
}

/* One mail goes first; the others follow when it arrived. */
static void probe(struct spoold *d, struct waiting *w)
{
	struct waiting_mail *m = w->first;
	if (!m) {
		free_waiting(d, w);
		return;
	}
	w->first = m->next;
	if (!w->first)
		w->last_next = &w->first;
	w->probing = true;
	dispatch_again(d, m->id, m->recipient, m->repeat);
	memory_free(m);
}

static void due(void *context)
{
	struct spoold *d = context;
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	struct waiting *later;
	for (struct waiting *w = d->waiting_all; w; w = later) {
		later = w->later;
		if (!w->probing && w->due_ms <= now_ms)
			probe(d, w);
	}
	arm(d);
}

static void arm(struct spoold *d)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	uint64_t next_ms = UINT64_MAX;
	for (const struct waiting *w = d->waiting_all; w; w = w->later)
		if (!w->probing && w->due_ms < next_ms)
			next_ms = w->due_ms;
	if (!d->waiting_timer)
		d->waiting_timer = timer_new(d->program->loop, due, d);
	if (next_ms == UINT64_MAX)
		timer_stop(d->waiting_timer);
	else
		timer_set(d->waiting_timer, next_ms > now_ms ? next_ms - now_ms : 0);
}

void waiting_clear(struct spoold *d)
{
	while (d->waiting_all)
		free_waiting(d, d->waiting_all);
}
