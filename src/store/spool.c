#include "store/spool_internal.h"

#include "base/log.h"
#include "store/crc32c.h"

#define MIB (1024u * 1024u)

const struct spool_limits spool_limits_default = {
	.segment_octets = 16 * MIB,
	.segments_max = 4096,
	.segments_reserve = 2,
	.segments_spare = 2,
	.segments_idle_max = 64,
	.batch_octets = 4 * MIB,
	.lazy_octets = 256 * 1024,
	.states_octets = 16 * MIB,
	.envelope_octets = MIB,
	.inline_octets = 256 * 1024,
	.large_octets = 1024ull * MIB,
	.large_total_octets = 64ull * 1024 * MIB,
	.recipients_per_message = 10000,
	.recipients_max = 4000000,
	.free_floor_octets = 256ull * MIB,
	.compact_step_octets = MIB,
	.compact_live_percent = 40,
	.compact_segments_min = 8,
};

const char *spool_state_name(enum spool_state state)
{
	switch (state) {
	case SPOOL_WAITING:
		return "waiting";
	case SPOOL_PLACED:
		return "placed";
	case SPOOL_DEFERRED:
		return "deferred";
	case SPOOL_DELIVERED:
		return "delivered";
	case SPOOL_FAILED:
		return "failed";
	case SPOOL_DROPPED:
		return "dropped";
	}
	return "unknown";
}

bool spool_state_is_final(enum spool_state state)
{
	return state == SPOOL_DELIVERED || state == SPOOL_FAILED || state == SPOOL_DROPPED;
}

/* --- small helpers of all files ------------------------------------------------------------ */

/* splitmix64, from the one random number that we were born with. */
uint64_t spool_draw(struct spool *spool)
{
	uint64_t z = spool->random += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void outcome_add(struct spool *spool, const struct spool_outcome *outcome)
{
	ARRAY_GROW(spool->outcomes, spool->outcome_count, spool->outcome_room);
	spool->outcomes[spool->outcome_count++] = *outcome;
}

void pending_add(struct pending_list *list, const struct pending *pending)
{
	ARRAY_GROW(list->items, list->count, list->room);
	list->items[list->count++] = *pending;
}

void removal_add(struct spool *spool, uint64_t large)
{
	ARRAY_GROW(spool->removals, spool->removal_count, spool->removal_room);
	spool->removals[spool->removal_count++] = large;
}

void recipient_apply(struct spool *spool, struct spool_entry *entry,
	struct spool_recipient *recipient, enum spool_state state, uint16_t attempts,
	int64_t next_attempt_s, bool this_boot)
{
	if (spool_state_is_final(state) && !spool_state_is_final(recipient->state)) {
		entry->open_count--;
		spool->open_recipients--;
		spool->open_messages -= entry->open_count == 0;
	}
	recipient->state = (uint8_t)state;
	recipient->attempts = attempts;
	recipient->next_attempt_s = next_attempt_s;
	recipient->placed_this_boot = state == SPOOL_PLACED && this_boot;
}

void recipient_settle(
	struct spool *spool, struct spool_recipient *recipient, uint32_t segment, uint32_t offset)
{
	const uint32_t before = recipient->segment;
	segment_live_add(spool, segment, RECORD_OCTETS + STATE_FIXED_OCTETS);
	recipient->segment = segment;
	recipient->offset = offset;
	if (before != SPOOL_NOWHERE)
		segment_live_drop(spool, before, RECORD_OCTETS + STATE_FIXED_OCTETS);
}

void entry_end(struct spool *spool, struct spool_entry *entry)
{
	const uint32_t generation = segment_of(spool, entry->segment)->generation;
	bool backwards = true;
	for (uint32_t i = 0; i < entry->recipient_count; i++)
		backwards &=
			segment_of(spool, entry->recipients[i].segment)->generation >= generation;
	if (backwards)
		entry_finish(spool, entry, true);
	else if (!spool->recovering) /* recovery waits: the record may be there already */
		state_queue(spool, NULL, PENDING_END, entry->id.value);
}

void entry_finish(struct spool *spool, struct spool_entry *entry, bool holds)
{
	for (uint32_t i = 0; i < entry->recipient_count; i++) {
		const uint32_t segment = entry->recipients[i].segment;
		if (segment == SPOOL_NOWHERE)
			continue;
		if (holds)
			segment_hold(spool, segment, entry->segment);
		segment_live_drop(spool, segment, RECORD_OCTETS + STATE_FIXED_OCTETS);
	}
	const uint64_t content = entry->large ? 0 : entry->content_octets;
	segment_live_drop(spool, entry->segment, content + entry->envelope_octets);
	spool->content_octets -= entry->content_octets + entry->envelope_octets;
	if (entry->large)
		spool->large_octets -= entry->content_octets;
	if (!spool->recovering) {
		if (entry->large)
			removal_add(spool, entry->large);
		outcome_add(
			spool, &(struct spool_outcome){.kind = SPOOL_FINISHED, .id = entry->id});
	}
	index_remove(spool, entry);
}

/* --- opening ------------------------------------------------------------------------------ */

/* A batch in its worst case must fit into a fresh segment. */
static bool limits_make_sense(const struct spool_limits *limits)
{
	const uint64_t roster = RECORD_OCTETS + ROSTER_FIXED_OCTETS +
				(uint64_t)ROSTER_ENTRY_OCTETS * limits->segments_max;
	const uint64_t record = (uint64_t)RECORD_OCTETS + MESSAGE_FIXED_OCTETS +
				limits->envelope_octets + limits->inline_octets + 8;
	const uint64_t moves = limits->compact_step_octets + record;
	return limits->segment_octets % BLOCK_OCTETS == 0 && record <= limits->batch_octets &&
	       BLOCK_OCTETS * 2 + roster + moves + 2ull * limits->batch_octets <=
		       limits->segment_octets &&
	       limits->segments_reserve > 0 && limits->segments_spare > 0 &&
	       limits->segments_max > limits->segments_reserve + limits->segments_spare &&
	       limits->segments_max < SEGMENT_NUMBER_MAX / 2;
}

static void buffers_new(struct spool *spool)
{
	const size_t max = spool->limits.segment_octets;
	spool->messages = buffer_new(max);
	spool->moves = buffer_new(max);
	spool->states = buffer_new((size_t)UINT32_MAX);
	spool->sent_states = buffer_new((size_t)UINT32_MAX);
	spool->batch.lead = buffer_new(max);
	spool->batch.moves = buffer_new(max);
	spool->batch.messages = buffer_new(max);
	spool->batch.tail = buffer_new(max);
	spool->chore.block = buffer_new(max);
}

enum error spool_open(struct disk *disk, const struct spool_limits *limits, struct view boot_id,
	uint64_t random, struct spool **spool_out, struct spool_report *report_out)
{
	must(limits_make_sense(limits));
	struct spool *spool = memory_new(1, sizeof *spool);
	spool->disk = disk;
	spool->limits = *limits;
	must(boot_id.length == SPOOL_BOOT_OCTETS &&
		view_copy(boot_id, spool->boot, SPOOL_BOOT_OCTETS));
	spool->random = random;
	spool->current = SPOOL_NOWHERE;
	spool->newest = SPOOL_NOWHERE;
	spool->compaction.victim = SPOOL_NOWHERE;
	spool->free_octets = UINT64_MAX;
	buffers_new(spool);
	*report_out = (struct spool_report){0};
	const enum error error = spool_recover(spool, report_out);
	if (error != ERROR_NONE)
		spool_free(&spool);
	*spool_out = spool;
	return error;
}

static void list_free(struct spool *spool, struct pending_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].large)
			large_free(spool, &list->items[i].large);
	memory_free(list->items);
}

void spool_free(struct spool **spool_at)
{
	struct spool *spool = *spool_at;
	if (!spool)
		return;
	must(!spool->batch_out && !spool->chore_out);
	list_free(spool, &spool->message_list);
	list_free(spool, &spool->move_list);
	list_free(spool, &spool->state_list);
	list_free(spool, &spool->sent);
	struct buffer *const buffers[] = {&spool->messages, &spool->moves, &spool->states,
		&spool->sent_states, &spool->batch.lead, &spool->batch.moves,
		&spool->batch.messages, &spool->batch.tail, &spool->chore.block};
	for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffer_free(buffers[i]);
	for (uint32_t i = 0; i < spool->segment_count; i++)
		memory_free(spool->segments[i].holds);
	index_free(spool);
	disk_close(spool->disk, &spool->file);
	memory_free(spool->segments);
	memory_free(spool->batch.larges);
	memory_free(spool->removals);
	memory_free(spool->outcomes);
	memory_free(spool);
	*spool_at = NULL;
}

uint64_t spool_birth(const struct spool *spool)
{
	return spool->birth;
}

struct spool_id spool_boot_first(const struct spool *spool)
{
	return (struct spool_id){spool->boot_first};
}

bool spool_boot_is_new(const struct spool *spool)
{
	return spool->boot_is_new;
}

void spool_note(
	struct spool *spool, struct spool_id id, uint32_t recipient, unsigned set, unsigned clear)
{
	struct spool_entry *entry = index_find(spool, id.value);
	if (!entry || recipient >= entry->recipient_count)
		return;
	struct spool_recipient *target = &entry->recipients[recipient];
	target->notes = (uint8_t)((target->notes & ~clear) | set) & 0x7f;
}

/* --- accepting ---------------------------------------------------------------------------- */

/* What the collected messages and states will take, with room for an end on a block. */
static uint64_t collected_octets(const struct spool *spool)
{
	return spool->messages.length + spool->moves.length + BLOCK_OCTETS;
}

static bool message_fits_current(const struct spool *spool, uint64_t octets)
{
	return collected_octets(spool) + octets <= batch_room(spool);
}

bool space_can_come(const struct spool *spool)
{
	const uint32_t ready = segments_in(spool, SEGMENT_READY);
	if (ready > spool->limits.segments_reserve)
		return true;
	const bool may_make = segments_total(spool) < spool->limits.segments_max &&
			      !spool->prepare_failed &&
			      spool->free_octets >= spool->limits.free_floor_octets;
	bool drained = false; /* of those, abandoned ones give a file away, not a segment */
	for (uint32_t i = 0; i < spool->segment_count; i++)
		drained |= spool->segments[i].state == SEGMENT_DRAINED &&
			   !spool->segments[i].abandoned;
	return drained || may_make || segments_in(spool, SEGMENT_PREPARING);
}

void space_settle(struct spool *spool)
{
	if (!spool->message_list.count || message_fits_current(spool, 0) || space_can_come(spool))
		return;
	for (size_t i = 0; i < spool->message_list.count; i++) {
		struct pending *pending = &spool->message_list.items[i];
		outcome_add(spool, &(struct spool_outcome){.kind = SPOOL_REFUSED,
					   .error = ERROR_SPACE,
					   .id = {pending->id},
					   .ticket = pending->ticket});
		spool_large_abort(spool, &pending->large);
	}
	spool->message_list.count = 0;
	buffer_clear(&spool->messages);
}

static uint64_t content_length(const struct spool_message *message)
{
	uint64_t total = 0;
	for (size_t i = 0; i < message->content_count; i++)
		total += message->content[i].length;
	return total;
}

static enum error message_check(
	const struct spool *spool, const struct spool_message *message, uint64_t content)
{
	const struct spool_limits *limits = &spool->limits;
	const struct spool_large *large = message->large;
	if (message->recipients == 0 || message->recipients > limits->recipients_per_message ||
		message->envelope.length > limits->envelope_octets ||
		spool->recipient_count + message->recipients > limits->recipients_max)
		return ERROR_LIMIT;
	if (large && large->error != ERROR_NONE)
		return large->error;
	if (!large && (content >= limits->inline_octets ||
			      message->content_count > SPOOL_CONTENT_PARTS_MAX))
		return ERROR_LIMIT;
	const uint64_t octets = RECORD_OCTETS + MESSAGE_FIXED_OCTETS + message->envelope.length +
				(large ? 0 : content) + 8;
	if (spool->free_octets < limits->free_floor_octets ||
		(large && spool->large_octets + large->octets > limits->large_total_octets) ||
		(!message_fits_current(spool, octets) && !space_can_come(spool)))
		return ERROR_SPACE;
	if (spool->messages.length + octets > limits->batch_octets)
		return ERROR_BUSY;
	return ERROR_NONE;
}

/* One pass: each part is summed while it is warm from being copied. */
static void message_encode(
	struct buffer *b, const struct spool_message *message, uint64_t id, uint64_t content)
{
	const struct spool_large *large = message->large;
	const struct message_body body = {.arrival_s = message->arrival_s,
		.large = large ? large->number : 0,
		.content_octets = large ? large->octets : content,
		.recipients = message->recipients,
		.envelope_octets = (uint32_t)message->envelope.length,
		.content_sum = large ? large->sum : 0};
	const size_t at = record_begin(b, RECORD_MESSAGE, id);
	message_body_add(b, &body);
	buffer_add(b, message->envelope);
	uint32_t sum = body.content_sum;
	for (size_t i = 0; !large && i < message->content_count; i++) {
		sum = crc32c(sum, message->content[i]);
		buffer_add(b, message->content[i]);
	}
	must(!buffer_failed(b));
	buffer_patch_u32(b, at + RECORD_OCTETS + MESSAGE_FIXED_OCTETS - 8, sum);
	record_end(b, at, MESSAGE_FIXED_OCTETS + message->envelope.length);
}

enum error spool_append(
	struct spool *spool, const struct spool_message *message, struct spool_id *id_out)
{
	const uint64_t content = message->large ? 0 : content_length(message);
	*id_out = (struct spool_id){0};
	const enum error error = message_check(spool, message, content);
	if (error != ERROR_NONE)
		return error;
	const uint64_t id = spool->next_id++;
	const struct pending pending = {.kind = PENDING_MESSAGE,
		.recipient = message->recipients,
		.at = spool->messages.length,
		.id = id,
		.ticket = message->ticket,
		.large = message->large};
	message_encode(&spool->messages, message, id, content);
	pending_add(&spool->message_list, &pending);
	id_out->value = id;
	return ERROR_NONE;
}

bool spool_outcome_next(struct spool *spool, struct spool_outcome *outcome_out)
{
	if (spool->outcome_at == spool->outcome_count) {
		spool->outcome_at = spool->outcome_count = 0;
		return false;
	}
	*outcome_out = spool->outcomes[spool->outcome_at++];
	return true;
}

/* --- states ------------------------------------------------------------------------------- */

void state_queue(
	struct spool *spool, const struct state_body *body, enum pending_kind kind, uint64_t id)
{
	struct pending pending = {.kind = kind, .id = id, .at = spool->states.length};
	if (body) {
		pending.recipient = body->recipient;
		pending.state = body->state;
		pending.attempts = body->attempts;
		pending.next_attempt_s = body->next_attempt_s;
		state_body_add(&spool->states, body);
		must(!buffer_failed(&spool->states));
	}
	pending.length = spool->states.length - pending.at;
	pending_add(&spool->state_list, &pending);
}

enum error spool_state_set(struct spool *spool, struct spool_id id, uint32_t recipient,
	const struct spool_change *change)
{
	struct spool_entry *entry = index_find(spool, id.value);
	if (!entry || recipient >= entry->recipient_count)
		return ERROR_MISSING;
	struct spool_recipient *target = &entry->recipients[recipient];
	if (spool_state_is_final(target->state) || change->state == SPOOL_WAITING)
		return ERROR_PROTOCOL;
	if (spool->states.length >= spool->limits.states_octets)
		return ERROR_BUSY;
	static const uint8_t no_boot[SPOOL_BOOT_OCTETS];
	const bool placed = change->state == SPOOL_PLACED;
	const struct state_body body = {.recipient = recipient,
		.state = change->state,
		.attempts = change->attempts,
		.next_attempt_s = change->next_attempt_s,
		.boot = view_of(placed ? spool->boot : no_boot, SPOOL_BOOT_OCTETS),
		.reason = change->reason};
	state_queue(spool, &body, PENDING_STATE, id.value);
	spool->states_set++;
	target->pending++;
	recipient_apply(spool, entry, target, change->state, change->attempts,
		change->next_attempt_s, true);
	return ERROR_NONE;
}

uint64_t spool_mark(const struct spool *spool)
{
	return spool->states_set;
}

bool spool_is_durable(const struct spool *spool, uint64_t mark)
{
	return spool->states_durable >= mark;
}

/* --- looking ------------------------------------------------------------------------------ */

void spool_tick(struct spool *spool, uint64_t free_octets)
{
	spool->free_octets = free_octets;
	spool->paused = false;
	spool->chores_paused = false;
	spool->prepare_failed = false;
}

void spool_set_free_floor(struct spool *spool, uint64_t octets)
{
	spool->limits.free_floor_octets = octets;
}

void spool_flush(struct spool *spool)
{
	spool->flush = true;
}

bool spool_is_clean(const struct spool *spool)
{
	return !spool->batch_out && !spool->chore_out && !spool->message_list.count &&
	       !spool->move_list.count && !spool->state_list.count && !spool->sent.count &&
	       !spool->force;
}

void spool_status(const struct spool *spool, struct spool_status *status_out)
{
	uint32_t abandoned = 0;
	uint32_t leaving = 0;
	uint32_t corrupt = 0;
	for (uint32_t i = 0; i < spool->segment_count; i++) {
		const struct segment *segment = &spool->segments[i];
		abandoned += segment->abandoned && segment->state != SEGMENT_ABSENT;
		leaving += segment->abandoned && segment->state == SEGMENT_DRAINED &&
			   segment_is_listed(spool, segment);
		corrupt += segment->corrupt || segment->state == SEGMENT_ASIDE;
	}
	*status_out = (struct spool_status){
		.messages = spool->open_messages,
		.recipients = spool->open_recipients,
		.octets = spool->content_octets,
		.large_octets = spool->large_octets,
		.segments = segments_total(spool),
		.segments_ready = segments_in(spool, SEGMENT_READY),
		.segments_abandoned = abandoned,
		.segments_leaving = leaving,
		.segments_corrupt = corrupt,
		.batches = spool->batches,
		.failures = spool->failures,
		.last_error = spool->last_error,
		.oldest_arrival_s = spool->oldest ? spool->oldest->arrival_s : 0,
		.messages_refused =
			spool->free_octets < spool->limits.free_floor_octets ||
			(!space_can_come(spool) && !message_fits_current(spool, BLOCK_OCTETS)),
	};
}
