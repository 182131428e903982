#include "post/dropped.h"

#include "base/text.h"
#include "mail/address.h"

#define FIRST_LINE "sekisho-drop 1"
#define ADDRESS_MEMORY 4096u
#define FLAGS (ENVELOPE_8BITMIME | ENVELOPE_SMTPUTF8 | ENVELOPE_RET_FULL | ENVELOPE_RET_HDRS)
#define NOTIFY_MAX                                                                   \
	(ENVELOPE_NOTIFY_NEVER | ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_FAILURE | \
		ENVELOPE_NOTIFY_DELAY)
#define ENVID_MAX 100u /* RFC 3461 §4.4 */

void dropped_add(struct buffer *b, const struct dropped *d)
{
	text_add(b, FIRST_LINE "\nfrom {}\nflags {}\n", text_raw(d->reverse_path),
		text_number(d->flags));
	if (d->envid.length)
		text_add(b, "envid {}\n", text_raw(d->envid));
	for (uint32_t i = 0; i < d->recipient_count; i++)
		text_add(b, "to ? {} {}\n", text_number(d->recipients[i].notify),
			text_raw(d->recipients[i].forward_path));
	buffer_add_octet(b, '\n');
}

/* --- reading ------------------------------------------------------------------------------ */

static bool is_path(struct view text)
{
	struct arena a = arena_new(ADDRESS_MEMORY);
	struct address address;
	const bool ok = text.length <= ENVELOPE_PATH_MAX &&
			address_parse(text, true, &a, &address) == ADDRESS_OK;
	arena_reset(&a);
	return ok;
}

/* The rest of a line that begins with `word` and a space. */
static bool take_line(struct cursor *c, struct view word, struct view *rest_out)
{
	const struct cursor before = *c;
	const struct view line = cursor_until(c, '\n');
	if (!cursor_failed(c) && view_starts(line, word) && view_at(line, word.length) == ' ') {
		*rest_out = view_from(line, word.length + 1);
		return true;
	}
	*c = before;
	return false;
}

static bool take_flags(struct view text, struct dropped *d)
{
	uint32_t n;
	if (!view_to_u32(text, FLAGS, &n) || (n & ~(uint32_t)FLAGS))
		return false;
	d->flags = (uint16_t)n;
	return true;
}

static bool is_state(int octet)
{
	return octet == DROPPED_OPEN || octet == DROPPED_SENT || octet == DROPPED_FAILED;
}

static bool take_recipient(struct view text, struct dropped_recipient *r)
{
	struct view state, rest, notify;
	uint32_t n;
	if (!view_split(text, ' ', &state, &rest) || state.length != 1 ||
		!is_state(view_at(state, 0)) || !view_split(rest, ' ', &notify, &r->forward_path) ||
		!view_to_u32(notify, NOTIFY_MAX, &n) || !is_path(r->forward_path))
		return false;
	r->state = (enum dropped_state)state.at[0];
	r->notify = (uint16_t)n;
	return !(n & ENVELOPE_NOTIFY_NEVER) || n == ENVELOPE_NOTIFY_NEVER;
}

static uint32_t count_recipients(struct cursor c)
{
	struct view rest;
	uint32_t n = 0;
	while (n <= ENVELOPE_RECIPIENTS_MAX && take_line(&c, VIEW("to"), &rest))
		n++;
	return n;
}

static const char *take_recipients(struct cursor *c, struct arena *a, struct dropped *d)
{
	const uint32_t count = count_recipients(*c);
	struct view rest;
	if (count == 0 || count > ENVELOPE_RECIPIENTS_MAX)
		return "it names no recipient, or too many";
	d->recipients = arena_get_array(a, count, sizeof *d->recipients);
	if (!d->recipients)
		return "there is no memory left for it";
	while (d->recipient_count < count) {
		struct dropped_recipient *r = &d->recipients[d->recipient_count++];
		const size_t line_at = c->at;
		must(take_line(c, VIEW("to"), &rest));
		if (!take_recipient(rest, r))
			return "a recipient of it cannot be read";
		r->state_at = (uint32_t)(line_at + sizeof "to " - 1);
	}
	return NULL;
}

const char *dropped_read(struct view front, struct arena *a, struct dropped *d)
{
	struct cursor c = cursor_of(view_first(front, DROPPED_HEAD_MAX));
	struct view rest;
	*d = (struct dropped){.flags = 0};
	if (!view_equal(cursor_until(&c, '\n'), VIEW(FIRST_LINE)))
		return "it is no mail that sendmail wrote";
	if (!take_line(&c, VIEW("from"), &d->reverse_path) ||
		(d->reverse_path.length && !is_path(d->reverse_path)))
		return "its sender cannot be read";
	if (!take_line(&c, VIEW("flags"), &rest) || !take_flags(rest, d))
		return "its flags cannot be read";
	if (take_line(&c, VIEW("envid"), &d->envid) &&
		(d->envid.length > ENVID_MAX || !view_is_printable(d->envid, false)))
		return "its ENVID cannot be read";
	const char *problem = take_recipients(&c, a, d);
	if (problem)
		return problem;
	if (!cursor_skip(&c, '\n'))
		return "its head has no end";
	d->head_octets = (uint32_t)c.at;
	return NULL;
}

bool dropped_is_name(struct view name)
{
	if (name.length != DROPPED_NAME_OCTETS)
		return false;
	for (size_t i = 0; i < name.length; i++)
		if (!octet_is_digit(name.at[i]) && !(name.at[i] >= 'a' && name.at[i] <= 'f'))
			return false;
	return true;
}
