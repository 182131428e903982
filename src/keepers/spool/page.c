#include "keepers/spool/spoold.h"

#include "base/text.h"

#define MESSAGES_MAX 256u
#define RECIPIENTS_MAX 20000u
#define ENVELOPES_OCTETS_MAX (8u << 20)
#define OUT_MAX (64u << 20)
#define REASON_OCTETS_MAX 512u
#define PAGES_MAX 8u /* that are read at once */

static void page_free(struct page *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		buffer_free(&p->messages[i].envelope);
		buffer_free(&p->messages[i].reasons);
		memory_free(p->messages[i].recipients);
	}
	memory_free(p->messages);
	buffer_free(&p->words);
	buffer_free(&p->out);
	memory_free(p);
}

/* --- reading, in another thread ------------------------------------------------------------- */

static void read_reasons(struct disk *disk, struct page_message *m)
{
	struct buffer b = buffer_new(REASON_OCTETS_MAX);
	m->reasons = buffer_new((size_t)m->count * (REASON_OCTETS_MAX + 8));
	for (uint32_t i = 0; i < m->count; i++) {
		buffer_clear(&b);
		if (m->recipients[i].state != SPOOL_DEFERRED ||
			spool_read_reason(disk, &m->recipients[i], m->id, &b) || !b.length)
			continue;
		buffer_add_u32(&m->reasons, i);
		buffer_add_u32(&m->reasons, (uint32_t)b.length);
		buffer_add(&m->reasons, buffer_view(&b));
	}
	buffer_free(&b);
}

static void work(void *context)
{
	struct page *p = context;
	for (uint32_t i = 0; i < p->count; i++) {
		struct page_message *m = &p->messages[i];
		m->envelope = buffer_new(RECEIVE_ENVELOPE_MAX);
		m->error = spool_read_envelope(p->spoold->disk, &m->where, &m->envelope);
		if (m->recipients)
			read_reasons(p->spoold->disk, m);
	}
}

/* --- answering ------------------------------------------------------------------------------ */

static void each(struct page *p, struct page_message *m)
{
	struct arena a = arena_new(ENVELOPE_ARENA_MAX);
	struct envelope e;
	const struct spool_entry *entry = spool_find(p->spoold->spool, m->id);
	if (entry && !m->error && envelope_read(buffer_view(&m->envelope), &a, &e) &&
		e.recipient_count == entry->recipient_count && selection_has(&p->selection, &e))
		p->ops->each(p, entry, &e, m);
	arena_reset(&a);
}

static void say_next(const struct page *p)
{
	struct buffer b = buffer_new(64);
	if (p->is_last)
		buffer_add(&b, VIEW("next=\n"));
	else
		text_add(&b, "next={}\n", text_hex(p->last.value));
	program_output(p->spoold->program, p->stream, buffer_view(&b));
	buffer_free(&b);
}

static void answer(struct page *p)
{
	struct spoold *d = p->spoold;
	say_next(p);
	p->ops->end(p);
	program_output(d->program, p->stream, buffer_view(&p->out));
	program_done(d->program, p->stream, p->out.failed ? 71 : 0);
}

static void done(void *context)
{
	struct page *p = context;
	struct spoold *d = p->spoold;
	d->pages--;
	for (uint32_t i = 0; i < p->count; i++) {
		each(p, &p->messages[i]);
		spool_read_end(d->spool, &p->messages[i].where);
	}
	answer(p);
	page_free(p);
	scan_pump(d);
	lanes_pump(d);
	remote_pump(d);
}

/* --- the choice ----------------------------------------------------------------------------- */

static void add(struct page *p, const struct spool_entry *entry)
{
	struct page_message *m = &p->messages[p->count];
	*m = (struct page_message){.id = entry->id};
	if (spool_read_begin(p->spoold->spool, entry->id, &m->where) != ERROR_NONE)
		return;
	p->count++;
	if (!p->ops->has_reasons)
		return;
	m->count = entry->recipient_count;
	m->recipients = memory_new(m->count, sizeof *m->recipients);
	for (uint32_t i = 0; i < m->count; i++)
		m->recipients[i] = entry->recipients[i];
}

static void collect(struct page *p)
{
	uint64_t recipients = 0;
	uint64_t octets = 0;
	const struct spool_id id = p->selection.id;
	struct spool *spool = p->spoold->spool;
	const struct spool_entry *e =
		id.value ? spool_find(spool, id) : spool_after(spool, p->selection.after);
	p->is_last = true;
	for (; e; e = e->newer) {
		if (p->count == MESSAGES_MAX || recipients > RECIPIENTS_MAX ||
			octets > ENVELOPES_OCTETS_MAX) {
			p->is_last = false;
			return;
		}
		p->last = e->id;
		recipients += e->recipient_count;
		octets += e->envelope_octets;
		if (e->open_count)
			add(p, e);
		if (id.value)
			return;
	}
}

static void refuse(struct page *p, unsigned code, struct view text)
{
	program_output(p->spoold->program, p->stream, text);
	program_done(p->spoold->program, p->stream, code);
	page_free(p);
}

void page_begin(struct spoold *d, uint32_t stream, struct view words, const struct page_ops *ops)
{
	struct page *p = memory_new(1, sizeof *p);
	struct view rest;
	*p = (struct page){.spoold = d,
		.ops = ops,
		.stream = stream,
		.words = buffer_new(words.length),
		.out = buffer_new(OUT_MAX)};
	buffer_add(&p->words, words);
	view_split(buffer_view(&p->words), 0, &p->verb, &rest); /* "queue" */
	view_split(rest, 0, &p->verb, &rest);
	if (!selection_read(rest, &p->selection)) {
		refuse(p, 64, VIEW("that is no selection of mail\n"));
		return;
	}
	if (d->pages == PAGES_MAX) {
		refuse(p, 75, VIEW("others are looking at the queue just now, try again\n"));
		return;
	}
	p->messages = memory_new(MESSAGES_MAX, sizeof *p->messages);
	collect(p);
	d->pages++;
	if (disk_work_submit(d, work, done, p, 0))
		return;
	d->pages--;
	for (uint32_t i = 0; i < p->count; i++)
		spool_read_end(d->spool, &p->messages[i].where);
	refuse(p, 75, VIEW("the spool's disk has much to do just now, try again\n"));
}
