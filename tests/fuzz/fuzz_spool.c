/*
 * spool, whole, among programs that somebody broke into (peers.h): it does not die or leak, and whatever
 * deliver, relay and report say, a recipient that is not final is with somebody (spoold.h). Honest mail and answers in
 * between, so that there is something to be in the middle of.
 */
#include "base/log.h"
#include "keepers/spool/spoold.h"
#include "peers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char place[] = "/dev/shm/fuzz-spool-XXXXXX";

static void clear(int at, const char *name)
{
	const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	for (const struct dirent *e; list && (e = readdir(list));) {
		if (view_equal(view_text(e->d_name), VIEW(".")) ||
			view_equal(view_text(e->d_name), VIEW("..")))
			continue;
		if (unlinkat(fd, e->d_name, 0) != 0)
			clear(fd, e->d_name);
	}
	if (list)
		closedir(list);
	unlinkat(at, name, AT_REMOVEDIR);
}

static void clean(void)
{
	clear(AT_FDCWD, place);
}

static int open_place(void)
{
	static int fd = -1;
	if (fd < 0) {
		must(mkdtemp(place) != NULL);
		fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		atexit(clean);
	}
	return fd;
}

static void connect_smtpd(struct peers *all, int fd)
{
	receive_connect(all->world, 0, fd);
}
static void connect_deliver(struct peers *all, int fd)
{
	results_connect(all->world, fd);
}

static void connect_relay(struct peers *all, int fd)
{
	relay_side_connect(all->world, fd);
}
static void connect_report(struct peers *all, int fd)
{
	reports_connect(all->world, fd);
}

enum { SMTPD, DELIVER, RELAY, REPORT };

/* What deliver was asked and has not answered. */
static struct {
	uint32_t stream;
	uint64_t id;
	bool ended;
} asked[64];

static void deliver_heard(struct peer *p, const struct frame *frame)
{
	(void)p;
	if (frame->row->code == DELIVER_BEGIN) {
		asked[frame->stream % 64].stream = frame->stream;
		asked[frame->stream % 64].id = frame->values[0].number;
		asked[frame->stream % 64].ended = false;
	}
	if (frame->row->code == DELIVER_END)
		asked[frame->stream % 64].ended = true;
}

/* Honest for streams that the input does not speak of (peers.c), and for some of the others. */
static void relay_heard(struct peer *p, const struct frame *frame)
{
	const uint32_t how = frame->stream % 4;
	if (frame->row->code != RELAY_END || how == 3 || p->is_torn)
		return;
	channel_say(p->channel, RELAY_RESULT, frame->stream, frame_number(0),
		frame_number(how == 0	? RELAY_SENT
			     : how == 1 ? RELAY_REFUSED
					: RELAY_DEFERRED),
		frame_bytes(VIEW("4.0.0")), frame_bytes(VIEW("mx.far")), frame_bytes(VIEW("")),
		frame_bytes(VIEW("no")), frame_bytes(VIEW("")));
	if (frame->stream % 8 < 4)
		channel_say(p->channel, RELAY_FINISHED, frame->stream, frame_number(RELAY_WORKS),
			frame_bytes(VIEW("")));
}

static void report_heard(struct peer *p, const struct frame *frame)
{
	const uint32_t how = frame->stream % 3;
	struct buffer form = buffer_new(4096);
	struct envelope_recipient to = {
		.kind = ENVELOPE_LOCAL, .target = VIEW("hana"), .forward_path = VIEW("h@x")};
	envelope_add(&form, &(struct envelope){.recipient_count = 1, .recipients = &to});
	if (p->is_torn)
		;
	else if (frame->row->code == REPORT_ASK && how == 0)
		channel_say(p->channel, REPORT_NONE, frame->stream, frame_bytes(VIEW("why")));
	else if (frame->row->code == REPORT_ASK && how == 1)
		channel_say(p->channel, REPORT_WANT, frame->stream, frame_number(100));
	else if (frame->row->code == REPORT_CONTENT)
		channel_say(p->channel, REPORT_MAIL, frame->stream, frame_bytes(buffer_view(&form)),
			frame_bytes(VIEW("Subject: x\r\n\r\nx\r\n")));
	buffer_free(&form);
}

static void send_mail(struct peers *all, uint8_t k)
{
	struct channel *c = all->peers[SMTPD].channel;
	static uint32_t stream = 100;
	struct buffer form = buffer_new(4096);
	struct envelope_recipient to[] = {
		{.kind = ENVELOPE_LOCAL, .target = VIEW("hana"), .forward_path = VIEW("h@x")},
		{.kind = ENVELOPE_LOCAL, .target = VIEW("taro"), .forward_path = VIEW("t@x")}};
	const struct envelope_recipient far = {
		.kind = ENVELOPE_REMOTE, .target = VIEW("far.x"), .forward_path = VIEW("f@far.x")};
	if (k & 4)
		to[0] = far;
	stream++;
	envelope_add(&form, &(struct envelope){.reverse_path = VIEW("s@x"),
				    .recipient_count = k & 1 ? 2 : 1,
				    .recipients = to});
	channel_say(c, RECEIVE_BEGIN, stream, frame_number(1));
	uint8_t *octets = memory_new(1, 1000);
	for (int i = 0; i < (k & 2 ? 5 : 1); i++)
		channel_say(c, RECEIVE_CONTENT, stream, frame_bytes(view_of(octets, 1000)));
	memory_free(octets);
	channel_say(c, RECEIVE_COMMIT, stream, frame_bytes(buffer_view(&form)));
	buffer_free(&form);
}

static void answer(struct peers *all, uint8_t k)
{
	struct channel *c = all->peers[DELIVER].channel;
	struct buffer pair = buffer_new(64);
	for (size_t i = 0; i < 64; i++) {
		if (!asked[i].stream || (i + k) % 3 == 0)
			continue;
		for (uint32_t r = 0; r < 1u + (k & 1); r++)
			channel_say(c, DELIVER_RESULT, asked[i].stream, frame_number(r),
				frame_number(1 + (k >> 1) % 3), frame_number(k >> 3 & 1),
				frame_bytes(VIEW("why")));
		if (asked[i].ended)
			channel_say(c, DELIVER_FINISHED, asked[i].stream);
		buffer_add_u64(&pair, asked[i].id);
		buffer_add_u32(&pair, 0);
		if (k & 16)
			channel_say(c, k & 32 ? DELIVER_LOST : DELIVER_DELIVERED, 0,
				frame_bytes(buffer_view(&pair)));
		buffer_clear(&pair);
		asked[i].stream = 0;
		break;
	}
	buffer_free(&pair);
}

/* Else it were chance how far a mail has come. */
static void wait_for_disk(struct peers *all)
{
	const struct spoold *d = all->world;
	struct workers_counts jobs;
	do {
		loop_turn(all->loop, 1);
		jobs = workers_count(d->pool);
	} while (jobs.waiting + jobs.running + jobs.finished);
}

static void act(struct peers *all, struct cursor *in)
{
	const uint8_t k = cursor_u8(in);
	if (k & 64 && all->peers[SMTPD].channel)
		send_mail(all, k);
	else if (all->peers[DELIVER].channel)
		answer(all, k);
	if (k & 128)
		lanes_tick(all->world);
	wait_for_disk(all);
}

static void count_recipients(void *context, uint32_t number, void *item)
{
	const struct outgoing *o = item;
	uint64_t *held = context;
	(void)number;
	*held += o->recipient_count;
}

/* Nobody is forgotten: noted as loose, in a lane, out, in the schedule, being told of, or placed. */
static void check_everybody(struct spoold *d)
{
	uint64_t nobody = 0;
	uint64_t told = 0;
	for (const struct spool_entry *e = spool_oldest(d->spool); e; e = e->newer)
		for (uint32_t i = 0; i < e->recipient_count; i++) {
			const struct spool_recipient *r = &e->recipients[i];
			if (!spool_state_is_final((enum spool_state)r->state) &&
				r->state != SPOOL_PLACED &&
				!(r->notes & (NOTE_LOOSE | NOTE_UNREADABLE | NOTE_REPORTING)))
				nobody++;
			told += (r->notes & NOTE_REPORTING) != 0;
		}
	uint64_t held = d->waiting + schedule_count(d->schedule);
	streams_each(&d->departing, count_recipients, &held);
	for (size_t i = 0; i < LANE_SLOTS; i++)
		for (const struct lane *lane = d->lanes[i]; lane; lane = lane->chain)
			held += lane->out;
	must(nobody <= held);
	must(!told || d->reports_count);
}

static void play(struct cursor *in)
{
	static struct snapshot snapshot;
	struct peers all = {.loop = loop_new(),
		.count = 4,
		.act = act,
		.peers = {[SMTPD] = {.protocol = &smtpd_spool,
				  .side = FRAME_A,
				  .connect = connect_smtpd},
			[DELIVER] = {.protocol = &spool_deliver,
				.side = FRAME_B,
				.connect = connect_deliver,
				.heard = deliver_heard},
			[RELAY] = {.protocol = &spool_relay,
				.side = FRAME_B,
				.connect = connect_relay,
				.heard = relay_heard},
			[REPORT] = {.protocol = &spool_report,
				.side = FRAME_B,
				.connect = connect_report,
				.heard = report_heard}}};
	struct program program = {.loop = all.loop};
	snapshot = (struct snapshot){.references = 1000000};
	snapshot.numbers[SETTING_QUEUELIFE] = 432000;
	struct spoold *d = spoold_new(&program);
	all.world = d;
	d->snapshot = &snapshot;
	d->limits.segment_octets = 512 * 1024;
	d->limits.batch_octets = 128 * 1024;
	d->limits.envelope_octets = 4096;
	d->limits.inline_octets = 4096;
	d->limits.compact_step_octets = 16384;
	d->limits.segments_max = 64;
	d->limits.segments_idle_max = 8;
	for (size_t i = 0; i < 64; i++)
		asked[i].stream = 0;
	mkdirat(open_place(), "spool", 0700);
	disk_work_start(d);
	const int fd = openat(open_place(), "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(spoold_open(d, disk_posix_new(fd), 7) == ERROR_NONE);
	spoold_go(d);
	peers_play(&all, in);
	peers_turn(&all, 20);
	check_everybody(d);
	for (size_t i = 0; i < all.count; i++)
		peer_hang_up(&all.peers[i]);
	peers_turn(&all, 2);
	struct disk *disk = d->disk;
	spoold_free(&d);
	disk_posix_free(&disk);
	loop_free(&all.loop);
	clear(open_place(), "spool");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	play(&in);
	return 0;
}
