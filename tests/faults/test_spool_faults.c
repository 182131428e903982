/*
 * The spool against a disk as bad as allowed (sim_disk.h), checked against a model, seed by seed:
 *
 *	test_spool_faults [SEEDS [FIRST]]	default 2000 seeds from 1, and some that have found faults; a
 *						failure prints its seed
 *	test_spool_faults --planted		each planted fault must be noticed
 *
 * A seed is a life of a spool: random messages, states, reads, batches, chores, failures, deaths of
 * the process and power cuts, also during recovery. After each recovery, and at the end:
 * - every message that was acknowledged and not reported finished is there, once, octet by octet;
 * - no recipient's state is older than what was reported durable, none was invented;
 * - what was reported finished, or refused (but for the one window in spool.h), is not there;
 * - nothing counts as corrupt or missing; what is of an earlier boot is known as such;
 * - when all is finished all segments but one are recycled and all large files are gone.
 */
#include "sim_disk.h"

#include "base/log.h"
#include "store/crc32c.h"
#include "store/spool_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPIENTS_MAX 4
#define HISTORY_MAX 24

static const struct spool_limits tiny = {
	.segment_octets = 20 * 4096,
	.segments_max = 24,
	.segments_reserve = 2,
	.segments_spare = 2,
	.segments_idle_max = 8,
	.batch_octets = 4 * 4096,
	.lazy_octets = 6000,
	.states_octets = 65536,
	.envelope_octets = 300,
	.inline_octets = 6000,
	.large_octets = 40000,
	.large_total_octets = 400000,
	.recipients_per_message = RECIPIENTS_MAX,
	.recipients_max = 500,
	.free_floor_octets = 40000,
	.compact_step_octets = 8192,
	.compact_live_percent = 50,
	.compact_segments_min = 3,
};

enum plant {
	PLANT_NONE,
	PLANT_SYNC_IGNORED,
	PLANT_SYNC_HALF,
	PLANT_SYNC_FAILURE_HIDDEN,
	PLANT_DIRECTORY_IGNORED,
	PLANT_WRITE_LOST,
	PLANT_EARLY_ANSWER, /* 250 before the batch was written */
	PLANT_RECYCLE_EARLY, /* "blanked", but the header was not written */
	PLANT_COUNT,
};
static const char *const plant_names[] = {"none", "sync ignored", "sync leaves a sector out",
	"failed sync hidden", "directory sync ignored", "write lost", "answer before sync",
	"recycled without a blank header"};

enum fate {
	FATE_OPEN, /* appended, no outcome seen */
	FATE_ACCEPTED, /* must be there */
	FATE_MAYBE, /* died unanswered: may be there or not */
	FATE_REFUSED,
	FATE_FINISHED,
	FATE_GONE, /* was found absent, rightly: must stay so */
};

struct step {
	enum spool_state state;
	uint16_t attempts;
	int64_t next;
	uint32_t boot;
};

struct model_message {
	uint64_t id;
	enum fate fate;
	uint32_t boot; /* in which it was appended */
	bool window; /* refused, and no opening has been durable since */
	uint32_t recipients;
	size_t envelope_octets;
	size_t content_octets;
	uint32_t seed;
	struct step history[RECIPIENTS_MAX][HISTORY_MAX];
	uint32_t steps[RECIPIENTS_MAX];
	uint32_t floor[RECIPIENTS_MAX]; /* steps that are durable */
	uint32_t marked[RECIPIENTS_MAX]; /* steps that the open mark covers */
};

struct world {
	uint64_t seed;
	uint64_t random;
	enum plant plant;
	struct sim_disk *sim;
	struct disk *disk;
	struct spool *spool;
	struct spool_batch *batch;
	bool batch_written;
	struct spool_chore *chore;
	bool chore_written;
	struct spool_large *large; /* a stream that stays open for a while */
	uint32_t large_seed;
	size_t large_octets;
	struct model_message *messages;
	size_t count;
	size_t room;
	bool has_mark;
	uint64_t mark;
	uint32_t boot;
	uint32_t recoveries;
	bool failed;
	char why[200];
};

#define FAIL(w, ...)                                                     \
	do {                                                             \
		if (!(w)->failed)                                        \
			snprintf((w)->why, sizeof(w)->why, __VA_ARGS__); \
		(w)->failed = true;                                      \
	} while (0)

static bool verbose;
#define TRACE(...)                                        \
	do {                                              \
		if (verbose)                              \
			log_flush(), printf(__VA_ARGS__); \
	} while (0)

static uint64_t draw(struct world *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint32_t below(struct world *w, uint32_t n)
{
	return (uint32_t)(draw(w) % n);
}

static void fill(uint8_t *to, size_t length, uint32_t seed)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (size_t i = 0; i < length; i++) {
		if (i % 8 == 0) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		to[i] = (uint8_t)(x >> i % 8 * 8);
	}
}

static struct model_message *model_find(struct world *w, uint64_t id)
{
	for (size_t i = w->count; i > 0; i--)
		if (w->messages[i - 1].id == id)
			return &w->messages[i - 1];
	return NULL;
}

/* --- checking ----------------------------------------------------------------------------- */

static void check_content(struct world *w, const struct model_message *m)
{
	static uint8_t expected[65536];
	static uint8_t got[65536];
	struct spool_where where;
	struct buffer envelope = buffer_new(4096);
	size_t length = 0;
	if (spool_read_begin(w->spool, (struct spool_id){m->id}, &where) != ERROR_NONE) {
		FAIL(w, "id %llx cannot be pinned", (unsigned long long)m->id);
		return;
	}
	const uint64_t failures = sim_disk_failures(w->sim);
	enum error error = spool_read_envelope(w->disk, &where, &envelope);
	if (error == ERROR_NONE)
		error = spool_read_content(w->disk, &where, 0, got, sizeof got, &length);
	spool_read_end(w->spool, &where);
	if (error != ERROR_NONE) {
		if (!sim_disk_is_dead(w->sim) && sim_disk_failures(w->sim) == failures)
			FAIL(w, "id %llx cannot be read: %s", (unsigned long long)m->id,
				error_name(error));
	} else {
		fill(expected, m->envelope_octets, m->seed);
		if (envelope.length != m->envelope_octets ||
			memcmp(envelope.data ? envelope.data : expected, expected,
				m->envelope_octets) != 0)
			FAIL(w, "id %llx: envelope differs", (unsigned long long)m->id);
		fill(expected, m->content_octets, m->seed + 1);
		if (length != m->content_octets || memcmp(got, expected, length) != 0)
			FAIL(w, "id %llx: content differs", (unsigned long long)m->id);
		if (where.content_sum != crc32c(0, view_of(expected, m->content_octets)))
			FAIL(w, "id %llx: checksum differs", (unsigned long long)m->id);
	}
	buffer_free(&envelope);
}

static bool step_equal(const struct step *s, const struct spool_recipient *r, uint32_t boot)
{
	const bool placed = s->state == SPOOL_PLACED && s->boot == boot;
	return r->placed_this_boot == placed && r->state == s->state &&
	       r->attempts == s->attempts && r->next_attempt_s == s->next;
}

/* The state found must be one that was reported, at or after the durable one. */
static void check_states(struct world *w, struct model_message *m, const struct spool_entry *entry)
{
	for (uint32_t i = 0; i < m->recipients; i++) {
		const struct spool_recipient *r = &entry->recipients[i];
		uint32_t found = UINT32_MAX;
		for (uint32_t k = m->steps[i] + 1; k > m->floor[i]; k--) {
			const struct step waiting = {.state = SPOOL_WAITING};
			const struct step *s = k == 1 ? &waiting : &m->history[i][k - 2];
			if (step_equal(s, r, w->boot) && found == UINT32_MAX)
				found = k - 1;
		}
		if (m->floor[i] == 0 && r->state == SPOOL_WAITING)
			found = found == UINT32_MAX ? 0 : found;
		if (found == UINT32_MAX) {
			FAIL(w,
				"id %llx/%u: state %s attempts %u is older than durable, or "
				"invented",
				(unsigned long long)m->id, i, spool_state_name(r->state),
				r->attempts);
			return;
		}
		m->steps[i] = found;
		m->floor[i] = found;
	}
}

static bool all_final(const struct model_message *m)
{
	for (uint32_t i = 0; i < m->recipients; i++)
		if (!m->steps[i] || !spool_state_is_final(m->history[i][m->steps[i] - 1].state))
			return false;
	return true;
}

static void check_message(struct world *w, struct model_message *m, bool clean)
{
	const struct spool_entry *entry = spool_find(w->spool, (struct spool_id){m->id});
	const bool is_older = m->id < spool_boot_first(w->spool).value;
	if (entry && is_older != (m->boot != w->boot))
		FAIL(w, "id %llx is of another boot", (unsigned long long)m->id);
	switch (m->fate) {
	case FATE_ACCEPTED:
		if (!entry && all_final(m))
			m->fate = FATE_GONE; /* finished, unreported */
		else if (!entry)
			FAIL(w, "id %llx was accepted and is lost", (unsigned long long)m->id);
		break;
	case FATE_REFUSED:
		if (entry && !m->window)
			FAIL(w, "id %llx was refused and is back", (unsigned long long)m->id);
		__attribute__((fallthrough));
	case FATE_OPEN:
	case FATE_MAYBE:
		if (!entry)
			m->fate = FATE_GONE;
		else
			m->fate = clean ? FATE_ACCEPTED : FATE_MAYBE;
		break;
	case FATE_FINISHED:
	case FATE_GONE:
		if (entry)
			FAIL(w, "id %llx was gone and is back", (unsigned long long)m->id);
		return;
	}
	if (entry && !w->failed) {
		if (entry->recipient_count != m->recipients) {
			FAIL(w, "id %llx: recipients differ", (unsigned long long)m->id);
			return;
		}
		check_states(w, m, entry);
		check_content(w, m);
	}
}

static void check_all(struct world *w, const struct spool_report *report, bool clean)
{
	if (report->corrupt_records || report->corrupt_segments || report->large_missing)
		FAIL(w, "recovery found corruption: %llu records, %llu segments, %llu contents",
			(unsigned long long)report->corrupt_records,
			(unsigned long long)report->corrupt_segments,
			(unsigned long long)report->large_missing);
	uint64_t known = 0;
	for (size_t i = 0; i < w->count && !w->failed; i++) {
		check_message(w, &w->messages[i], clean);
		known += spool_find(w->spool, (struct spool_id){w->messages[i].id}) != NULL;
	}
	uint64_t found = 0;
	struct spool_status open = {0};
	struct spool_status status;
	for (const struct spool_entry *e = spool_oldest(w->spool); e;
		e = spool_after(w->spool, e->id)) {
		found++;
		open.messages += e->open_count > 0;
		open.recipients += e->open_count;
	}
	spool_status(w->spool, &status);
	if (status.messages != open.messages || status.recipients != open.recipients)
		FAIL(w, "the status counts wrong");
	if (!w->failed && found != known)
		FAIL(w, "%llu messages that nobody sent", (unsigned long long)(found - known));
}

/* --- outcomes ----------------------------------------------------------------------------- */

static void see_outcomes(struct world *w)
{
	struct spool_outcome outcome;
	while (spool_outcome_next(w->spool, &outcome)) {
		struct model_message *m = model_find(w, outcome.id.value);
		if (!m) {
			FAIL(w, "an outcome for nobody");
			return;
		}
		TRACE("  outcome %d of %llx\n", outcome.kind, (unsigned long long)m->id);
		switch (outcome.kind) {
		case SPOOL_ACCEPTED:
			if (m->fate != FATE_OPEN)
				FAIL(w, "accepted twice");
			m->fate = FATE_ACCEPTED;
			break;
		case SPOOL_REFUSED:
			m->fate = FATE_REFUSED;
			m->window = outcome.error != ERROR_SPACE || w->plant;
			break;
		case SPOOL_FINISHED:
			if (m->fate != FATE_ACCEPTED || !all_final(m))
				FAIL(w, "finished too early");
			m->fate = FATE_FINISHED;
			break;
		}
	}
}

/* After a sync: what the engine no longer calls pending is durable. */
static void see_durable(struct world *w, bool opened)
{
	for (size_t i = 0; i < w->count; i++) {
		struct model_message *m = &w->messages[i];
		if (opened && m->fate == FATE_REFUSED)
			m->window = false;
		if (m->fate != FATE_ACCEPTED)
			continue;
		const struct spool_entry *entry = spool_find(w->spool, (struct spool_id){m->id});
		for (uint32_t k = 0; entry && k < m->recipients; k++)
			if (!entry->recipients[k].pending)
				m->floor[k] = m->steps[k];
	}
}

/* A mark remembers all states set so far; once the engine calls it durable they must outlive anything,
 * whatever it says of each by itself. */
static void act_mark(struct world *w)
{
	if (w->has_mark)
		return;
	w->has_mark = true;
	w->mark = spool_mark(w->spool);
	for (size_t i = 0; i < w->count; i++)
		for (uint32_t k = 0; k < w->messages[i].recipients; k++)
			w->messages[i].marked[k] = w->messages[i].steps[k];
	if (below(w, 2))
		spool_flush(w->spool);
}

static void see_mark(struct world *w)
{
	if (!w->has_mark || !w->spool || !spool_is_durable(w->spool, w->mark))
		return;
	w->has_mark = false;
	for (size_t i = 0; i < w->count; i++) {
		struct model_message *m = &w->messages[i];
		for (uint32_t k = 0; m->fate == FATE_ACCEPTED && k < m->recipients; k++)
			if (m->marked[k] > m->floor[k])
				m->floor[k] = m->marked[k];
	}
}

/* --- acting ------------------------------------------------------------------------------- */

static void model_add(struct world *w, uint64_t id, uint32_t recipients, size_t envelope,
	size_t content, uint32_t seed)
{
	struct model_message *lost = model_find(w, id);
	if (lost && lost->fate != FATE_GONE)
		FAIL(w, "id %llx is given twice", (unsigned long long)id);
	else if (lost)
		lost->id = 0; /* nobody ever saw it outside */
	ARRAY_GROW(w->messages, w->count, w->room);
	struct model_message *m = &w->messages[w->count++];
	memset(m, 0, sizeof *m);
	m->id = id;
	m->recipients = recipients;
	m->envelope_octets = envelope;
	m->content_octets = content;
	m->seed = seed;
	m->boot = w->boot;
	m->fate = w->plant == PLANT_EARLY_ANSWER ? FATE_ACCEPTED : FATE_OPEN;
}

static void act_append(struct world *w)
{
	static uint8_t envelope[512];
	static uint8_t content[8192];
	const uint32_t seed = (uint32_t)draw(w) | 1;
	const size_t envelope_octets = below(w, 300);
	const size_t content_octets = below(w, below(w, 3) ? 600 : 5999);
	const size_t cut = content_octets ? below(w, (uint32_t)content_octets) : 0;
	fill(envelope, envelope_octets, seed);
	fill(content, content_octets, seed + 1);
	const struct view parts[2] = {
		view_of(content, cut), view_of(content + cut, content_octets - cut)};
	const struct spool_message message = {.arrival_s = 1000 + (int64_t)w->count,
		.recipients = 1 + below(w, below(w, 4) ? 1 : RECIPIENTS_MAX),
		.envelope = view_of(envelope, envelope_octets),
		.content = parts,
		.content_count = 2};
	struct spool_id id;
	if (spool_append(w->spool, &message, &id) == ERROR_NONE)
		model_add(w, id.value, message.recipients, envelope_octets, content_octets, seed);
}

static void act_large(struct world *w)
{
	static uint8_t content[40000];
	if (!w->large) {
		if (spool_large_begin(w->spool, &w->large) == ERROR_NONE) {
			w->large_seed = (uint32_t)draw(w) | 1;
			w->large_octets = 1 + below(w, 30000);
		}
		return;
	}
	fill(content, w->large_octets, w->large_seed + 1);
	const size_t cut = below(w, (uint32_t)w->large_octets);
	if (below(w, 4) == 0 ||
		spool_large_write(w->disk, w->large, view_of(content, cut)) != ERROR_NONE ||
		spool_large_write(w->disk, w->large,
			view_of(content + cut, w->large_octets - cut)) != ERROR_NONE ||
		(below(w, 2) && spool_large_finish(w->disk, w->large) != ERROR_NONE)) {
		spool_large_abort(w->spool, &w->large);
		return;
	}
	uint8_t envelope[64];
	fill(envelope, sizeof envelope, w->large_seed);
	const struct spool_message message = {.arrival_s = 1000,
		.recipients = 1 + below(w, 2),
		.envelope = view_of(envelope, sizeof envelope),
		.large = w->large};
	struct spool_id id;
	if (spool_append(w->spool, &message, &id) != ERROR_NONE) {
		spool_large_abort(w->spool, &w->large);
		return;
	}
	w->large = NULL;
	model_add(w, id.value, message.recipients, sizeof envelope, w->large_octets, w->large_seed);
}

static void set_state(struct world *w, struct model_message *m, uint32_t k, enum spool_state state)
{
	static const char reason[] = "451 4.3.0 the other side is asleep, and says so at length";
	if (m->steps[k] == HISTORY_MAX - 1 && !spool_state_is_final(state))
		return;
	const struct spool_change change = {.state = state,
		.attempts = state == SPOOL_DEFERRED ? (uint16_t)(m->steps[k] + 1) : 0,
		.next_attempt_s = state == SPOOL_DEFERRED ? (int64_t)below(w, 100000) : 0,
		.reason = view_of(reason, state == SPOOL_DEFERRED ? below(w, sizeof reason) : 0)};
	if (m->steps[k] == HISTORY_MAX ||
		spool_state_set(w->spool, (struct spool_id){m->id}, k, &change) != ERROR_NONE)
		return;
	m->history[k][m->steps[k]++] =
		(struct step){state, change.attempts, change.next_attempt_s, w->boot};
}

static struct model_message *pick(struct world *w)
{
	for (uint32_t tries = 0; w->count && tries < 20; tries++) {
		struct model_message *m = &w->messages[below(w, (uint32_t)w->count)];
		if (m->fate == FATE_ACCEPTED && spool_find(w->spool, (struct spool_id){m->id}))
			return m;
	}
	return NULL;
}

static void act_state(struct world *w)
{
	static const enum spool_state states[] = {SPOOL_PLACED, SPOOL_DEFERRED, SPOOL_DEFERRED,
		SPOOL_DELIVERED, SPOOL_DELIVERED, SPOOL_DELIVERED, SPOOL_FAILED, SPOOL_DROPPED};
	struct model_message *m = pick(w);
	if (!m)
		return;
	const uint32_t k = below(w, m->recipients);
	if (m->steps[k] && spool_state_is_final(m->history[k][m->steps[k] - 1].state))
		return;
	set_state(w, m, k, states[below(w, 8)]);
}

static void act_read(struct world *w)
{
	struct model_message *m = pick(w);
	if (m)
		check_content(w, m);
}

/* One part of a batch's life: taken, written, brought back. */
static void act_batch(struct world *w)
{
	if (!w->batch) {
		w->batch = spool_batch_take(w->spool);
		w->batch_written = false;
		see_outcomes(w);
	} else if (!w->batch_written) {
		spool_batch_write(w->disk, w->batch);
		w->batch_written = true;
	} else {
		const bool synced = w->batch->sync && w->batch->error == ERROR_NONE;
		const bool opened = w->batch->opens;
		TRACE("  batch segment %u offset %u octets %llu sync %d error %s\n",
			w->batch->number, w->batch->offset, (unsigned long long)w->batch->octets,
			w->batch->sync, error_name(w->batch->error));
		spool_batch_done(w->spool, w->batch);
		w->batch = NULL;
		see_outcomes(w);
		if (synced)
			see_durable(w, opened);
	}
}

static void act_chore(struct world *w)
{
	if (!w->chore) {
		w->chore = spool_chore_take(w->spool);
		w->chore_written = false;
	} else if (!w->chore_written) {
		if (w->plant != PLANT_RECYCLE_EARLY || w->chore->kind != CHORE_BLANK)
			spool_chore_do(w->disk, w->chore);
		w->chore_written = true;
	} else {
		TRACE("  chore %d segment %u error %s\n", w->chore->kind, w->chore->number,
			error_name(w->chore->error));
		spool_chore_done(w->spool, w->chore);
		w->chore = NULL;
		see_outcomes(w);
	}
}

static void act_tick(struct world *w)
{
	uint64_t octets;
	if (disk_space(w->disk, &octets) == ERROR_NONE)
		spool_tick(w->spool, octets);
	see_outcomes(w);
}

/* --- deaths and recoveries ---------------------------------------------------------------- */

/* The process ends: nothing that the engine would still say is heard. */
static void die(struct world *w)
{
	struct spool_outcome outcome;
	if (!w->spool)
		return;
	w->has_mark = false;
	if (w->large)
		spool_large_abort(w->spool, &w->large);
	if (w->batch) {
		w->batch->error = ERROR_IO;
		spool_batch_done(w->spool, w->batch);
	}
	if (w->chore)
		spool_chore_done(w->spool, w->chore);
	while (spool_outcome_next(w->spool, &outcome))
		;
	w->batch = NULL;
	w->chore = NULL;
	spool_free(&w->spool);
}

static void recover(struct world *w, bool may_cut)
{
	for (int tries = 0;; tries++) {
		struct spool_report report;
		uint8_t boot[SPOOL_BOOT_OCTETS] = {1};
		boot[1] = (uint8_t)w->boot;
		boot[2] = (uint8_t)(w->boot >> 8);
		if (may_cut && tries < 3 && below(w, 4) == 0)
			sim_disk_cut_nth(w->sim, 1 + below(w, 40));
		if (tries >= 3)
			sim_disk_fail(w->sim, 0, 0);
		const uint64_t failures = sim_disk_failures(w->sim);
		const enum error error = spool_open(
			w->disk, &tiny, view_of(boot, sizeof boot), draw(w), &w->spool, &report);
		sim_disk_cut_nth(w->sim, 0);
		const bool clean =
			sim_disk_failures(w->sim) == failures && !sim_disk_is_dead(w->sim);
		w->recoveries++;
		TRACE("recovery %u: %s, %llu messages, next sequence %llu\n", w->recoveries,
			error_name(error), (unsigned long long)report.messages,
			error == ERROR_NONE ? (unsigned long long)w->spool->next_sequence : 0);
		if (error == ERROR_NONE && !sim_disk_is_dead(w->sim)) {
			check_all(w, &report, clean);
			if (!sim_disk_is_dead(w->sim))
				return;
		}
		if (w->spool)
			spool_free(&w->spool);
		if (tries > 10 && !sim_disk_is_dead(w->sim)) {
			FAIL(w, "recovery does not succeed: %s", error_name(error));
			return;
		}
		if (sim_disk_is_dead(w->sim)) {
			sim_disk_power_on(w->sim);
			w->boot++;
		}
	}
}

static void trouble(struct world *w)
{
	switch (below(w, 8)) {
	case 0:
		sim_disk_fail_nth(w->sim, 1 + below(w, 30));
		break;
	case 1:
		sim_disk_fail(w->sim, 600, 4000);
		break;
	case 2:
		sim_disk_fail(w->sim, 0, 30000);
		break;
	case 3:
	case 4:
		sim_disk_cut_nth(w->sim, 1 + below(w, 40));
		break;
	case 5:
		sim_disk_capacity(w->sim, 300000 + below(w, 1500000));
		break;
	default:
		sim_disk_fail(w->sim, 0, 0);
		sim_disk_capacity(w->sim, 4000000);
		break;
	}
}

static void act(struct world *w, uint32_t appends)
{
	const uint32_t what = below(w, 100);
	if (what < appends)
		act_append(w);
	else if (what < appends + 4)
		act_large(w);
	else if (what < 50)
		act_state(w);
	else if (what < 75)
		act_batch(w);
	else if (what < 92)
		act_chore(w);
	else if (what < 94)
		act_read(w);
	else if (what < 97)
		act_tick(w);
	else if (what < 98)
		spool_flush(w->spool);
	else if (what < 99 && below(w, 3) == 0)
		trouble(w);
	else
		act_mark(w);
	see_mark(w);
}

static bool is_settled(const struct world *w)
{
	uint32_t open = 0;
	if (!spool_is_clean(w->spool) || w->spool->removal_count)
		return false;
	for (uint32_t i = 0; i < w->spool->segment_count; i++) {
		const enum segment_state state = w->spool->segments[i].state;
		open += state != SEGMENT_READY && state != SEGMENT_ABSENT;
	}
	return open <= 1;
}

/* Health returns and everything is delivered: nothing may stay behind. */
static void end_of_life(struct world *w)
{
	sim_disk_fail(w->sim, 0, 0);
	sim_disk_cut_nth(w->sim, 0);
	sim_disk_capacity(w->sim, 4000000);
	for (int round = 0; round < 400 && !w->failed; round++) {
		for (size_t i = 0; i < w->count; i++) {
			struct model_message *m = &w->messages[i];
			if (m->fate == FATE_MAYBE)
				m->fate = spool_find(w->spool, (struct spool_id){m->id})
						  ? FATE_ACCEPTED
						  : FATE_GONE;
			for (uint32_t k = 0; m->fate == FATE_ACCEPTED && k < m->recipients; k++)
				if (!m->steps[k] ||
					!spool_state_is_final(m->history[k][m->steps[k] - 1].state))
					set_state(w, m, k, SPOOL_DELIVERED);
		}
		if (w->large)
			spool_large_abort(w->spool, &w->large);
		act_tick(w);
		if (round % 8 == 7)
			act_append(w); /* openings need a reason */
		spool_flush(w->spool);
		for (int i = 0; i < 6; i++)
			act_batch(w);
		for (int i = 0; i < 30; i++)
			act_chore(w);
		if (round % 8 == 6 && spool_oldest(w->spool) == NULL && is_settled(w))
			break;
	}
	if (w->failed)
		return;
	if (spool_oldest(w->spool))
		FAIL(w, "a message does not end");
	else if (!is_settled(w))
		FAIL(w, "segments are not recycled");
	else if (sim_disk_files(w->sim, "large"))
		FAIL(w, "large files stay behind");
}

static bool life(uint64_t seed, enum plant plant, char *why, size_t room)
{
	static const enum sim_plant of_disk[PLANT_COUNT] = {
		[PLANT_SYNC_IGNORED] = SIM_PLANT_SYNC_IGNORED,
		[PLANT_SYNC_HALF] = SIM_PLANT_SYNC_HALF,
		[PLANT_SYNC_FAILURE_HIDDEN] = SIM_PLANT_SYNC_FAILURE_HIDDEN,
		[PLANT_DIRECTORY_IGNORED] = SIM_PLANT_DIRECTORY_IGNORED,
		[PLANT_WRITE_LOST] = SIM_PLANT_WRITE_LOST};
	struct world w = {.seed = seed, .random = seed * 77777, .plant = plant};
	w.sim = sim_disk_new(seed, 4000000);
	w.disk = sim_disk_disk(w.sim);
	sim_disk_plant(w.sim, of_disk[plant]);
	recover(&w, true);
	const uint32_t appends = 5 + below(&w, 25);
	const uint32_t steps = 100 + below(&w, below(&w, 5) ? 500 : 3000);
	for (uint32_t i = 0; i < steps && !w.failed; i++) {
		act(&w, appends);
		const bool dead = sim_disk_is_dead(w.sim);
		if (w.failed || (!dead && below(&w, 400)))
			continue;
		die(&w);
		if (dead || below(&w, 3) == 0) {
			sim_disk_power_on(w.sim);
			w.boot++;
		}
		recover(&w, true);
	}
	if (!w.failed) {
		die(&w);
		sim_disk_power_on(w.sim);
		w.boot++;
		sim_disk_fail(w.sim, 0, 0);
		recover(&w, false);
	}
	if (!w.failed)
		end_of_life(&w);
	snprintf(why, room, "%s", w.why);
	const bool good = !w.failed;
	die(&w);
	sim_disk_free(&w.sim);
	free(w.messages);
	return good;
}

#define PLANTED_SEEDS 3000u

static int planted(void)
{
	int unnoticed = 0;
	char why[200];
	for (enum plant plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++) {
		uint64_t seed = 1;
		while (seed <= PLANTED_SEEDS && life(seed, plant, why, sizeof why))
			seed++;
		if (seed <= PLANTED_SEEDS) {
			printf("noticed: %s (seed %llu: %s)\n", plant_names[plant],
				(unsigned long long)seed, why);
		} else {
			printf("NOT noticed: %s\n", plant_names[plant]);
			unnoticed++;
		}
	}
	return unnoticed ? 1 : 0;
}

/* What a million seeds have found: an unsynced note at the end of a segment that the roster promised; a segment blank
 * in memory only, with and without mail that came back. */
static uint64_t found_before(void)
{
	static const uint64_t seeds[] = {1501854, 1502182, 1519355};
	uint64_t bad = 0;
	char why[200];
	for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
		if (life(seeds[i], PLANT_NONE, why, sizeof why))
			continue;
		printf("seed %llu: %s\n", (unsigned long long)seeds[i], why);
		bad++;
	}
	return bad;
}

int main(int argc, char **argv)
{
	if (!getenv("SPOOL_FAULTS_LOG"))
		log_threshold(LOG_ERROR + 1); /* the disk's misery is expected here */
	if (argc > 1 && strcmp(argv[1], "--planted") == 0)
		return planted();
	const uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
	const uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	verbose = getenv("SPOOL_FAULTS_TRACE") != NULL;
	if (verbose)
		setvbuf(stdout, NULL, _IONBF, 0);
	uint64_t bad = argc > 1 ? 0 : found_before();
	char why[200];
	for (uint64_t seed = first; seed < first + count; seed++) {
		if (life(seed, PLANT_NONE, why, sizeof why))
			continue;
		printf("seed %llu: %s\n", (unsigned long long)seed, why);
		if (++bad >= 10)
			break;
	}
	printf("%llu seeds from %llu, %llu failed\n", (unsigned long long)count,
		(unsigned long long)first, (unsigned long long)bad);
	return bad ? 1 : 0;
}
