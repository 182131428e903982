/*
 * report, whole, with a spool that somebody broke into (peers.h): it does not die, leak, or keep a report of
 * a channel that is gone; a mail that it hands back has an envelope that spool can read.
 */
#include "base/log.h"
#include "keepers/report/reportd.h"
#include "peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void connect_spool(struct peers *all, int fd)
{
	reportd_connect(all->world, fd);
}

static const struct view reverse_paths[] = {VIEW(""), VIEW("hana@example.test"),
	VIEW("gone@example.test"), VIEW("a@example.org"), VIEW("a@[192.0.2.1]"), VIEW("no address"),
	VIEW("\xe8\x8a\xb1@example.org"), VIEW("a@localhost")};
#define PATHS (sizeof reverse_paths / sizeof *reverse_paths)

/* A report that holds together: else none would ever begin. */
static void act_spool(struct peers *all, struct cursor *in)
{
	struct channel *spool = all->peers[0].channel;
	const uint32_t stream = 1 + cursor_u8(in) % 4;
	struct reportd *d = all->world;
	struct envelope_recipient r[2] = {{ENVELOPE_LOCAL, cursor_u8(in) & 15, VIEW("hana"),
						  VIEW("hana@example.test"), VIEW("")},
		{ENVELOPE_REMOTE, 0, VIEW("example.org"), VIEW("b@example.org"), VIEW("rfc822;b")}};
	const struct envelope e = {.flags = cursor_u8(in) & 127,
		.reverse_path = reverse_paths[cursor_u8(in) % PATHS],
		.recipients = r,
		.recipient_count = 2};
	struct buffer form = buffer_new(4096);
	if (!spool || streams_get(&d->letters, stream) || all->peers[0].is_torn)
		return;
	envelope_add(&form, &e);
	channel_say(spool, REPORT_REPORT, stream, frame_number(1), frame_number(2),
		frame_number(cursor_u8(in)), frame_bytes(buffer_view(&form)));
	channel_say(spool, REPORT_RECIPIENT, stream, frame_number(cursor_u8(in) % 2),
		frame_number(cursor_u8(in) % DSN_ACTIONS), frame_bytes(VIEW("5.1.1")),
		frame_bytes(VIEW("mx")), frame_bytes(VIEW("::1")),
		frame_bytes(cursor_take(in, cursor_u8(in) % 32)), frame_bytes(VIEW("why")),
		frame_number(3), frame_number(4));
	if (cursor_u8(in) & 1)
		channel_say(spool, REPORT_ASK, stream);
	buffer_free(&form);
}

static void spool_heard(struct peer *p, const struct frame *frame)
{
	struct arena a = arena_new(1u << 20);
	struct envelope e;
	(void)p;
	if (frame->row->code == REPORT_MAIL) {
		must(envelope_read(frame->values[0].bytes, &a, &e));
		must(e.recipient_count > 0 && view_is_empty(e.reverse_path));
		must(frame->values[1].bytes.length > 0);
	}
	arena_reset(&a);
}

static void broken(void *context, const char *why)
{
	(void)context;
	must(why != NULL);
}

static void drained(void *context)
{
	(void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct domain own[] = {{VIEW("example.test")}};
	static const struct snapshot_user users[] = {
		{VIEW("hana"), VIEW("")}, {VIEW("taro"), VIEW("")}};
	static struct snapshot snapshot;
	struct cursor in = cursor_of(view_of(data, size));
	struct reportd *d = memory_new(1, sizeof *d);
	struct peers all = {.loop = loop_new(),
		.count = 1,
		.world = d,
		.act = act_spool,
		.peers = {{.protocol = &spool_report,
			.side = FRAME_A,
			.connect = connect_spool,
			.heard = spool_heard}}};
	const struct reportd_hooks hooks = {.broken = broken, .drained = drained};
	log_threshold((enum log_level)(LOG_ERROR + 1));
	snapshot = (struct snapshot){.references = 1000000,
		.servername = {VIEW("mail.example.test")},
		.postmaster = VIEW("taro"),
		.domains = own,
		.domain_count = 1,
		.first_domain = own[0],
		.users = users,
		.user_count = 2};
	reportd_begin(d, all.loop, &hooks);
	reportd_config(d, &snapshot);
	peers_play(&all, &in);
	peer_hang_up(&all.peers[0]);
	peers_turn(&all, 3);
	must(streams_count(&d->letters) == 0);
	reportd_end(d);
	loop_free(&all.loop);
	memory_free(d);
	return 0;
}
