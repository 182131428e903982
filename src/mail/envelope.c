#include "mail/envelope.h"

#define VERSION_PLAIN 1
#define VERSION_FORWARDED 2

static void add_octets(struct buffer *b, struct view v)
{
	buffer_add_u32(b, (uint32_t)v.length);
	buffer_add(b, v);
}

static struct view take_octets(struct cursor *c, size_t max)
{
	const uint32_t length = cursor_u32(c);
	if (length > max)
		cursor_fail(c);
	return cursor_take(c, length);
}

static size_t target_max(enum envelope_kind kind)
{
	return kind == ENVELOPE_REMOTE ? ENVELOPE_DESTINATION_MAX : ENVELOPE_MAILBOX_MAX;
}

static void add_recipient(struct buffer *b, const struct envelope_recipient *r, uint16_t version)
{
	must(r->target.length <= target_max(r->kind) &&
		r->forward_path.length <= ENVELOPE_PATH_MAX &&
		r->alias.length <= ENVELOPE_PATH_MAX);
	buffer_add_u16(b, (uint16_t)r->kind);
	buffer_add_u16(b, r->notify);
	add_octets(b, r->target);
	add_octets(b, r->forward_path);
	add_octets(b, r->orcpt);
	if (version == VERSION_FORWARDED)
		add_octets(b, r->alias);
}

static bool has_forwarded(const struct envelope *e)
{
	for (uint32_t i = 0; i < e->recipient_count; i++)
		if (e->recipients[i].alias.length)
			return true;
	return false;
}

void envelope_add(struct buffer *b, const struct envelope *e)
{
	const uint16_t version = has_forwarded(e) ? VERSION_FORWARDED : VERSION_PLAIN;
	must(e->recipient_count <= ENVELOPE_RECIPIENTS_MAX);
	buffer_add_u16(b, version);
	buffer_add_u16(b, e->flags);
	add_octets(b, e->reverse_path);
	if (version == VERSION_FORWARDED)
		add_octets(b, e->rewritten);
	add_octets(b, e->envid);
	add_octets(b, e->source);
	buffer_add_u32(b, e->recipient_count);
	for (uint32_t i = 0; i < e->recipient_count; i++)
		add_recipient(b, &e->recipients[i], version);
}

static bool read_recipient(struct cursor *c, struct envelope_recipient *r, uint16_t version)
{
	const uint16_t kind = cursor_u16(c);
	r->kind = kind == ENVELOPE_REMOTE ? ENVELOPE_REMOTE : ENVELOPE_LOCAL;
	r->notify = cursor_u16(c);
	r->target = take_octets(c, target_max(r->kind));
	r->forward_path = take_octets(c, ENVELOPE_PATH_MAX);
	r->orcpt = take_octets(c, ENVELOPE_PATH_MAX);
	r->alias = version == VERSION_FORWARDED ? take_octets(c, ENVELOPE_PATH_MAX) : VIEW_NONE;
	return !cursor_failed(c) && kind == r->kind && r->target.length > 0;
}

bool envelope_read(struct view form, struct arena *a, struct envelope *e)
{
	struct cursor c = cursor_of(form);
	*e = (struct envelope){0};
	const uint16_t version = cursor_u16(&c);
	if (version != VERSION_PLAIN && version != VERSION_FORWARDED)
		return false;
	e->flags = cursor_u16(&c);
	e->reverse_path = take_octets(&c, ENVELOPE_PATH_MAX);
	if (version == VERSION_FORWARDED)
		e->rewritten = take_octets(&c, ENVELOPE_PATH_MAX);
	e->envid = take_octets(&c, ENVELOPE_PATH_MAX);
	e->source = take_octets(&c, ENVELOPE_PATH_MAX);
	const uint32_t count = cursor_u32(&c);
	/* a recipient needs 16 octets at least: a false count cannot make us allocate */
	if (cursor_failed(&c) || count > ENVELOPE_RECIPIENTS_MAX || count > cursor_left(&c) / 16)
		return false;
	e->recipients = arena_get_array(a, count, sizeof *e->recipients);
	if (!e->recipients)
		return false;
	for (e->recipient_count = 0; e->recipient_count < count; e->recipient_count++)
		if (!read_recipient(&c, &e->recipients[e->recipient_count], version))
			return false;
	return cursor_done(&c) && has_forwarded(e) == (version == VERSION_FORWARDED);
}

struct view envelope_reverse_path(const struct envelope *e, const struct envelope_recipient *r)
{
	return r->alias.length && e->rewritten.length ? e->rewritten : e->reverse_path;
}

void envelope_delivery_add(struct buffer *b, const struct envelope_delivery *d)
{
	buffer_add_u32(b, d->index);
	add_octets(b, d->mailbox);
	add_octets(b, d->forward_path);
}

bool envelope_delivery_next(struct cursor *c, struct envelope_delivery *d)
{
	if (cursor_failed(c) || cursor_left(c) == 0)
		return false;
	d->index = cursor_u32(c);
	d->mailbox = take_octets(c, ENVELOPE_MAILBOX_MAX);
	d->forward_path = take_octets(c, ENVELOPE_PATH_MAX);
	if (d->index >= ENVELOPE_RECIPIENTS_MAX || d->mailbox.length == 0)
		cursor_fail(c);
	return !cursor_failed(c);
}

void envelope_departure_add(struct buffer *b, const struct envelope_departure *d)
{
	buffer_add_u32(b, d->index);
	buffer_add_u16(b, d->notify);
	add_octets(b, d->forward_path);
	add_octets(b, d->orcpt);
}

bool envelope_departure_next(struct cursor *c, struct envelope_departure *d)
{
	if (cursor_failed(c) || cursor_left(c) == 0)
		return false;
	d->index = cursor_u32(c);
	d->notify = cursor_u16(c);
	d->forward_path = take_octets(c, ENVELOPE_PATH_MAX);
	d->orcpt = take_octets(c, ENVELOPE_PATH_MAX);
	if (d->index >= ENVELOPE_RECIPIENTS_MAX || d->forward_path.length == 0)
		cursor_fail(c);
	return !cursor_failed(c);
}
