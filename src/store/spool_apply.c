#include "store/spool_recovery.h"

#include "base/log.h"

static void message_apply(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset)
{
	struct spool *spool = r->spool;
	struct message_body body;
	if (!message_body_parse(record->body, &body) || record->id == 0 ||
		body.recipients > UINT16_MAX * 16u)
		return;
	struct spool_entry *entry = index_find(spool, record->id);
	const uint64_t octets = body.content.length + body.envelope_octets;
	segment_saw_message(spool, segment, record->id);
	segment_live_add(spool, segment, octets);
	if (body.large > spool->next_large)
		spool->next_large = body.large;
	if (entry) {
		segment_hold(spool, segment, entry->segment);
		segment_live_drop(spool, entry->segment, octets);
	} else {
		entry = index_add(spool, record->id, body.recipients);
		entry->arrival_s = body.arrival_s;
		entry->large = body.large;
		entry->content_octets = body.content_octets;
		entry->content_sum = body.content_sum;
		entry->envelope_octets = body.envelope_octets;
		spool->content_octets += entry->content_octets + entry->envelope_octets;
		if (entry->large)
			spool->large_octets += entry->content_octets;
	}
	entry->segment = segment;
	entry->offset = offset;
}

static void state_apply(struct recovery *r, struct spool_entry *entry, const struct orphan *state)
{
	struct spool *spool = r->spool;
	if (state->recipient >= entry->recipient_count)
		return;
	struct spool_recipient *recipient = &entry->recipients[state->recipient];
	const bool was_final = spool_state_is_final((enum spool_state)recipient->state);
	recipient_apply(spool, entry, recipient, (enum spool_state)state->state, state->attempts,
		state->next_attempt_s, state->this_boot);
	recipient_settle(spool, recipient, state->segment, state->offset);
	if (!was_final && spool_state_is_final(recipient->state))
		entry->unsettled--;
	if (entry->unsettled == 0)
		entry_end(spool, entry);
}

static void state_read(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset)
{
	struct state_body body;
	if (!state_body_parse(record->body, &body))
		return;
	const struct orphan state = {.id = record->id,
		.next_attempt_s = body.next_attempt_s,
		.recipient = body.recipient,
		.segment = segment,
		.offset = offset,
		.attempts = body.attempts,
		.state = (uint8_t)body.state,
		.this_boot = view_equal(body.boot, view_of(r->spool->boot, SPOOL_BOOT_OCTETS))};
	struct spool_entry *entry = index_find(r->spool, record->id);
	if (entry) {
		state_apply(r, entry, &state);
		return;
	}
	ARRAY_GROW(r->orphans, r->orphan_count, r->orphan_room);
	r->orphans[r->orphan_count++] = state;
}

/* Newest first: what was set from a later record, or a later orphan, stands. */
void recovery_apply_orphans(struct recovery *r)
{
	for (size_t i = r->orphan_count; i > 0; i--) {
		const struct orphan *state = &r->orphans[i - 1];
		struct spool_entry *entry = index_find(r->spool, state->id);
		if (entry && state->recipient < entry->recipient_count &&
			entry->recipients[state->recipient].segment == SPOOL_NOWHERE)
			state_apply(r, entry, state);
	}
}

static void done_apply(struct recovery *r, uint64_t id, uint32_t segment)
{
	struct spool_entry *entry = index_find(r->spool, id);
	if (!entry)
		return;
	segment_hold(r->spool, segment, entry->segment);
	entry_finish(r->spool, entry, false);
}

void recovery_apply(
	struct recovery *r, const struct record *record, uint32_t segment, uint32_t offset)
{
	if (record->id > r->highest_id)
		r->highest_id = record->id;
	r->report->records++;
	switch (record->type) {
	case RECORD_MESSAGE:
		message_apply(r, record, segment, offset);
		return;
	case RECORD_STATE:
		state_read(r, record, segment, offset);
		return;
	case RECORD_DONE:
		done_apply(r, record->id, segment);
		return;
	case RECORD_ROSTER:
	case RECORD_NOTE:
		return;
	}
}
