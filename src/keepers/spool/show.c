#include "keepers/spool/spoold.h"

#include "base/clock.h"
#include "base/text.h"

static uint32_t count_state(const struct spool_entry *entry, enum spool_state state)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		n += entry->recipients[i].state == (uint8_t)state;
	return n;
}

/* Why a recipient waits, and when it is tried again: seconds from now; -1: nothing is known, or it goes on. */
struct wait {
	struct view reason;
	int64_t next_s;
};

static struct wait wait_in_lane(const struct spoold *d, const struct lane *lane, struct view logged)
{
	const uint64_t now_ms = loop_now_ms(d->program->loop);
	if (!lane || !lane->in_trouble)
		return (struct wait){logged, -1};
	return (struct wait){view_of(lane->reason, lane->reason_length),
		lane->due_ms > now_ms ? (int64_t)((lane->due_ms - now_ms + 999) / 1000) : 0};
}

/* The destination's trouble, or its own time. */
static struct wait wait_elsewhere(const struct spoold *d, struct view target,
	const struct spool_recipient *r, struct view logged)
{
	const uint32_t now_s = remote_now_s(d);
	struct schedule_facts facts;
	if (schedule_look(d->schedule, remote_destination(d, target), &facts) && facts.down_until_s)
		return (struct wait){facts.reason.length ? facts.reason : logged,
			facts.down_until_s > now_s ? facts.down_until_s - now_s : 0};
	if (r->state != SPOOL_DEFERRED)
		return (struct wait){logged, -1};
	const int64_t ahead_s = r->next_attempt_s - clock_wall_s();
	return (struct wait){logged, ahead_s > 0 ? ahead_s : 0};
}

static struct wait wait_of(const struct spoold *d, const struct envelope_recipient *r,
	const struct spool_recipient *state, struct view logged)
{
	if (spool_state_is_final((enum spool_state)state->state))
		return (struct wait){VIEW_NONE, -1};
	if (held_is(state))
		return (struct wait){HELD_REASON, -1};
	if (r->kind == ENVELOPE_REMOTE)
		return wait_elsewhere(d, r->target, state, logged);
	return wait_in_lane(d, lane_find(d, r->target), logged);
}

/* What was read of it, empty when nothing was. They come in the order of the recipients. */
static struct view reason_of(struct cursor *reasons, uint32_t recipient)
{
	struct cursor c = *reasons;
	while (cursor_left(&c) >= 8) {
		const uint32_t number = cursor_u32(&c);
		const struct view reason = cursor_take(&c, cursor_u32(&c));
		if (number > recipient)
			break;
		*reasons = c;
		if (number == recipient)
			return reason;
	}
	return VIEW_NONE;
}

struct view show_reason(const struct spoold *d, const struct envelope_recipient *r,
	const struct spool_recipient *state, struct cursor *reasons, uint32_t recipient)
{
	return wait_of(d, r, state, reason_of(reasons, recipient)).reason;
}

static const char *state_name(const struct spool_recipient *r)
{
	const bool held = !spool_state_is_final((enum spool_state)r->state) && held_is(r);
	return held ? "held" : spool_state_name((enum spool_state)r->state);
}

static const char *kind_name(const struct envelope_recipient *r)
{
	return r->kind == ENVELOPE_REMOTE ? "destination" : "mailbox";
}

static void add_json_recipient(const struct spoold *d, struct buffer *b,
	const struct envelope_recipient *r, const struct spool_recipient *state, struct view logged)
{
	const struct wait wait = wait_of(d, r, state, logged);
	text_add(b, "{\"{}\":", text_string(kind_name(r)));
	text_add_json(b, r->target);
	buffer_add(b, VIEW(",\"forward_path\":"));
	text_add_json(b, r->forward_path);
	text_add(b, ",\"state\":\"{}\",\"attempts\":{},\"reason\":", text_string(state_name(state)),
		text_number(state->attempts & ATTEMPTS_COUNT));
	text_add_json(b, wait.reason);
	buffer_add(b, VIEW(",\"next_try_s\":"));
	if (wait.next_s < 0)
		buffer_add(b, VIEW("null}"));
	else
		text_add(b, "{}}", text_signed(wait.next_s));
}

static void add_json(const struct spoold *d, struct buffer *b, const struct spool_entry *entry,
	const struct envelope *e, struct view reasons)
{
	struct cursor c = cursor_of(reasons);
	text_add(b, "{\"id\":\"{}\",\"arrival\":{},\"octets\":{},\"reverse_path\":",
		text_hex(entry->id.value), text_signed(entry->arrival_s),
		text_number(entry->content_octets));
	text_add_json(b, e->reverse_path);
	text_add(b, ",\"waiting\":{},\"placed\":{},\"deferred\":{},\"recipients\":[",
		text_number(count_state(entry, SPOOL_WAITING)),
		text_number(count_state(entry, SPOOL_PLACED)),
		text_number(count_state(entry, SPOOL_DEFERRED)));
	for (uint32_t i = 0; i < e->recipient_count && i < entry->recipient_count; i++) {
		if (i)
			buffer_add_octet(b, ',');
		add_json_recipient(
			d, b, &e->recipients[i], &entry->recipients[i], reason_of(&c, i));
	}
	buffer_add(b, VIEW("]}"));
}

static void add_recipient(const struct spoold *d, struct buffer *b,
	const struct envelope_recipient *r, const struct spool_recipient *state, struct view logged)
{
	const struct wait wait = wait_of(d, r, state, logged);
	text_add(b, "    {} <{}> {} {}\n", text_string(state_name(state)),
		text_view(r->forward_path), text_string(kind_name(r)), text_view(r->target));
	if (wait.reason.length)
		text_add(b, "        {}\n", text_view(wait.reason));
	if (wait.next_s >= 0)
		text_add(b, "        next try in {} s\n", text_signed(wait.next_s));
}

static void add_lines(const struct spoold *d, struct buffer *b, const struct spool_entry *entry,
	const struct envelope *e, const struct page *p, struct view reasons)
{
	const int64_t age_s = clock_wall_s() - entry->arrival_s;
	struct cursor c = cursor_of(reasons);
	text_add(b, "{}  {} s  {} octets  <{}>\n", text_hex(entry->id.value),
		text_signed(age_s < 0 ? 0 : age_s), text_number(entry->content_octets),
		text_view(e->reverse_path));
	for (uint32_t i = 0; i < e->recipient_count; i++)
		if (!spool_state_is_final((enum spool_state)entry->recipients[i].state) &&
			selection_has_recipient(&p->selection, &e->recipients[i]))
			add_recipient(
				d, b, &e->recipients[i], &entry->recipients[i], reason_of(&c, i));
}

/* Whether anything of it is to be shown. */
static bool is_shown(
	const struct page *p, const struct spool_entry *entry, const struct envelope *e)
{
	for (uint32_t i = 0; i < e->recipient_count; i++)
		if (!spool_state_is_final((enum spool_state)entry->recipients[i].state) &&
			selection_has_recipient(&p->selection, &e->recipients[i]))
			return true;
	return false;
}

static void show_each(struct page *p, const struct spool_entry *entry, const struct envelope *e,
	const struct page_message *m)
{
	if (!is_shown(p, entry, e))
		return;
	if (!view_equal(p->verb, VIEW("json"))) {
		add_lines(p->spoold, &p->out, entry, e, p, buffer_view(&m->reasons));
		return;
	}
	if (p->out.length)
		buffer_add(&p->out, VIEW(",\n"));
	add_json(p->spoold, &p->out, entry, e, buffer_view(&m->reasons));
}

static void show_end(struct page *p)
{
	(void)p;
}

const struct page_ops show_page = {.has_reasons = true, .each = show_each, .end = show_end};
