#include "keepers/gate/opening.h"

#include "base/text.h"
#include "mail/date.h"

bool opening_read(const struct gate_row *row, struct opening *opening_out)
{
	struct opening *o = opening_out;
	if (!gate_open_split(row->key, &o->address, &o->user, &o->tail))
		return false;
	o->by = view_value_of(row->facts, ' ', VIEW("by="));
	if (!view_to_u64(view_value_of(row->facts, ' ', VIEW("since=")), (uint64_t)DATE_MAX,
		    &o->since_s))
		o->since_s = 0;
	o->left_ms = row->left_ms;
	return true;
}

/* A word is made of what others wrote. */
static struct view or_dash(struct view v)
{
	return v.length ? v : VIEW("-");
}

void opening_add_line(struct buffer *b, const struct opening *o, int64_t wall_ms)
{
	ip_add(b, &o->address);
	text_add(b, "  {}  by {}", text_view(or_dash(o->user)), text_view(or_dash(o->by)));
	if (o->tail.length)
		text_add(b, ", session {}", text_view(o->tail));
	if (o->since_s) {
		buffer_add(b, VIEW("  since "));
		date_add(b, (int64_t)o->since_s, 0);
	}
	buffer_add(b, VIEW("  until "));
	date_add(b, (wall_ms + (int64_t)o->left_ms) / 1000, 0);
	text_add(b, " ({} s)\n", text_number(o->left_ms / 1000));
}

void opening_add_json(struct buffer *b, const struct opening *o, int64_t wall_ms)
{
	const uint64_t until_ms = (uint64_t)wall_ms + o->left_ms;
	buffer_add(b, VIEW("{\"address\":\""));
	ip_add(b, &o->address);
	buffer_add(b, VIEW("\",\"user\":"));
	text_add_json(b, o->user);
	buffer_add(b, VIEW(",\"session\":"));
	text_add_json(b, o->tail);
	buffer_add(b, VIEW(",\"by\":"));
	text_add_json(b, o->by);
	text_add(b, ",\"since\":{},\"until\":{},\"left_ms\":{}}", text_number(o->since_s),
		text_number(until_ms / 1000), text_number(o->left_ms));
}
