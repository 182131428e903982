#include "protocol/smtp_content.h"

const char *smtp_content_problem_name(enum smtp_content_problem problem)
{
	switch (problem) {
	case SMTP_CONTENT_FINE:
		return "fine";
	case SMTP_CONTENT_BARE_CR:
		return "bare-cr";
	case SMTP_CONTENT_BARE_LF:
		return "bare-lf";
	case SMTP_CONTENT_NUL:
		return "nul";
	case SMTP_CONTENT_LONG_LINE:
		return "line-length";
	}
	return "?";
}

struct smtp_content smtp_content_new(bool has_dots, uint32_t line_max)
{
	return (struct smtp_content){.has_dots = has_dots, .line_max = line_max};
}

static enum smtp_content_event bad(struct smtp_content *c, enum smtp_content_problem problem)
{
	c->problem = problem;
	return SMTP_CONTENT_BAD;
}

/* The text of a line up to its CR, or to what may not stand in it, or to the end of `v`. Three
 * searches at memory speed are quicker than one look at each octet. */
static size_t text_length(struct view v)
{
	v = view_first(v, view_find(v, '\r'));
	v = view_first(v, view_find(v, '\n'));
	v = view_first(v, view_find(v, 0));
	return v.length;
}

/* How many octets at the front of `v` are content to be passed on as they are: whole lines and the
 * beginning of one. Stops before everything that needs a second look. */
static size_t plain_run(struct smtp_content *c, struct view v)
{
	size_t done = 0;
	while (done < v.length) {
		const struct view rest = view_from(v, done);
		if (c->at == SMTP_AT_LINE_START && c->has_dots && rest.at[0] == '.')
			break;
		const size_t text = text_length(view_first(rest, (size_t)c->line_max + 2));
		const size_t room = c->line_max - c->line_octets;
		const size_t fits = text < room ? text : room;
		if (fits)
			c->at = SMTP_AT_LINE;
		c->line_octets += (uint32_t)fits;
		done += fits;
		if (fits < text || view_at(rest, fits) != '\r' || view_at(rest, fits + 1) != '\n')
			break;
		done += 2;
		c->at = SMTP_AT_LINE_START;
		c->line_octets = 0;
	}
	return done;
}

/* The octet at which plain_run stopped. */
static enum smtp_content_event odd_octet(struct smtp_content *c, struct cursor *in)
{
	const int octet = cursor_peek(in);
	if (octet == '\n')
		return bad(c, SMTP_CONTENT_BARE_LF);
	if (octet == 0)
		return bad(c, SMTP_CONTENT_NUL);
	if (octet == '\r') {
		c->at = SMTP_AT_CR;
		cursor_skip(in, '\r');
		return SMTP_CONTENT_MORE;
	}
	if (octet == '.' && c->at == SMTP_AT_LINE_START && c->has_dots) {
		c->at = SMTP_AT_DOT;
		cursor_skip(in, '.');
		return SMTP_CONTENT_MORE;
	}
	return bad(c, SMTP_CONTENT_LONG_LINE);
}

static enum smtp_content_event run_from(
	struct smtp_content *c, struct cursor *in, size_t most, struct view *run_out)
{
	const size_t length = plain_run(c, view_first(cursor_rest(in), most));
	if (length == 0)
		return odd_octet(c, in);
	*run_out = cursor_take(in, length);
	return SMTP_CONTENT_RUN;
}

/* One move; SMTP_CONTENT_MORE means that an octet was consumed or none is left. */
static enum smtp_content_event move(
	struct smtp_content *c, struct cursor *in, size_t most, struct view *run_out)
{
	switch (c->at) {
	case SMTP_AT_LINE_START:
	case SMTP_AT_LINE:
		return run_from(c, in, most, run_out);
	case SMTP_AT_DOT:
		c->at = cursor_peek(in) == '\r' ? SMTP_AT_DOT_CR : SMTP_AT_LINE;
		if (c->at == SMTP_AT_LINE)
			return run_from(c, in, most, run_out);
		cursor_skip(in, '\r');
		return SMTP_CONTENT_MORE;
	case SMTP_AT_DOT_CR:
		return cursor_skip(in, '\n') ? SMTP_CONTENT_END : bad(c, SMTP_CONTENT_BARE_CR);
	case SMTP_AT_CR:
		if (!cursor_skip(in, '\n'))
			return bad(c, SMTP_CONTENT_BARE_CR);
		c->at = SMTP_AT_LINE_START;
		c->line_octets = 0;
		*run_out = VIEW("\r\n");
		return SMTP_CONTENT_RUN;
	}
	return SMTP_CONTENT_BAD;
}

enum smtp_content_event smtp_content_next(
	struct smtp_content *c, struct cursor *in, size_t most, struct view *run_out)
{
	*run_out = VIEW_NONE;
	must(most >= 2);
	if (c->problem != SMTP_CONTENT_FINE)
		return SMTP_CONTENT_BAD;
	enum smtp_content_event event = SMTP_CONTENT_MORE;
	while (event == SMTP_CONTENT_MORE && cursor_left(in))
		event = move(c, in, most, run_out);
	return event;
}

bool smtp_content_finish(struct smtp_content *c, struct view *run_out)
{
	*run_out = VIEW_NONE;
	if (c->problem == SMTP_CONTENT_FINE && c->at == SMTP_AT_CR)
		c->problem = SMTP_CONTENT_BARE_CR;
	if (c->problem == SMTP_CONTENT_FINE && c->at == SMTP_AT_LINE)
		*run_out = VIEW("\r\n");
	c->at = SMTP_AT_LINE_START;
	return c->problem == SMTP_CONTENT_FINE;
}
