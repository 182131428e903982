/*
 * Fuzz target: the spool's recovery from whatever is on the disk. A spool that stood there is changed by the
 * input (octets of its segments, their lengths, files more and less), its checksums set right if the input
 * says so, and opened: it does not die, and what it makes of it can be used: read, appended to, and
 * opened again with the same messages in it.
 */
#include "base/log.h"
#include "faults/sim_disk.h"
#include "store/crc32c.h"
#include "store/spool_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEGMENTS 4u
#define SEGMENT_OCTETS (20u * 4096u)

static const struct spool_limits limits = {
	.segment_octets = SEGMENT_OCTETS,
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
	.recipients_per_message = 4,
	.recipients_max = 100000,
	.compact_step_octets = 8192,
	.compact_live_percent = 50,
	.compact_segments_min = 3,
};

static const uint8_t boot[SPOOL_BOOT_OCTETS] = {1};

static struct spool *open_spool(struct sim_disk *sim, struct spool_report *report)
{
	struct spool *spool;
	const enum error error = spool_open(
		sim_disk_disk(sim), &limits, view_of(boot, sizeof boot), 7, &spool, report);
	return error ? NULL : spool;
}

static void work(struct sim_disk *sim, struct spool *spool, unsigned turns)
{
	struct spool_outcome outcome;
	for (unsigned i = 0; i < turns; i++) {
		struct spool_batch *batch = spool_batch_take(spool);
		if (batch) {
			(void)spool_batch_write(sim_disk_disk(sim), batch);
			spool_batch_done(spool, batch);
		}
		struct spool_chore *chore = spool_chore_take(spool);
		if (chore) {
			(void)spool_chore_do(sim_disk_disk(sim), chore);
			spool_chore_done(spool, chore);
		}
		while (spool_outcome_next(spool, &outcome))
			;
		spool_tick(spool, 1u << 30);
	}
}

static enum error append(struct spool *spool, uint32_t recipients, size_t octets)
{
	static const uint8_t zeros[6000];
	const struct view content = view_of(zeros, octets);
	struct spool_id id;
	return spool_append(spool,
		&(struct spool_message){.arrival_s = 1,
			.recipients = recipients,
			.envelope = VIEW("an envelope"),
			.content = &content,
			.content_count = 1},
		&id);
}

/* A spool with messages, states of all kinds, several openings, and something compacted. */
static struct sim_disk *make(void)
{
	struct sim_disk *sim = sim_disk_new(1, 1u << 30);
	struct spool_report report;
	struct spool *spool = open_spool(sim, &report);
	must(spool != NULL);
	work(sim, spool, 8);
	for (uint32_t i = 0; i < 60; i++) {
		const struct spool_entry *e = spool_oldest(spool);
		const struct spool_change change = {.state = (enum spool_state)(1 + i % 5),
			.attempts = 1,
			.reason = VIEW("a reason")};
		if (append(spool, 1 + i % 4, 100 * (i % 50)) != ERROR_NONE)
			break;
		for (uint32_t k = 0; e && i % 2 && k < e->recipient_count; k++)
			if (spool_state_set(spool, e->id, k, &change) != ERROR_NONE)
				continue;
		work(sim, spool, 2);
	}
	spool_flush(spool);
	work(sim, spool, 20);
	spool_free(&spool);
	return sim;
}

static struct {
	bool made;
	uint8_t octets[SEGMENTS][SEGMENT_OCTETS];
	size_t length[SEGMENTS];
} image;

static void take_image(void)
{
	struct sim_disk *sim = make();
	struct disk *disk = sim_disk_disk(sim);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		const struct spool_name name = segment_name(i);
		struct disk_file *file;
		if (disk_open(disk, name_view(&name), DISK_READ, &file) != ERROR_NONE)
			continue;
		must(disk_read(disk, file, 0, image.octets[i], SEGMENT_OCTETS, &image.length[i]) ==
			ERROR_NONE);
		disk_close(disk, &file);
	}
	sim_disk_free(&sim);
	image.made = true;
}

/* The checksums of a header and of the records behind it, as their lengths stand now. */
static void set_sums(struct buffer *b)
{
	struct segment_header header;
	if (b->length < BLOCK_OCTETS)
		return;
	buffer_patch_u32(b, 12, 0);
	buffer_patch_u32(b, 12, crc32c(0, view_first(buffer_view(b), 64)));
	if (!segment_header_parse(view_first(buffer_view(b), BLOCK_OCTETS), &header))
		return;
	struct record_key key = {header.generation, header.salt, header.first_sequence};
	for (size_t at = BLOCK_OCTETS; at + RECORD_OCTETS <= b->length; key.sequence++) {
		struct cursor c = cursor_of(view_part(buffer_view(b), at + 32, 16));
		const uint32_t length = cursor_u32(&c);
		const uint32_t summed = cursor_u32(&c);
		(void)cursor_u32(&c);
		(void)cursor_u8(&c);
		const uint8_t flags = cursor_u8(&c);
		if (length > b->length - at - RECORD_OCTETS || summed > length)
			return;
		buffer_patch_u32(b, at + 40,
			crc32c(0, view_part(buffer_view(b), at + RECORD_OCTETS, summed)));
		const size_t step = record_seal(b, at, &key, flags);
		at += step;
		if (flags & RECORD_LAST)
			at = (at + BLOCK_OCTETS - 1) / BLOCK_OCTETS * BLOCK_OCTETS;
	}
}

static void put_segment(struct sim_disk *sim, uint32_t number, struct buffer *b)
{
	const struct spool_name name = segment_name(number);
	char text[DISK_NAME_MAX + 1];
	must(view_to_text(name_view(&name), text, sizeof text));
	sim_disk_put(sim, text, buffer_view(b).at, b->length);
}

/* Edits: u8 segment and what, u16 offset, u8 length, octets. */
static void change(struct cursor *in, struct buffer segments[SEGMENTS])
{
	for (int i = 0; i < 64 && cursor_left(in) > 4; i++) {
		const uint8_t what = cursor_u8(in);
		struct buffer *b = &segments[what % SEGMENTS];
		const uint32_t offset = cursor_u16(in) * 2u;
		struct view octets = cursor_take(in, cursor_u8(in) % 48u);
		if (what & 64 && offset < b->length)
			b->length = offset;
		for (size_t k = 0; k + 4 <= octets.length && offset + k + 4 <= b->length; k += 4) {
			struct cursor four = cursor_of(view_part(octets, k, 4));
			buffer_patch_u32(b, offset + k, cursor_u32(&four));
		}
	}
}

static uint64_t walk(const struct spool *spool)
{
	uint64_t recipients = 0;
	for (const struct spool_entry *e = spool_oldest(spool); e; e = spool_after(spool, e->id))
		recipients += e->recipient_count;
	return recipients;
}

static void use(struct sim_disk *sim, struct spool *spool)
{
	struct buffer envelope = buffer_new(1u << 20);
	struct spool_where where;
	const struct spool_entry *e = spool_oldest(spool);
	if (e && spool_read_begin(spool, e->id, &where) == ERROR_NONE) {
		uint8_t octets[512];
		size_t length;
		(void)!spool_read_envelope(sim_disk_disk(sim), &where, &envelope);
		(void)!spool_read_content(
			sim_disk_disk(sim), &where, 0, octets, sizeof octets, &length);
		(void)!spool_read_reason(sim_disk_disk(sim), &e->recipients[0], e->id, &envelope);
		spool_read_end(spool, &where);
	}
	buffer_free(&envelope);
	(void)!append(spool, 2, 3000);
	work(sim, spool, 12);
}

static void play(struct cursor *in)
{
	struct sim_disk *sim = sim_disk_new(1, 1u << 30);
	struct buffer segments[SEGMENTS];
	const uint8_t flags = cursor_u8(in);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		segments[i] = buffer_new(SEGMENT_OCTETS);
		buffer_add(&segments[i], view_of(image.octets[i], image.length[i]));
	}
	change(in, segments);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		if (flags & 1)
			set_sums(&segments[i]);
		if (!(flags >> (1 + i) & 1))
			put_segment(sim, i, &segments[i]);
		buffer_free(&segments[i]);
	}
	struct spool_report report;
	struct spool *spool = open_spool(sim, &report);
	if (spool) {
		use(sim, spool);
		spool_flush(spool);
		work(sim, spool, 4);
		const uint64_t before = spool_is_clean(spool) ? walk(spool) : UINT64_MAX;
		spool_free(&spool);
		spool = open_spool(sim, &report);
		must(spool != NULL);
		must(before == UINT64_MAX || walk(spool) == before);
		spool_free(&spool);
	}
	sim_disk_free(&sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	if (!image.made)
		take_image();
	play(&in);
	return 0;
}
