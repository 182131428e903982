#include "protocol/downgrade.h"

#include "protocol/downgrade_field.h"

struct downgrade downgrade_new(void)
{
	return (struct downgrade){
		.held = buffer_new(DOWNGRADE_FIELD_MAX),
		.ready = buffer_new(DOWNGRADE_READY_MAX),
	};
}

void downgrade_free(struct downgrade *d)
{
	buffer_free(&d->held);
	buffer_free(&d->ready);
}

static bool is_blank(struct view line)
{
	return view_equal(line, VIEW("\r\n")) || view_equal(line, VIEW("\n"));
}

static bool is_fold(int octet)
{
	return octet == ' ' || octet == '\t';
}

/* The length of the field at the front of `rest`, 0 when its end cannot be seen: a field ends where
 * the next line does not begin with white space. The empty line needs no next one. */
static size_t field_length(struct view rest)
{
	size_t at = 0;
	for (;;) {
		const size_t lf = view_find(view_from(rest, at), '\n');
		if (lf == VIEW_NOT_FOUND)
			return 0;
		at += lf + 1;
		if (is_blank(view_first(rest, at)))
			return at;
		if (at == rest.length)
			return 0;
		if (!is_fold(view_at(rest, at)))
			return at;
	}
}

/* What is to be sent for a whole field: itself, something in `ready` (then empty), or nothing. */
static struct view convert(struct downgrade *d, struct view field)
{
	if (is_blank(field) || !downgrade_field_name(field)) {
		d->state = DOWNGRADE_BODY;
		return field;
	}
	if (view_is_ascii(field) || !view_is_utf8(field))
		return field;
	if (!downgrade_field(field, &d->ready) || buffer_failed(&d->ready))
		buffer_clear(&d->ready);
	return VIEW_NONE;
}

/* The held field is whole. */
static void convert_held(struct downgrade *d)
{
	const struct view same = convert(d, buffer_view(&d->held));
	if (same.length)
		buffer_add(&d->ready, same);
	if (d->state == DOWNGRADE_BODY)
		buffer_free(&d->held);
	else
		buffer_clear(&d->held);
}

/* The held field has reached the limit and goes on. */
static void give_up(struct downgrade *d)
{
	const struct view held = buffer_view(&d->held);
	const bool keep = view_is_ascii(held);
	d->after_lf = view_at(held, held.length - 1) == '\n';
	d->state = keep ? DOWNGRADE_LONG_KEEP : DOWNGRADE_LONG_DROP;
	if (keep)
		buffer_add(&d->ready, held);
	buffer_clear(&d->held);
}

/* Holds one more line, or what there is of it. */
static void hold(struct downgrade *d, struct cursor *in)
{
	const struct view held = buffer_view(&d->held);
	if (is_blank(held) || (held.length && view_at(held, held.length - 1) == '\n' &&
				      !is_fold(cursor_peek(in)))) {
		convert_held(d);
		return;
	}
	if (held.length == DOWNGRADE_FIELD_MAX) {
		give_up(d);
		return;
	}
	const struct view rest = view_first(cursor_rest(in), DOWNGRADE_FIELD_MAX - held.length);
	const size_t lf = view_find(rest, '\n');
	buffer_add(&d->held, cursor_take(in, lf == VIEW_NOT_FOUND ? rest.length : lf + 1));
	if (is_blank(buffer_view(&d->held)))
		convert_held(d);
}

/* A piece of the rest of a field that was too long. */
static void pass_long(struct downgrade *d, struct cursor *in)
{
	if (d->after_lf && !is_fold(cursor_peek(in))) {
		d->state = DOWNGRADE_FIELDS;
		return;
	}
	const struct view rest = view_first(cursor_rest(in), DOWNGRADE_FIELD_MAX);
	const size_t lf = view_find(rest, '\n');
	const struct view piece = cursor_take(in, lf == VIEW_NOT_FOUND ? rest.length : lf + 1);
	d->after_lf = lf != VIEW_NOT_FOUND;
	if (d->state == DOWNGRADE_LONG_DROP)
		return;
	for (size_t i = 0; i < piece.length; i++) {
		const int octet = view_at(piece, i);
		buffer_add_octet(&d->ready, octet > 0x7f ? '?' : (uint8_t)octet);
	}
}

static struct view give_ready(struct downgrade *d, size_t most)
{
	const struct view v = view_part(buffer_view(&d->ready), d->given, most);
	d->given += v.length;
	return v;
}

/* Fields that lie whole in `in` and fit go out from there; false when one has to be held. */
static bool give_whole(struct downgrade *d, struct cursor *in, size_t most, struct view *v_out)
{
	const size_t length = d->held.length ? 0 : field_length(cursor_rest(in));
	if (!length || length > most || length > DOWNGRADE_FIELD_MAX)
		return false;
	*v_out = convert(d, cursor_take(in, length));
	return true;
}

struct view downgrade_next(struct downgrade *d, struct cursor *in, bool last, size_t most)
{
	for (;;) {
		struct view v = give_ready(d, most);
		if (v.length)
			return v;
		buffer_clear(&d->ready);
		d->given = 0;
		if (d->state == DOWNGRADE_BODY) {
			if (d->ready.capacity || d->held.capacity)
				downgrade_free(d);
			return cursor_take(in, cursor_left(in) < most ? cursor_left(in) : most);
		}
		if (!cursor_left(in)) {
			if (!last || !d->held.length)
				return VIEW_NONE;
			convert_held(d);
		} else if (d->state != DOWNGRADE_FIELDS) {
			pass_long(d, in);
		} else if (give_whole(d, in, most, &v)) {
			if (v.length)
				return v;
		} else {
			hold(d, in);
		}
	}
}
