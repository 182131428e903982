#include "keepers/spool/spoold.h"

#include "base/clock.h"

/* --- queue -------------------------------------------------------------------------------- */

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
	if (r->kind == ENVELOPE_REMOTE)
		return wait_elsewhere(d, r->target, state, logged);
	return wait_in_lane(d, lane_find(d, r->target), logged);
}

static bool read_envelope(struct spoold *d, struct spool_id id, struct buffer *form,
	struct arena *a, struct envelope *e)
{
	struct spool_where where;
	if (spool_read_begin(d->spool, id, &where) != ERROR_NONE)
		return false;
	const bool ok = spool_read_envelope(d->disk, &where, form) == ERROR_NONE &&
			envelope_read(buffer_view(form), a, e);
	spool_read_end(d->spool, &where);
	return ok;
}

static void add_reason(struct spoold *d, const struct spool_entry *entry, struct buffer *b)
{
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		if (entry->recipients[i].state == SPOOL_DEFERRED &&
			spool_read_reason(d->disk, &entry->recipients[i], entry->id, b) ==
				ERROR_NONE &&
			b->length)
			return;
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
	text_add(b, ",\"state\":\"{}\",\"attempts\":{},\"reason\":",
		text_string(spool_state_name((enum spool_state)state->state)),
		text_number(state->attempts & ~ATTEMPTS_WARNED));
	text_add_json(b, wait.reason);
	buffer_add(b, VIEW(",\"next_try_s\":"));
	if (wait.next_s < 0)
		buffer_add(b, VIEW("null}"));
	else
		text_add(b, "{}}", text_signed(wait.next_s));
}

static void add_json(const struct spoold *d, struct buffer *b, const struct spool_entry *entry,
	const struct envelope *e, struct view logged)
{
	text_add(b, "{\"id\":\"{}\",\"arrival\":{},\"octets\":{},\"reverse_path\":",
		text_hex(entry->id.value), text_signed(entry->arrival_s),
		text_number(entry->content_octets));
	text_add_json(b, e->reverse_path);
	text_add(b, ",\"waiting\":{},\"placed\":{},\"deferred\":{},\"reason\":",
		text_number(count_state(entry, SPOOL_WAITING)),
		text_number(count_state(entry, SPOOL_PLACED)),
		text_number(count_state(entry, SPOOL_DEFERRED)));
	text_add_json(b, logged);
	buffer_add(b, VIEW(",\"recipients\":["));
	for (uint32_t i = 0; i < e->recipient_count && i < entry->recipient_count; i++) {
		if (i)
			buffer_add_octet(b, ',');
		add_json_recipient(d, b, &e->recipients[i], &entry->recipients[i], logged);
	}
	buffer_add(b, VIEW("]}"));
}

static void add_line(const struct spoold *d, struct buffer *b, const struct spool_entry *entry,
	const struct envelope *e, struct view logged)
{
	const int64_t age_s = clock_wall_s() - entry->arrival_s;
	text_add(b, "{}  {} s  {} octets  <{}>\n", text_hex(entry->id.value),
		text_signed(age_s < 0 ? 0 : age_s), text_number(entry->content_octets),
		text_view(e->reverse_path));
	for (uint32_t i = 0; i < e->recipient_count && i < entry->recipient_count; i++) {
		const enum spool_state state = (enum spool_state)entry->recipients[i].state;
		if (spool_state_is_final(state))
			continue;
		const struct envelope_recipient *r = &e->recipients[i];
		const struct wait wait = wait_of(d, r, &entry->recipients[i], logged);
		text_add(b, "    {} <{}> {} {}\n", text_string(spool_state_name(state)),
			text_view(r->forward_path), text_string(kind_name(r)),
			text_view(r->target));
		if (wait.reason.length)
			text_add(b, "        {}\n", text_view(wait.reason));
		if (wait.next_s >= 0)
			text_add(b, "        next try in {} s\n", text_signed(wait.next_s));
	}
}

static void list_queue(struct spoold *d, uint32_t stream, bool json)
{
	struct buffer out = buffer_new(64u << 20);
	const char *comma = "";
	if (json)
		buffer_add_octet(&out, '[');
	for (const struct spool_entry *entry = spool_oldest(d->spool); entry;
		entry = spool_after(d->spool, entry->id)) {
		struct arena a = arena_new(8u << 20);
		struct buffer form = buffer_new(RECEIVE_ENVELOPE_MAX);
		struct buffer reason = buffer_new(512);
		struct envelope e = {0};
		if (entry->open_count && read_envelope(d, entry->id, &form, &a, &e)) {
			add_reason(d, entry, &reason);
			if (json) {
				buffer_add(&out, view_text(comma));
				add_json(d, &out, entry, &e, buffer_view(&reason));
				comma = ",\n";
			} else {
				add_line(d, &out, entry, &e, buffer_view(&reason));
			}
		}
		buffer_free(&reason);
		buffer_free(&form);
		arena_reset(&a);
		if (out.length > 65536) {
			program_output(d->program, stream, buffer_view(&out));
			buffer_clear(&out);
		}
	}
	if (json)
		buffer_add(&out, VIEW("]\n"));
	program_output(d->program, stream, buffer_view(&out));
	buffer_free(&out);
	program_done(d->program, stream, 0);
}

/* --- status ------------------------------------------------------------------------------- */

static uint32_t count_trouble(const struct spoold *d)
{
	uint32_t n = 0;
	for (size_t i = 0; i < LANE_SLOTS; i++)
		for (const struct lane *lane = d->lanes[i]; lane; lane = lane->chain)
			n += lane->in_trouble;
	return n;
}

static void say_status(struct spoold *d, uint32_t stream)
{
	struct spool_status s;
	struct buffer b = buffer_new(4096);
	spool_status(d->spool, &s);
	text_add(&b, "messages={}\nrecipients={}\noctets={}\nsegments={}\nsegments_ready={}\n",
		text_number(s.messages), text_number(s.recipients), text_number(s.octets),
		text_number(s.segments), text_number(s.segments_ready));
	text_add(&b, "segments_abandoned={}\nsegments_corrupt={}\nbatches={}\nfailures={}\n",
		text_number(s.segments_abandoned), text_number(s.segments_corrupt),
		text_number(s.batches), text_number(s.failures));
	text_add(&b, "mailboxes_in_trouble={}\ndestinations={}\ndestinations_in_trouble={}\n",
		text_number(count_trouble(d)), text_number(schedule_destinations(d->schedule)),
		text_number(schedule_down(d->schedule)));
	text_add(&b, "last_error={}\nrefusing={}\nfree_octets={}\n",
		text_string(error_name(s.last_error)), text_number(s.messages_refused),
		text_number(d->free_octets));
	program_output(d->program, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(d->program, stream, 0);
}

void spoold_command(struct program *p, uint32_t stream, struct view words)
{
	struct spoold *d = p->draining ? NULL : p->state;
	const struct view verb = program_word(words, 0);
	if (d && view_equal(verb, VIEW("queue")) && changes_command(d, stream, words))
		return;
	if (d && view_equal(verb, VIEW("queue")))
		list_queue(d, stream, view_equal(program_word(words, 1), VIEW("--json")));
	else if (d && view_equal(verb, VIEW("status")))
		say_status(d, stream);
	else
		program_done(p, stream, 64);
}
