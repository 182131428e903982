#include "protocol/pop3_content.h"

void pop3_content_start(struct pop3_content *c, bool downgraded, bool top, uint32_t lines)
{
	*c = (struct pop3_content){
		.downgrade = downgrade_new(),
		.is_downgraded = downgraded,
		.is_top = top,
		.at_line_start = true,
		.lines_left = lines,
	};
}

void pop3_content_end(struct pop3_content *c)
{
	downgrade_free(&c->downgrade);
}

/* A line has ended; `blank` when nothing stood in it. */
static void end_line(struct pop3_content *c, bool blank)
{
	c->at_line_start = true;
	c->after_cr = false;
	if (!c->is_top)
		return;
	if (c->in_body)
		c->lines_left--;
	else if (blank)
		c->in_body = true;
	c->is_complete = c->in_body && !c->lines_left;
}

/* The rest of a piece without a line end in it. */
static void leave_open(struct pop3_content *c, struct view rest)
{
	const bool lone_cr = rest.length == 1 && view_at(rest, 0) == '\r';
	c->is_blank = c->at_line_start && lone_cr;
	c->at_line_start = false;
	c->after_cr = view_at(rest, rest.length - 1) == '\r';
}

/* At most twice the octets of `v` go out. Whole runs of lines that need nothing are one append. */
static void add_stuffed(struct pop3_content *c, struct view v, struct buffer *out)
{
	size_t run = 0;
	size_t at = 0;
	while (at < v.length && !c->is_complete) {
		const struct view rest = view_from(v, at);
		if (c->at_line_start && view_at(rest, 0) == '.') {
			buffer_add(out, view_part(v, run, at - run));
			buffer_add_octet(out, '.');
			run = at;
		}
		const size_t lf = view_find(rest, '\n');
		if (lf == VIEW_NOT_FOUND) {
			leave_open(c, rest);
			at = v.length;
			break;
		}
		const bool has_cr = lf ? view_at(rest, lf - 1) == '\r' : c->after_cr;
		if (!has_cr) {
			buffer_add(out, view_part(v, run, at + lf - run));
			buffer_add(out, VIEW("\r\n"));
			run = at + lf + 1;
		}
		end_line(c, c->at_line_start ? lf == 0 || (lf == 1 && has_cr) : c->is_blank && !lf);
		at += lf + 1;
	}
	buffer_add(out, view_part(v, run, at - run));
}

static void add_final_dot(struct pop3_content *c, struct buffer *out)
{
	if (!c->at_line_start)
		buffer_add(out, c->after_cr ? VIEW("\n") : VIEW("\r\n"));
	buffer_add(out, VIEW(".\r\n"));
	c->is_complete = true;
}

bool pop3_content_add(struct pop3_content *c, struct cursor *in, bool last, struct buffer *out)
{
	const size_t before = out->length;
	bool more = true;
	while (!c->is_complete && buffer_left(out) >= POP3_CONTENT_ROOM) {
		const size_t most = (buffer_left(out) - POP3_CONTENT_ROOM / 2) / 2;
		const struct view rest = cursor_rest(in);
		const struct view v =
			c->is_downgraded ? downgrade_next(&c->downgrade, in, last, most)
					 : cursor_take(in, rest.length < most ? rest.length : most);
		if (v.length) {
			add_stuffed(c, v, out);
			continue;
		}
		more = !last;
		break;
	}
	if (c->is_complete || !more) {
		more = false;
		add_final_dot(c, out);
	}
	c->sent += out->length - before;
	return more;
}
