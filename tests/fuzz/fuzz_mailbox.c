/*
 * mailbox, whole, among programs that somebody broke into (peers.h): it does not die, leak, or keep a
 * visit of a session that is gone; and it opens no mailbox before auth has given one.
 */
#include "base/log.h"
#include "channels/auth_mailbox.h"
#include "channels/mailbox_deliver.h"
#include "channels/popd_mailbox.h"
#include "keepers/mailbox/mailboxd.h"
#include "peers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char boxes[] = "/dev/shm/fuzz-boxes-XXXXXX";
static int root = -1;

static const char *const files[] = {"hana/new/1700000001.a,S=5", "hana/cur/1700000002.b,S=6:2,S",
	"taro/new/1700000003.c,S=6", "hana/new", "hana/cur", "hana/tmp", "hana", "taro/new",
	"taro/cur", "taro/tmp", "taro"};
#define FILES (sizeof files / sizeof *files)
#define MAILS 3u

static void clean_boxes(void)
{
	for (size_t i = 0; i < FILES; i++)
		unlinkat(root, files[i], i < MAILS ? 0 : AT_REMOVEDIR);
	rmdir(boxes);
}

static void fill_boxes(void)
{
	if (root < 0) {
		must(mkdtemp(boxes) != NULL);
		root = open(boxes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (size_t i = FILES; i > MAILS; i--)
			must(mkdirat(root, files[i - 1], 0700) == 0);
		atexit(clean_boxes);
	}
	for (size_t i = 0; i < MAILS; i++) {
		const int fd = openat(root, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		must(write(fd, "second", i ? 6 : 5) > 0);
		close(fd);
	}
}

static void connect_session(struct peers *all, int fd)
{
	sessions_connect(all->world, 0, fd);
}
static void connect_auth(struct peers *all, int fd)
{
	grants_connect(all->world, fd);
}
static void connect_deliver(struct peers *all, int fd)
{
	settle_connect(all->world, fd);
}

/* deliver is honest when it is asked: else nothing is ever opened. */
static void settled(struct peer *p, const struct frame *frame)
{
	channel_say(p->channel, SETTLE_DONE, frame->stream, frame_number(0));
}

static bool was_granted;

static void act_auth(struct peers *all, struct cursor *in)
{
	const uint8_t k = cursor_u8(in);
	if (!all->peers[1].channel)
		return;
	was_granted = true;
	channel_say(all->peers[1].channel, GRANT_GIVE, 1 + k % 4, frame_number(0),
		frame_bytes(k & 4 ? VIEW("taro") : VIEW("hana")));
}

/* Nothing of a mailbox is told before auth gave one. */
static void popd_heard(struct peer *p, const struct frame *frame)
{
	(void)p;
	must(was_granted || frame->row->code == MAILBOX_FAILED);
	must(frame->row->code != MAILBOX_OPENED || frame->values[0].number <= 2);
}

static void auth_heard(struct peer *p, const struct frame *frame)
{
	(void)p;
	was_granted = was_granted || frame->row->code == GRANT_GIVEN;
}

static void play_mailbox(struct cursor *in)
{
	static struct snapshot snapshot;
	struct mailboxd *d = memory_new(1, sizeof *d);
	struct peers all = {.loop = loop_new(),
		.count = 3,
		.world = d,
		.act = act_auth,
		.peers = {{.protocol = &popd_mailbox,
				  .side = FRAME_A,
				  .connect = connect_session,
				  .heard = popd_heard},
			{.protocol = &auth_mailbox,
				.side = FRAME_A,
				.connect = connect_auth,
				.heard = auth_heard},
			{.protocol = &mailbox_deliver,
				.side = FRAME_B,
				.connect = connect_deliver,
				.heard = settled}}};
	struct program program = {.loop = all.loop};
	fill_boxes();
	was_granted = false;
	snapshot = (struct snapshot){
		.references = 1000000, .mailboxes = VIEW("/var/lib/sekisho/mail/LOCALPART/")};
	d->program = &program;
	d->snapshot = &snapshot;
	d->disk = mail_disk_posix();
	d->directory = root;
	d->questions = streams_new(VISITS_MAX);
	for (uint32_t i = 0; i < POPD_WORKERS_MAX; i++)
		d->popds[i] = (struct popd_end){
			.mailboxd = d, .worker = i, .grants = streams_new(GRANTS_MAX)};
	disk_work_start(d);
	peers_play(&all, in);
	channel_free(&d->deliver);
	for (int i = 0; i < 1000 && d->visit_count; i++) {
		/* what waits for deliver in vain is given up, what is on the disk ends */
		struct peer *deliver = &all.peers[2];
		if (i == 0)
			peer_connect(deliver);
		loop_turn(all.loop, 1);
		settle_tick(d);
	}
	must(d->visit_count == 0 && d->listed_octets == 0);
	peer_hang_up(&all.peers[2]);
	peers_turn(&all, 2);
	channel_free(&d->deliver);
	settle_tick(d);
	for (size_t i = 0; i < POPD_WORKERS_MAX; i++) {
		must(streams_count(&d->popds[i].grants) == 0);
		streams_free(&d->popds[i].grants);
	}
	watch_free(&d->pool_watch);
	workers_free(&d->pool);
	streams_free(&d->questions);
	loop_free(&all.loop);
	memory_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	play_mailbox(&in);
	return 0;
}
